"""Sliding windows and their adjoint, for any array library with strided views."""

from __future__ import annotations

from itertools import product
from typing import Any

Axes = tuple[int, ...]


def windows(np: Any, x: Any, size: Axes, stride: Axes, dilation: Axes | None = None) -> Any:
    """Windows of `size` every `stride` over the last ``len(size)`` axes, without copying.

    With a dilation d the elements of a window stand d apart.
    """
    k, gap = len(size), dilation or (1,) * len(size)
    whole = tuple((n - 1) * d + 1 for n, d in zip(size, gap, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(x, whole, axis=tuple(range(-k, 0)))
    return view[(slice(None),) * (x.ndim - k) + tuple(slice(None, None, s) for s in (*stride, *gap))]


def fold(np: Any, g: Any, shape: Axes, size: Axes, stride: Axes, dilation: Axes | None = None) -> Any:
    """Add windows back where they came from: one shifted slice addition per window entry."""
    k, gap = len(size), dilation or (1,) * len(size)
    lead = g.ndim - 2 * k
    # In memory channels come last, as convolution wants them.
    order = (*range(lead)[:1], *range(lead, lead + k), *range(lead)[1:])
    out = np.zeros([shape[i] for i in order], dtype=g.dtype).transpose([order.index(i) for i in range(lead + k)])
    counts = g.shape[lead : lead + k]
    apart = all(s > (n - 1) * d for n, s, d in zip(size, stride, gap, strict=True))
    for place in product(*(range(n) for n in size)):
        starts = (p * d for p, d in zip(place, gap, strict=True))
        where = tuple(slice(o, o + c * s, s) for o, c, s in zip(starts, counts, stride, strict=True))
        if apart:
            out[(..., *where)] = g[(..., *place)]
        else:
            out[(..., *where)] += g[(..., *place)]
    return out
