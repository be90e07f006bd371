"""ProgramTrace: what a compiled program did, line by line, as data that can be kept."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import _programs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.errors import CycleError, HandleTypeError, TraceFormatError, UnknownNodeError
from torchlean_nb.laws.point import Point
from torchlean_nb.trace.program import Lane, ProgramLine, ProgramTrace


# -- a run -------------------------------------------------------------------------------------
def test_the_results_are_those_of_the_program_bit_for_bit():
    value, grads = _programs.mlp()(*_programs.arguments())
    t = _programs.trace()
    assert t.results == ("value", "gradient of W1", "gradient of b1", "gradient of W2")
    for i, a in zip(t.outputs, (value, *grads), strict=True):
        assert np.asarray(a).tobytes() == t.lines[i].value.tobytes()


def test_every_line_knows_its_statement():
    t = _programs.trace()
    rows = t.source.split("\n")
    ran = [t.lines[i] for i in t.ran]
    assert all(x.source and x.name in rows[x.source - 1] for x in ran)
    body = [x.source for x in ran if not x.once]
    assert body == sorted(body)
    start = next(k for k, row in enumerate(rows, 1) if row.startswith("def step"))
    statements = [k for k, row in enumerate(rows[start:], start + 1) if row.strip() and row.strip()[0] != "#"]
    assert body == statements[:-1], "every statement but the return is a line"


def test_other_arguments_make_another_run_of_the_same_program():
    t = _programs.mlp().trace(*[a * 2 for a in _programs.arguments()[:4]], _programs.arguments()[4])
    assert [x.op for x in t.lines] == [x.op for x in _programs.trace().lines]
    assert t != _programs.trace()


def test_other_shapes_make_another_program():
    t = tl.compile(lambda x: tl.exp(x).sum(), [1.0, 2.0]).trace(np.ones((4, 3)))
    assert t.steps[0].shape == (4, 3)
    assert "(4, 3)" in t.source


def test_wrong_arguments_are_refused_as_by_a_call():
    with pytest.raises(HandleTypeError, match="2 arguments"):
        tl.compile(lambda x: x * 2.0, [1.0]).trace([1.0], [2.0])


def test_values_can_be_left_out():
    t = _programs.mlp().trace(values=False)
    assert all(x.value is None for x in t.steps)
    assert [x.name for x in t.lines] == [x.name for x in _programs.trace().lines]


def test_a_program_of_lone_numbers_has_lines_and_no_arrays():
    def chain(x):
        for _ in range(9):
            x = x * x + 1.0
        return tl.tanh(x)

    t = tl.compile(chain, 0.5).trace()
    assert t.lanes == () and t.peak == 0
    assert all(x.source for x in t.steps)
    assert float(t.lines[t.outputs[0]].value) == float(tl.compile(chain, 0.5)(0.5))


def test_what_computes_nothing_has_no_row():
    p = tl.compile(lambda x, y: tl.exp(x * y + x - y / x * y * x + y).sum(), 0.5, 0.25)
    t = p.trace()
    last = t.steps[-1]
    assert (last.op, last.source, last.name) == ("sum", None, t.steps[-2].name)
    assert t.lines[t.outputs[0]].value.tobytes() == p(0.5, 0.25).tobytes()


@pytest.mark.parametrize("name", ["std", "logsumexp", "prod", "max_pool", "conv", "layer_norm"])
def test_ops_with_rows_of_their_own_kind_are_found_in_the_source(name):
    op = tl.ops[name]
    point = Point(op, op.samples[-1])
    p = tl.compile(lambda *xs: tl.sum(op(*xs, **point.sample.attrs) ** 2), *point.arrays, argnums=tuple(point.moving))
    t = p.value_and_grad.trace()
    assert all(x.source for x in t.steps)
    value, grads = p.value_and_grad(*point.arrays)
    for i, a in zip(t.outputs, (value, *grads), strict=True):
        assert np.array_equal(t.lines[i].value, a)


def test_an_attribute_that_is_an_index_is_text():
    t = tl.compile(lambda x: (x[1:, ::2] * 2.0).sum(axis=0), np.ones((3, 4))).trace()
    assert t.steps[0].attrs == "key=[1:, ::2]"
    assert "axis=0" in t.steps[-1].attrs


# -- memory ------------------------------------------------------------------------------------
def test_words_moved_by_relu_of_a_line():
    n = 1000
    t = tl.compile(lambda a, x, b: tl.relu(a * x + b), *[np.ones(n)] * 3).trace()
    assert [x.words / n for x in t.steps] == [3, 3, 2]
    assert (t.moved, t.peak, t.kept) == (8 * 8 * n, 8 * n, 8 * n)
    assert len(t.lanes) == 1 and len(t.lanes[0].spans) == 3


def test_no_two_values_lie_in_one_array_at_once():
    for t in (_programs.trace(), _programs.line()):
        for lane in t.lanes:
            for (_, last), (first, _) in pairwise(lane.spans):
                assert last <= first, "a value may be written over another while that is read for the last time"


def test_what_is_read_lies_where_it_was_written():
    t = _programs.trace()
    for i in t.ran:
        for a in t.lines[i].args:
            read = t.lines[a]
            if read.lane is not None and not read.view:
                assert any(first == a and last >= i for first, last in t.lanes[read.lane].spans)


def test_bytes_held_are_those_of_the_spans():
    t = _programs.trace()
    for i in t.ran:
        held = sum(lane.nbytes for n, lane in enumerate(t.lanes) if t.holds(n, i) is not None)
        assert held == t.live[i]
    assert t.peak == max(t.live) and t.kept == _programs.mlp().plan.nbytes


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(["exp", "tanh", "add", "mul", "sum", "T"]), min_size=1, max_size=8))
def test_random_programs_can_be_traced(ops):
    def f(x, y):
        for op in ops:
            y = x * y if op == "mul" else x + y if op == "add" else y.T.T if op == "T" else (
                y - y.sum(axis=0) if op == "sum" else getattr(tl, op)(y * 0.1))  # fmt: skip
        return y

    args = np.arange(6.0).reshape(2, 3), np.ones((2, 3))
    p = tl.compile(f, *args)
    t = p.trace()
    assert t.lines[t.outputs[0]].value.tobytes() == p(*args).tobytes()
    assert ProgramTrace.from_json(t.to_json()) == t


# -- kept and read back ------------------------------------------------------------------------
@pytest.mark.parametrize("make", [_programs.trace, _programs.line, lambda: _programs.named('"<b>\u202e')])
def test_json_and_back_is_the_same_trace(make):
    t = make()
    again = ProgramTrace.from_json(t.to_json())
    assert again == t
    assert again.to_json() == t.to_json()
    json.loads(t.to_json(), parse_constant=pytest.fail)


def test_numbers_without_a_json_name_come_back_too():
    t = tl.compile(lambda x: x / 0.0, [0.0, 1.0, -1.0]).trace()
    assert np.array_equal(t.steps[-1].value, [np.nan, np.inf, -np.inf], equal_nan=True)
    assert ProgramTrace.from_json(t.to_json()) == t


def test_nobody_changes_a_trace():
    t = _programs.trace()
    with pytest.raises(ValueError, match="read-only"):
        t.steps[0].value[0, 0] = 1.0
    with pytest.raises(TypeError):
        t.meta["title"] = "x"
    with pytest.raises(AttributeError):
        t.source = ""


def test_two_traces_of_different_bits_differ():
    t = _programs.line()
    value = t.lines[-1].value + 0.0
    value[0] = np.nextafter(value[0], 9.0)
    assert replace(t, lines=(*t.lines[:-1], replace(t.lines[-1], value=value))) != t
    assert t != "t"


LINE = ProgramLine("exp", (0,), "", (2,), "float64", "t0", 0)
LEAF = ProgramLine("input", (), "", (2,), "float64", "x")


@pytest.mark.parametrize(("lines", "lanes", "outputs", "error"), [
    ((LEAF, replace(LINE, args=(1,))), (), (1,), CycleError),
    ((LEAF, LINE), (), (1,), UnknownNodeError),
    ((LEAF, replace(LINE, lane=None, source=9)), (), (1,), UnknownNodeError),
    ((LEAF, LINE), (Lane("t0", (2,), "float64", 16, ((1, 5),)),), (1,), UnknownNodeError),
    ((LEAF, replace(LINE, lane=None)), (), (2,), UnknownNodeError),
])  # fmt: skip
def test_a_trace_that_cannot_be_is_refused(lines, lanes, outputs, error):
    with pytest.raises(error):
        ProgramTrace(lines, outputs, ("value",), "one row", lanes)


@pytest.mark.parametrize("change", [
    {"format": "torchlean_nb.graph/1"}, {"lines": None}, {"lines": [{"op": "exp"}]}, {"lanes": [3]},
    {"outputs": "x"}, {"passes": [{"name": "p"}]}, {"meta": 3}, {"outputs": [99]},
    {"passes": [{"name": "p", "about": "", "before": 1, "after": 1, "diff": [["*", "x"]]}]},
])  # fmt: skip
def test_json_that_is_no_program_is_refused(change):
    with pytest.raises((TraceFormatError, UnknownNodeError)):
        ProgramTrace.from_dict(_programs.line().to_dict() | change)
    with pytest.raises(TraceFormatError, match="not JSON"):
        ProgramTrace.from_json("{")
