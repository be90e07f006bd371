"""A training step in one line: the numbers of gradient and update, whatever happens between the steps."""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import CapabilityError, HandleTypeError, HyperparameterError, NonFiniteError, ShapeError

RNG = np.random.default_rng(0)
BATCHES = [(RNG.normal(size=(8, 3)).astype("f4"), RNG.normal(size=(8, 1)).astype("f4")) for _ in range(3)]
SHAPES = {"W1": (5, 3), "b1": (5,), "W2": (1, 5), "b2": (1,)}


def loss(x, y, W1, b1, W2, b2):
    return tl.mse_loss(tl.linear(tl.tanh(tl.linear(x, W1, b1)), W2, b2), y)


def pair(kind="Adam", scale=1, f=loss, **options):
    """An optimizer, and the program of its loss."""
    rng = np.random.default_rng(1)
    shapes = {k: (s[0] * scale if k in ("W1", "b1") else s[0], *[n * (scale if k == "W2" else 1) for n in s[1:]])
              for k, s in SHAPES.items()}  # fmt: skip
    values = {k: (rng.normal(size=s) / scale).astype("f4") for k, s in shapes.items()}
    opt = getattr(tl.optim, kind)(values, **options)
    return opt, tl.compile(f, *BATCHES[0], *values.values(), argnums=(2, 3, 4, 5))


def same(a, b):
    """Equality of two optimizers' parameters, to the bit."""
    return all(x.tobytes() == y.tobytes() for x, y in zip(a.params.values(), b.params.values(), strict=True))


@pytest.mark.parametrize("fused", ["numpy", "numba", False])
@pytest.mark.parametrize("nonfinite", ["raise", "ieee"])
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_a_step_has_the_bits_of_gradient_and_update(kind, fused, nonfinite):
    if fused == "numba":
        pytest.importorskip("numba")
    (opt, p), (other, q) = (pair(kind, lr=0.01, fused=fused, nonfinite=nonfinite) for _ in range(2))
    step = p.train_step(opt)
    for k in range(6):
        x, y = BATCHES[k % 3]
        value, slopes = q.value_and_grad(x, y, *other.params.values())
        other.step(list(slopes))
        assert step(x, y) == float(value) and same(opt, other)


def test_every_optimizer_steps_as_its_own_step_does():
    for name, rule in tl.optim.rules.items():
        if rule.scope == "matrix" or "curvature" in rule.needs:
            continue
        fused = "numpy" if rule.scope == "element" and not rule.needs else False
        try:
            (opt, p), (other, q) = (pair(rule.class_name, fused=fused) for _ in range(2))
        except CapabilityError:
            (opt, p), (other, q) = (pair(rule.class_name) for _ in range(2))
        step = p.train_step(opt)
        for x, y in BATCHES[:2]:
            value, slopes = q.value_and_grad(x, y, *other.params.values())
            other.step(list(slopes), float(value))
            assert step(x, y) == float(value) and same(opt, other), name


def test_it_trains_as_a_session_does():
    opt, p = pair("Adam", lr=0.02, fused="numpy")
    s = tl.Session(dtype="float32")
    cells = [s.param(v) for v in opt.params.values()]
    eager = tl.optim.Adam(cells, lr=0.02, fused="numpy")
    step = p.train_step(opt)
    for k in range(6):
        x, y = BATCHES[k % 3]
        assert step(x, y) == s.step(eager, lambda x=x, y=y: loss(s.input(x), s.input(y), *cells)).loss
    assert same(opt, eager)


