"""A core of the kernels on the second device of array-api-strict, which converts nothing and mixes nothing.

Its arrays take neither NumPy functions nor another device's arrays, and the module has only what the array API standard
has: what runs here asks no more of a library than that. A thin adapter gives the standard's names to `ArrayNamespace`.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from torchlean_nb.backend.namespace import DIRECT, ArrayNamespace, numpy_namespace
from torchlean_nb.rows import OPS
from torchlean_nb.updates import RULES

strict = pytest.importorskip("array_api_strict")
THERE = strict.Device("device1")
RENAMED = {"true_divide": "divide", "power": "pow", "arctan": "atan", "absolute": "abs"}


def put(a):
    return strict.asarray(a, device=THERE)


def back(a):
    assert a.device == THERE
    return np.asarray(strict.asarray(a, device=strict.Device("CPU_DEVICE")))


def _library():
    """The standard's functions under NumPy's names."""
    names = {theirs: getattr(strict, RENAMED.get(theirs, theirs)) for theirs in DIRECT.values()}
    return SimpleNamespace(dtype=np.dtype, flip=strict.flip, **names)


class StrictNamespace(ArrayNamespace):
    """The primitives where the standard spells them otherwise than NumPy: no methods, no ``like=``."""

    def __init__(self):
        super().__init__(_library())

    def asarray(self, x, dtype=None):
        return strict.asarray(x, dtype=dtype, device=THERE)

    def zeros(self, *, shape, like):
        return strict.zeros(shape, dtype=like.dtype, device=THERE)

    def ones(self, *, shape, like):
        return strict.ones(shape, dtype=like.dtype, device=THERE)

    def where(self, condition, a, b):
        return strict.where(condition, a, b)

    def sum(self, x, *, axis=None, keepdims=False):
        return strict.sum(x, axis=axis, keepdims=keepdims)

    def max(self, x, *, axis=None, keepdims=False):
        return strict.max(x, axis=axis, keepdims=keepdims)

    def min(self, x, *, axis=None, keepdims=False):
        return strict.min(x, axis=axis, keepdims=keepdims)

    def prod(self, x, *, axis=None, keepdims=False):
        return strict.prod(x, axis=axis, keepdims=keepdims)

    def cumsum(self, x, *, axis=None):
        return strict.cumulative_sum(x, axis=axis)

    def argmax(self, x, *, axis=None, keepdims=False):
        return strict.argmax(x, axis=axis, keepdims=keepdims)

    def argsort(self, x, *, axis=-1):
        return strict.argsort(x, axis=axis, stable=True)

    def matmul(self, a, b):
        return strict.matmul(a, b)

    def reshape(self, x, *, shape):
        return strict.reshape(x, shape)

    def transpose(self, x, *, axes=None):
        return strict.permute_dims(x, axes or tuple(range(x.ndim))[::-1])

    def broadcast_to(self, x, *, shape):
        return strict.broadcast_to(x, shape)

    def concatenate(self, *xs, axis=0):
        return strict.concat(xs, axis=axis)

    def take(self, x, idx, *, axis=None):
        return strict.take(x, idx, axis=axis)

    def take_along(self, x, idx, *, axis):
        return strict.take_along_axis(x, idx, axis=axis)


XP, HERE = StrictNamespace(), numpy_namespace()
RNG = np.random.default_rng(0)
A, B, V = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=4)
W, M, K = RNG.normal(size=(4, 2)), RNG.normal(size=(3, 4)) > 0, np.array([2, 0, 1])


def same(there, here, ulps=1):
    there = back(there)
    assert (there.shape, there.dtype) == (here.shape, here.dtype)
    if here.dtype.kind == "f":
        np.testing.assert_array_max_ulp(there, here, ulps)
    else:
        assert (there == here).all()


PRIMITIVES = {
    **{name: lambda xp, a, b, n=name: getattr(xp, n)(a, b) for name in (
        "add", "sub", "mul", "div", "maximum", "minimum", "logaddexp", "greater", "greater_equal", "equal",
    )},
    **{name: lambda xp, a, b, n=name: getattr(xp, n)(a) for name in (
        "neg", "exp", "expm1", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "abs", "sign",
    )},
    **{name: lambda xp, a, b, n=name: getattr(xp, n)(xp.abs(a)) for name in ("log", "log1p", "sqrt")},
    "pow": lambda xp, a, b: xp.pow(xp.abs(a), b),
}  # fmt: skip
SHAPES = {
    "sum": lambda xp, p: xp.sum(p(A)),
    "sum of an axis": lambda xp, p: xp.sum(p(A), axis=0, keepdims=True),
    "max": lambda xp, p: xp.max(p(A), axis=1),
    "min": lambda xp, p: xp.min(p(A), axis=(0, 1)),
    "prod": lambda xp, p: xp.prod(p(A), axis=1),
    "cumsum": lambda xp, p: xp.cumsum(p(A), axis=1),
    "argmax": lambda xp, p: xp.argmax(p(A), axis=1),
    "argsort": lambda xp, p: xp.argsort(p(A), axis=0),
    "matmul": lambda xp, p: xp.matmul(p(A), p(W)),
    "reshape": lambda xp, p: xp.reshape(p(A), shape=(2, 6)),
    "transpose": lambda xp, p: xp.transpose(p(A)),
    "broadcast_to": lambda xp, p: xp.broadcast_to(p(V), shape=(3, 4)),
    "concatenate": lambda xp, p: xp.concatenate(p(A), p(B), axis=1),
    "flip": lambda xp, p: xp.flip(p(A), axis=1),
    "where": lambda xp, p: xp.where(p(M), p(A), p(B)),
    "where not": lambda xp, p: xp.where(xp.logical_not(p(M)), p(A), 0.0),
    "take": lambda xp, p: xp.take(p(A), p(K), axis=1),
    "take_along": lambda xp, p: xp.take_along(p(A), p(K[:, None]), axis=1),
    "index": lambda xp, p: xp.index(p(A), key=(slice(None), 1)),
    "zeros": lambda xp, p: xp.zeros(shape=(2,), like=p(A)),
    "ones": lambda xp, p: xp.ones(shape=(), like=p(A)),
}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_an_elementwise_primitive_runs_there(name):
    same(PRIMITIVES[name](XP, put(A), put(B)), PRIMITIVES[name](HERE, A, B))


@pytest.mark.parametrize("name", SHAPES)
def test_a_primitive_of_shapes_runs_there(name):
    same(SHAPES[name](XP, put), SHAPES[name](HERE, lambda a: a))


ROWS = {
    "add": (A, B), "sub": (A, B), "mul": (A, B), "div": (A, 3 + np.abs(B)), "matmul": (A, W), "tanh": (A,),
    "exp": (A,), "log": (np.abs(A),), "sum": (A,), "neg": (A,), "sqrt": (np.abs(A),), "sin": (A,), "cos": (A,),
    "sigmoid": (A,), "softplus": (A,), "square": (A,), "reshape": (A,),
    "transpose": (A,), "mean": (A,),
}  # of those that multiply by a mask, as relu does, the standard knows nothing  # fmt: skip
ATTRS = {"reshape": {"shape": (4, 3)}}


@pytest.mark.parametrize("name", ROWS)
def test_forward_and_derivative_of_a_row_run_there(name):
    op, args = OPS[name], ROWS[name]
    attrs = {**op.attrs, **ATTRS.get(name, {})}
    there, here = [put(a) for a in args], list(args)
    results = []
    for xp, xs, lift in ((XP, there, put), (HERE, here, lambda a: a)):
        y = op.forward(xp, *xs, **attrs)
        y, head = (y[0], (y[1],)) if op.residuals else (y, ())
        g = lift(np.random.default_rng(1).normal(size=y.shape))
        slopes = [op.rule(k)(xp, g, y, *head, *xs, **attrs) for k in range(len(xs)) if op.rule(k)]
        results.append([y, *slopes])
    for on, off in zip(*results, strict=True):
        same(on, off)


@pytest.mark.parametrize(("name", "given"), [
    ("sgd", {}), ("sgd", {"momentum": 0.9}), ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("adam", {}), ("adam", {"amsgrad": True}), ("adamw", {}),
])  # fmt: skip
def test_an_update_rule_runs_there(name, given):
    rule, h = RULES[name], SimpleNamespace(**RULES[name].resolve(given))
    ends = []
    for xp, lift in ((XP, put), (HERE, lambda a: a)):
        p, slots = lift(A), None
        for t in (1, 2, 3):
            slots = rule.start(p, h, xp) if slots is None else slots
            terms = rule.terms(lift(t * B), p, slots, h, t, xp)
            slots, p = {k: terms[k] for k in slots}, p + terms["delta"]
        ends.append((p, *slots.values()))
    for on, off in zip(*ends, strict=True):
        same(on, off)


def test_nothing_converts_or_mixes_there():
    a = put(A)
    for wrong in (np.asarray, np.sin, lambda x: x + A, lambda x: x + strict.asarray(A), lambda x: XP.add(x, A)):
        with pytest.raises((TypeError, ValueError, RuntimeError)):
            wrong(a)
