"""The map a race runs on: which part of the plane is seen, contour lines, bands between them, heights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path

ASPECT, BOX = 0.75, 1000.0
_FINE, _COARSE, _LOG_FROM = (161, 121), 41, 25.0
_LONG = 9000
_STEPS = {1: (1.0, 2.0, 5.0), 2: (1.0, 3.0), 3: (1.0,)}
Window = tuple[float, float, float, float]


def window(domain: Sequence[float], points: np.ndarray) -> Window:
    """Part of the plane that is seen: one scale for both axes, the points inside, no more of the domain than needed.

    Parameters
    ----------
    domain : (left, right, bottom, top)
    points : ndarray, shape (n, 2)
        Starts, goals and paths; what lies outside of the domain is not waited for.

    Examples
    --------
    >>> window((-2, 2, -1, 3), np.array([[-1.5, 2.0], [1.0, 1.0]]))
    (-2.0, 2.0, 0.0, 3.0)
    """
    left, right, bottom, top = domain
    x, y = points.T
    inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
    x, y = (x[inside], y[inside]) if inside.any() else (np.array([(left + right) / 2]), np.array([(bottom + top) / 2]))
    a, b, c, d = float(x.min()), float(x.max()), float(y.min()), float(y.max())
    # The larger of: the whole of the narrower side of the domain, and what the points need with some room.
    need = 1.2 * max(b - a, (d - c) / ASPECT)
    wide = max(need, min(right - left, (top - bottom) / ASPECT))
    x0 = _placed((a + b) / 2, wide, left, right)
    y0 = _placed((c + d) / 2, wide * ASPECT, bottom, top)
    return x0, x0 + wide, y0, y0 + wide * ASPECT


def _placed(middle: float, size: float, low: float, high: float) -> float:
    """Lower end of an interval around a middle, inside of another one where it fits."""
    if size >= high - low:
        return float((low + high - size) / 2)
    return float(min(max(middle - size / 2, low), high - size))


@dataclass(frozen=True, eq=False)
class Map:
    """Contours of a surface in a box of width `BOX`, y down, and its heights from 0 to 1."""

    window: Window
    levels: tuple[float, ...]
    lines: tuple[str, ...]
    fills: tuple[str, ...]
    heights: np.ndarray

    def place(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points of the plane in the box."""
        left, right, bottom, top = self.window
        return (x - left) / (right - left) * BOX, (top - y) / (top - bottom) * BOX * ASPECT


def surface_map(f: Callable[[np.ndarray, np.ndarray], np.ndarray], seen: Window, lowest: float) -> Map:
    """Map of a function on a window; `lowest` is its least value, -inf when there is none."""
    left, right, bottom, top = seen
    X, Y = np.meshgrid(np.linspace(left, right, _FINE[0]), np.linspace(bottom, top, _FINE[1]))
    Z = values(f, X, Y)
    at, scale = levels(Z[np.isfinite(Z)], lowest)
    z = np.ma.masked_invalid(Z)
    ax = Figure().add_subplot()
    lines, fills = (), ()
    if at:
        u, v = (X - left) / (right - left) * BOX, (top - Y) / (top - bottom) * BOX * ASPECT
        low, high = float(z.min()), float(z.max())
        ends = (min(low - 1, np.nextafter(low, -np.inf)), *at, max(high + 1, np.nextafter(high, np.inf)))
        lines = tuple(map(_path, ax.contour(u, v, z, levels=at).get_paths()))
        if sum(map(len, lines)) > _LONG and len(at) > 3:  # many small rings are told apart with fewer levels
            at = at[1::2]
            lines, ends = lines[1::2], (ends[0], *at, ends[-1])
        fills = tuple(map(_path, ax.contourf(u, v, z, levels=ends).get_paths()))
    xs, ys = np.linspace(left, right, _COARSE), np.linspace(bottom, top, _COARSE)
    return Map(seen, at, lines, fills, scale(values(f, *np.meshgrid(xs, ys))))


def values(f: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values of a function at points, NaN where it has none."""
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(f(x, y), dtype=float), x.shape)


def levels(z: np.ndarray, lowest: float) -> tuple[tuple[float, ...], Callable[[np.ndarray], np.ndarray]]:
    """Levels of contours for these values, and a function from values to heights between 0 and 1.

    Powers of ten above the lowest value where the values are of many sizes, even steps where they are not.

    Examples
    --------
    >>> levels(np.linspace(0, 20, 50), 0.0)[0]
    (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0)
    >>> levels(np.geomspace(1e-3, 1e3, 50), 0.0)[0]
    (0.01, 0.1, 1.0, 10.0, 100.0)
    """
    with np.errstate(over="ignore"):
        height = float(z.max() - z.min()) if z.size else 0.0
    if not 1e-300 < height < math.inf:
        return (), lambda v: np.zeros(np.shape(v))
    base = lowest if math.isfinite(lowest) and lowest <= z.min() < 0 else min(0.0, float(z.min()))
    above, most = z - base, float(z.max() - base)
    low = float(np.quantile(above, 0.005))
    if low > 0 and most / float(np.quantile(above, 0.1)) > _LOG_FROM:
        low = max(low, most * 1e-7)
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(most))
        some = _STEPS[1 if last - first <= 3 else 2 if last - first <= 5 else 3]
        found = [m * 10.0**e for e in range(first, last) for m in some]
        at = _between((float(f"{base + v:.6g}") for v in found if low <= v < most), z)
        a, b = math.log10(low), math.log10(most)

        def scale(v: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return np.nan_to_num((np.log10(np.maximum(v - base, low)) - a) / (b - a), nan=1.0).clip(0, 1)

        return at, scale
    raw = height / 8
    unit = 10.0 ** math.floor(math.log10(raw))
    by = next(m * unit for m in (1, 2, 5, 10) if m * unit >= raw * 0.8)
    count = range(math.floor(z.min() / by) + 1, math.ceil(z.max() / by))
    even = _between((float(f"{i * by:.10g}") for i in count), z)
    return even, lambda v: np.nan_to_num((v - z.min()) / (z.max() - z.min()), nan=1.0).clip(0, 1)


def _between(found: Iterable[float], z: np.ndarray) -> tuple[float, ...]:
    """Each level once, inside the values: those of large numbers that lie close together may have become one."""
    return tuple(sorted({v for v in found if z.min() < v < z.max()}))


def _path(path: Path) -> str:
    """A path in whole units, corners that nobody would miss left out, each point relative to the one before."""
    if not len(path.vertices):
        return ""
    path = Path(path.vertices, path.codes)
    path.simplify_threshold = 1.2
    clean = path.cleaned(simplify=True)
    out, last, begun = [], (0, 0), ""
    for code, (x, y) in zip(clean.codes.tolist(), np.rint(clean.vertices).astype(int).tolist(), strict=True):
        if code == Path.MOVETO:
            begun = f"M{x} {y}l"
        elif code == Path.LINETO:
            dx, dy = x - last[0], y - last[1]
            if dx or dy:
                gap = begun or ("" if dx < 0 else " ")
                out.append(f"{gap}{dx}{'' if dy < 0 else ' '}{dy}")
                begun = ""
        else:
            continue
        last = (x, y)
    return "".join(out)