@pytest.mark.parametrize(("kind", "scale"), [("SGD", 1), ("Adam", 1), ("NAdam", 1), ("Adam", 20_000)])
def test_the_source_runs_when_it_is_pasted_and_gives_the_same_numbers(kind, scale):
    opt, p = pair(kind, scale, lr=0.01, fused="numpy")
    step = p.train_step(opt)
    notebook = {}
    exec(step.source, notebook)
    assert "torchlean_nb" not in step.source and ("for g, p" in step.source) is (scale > 1)
    group = opt._fused.groups[0]
    program, size = group.program, group.size
    sets = [[np.zeros(size, "f4") for _ in (*program.slots, "p")] for _ in range(2)]
    sets[0][0][:] = np.concatenate([v.ravel() for v in opt.params.values()])
    more = tuple(float(program.rule.start(np.ones(2), group.hypers)[k]) for k in program.numbers)
    s, g = np.zeros(len(program.k), "f4"), np.zeros(size, "f4")
    steps = [notebook["bind"](s, g, a[0], *a[1:], *b[1:], b[0]) for a, b in (sets, sets[::-1])]
    for k in range(5):
        more = notebook["numbers"](s, k + 1, 0.01, *more) or ()
        value, total = steps[k % 2](*BATCHES[k % 3])
        assert value == step(*BATCHES[k % 3]) and np.isfinite(total)
        now = np.concatenate([v.ravel() for v in opt.params.values()])
        assert sets[1 - k % 2][0].tobytes() == now.tobytes()


def test_the_source_of_a_small_network_is_short_and_says_what_it_does():
    opt, p = pair("SGD", lr=0.01, momentum=0.9, fused="numpy")
    source = p.train_step(opt).source
    assert len(source.splitlines()) < 80 and "# SGD: g ←" in source and "def step(x, y):" in source
    assert "linear (node 6): y = x·weightᵀ + bias" in source and "back to weight: gᵀ·x" in source


def test_rates_states_and_parameters_may_change_between_steps():
    (opt, p), (other, q) = (pair("Adam", lr=0.02, fused="numpy") for _ in range(2))
    step, seen = p.train_step(opt), []

    def both(k):
        x, y = BATCHES[k % 3]
        value, slopes = q.value_and_grad(x, y, *other.params.values())
        other.step(list(slopes))
        assert step(x, y) == float(value) and same(opt, other)
        seen.append((opt.params, {k: v.copy() for k, v in opt.params.items()}))

    both(0)
    snapshots = [o.snapshot() for o in (opt, other)]
    for o in (opt, other):
        o.param_groups[0]["lr"] = 0.05
    both(1)
    states = [o.state_dict() for o in (opt, other)]
    both(2)
    for o, d in zip((opt, other), states, strict=True):
        o.load_state_dict(d)
    both(3)
    for o, snapshot in zip((opt, other), snapshots, strict=True):
        o.restore(snapshot)
    both(4)
    for o in (opt, other):
        o.param_groups[0]["betas"] = (0.5, 0.9)
    both(5)
    both(6)
    for views, copies in seen:  # what was taken out stays what it was
        assert all(np.array_equal(views[k], copies[k]) for k in views)


def test_groups_have_options_of_their_own():
    results = []
    for one_line in (True, False):
        first, p = pair("SGD", lr=0.1)
        values = first.params
        groups = [{"params": {"W1": values["W1"], "b1": values["b1"]}, "lr": 0.3},
                  {"params": {"W2": values["W2"], "b2": values["b2"]}}]  # fmt: skip
        s = tl.Session(dtype="float32")
        groups = [{**g, "params": [s.param(v, name=k) for k, v in g["params"].items()]} for g in groups]
        opt = tl.optim.SGD(groups, lr=0.1, fused="numpy")
        step = p.train_step(opt)
        for x, y in BATCHES:
            if one_line:
                step(x, y)
            else:
                opt.step(list(p.value_and_grad(x, y, *opt.params.values())[1]))
        results.append(opt)
    assert same(*results)


def test_batches_of_other_shapes_types_and_layouts_are_taken():
    (opt, p), (other, q) = (pair("SGD", lr=0.01, fused="numpy") for _ in range(2))
    step = p.train_step(opt)
    x, y = BATCHES[0]
    for a, b in ((x, y), (x[:5], y[:5]), (x[::2], y[::2]), (x.tolist(), y.tolist()), (x, y)):
        value, slopes = q.value_and_grad(a, b, *other.params.values())
        other.step(list(slopes))
        assert step(a, b) == float(value) and same(opt, other)


