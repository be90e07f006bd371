"""Judging many runs of one contender: pure functions of arrays of shape (rates, seeds) or (rates, seeds, records).

A run that diverged has the loss infinity, whatever it wrote last; so medians and minima need no exceptions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

METRICS = {
    "best": "loss at the best rate",
    "median": "loss, median over the rates",
    "steps": "time to the target",
    "area": "mean loss on the way",
}


def final(curves: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """Last loss of every run; infinity where a run ended early or has no number.

    Examples
    --------
    >>> final(np.array([[[4.0, 2.0], [4.0, 9.0]]]), np.array([[-1, 0]]))
    array([[ 2., inf]])
    """
    last = curves[..., -1]
    return np.where((ended < 0) & np.isfinite(last), last, np.inf)


def reached(curves: np.ndarray, at: np.ndarray, target: float) -> np.ndarray:
    """When each run is first at or below the target; infinity where it never is.

    Examples
    --------
    >>> reached(np.array([[[4.0, 2.0, 1.0], [4.0, 3.0, 2.5]]]), np.array([0, 10, 20]), 2.0)
    array([[10., inf]])
    """
    there = curves <= target
    return np.where(there.any(axis=-1), np.asarray(at, float)[there.argmax(axis=-1)], np.inf)


def area(curves: np.ndarray, at: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """Area under the curve over its length, the mean loss on the way; infinity where a run ended early.

    Examples
    --------
    >>> area(np.array([[[4.0, 2.0, 2.0]]]), np.array([0, 1, 3]), np.array([[-1]])).round(3)
    array([[2.333]])
    """
    if curves.shape[-1] == 1:
        return final(curves, ended)
    with np.errstate(invalid="ignore", over="ignore"):
        means = ((curves[..., 1:] + curves[..., :-1]) / 2 * np.diff(at)).sum(axis=-1) / (at[-1] - at[0])
    return np.where((ended < 0) & np.isfinite(means), means, np.inf)


def best_rate(scores: np.ndarray) -> int:
    """Place of the rate whose median over the seeds is lowest; -1 where none is a number.

    Examples
    --------
    >>> best_rate(np.array([[3.0, 3.0], [1.0, 2.0], [np.inf, 0.1]]))
    1
    """
    middle = np.median(scores, axis=1)
    return int(middle.argmin()) if np.isfinite(middle).any() else -1


def per_seed(scores: np.ndarray, metric: str) -> np.ndarray:
    """One number for each seed: at the best rate, or the median over the rates."""
    if metric == "median":
        return np.median(scores, axis=0)
    i = best_rate(scores)
    return scores[i] if i >= 0 else np.full(scores.shape[1], np.inf)


def band(scores: np.ndarray) -> tuple[float, float]:
    """Quartiles over the rates of the medians over the seeds: the lower half of the grid's middle, and the upper.

    Examples
    --------
    >>> band(np.array([[5.0], [1.0], [2.0], [3.0], [np.inf]]))
    (2.0, 5.0)
    """
    middle = np.median(scores, axis=1)
    low, high = (np.quantile(middle, q, method=how) for q, how in ((0.25, "lower"), (0.75, "higher")))
    return float(low), float(high)


def edge(scores: np.ndarray) -> str:
    """``"low"`` or ``"high"`` when the best rate is the first or last of several, else ``""``.

    Examples
    --------
    >>> edge(np.array([[5.0], [1.0], [0.9]])), edge(np.array([[5.0], [1.0], [2.0]]))
    ('high', '')
    """
    i = best_rate(scores)
    return "" if i < 0 or len(scores) < 2 else {0: "low", len(scores) - 1: "high"}.get(i, "")


def ahead(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether every seed agrees that `a` is lower: the two had the same start and the same data in each.

    Examples
    --------
    >>> ahead(np.array([1.0, 2.0]), np.array([1.5, 2.5])), ahead(np.array([1.0, 2.6]), np.array([1.5, 2.5]))
    (True, False)
    """
    return bool((a < b).all())


def ranks(values: Sequence[np.ndarray]) -> list[int]:
    """Places, 1 is the lowest median; who is not ahead of the next in every seed shares the place with it.

    Examples
    --------
    >>> ranks([np.array([3.0, 3.0]), np.array([1.0, 2.0]), np.array([1.5, 1.9])])
    [3, 1, 1]
    """
    order = sorted(range(len(values)), key=lambda i: (float(np.median(values[i])), i))
    out, leader = [0] * len(values), 0
    for place, i in enumerate(order):
        if place and ahead(values[order[leader]], values[i]):
            leader = place
        out[i] = leader + 1
    return out
