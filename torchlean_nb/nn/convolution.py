"""Convolutions in one to three dimensions, and their transposes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import init
from torchlean_nb.nn.basic import per_channel, root, within
from torchlean_nb.nn.layer import Layer, Slot, family, flag, size
from torchlean_nb.ops.conv import conv, conv_transpose
from torchlean_nb.ops.getitem import getitem
from torchlean_nb.ops.indexing import pad, put_index
from torchlean_nb.ops.shape import concatenate


def _dilated(weight: Any, dilation: tuple[int, ...]) -> Any:
    """A dilated kernel is a kernel with zeros in between."""
    if set(dilation) == {1}:
        return weight
    sizes = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    return put_index(weight, shape=(*weight.shape[:2], *sizes), key=(..., *(slice(0, None, d) for d in dilation)))


def _grouped(op: Any, x: Any, weight: Any, groups: int, dims: int) -> Any:
    """Each group of input channels with its own part of the weight."""
    if groups == 1:
        return op(x, weight)
    axis = len(x.shape) - dims - 1
    if x.shape[axis] % groups:
        return op(x, weight)  # the op says what does not fit
    lead, n, m = (slice(None),) * axis, x.shape[axis] // groups, weight.shape[0] // groups
    parts = [
        op(getitem(x, (*lead, slice(i * n, (i + 1) * n))), weight[i * m : (i + 1) * m]) for i in range(groups)
    ]
    return concatenate(*parts, axis=axis)


@dataclass(frozen=True)
class _Conv(Layer):
    in_channels: int = size()
    out_channels: int = size()
    kernel_size: int | tuple[int, ...] = size(per_axis=True)
    stride: int | tuple[int, ...] = size(1, per_axis=True)
    padding: int | tuple[int, ...] = size(0, low=0, per_axis=True)

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

    def _biased(self, y: Any, at: Any) -> Any:
        return y + per_channel(at["bias"], y.shape, len(y.shape) - self.dims - 1) if self.bias else y

    @property
    def label(self) -> str:
        return f"{type(self).__name__}({', '.join(str(getattr(self, f.name)) for f in fields(self)[:3])})"


@dataclass(frozen=True)
class _Convolution(_Conv):
    dilation: int | tuple[int, ...] = size(1, per_axis=True)
    groups: int = size(1)
    bias: bool = flag(True)

    def __post_init__(self) -> None:
        asked = self.padding
        if isinstance(asked, str):
            Hyper(kind="choice", choices=("valid", "same")).check(type(self).__name__, "padding", asked)
            object.__setattr__(self, "padding", 0)
        super().__post_init__()
        if asked == "same":
            if set(self.stride) != {1}:
                raise HyperparameterError(
                    f"{type(self).__name__}: padding='same' is not allowed",
                    f"stride={self.stride} makes outputs smaller",
                )
            object.__setattr__(self, "padding", asked)

    def slots(self) -> Mapping[str, Slot]:
        return self._arrays((self.out_channels, self.in_channels // self.groups))

    def _bordered(self, x: Any) -> tuple[Any, Any]:
        """Input and padding; a border that is wider at the end is put around the input here."""
        if self.padding != "same":
            return x, self.padding
        totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
        if not any(n % 2 for n in totals):
            return x, tuple(n // 2 for n in totals)
        lead = len(x.shape) - self.dims
        return pad(x, pad_width=((0, 0),) * lead + tuple((n // 2, n - n // 2) for n in totals)), 0

    def compute(self, x: Any, at: Any) -> Any:
        x, padding = self._bordered(x)
        op = partial(conv, stride=self.stride, padding=padding)
        weight = _dilated(at["weight"], self.dilation)
        if self.groups == 1:
            return op(x, weight, at.get("bias"))
        return self._biased(_grouped(op, x, weight, self.groups, self.dims), at)


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
        weight = _dilated(at["weight"], self.dilation)
        if not any(self.output_padding) and self.groups == 1:
            return conv_transpose(x, weight, at.get("bias"), stride=self.stride, padding=self.padding)
        # All of the output first; then padding is cut off, and output_padding less of it at the end.
        y = _grouped(partial(conv_transpose, stride=self.stride), x, weight, self.groups, self.dims)
        lead = len(y.shape) - self.dims
        if any(self.output_padding):
            y = pad(y, pad_width=((0, 0),) * lead + tuple((0, e) for e in self.output_padding))
        cut = (slice(p, n - p) for p, n in zip(self.padding, y.shape[lead:], strict=True))
        return self._biased(getitem(y, (*(slice(None),) * lead, *cut)), at)


_DOC = """Convolution (cross-correlation) over the last {axes}.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or tuple of int
    padding : int, tuple of int, "valid" or "same"
        Zeros on both sides: none, or so many that sizes stay.
    groups : int
        Groups of channels that do not see each other.
    bias : bool
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
