"""A compiled session: what is recorded again is computed by programs, and nobody can tell by the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from _pasted import pasted
from _sessions import X, Y, pair, replays, same
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import programs

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.compiler.replay_book import KEPT
from torchlean_nb.compiler.replay_plan import PATIENCE
from torchlean_nb.laws.point import Point

SAMPLES = [(name, i) for name, op in tl.ops.items() if op.builtin for i in range(len(op.samples))]


def agree(build, runs=3, wanted=1, **options):
    """Run `build(s, turn) -> scalar` on both backends; all values, gradients and digests are equal to the bit."""
    one, other = pair(**options)
    for turn in range(runs):
        outs = []
        for s in (one, other):
            s.reset_tape()
            outs.append(build(s, turn))
        grads = [s.backward(out) for s, out in zip((one, other), outs, strict=True)]
        assert same(grads[1].value, grads[0].value) and same(outs[1].value, outs[0].value)
        assert all(map(same, grads[1].dense, grads[0].dense)) and grads[1].reached == grads[0].reached
        assert all(map(same, other.tape.values, one.tape.values)) and other.digest() == one.digest()
    assert replays(other) >= wanted and one.tape.nodes == other.tape.nodes
    return one, other


# -- laws ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "number"), SAMPLES[::4])
def test_every_op_has_the_bits_of_eager_mode(name, number):
    op = tl.ops[name]
    point = Point(op, op.samples[number])
    one, other = pair(nonfinite="ieee")
    found = []
    for s in (one, other, other, other):
        s.reset_tape()
        xs = [s.input(a, requires_grad=k in point.moving) for k, a in enumerate(point.arrays)]
        y = op(*xs, **point.sample.attrs)
        y = tl.sum(y * y) if y.dtype.kind == "f" else y
        g = s.backward(y) if y.requires_grad else {x: x.value for x in xs}
        found.append([*(g[x] for x in xs), y.value])
    assert all(all(map(same, found[0], again)) for again in found[1:])


@given(programs())
@settings(max_examples=12, deadline=None)
def test_a_random_computation_has_the_bits_of_eager_mode_at_every_node(program):
    def build(s, turn):
        return program(*[s.param(a + turn) if k else s.input(a - turn) for k, a in enumerate(program.inputs)])

    agree(build, runs=2)


MADE = {
    "mul": lambda x, y, a: x * y, "tanh": lambda x, y, a: tl.tanh(x), "sum": lambda x, y, a: x + tl.sum(y),
    "take": lambda x, y, a: tl.take(x, np.array([a % 2, 0]), axis=0), "const": lambda x, y, a: x * (a - 0.5),
    "detach": lambda x, y, a: tl.detach(x),
}  # fmt: skip
MOVES = (*MADE, "drop", "quiet", "frozen", "look", "grad", "grad", "name", "bad")
BODIES = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 9), st.integers(0, 9)), max_size=9)


def played(s, start, bodies, turns):
    """What there is to see while bodies are run on a session, one after the other."""
    w, frozen, seen = s.param(X[:2]), s.param(X[2:4], requires_grad=False), []
    for k, turn in enumerate(turns):
        s.reset_tape()
        hs = [s.use(w), w * s.input(X[k % 3 :][:2] + 0.5)]
        for move, a, b in [*start, *bodies[turn]]:
            x, y = hs[a % len(hs)], hs[b % len(hs)]
            if move == "look":
                seen.append(x.value)
            elif move == "grad":
                g = s.backward(tl.sum(x * y) + tl.sum(w))
                seen += [g[w], float(g.value), *(g.dense if b % 2 else ())]
            elif move == "name":
                x.named(f"n{a}")
            elif move == "bad":
                with pytest.raises(errors.TorchLeanError) as e:
                    (x * 2.0) @ np.ones((4 + a % 2, 2))
                seen.append(str(e.value))
            elif move == "quiet":
                with s.no_grad():
                    hs.append(x * y)
            elif move == "drop":
                hs.append(tl.dropout(x, s.draw_key(), p=0.5))
            elif move == "frozen":
                hs.append(x * frozen)
            else:
                hs.append(MADE[move](x, y, a))
        w.value = X[:2] * (1 + k % 2)
        seen.append(s.digest() if k % 2 else len(s.tape))
    return [v.tobytes() if isinstance(v, np.ndarray) else v for v in seen]


@given(BODIES, st.tuples(BODIES, BODIES), st.lists(st.integers(0, 1), min_size=3, max_size=5).map(lambda v: [0, 0, *v]))
@settings(max_examples=15, deadline=None)
def test_whatever_is_done_in_whatever_order_nobody_can_tell_the_backends_apart(start, bodies, turns):
    one, other = pair()
    assert played(one, start, bodies, turns) == played(other, start, bodies, turns)


# -- stories ------------------------------------------------------------------------------------------


def network(s, x, y, p=0.0):
    """Loss of a small network whose parameters the session has, or gets."""
    if not s.params:
        rng = np.random.default_rng(1)
        for name, shape in (("W1", (4, 3)), ("b1", (4,)), ("W2", (2, 4)), ("b2", (2,))):
            s.param(rng.normal(size=shape), name=name)
    W1, b1, W2, b2 = s.params.values()
    h = tl.tanh(tl.linear(s.input(x, name="x"), W1, b1)).named("h")
    h = tl.dropout(h, s.draw_key(), p=p) if p else h
    return tl.mse_loss(tl.linear(h, W2, b2), y)


@pytest.mark.parametrize("rule", [lambda ps: tl.optim.Adam(ps, lr=0.1), lambda ps: tl.optim.SGD(ps, lr=0.1)])
@pytest.mark.parametrize("p", [0.0, 0.5])
def test_training_is_the_same_to_the_bit_masks_included(rule, p):
    one, other = pair(dtype="float32")
    losses = []
    for s in (one, other):
        network(s, X, Y)
        opt = rule(list(s.params.values()))
        losses.append([s.step(opt, lambda s=s, k=k: network(s, X + k, Y, p)).loss for k in range(6)])
    assert losses[0] == losses[1] and len(set(losses[0])) == 6
    assert all(same(a.value, b.value) for a, b in zip(one.params.values(), other.params.values(), strict=True))
    assert one.digest() == other.digest()
    assert ("2 recorded, 5 replayed" if p else "1 recorded, 6 replayed") in repr(other)


def test_layers_train_as_in_eager_mode_running_statistics_and_masks_included():
    model = tl.nn.Sequential(
        tl.nn.Linear(3, 8), tl.nn.BatchNorm1d(8), tl.nn.ReLU(), tl.nn.Dropout(0.5), tl.nn.Linear(8, 2)
    )
    found = []
    for s in pair(dtype="float32"):
        net = model.bind(s, seed=0)
        opt = tl.optim.Adam(list(net.params.values()), lr=0.1)
        losses = [s.step(opt, lambda net=net, k=k: tl.mse_loss(net(X + k), Y)).loss for k in range(5)]
        s.reset_tape()
        out = net.eval()(X).value
        found.append((losses, out.tobytes(), {k: v.tobytes() for k, v in net.state_dict().items()}))
    assert found[0] == found[1] and replays(s) == 4


def test_its_program_can_be_read_and_runs_when_pasted():
    s = tl.Session(backend="compiled")
    assert s.program is None and "0 times" in s.explain()
    for _ in range(2):
        s.reset_tape()
        loss = network(s, X, Y)
        g = s.backward(loss)
    assert "def step(x, W1, b1, W2, b2, x5):" in s.program.source and "gradient of W1" in s.program.source
    values = [s.value(i) for i, r in enumerate(s.tape) if r.op in tl.engine.tape.LEAVES]
    assert same(pasted(s.program.source, *values)[1], g["W1"]) and "1 times replayed" in s.explain()
    assert tl.Session().program is None and "nothing is compiled" in tl.Session().explain()


def test_leaves_stand_anywhere_and_new_numbers_in_them_count():
    agree(lambda s, k: tl.sum((s.param(X + k) * 2.0 + k) ** 2.0 / s.input(k + 1.0) + s.const(X[0])) * (k + 0.5))


def test_frozen_parameters_detached_values_and_blocks_without_gradients_get_none():
    def build(s, k):
        w, frozen = s.param(X, name=f"w{k}"), s.param(X + 1, requires_grad=False)
        with s.no_grad():
            z = w * 3.0
        return tl.sum(w * frozen + s.detach(w * w) * w + z * w)

    _, other = agree(build)
    assert other.backward(len(other.tape) - 1).aligned([list(other.params.values())[-1]]) == [None]


def test_a_parameter_that_is_frozen_later_is_another_structure():
    one, other = pair()
    for s in (one, other):
        network(s, X, Y)
    for k in range(4):
        found = []
        for s in (one, other):
            s.params["W1"].requires_grad = k < 2
            s.reset_tape()
            found.append(s.backward(network(s, X, Y)))
        assert all(map(same, found[0].dense, found[1].dense))
    assert (other._way.book.recorded, replays(other)) == (2, 3)  # the network was recorded once to make parameters


def test_a_branch_on_a_value_takes_the_structure_that_fits():
    def build(s, k):
        w = s.param(np.array([1.0, -2.0]) * (-1) ** (k // 2))
        y = tl.sum(w * w * w)
        return tl.exp(y) + y if float(y) > 0 else y * y

    agree(build, runs=6, wanted=2)


def test_what_departs_late_is_computed_and_goes_on():
    def build(s, k):
        w = s.param(X)
        y = tl.sum(tl.tanh(w * 2.0))
        for _ in range(k % 3):
            y = y * y + w[0, 0]
        return y

    agree(build, runs=7)


@pytest.mark.parametrize(
    "options", [({"axis": 0}, {"axis": 1}), ({"axis": 0, "keepdims": True}, {"axis": 0}), ({}, {"axis": None})]
)
def test_other_options_are_another_structure(options):
    agree(lambda s, k: tl.sum(tl.sum(s.param(X[:3]), **options[k % 2]) ** 2.0), runs=5)


def test_equal_options_of_other_kinds_are_told_apart():
    agree(lambda s, k: tl.sum(tl.clamp(s.param(X), min=(0, 0.0, -0.0)[k % 3], max=(1, 1.0, 2)[k % 3])), runs=7)


def test_one_integer_of_either_sign_is_one_structure_and_keeps_its_type():
    one, other = pair()
    for k in (1, 2**63 + 5, -1, 2**64 - 1):
        found = []
        for s in (one, other):
            s.reset_tape()
            key = s.input(np.asarray(k))
            found.append((key.dtype, tl.bernoulli(key, shape=(3, 4), keep=0.5).value.tolist(), s.digest()))
        assert found[0] == found[1]
    assert replays(other) == 3


def test_other_shapes_are_other_structures_and_only_some_are_kept():
    s = tl.Session(backend="compiled")
    for n in [*range(1, KEPT + 4), 1, KEPT + 3]:
        s.reset_tape()
        s.backward(network(s, np.ones((n, 3)), np.ones((n, 2))))
    assert len(s._way.book.tips) == KEPT and replays(s) == 1
    assert s._way.book.recorded == KEPT + 4  # the first was forgotten and came again


def test_a_long_structure_is_compiled_when_it_came_often_enough():
    s = tl.Session(backend="compiled")
    w, compiled = s.param(2.0), []
    for _ in range(4):
        s.reset_tape()
        y = w
        for _ in range(PATIENCE + 1):
            y = -y
        assert float(s.backward(y)[w]) == -1.0
        compiled.append(s.program is not None)
    assert compiled == [False, False, True, True] and replays(s) == 3


def test_names_scopes_cells_and_traces_are_those_of_eager_mode():
    def build(s, k):
        cells = s.input_nat_vec([k, 1])
        with s.scope("head"):
            return tl.sum(tl.take(s.param(X, name=f"w{k}"), cells, axis=0).named("rows") ** 2.0)

    one, other = agree(build)
    a, b = (s.trace(len(s.tape) - 1) for s in (one, other))
    assert repr(a.nodes) == repr(b.nodes) and repr(a.edges) == repr(b.edges)
    assert repr(other.ledger("rows")) == repr(one.ledger("rows"))


LOOKS = {
    "a hook": lambda s, w, v, y: list(s.backward(tl.sum(y), hook=lambda i, g: g * 2 if i == 0 else None).dense),
    "a seed": lambda s, w, v, y: [s.backward(y, seed=X)[w], s.grads.value, *s.grads.dense],
    "a vjp": lambda s, w, v, y: [s.vjp(y, X - 1, v)],
    "a jvp": lambda s, w, v, y: [s.jvp(y, {w: X, v: X - 1})],
    "a jvp of one": lambda s, w, v, y: [s.jvp(y, {"v": X - 1})],
    "a jvp from a node": lambda s, w, v, y: [s.jvp(tl.exp(y), {y: X})],
    "a jvp of nothing": lambda s, w, v, y: [s.jvp(y, {}), s.jvp(w * 2.0, {v: X})],
    "values": lambda s, w, v, y: [y.value, (y * 2.0).value],
    "a Hessian": lambda s, w, v, y: [tl.hvp(lambda x: tl.sum(tl.tanh(x) * x), y.value, X)],
    "a gradient on the tape": lambda s, w, v, y: [s.backward(tl.sum(tl.grad(lambda x: tl.sum(x * y))(y * y)))[w]],
}


@pytest.mark.parametrize("name", LOOKS)
def test_derivatives_of_all_kinds_are_those_of_eager_mode(name):
    one, other = pair()
    found = []
    for s in (one, other, other, other):
        s.reset_tape()
        w, v = s.param(X), s.input(X + 1, name="v", requires_grad=True)
        with s.no_grad():
            z = w * v
        found.append(LOOKS[name](s, w, v, tl.tanh(w * v) + z))
    assert all(all(map(same, again, found[0])) for again in found[1:]) and replays(other) > 0
    programs = name in ("a seed", "a vjp", "a jvp", "a jvp of one", "values")
    assert (other.program is not None and not other._way.book.refused) or not programs


@pytest.mark.parametrize(
    "look",
    [
        lambda s, y: s.backward(y, seed=[1.0]), lambda s, y: s.backward(y), lambda s, y: s.jvp(y, {"v": [1.0]}),
        lambda s, y: s.jvp(y, {0: "x"}), lambda s, y: s.vjp(y, np.full((6, 3), np.nan), "v"),
        lambda s, y: s.backward(tl.sum(s.detach(y))), lambda s, y: s.backward(y, seed=X, hook=lambda i, g: "x"),
    ],
)
def test_derivatives_that_are_refused_are_refused_in_the_same_words(look):
    words = []
    for s in pair():
        for _ in range(3):
            s.reset_tape()
            y = tl.tanh(s.input(X, name="v", requires_grad=True) * 2.0)
            with pytest.raises(errors.TorchLeanError) as e:
                look(s, y)
        words.append((type(e.value), str(e.value)))
    assert words[0] == words[1]


def test_a_gradient_that_follows_a_look_comes_from_the_same_run():
    runs = []
    for s in pair():
        w, seen = s.param(X), []
        for k in range(8):
            s.reset_tape()
            y = tl.sum(tl.tanh(w * (k + 1.0)))
            seen.append(y.item() if k != 6 else 0.0)
            if k != 5:
                seen.append(s.backward(y)[w].tobytes())
        runs.append(seen)
    assert runs[0] == runs[1] and replays(s) == 7
    assert s._way.book.tips and len(s.tape.values.ready) == 0  # the run before the last had no look


def test_gradients_taken_earlier_stay_what_they_were_even_those_nobody_asked_for():
    one, other = pair()
    kept = []
    for s in (one, other):
        network(s, X, Y)
        opt, mine = tl.optim.Adam(list(s.params.values()), lr=0.1, fused="numpy"), []
        mine += [s.step(opt, lambda s=s, k=k: network(s, X - k, Y)).gradients for k in range(5)]
        s.reset_tape()
        kept.append(mine)
    for a, b in zip(*kept, strict=True):
        assert all(map(same, a.dense, b.dense)) and same(a["h"], b["h"])
