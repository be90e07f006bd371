"""Borders as layers: zeros, mirrored, repeated, or taken from the other end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn.layer import Layer, family, option
from torchlean_nb.ops.border import pad_edges
from torchlean_nb.ops.indexing import pad


@dataclass(frozen=True)
class _Pad(Layer):
    padding: int | tuple[int, ...] = option(Hyper(kind="any"))
    filling: ClassVar[str] = "zeros"

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.padding if isinstance(self.padding, tuple | list) else (self.padding,) * (2 * self.dims)
        if len(given) != 2 * self.dims:
            raise HyperparameterError(
                f"{type(self).__name__}: padding={self.padding} has {len(given)} values",
                f"one, or two per axis: {2 * self.dims}, the last axis first",
            )
        check = Hyper(low=0, kind="int").check
        object.__setattr__(self, "padding", tuple(check(type(self).__name__, "padding", p) for p in given))

    @property
    def _border(self) -> tuple[tuple[int, int], ...]:
        """Pairs, the first axis first."""
        return tuple(zip(self.padding[::2], self.padding[1::2], strict=True))[::-1]

    def compute(self, x: Any, at: Any) -> Any:
        lead = len(x.shape) - self.dims
        if lead not in (1, 2):
            raise ShapeError(
                f"{type(self).__name__}: an input of shape {tuple(x.shape)}",
                f"shape (n, channels, ...) or (channels, ...) with {self.dims} further axes is needed",
            )
        if self.filling == "zeros":
            return pad(x, pad_width=((0, 0),) * lead + self._border)
        return pad_edges(x, self._border, self.filling)


@dataclass(frozen=True)
class _Reflection(_Pad):
    filling: ClassVar[str] = "reflect"


@dataclass(frozen=True)
class _Replication(_Pad):
    filling: ClassVar[str] = "replicate"


@dataclass(frozen=True)
class _Circular(_Pad):
    filling: ClassVar[str] = "circular"


_DOC = """A border {} around the last {{axes}}.

    Parameters
    ----------
    padding : int or tuple of int
        Width on all sides, or before and after each axis, the last axis first.
    """
ZeroPad1d, ZeroPad2d, ZeroPad3d = family(_Pad, "ZeroPad", _DOC.format("of zeros"))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = family(
    _Reflection, "ReflectionPad", _DOC.format("that mirrors the input")
)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = family(
    _Replication, "ReplicationPad", _DOC.format("that repeats the edge")
)
CircularPad1d, CircularPad2d, CircularPad3d = family(
    _Circular, "CircularPad", _DOC.format("taken from the other end")
)
