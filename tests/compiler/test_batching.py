"""The law of batching: a graph with one more axis in front gives what a loop over the graph gives."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import programs

import torchlean_nb as tl
from torchlean_nb.compiler.batching import RULES, replay, straight
from torchlean_nb.compiler.vectorize import vmap
from torchlean_nb.errors import AxisError, ForeignHandleError, HandleTypeError, HyperparameterError, ShapeError
from torchlean_nb.laws.point import Point
from torchlean_nb.rows import OPS

N = 3
PRIMITIVES = [name for name, op in OPS.items() if op.primitive and op.builtin]
RNG = np.random.default_rng(0)


def many(a):
    """Three examples made of one: itself, smaller, turned around."""
    if a.dtype.kind == "f":
        return np.stack([a, a * np.asarray(0.75, a.dtype), a[..., ::-1] if a.ndim else a / 2])
    return np.stack([a, np.roll(a.ravel(), 1).reshape(a.shape), ~a if a.dtype.kind == "b" else a])


def near(got, want, op):
    """To the bit; products of matrices may add up in another order."""
    got = np.asarray(got)
    assert got.shape == want.shape and got.dtype == want.dtype
    if op == "matmul":
        np.testing.assert_allclose(got, want, rtol=8 * np.finfo(want.dtype).eps, atol=8 * np.finfo(want.dtype).eps)
    else:
        assert np.array_equal(got, want, equal_nan=want.dtype.kind == "f")


def test_every_primitive_has_a_rule():
    assert set(RULES) == set(PRIMITIVES)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_batched_primitive_is_a_loop_over_the_primitive(name):
    op = OPS[name]
    for sample, dtype in product(op.samples, ("float64", "float32")):
        arrays = Point(op, sample, dtype=dtype).arrays
        graph, _ = straight(lambda *xs, sample=sample: op(*xs, **sample.attrs), arrays)
        for on in product((False, True), repeat=len(arrays)):
            args = [many(a) if batched else a for a, batched in zip(arrays, on, strict=True)]
            ((got, has),) = replay(graph, args, on, N)
            each = [[a[i] if b else a for a, b in zip(args, on, strict=True)] for i in range(N)]
            want = np.stack([op(*xs, **sample.attrs) for xs in each])
            assert has == any(on)
            near(got, want if has else want[0], name)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_batched_primitive_compiles(name):
    op = OPS[name]
    for sample in op.samples[:2]:
        arrays = Point(op, sample).arrays
        args = [many(a) for a in arrays]
        f = vmap(lambda *xs, sample=sample: op(*xs, **sample.attrs))
        near(tl.compile(f, *args)(*args), f(*args), name)


@given(programs())
@settings(max_examples=20, deadline=None)
def test_random_gradients_of_many_examples_are_those_of_each(program):
    both = tl.value_and_grad(program, argnums=tuple(range(len(program.inputs))))

    def flat(*xs):
        value, slopes = both(*xs)
        return value, *slopes

    args = [many(a) for a in program.inputs]
    found = vmap(flat)(*args)
    for i in range(N):
        for got, want in zip(found, flat(*[a[i] for a in args]), strict=True):
            np.testing.assert_allclose(got[i], want, rtol=1e-13, atol=1e-12)


# -- vmap -----------------------------------------------------------------------------------------------

W, X = RNG.normal(size=(4, 3)), RNG.normal(size=(7, 3))


def loss(w, x):
    return tl.sum(tl.tanh(w @ x) ** 2)


def test_gradients_of_each_example():
    found = vmap(tl.grad(loss), in_axes=(None, 0))(W, X)
    assert found.shape == (7, 4, 3) and not found.flags.writeable
    np.testing.assert_allclose(found, [tl.grad(loss)(W, x) for x in X], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(tl.grad(lambda w: vmap(loss, (None, 0))(w, X).sum())(W), found.sum(0), rtol=1e-13)


def test_a_session_trains_through_it():
    s = tl.Session()
    w = s.param(W)
    found = s.backward(vmap(loss, (None, 0))(w, X).sum())[w]
    np.testing.assert_allclose(found, sum(tl.grad(loss)(W, x) for x in X), rtol=1e-13)


def test_parameters_may_be_mapped_over():
    s = tl.Session()
    heads = s.param(RNG.normal(size=(5, 4, 3)))
    found = s.backward(vmap(loss, (0, None))(heads, X[0]).sum())[heads]
    np.testing.assert_allclose(found, [tl.grad(loss)(w, X[0]) for w in heads.value], rtol=1e-13)


def test_axes_of_arguments_and_results():
    a = RNG.normal(size=(2, 5, 3))
    y, total = vmap(lambda x: (x * 2.0, x.sum()), in_axes=1, out_axes=(-1, 0))(a)
    assert np.array_equal(y, (a * 2.0).transpose(0, 2, 1)) and total.shape == (5,)
    table = vmap(vmap(lambda x, y: x * y, (0, None)), (None, 0))(np.arange(3.0), np.arange(2.0))
    assert table.tolist() == [[0.0, 0.0, 0.0], [0.0, 1.0, 2.0]]
    assert vmap(lambda x: x * 3.0)(np.zeros((0, 2))).shape == (0, 2)
    assert vmap(lambda x: tl.ops["sum"](np.ones(2)))(X).tolist() == [2.0] * 7


def test_each_example_has_its_random_key():
    f = vmap(lambda x, key: tl.dropout(x, key, p=0.5))
    keys = np.array([1, 5, 9])
    assert np.array_equal(f(np.ones((3, 8)), keys), [tl.dropout(np.ones(8), k, p=0.5) for k in keys])


@pytest.mark.parametrize(("make", "kind", "words"), [
    (lambda: vmap(loss)(W, X), ShapeError, "4, 7 examples"),
    (lambda: vmap(loss, in_axes=None)(W, X), HyperparameterError, "in_axes=None for 2 arguments"),
    (lambda: vmap(loss, in_axes=(None, 0, 0))(W, X), HyperparameterError, "for 2 arguments"),
    (lambda: vmap(loss, in_axes=(None, 5))(W, X), AxisError, "no axis 5"),
    (lambda: vmap(loss, (None, 0), out_axes=2)(W, X), AxisError, "out_axes=2"),
    (lambda: vmap(loss, (None, 0), out_axes=None)(W, X), HyperparameterError, "out_axes=None"),
    (lambda: vmap(lambda x: x @ tl.Session().param(W))(X), ForeignHandleError, "None in in_axes"),
    (lambda: vmap(lambda x: x if x.sum() > 0 else -x)(X), HandleTypeError, "looks at a value"),
])  # fmt: skip
def test_what_does_not_fit_is_said(make, kind, words):
    with pytest.raises(kind, match=words):
        make()
