"""Sliding windows and their adjoint, for any array library with strided views."""

from __future__ import annotations

from collections.abc import Iterator
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
    """Add windows back where they came from."""
    parts = [g[(..., *place)] for place in product(*map(range, size))]
    return spread(np, parts, shape, size, stride, dilation)


def spread(np: Any, parts: Any, shape: Axes, size: Axes, stride: Axes, dilation: Axes | None = None) -> Any:
    """Windows given place by place, added back: one shifted slice addition for each place in a window."""
    k, gap = len(size), dilation or (1,) * len(size)
    lead = parts[0].ndim - k
    # In memory channels come last, as convolution wants them.
    order = (*range(lead)[:1], *range(lead, lead + k), *range(lead)[1:])
    counts = parts[0].shape[lead:]
    # Side by side and to the end, windows leave nothing out.
    joined = size == stride and max(gap) == 1
    whole = joined and all(n == c * s for n, c, s in zip(shape[lead:], counts, size, strict=True))
    out = (np.empty if whole else np.zeros)([shape[i] for i in order], dtype=parts[0].dtype)
    out = out.transpose([order.index(i) for i in range(lead + k)])
    for where, part in zip(shifts(size, stride, gap, counts), parts, strict=True):
        if apart(size, stride, gap):
            out[where] = part
        else:
            out[where] += part
    return out


def apart(size: Axes, stride: Axes, dilation: Axes) -> bool:
    """Whether windows do not overlap."""
    return all(s > (n - 1) * d for n, s, d in zip(size, stride, dilation, strict=True))


def shifts(size: Axes, stride: Axes, dilation: Axes, counts: Axes) -> Iterator[tuple[Any, ...]]:
    """For each place in a window the key of the elements that stand there in `counts` windows."""
    for place in product(*map(range, size)):
        starts = (p * d for p, d in zip(place, dilation, strict=True))
        yield (..., *(slice(o, o + c * s, s) for o, c, s in zip(starts, counts, stride, strict=True)))
