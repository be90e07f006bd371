"""Long series to few points that look the same.

Min-max-LTTB (Van Der Donckt et al., 2023, after Steinarsson's LTTB, 2013): of many narrow windows
the smallest and the largest value go through, and of those the points are kept that span the
largest triangles with their neighbours.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError, ShapeError

FEWEST = 12
_CANDIDATES = 4  # points that go into LTTB for each that comes out


def min_max_lttb(steps: Any, values: Any, n: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """At most `n` of the points, in order, among them what the eye must not miss.

    Kept are the first and the last point, the smallest and the largest finite value, and both ends of every
    stretch of NaN, inf or -inf (of more than ``n / 8`` stretches, that many evenly chosen ones). Nothing is averaged:
    every point that is left was there.

    Parameters
    ----------
    steps : array_like, shape (m,)
        Increasing.
    values : array_like, shape (m,)
    n : int
        At least 12.

    Returns
    -------
    steps, values : ndarray, shape (at most n,)

    Raises
    ------
    HyperparameterError, ShapeError

    Examples
    --------
    >>> steps, values = min_max_lttb(range(1000), [9.0 if k == 500 else 0.0 for k in range(1000)], n=20)
    >>> len(steps) <= 20, values.max()
    (True, np.float64(9.0))
    """
    if n < FEWEST:
        raise HyperparameterError(f"min_max_lttb: n={n} is less than {FEWEST}")
    steps, values = np.asarray(steps), np.asarray(values, dtype=np.float64)
    if steps.shape != values.shape or steps.ndim != 1:
        raise ShapeError(f"min_max_lttb: steps of shape {steps.shape} for values of shape {values.shape}")
    if len(values) <= n:
        return steps, values
    good, kept = np.flatnonzero(np.isfinite(values)), [np.array([0, len(values) - 1]), _odd_ends(values, n // 8)]
    if good.size:
        y = values[good]
        kept.append(good[[y.argmin(), y.argmax()]])
        left = n - len(np.unique(np.concatenate(kept)))
        kept.append(good[_min_max_lttb(_unit(steps[good]), _unit(y), left)])
    keep = np.unique(np.concatenate(kept))
    return steps[keep], values[keep]


def extremes(n: int, *columns: np.ndarray) -> np.ndarray:
    """Indices of at most `n` rows of a table that draw as all of them do.

    Kept are both ends and, in each of equally many rows, the smallest and the largest of every column; NaN is neither.

    Parameters
    ----------
    n : int
    columns : ndarray, shape (m,)

    Returns
    -------
    ndarray of int, shape (at most n,)
        Increasing.

    Raises
    ------
    HyperparameterError

    Examples
    --------
    >>> x, y = np.arange(1000.0), np.zeros(1000)
    >>> y[500] = 9
    >>> kept = extremes(20, x, y)
    >>> len(kept) <= 20, y[kept].max()
    (True, np.float64(9.0))
    """
    if n < FEWEST:
        raise HyperparameterError(f"extremes: n={n} is less than {FEWEST}")
    count = len(columns[0])
    if count <= n:
        return np.arange(count)
    bounds = np.linspace(0, count, max(1, (n - 2) // (2 * len(columns))) + 1).astype(int)
    kept = [_ends(np.fmin(c, np.inf), np.fmax(c, -np.inf), bounds) for c in columns]
    return np.unique(np.concatenate([*kept, [0, count - 1]]))


def path_extremes(n: int, x: np.ndarray, y: np.ndarray, grain: float) -> np.ndarray:
    """Indices of at most `n` points of a way over a plane: of all that lie together only one is kept.

    Together are points that follow each other in one square of side `grain`; where more than `n` squares are entered,
    the extremes of those points are kept. A long rest at the end takes nothing from the way that led there.

    Parameters
    ----------
    n : int
    x, y : ndarray, shape (m,)
    grain : float
        What cannot be told apart, above 0.

    Returns
    -------
    ndarray of int, shape (at most n,)
        Increasing, with both ends.

    Raises
    ------
    HyperparameterError

    Examples
    --------
    >>> way = 0.5 ** np.arange(1000.0)
    >>> path_extremes(100, way, way, 0.1)
    array([  0,   1,   2,   3,   5, 999])
    """
    if len(x) <= n:
        return np.arange(len(x))
    u, v = np.rint(x / grain), np.rint(y / grain)
    left = np.flatnonzero((u[1:] != u[:-1]) | (v[1:] != v[:-1])) + 1
    kept = np.unique(np.r_[0, left, len(x) - 1])
    return kept[extremes(n, x[kept], y[kept])]


def _ends(low: np.ndarray, high: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """In each window the index of the smallest of one array and of the largest of another."""
    found = [(a + low[a:b].argmin(), a + high[a:b].argmax()) for a, b in pairwise(bounds.tolist())]
    return np.ravel(found)


def _odd_ends(values: np.ndarray, most: int) -> np.ndarray:
    """First and last index of each stretch of one kind of non-finite value."""
    kind = np.isnan(values) + 2 * np.isposinf(values) + 3 * np.isneginf(values)
    turns = np.flatnonzero(np.diff(kind)) + 1
    starts, ends = np.r_[0, turns], np.r_[turns, len(values)] - 1
    odd = kind[starts] > 0
    starts, ends = starts[odd], ends[odd]
    if len(starts) > most:
        some = np.linspace(0, len(starts) - 1, most).astype(int)
        starts, ends = starts[some], ends[some]
    return np.concatenate([starts, ends])


def _unit(a: np.ndarray) -> np.ndarray:
    """The same numbers between 0 and 1, without overflow."""
    a = a.astype(np.float64)
    largest = np.abs(a).max()
    a = a / largest if 0 < largest < np.inf else a
    span = a.max() - a.min()
    return (a - a.min()) / span if span > 0 else np.zeros_like(a)


def _min_max_lttb(x: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    if len(x) <= n:
        return np.arange(len(x))
    if len(x) > _CANDIDATES * n:
        windows = np.linspace(0, 1, _CANDIDATES * n // 2 + 1)[1:-1]
        bounds = np.unique(np.r_[0, np.searchsorted(x, windows), len(x)])
        through = np.unique(np.r_[0, _ends(y, y, bounds), len(x) - 1])
        return through[_lttb(x[through], y[through], n)]
    return _lttb(x, y, n)


def _lttb(x: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    """Largest triangle three buckets: at most `n` indices, or all of them when there are fewer.

    The buckets are equally wide, not equally full: what was thinned before must not be thinned more than the rest.
    """
    if len(x) <= n:
        return np.arange(len(x))
    bounds = np.unique(np.searchsorted(x, np.linspace(x[1], x[-1], n - 1)))
    sizes = np.diff(bounds)
    ahead_x, ahead_y = (np.r_[np.add.reduceat(v, bounds[:-1])[1:] / sizes[1:], v[-1]] for v in (x[:-1], y[:-1]))
    few = len(x) < 8 * len(bounds)  # where Python's floats, which give the same bits, beat arrays
    pick, (xs, ys, *ahead) = _pick_of_many, (x, y, ahead_x, ahead_y)
    if few:
        pick, (xs, ys, *ahead) = _pick, (v.tolist() for v in (x, y, ahead_x, ahead_y))
    kept, at = [0], 0
    for a, b, *before in zip(bounds[:-1].tolist(), bounds[1:].tolist(), *ahead, strict=True):
        at = pick(xs, ys, a, b, at, *before)
        kept.append(at)
    return np.array([*kept, len(x) - 1])


def _pick_of_many(x: np.ndarray, y: np.ndarray, a: int, b: int, at: int, ahead_x: float, ahead_y: float) -> int:
    """Which of the points from `a` to `b` spans the largest triangle with the last one kept and what lies ahead."""
    dx, dy = ahead_x - x[at], ahead_y - y[at]
    return a + int(np.abs(dx * (y[a:b] - y[at]) - dy * (x[a:b] - x[at])).argmax())


def _pick(x: list[float], y: list[float], a: int, b: int, at: int, ahead_x: float, ahead_y: float) -> int:
    """The same of lists."""
    last_x, last_y = x[at], y[at]
    dx, dy = ahead_x - last_x, ahead_y - last_y
    best, found = -1.0, a
    for i in range(a, b):
        area = abs(dx * (y[i] - last_y) - dy * (x[i] - last_x))
        if area > best:
            best, found = area, i
    return found