def test_a_function_that_returns_a_tuple_gives_it_back_with_the_loss_first():
    def both(x, y, *params):
        return loss(x, y, *params), x * 2.0

    opt, p = pair("SGD", f=both, lr=0.01, fused="numpy")
    step = p.train_step(opt)
    first = step(*BATCHES[0])
    step(*BATCHES[1])
    assert isinstance(first[0], float) and np.array_equal(first[1], BATCHES[0][0] * 2)


def test_a_gradient_that_is_used_twice_or_is_no_line_of_its_own_arrives():
    def f(x, a, b, c, d):
        return tl.sum(x * (a + b)) + tl.sum(tl.transpose(c) * x[:, None]) + 0.0 * tl.sum(x)

    values = {"a": np.ones(2), "b": np.zeros(2), "c": np.ones((3, 2)), "d": np.ones(4)}
    opts = [tl.optim.SGD(values, lr=0.1, fused="numpy") for _ in range(2)]
    p = tl.compile(f, np.array([1.0, 2.0]), *values.values(), argnums=(1, 2, 3, 4))
    step = p.train_step(opts[0])
    for x in ([1.0, 2.0], [3.0, -1.0], [0.5, 0.0]):
        opts[1].step(list(p.value_and_grad(x, *opts[1].params.values())[1]))
        step(x)
        assert same(*opts)


def test_a_step_that_is_not_finite_is_refused_skipped_or_made():
    for policy in ("raise", "skip", "ieee"):
        for bad in (np.float32(np.nan), np.float32(3e38)):
            opt, p = pair("SGD", lr=0.1, fused="numpy", nonfinite=policy)
            step, (x, y) = p.train_step(opt), BATCHES[0]
            step(x, y)
            before = {k: v.copy() for k, v in opt.params.items()}
            if policy == "raise":
                with pytest.raises(NonFiniteError, match="nothing was changed"):
                    step(x, y * bad)
            else:
                assert not np.isfinite(step(x, y * bad))
            moved = any(not np.array_equal(before[k], v) for k, v in opt.params.items())
            assert moved is (policy == "ieee") and opt._skipped == (policy == "skip")


def test_a_gradient_that_is_not_finite_is_told_by_its_parameter():
    opt = tl.optim.SGD({"w": np.array([0.0])}, lr=0.1, fused="numpy")
    step = tl.compile(lambda w: tl.sum(tl.sqrt(w)), [0.0], argnums=0).train_step(opt)
    with pytest.raises(NonFiniteError, match="gradient of 'w' is inf"):
        step()
    assert opt.params["w"].tolist() == [0.0] and opt._state.steps == 0


def test_whenever_it_is_stopped_the_parameters_are_those_before_or_after():
    opt, p = pair("Adam", lr=0.05, fused="numpy")
    other, q = pair("Adam", lr=0.05, fused="numpy")
    step, twin = p.train_step(opt), q.train_step(other)
    step(*BATCHES[0]), twin(*BATCHES[0])
    before = opt.params
    twin(*BATCHES[1])
    stopped = 0
    for n in range(400):
        left = n

        def stop(frame, event, arg):
            nonlocal left
            left -= 1
            if left < 0:
                sys.setprofile(None)
                raise KeyboardInterrupt

        sys.setprofile(stop)
        try:
            step(*BATCHES[1])
        except KeyboardInterrupt:
            stopped += 1
        finally:
            sys.setprofile(None)
        now = opt.params
        if not all(np.array_equal(now[k], before[k]) for k in now):
            assert same(opt, other)
            break
    assert stopped > 20
    if not same(opt, other):
        step(*BATCHES[1])
    assert same(opt, other)


