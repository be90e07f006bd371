"""Small linear algebra that also runs on exact numbers: arrays of fractions, or of many digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of


def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """The solution of ``a x = b``; None when `a` is singular."""
    if a.dtype != object:
        try:
            x = np.linalg.solve(wide(a), wide(b)).astype(a.dtype, copy=False)
        except np.linalg.LinAlgError:
            return None
        return x if np.isfinite(x).all() else None
    n, a, b = len(b), a.copy(), b.copy()
    for j in range(n):
        pivot = max(range(j, n), key=lambda i: abs(a[i, j]))
        if a[pivot, j] == 0:
            return None
        a[[j, pivot]], b[[j, pivot]] = a[[pivot, j]], b[[pivot, j]]
        for i in range(j + 1, n):
            factor = a[i, j] / a[j, j]
            a[i, j:] = a[i, j:] - factor * a[j, j:]
            b[i] = b[i] - factor * b[j]
    x = b.copy()
    for i in reversed(range(n)):
        x[i] = (b[i] - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
    return x


def wide(a: np.ndarray) -> np.ndarray:
    """The array in a type that LAPACK knows: half precision it does not."""
    return a.astype(np.float32) if a.dtype == np.float16 else a


def positive_definite(a: np.ndarray) -> bool:
    """Whether a Cholesky factorization of `a` exists."""
    try:
        np.linalg.cholesky(wide(a))
    except np.linalg.LinAlgError:
        return False
    return True


def number(x: Any) -> Any:
    """A number of the host with the type it has; of a device it is waited for."""
    if device_of(x).lib is not None:
        return x.dtype.type(x.item())
    return x[()] if isinstance(x, np.ndarray) else x


def dot(a: Any, b: Any) -> Any:
    """Inner product, a number of the host."""
    return number(a @ b)


def largest(v: Any) -> Any:
    """Largest magnitude among the elements."""
    return number(abs(v).max())


def first_length(g: Any) -> Any:
    """A first step length that moves no further than 1 in the sum of magnitudes."""
    return 1 / max(1, number(abs(g).sum()))


def finite(v: Any) -> bool:
    """Whether no element is inf or NaN."""
    device = device_of(v)
    return bool(np.isfinite(v).all()) if device.lib is None else device.xp.all_finite(v)
