"""The ground of a map: the scale that the losses ask for, contours as short paths, holes, values between points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path

from torchlean_nb.render.numbers import fmt
from torchlean_nb.trace.landscape import Plane

BOX = 1000
_TIGHT, _DECADES, _FLOOR, _LINEAR = 4.0, 1e-9, 1e-4, 9
# Mantissas of the levels, by the number of decades: about a dozen in all.
_STEPS = (
    (1.0, (1, 1.2, 1.4, 1.7, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8.5)), (2.0, (1, 1.5, 2, 3, 4, 5, 7)), (3.2, (1, 2, 3, 5)),
    (4.5, (1, 2, 5)), (7.0, (1, 3)), (math.inf, (1,)),
)  # fmt: skip
_FLAT, _TALL = 0.34, 1.35
_ROOM, _CLEAR, _LABELS, _POINTS = 95, 40, 6, 30


def bilinear(plane: Plane, a: float, b: float) -> float:
    """Loss between the points of the grid; NaN outside, and where a corner of the cell is no number.

    Examples
    --------
    >>> bilinear(Plane("random", [0, 1], [0, 2], [[1, 2], [3, 4]]), 0.5, 1.0)
    2.5
    """
    (i, s), (j, t) = _cell(plane.b, b), _cell(plane.a, a)
    if i < 0 or j < 0:
        return math.nan
    rows = plane.losses[i : i + 2, j : j + 2]
    with np.errstate(all="ignore"):
        value = (1 - s) * ((1 - t) * rows[0, 0] + t * rows[0, -1]) + s * ((1 - t) * rows[-1, 0] + t * rows[-1, -1])
    return float(value) if np.isfinite(rows).all() else math.nan


def _cell(axis: np.ndarray, at: float) -> tuple[int, float]:
    """Number of the cell and the share of the way through it; -1 outside."""
    if not axis[0] <= at <= axis[-1]:
        return -1, 0.0
    if len(axis) == 1:
        return 0, 0.0
    i = min(int(np.searchsorted(axis, at, "right")) - 1, len(axis) - 2)
    return i, float((at - axis[i]) / (axis[i + 1] - axis[i]))


@dataclass(frozen=True)
class Ground:
    """One plane ready to be drawn in a box `BOX` wide and `tall` high, y down."""

    plane: Plane

    @cached_property
    def finite(self) -> np.ndarray:
        """All losses that are numbers."""
        return self.plane.losses[np.isfinite(self.plane.losses)]

    @cached_property
    def log(self) -> bool:
        """Whether the losses ask for a logarithm."""
        f = self.finite
        return bool(f.size and f.min() >= 0 and f.max() > _TIGHT * f.min())

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest loss of the scale; towards zero a logarithm shows four decades."""
        if not self.finite.size:
            return 0.0, 1.0
        low, high = float(self.finite.min()), float(self.finite.max())
        return (high * _FLOOR, high) if self.log and low < high * _DECADES else (low, high)

    @cached_property
    def levels(self) -> list[float]:
        """Round losses between the ends, evenly spread on the scale."""
        low, high = self.ends
        if not low < high or not self.finite.size:
            return []
        if not self.log:
            raw = (high - low) / _LINEAR
            unit = 10.0 ** math.floor(math.log10(raw))
            by = unit * next(m for m in (1, 2, 5, 10) if m * unit >= raw * 0.7)
            found = [float(f"{k * by:.9g}") for k in range(math.ceil(low / by), math.floor(high / by) + 1)]
        else:
            wide = math.log10(high / low)
            steps = next(some for most, some in _STEPS if wide < most)
            decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            found = [float(f"{m}e{e}") for e in decades for m in steps]
        return [v for v in found if low < v < high]

    @cached_property
    def extent(self) -> tuple[float, float]:
        """Width and height of the plane in the units of the weights."""
        a, b, (u, v) = self.plane.a, self.plane.b, self.plane.lengths.tolist()
        ok = all(math.isfinite(n) and n > 0 for n in (u, v))
        return (float(a[-1] - a[0]) or 1.0) * (u if ok else 1.0), (float(b[-1] - b[0]) or 1.0) * (v if ok else 1.0)

    @cached_property
    def tall(self) -> int:
        """Height of the box: both directions on one scale, unless the picture got too flat or too high."""
        wide, high = self.extent
        return round(BOX * min(_TALL, max(_FLAT, high / wide)))

    @property
    def stretch(self) -> float:
        """How many times the second direction is drawn longer than the first; 1 on equal scales."""
        wide, high = self.extent
        ratio = self.tall / BOX * wide / high
        return 1.0 if abs(ratio - 1) < 0.005 else float(f"{ratio:.3g}")

    @property
    def unit(self) -> float:
        """Width of the box that one unit of the weights takes."""
        return BOX / self.extent[0]

    def spot(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where coordinates of the plane lie in the box."""
        p = self.plane
        x = (np.asarray(a) - p.a[0]) / (p.a[-1] - p.a[0] or 1) * BOX
        return x, self.tall - (np.asarray(b) - p.b[0]) / (p.b[-1] - p.b[0] or 1) * self.tall

    # -- contours --------------------------------------------------------------------------
    @cached_property
    def _drawn(self) -> tuple[list[Path], list[Path]]:
        """Lines at the levels, and areas above each of them up to the next."""
        p = self.plane
        if min(p.losses.shape) < 2 or not self.levels:
            return [], []
        z = np.where(np.isfinite(p.losses), p.losses, np.nan)
        # Lines are drawn on what the scale shows: between two points, the logarithm is even.
        z = np.ma.masked_invalid(np.log(np.maximum(z, self.ends[0])) if self.log else z)
        at = [math.log(v) if self.log else v for v in self.levels]
        ax, (x, y) = Figure().add_subplot(), self.spot(p.a, p.b)
        lines = ax.contour(x, y, z, levels=at, corner_mask=False)
        areas = ax.contourf(x, y, z, levels=[*at, float(z.max()) + 1], corner_mask=False)
        return lines.get_paths(), areas.get_paths()

    def lines(self) -> list[str]:
        """Path of the contour lines of each level."""
        return [_data(p) for p in self._drawn[0]]

    def fills(self) -> list[str]:
        """Path of the area between each level and the next."""
        return [_data(p) for p in self._drawn[1]]

    def holes(self) -> str:
        """Path of the cells with a corner that is no number."""
        p = self.plane
        bad = ~np.isfinite(p.losses)
        if min(bad.shape) < 2 or not bad.any():
            return ""
        cells = bad[:-1, :-1] | bad[1:, :-1] | bad[:-1, 1:] | bad[1:, 1:]
        x, y = (np.round(v).astype(int) for v in self.spot(p.a, p.b))
        return "".join(f"M{x[j]} {y[i]}H{x[j + 1]}V{y[i + 1]}H{x[j]}z" for i, j in zip(*np.nonzero(cells), strict=True))

    def marks(self) -> list[tuple[int, int, str]]:
        """Where levels are written on their lines: away from the edges, from each other and from the path."""
        taken = np.stack(self.spot(*self.plane.positions.T), axis=1)
        taken = taken[np.isfinite(taken).all(axis=1)][:: max(1, len(taken) // _POINTS)]
        busy: list[tuple[float, ...]] = []
        out: list[tuple[int, int, str]] = []
        order = sorted(range(len(self.levels)), key=lambda i: (i % 2, i))
        for i in order if self._drawn[0] else ():
            spots = self._drawn[0][i].vertices[::3]
            x, y = spots.T
            room = np.minimum(1.6 * np.minimum.reduce([x, BOX - x, y, self.tall - y]), 400.0)
            for p in busy:
                room = np.minimum(room, np.hypot(*(spots - p).T))
            for p in taken:
                room = np.minimum(room, np.hypot(*(spots - p).T) + _CLEAR)
            if len(out) < _LABELS and room.size and room.max() > _ROOM:
                best = tuple(spots[int(room.argmax())].tolist())
                busy.append(best)
                out.append((round(best[0]), round(best[1]), fmt(self.levels[i], 3)))
        return sorted(out)


def _data(drawn: Path) -> str:
    """Path data of all loops and lines of a path."""
    if drawn.codes is None or not len(drawn.vertices):
        return ""
    starts = np.flatnonzero(drawn.codes == Path.MOVETO)
    parts = np.split(np.arange(len(drawn.vertices)), starts[1:])
    return "".join(way(drawn.vertices[i], closed=drawn.codes[i[-1]] == Path.CLOSEPOLY) for i in parts)


def way(points: np.ndarray, closed: bool = False) -> str:
    """Path data through points, in whole numbers, each relative to the one before.

    Examples
    --------
    >>> way(np.array([[0, 0], [10.2, 0], [10, -5]]))
    'M0 0l10 0 0-5'
    """
    whole = np.round(points).astype(int)
    moves = np.diff(whole, axis=0)
    moves = moves[(moves != 0).any(axis=1)]
    if not len(moves):
        return ""
    steps = " ".join(f"{x}{'' if y < 0 else ' '}{y}" for x, y in moves.tolist()).replace(" -", "-")
    return f"M{whole[0, 0]} {whole[0, 1]}l{steps}{'z' if closed else ''}"