def test_frozen_parameters_stay():
    s = tl.Session(dtype="float32")
    _, p = pair()
    cells = [s.param(v, name=k, requires_grad=k != "W1") for k, v in pair()[0].params.items()]
    opt = tl.optim.AdamW(cells, lr=0.1, fused="numpy")
    step, w = p.train_step(opt), cells[0].value.copy()
    step(*BATCHES[0])
    assert np.array_equal(cells[0].value, w) and opt._state.params[1].step == 1


def test_a_step_that_is_let_go_leaves_the_optimizer_as_it_was():
    opt, p = pair("SGD", lr=0.1, fused="numpy")
    views = []
    for _ in range(3):
        step = p.train_step(opt)
        step(*BATCHES[0]), step(*BATCHES[1])
        views.append((opt.params, {k: v.copy() for k, v in opt.params.items()}))
        del step
        opt.step(list(p.value_and_grad(*BATCHES[2], *opt.params.values())[1]))
    assert all(np.array_equal(a[k], b[k]) for a, b in views for k in a)
    assert all(not s.bound for s in opt._fused.groups[0].sets)


@pytest.mark.parametrize(("make", "kind", "words"), [
    (lambda p: p.train_step(tl.optim.SGD({"W1": np.ones((5, 3), "f4")}, lr=0.1)), HyperparameterError, "1 parameters"),
    (lambda p: p.train_step(tl.optim.SGD({k: np.ones(s) for k, s in [*SHAPES.items()][::-1]}, lr=0.1)),
     HyperparameterError, "the same order"),
    (lambda p: p.train_step(tl.optim.SGD({k: np.ones(2) for k in SHAPES}, lr=0.1)), ShapeError, "has shape"),
    (lambda p: p.train_step(pair("SGD", lr=0.1, fused="numpy")[0])(1.0), HandleTypeError, "1 arrays of data"),
])  # fmt: skip
def test_what_does_not_fit_is_said(make, kind, words):
    with pytest.raises(kind, match=words):
        make(pair()[1])


def session_run(turns):
    """Losses and parameters of a session in which compiled steps alternate with those of a tape."""
    s = tl.Session(dtype="float32")
    cells = [s.param(v, name=k) for k, v in pair()[0].params.items()]
    opt = tl.optim.Adam(cells, lr=0.05, fused="numpy")
    step, found = pair()[1].train_step(opt), []
    for k, compiled in enumerate(turns):
        x, y = BATCHES[k % 3]
        on_tape = s.use(cells[0])
        was = on_tape.value.copy()
        if compiled:
            found.append(step(x, y))
            assert np.array_equal(on_tape.value, was) and not np.array_equal(cells[0].value, was)
        else:
            found.append(s.step(opt, lambda x=x, y=y: loss(s.input(x), s.input(y), *cells)).loss)
    return found, [c.value.copy() for c in cells]


def test_tapes_and_steps_take_turns_on_the_parameters_of_a_session():
    one, other = session_run([True, False, True, True, False]), session_run([False] * 5)
    assert one[0] == other[0] and all(map(np.array_equal, one[1], other[1]))


def test_a_copy_of_the_optimizer_goes_its_own_way():
    (opt, p), (other, q) = (pair("Adam", lr=0.05, fused="numpy") for _ in range(2))
    step, twin = p.train_step(opt), q.train_step(other)
    step(*BATCHES[0]), twin(*BATCHES[0])
    own = copy.deepcopy(opt)
    again = p.train_step(own)
    for x, y in BATCHES:
        assert step(x, y) == twin(x, y) == again(x, y)
    assert same(opt, other) and same(opt, own)


def test_a_new_policy_for_numbers_that_are_not_finite_holds_from_the_next_step():
    opt, p = pair("SGD", lr=0.1, fused="numpy", nonfinite="ieee")
    step, (x, y) = p.train_step(opt), BATCHES[0]
    step(x, y)
    opt.nonfinite = "raise"
    with pytest.raises(NonFiniteError):
        step(x, y * np.float32(np.nan))
    assert np.isfinite(opt.params["W1"]).all() and np.isfinite(step(x, y))
