"""Kernels: one loop for neighbouring lines writes the bits of the lines; their Python runs without numba, too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.compiler import kernels
from torchlean_nb.compiler.kernel_source import kind
from torchlean_nb.compiler.plan import plan
from torchlean_nb.compiler.source import Text, copied, head, indented

TWO = {"add": tl.add, "sub": tl.sub, "mul": tl.mul, "div": tl.div, "maximum": tl.maximum, "minimum": tl.minimum}
ONE = {"neg": tl.neg, "abs": tl.abs, "relu": tl.relu, "root": lambda x: tl.sqrt(tl.abs(x)), "exp": tl.exp,
       "mask": lambda x: x * (x > 0.25), "choice": lambda x: tl.where(x > 0.0, x, x * 0.5),
       "flat": lambda x: x.reshape(x.size).reshape(x.shape) if x.size > 1 else x,
       "turn": lambda x: x.T if x.ndim == 2 and x.shape[0] == x.shape[1] else x}  # fmt: skip


def in_python(source):
    """What numba would compile."""
    space = {"np": np}
    exec(source, space)
    return space["kernel"]


def run(graph, args, loops=True):
    """Results of a graph, and how many lines its kernels stand for."""
    graph = kernels.gathered(graph) if loops else graph
    memory = plan(graph)
    text = Text(graph, memory, [f"x_{k}" for k in range(len(args))])
    body, made = kernels.looped(graph, memory, text) if loops else (text.body, [])
    out = ", ".join(copied(graph, text, i) for i in graph.outputs)
    step = [f"def step({', '.join(text.names)}):", *indented([*body, f"return ({out},)"])]
    code = "\n".join([*head("", graph, memory, [*text.once, *step]), *made, *text.made, *text.once, *step])
    exec(code, space := {})
    found = kernels.kernels(graph, memory, [i for i, _ in text.steps]) if loops else []
    with np.errstate(all="ignore"):
        return space["step"](*args), [len(k.lines) for k in found]


def chain(data, shape, count):
    """A random function of an array, a number for each row, one for each column, and a matrix for products."""
    steps = []
    for k in range(count):
        op = data.draw(st.sampled_from([*TWO, *ONE, "product"]))
        steps.append((op, data.draw(st.integers(0, k + 3)), data.draw(st.integers(0, 2))))

    def f(x, row, column, matrix):
        values = [x, row, column, tl.mul(x, column)]
        for op, a, b in steps:
            other = [x, row, column][b]
            if op == "product":
                values.append(tl.matmul(tl.mul(values[a], x), matrix))
            else:
                values.append(ONE[op](values[a]) if op in ONE else TWO[op](values[a], other))
        return tuple(values[-3:])

    return f


def arrays(data, dtype, rows, columns):
    seed = data.draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    odd = np.array([0.0, -0.0, 1.0, -1.0, np.inf, np.nan, 1e-40])
    x, row, column, matrix = (rng.normal(size=s) for s in ((rows, columns), (rows, 1), (columns,), (columns, columns)))
    if seed % 2:
        x.flat[: odd.size] = odd[: x.size]
    return [a.astype(dtype) for a in (x, row, column, matrix)]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_loops_write_the_bits_of_their_lines(data):
    dtype, rows = data.draw(st.sampled_from(["f4", "f8"])), data.draw(st.integers(1, 5))
    columns = data.draw(st.sampled_from([rows, 1, 4]))
    args = arrays(data, dtype, rows, columns)
    with pytest.MonkeyPatch.context() as m:
        m.setattr(kernels, "native", in_python)
        m.setattr(kernels, "WORTH", 1)
        graph = tl.compile(chain(data, (rows, columns), data.draw(st.integers(1, 9))), *args).graph
        found, _ = run(graph, args)
    for a, b in zip(run(graph, args, loops=False)[0], found, strict=True):
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes()


def reuses_a_column_for_rows(x, row, column, matrix):
    y = x * tl.exp(column) + 1.0
    r = row * 2.0 + 1.0
    return tl.exp(y), tl.exp(r)


def reuses_a_column_for_a_sum(x, row, column, matrix):
    y = x * tl.exp(column) + 1.0
    return tl.exp(y), tl.matmul(np.ones(4), y)


def reads_what_was_turned(x, row, column, matrix):
    y = tl.exp(x)
    return (y.T * 2.0 + 1.0) * x, tl.flip(y, axis=0) * x - row - 1.0


def turns_what_it_made(x, row, column, matrix):
    y = x * 2.0 + 1.0
    return y.T * x - y


@pytest.mark.parametrize(
    "f", [reuses_a_column_for_rows, reuses_a_column_for_a_sum, reads_what_was_turned, turns_what_it_made]
)
def test_a_loop_does_not_write_what_it_has_yet_to_read(f, monkeypatch):
    monkeypatch.setattr(kernels, "native", in_python)
    monkeypatch.setattr(kernels, "WORTH", 1)
    rng = np.random.default_rng(0)
    args = [rng.normal(size=s) for s in ((4, 4), (4, 1), (4,), (4, 4))]
    graph = tl.compile(f, *args).graph
    found, lines = run(graph, args)
    assert lines
    for a, b in zip(run(graph, args, loops=False)[0], found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-14)


@pytest.mark.parametrize("op", [tl.maximum, tl.minimum])
def test_zeros_and_nans_are_chosen_as_numpy_chooses_them(op, monkeypatch):
    monkeypatch.setattr(kernels, "native", in_python)
    monkeypatch.setattr(kernels, "WORTH", 1)
    odd = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan])
    args = np.repeat(odd, odd.size), np.tile(odd, odd.size)
    (found,), lines = run(tl.compile(lambda a, b: op(op(a, b), b), *args).graph, args)
    assert lines == [2]
    plain = getattr(np, op.name)(*args)
    np.testing.assert_array_equal(found, plain)
    assert (np.signbit(found) == np.signbit(plain)).all()


def network(x, y, w, b, v, c):
    return tl.cross_entropy(tl.linear(tl.relu(tl.linear(x, w, b)), v, c), y)


def examples(n=30, inside=20, outside=7):
    rng = np.random.default_rng(0)
    shapes = (n, 9), (inside, 9), (inside,), (outside, inside), (outside,)
    x, *params = (rng.normal(size=s).astype("f4") for s in shapes)
    return x, rng.integers(0, outside, n), *params


def test_a_fast_network_is_a_few_loops_around_its_products(monkeypatch):
    monkeypatch.setattr(kernels, "native", in_python)
    monkeypatch.setattr(kernels, "WORTH", 1)
    args = examples()
    graph = tl.compile(network, *args, argnums=(2, 3, 4, 5), fast=True).value_and_grad.graph
    found, lines = run(graph, args)
    # bias, relu, mask; bias, labels, their type, the largest; what is below it; ratio, labels, share, slope of a bias;
    # mask and slope
    assert lines == [3, 4, 1, 4, 2]
    for a, b in zip(run(graph, args, loops=False)[0], found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7)  # slopes of biases are added up in another order


def test_a_few_elements_are_left_to_numpy():
    args = examples(4, 3, 2)
    graph = tl.compile(network, *args, argnums=(2, 3, 4, 5), fast=True).value_and_grad.graph
    assert run(graph, args)[1] == []


@pytest.mark.parametrize(
    ("shape", "other", "lines"),
    [((90, 30), (30,), [1]), ((90, 30), (90, 1), [1]), ((90, 30), (), []), ((2, 9), (9,), [])],
)
def test_a_lone_line_is_a_loop_where_numpy_would_begin_anew_for_each_row(shape, other, lines, monkeypatch):
    monkeypatch.setattr(kernels, "native", in_python)
    x, z = np.ones(shape), np.ones(other)
    assert run(tl.compile(lambda x, z: x - z, x, z).graph, [x, z])[1] == lines


def test_a_step_without_numba_says_nothing_of_it():
    args = examples()
    opt = tl.optim.Adam(dict(zip("wbvc", args[2:], strict=True)), fused="numpy")
    step = tl.compile(network, *args, argnums=(2, 3, 4, 5), fast=True).train_step(opt)
    step(*args[:2])
    assert step.kernels == () and "numba" not in step.explain() and "same straight line" in step.explain()


def test_functions_that_numpy_computes_many_at_a_time_are_no_part_of_a_loop(monkeypatch):
    monkeypatch.setattr(kernels, "WORTH", 1)
    x = np.ones((3, 4))
    graph = kernels.gathered(tl.compile(lambda x: tl.exp(x * 2.0 + 1.0) * x - 1.0, x).graph)
    memory = plan(graph)
    found = kernels.kernels(graph, memory, range(len(graph.lines)))
    assert [[graph.lines[i].op for i in k.lines] for k in found] == [["mul", "add"], ["mul", "sub"]]


def test_a_number_per_row_is_computed_before_its_row(monkeypatch):
    monkeypatch.setattr(kernels, "native", in_python)
    monkeypatch.setattr(kernels, "WORTH", 1)
    args = [np.arange(12.0).reshape(3, 4), np.arange(3.0).reshape(3, 1)]
    graph = tl.compile(lambda x, s: x / tl.sqrt(s + 1.0) - s, *args).graph
    (found,), lines = run(graph, args)
    assert lines == [4] and found.tobytes() == (args[0] / np.sqrt(args[1] + 1.0) - args[1]).tobytes()


def test_the_largest_of_a_row_is_a_nan_where_there_is_one(monkeypatch):
    monkeypatch.setattr(kernels, "native", in_python)
    monkeypatch.setattr(kernels, "WORTH", 1)
    x = np.array([[1.0, np.nan, 2.0], [-np.inf, -np.inf, -np.inf], [3.0, 5.0, 4.0]])
    (found,), lines = run(tl.compile(lambda x: tl.max(x + 0.0 * x, axis=-1), x).graph, [x])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found, (x + 0.0 * x).max(-1))
    assert sum(lines) == 3


@pytest.mark.parametrize(("own", "way"), [((3, 1), "row"), ((2, 3, 4), "each"), ((1, 1, 4), "column"), ((2, 1, 4), "")])
def test_arguments_are_spread_in_four_ways(own, way):
    assert kind(own, (2, 3, 4)) == ("" if own == (3, 1) else way)


def test_lines_keep_their_arguments_when_they_are_moved():
    args = examples()
    graph = tl.compile(network, *args, argnums=(2, 3, 4, 5), fast=True).value_and_grad.graph
    moved = kernels.gathered(graph)
    assert all(a < i for i, line in enumerate(moved.lines) for a in line.args)
    assert [moved.lines[i].shape for i in moved.outputs] == [graph.lines[i].shape for i in graph.outputs]
    for a, b in zip(run(graph, args, loops=False)[0], run(moved, args, loops=False)[0], strict=True):
        assert a.tobytes() == b.tobytes()
