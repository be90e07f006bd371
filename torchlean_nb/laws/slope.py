"""First independent link: the JVP is the slope of the values, measured by finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from torchlean_nb.laws.base import broken, differentiable, entry, law, worst
from torchlean_nb.laws.point import Point, directions

STEPS = (2.0**-8, 2.0**-11, 2.0**-14)
WEIGHTS = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
At = tuple[int, ...] | None


def slope(f: Callable[[Any], Any], x: Any, t: Any, h: float) -> np.ndarray:
    """Derivative of `f` at `x` along `t` from six values; the error is of order h**6."""
    return sum(w * (f(x + k * h * t) - f(x - k * h * t)) for k, w in WEIGHTS.items()) / h


def compare(got: Any, f: Callable[[Any], Any], x: Any, t: Any) -> tuple[np.ndarray, At]:
    """Slopes and the entry of `got` that is not among them, None when some step size agrees.

    A kink nearby spoils the large steps and rounding the small ones, so one that agrees is enough:
    a wrong rule agrees with none.
    """
    size = max(1.0, float(np.abs(f(x)).max(initial=0)))
    for h in STEPS:
        want = slope(f, x, t, h)
        at = worst(got, want, 1e-9 * np.abs(want) + 2e-15 / h * max(size, float(np.abs(want).max(initial=0))))
        if at is None:
            break
    return want, at


def one_sided(f: Callable[[Any], Any], x: Any, t: Any) -> tuple[np.ndarray, np.ndarray]:
    """Slopes from the left and from the right; where they differ there is a kink."""
    h = 2.0**-20
    return (f(x) - f(x - h * t)) / h, (f(x + h * t) - f(x)) / h


@law(differentiable)
def tangent_is_slope(op: Any, sample: Any) -> None:
    """The JVP of every argument is the slope of the values along each unit vector."""
    p, rng = Point(op, sample), np.random.default_rng(1)
    for i, k in enumerate(p.moving):
        for t in directions(p.movers[i].shape, rng):
            got = p.push(i, t)
            want, at = compare(got, lambda a, i=i: p.value(*p.movers[:i], a, *p.movers[i + 1 :]), p.movers[i], t)
            if at is not None:
                raise broken(
                    op, sample, f"the JVP of argument {k} is not the slope of the values", f"entry {at} of the tangent",
                    f"rule {entry(got, at)}, finite difference {entry(want, at)}",
                )
