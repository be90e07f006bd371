"""What a plane through a loss shows, in words: the meter, the names of its axes, one sentence for each step."""

from __future__ import annotations

import math
from operator import index
from typing import Any

import numpy as np

from torchlean_nb.errors import CapabilityError, HyperparameterError, HyperparameterTypeError, quote
from torchlean_nb.escape import visible
from torchlean_nb.render.landscape_ground import bilinear
from torchlean_nb.render.numbers import fmt
from torchlean_nb.trace.landscape import LandscapeTrace, Plane

LABELS = {"random": "random", "pca": "PCA", "filter-normalised": "filter-normalised", "hessian": "Hessian"}
ABOUT = {
    "random": "Two random directions through the end of the training.",
    "pca": "The two directions along which the training moved most.",
    "filter-normalised": "Two random directions, filter by filter as long as the weights.",
    "hessian": "The two directions of strongest curvature at the end of the training.",
}
_AXES = {"pca": "component", "hessian": "eigenvector"}
# Less than this share of the path in the plane, and the meter says so in these words.
_FLAGS = (
    (0.05, "low", "the path is almost entirely outside this picture"),
    (0.5, "low", "most of the path is outside this picture"),
    (0.95, "part", "a part of the path is outside this picture"),
)


def percent(share: float) -> str:
    """A share between 0 and 1 in per cent; only the whole is 100 %, and only nothing is 0 %.

    Examples
    --------
    >>> percent(0.9931), percent(0.00044), percent(0.99999), percent(1.0)
    ('99.3 %', '0.044 %', '99.999 %', '100 %')
    """
    for digits in (3 if share >= 0.01 else 2, 4, 5, 6):
        text = f"{100 * share:.{digits}g}"
        if share >= 1 or float(text) < 100:
            break
    return f"{fmt(float(text), 6)} %"


def meter(plane: Plane) -> tuple[str, str]:
    """How much of the path a plane holds: ``"fine"``, ``"part"``, ``"low"`` or ``"none"``, and a sentence.

    Examples
    --------
    >>> flat = {"a": [0, 1], "b": [0, 1], "losses": [[1, 2], [2, 3]], "positions": [[0, 0]], "residuals": [5.0]}
    >>> meter(Plane("random", **flat, explained=0.0004))
    ('low', 'This plane explains 0.04 % of the path: the path is almost entirely outside this picture.')
    >>> meter(Plane("pca", **flat, explained=0.993))
    ('fine', 'This plane explains 99.3 % of the path.')
    """
    if not len(plane.residuals):
        return "none", "No path was recorded: this plane explains nothing of where the training went."
    if math.isnan(plane.explained):
        return "none", "How much of the path this plane explains cannot be told."
    said = f"This plane explains {percent(plane.explained)} of the path"
    for bound, level, warning in _FLAGS:
        if plane.explained < bound:
            return level, f"{said}: {warning}."
    return "fine", f"{said}."


def labels(trace: LandscapeTrace) -> list[str]:
    """Short name of each plane, numbered where a kind occurs more than once."""
    out: list[str] = []
    kinds = [p.kind for p in trace.planes]
    for i, kind in enumerate(kinds):
        number = f" {kinds[: i + 1].count(kind)}" if kinds.count(kind) > 1 else ""
        out.append(LABELS[kind] + number)
    return out


def axes(plane: Plane) -> list[str]:
    """Names of the two directions, with the share of the path along each."""
    word = _AXES.get(plane.kind, "direction")
    known = len(plane.residuals) and np.isfinite(plane.shares).all()
    return [f"{word} {i + 1}" + (f", {percent(s)} of the path" if known else "")
            for i, s in enumerate(plane.shares.tolist())]  # fmt: skip


def choose(trace: LandscapeTrace, plane: Any) -> int:
    """Number of a plane, given its number or its kind.

    Raises
    ------
    CapabilityError
        For a trace without planes.
    UnknownNameError, HyperparameterError, HyperparameterTypeError
        For a plane that is not there.
    """
    if not trace.planes:
        raise CapabilityError("landscape: there is no plane to show", None, "tl.landscape(model, data, plane='pca')")
    if isinstance(plane, str):
        return trace.planes.index(trace[plane])
    try:
        i = index(plane)
    except TypeError as e:
        raise HyperparameterTypeError(f"plane: expected a number or a kind, got {quote(plane)}") from e
    if not -len(trace.planes) <= i < len(trace.planes):
        raise HyperparameterError(f"plane: {i} is not one of {len(trace.planes)}", None, ", ".join(trace))
    return i % len(trace.planes)


def point(trace: LandscapeTrace, step: int | None) -> int:
    """Number of a point of the path inside ``0..k - 1``, the last when left out; 0 without a path."""
    last = len(trace.path.steps) - 1 if trace.path else 0
    return last if step is None else max(0, min(last, int(step)))


def sentence(trace: LandscapeTrace, plane: int, step: int | None = None) -> str:
    """What one plane shows of one point of the path.

    Examples
    --------
    >>> from torchlean_nb.trace.landscape import Path
    >>> p = Plane("random", [0, 1], [0, 1], [[1, 2], [2, 3]], [[0.5, 0.5]], [4.0], 0.01, [0.01, 0.0])
    >>> sentence(LandscapeTrace("t", [p], Path([7], [2.5])), 0)
    'After 7 updates the loss is 2.5; the plane says 2 there, and the path is 4 away from it.'
    """
    shown = trace.planes[plane]
    if trace.path is None or not len(trace.path.steps):
        good = shown.losses[np.isfinite(shown.losses)]
        span = f"from {fmt(good.min(), 4)} to {fmt(good.max(), 4)}" if good.size else "nowhere a number"
        return f"The {LABELS[shown.kind]} plane: the loss is {span}."
    i = point(trace, step)
    k = int(trace.path.steps[i])
    when = "Before the first update" if k == 0 else f"After {k} update{'' if k == 1 else 's'}"
    under = float(bilinear(shown, *shown.positions[i]))
    says = "has no number there" if math.isnan(under) else f"says {fmt(under, 4)} there"
    off = float(shown.residuals[i])
    away = f"and the path is {fmt(off, 3)} away from it" if off else "and the path is in it"
    away = away if math.isfinite(off) else "and the path has left all numbers"
    return f"{when} the loss is {fmt(trace.path.losses[i], 4)}; the plane {says}, {away}."


def heading(trace: LandscapeTrace) -> str:
    """Name, and what is known of the network."""
    count = trace.meta.get("parameters")
    size = f", {count} parameters" if isinstance(count, int) else ""
    return f"{visible(trace.name, 60) or 'Loss landscape'}{size}"
