"""Spellings: what a namespace does otherwise for some arguments, as lines of their own.

What it then needs is shared and planned like everything else. On a device most of them are of no use: its library
adds up and compares many numbers at a time without being asked.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from torchlean_nb.backend.namespace import as_product, stacked, summed

SHORT, FEW, MANY = 32, 256, 65536  # elements of a row, and of all rows, of which the largest are found as columns


def _stacked(xp: Any, a: Any, b: Any) -> Any:
    a, b = map(xp._lifted, (a, b))
    if not stacked(xp.seen(a), xp.seen(b)):
        return None
    rows = xp.reshape(a, shape=(a.size // a.shape[-1], a.shape[-1]))
    return xp.reshape(xp.matmul(rows, b), shape=(*a.shape[:-1], b.shape[-1]))


def _sum(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    x = xp._lifted(x)
    found = as_product(xp.seen(x), axis) if x.dtype.char in "ef" else None
    if found is None:
        return None
    shape, rows = found
    wide = xp.astype(xp.reshape(x, shape=shape), dtype="float64")
    ones = xp.ones(shape=shape[:1] if rows else shape[1:], like=wide)
    total = xp.matmul(ones, wide) if rows else xp.matmul(wide, ones)
    return xp.astype(xp.reshape(total, shape=summed(x.shape, rows, keepdims)), dtype=x.dtype.name)


def _max(xp: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    """Short rows as columns of a copy, which NumPy compares many at a time."""
    x = xp._lifted(x)
    n, size = x.ndim, x.size
    last = n > 1 and axis in (-1, n - 1, (-1,), (n - 1,))
    if not last or not (1 < x.shape[-1] <= SHORT and FEW <= size <= MANY) or x.dtype.char not in "fd":
        return None
    if not xp.seen(x).flags.c_contiguous:
        return None
    rows, wide = size // x.shape[-1], x.shape[-1]
    turned = xp.reshape(xp.reshape(x, shape=(rows, wide)).T, shape=(size,))
    top = xp.max(xp.reshape(turned, shape=(wide, rows)), axis=0, keepdims=False)
    return xp.reshape(top, shape=(*x.shape[:-1], 1) if keepdims else x.shape[:-1])


def _fold(xp: Any, g: Any, *, size: Any, **attrs: Any) -> Any:
    parts = [xp.index(g, key=(..., *place)) for place in product(*map(range, size))]
    return xp.spread(*parts, size=size, **attrs)


ON_CPU = {"fold": _fold, "matmul": _stacked, "max": _max, "sum": _sum}
ON_DEVICE = {"fold": _fold, "matmul": _stacked}
