"""Landscapes computed by hand: a network of two layers in plain NumPy, its training, planes and lines."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from torchlean_nb.trace.landscape import LandscapeTrace, Line, Path, Plane, Rescaling

HIDDEN, STEPS, SIDE = 6, 48, 21
SIZE = 4 * HIDDEN + 1


def data():
    """Points of a wave, shape (40, 2) and (40,)."""
    x = np.random.default_rng(0).uniform(-2, 2, (40, 2))
    return x, np.sin(2 * x[:, 0]) * x[:, 1]


def loss(thetas):
    """Mean squared error of many networks at once, shape (..., SIZE) to (...); relu between two layers."""
    x, y = data()
    w1, b1, w2, b2 = np.split(np.asarray(thetas), [2 * HIDDEN, 3 * HIDDEN, 4 * HIDDEN], axis=-1)
    hidden = np.maximum(0, np.einsum("...hi,ni->...nh", w1.reshape(*w1.shape[:-1], HIDDEN, 2), x) + b1[..., None, :])
    return ((np.einsum("...nh,...h->...n", hidden, w2) + b2 - y) ** 2).mean(axis=-1)


def trained():
    """Parameters during gradient descent, shape (STEPS + 1, SIZE)."""
    theta, eye, way = np.random.default_rng(1).normal(0, 0.7, SIZE), 1e-5 * np.eye(SIZE), []
    for _ in range(STEPS):
        way.append(theta)
        theta = theta - 0.15 * (loss(theta + eye) - loss(theta - eye)) / 2e-5
    return np.array([*way, theta])


def filters():
    """For each weight, the number of the filter it belongs to: all that enters a unit, or one weight that leaves it."""
    into, out = np.arange(HIDDEN), np.arange(HIDDEN, 2 * HIDDEN + 1)
    return np.concatenate([np.repeat(into, 2), into, out])


FILTERS = filters()


def normalised(direction, theta):
    """A direction, unit by unit as long as the weights."""
    out = direction.copy()
    for unit in np.unique(FILTERS):
        at = unit == FILTERS
        out[at] *= np.linalg.norm(theta[at]) / np.linalg.norm(direction[at])
    return out


def plane(kind, way, d1, d2, reach):
    """Plane through the end of the way, with the points of the way put onto it by least squares."""
    end, basis = way[-1], np.stack([d1, d2], axis=1)
    at = np.linspace(-reach, reach, SIDE)
    spots = np.linalg.lstsq(basis, (way - end).T, rcond=None)[0].T
    a, b = (np.linspace(min(-reach, 1.1 * s.min()), max(reach, 1.1 * s.max()), SIDE) for s in spots.T)
    a, b = (a, b) if kind == "pca" else (at, at)
    grid = end + a[None, :, None] * d1 + b[:, None, None] * d2
    off = np.linalg.norm(way - end - spots @ basis.T, axis=1)
    whole = ((way - end) ** 2).sum()
    lengths = np.linalg.norm(basis, axis=0)
    return Plane(kind, a, b, loss(grid), spots, off, 1 - (off**2).sum() / whole,
                 ((spots * lengths) ** 2).sum(axis=0) / whole, lengths)  # fmt: skip


@cache
def wave(name="wave", every=True):
    """Three planes, a path, rescalings and a line; without `every`, one random plane and nothing else."""
    rng, way = np.random.default_rng(2), trained()
    end = way[-1]
    d1, d2 = rng.normal(size=(2, SIZE))
    if not every:
        p = plane("random", way, d1, d2, 1.0)
        return LandscapeTrace(name, [Plane("random", p.a, p.b, p.losses)])
    _, s, v = np.linalg.svd(way - end, full_matrices=False)
    f1, f2 = normalised(d1, end), normalised(d2, end)
    planes = [plane("random", way, d1, d2, 1.0), plane("pca", way, v[0], v[1], 0.5),
              plane("filter-normalised", way, f1, f2, 1.0)]  # fmt: skip
    at, layer = np.linspace(-1, 1, 41), FILTERS
    first = np.arange(SIZE) < 3 * HIDDEN
    rescalings = []
    for c in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0):
        scaled = np.where(first, end * c, np.where(layer < 2 * HIDDEN, end / c, end))
        lines = [loss(scaled + at[:, None] * d) for d in (d1, normalised(d1, scaled))]
        rescalings.append(Rescaling(c, at, *lines, loss(scaled)))
    t = np.linspace(-0.25, 1.25, 31)
    between = loss(way[0] + t[:, None] * (end - way[0]))
    line = Line("start to end", t, between, 1 / (1 + between))
    meta = {"parameters": SIZE, "samples": 40, "seed": 0, "status": "finished"}
    path = Path(np.arange(STEPS + 1) * 10, loss(way))
    return LandscapeTrace(name, planes, path, rescalings, [line], s**2 / (s**2).sum(), meta)


def holed(name="holes"):
    """One plane of which a corner was never computed and one point is infinite."""
    base = wave().planes[1]
    losses = base.losses.copy()
    losses[:4, :5], losses[12, 15] = np.nan, np.inf
    whole = replace(base, losses=losses)
    return LandscapeTrace(name, [whole], wave().path, spectrum=wave().spectrum, meta={"status": "interrupted"})


def named(name):
    """A small landscape with one name wherever a name can be; it is flat, so that nothing is contoured."""
    flat = np.ones((3, 3))
    p = Plane("random", [-1, 0, 1], [-1, 0, 1], flat, [[1, 1], [0, 0]], [3, 0], 0.02, [0.01, 0.01], [2, 2])
    lines = [Line(name, [0, 0.5, 1], [2, 1, 2], [0.2, 0.6, 0.3]), Line(name, [0, 1], [2, 1])]
    return LandscapeTrace(name, [p], Path([0, 5], [4.0, 1.0]), lines=lines, spectrum=[0.9, 0.1], meta={"note": name})
