"""A quadratic bowl, and runs of a rule on it."""

from __future__ import annotations

import numpy as np

import torchlean_nb as tl
from torchlean_nb.updates import RULES

_RNG = np.random.default_rng(7)
_ROWS = _RNG.normal(size=(12, 8)) * np.geomspace(1, 0.1, 8)
HESSIAN, TARGET = _ROWS.T @ _ROWS, _RNG.normal(size=8)
SMALLEST, *_, LARGEST = np.linalg.eigvalsh(HESSIAN)


def bowl(x):
    """A quadratic of condition some hundreds, 0 at its minimum."""
    return 0.5 * (x - TARGET) @ HESSIAN @ (x - TARGET)


def slope(x):
    return HESSIAN @ (x - TARGET)


def slot(opt, name):
    return opt.snapshot().state.params[0].slots[name]


def run(name, start, gradient, steps, seen="", **given):
    """Iterates, or the values of a slot, from gradients at the parameters or a list of them."""
    opt = getattr(tl.optim, RULES[name].class_name)({"w": np.asarray(start, dtype=float)}, **given)
    out = []
    for k in range(steps):
        opt.step({"w": gradient(opt.params["w"]) if callable(gradient) else gradient[k]})
        out.append(slot(opt, seen) if seen else opt.params["w"])
    return np.array(out)
