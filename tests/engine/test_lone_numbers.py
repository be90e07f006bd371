"""Lone numbers: floats inside, the bits, records and messages of arrays outside."""

import gc
import math
import sys
from itertools import count

import numpy as np
import pytest
from _stop import Stop
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.engine import lone, reverse

NUMBERS = st.one_of(st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, 1e-300]), st.floats(-50, 50))
STEPS = st.lists(st.tuples(st.sampled_from([*lone.ROWS, "const"]), st.integers(0, 9), st.integers(0, 9)), min_size=4,
                 max_size=12)  # fmt: skip


def program(steps, values):
    found = list(values)
    for name, a, b in steps:
        a, b = found[a % len(found)], found[b % len(found)]
        if name == "const":
            found += [a * 0.1, 3.0 - a]
        else:
            found.append(tl.ops[name](*[a, b][: len(tl.ops[name].args)]))
    total = found[-1]
    for v in found[-4:-1]:
        total = total + v
    return found, total


@settings(max_examples=20, deadline=None, derandomize=True)
@given(STEPS, st.lists(NUMBERS, min_size=2, max_size=4), st.booleans())
def test_numbers_have_the_bits_of_arrays(steps, values, looked):
    runs = []
    for shape in ((), (1,)):
        s = tl.Session(nonfinite="ieee")
        params = [s.param(np.full(shape, v)) for v in values]
        found, total = program(steps, params)
        if looked:
            assert [type(t.value) for t in found] == [np.ndarray] * len(found)
        g = s.backward(total)
        runs.append([np.asarray(a).tobytes() for a in (*(t.value for t in found), *(g[p] for p in params), *g.dense)])
    assert runs[0][: len(found) + len(params)] == runs[1][: len(found) + len(params)]
    assert len(runs[0]) == len(runs[1])


def test_they_look_like_any_other_node():
    s = tl.Session()
    x = s.param(1.5, name="x")
    y = (x * x).named("y")
    z = y + 2.0
    assert s.tape.values.__class__ is lone.Values and lone.kept(s.tape.values, z.id).__class__ is float
    assert (z.shape, z.dtype, z.ndim, z.item(), s.tape[z.id].op) == ((), np.float64, 0, 4.25, "add")
    assert not y.value.flags.writeable and y.value.base is y.value.base
    assert [v.tolist() for v in s.tape.values] == [1.5, 2.25, 2.0, 4.25]
    assert [v.tolist() for v in s.tape.values[1:3]] == [2.25, 2.0]
    assert (z * np.ones(2)).value.tolist() == [4.25, 4.25]
    g = s.backward(z)
    assert not g["y"].flags.writeable and [float(v) for v in g.dense[:4]] == [3.0, 1.0, 0.0, 1.0]


def test_their_records_are_read_as_those_of_any_other_node_and_the_collector_does_not_follow_them():
    s = tl.Session()
    x = s.param(1.5, name="x")
    y = (x * 2.0).tanh()
    records, mul, tanh = s.tape.records, tl.ops["mul"], tl.ops["tanh"]
    assert records.__class__ is lone.Records and lone.kept(records, y.id) == ("tanh", y.id - 1)
    assert records[y.id] == records[-1] == (tanh, (y.id - 1,), tanh.attrs, None) == [*records][-1]
    assert records[1:] == [*records][1:] and [r[0] for r in records] == ["param", "const", mul, tanh]
    gc.collect(0)
    assert not gc.is_tracked(lone.kept(records, y.id))


def test_stop_at_any_instruction_leaves_the_tape_as_before_or_as_after():
    for n in count(1):
        s = tl.Session()
        x = s.param(0.5) * 1.0
        before, stop, outer = len(s.tape), Stop(n), sys.gettrace()
        sys.settrace(stop)
        try:
            x.tanh() * 3.0
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(outer)
        tape = s.tape
        tape.rollback(len(tape))  # the next record does this first
        assert len(tape.records) == len(tape.values) == len(tape.needs) and len(tape) - before in (0, 1, 3)
        assert [len(lone.kept(tape.records, i)) for i in range(before, len(tape))] == [2, 4, 3][: len(tape) - before]
        assert s.backward(x * x + x)[x] == 2.0
        if not stop.pressed:
            return


def test_a_number_that_overflows_is_refused_and_forgotten():
    s = tl.Session()
    x = s.param(1e300)
    y = x * 2.0
    before, n = s.digest(), len(s.tape)
    for refused in (lambda: y * 1e300, lambda: y * y, lambda: 1e300 * y):
        with pytest.raises(errors.NonFiniteError, match="mul"):
            refused()
        assert (s.digest(), len(s.tape)) == (before, n)
    assert math.isinf((tl.Session(nonfinite="ieee").input(1e300) * 1e300).item())


def test_gradients_of_numbers_pass_through_other_ops_and_are_refused_where_they_are_infinite():
    s = tl.Session()
    x = s.param(0.0, name="x")
    assert s.backward(tl.exp(x) * (x + 2.0))[x] == 3.0 and s.backward((tl.sigmoid(x) - 1.0) ** 2)[x] == -0.25
    with pytest.raises(errors.NonFiniteError, match="sqrt"):
        s.backward(tl.sqrt(x) * 2.0 + x * x)


def test_long_chains_of_numbers_come_and_go_without_recursion_or_cycles():
    # A cycle of ours is found after every round; what another thread, an import or a full cache leaves, after one.
    s = tl.Session()
    x, w = s.param(0.5), s.param(1.0)
    assert any(_cycles_left_by(lambda: _a_long_chain(s, x, w)) == 0 for _ in range(3))


def _a_long_chain(s, x, w):
    y = x
    for _ in range(20_000):
        y = y * w + x
    g = s.backward(y)
    assert float(g[x]) == 20_001.0
    for _ in range(50):
        s.reset_tape()
        s.backward(tl.tanh(x * w + x) * w)
    s.reset_tape()


def _cycles_left_by(work):
    gc.collect()
    gc.disable()
    try:
        work()
        return gc.collect()
    finally:
        gc.enable()


def test_a_sweep_passes_from_numbers_to_arrays_and_back_without_a_second_careful_one(monkeypatch):
    s = tl.Session()
    w = s.param(0.5, name="w")
    stacked = tl.stack([w * w, w, w.sin()])
    y = stacked.mean(axis=0) * w.tanh()  # what arrives at the mean is a number
    slope = float(s.backward(y)["w"])
    monkeypatch.setattr(reverse, "_sweep", None)
    assert float(s.backward(y)["w"]) == slope
    mean, t = (0.75 + math.sin(0.5)) / 3, math.tanh(0.5)
    assert slope == pytest.approx((1.0 + 1.0 + math.cos(0.5)) / 3 * t + mean * (1 - t * t))
