"""Pooling: maximum, mean and smooth maximum of windows, and means over everything."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn.layer import Layer, family, flag, option, size
from torchlean_nb.ops.adaptive import adaptive_avg_pool, adaptive_max_pool, lp_pool
from torchlean_nb.ops.pool import avg_pool, max_pool, max_pool_indices, smooth_max_pool
from torchlean_nb.ops.reduction import mean
from torchlean_nb.ops.shape import reshape


def _check_axes(layer: Any, x: Any) -> None:
    if len(x.shape) not in (layer.dims + 1, layer.dims + 2):
        raise ShapeError(
            f"{type(layer).__name__}: an input of shape {tuple(x.shape)}",
            f"shape (n, channels, ...) or (channels, ...) with {layer.dims} further axes is needed",
        )


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
        _check_axes(self, x)
        return op(x, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding, **more)


@dataclass(frozen=True)
class _MaxPool(_Pool):
    dilation: int | tuple[int, ...] = size(1, per_axis=True)
    return_indices: bool = flag(False)
    ceil_mode: bool = flag(False)

    def compute(self, x: Any, at: Any) -> Any:
        more = {"dilation": self.dilation, "ceil_mode": self.ceil_mode}
        y = self._pooled(max_pool, x, **more)
        return (y, self._pooled(max_pool_indices, x, **more)) if self.return_indices else y


@dataclass(frozen=True)
class _AvgPool(_Pool):
    ceil_mode: bool = flag(False)
    count_include_pad: bool = flag(True)
    divisor_override: int | None = size(None, none=True)

    def compute(self, x: Any, at: Any) -> Any:
        return self._pooled(avg_pool, x, ceil_mode=self.ceil_mode, count_include_pad=self.count_include_pad,
                            divisor_override=self.divisor_override)  # fmt: skip


@dataclass(frozen=True)
class _LPPool(Layer):
    norm_type: float = option(Hyper(low=0.0, open_low=True))
    kernel_size: int | tuple[int, ...] = size(per_axis=True)
    stride: int | tuple[int, ...] | None = size(None, none=True, per_axis=True)
    ceil_mode: bool = flag(False)

    def compute(self, x: Any, at: Any) -> Any:
        _check_axes(self, x)
        return lp_pool(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)


@dataclass(frozen=True)
class _SmoothMaxPool(_Pool):
    beta: float = option(Hyper(1.0, low=0.0, open_low=True))

    def compute(self, x: Any, at: Any) -> Any:
        return self._pooled(smooth_max_pool, x, beta=self.beta)


@dataclass(frozen=True)
class _Adaptive(Layer):
    output_size: int | tuple[int | None, ...] | None = size(none=True, per_axis=True)

    def __post_init__(self) -> None:
        if self.output_size is None:
            object.__setattr__(self, "output_size", (None,) * self.dims)
        super().__post_init__()


@dataclass(frozen=True)
class _AdaptiveAvgPool(_Adaptive):
    def compute(self, x: Any, at: Any) -> Any:
        _check_axes(self, x)
        return adaptive_avg_pool(x, self.output_size)


@dataclass(frozen=True)
class _AdaptiveMaxPool(_Adaptive):
    def compute(self, x: Any, at: Any) -> Any:
        _check_axes(self, x)
        return adaptive_max_pool(x, self.output_size)


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


@dataclass(frozen=True)
class GlobalMaxPool(Layer):
    """Largest element over all axes behind (n, channels); the first of equal ones takes the gradient.

    Examples
    --------
    >>> GlobalMaxPool().out_shape((32, 8, 5, 5))
    (32, 8)
    """

    def compute(self, x: Any, at: Any) -> Any:
        shape = tuple(x.shape)
        if len(shape) < 3:
            raise ShapeError(f"GlobalMaxPool: an input of shape {shape} has no axes behind (n, channels)")
        return reshape(max_pool(x, kernel_size=shape[2:]), shape[:2])


_WINDOWS = """{} of each window of the last {{axes}}.

    Parameters
    ----------
    kernel_size, stride, padding : int or tuple of int
        The stride is the kernel size unless told. {}
    """
_SMOOTH, _ZEROS = "Smooth maximum log(sum(exp(beta x))) / beta", "The padding is zeros."
_COUNTED = """The padding is zeros.
    ceil_mode : bool
        Whether a last window may reach over the end.
    count_include_pad : bool
        Whether zeros count in the mean.
    divisor_override : int, optional
        Divide sums by this."""
_ROUTED = """Padding never wins.
    dilation : int or tuple of int
        Step between the elements of a window.
    return_indices : bool
        Also where the largest elements stand, counted over the pooled axes.
    ceil_mode : bool
        Whether a last window may reach over the end."""
_ADAPTIVE = """{} of windows chosen so that the last {{axes}} get a given size.

    Parameters
    ----------
    output_size : int or tuple of (int or None)
        None keeps the size of an axis.
    """
_LP = """Sum of x**norm_type in each window of the last {axes}, to the power 1 / norm_type.

    Parameters
    ----------
    norm_type : float > 0
    kernel_size, stride : int or tuple of int
    ceil_mode : bool
    """
MaxPool1d, MaxPool2d, MaxPool3d = family(
    _MaxPool, "MaxPool", _WINDOWS.format("Largest element", _ROUTED)
)
AvgPool1d, AvgPool2d, AvgPool3d = family(_AvgPool, "AvgPool", _WINDOWS.format("Mean", _COUNTED))
SmoothMaxPool1d, SmoothMaxPool2d, SmoothMaxPool3d = family(
    _SmoothMaxPool, "SmoothMaxPool", _WINDOWS.format(_SMOOTH, _ZEROS)
)
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = family(
    _AdaptiveAvgPool, "AdaptiveAvgPool", _ADAPTIVE.format("Means")
)
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = family(
    _AdaptiveMaxPool, "AdaptiveMaxPool", _ADAPTIVE.format("Largest elements")
)
LPPool1d, LPPool2d, LPPool3d = family(_LPPool, "LPPool", _LP)
