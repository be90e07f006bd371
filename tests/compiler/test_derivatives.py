"""Derivatives of programs are those of eager mode: to the bit along vectors, to a few ulps along all unit vectors."""

from __future__ import annotations

import numpy as np
import pytest
from _pasted import pasted
from hypothesis import given, settings
from strategies import programs

import torchlean_nb as tl
from torchlean_nb.compiler.fast import faster
from torchlean_nb.errors import HandleTypeError, NonScalarError, ShapeError
from torchlean_nb.laws.point import Point
from torchlean_nb.rows import OPS

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2))
WEIGHTS = tuple(RNG.normal(size=shape) for shape in ((3, 3), (3,), (2, 3), (2,)))
VECTORS = tuple(RNG.normal(size=w.shape) for w in WEIGHTS)
LABELS = np.arange(8) % 2
SMOOTH = ("neg", "square", "tanh", "sigmoid", "softplus", "identity")
ULPS = 64 * np.finfo(np.float64).eps


def mse(x, y, W1, b1, W2, b2):
    return tl.mse_loss(tl.linear(tl.tanh(tl.linear(x, W1, b1)), W2, b2), y)


def entropy(x, y, W1, b1, W2, b2):
    return tl.cross_entropy(tl.linear(tl.relu(tl.linear(x, W1, b1)), W2, b2), y)


NETS = [(mse, Y), (entropy, LABELS)]


def same(a, b):
    return np.asarray(a).tobytes() == np.asarray(b).tobytes() and np.shape(a) == np.shape(b)


def compiled(f, y, dtype="float64"):
    given = [a.astype(dtype) if a.dtype.kind == "f" else a for a in (X, y, *WEIGHTS)]
    return tl.compile(f, *given, argnums=(2, 3, 4, 5)), given, tuple(v.astype(dtype) for v in VECTORS)


@pytest.mark.parametrize(("f", "y"), NETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_with_vectors_have_the_bits_of_eager_mode(f, y, dtype):
    p, at, along = compiled(f, y, dtype)
    x, y, *weights = at

    def alone(*ws):
        return f(x, y, *ws)

    want = tl.hvp(alone, tuple(weights), along)
    for _ in range(2):  # arrays are used again
        assert all(map(same, p.hvp(tuple(at), along), want))
    assert all(map(same, p.jvp(tuple(at), along), tl.jvp(alone, weights, along)))


@pytest.mark.parametrize(("f", "y"), NETS)
def test_blocks_of_a_hessian_make_up_the_hessian_of_one_vector(f, y):
    p, at, _ = compiled(f, y)
    ends = np.cumsum([0, *(w.size for w in WEIGHTS)])

    def flat(v):
        return f(X, y, *[v[a:b].reshape(w.shape) for a, b, w in zip(ends, ends[1:], WEIGHTS, strict=False)])

    v = np.concatenate([w.ravel() for w in WEIGHTS])
    eager, whole = tl.hessian(flat)(v), tl.compile(flat, v).hessian(v)
    blocks = p.hessian(*at)
    assert [[b.shape for b in row] for row in blocks] == [[a.shape + b.shape for b in WEIGHTS] for a in WEIGHTS]
    sizes = [w.size for w in WEIGHTS]
    put = np.block([[b.reshape(m, n) for b, n in zip(row, sizes, strict=True)]
                    for row, m in zip(blocks, sizes, strict=True)])
    for found in (whole, put):
        np.testing.assert_allclose(found, eager, rtol=0, atol=ULPS)


@pytest.mark.parametrize("f", [
    lambda x: tl.tanh(x) @ np.ones((3, 5)), lambda x: x.sum(axis=1) ** 2, lambda x: x[0, 0] * 2.0, lambda x: x.T @ x,
])  # fmt: skip
def test_jacobians_are_those_of_eager_mode_whichever_way_they_go(f):
    p = tl.compile(f, X)
    for way in (tl.jacrev, tl.jacfwd):
        want = way(f)(X)
        assert p.jacobian(X).shape == want.shape
        np.testing.assert_allclose(p.jacobian(X), want, rtol=0, atol=ULPS)


def test_jacobians_by_several_arguments_and_of_the_first_result():
    p = tl.compile(lambda a, b: (tl.exp(a) * b, a), X, X, argnums=(1, 0))
    by_b, by_a = p.jacobian(X, X)
    assert np.allclose(by_b, tl.jacrev(lambda b: tl.exp(X) * b)(X)) and by_a.shape == (8, 3, 8, 3)
    few = tl.compile(lambda a, b: (a * b).sum(), X, X, argnums=(1, 0))
    assert all(map(same, few.jacobian(X, X), tl.grad(lambda a, b: (a * b).sum(), argnums=(1, 0))(X, X)))


@given(programs(unary=SMOOTH, max_steps=6))
@settings(max_examples=12, deadline=None)
def test_random_computations_have_the_products_and_hessians_of_eager_mode(program):
    x, *others = program.inputs
    p = tl.compile(program, *program.inputs)

    def alone(x):
        return program(x, *others)

    assert same(p.hvp(program.inputs, np.ones_like(x)), tl.hvp(alone, x, np.ones_like(x)))
    want = tl.hessian(alone)(x) if x.size else np.zeros(x.shape * 2)
    np.testing.assert_allclose(p.hessian(*program.inputs), want, rtol=1e-11, atol=1e-9)


SMALL = [name for name, op in OPS.items() if op.builtin and op.kind != "constant" and op.samples]


@pytest.mark.parametrize("name", SMALL)
def test_every_op_has_a_hessian(name):
    op = OPS[name]
    point = Point(op, op.samples[0])
    if not point.moving:
        return

    def loss(*xs):
        y = op(*xs, **op.samples[0].attrs)
        return tl.sum(y * y)

    k = point.moving[0]
    whole = list(point.arrays)
    want = tl.hessian(lambda x: loss(*whole[:k], x, *whole[k + 1 :]))(whole[k])
    got = tl.compile(loss, *whole, argnums=k).hessian(*whole)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13 * max(1.0, np.abs(want).max(initial=0)))


