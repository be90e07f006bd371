"""Frames of a decision boundary: in words, as the payload of their animation, and where the boundary runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.numbers import fmt
from torchlean_nb.trace.arrays import encode_array
from torchlean_nb.trace.boundary import NOT_A_NUMBER, TOP, BoundaryTrace

HUES = ("value", "grad", "upd", "par", "inp", "pur", "const")
INKS = {"value": "#0072B2", "grad": "#D55E00", "upd": "#009E73", "par": "#E69F00", "inp": "#56B4E9", "pur": "#CC79A7",
        "const": "#7d868f"}  # fmt: skip
BANDS = 6
_LETTERS, _ROWS, _COLUMNS = "ox+*=#%@abcdefghijkl", 20, 40
_SHADES = " .:-=+*#%@"


def boundary_text(trace: BoundaryTrace, frame: int | None = None) -> str:
    """One frame in letters, the classes or the predictions from low to high, and a table of all frames.

    Examples
    --------
    >>> codes = np.zeros((1, 2, 2)) + [[0, 130]]
    >>> t = BoundaryTrace("t", [0], [0.5], codes.astype(int), [[0, 0]], [0], [[0]], [0, 1, 0, 1], ("a", "b"))
    >>> print(boundary_text(t))
    t: Before the first update the loss is 0.5; 1 of 1 points are on their side (100 %).
    The map: o a, x b
    ox
    ox
    update   loss  right
         0    0.5  1 of 1
    """
    frame = len(trace) - 1 if frame is None else frame
    head = f"{'update':>6}  {'loss':>5}" + ("  right" if trace.classes else "")
    rows = [f"{k:>6}  {fmt(v, 4):>5}" + (f"  {_right(trace, i)}" if trace.classes else "")
            for i, (k, v) in enumerate(zip(trace.steps.tolist(), trace.loss.tolist(), strict=True))]  # fmt: skip
    codes = trace.codes[frame]
    picked = codes[np.ix_(*(np.linspace(0, n - 1, min(n, m)).round().astype(int)
                            for n, m in zip(codes.shape, (_ROWS, _COLUMNS), strict=True)))]  # fmt: skip
    letters = _LETTERS if trace.classes else _SHADES
    place = picked // trace.levels if trace.classes else picked.astype(int) * len(_SHADES) // 255
    drawn = np.where(picked == NOT_A_NUMBER, "?", np.array(list(letters))[np.minimum(place, len(letters) - 1)])
    if trace.classes:
        key = ", ".join(f"{letters[i]} {visible(name, 20)}" for i, name in enumerate(trace.labels))
    else:
        key = f"{fmt(trace.scale[0], 4)} is blank, {fmt(trace.scale[1], 4)} is @"
    title = f"{visible(trace.name, 60)}: {sentence(trace, frame)}"
    return "\n".join([title, f"The map: {key}", *("".join(line) for line in drawn[::-1]), head, *rows])


def _right(trace: BoundaryTrace, frame: int) -> str:
    return f"{int(trace.right(frame).sum())} of {len(trace.points)}"


def sentence(trace: BoundaryTrace, frame: int) -> str:
    """What a frame shows.

    Examples
    --------
    >>> t = BoundaryTrace("t", [3], [0.5], [[[0, 9], [9, 9]]], [[0, 0]], [1.0], [[2.0]], [0, 1, 0, 1])
    >>> sentence(t, 0)
    'After 3 updates the loss is 0.5; for the points the model says 2 to 2.'
    """
    k = int(trace.steps[frame])
    when = "Before the first update" if k == 0 else "After 1 update" if k == 1 else f"After {k} updates"
    said = f"{when} the loss is {fmt(trace.loss[frame], 4)}"
    if trace.classes:
        share = fmt(100 * trace.accuracy(frame), 3)
        return f"{said}; {_right(trace, frame)} points are on their side ({share} %)."
    good = trace.guesses[frame][np.isfinite(trace.guesses[frame])]
    span = f"{fmt(good.min(), 3)} to {fmt(good.max(), 3)}" if good.size else "nothing that is a number"
    return f"{said}; for the points the model says {span}."


def boundary_payload(trace: BoundaryTrace) -> dict[str, Any]:
    """Payload of the animation: everything of the trace, with its sentences."""
    return {
        "name": visible(trace.name), "labels": [visible(t, 40) for t in trace.labels],
        "axes": [visible(t, 40) for t in trace.axes],
        "bounds": trace.bounds.tolist(), "scale": trace.scale.tolist(), "steps": trace.steps.tolist(),
        "loss": [v if np.isfinite(v) else None for v in trace.loss.tolist()],
        "codes": encode_array(trace.codes), "points": encode_array(trace.points),
        "targets": encode_array(trace.targets), "guesses": encode_array(trace.guesses.astype(np.float32)),
        "levels": trace.levels, "says": [sentence(trace, i) for i in range(len(trace))],
    }  # fmt: skip


def areas(trace: BoundaryTrace, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Area of every cell, and how far it is from the next: classes, or bands between contour lines."""
    codes = trace.codes[frame].astype(np.float64)
    if trace.classes:
        return codes // trace.levels, codes % trace.levels
    return np.floor(codes / TOP * BANDS).clip(0, BANDS - 1), codes


def outline(trace: BoundaryTrace, frame: int) -> list[tuple[float, float, float, float]]:
    """Segments between areas, by marching squares: ``(x, y, x, y)`` in cells from the lower left corner."""
    area, size = areas(trace, frame)
    corners = ((0, 0), (0, 1), (1, 1), (1, 0))
    h, w = area.shape
    at = [area[i : h - 1 + i, j : w - 1 + j] for i, j in corners]
    mixed = (at[0] != at[1]) | (at[1] != at[2]) | (at[2] != at[3])
    segments = []
    for r, c in zip(*np.nonzero(mixed), strict=True):
        found = []
        for (i, j), (p, q) in zip(corners, (*corners[1:], corners[0]), strict=True):
            a, b = (r + i, c + j), (r + p, c + q)
            if area[a] != area[b]:
                t = _crossing(trace, size[a], size[b], area[a], area[b])
                found.append((c + 0.5 + j + t * (q - j), r + 0.5 + i + t * (p - i)))
        middle = tuple(np.mean(found, axis=0))
        ends = [(found[0], found[1])] if len(found) == 2 else [(one, middle) for one in found]
        segments += [(*map(float, a), *map(float, b)) for a, b in ends]
    return segments


def _crossing(trace: BoundaryTrace, u: float, v: float, of_u: float, of_v: float) -> float:
    """Where between two cells the boundary runs, from 0 to 1."""
    if trace.classes:
        return (u + 0.5) / (u + v + 1)
    cut = max(of_u, of_v) * TOP / BANDS
    return min(1.0, max(0.0, (cut - u) / (v - u)))
