"""Sliding windows and their adjoint, for any array library with strided views."""

from __future__ import annotations

from itertools import product
from typing import Any


def windows(np: Any, x: Any, size: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """Windows of `size` every `stride` over the last ``len(size)`` axes, without copying."""
    k = len(size)
    view = np.lib.stride_tricks.sliding_window_view(x, size, axis=tuple(range(-k, 0)))
    step = (slice(None),) * (x.ndim - k) + tuple(slice(None, None, s) for s in stride)
    return view[step]


def fold(np: Any, g: Any, shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """Add windows back where they came from: one shifted slice addition per window entry."""
    k = len(size)
    out = np.zeros(shape, dtype=g.dtype)
    counts = g.shape[g.ndim - 2 * k : g.ndim - k]
    for offset in product(*(range(n) for n in size)):
        where = tuple(slice(o, o + c * s, s) for o, c, s in zip(offset, counts, stride, strict=True))
        out[(..., *where)] += g[(..., *offset)]
    return out
