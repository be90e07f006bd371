"""Spellings of composites, arrays for them, and what a rewrite makes of a function."""

from __future__ import annotations

import numpy as np

import torchlean_nb as tl
from torchlean_nb.compiler.patterns import traced
from torchlean_nb.compiler.rewrites import played, rewriting
from torchlean_nb.compiler.rewrites_table import REWRITES

SPELLINGS = [(r, k) for r in REWRITES for k in range(len(r.spellings))]
NAMES = [f"{r.name}-{k}" for r, k in SPELLINGS]
ATTENTION = [((3, 4), (5, 4), (5, 2)), ((2, 3, 4), (2, 5, 4), (2, 5, 6))]
SHAPES = {
    "pool before relu": [((1, 2, 5, 6),), ((2, 1, 4),)],
    "linear": [((4, 3), (5, 3), (5,)), ((2, 4, 3), (5, 3), (5,))],
    "conv with bias": [((2, 2, 5, 4), (3, 2, 2, 3), (3,)), ((2, 1, 6), (2, 1, 3), (2,))],
    "cross_entropy of labels": [((5, 7), (5,)), ((3, 2), (3,))],
    "layer_norm with weight and bias": [((4, 6), (6,), (6,)), ((2, 3, 5), (5,), (5,))],
    "rms_norm with weight": [((4, 6), (6,)), ((2, 3, 5), (5,))],
    "batch_norm with weight and bias": [((4, 6), (6,), (6,))],
    "batch_norm": [((4, 6),), ((5, 3),)],
    "layer_norm": [((4, 6),), ((2, 3, 5),), ((7,),)],
    "scaled_dot_product_attention": ATTENTION,
    "scaled_dot_product_attention, scaled": ATTENTION,
    "scaled_dot_product_attention with a mask": [(*s, (3, 5)) for s in ATTENTION],
    "scaled_dot_product_attention with a mask, scaled": [(*s, (3, 5)) for s in ATTENTION],
}
X, Y = np.random.default_rng(0).normal(size=(2, 3, 3))
T, LABELS, KEY = abs(Y), np.array([0, 2, 1]), np.int64(7)
SUM = {"axis": 1, "keepdims": True}


def arguments(rewrite, shapes, dtype="float64", seed=0):
    """Arrays of these shapes and of the kinds the rewrite is for: labels, numbers above zero, any numbers."""
    rng, out = np.random.default_rng(seed), []
    for shape, like in zip(shapes, rewrite.examples, strict=True):
        if like.dtype.kind == "i":
            out.append(rng.integers(0, shapes[0][-1], shape))
        elif like.any() and (like >= 0).all():
            out.append(rng.uniform(0.1, 1.0, shape).astype(dtype))
        else:
            out.append(rng.normal(size=shape).astype(dtype) * 2)
    return out


def shapes_of(rewrite):
    return SHAPES.get(rewrite.name) or [((4, 3),) * len(rewrite.examples), ((3, 5),) * len(rewrite.examples)]


def both(f, arrays, seed=1):
    """Value, and gradients of a weighted sum of it."""
    wrt = tuple(k for k, a in enumerate(arrays) if a.dtype.kind == "f")
    seen = []

    def loss(*xs):
        y = f(*xs)
        seen.append(y.value)
        weights = np.random.default_rng(seed).uniform(0.5, 1.5, y.shape).astype(y.dtype)
        return tl.sum(y * weights)

    return seen, tl.value_and_grad(loss, argnums=wrt)(*arrays)[1]


def ulps(a, b):
    """Largest difference, in units of the last place of the largest entry."""
    a, b = np.asarray(a), np.asarray(b)
    top = max(np.abs(b).max(initial=0), np.finfo(b.dtype).tiny)
    return float(np.abs(a - b).max(initial=0) / np.spacing(top))


def names(f, *arrays, of=REWRITES):
    """What is found in a function."""
    return [x.rewrite.name for x in rewriting(traced(f, arrays), of)[1]]


def compare(f, arrays, rewrite):
    user, done = rewriting(traced(f, arrays), (rewrite,))
    assert [x.rewrite for x in done] == [rewrite]
    (want,), slopes = both(f, arrays)
    (got,), found = both(lambda *xs: played(user, xs[0].tape, xs)[0], arrays)
    assert got.shape == want.shape and got.dtype == want.dtype
    if rewrite.exact:
        assert np.array_equal(got, want) and all(map(np.array_equal, found, slopes))
    else:
        assert ulps(got, want) <= rewrite.ulps
        assert max(map(ulps, found, slopes)) <= rewrite.ulps


def dropped(x, key):
    return tl.dropout(x, key, p=0.5)


def squares(w, x, y):
    return tl.mean(tl.square(tl.relu(x @ w) * 0.5 - y)) + tl.sum(w**2) * 0.1
