"""TorchLean's parameter table: its published numbers, its order of events, its words, its laws."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb import schedules, train
from torchlean_nb.train import LRScheduler, OptimizerKind, OptimizerState, ParamEntry, ParamGroup, ParamTable, step
from torchlean_nb.updates import RULES

G3 = [[0.5, -0.3], [-0.2, 0.4], [0.1, 0.1]]
P0 = [1.0, -2.0]


def run(kind, grads, start=P0, **options):
    """Values after each step of one parameter."""
    s, t = OptimizerState(kind, (ParamGroup((0,), **options),)), ParamTable([ParamEntry(0, start)])
    out = []
    for g in grads:
        s, t = step(s, t, {0: g})
        out.append(t.find(0).value.tolist())
    return out, s


def close(got, want):
    return np.allclose(got, want, rtol=1e-12, atol=1e-15)


# -- published numbers -------------------------------------------------------------------------
def test_sgd_with_decay():
    got, _ = run(OptimizerKind.SGD, G3, lr=0.1, weight_decay=0.01)
    assert close(got, [[0.949, -1.968], [0.968051, -2.006032], [0.957082949, -2.014025968]])


def test_dampening_counts_on_the_first_step_too():
    got, _ = run(OptimizerKind.MOMENTUM, [1.0] * 3, 1.0, lr=0.1, momentum=0.9, dampening=0.5)
    assert close(got, [0.95, 0.855, 0.7195])


def test_adagrad():
    got, _ = run(OptimizerKind.ADAGRAD, G3, lr=0.1)
    first, second = np.array(got).T
    assert close(first, [0.9000001999996, 0.9371391986696213, 0.9188818134193882])
    assert close(second, [-1.9000003333322222, -1.980000173332542, -1.9996117483848974])
    got, _ = run(OptimizerKind.ADAGRAD, G3, lr=0.1, epsilon=1e-10)
    assert close(np.array(got)[:, 0], [0.90000000002, 0.9371390676485138, 0.9188816490683417])


def test_adam_and_what_epsilon_does_to_tiny_gradients():
    got, _ = run(OptimizerKind.ADAM, G3, lr=0.1)
    first, second = np.array(got).T
    assert close(first, [0.9000001999996, 0.8654397059850882, 0.827500647525924])
    assert close(second, [-1.9000003333322222, -1.9193513195168501, -1.946555134332102])
    got, _ = run(OptimizerKind.ADAM, G3, lr=0.1, epsilon=1e-8)
    assert close(np.array(got)[:, 0], [0.900000002, 0.8654394181165108, 0.8275002408356956])
    tiny, _ = run(OptimizerKind.ADAM, [1e-6], 0.0, lr=0.1)
    assert close(tiny, [-0.05])


def test_adamw_and_coupled_decay():
    got, _ = run(OptimizerKind.ADAMW, G3, lr=0.1, weight_decay=0.1, epsilon=1e-8)
    first, second = np.array(got).T
    assert close(first, [0.890000002, 0.8465394180965108, 0.8001348466347304])
    assert close(second, [-1.8800000033333333, -1.8805510436663575, -1.8889494395417303])
    got, _ = run(OptimizerKind.ADAM, G3, lr=0.1, weight_decay=0.1, epsilon=1e-8)
    assert close(np.array(got)[:, 0], [0.9000000016666666, 0.8475190629593703, 0.7901621834311943])
    assert run(OptimizerKind.ADAMW, G3, lr=0.1)[0] == run(OptimizerKind.ADAM, G3, lr=0.1)[0]


def test_adadelta_accumulates_steps_with_their_rate():
    g = [0.5, -0.2, 0.1]
    got, _ = run(OptimizerKind.ADADELTA, g, 1.0, lr=1.0)
    assert close(got, [0.9968377855834876, 0.998575224398703, 0.997633941237578])
    got, s = run(OptimizerKind.ADADELTA, g, 1.0, lr=0.5)
    assert close(got, [0.9984188927917438, 0.9991056799062551, 0.9987479389133483])
    assert close(s.acc[0], 0.02485) and close(s.acc2[0], 2.577406507838726e-07)


def test_adams_correction_uses_the_global_step():
    s = OptimizerState(OptimizerKind.ADAM, (ParamGroup((0, 1), lr=0.1),))
    t = ParamTable([ParamEntry(0, 1.0), ParamEntry(1, 1.0)])
    for grads in ({0: 0.5}, {0: 0.5}, {0: 0.5, 1: 0.5}):
        s, t = step(s, t, grads)
    assert close(t.find(0).value, 0.7000005999988) and close(t.find(1).value, 0.9361188612402682) and s.step == 3


# -- words and order ---------------------------------------------------------------------------
def says(text, kind=ValueError):
    """The first line is exactly TorchLean's."""
    return pytest.raises(kind, match=f"^{re.escape(text)}(\n|$)")


