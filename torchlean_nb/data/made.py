"""Small data sets by formula. Noise comes from splitmix64, so the points never change with a library's version."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from torchlean_nb.backend.random import check_seed, key_of, normal, uniform
from torchlean_nb.data.dataset import Dataset
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper, nonnegative

_NOISE = nonnegative(0.0, r"\sigma")


def _count(owner: str, name: str, value: Any, low: int) -> int:
    return Hyper(kind="int", low=low).check(owner, name, value)


def _scattered(owner: str, points: np.ndarray, noise: float, seed: int) -> np.ndarray:
    sigma = _NOISE.check(owner, "noise", noise)
    return points + sigma * normal(key_of(check_seed(seed), 0), points.shape)


def moons(n: int = 200, noise: float = 0.1, seed: int = 0) -> Dataset:
    r"""Two half circles, one hooked into the other.

    Point `i` has class ``i % 2`` and angle :math:`\theta`, which goes from 0 to :math:`\pi` in even steps:
    :math:`(\cos\theta, \sin\theta)` in class 0, :math:`(1 - \cos\theta, \tfrac12 - \sin\theta)` in class 1,
    plus `noise` times a standard normal number in each coordinate.

    Raises
    ------
    HyperparameterError

    Examples
    --------
    >>> moons(4, noise=0).X.round(3).tolist()
    [[1.0, 0.0], [0.0, 0.5], [-1.0, 0.0], [2.0, 0.5]]
    """
    n = _count("moons", "n", n, 4)
    y = np.arange(n) % 2
    sizes = np.array([(n + 1) // 2, n // 2])
    theta = np.pi * (np.arange(n) // 2) / (sizes[y] - 1)
    upper = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    x = np.where(y[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)
    return Dataset(_scattered("moons", x, noise, seed), y, columns=("x1", "x2"), classes=("upper", "lower"))


def spirals(n: int = 200, arms: int = 2, turns: float = 1.0, noise: float = 0.05, seed: int = 0) -> Dataset:
    r"""Arms that wind around the origin.

    Point `i` has class ``c = i % arms``; along its arm :math:`t` goes from near 0 to 1, and the point is
    :math:`t\,(\cos\varphi, \sin\varphi)` with :math:`\varphi = 2\pi\,(turns \cdot t + c/arms)`, plus noise.

    Raises
    ------
    HyperparameterError

    Examples
    --------
    >>> ds = spirals(300, arms=3)
    >>> ds.X.shape, ds.y[:4].tolist()
    ((300, 2), [0, 1, 2, 0])
    """
    arms = _count("spirals", "arms", arms, 2)
    n = _count("spirals", "n", n, arms)
    turns = nonnegative(1.0, "").check("spirals", "turns", turns)
    y = np.arange(n) % arms
    t = (np.arange(n) // arms + 1) / -(-n // arms)
    phi = 2 * math.pi * (turns * t + y / arms)
    x = t[:, None] * np.stack([np.cos(phi), np.sin(phi)], axis=1)
    names = tuple(f"arm {c}" for c in range(arms))
    return Dataset(_scattered("spirals", x, noise, seed), y, columns=("x1", "x2"), classes=names)


def xor(n: int = 200, gap: float = 0.1, noise: float = 0.0, seed: int = 0) -> Dataset:
    r"""Four squares like a chessboard: no line tells the two classes apart.

    Point `i` lies in quadrant ``i % 4``, each coordinate uniform in :math:`\pm[gap, 1)`; its class is 1 where
    the signs of the coordinates differ. Noise is added after the class is known.

    Raises
    ------
    HyperparameterError

    Examples
    --------
    >>> ds = xor(100)
    >>> bool(((ds.X[:, 0] * ds.X[:, 1] < 0) == ds.y).all())
    True
    """
    n = _count("xor", "n", n, 4)
    gap = Hyper(low=0.0, high=1.0, open_high=True).check("xor", "gap", gap)
    quadrant = np.arange(n) % 4
    signs = np.stack([1 - 2 * (quadrant % 2), 1 - 2 * (quadrant // 2)], axis=1)
    x = signs * (gap + (1 - gap) * uniform(key_of(check_seed(seed), 1), (n, 2)))
    y = (signs[:, 0] != signs[:, 1]).astype(np.int64)
    return Dataset(_scattered("xor", x, noise, seed), y, columns=("x1", "x2"), classes=("same", "different"))


def quickstart(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """The function of TorchLean's first example: ``.8 relu(x1 + x2) - .4 relu(x2 - x1) + .2``."""
    return 0.8 * np.maximum(x1 + x2, 0) - 0.4 * np.maximum(x2 - x1, 0) + 0.2


def regression_grid(
    low: float = -1.0, high: float = 1.0, n: int = 5, f: Callable[[Any, Any], Any] = quickstart
) -> Dataset:
    """A function of two variables on an even grid of `n` by `n` points, ends included.

    The first coordinate is the slow one, as in TorchLean. `f` is called once with two arrays of shape (n * n,);
    the target is a column.

    Raises
    ------
    HyperparameterError, ShapeError

    Examples
    --------
    >>> ds = regression_grid(0, 1, n=2, f=lambda x1, x2: 10 * x1 + x2)
    >>> ds.X.tolist(), ds.y[:, 0].tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 10.0, 11.0])
    """
    n = _count("regression_grid", "n", n, 2)
    low, high = (Hyper().check("regression_grid", k, v) for k, v in (("low", low), ("high", high)))
    if not low < high:
        raise HyperparameterError(f"regression_grid: low={low:g} is not below high={high:g}")
    line = np.linspace(low, high, n)
    x1, x2 = np.repeat(line, n), np.tile(line, n)
    y = np.asarray(f(x1, x2), dtype=np.float64)
    if y.shape not in ((), x1.shape):
        raise ShapeError(f"regression_grid: f gave shape {y.shape}, expected {x1.shape}")
    target = np.broadcast_to(y, x1.shape)[:, None]
    return Dataset(np.stack([x1, x2], axis=1), target, columns=("x1", "x2"))
