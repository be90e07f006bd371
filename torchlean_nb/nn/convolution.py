"""Convolutions in one to three dimensions, and their transposes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import init
from torchlean_nb.nn.basic import root, within
from torchlean_nb.nn.layer import Layer, Slot, family, flag, option, size
from torchlean_nb.ops.border import MODES, pad_edges
from torchlean_nb.ops.conv import conv, conv_transpose


@dataclass(frozen=True)
class _Conv(Layer):
    in_channels: int = size()
    out_channels: int = size()
    kernel_size: int | tuple[int, ...] = size(per_axis=True)
    stride: int | tuple[int, ...] = size(1, per_axis=True)
    padding: int | tuple[int, ...] = size(0, low=0, per_axis=True)
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                raise HyperparameterError(
                    f"{type(self).__name__}: groups={self.groups} is not allowed",
                    f"groups must divide {name}={getattr(self, name)}",
                )

    def _arrays(self, shape: tuple[int, int]) -> Mapping[str, Slot]:
        bound = root(shape[1] * math.prod(self.kernel_size))
        own = {"weight": Slot((*shape, *self.kernel_size), within(bound), within(0.1))}
        return own | ({"bias": Slot((self.out_channels,), within(bound), init.zeros)} if self.bias else {})

    @property
    def label(self) -> str:
        return f"{type(self).__name__}({', '.join(str(getattr(self, f.name)) for f in fields(self)[:3])})"


@dataclass(frozen=True)
class _Convolution(_Conv):
    dilation: int | tuple[int, ...] = size(1, per_axis=True)
    groups: int = size(1)
    bias: bool = flag(True)
    padding_mode: str = option(Hyper("zeros", kind="choice", choices=("zeros", *MODES)))

    def __post_init__(self) -> None:
        asked = self.padding
        if isinstance(asked, str):
            Hyper(kind="choice", choices=("valid", "same")).check(type(self).__name__, "padding", asked)
            object.__setattr__(self, "padding", 0)
        super().__post_init__()
        if isinstance(asked, str):
            object.__setattr__(self, "padding", asked)
        if asked == "same" and set(self.stride) != {1}:
            raise HyperparameterError(
                f"{type(self).__name__}: padding='same' is not allowed", f"stride={self.stride} makes outputs smaller"
            )

    def slots(self) -> Mapping[str, Slot]:
        return self._arrays((self.out_channels, self.in_channels // self.groups))

    @property
    def _border(self) -> tuple[tuple[int, int], ...]:
        """Zeros before and after each axis; where they are an odd number the last one stands after."""
        if not isinstance(self.padding, str):
            return tuple((p, p) for p in self.padding)
        same = self.padding == "same"
        totals = (d * (k - 1) * same for d, k in zip(self.dilation, self.kernel_size, strict=True))
        return tuple((n // 2, n - n // 2) for n in totals)

    def compute(self, x: Any, at: Any) -> Any:
        padding = self.padding
        if self.padding_mode != "zeros" and len(x.shape) in (self.dims + 1, self.dims + 2):
            x, padding = pad_edges(x, self._border, self.padding_mode), 0
        return conv(x, at["weight"], at.get("bias"), stride=self.stride, padding=padding, dilation=self.dilation,
                    groups=self.groups)  # fmt: skip


@dataclass(frozen=True)
class _ConvolutionTranspose(_Conv):
    output_padding: int | tuple[int, ...] = size(0, low=0, per_axis=True)
    groups: int = size(1)
    bias: bool = flag(True)
    dilation: int | tuple[int, ...] = size(1, per_axis=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for extra, step, gap in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(step, gap):
                raise HyperparameterError(
                    f"{type(self).__name__}: output_padding={self.output_padding} is not allowed",
                    "output_padding must be smaller than stride or dilation",
                )

    def slots(self) -> Mapping[str, Slot]:
        return self._arrays((self.in_channels, self.out_channels // self.groups))

    def compute(self, x: Any, at: Any) -> Any:
        return conv_transpose(x, at["weight"], at.get("bias"), stride=self.stride, padding=self.padding,
                              output_padding=self.output_padding, groups=self.groups,
                              dilation=self.dilation)  # fmt: skip


_DOC = """Convolution (cross-correlation) over the last {axes}.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or tuple of int
    padding : int, tuple of int, "valid" or "same"
        Width of the border: none, or so many that sizes stay.
    groups : int
        Groups of channels that do not see each other.
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the border is made of.
    """
_DOC_TRANSPOSE = """Transposed convolution over the last {axes}, which makes inputs larger.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, output_padding : int or tuple of int
        An axis of size m becomes (m - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.
    groups : int
    bias : bool
    dilation : int or tuple of int
    """
Conv1d, Conv2d, Conv3d = family(_Convolution, "Conv", _DOC)
ConvTranspose1d, ConvTranspose2d, ConvTranspose3d = family(_ConvolutionTranspose, "ConvTranspose", _DOC_TRANSPOSE)
