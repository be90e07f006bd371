"""Recorder: the namespace under which a rule's own steps land on the tape.

A backward pass run under it is itself a recorded computation, which is what second derivatives
and compilation need. Its handles have shapes and operators but no numbers, so a rule that looks
at a value fails at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.backend.devices import is_array
from torchlean_nb.backend.operators import Handle
from torchlean_nb.engine.data import freeze
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.errors import ShapeError
from torchlean_nb.rows import OPS


class Traced(Handle, Ref):
    """Handle that rules see while they are recorded."""

    __slots__ = ()

    def _op(self, name: str, *args: Any, **attrs: Any) -> Traced:
        return Recorder(self.tape).apply(OPS[name], args, attrs)

    def __tl_apply__(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Traced:
        return Recorder(self.tape).apply(op, args, attrs)


class Recorder:
    """Namespace whose functions record onto a tape."""

    exact = False

    def __init__(self, tape: Any):
        self.tape = tape

    def __getattr__(self, name: str) -> Any:
        if name not in OPS:
            raise AttributeError(f"xp has no {name!r}; a rule may only use rows")
        op = OPS[name]
        return lambda *args, **attrs: self.apply(op, args, attrs)

    def apply(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Traced:
        """Record one op."""
        return self.handle(self.tape.apply(op, args, attrs).id)

    def handle(self, i: int) -> Traced:
        """Handle to a node that is on the tape already."""
        return Traced(self.tape, i)

    def _constant(self, value: Any) -> Traced:
        return self.handle(self.tape.leaf("const", freeze(value)).id)

    def zeros(self, *, shape: tuple[int, ...], like: Any) -> Traced:
        """A constant leaf of zeros."""
        return self._constant(self.tape.xp.zeros(shape=shape, like=like))

    def ones(self, *, shape: tuple[int, ...], like: Any) -> Traced:
        """A constant leaf of ones."""
        return self._constant(self.tape.xp.ones(shape=shape, like=like))

    def number(self, p: Any) -> Any:
        """An attribute as a factor."""
        return self.tape.xp.number(p)

    def all_finite(self, x: Any) -> bool:
        """Recorded values were checked when they were recorded."""
        return True

    def asarray(self, x: Any) -> Traced:
        """A constant leaf."""
        return x if isinstance(x, Ref) else self._constant(x if is_array(x) else self.tape.put(np.asarray(x)))


def unbroadcast(xp: Any, g: Any, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """Sum a cotangent over the axes along which its argument was copied.

    Returns
    -------
    tuple
        The cotangent in `shape`, and the axes of `g` that were added up.
    """
    if g.shape == shape:
        return g, ()
    lead = g.ndim - len(shape)
    if lead < 0:
        return xp.broadcast_to(g, shape=shape), ()
    if g.shape[lead:] == shape:
        summed = tuple(range(lead))
        return xp.sum(g, axis=summed), summed
    summed = tuple(range(lead)) + tuple(
        lead + i for i, n in enumerate(shape) if n == 1 and g.shape[lead + i] != 1
    )
    kept = tuple(n for i, n in enumerate(g.shape) if i not in summed)
    if kept != tuple(n for i, n in enumerate(shape) if lead + i not in summed):
        raise ShapeError(f"a cotangent of shape {g.shape} does not reduce to {shape}")
    if summed:
        g = xp.sum(g, axis=summed)
    return (xp.reshape(g, shape=shape) if g.shape != shape else g), summed
