"""Programs of lone numbers run over Python floats, with the bits of eager mode."""

from __future__ import annotations

import math

import numpy as np
import pytest
from _pasted import pasted
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.compiler.scalars import SPELLINGS
from torchlean_nb.race.loops import FLOATS

UNARY = ["neg", "abs", "exp", "tanh", "relu", "sigmoid", "sin", "log", "sqrt", "square", "sign", "log1p", "softplus"]
BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "pow"]
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0])


def bits(x):
    return np.asarray(x).tobytes()


@st.composite
def formulas(draw):
    """A function of three numbers: each step names an op and which earlier values it takes."""
    steps = draw(st.lists(st.tuples(st.sampled_from(UNARY + BINARY), st.integers(0, 99), st.integers(0, 99)),
                          min_size=6, max_size=20))  # fmt: skip

    def f(a, b, c):
        made = [a, b, c]
        for name, i, j in steps:
            args = [made[-1 - i % len(made)], made[-1 - j % len(made)]]
            made.append(getattr(tl, name)(*args[: 1 if name in UNARY else 2]))
        return made[-1] + made[3]

    return f


@settings(max_examples=120, deadline=None)
@given(formulas(), st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_values_and_gradients_have_the_bits_of_eager_mode_whatever_the_numbers(f, point):
    s = tl.Session(nonfinite="ieee")
    leaves = [s.input(v, requires_grad=True) for v in point]
    y = f(*leaves)
    p = tl.compile(f, 0.3, 0.2, 0.1, argnums=(0, 1, 2)).value_and_grad
    value, slopes = p(*map(np.float64, point))
    assert bits(value) == bits(y.value) or (np.isnan(value) and np.isnan(y.value))
    if s.tape.needs[y.id]:
        grads = s.backward(y)
        for leaf, slope in zip(leaves, slopes, strict=True):
            want = np.asarray(grads[leaf])
            assert bits(slope) == bits(want) or (np.isnan(slope) and np.isnan(want))


EDGES = (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_of_two_zeros_the_one_is_taken_that_numpy_takes(name):
    written = eval(f"lambda a, b: {SPELLINGS[name].format('a', 'b')}")
    for a in EDGES:
        for b in EDGES:
            want = getattr(np, name)(np.array(a), np.array(b))
            for f in (written, getattr(FLOATS, name)):
                assert bits(f(a, b)) == bits(want) or (math.isnan(f(a, b)) and np.isnan(want)), (a, b)


def chain(x, y, n=40):
    for k in range(n):
        x = tl.tanh(x * y + 0.01 * k) - 0.5 * x
    return x


def test_the_source_is_plain_python_and_gives_the_numbers_when_pasted():
    p = tl.compile(chain, 0.5, 0.25, argnums=(0, 1)).value_and_grad
    found = pasted(p.source, 0.7, 0.1)
    value, slopes = p(0.7, 0.1)
    assert [bits(a) for a in found] == [bits(value), *map(bits, slopes)]
    assert "empty" not in p.source and " * x" in p.source


def test_where_python_would_raise_the_numbers_are_those_of_ieee():
    p = tl.compile(lambda x, y: tl.exp(chain(x, y)) + 1.0 / x + x**y, 1.0, 1.0)
    with np.errstate(all="ignore"):
        assert math.isinf(p(0.0, 2.0)) and p(0.0, 2.0) > 0 and math.isinf(p(-0.0, 2.0)) and p(-0.0, 2.0) < 0


@pytest.mark.parametrize(("f", "example"), [
    (lambda x: chain(x, x), np.ones(3)), (lambda x: chain(x, x), np.float32(1)), (lambda x: x * 2.0, 1.0),
])  # fmt: skip
def test_arrays_other_types_and_short_formulas_stay_with_numpy(f, example):
    assert ".item()" not in tl.compile(f, example).source


def test_a_long_chain_compiles_without_recursion():
    p = tl.compile(lambda x: chain(x, x, 400), 0.5).value_and_grad
    value, slope = p(0.5)
    s = tl.Session()
    x = s.input(0.5, requires_grad=True)
    y = chain(x, x, 400)
    assert bits(value) == bits(y.value) and bits(slope) == bits(s.backward(y)[x])
