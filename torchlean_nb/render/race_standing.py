"""How contenders stand: slopes along their paths, lowest loss, when the target was reached, and what became of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError, UnknownNameError
from torchlean_nb.escape import visible
from torchlean_nb.hypers import Hyper
from torchlean_nb.optim import row
from torchlean_nb.race.field import field
from torchlean_nb.race.rates import CHOSEN
from torchlean_nb.render.numbers import fmt
from torchlean_nb.surfaces import Surface, surface_of
from torchlean_nb.trace.race import RaceTrace, Track

_NAMED = 3
REST = 1e-7  # slope at which a path is said to have converged
_LABELS = {"momentum": "Momentum", "nesterov": "Nesterov", "lbfgs": "L-BFGS"}


@dataclass(frozen=True, eq=False)
class Standing:
    """One contender's path and what is said of it; steps are -1 where there is none."""

    track: Track
    label: str
    x: np.ndarray
    y: np.ndarray
    loss: np.ndarray
    slopes: np.ndarray
    ended: int
    converged: int
    best: float
    reached: int
    evaluations: int
    status: str
    hypers: Mapping[str, Hyper]


def standings(trace: RaceTrace, surface: Surface | None, target: float | None) -> list[Standing]:
    """Standing of every contender of a race, of its first path where it has several."""
    return [standing(t, trace, surface, target) for t in trace.tracks]


def standing(t: Track, trace: RaceTrace, surface: Surface | None, target: float | None) -> Standing:
    """Standing of one contender."""
    x, y, loss, ended = t.positions[:, 0, 0], t.positions[:, 1, 0], t.losses[:, 0], int(t.ended[0])
    slopes = gradients(surface, t.positions[:, :, 0].T)
    still = np.abs(slopes).max(axis=0) <= REST
    moving = np.flatnonzero(~still)
    first = moving[-1] + 1 if moving.size else 0
    converged = int(trace.steps[first]) if ended < 0 and first < len(still) else -1
    good = loss[np.isfinite(loss)]
    met = np.flatnonzero(loss <= target) if target is not None else np.zeros(0, int)
    reached = int(trace.steps[met[0]]) if met.size else -1
    steps, counted = int(trace.steps[-1]), int(t.evaluations[0])
    made = _moved(ended, converged, steps)
    # A method at rest asks once a step to see that it is; what counts is what it took to get there.
    asked = made if counted < 0 else counted - (steps - made) if ended < 0 else counted
    status = f"diverged at {ended + 1}" if ended >= 0 else f"converged at {converged}" if converged >= 0 else "ran"
    return Standing(
        t, label(t), x, y, loss, slopes, ended, converged, float(good.min()) if good.size else math.nan, reached,
        max(asked, 0), status, _row(t).hypers if _row(t) else {},
    )  # fmt: skip


def head(trace: RaceTrace, ended: int, at: int) -> int:
    """Record at which a path stands when the race stands at `at`: from where it ended it does not move."""
    return at if ended < 0 else min(at, int(np.searchsorted(trace.steps, ended)), len(trace.steps) - 1)


def _moved(ended: int, converged: int, steps: int) -> int:
    """Steps until a path diverged or converged; all where it did neither."""
    return ended + 1 if ended >= 0 else converged if converged >= 0 else steps


def label(t: Track) -> str:
    """Name as it is shown: the title of the row where a contender is called by the row's own name."""
    if t.name in _LABELS:
        return _LABELS[t.name]
    if t.name != t.rule:
        return visible(t.name, 40)
    rule = _row(t)
    return visible(rule.class_name if rule else t.name, 40)


def _row(t: Track) -> Any:
    """Row of a contender's rule; None where it was the user's own and is gone."""
    try:
        return row(t.rule)
    except UnknownNameError:
        return None


def surface_of_trace(trace: RaceTrace) -> Surface | None:
    """The surface a race ran on: the one it still holds, or what its plain data says."""
    if trace.source is not None:
        return trace.source[0]
    try:
        return surface_of(trace.surface)
    except (UnknownNameError, HyperparameterError):
        return None


def gradients(surface: Surface | None, points: np.ndarray) -> np.ndarray:
    """Exact gradients at points, both of shape (2, n); NaN where the surface is not known."""
    if surface is None:
        return np.full(points.shape, np.nan)
    with np.errstate(all="ignore"):
        if surface.gradient is not None:
            return np.stack([np.broadcast_to(np.asarray(g, float), points.shape[1:]) for g in surface.slope(*points)])
        return field(surface, points.shape[1], "float64")(np.ascontiguousarray(points))[1]


def equalities(trace: RaceTrace, stands: list[Standing]) -> tuple[list[str], list[str]]:
    """What is equal across the contenders, and what is not."""
    noise, dtype = float(trace.surface.get("noise", 0.0)), visible(trace.meta.get("dtype", "float64"), 20)
    gradients_ = f"noise of seed {visible(trace.meta.get('seed', 0), 20)}" if noise else "exact gradients"
    equal = ["start", f"{int(trace.steps[-1])} steps", gradients_, dtype]
    unequal = []
    for s in stands:
        per = s.evaluations / max(1, _moved(s.ended, s.converged, int(trace.steps[-1])))
        if per > 1.05:
            unequal.append(f"{s.label} takes {fmt(per, 2)} evaluations a step")
    if len(unequal) > _NAMED:
        unequal[_NAMED:] = [f"{len(unequal) - _NAMED} more take more than one"]
    chosen = visible(trace.meta.get("rates", ""), 80)
    if len(stands) > 1 and chosen:
        (equal if chosen == CHOSEN else unequal).append(chosen)
    return equal, unequal


def plain_number(v: Any) -> Any:
    """A number for JSON; None for what is not finite."""
    return None if isinstance(v, float) and not math.isfinite(v) else v