@pytest.mark.parametrize("name", sorted(faster()))
def test_faster_rules_have_second_derivatives_too(name):
    op = OPS[name]
    for sample in op.samples[:3]:
        point = Point(op, sample)
        k, whole = point.moving[0], list(point.arrays)

        def loss(*xs, sample=sample):
            y = op(*xs, **sample.attrs)
            return tl.sum(y * y)

        v = np.ones_like(whole[k])
        want = tl.hvp(lambda x, k=k, whole=whole, loss=loss: loss(*whole[:k], x, *whole[k + 1 :]), whole[k], v)
        got = tl.compile(loss, *whole, argnums=k, fast=True).hvp(tuple(whole), v)
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-12)


def test_a_derivative_is_a_program_with_a_source_of_its_own():
    p, at, along = compiled(mse, Y)
    assert p.hvp is p.hvp and "hvp_of_mse" in p.hvp.source and "def step(x, y, W1, b1, W2, b2, dW1" in p.hvp.source
    assert all(map(same, pasted(p.hvp.source, *at, *along), p.hvp(tuple(at), along)))
    assert "hessian_of_mse" in p.hessian.source and p.hessian.plan.nbytes > 0 and "primitives" in p.hessian.explain()
    assert "compiled jvp_of_mse" in repr(p.jvp) and not hasattr(p.jvp, "no_such_name")


def test_derivatives_of_lone_numbers():
    p = tl.compile(lambda x, y: x**3 * y, 2.0, 5.0, argnums=(0, 1))
    assert p.hvp((2.0, 5.0), (1.0, 0.0)) == (60.0, 12.0) and p.jvp((2.0, 5.0), (1.0, 1.0)) == (40.0, 68.0)
    assert p.hessian(2.0, 5.0) == ((60.0, 12.0), (12.0, 0.0)) and p.jacobian(2.0, 5.0) == (60.0, 8.0)


def test_names_of_vectors_are_not_those_of_arguments():
    p = tl.compile(lambda w, dw: tl.sum(w * w * dw), [1.0, 2.0], [3.0, 4.0])
    assert "def step(w, dw, ddw)" in p.hvp.source
    assert p.hvp(([1.0, 2.0], [3.0, 4.0]), [1.0, 1.0]).tolist() == [6.0, 8.0]


def test_other_shapes_make_other_programs():
    p = tl.compile(lambda x: tl.sum(x**3), np.ones(2))
    assert p.hessian(np.ones(3)).tolist() == np.diag([6.0] * 3).tolist()
    assert p.hvp(np.ones(4), np.arange(4.0)).tolist() == [0.0, 6.0, 12.0, 18.0]
    assert p.jacobian(np.ones(5)).tolist() == [3.0] * 5
    assert p.hessian(np.ones(3, np.float32)).dtype == p.hvp(np.ones(3, np.float32), [1, 2, 3]).dtype == np.float32


def test_derivatives_of_derivatives():
    p = tl.compile(lambda x: tl.sum(tl.sin(x) * x), X[0])
    third = tl.jacfwd(tl.hessian(lambda x: tl.sum(tl.sin(x) * x)))(X[0])
    np.testing.assert_allclose(p.hessian.jacobian(X[0]), third, atol=ULPS)
    np.testing.assert_allclose(tl.jacrev(p.hessian)(X[0]), third, atol=ULPS)
    s = tl.Session()
    w = s.param(X[0])
    found = s.backward(p.hvp(w * 1.0, X[1]).sum())[w]
    np.testing.assert_allclose(found, np.einsum("ijk,j->k", third, X[1]), atol=ULPS)


@pytest.mark.parametrize(("make", "kind", "words"), [
    (lambda p: p.hvp((X, Y), X), HandleTypeError, "2 arguments and 1 vectors instead of 1 and 1"),
    (lambda p: p.hvp(X, (X, X)), HandleTypeError, "1 arguments and 2 vectors"),
    (lambda p: p.jvp(X, X[:2]), ShapeError, r"shape \(2, 3\) for argument 0"),
    (lambda p: p.hvp(X, X), NonScalarError, r"\(8, 3\)"),
    (lambda p: p.hessian(X), NonScalarError, r"\(8, 3\)"),
    (lambda p: p.jacobian(X, X), HandleTypeError, "2 arguments"),
])  # fmt: skip
def test_what_does_not_fit_is_said(make, kind, words):
    scalar = "vectors" in words
    with pytest.raises(kind, match=words):
        make(tl.compile((lambda x: tl.sum(x * x)) if scalar else (lambda x: x * x), X))
