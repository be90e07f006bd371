"""Second derivatives: the backward sweep is itself recorded, so it can be differentiated."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.laws.base import broken, differentiable, entry, law, worst
from torchlean_nb.laws.point import Point, whole
from torchlean_nb.laws.slope import compare

RELATIVE = 1e-11


def _direction(p: Point, rng: np.random.Generator) -> list[np.ndarray]:
    return [whole(x.shape, rng) / 8 for x in p.movers]


@law(differentiable)
def second_derivative_is_slope(op: Any, sample: Any) -> None:
    """The derivative of the recorded backward sweep is the slope of the gradient."""
    p, rng = Point(op, sample), np.random.default_rng(4)
    seed = whole(p.shape, rng)
    ts = _direction(p, rng)
    for i, run in enumerate(p.gradient_runs(seed)):

        def gradient(s: float, i: int = i) -> np.ndarray:
            return p.pulled(seed)(*[x + s * t for x, t in zip(p.movers, ts, strict=True)])[i]

        got = run.push(ts)
        want, at = compare(got, gradient, 0.0, 1.0)
        if at is not None:
            raise broken(
                op, sample, f"the second derivative by argument {p.moving[i]} is not the slope of its gradient",
                f"entry {at}", f"recorded {entry(got, at)}, finite difference {entry(want, at)}",
            )


@law(differentiable)
def second_derivative_is_symmetric(op: Any, sample: Any) -> None:
    """The Hessian of a weighted sum of the values is symmetric: both ways through the tape agree."""
    p, rng = Point(op, sample), np.random.default_rng(5)
    runs, ts = p.gradient_runs(whole(p.shape, rng)), _direction(p, rng)
    forward = [run.push(ts) for run in runs]
    backward = [sum(parts) for parts in zip(*(run.pull(t) for run, t in zip(runs, ts, strict=True)), strict=True)]
    for k, a, b in zip(p.moving, forward, backward, strict=True):
        at = worst(a, b, RELATIVE * max(1.0, float(np.abs(b).max(initial=0))))
        if at is not None:
            raise broken(
                op, sample, f"the Hessian is not symmetric at argument {k}", f"entry {at}",
                f"forward over backward {entry(a, at)}, backward over backward {entry(b, at)}",
            )