def test_errors_speak_torchleans_words_and_leave_everything():
    table = ParamTable([ParamEntry(0, P0)])
    for groups in ((ParamGroup((0,), 0.1), ParamGroup((0,), 0.1)), (ParamGroup((0, 0), 0.1),)):
        with says("optim: param id 0 appears in multiple groups"):
            step(OptimizerState(OptimizerKind.SGD, groups), table, {})
    with says("optim: no param group for id 0"):
        step(OptimizerState(OptimizerKind.SGD, ()), table, {})
    state = OptimizerState(OptimizerKind.ADAM, (ParamGroup((0,), 0.1),))
    with says("optim: gradient shape mismatch for id 0"):
        step(state, table, {0: [1.0, 2.0, 3.0]})
    with says("optim: state shape mismatch for id 0"):
        step(replace(state, m={0: np.zeros(3)}), table, {0: P0})
    assert state.step == 0 and table.find(0).value.tolist() == P0
    with says("tag: missing param id 5", LookupError):
        table.get_tensor("tag", 5)
    with says("tag: param shape mismatch for id 0"):
        table.get_tensor("tag", 0, (3,))


def test_a_schedule_is_read_then_advanced_even_without_gradients():
    group = ParamGroup((0,), lr=9.0, scheduler=LRScheduler(schedules.linear_warmup(base=0.2, warmup=2, start=0.05)))
    s, t = OptimizerState(OptimizerKind.SGD, (group,)), ParamTable([ParamEntry(0, 0.0)])
    seen = []
    for _ in range(4):
        s, t = step(s, t, {})
        seen.append(s.groups[0].lr)
    assert close(seen, [0.05, 0.125, 0.2, 0.2]) and s.step == 4


def test_lookups_name_what_is_missing():
    with pytest.raises(LookupError, match="tag: missing gradient for node id 3"):
        train.require_grad("tag", {}, 3)
    with pytest.raises(ValueError, match="tag: gradient shape mismatch for node id 3"):
        train.require_grad("tag", {3: np.ones(2)}, 3, (3,))


# -- laws --------------------------------------------------------------------------------------
NUMBERS = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5), st.floats(0, 10))
def test_step_nil_and_step_cons(pairs, lr):
    def table_step(ps, gs):
        s = OptimizerState(OptimizerKind.SGD, (ParamGroup(range(len(ps)), lr),))
        _, t = step(s, ParamTable(ParamEntry(i, p) for i, p in enumerate(ps)), dict(enumerate(gs)))
        return [e.value.item() for e in t]

    ps, gs = [p for p, _ in pairs], [g for _, g in pairs]
    assert table_step([], []) == []
    if ps:
        assert table_step(ps, gs) == [train.sgd_update(ps[0], gs[0], lr), *table_step(ps[1:], gs[1:])]


@given(NUMBERS, NUMBERS, st.floats(0, 10))
def test_sgd_update_is_the_canonical_rule_bitwise(p, g, lr):
    h = SimpleNamespace(lr=lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)
    p, g = np.array(p), np.array(g)
    assert (p + RULES["sgd"].terms(g, p, {}, h, 1)["delta"]).tobytes() == np.array(train.sgd_update(p, g, lr)).tobytes()


@pytest.mark.parametrize("kind", OptimizerKind)
@given(cut=st.integers(0, 6), seed=st.integers(0, 99))
def test_running_a_list_is_running_its_two_halves(kind, cut, seed):
    grads = np.random.default_rng(seed).normal(size=(6, 2))
    group = ParamGroup((0,), 0.1, 0.01, 0.9, scheduler=LRScheduler(lambda k: 0.1 / (k + 1)))

    def go(s, t, part):
        for g in part:
            s, t = step(s, t, {0: g})
        return s, t

    begin = OptimizerState(kind, (group,)), ParamTable([ParamEntry(0, P0)])
    s1, whole = go(*begin, grads)
    s, t = go(*begin, grads[:cut])
    s2, halves = go(OptimizerState.of_state_dict(s.to_state_dict()), t, grads[cut:])
    assert whole.find(0).value.tobytes() == halves.find(0).value.tobytes()
    assert s1.step == s2.step == 6 and s1.groups[0].lr == s2.groups[0].lr
