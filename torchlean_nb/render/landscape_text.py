"""A landscape as text: the meter, the planes, the path beside what the plane says of it, the lines."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.landscape_ground import bilinear
from torchlean_nb.render.landscape_words import choose, heading, labels, meter, percent, point, sentence
from torchlean_nb.render.numbers import fmt
from torchlean_nb.trace.landscape import LandscapeTrace, Plane

_MOST = 16


def landscape_text(trace: LandscapeTrace, plane: int | str = 0, step: int | None = None) -> str:
    """The meter, a sentence, and tables of the planes, of the path in one of them, of rescalings and lines.

    Parameters
    ----------
    trace : LandscapeTrace
    plane : int or str
        Number or kind of the plane that the path is shown in.
    step : int, optional
        Point of the path that the sentence is about; the last by default.

    Examples
    --------
    >>> from torchlean_nb.trace.landscape import Path
    >>> p = Plane("random", [0, 1], [0, 1], [[1, 2], [2, 3]], [[0.5, 0.5]], [4.0], 0.01, [0.01, 0.0])
    >>> print(landscape_text(LandscapeTrace("t", [p], Path([7], [2.5]))))
    t
    This plane explains 1 % of the path: the path is almost entirely outside this picture.
    After 7 updates the loss is 2.5; the plane says 2 there, and the path is 4 away from it.
    <BLANKLINE>
    plane       grid  lowest  highest  no number  explains  farthest
    random *  2 by 2       1        3          0       1 %         4
    <BLANKLINE>
    update  loss  plane says  away from it    a    b
         7   2.5           2             4  0.5  0.5
    """
    parts = [heading(trace)]
    if trace.planes:
        chosen = choose(trace, plane)
        parts += [meter(trace.planes[chosen])[1], sentence(trace, chosen, step), "", *_planes(trace, chosen)]
        parts += _path(trace, trace.planes[chosen], point(trace, step))
    if len(trace.spectrum):
        shares = ", ".join(percent(v) for v in trace.spectrum[:6].tolist())
        parts += ["", f"principal components of the path: {shares}"]
    if trace.rescalings:
        parts += ["", *_rescalings(trace)]
    for line in trace.lines:
        parts += ["", f"line {visible(line.name, 60)}", *_table(
            ["at", "loss", *(["accuracy"] if len(line.accuracy) else [])],
            ([fmt(line.at[i], 4), fmt(line.losses[i], 5), *([fmt(line.accuracy[i], 4)] if len(line.accuracy) else [])]
             for i in _some(len(line.at))))]  # fmt: skip
    return "\n".join(parts)


def _planes(trace: LandscapeTrace, chosen: int) -> list[str]:
    rows = []
    for i, (p, label) in enumerate(zip(trace.planes, labels(trace), strict=True)):
        good = p.losses[np.isfinite(p.losses)]
        ends = [fmt(good.min(), 4), fmt(good.max(), 4)] if good.size else ["none", "none"]
        path = ["no path", "no path"] if math.isnan(p.explained) or not len(p.residuals) else [
            percent(p.explained), fmt(p.residuals.max(), 4)]  # fmt: skip
        grid = f"{len(p.a)} by {len(p.b)}"
        rows.append([label + (" *" if i == chosen else ""), grid, *ends, str(p.losses.size - good.size), *path])
    return _table(["plane", "grid", "lowest", "highest", "no number", "explains", "farthest"], rows)


def _path(trace: LandscapeTrace, plane: Plane, now: int) -> list[str]:
    if trace.path is None or not len(trace.path.steps):
        return []
    rows = (
        [str(trace.path.steps[i]), fmt(trace.path.losses[i], 5), fmt(bilinear(plane, *plane.positions[i]), 5),
         fmt(plane.residuals[i], 4), *(fmt(v, 4) for v in plane.positions[i])]
        for i in _some(len(trace.path.steps), now)
    )  # fmt: skip
    return ["", *_table(["update", "loss", "plane says", "away from it", "a", "b"], rows)]


def _rescalings(trace: LandscapeTrace) -> list[str]:
    rows = (
        [fmt(r.factor, 3), fmt(r.loss, 6), fmt(rise(r.at, r.raw, r.loss), 4), fmt(rise(r.at, r.normalised, r.loss), 4)]
        for r in sorted(trace.rescalings, key=lambda r: r.factor)
    )
    head = ["one layer times", "loss here", "rise along raw", "rise along filter-normalised"]
    said = "The same function, its layers rescaled; the rise is at the ends of the line, on average."
    return [said, *_table(head, rows)]


def rise(at: np.ndarray, losses: np.ndarray, start: float) -> float:
    """How much the loss has risen at the two ends of a line, on average."""
    return float((losses[0] + losses[-1]) / 2 - start)


def _some(count: int, also: int = 0) -> list[int]:
    """At most so many rows, the first, the last and the chosen among them."""
    return sorted({*np.linspace(0, count - 1, min(count, _MOST)).round().astype(int).tolist(), also})


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """Lines of a table: the first column from the left when it holds names, numbers from the right."""
    rows = [head, *rows]
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    named = any(c.isalpha() for row in rows[1:] for c in row[0])
    put = [str.ljust if named else str.rjust, *[str.rjust] * (len(head) - 1)]
    lines = ("  ".join(f(v, w) for f, v, w in zip(put, row, wide, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]
