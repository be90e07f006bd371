"""Pooling: maximum, mean and smooth maximum of windows, and means over everything."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn.layer import Layer, family, flag, option, size
from torchlean_nb.ops.linalg import matmul
from torchlean_nb.ops.pool import avg_pool, max_pool, smooth_max_pool
from torchlean_nb.ops.reduction import mean
from torchlean_nb.ops.shape import swapaxes


@dataclass(frozen=True)
class _Pool(Layer):
    kernel_size: int | tuple[int, ...] = size(per_axis=True)
    stride: int | tuple[int, ...] | None = size(None, none=True, per_axis=True)
    padding: int | tuple[int, ...] = size(0, low=0, per_axis=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise HyperparameterError(
                f"{type(self).__name__}: padding={self.padding} is not allowed",
                f"padding must be at most half of kernel_size={self.kernel_size}",
            )

    def _pooled(self, op: Any, x: Any, **more: Any) -> Any:
        if len(x.shape) not in (self.dims + 1, self.dims + 2):
            raise ShapeError(
                f"{type(self).__name__}: an input of shape {tuple(x.shape)}",
                f"shape (n, channels, ...) or (channels, ...) with {self.dims} further axes is needed",
            )
        return op(x, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding, **more)


@dataclass(frozen=True)
class _MaxPool(_Pool):
    def compute(self, x: Any, at: Any) -> Any:
        return self._pooled(max_pool, x)


@dataclass(frozen=True)
class _AvgPool(_Pool):
    count_include_pad: bool = flag(True)

    def compute(self, x: Any, at: Any) -> Any:
        y = self._pooled(avg_pool, x)
        if self.count_include_pad or not any(self.padding):
            return y
        # The mean of ones inside a border of zeros is the part of each window that counts.
        part = self._pooled(avg_pool, np.ones((1, *x.shape[-self.dims :]), x.dtype))
        return y / np.broadcast_to(part, y.shape)


@dataclass(frozen=True)
class _SmoothMaxPool(_Pool):
    beta: float = option(Hyper(1.0, low=0.0, open_low=True))

    def compute(self, x: Any, at: Any) -> Any:
        return self._pooled(smooth_max_pool, x, beta=self.beta)


def _means(n: int, out: int) -> np.ndarray:
    """Matrix whose columns average the windows from floor(i n / out) to ceil((i + 1) n / out)."""
    a = np.zeros((n, out))
    for i in range(out):
        start, stop = i * n // out, -(-(i + 1) * n // out)
        a[start:stop, i] = 1 / (stop - start)
    return a


@dataclass(frozen=True)
class _AdaptiveAvgPool(Layer):
    output_size: int | tuple[int, ...] = size(per_axis=True)

    def compute(self, x: Any, at: Any) -> Any:
        for axis, out in enumerate(self.output_size, start=-self.dims):
            averages = _means(x.shape[axis], out).astype(x.dtype)
            x = swapaxes(matmul(swapaxes(x, axis, -1), averages), axis, -1)
        return x


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """Mean over all axes behind (n, channels).

    Examples
    --------
    >>> GlobalAvgPool().out_shape((32, 8, 5, 5))
    (32, 8)
    """

    def compute(self, x: Any, at: Any) -> Any:
        if len(x.shape) < 3:
            raise ShapeError(f"GlobalAvgPool: an input of shape {tuple(x.shape)} has no axes behind (n, channels)")
        return mean(x, axis=tuple(range(2, len(x.shape))))


_WINDOWS = """{} of each window of the last {{axes}}.

    Parameters
    ----------
    kernel_size, stride, padding : int or tuple of int
        The stride is the kernel size unless told. {}
    """
_SMOOTH, _ZEROS = "Smooth maximum log(sum(exp(beta x))) / beta", "The padding is zeros."
_COUNTED = """The padding is zeros.
    count_include_pad : bool
        Whether they count in the mean."""
_ADAPTIVE = """Means of windows chosen so that the last {axes} get a given size.

    Parameters
    ----------
    output_size : int or tuple of int
    """
MaxPool1d, MaxPool2d, MaxPool3d = family(
    _MaxPool, "MaxPool", _WINDOWS.format("Largest element", "Padding never wins.")
)
AvgPool1d, AvgPool2d, AvgPool3d = family(_AvgPool, "AvgPool", _WINDOWS.format("Mean", _COUNTED))
SmoothMaxPool1d, SmoothMaxPool2d, SmoothMaxPool3d = family(
    _SmoothMaxPool, "SmoothMaxPool", _WINDOWS.format(_SMOOTH, _ZEROS)
)
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = family(_AdaptiveAvgPool, "AdaptiveAvgPool", _ADAPTIVE)
