"""Directions in the space of parameters, and where a path lies in the plane of two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from torchlean_nb.errors import CapabilityError

SMALL = 1e-13  # part of the largest eigenvalue below which the others are rounding


def gaussian(rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    """A random direction as long as the vector of parameters it is for.

    Examples
    --------
    >>> d = gaussian(np.random.default_rng(0), np.array([3.0, 4.0]))
    >>> round(float(np.linalg.norm(d)), 12)
    5.0
    """
    d = rng.standard_normal(at.shape)
    return d * (_norm(at) / _norm(d))


def filter_normalised(d: np.ndarray, at: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> np.ndarray:
    """The same direction, but each filter of it as long as that filter of the parameters.

    A filter is what makes one output: a row of a linear layer's weights, a kernel of a convolution. Biases and
    what else has one axis, such as the weights of a norm, do not move.

    Parameters
    ----------
    d, at : ndarray, shape (parameters,)
    shapes : mapping from path to shape

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein, "Visualizing the loss landscape of neural nets", 2018, section 4.

    Examples
    --------
    >>> filter_normalised(np.array([3.0, 4.0, 1.0, 0.0, 7.0]), np.arange(5.0), {"w": (2, 2), "b": (1,)}).tolist()
    [0.6, 0.8, 3.605551275463989, 0.0, 0.0]
    """
    out, end = np.zeros_like(d), 0
    for shape in shapes.values():
        start, end = end, end + math.prod(shape)
        if len(shape) < 2:
            continue
        mine, theirs = (v[start:end].reshape(shape[0], -1) for v in (d, at))
        size = np.linalg.norm(mine, axis=1, keepdims=True)
        length = np.linalg.norm(theirs, axis=1, keepdims=True)
        out[start:end] = np.divide(mine * length, size, out=np.zeros_like(mine), where=size > 0).ravel()
    if not out.any():
        why = "all filters of this model are zero" if max(map(len, shapes.values())) > 1 else "it has no filters"
        raise CapabilityError("landscape: no weight of this model can be normalised", why, 'plane="random"')
    return out


def components(path: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First two principal components of a path about its centre, as orthonormal rows, and shares of variance.

    Found from the matrix of inner products of the points, which is as small as the path is short. The path begins on
    the negative side of both.

    Parameters
    ----------
    path : ndarray, shape (k, parameters)
    centre : ndarray, shape (parameters,)

    Returns
    -------
    rows : ndarray, shape (2, parameters)
        One of a path that is straight.
    shares : ndarray, shape (at most k,)
        Of all components.

    Raises
    ------
    CapabilityError
        When all points are the centre.

    Examples
    --------
    >>> rows, shares = components(np.array([[3.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]), np.zeros(3))
    >>> abs(rows).round(12).tolist(), shares.round(12).tolist()
    ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [0.9, 0.1])
    """
    away = path - centre
    total = float((away**2).sum())
    if total == 0:
        raise CapabilityError("landscape: the path does not move", "all its points are the model as it is")
    values, weights = np.linalg.eigh(away @ away.T)
    kept = values > SMALL * values[-1]
    values, weights = values[kept][::-1], weights[:, kept].T[::-1]
    rows = weights[:2] @ away
    for k, row in enumerate(rows):
        for _ in range(2):  # inner products have lost half of the digits
            row -= rows[:k].T @ (rows[:k] @ row)
            row /= _norm(row)
        row *= -1 if row @ away[0] > 0 else 1
    return rows, values / total


def orthogonal(rng: np.random.Generator, rows: np.ndarray, count: int = 2) -> np.ndarray:
    """Unit vectors, completed by random ones at right angles to them until there are `count`."""
    rows = rows[:count]
    while len(rows) < count:
        v = rng.standard_normal(rows.shape[1])
        for _ in range(2):  # once more, for what rounding has left
            v -= rows.T @ (rows @ v)
        rows = np.vstack([rows, v / _norm(v)])
    return rows


def projected(
    away: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """Coordinates of the points of a plane nearest to some points, their distances from it, and shares of variance.

    Parameters
    ----------
    away : ndarray, shape (k, parameters)
        From the origin of the plane.
    directions : ndarray, shape (2, parameters)

    Returns
    -------
    positions : ndarray, shape (k, 2)
    residuals : ndarray, shape (k,)
    explained : float
        Share of the squared distances from the origin that lies in the plane; NaN where nothing moves.
    shares : ndarray, shape (2,)
        The same of each direction alone.

    Examples
    --------
    >>> projected(np.array([[2.0, 0.0, 1.0]]), np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    (array([[1., 0.]]), array([1.]), 0.8, array([0.8, 0. ]))
    """
    along = away @ directions.T
    positions = np.linalg.lstsq(directions @ directions.T, along.T, rcond=None)[0].T
    residuals = np.linalg.norm(away - positions @ directions, axis=1)
    total = float((away**2).sum())
    if total == 0:
        return positions, residuals, math.nan, np.full(2, math.nan)
    shares = (along**2).sum(axis=0) / (directions**2).sum(axis=1) / total
    return positions, residuals, 1 - float((residuals**2).sum()) / total, shares


def _norm(v: np.ndarray) -> float:
    return float(np.linalg.norm(v)) or 1.0
