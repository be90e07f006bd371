"""A least-squares problem as closures of every kind, and what an optimizer that takes one holds, bit for bit."""

from __future__ import annotations

import numpy as np

import torchlean_nb as tl
from torchlean_nb.minimizers import METHODS

RNG = np.random.default_rng(2)
W, B = RNG.normal(size=(2, 2)), RNG.normal(size=2)
X, Y = RNG.normal(size=(7, 2)), RNG.normal(size=(7, 2))


def residuals(p):
    return X @ p["w"] + p["b"] - Y


def squares(p):
    r = residuals(p)
    return float((r * r).sum()) / 2, {"w": X.T @ r, "b": r.sum(0)}


def jacobians(p):
    """Residuals raveled, and how each moves with each parameter."""
    w = np.einsum("ni,jk->njik", X, np.eye(2)).reshape(14, 2, 2)
    return residuals(p).ravel(), {"w": w, "b": np.tile(np.eye(2), (7, 1))}


def hessian(p):
    J = np.concatenate([j.reshape(14, -1) for j in jacobians(p)[1].values()], axis=1)
    return (*squares(p), J.T @ J)


def example(p, i):
    r = residuals(p)[i]
    return float(r @ r) / 2, {"w": np.outer(X[i], r), "b": r}


CLOSURES = {
    "value": lambda p: squares(p)[0], "gradient": squares, "hessian": hessian, "jacobian": jacobians,
    "examples": example,
}


def setting(name, **options):
    """An optimizer of the method and a closure that fits it."""
    need = next(iter(METHODS[name].needs))
    extra = {"examples": 7} if need == "examples" else {}
    return getattr(tl.optim, METHODS[name].class_name)({"w": W, "b": B}, **extra, **options), CLOSURES[need]


def digest(opt):
    s = opt.snapshot()
    slots = None if s.state.slots is None else {k: (v.shape, v.tobytes()) for k, v in s.state.slots.items()}
    counts = (s.state.steps, s.state.iterations, s.state.evaluations)
    return [v.tobytes() for v in s.values], slots, counts, [dict(g) for g in s.groups]


def steep(p):
    return float((p["w"] ** 4).sum()), {"w": 4 * p["w"] ** 3}
