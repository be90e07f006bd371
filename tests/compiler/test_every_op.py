"""The law of the compiler: what a program gives is, bit for bit, what the function gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import programs

import torchlean_nb as tl
from torchlean_nb.laws.point import Point

SAMPLES = [(name, i) for name, op in tl.ops.items() if op.builtin for i in range(len(op.samples))]


def same(a, b):
    """Equality to the last bit, shape and type included."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def functions(name, number, dtype):
    """An op at a sample: as a function, with a scalar of it to differentiate, and the point."""
    op = tl.ops[name]
    point = Point(op, op.samples[number], dtype=dtype)

    def value(*xs):
        return op(*xs, **point.sample.attrs)

    def loss(*xs):
        y = value(*xs)
        return tl.sum(y * y)

    return value, loss, point


@pytest.mark.parametrize(("name", "number"), SAMPLES)
def test_a_compiled_op_gives_the_bits_of_the_op(name, number):
    value, _, point = functions(name, number, "float32")
    s = tl.Session(dtype="float32", nonfinite="ieee")
    want, p = value(*map(s.input, point.arrays)).value, tl.compile(value, *point.arrays)
    assert same(p(*point.arrays), want) and same(p(*point.arrays), want)


@pytest.mark.parametrize(("name", "number"), [(n, i) for n, i in SAMPLES if tl.ops[n].kind != "constant"])
def test_a_compiled_gradient_gives_the_bits_of_the_gradient(name, number):
    _, loss, point = functions(name, number, "float64")
    if not point.moving:
        return
    want, slopes = tl.value_and_grad(loss, argnums=point.moving)(*point.arrays)
    both = tl.compile(loss, *point.arrays, argnums=point.moving).value_and_grad
    for _ in range(2):  # arrays are used again
        got, found = both(*point.arrays)
        assert same(got, want) and all(map(same, found, slopes))


@given(programs())
@settings(max_examples=40, deadline=None)
def test_a_random_computation_and_its_gradient_keep_their_bits(program):
    argnums = tuple(range(len(program.inputs)))
    value, slopes = tl.value_and_grad(program, argnums=argnums)(*program.inputs)
    got, found = tl.compile(program, *program.inputs, argnums=argnums).value_and_grad(*program.inputs)
    assert same(got, value) and all(map(same, found, slopes))


@given(programs())
@settings(max_examples=12, deadline=None)
def test_a_gradient_of_a_gradient_compiles(program):
    def slope(x, *others):
        return tl.sum(tl.grad(program)(x, *others))

    assert same(tl.compile(slope, *program.inputs)(*program.inputs), slope(*program.inputs))
