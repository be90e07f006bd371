"""Shape arithmetic shared by shape rules: axes, broadcasting, windows; errors in plain words."""

from __future__ import annotations

import math
import operator
from typing import Any

from torchlean_nb.errors import AxisError, AxisTypeError, EmptyError, HyperparameterError, ShapeError

Shape = tuple[int, ...]


def axes(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """Axes as non-negative integers; None means all.

    Raises
    ------
    AxisError
        When one is out of range, repeated, or not an integer.
    """
    if axis is None:
        return tuple(range(ndim))
    out = []
    for a in axis if isinstance(axis, tuple | list) else (axis,):
        try:
            a = operator.index(a)
        except TypeError:
            raise AxisTypeError(f"{name}: axis must be an int, got {type(a).__name__} {a!r}") from None
        if not -ndim <= a < ndim:
            raise AxisError(
                f"{name}: axis {a} is out of range for an array with {ndim} dimensions",
                None, f"an axis in {-ndim}..{ndim - 1}" if ndim else "a value with at least one axis",
            )
        if a % ndim in out:
            raise AxisError(f"{name}: duplicate axis {a} in {axis!r}")
        out.append(a % ndim)
    return tuple(out)


def reduced(shape: Shape, axis: Any, keepdims: bool, name: str) -> Shape:
    """Shape after a reduction."""
    gone = axes(axis, len(shape), name)
    if keepdims:
        return tuple(1 if i in gone else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def not_empty(shape: Shape, axis: Any, name: str) -> None:
    """Refuse a reduction that has no value over nothing."""
    if math.prod(shape[i] for i in axes(axis, len(shape), name)) == 0:
        where = "all axes" if axis is None else f"axis {axis}"
        raise EmptyError(f"{name}: empty input of shape {shape}, {name} over {where} has no value")


def broadcast(*shapes: Shape, name: str = "broadcast") -> Shape:
    """Shape that all shapes broadcast to.

    Raises
    ------
    ShapeError
        When two axes differ and neither is 1.
    """
    n = max(map(len, shapes), default=0)
    out = []
    for i in range(n):
        sides = {s[i - n + len(s)] for s in shapes if i - n + len(s) >= 0} - {1}
        if len(sides) > 1:
            listed = " and ".join(map(str, shapes))
            raise ShapeError(
                f"{name}: shapes {listed} do not broadcast",
                f"aligned from the right, axis {i - n} has sizes {sorted(sides)}",
                "reshape or transpose one of them, or give it a size-1 axis",
            )
        out.append(sides.pop() if sides else 1)
    return tuple(out)


def expand_back(xp: Any, g: Any, shape: Shape, axis: Any, keepdims: bool) -> Any:
    """A reduced array put back over the axes it lost."""
    if not keepdims:
        gone = axes(axis, len(shape), "sum")
        g = xp.reshape(g, shape=tuple(1 if i in gone else n for i, n in enumerate(shape)))
    return xp.broadcast_to(g, shape=shape)


def count(shape: Shape, axis: Any, name: str) -> int:
    """Number of elements that are reduced to one."""
    return math.prod(shape[i] for i in axes(axis, len(shape), name))


def positive_int(value: Any, name: str, low: int = 1) -> int:
    """An option that must be an integer of at least `low`."""
    try:
        n = operator.index(value)
    except TypeError:
        raise HyperparameterError(f"{name} must be an int >= {low}, got {value!r}") from None
    if n < low:
        raise HyperparameterError(f"{name} must be >= {low}, got {n}")
    return n


def sum_to(xp: Any, g: Any, shape: Shape) -> Any:
    """Array summed over the axes along which `shape` was broadcast to it."""
    if g.shape == shape:
        return g
    lead = g.ndim - len(shape)
    if g.shape[lead:] == shape:
        return xp.sum(g, axis=tuple(range(lead)))
    copied = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and g.shape[lead + i] != 1))
    if copied:
        g = xp.reshape(xp.sum(g, axis=copied), shape=shape)
    return g


def along(axis: int, part: Any) -> tuple[Any, ...]:
    """Key that takes `part` of one axis and all of the others."""
    return (slice(None),) * axis + (part,)
