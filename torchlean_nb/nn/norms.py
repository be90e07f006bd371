"""Normalisation layers."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import init
from torchlean_nb.nn.basic import per_channel
from torchlean_nb.nn.layer import Layer, Slot, family, flag, option, size
from torchlean_nb.ops.normalize import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from torchlean_nb.ops.shape import reshape

EPS = Hyper(1e-5, low=0.0)


def _affine(shape: tuple[int, ...], weight: bool, bias: bool) -> dict[str, Slot]:
    own = {"weight": Slot(shape, init.ones)} if weight else {}
    return own | ({"bias": Slot(shape, init.zeros)} if bias else {})


class _Tracked:
    """Running statistics of a norm per channel."""

    counts: ClassVar[int] = 1  # what a batch adds to the counter; PyTorch leaves that of instance norms at 0

    def slots(self) -> Mapping[str, Slot]:
        n = (self.num_features,)
        own = _affine(n, self.affine, self.affine and self.bias)
        return own if not self.track_running_stats else own | {
            "running_mean": Slot(n, init.zeros, buffer=True), "running_var": Slot(n, init.ones, buffer=True),
            "num_batches_tracked": Slot((), init.zeros, buffer=True),
        }

    def by_running(self, x: Any, at: Any) -> Any:
        """Output in eval mode."""
        weight, bias = at.get("weight"), at.get("bias")
        scale = 1 / (at["running_var"] + self.eps) ** 0.5
        scale = scale if weight is None else scale * weight
        y = (x - per_channel(at["running_mean"], x.shape, 1)) * per_channel(scale, x.shape, 1)
        return y if bias is None else y + per_channel(bias, x.shape, 1)

    def variance(self, x: np.ndarray) -> np.ndarray:
        """Variance of a batch per channel."""
        raise NotImplementedError

    def moved(self, x: np.ndarray, at: Any) -> dict[str, Any]:
        """Running statistics after a batch."""
        mean, variance, batches = (at[name] for name in ("running_mean", "running_var", "num_batches_tracked"))
        mean, variance, batches = (getattr(v, "array", v) for v in (mean, variance, batches))
        count = batches + self.counts
        rate = 1 / count if self.momentum is None else self.momentum
        return {
            "running_mean": (1 - rate) * mean + rate * x.mean(axis=(0, *range(2, x.ndim))),
            "running_var": (1 - rate) * variance + rate * self.variance(x), "num_batches_tracked": count,
        }


@dataclass(frozen=True)
class _BatchNorm(_Tracked, Layer):
    draws: ClassVar[int] = 2
    num_features: int = size()
    eps: float = option(EPS)
    momentum: float | None = option(Hyper(0.1, low=0.0, high=1.0, none=True))
    affine: bool = flag(True)
    track_running_stats: bool = flag(True)
    bias: bool = flag(True)
    unbiased: bool = flag(True)

    def compute(self, x: Any, at: Any) -> Any:
        ranks = (2, 3) if self.dims == 1 else (self.dims + 2,)
        if len(x.shape) not in ranks or x.shape[1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: an input of shape {tuple(x.shape)}",
                f"{' or '.join(map(str, ranks))} axes are needed, {self.num_features} channels on axis 1",
            )
        if not at.training and self.track_running_stats:
            return self.by_running(x, at)
        y = batch_norm(x, at.get("weight"), at.get("bias"), eps=self.eps)
        if at.training and self.track_running_stats:
            at.look(x, self.moved)
        return y

    def variance(self, x: np.ndarray) -> np.ndarray:
        return x.var(axis=(0, *range(2, x.ndim)), ddof=1 if self.unbiased else 0)


_BATCH = """Mean 0 and variance 1 per channel: of the batch in train mode, of running statistics in eval mode.

    Parameters
    ----------
    num_features : int
        Channels, axis 1 of an input that has {axes} behind it.
    eps : float
        Added to the variance. TorchLean's is 1e-6.
    momentum : float in [0, 1], optional
        Part of a new batch in the running statistics; None means their plain average.
    affine, bias : bool
        Whether there is a weight, and with it a bias.
    track_running_stats : bool
        False: the batch's own statistics in both modes.
    unbiased : bool
        Whether the running variance divides by n - 1, as in PyTorch; TorchLean's divides by n.
    """
BatchNorm1d, BatchNorm2d, BatchNorm3d = family(_BatchNorm, "BatchNorm", _BATCH)


@dataclass(frozen=True)
class _InstanceNorm(_Tracked, Layer):
    draws: ClassVar[int] = 2
    counts: ClassVar[int] = 0
    num_features: int = size()
    eps: float = option(EPS)
    momentum: float = option(Hyper(0.1, low=0.0, high=1.0))
    affine: bool = flag(False)
    track_running_stats: bool = flag(False)
    bias: bool = flag(True)

    def compute(self, x: Any, at: Any) -> Any:
        shape = tuple(x.shape)
        if len(shape) not in (self.dims + 1, self.dims + 2) or shape[-self.dims - 1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: an input of shape {shape}",
                f"(n, {self.num_features}, ...) or ({self.num_features}, ...) with {self.dims} further axes is needed",
            )
        batched = x if len(shape) == self.dims + 2 else reshape(x, (1, *shape))
        if self.track_running_stats and not at.training:
            y = self.by_running(batched, at)
        else:
            y = instance_norm(batched, at.get("weight"), at.get("bias"), eps=self.eps)
            if self.track_running_stats:
                at.look(batched, self.moved)
        return y if batched is x else reshape(y, shape)

    def variance(self, x: np.ndarray) -> np.ndarray:
        return x.var(axis=tuple(range(2, x.ndim)), ddof=1).mean(0)


_INSTANCE = """Mean 0 and variance 1 per sample and channel over the last {axes}.

    Parameters
    ----------
    num_features : int
    eps : float
    momentum : float in [0, 1]
        Part of a new batch in the running statistics.
    affine, bias : bool
        Whether there is a weight, and with it a bias.
    track_running_stats : bool
        Whether eval mode uses running statistics in place of the sample's own.
    """
InstanceNorm1d, InstanceNorm2d, InstanceNorm3d = family(_InstanceNorm, "InstanceNorm", _INSTANCE)


@dataclass(frozen=True)
class GroupNorm(Layer):
    """Mean 0 and variance 1 per sample and group of channels.

    Parameters
    ----------
    num_groups, num_channels : int
    eps : float
    affine, bias : bool
        Whether there is a weight, and with it a bias.
    """

    draws: ClassVar[int] = 2
    num_groups: int = size()
    num_channels: int = size()
    eps: float = option(EPS)
    affine: bool = flag(True)
    bias: bool = flag(True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_channels % self.num_groups:
            raise HyperparameterError(
                f"GroupNorm: num_groups={self.num_groups} is not allowed",
                f"num_groups must divide num_channels={self.num_channels}",
            )

    def slots(self) -> Mapping[str, Slot]:
        return _affine((self.num_channels,), self.affine, self.affine and self.bias)

    def compute(self, x: Any, at: Any) -> Any:
        if len(x.shape) < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(f"GroupNorm: an input of shape {tuple(x.shape)} for {self.num_channels} channels")
        return group_norm(x, at.get("weight"), at.get("bias"), num_groups=self.num_groups, eps=self.eps)


@dataclass(frozen=True)
class _LastAxes(Layer):
    draws: ClassVar[int] = 2
    normalized_shape: int | tuple[int, ...] = option(Hyper(kind="any"))

    def __post_init__(self) -> None:
        super().__post_init__()
        check, owner = Hyper(low=1, kind="int").check, type(self).__name__
        given = self.normalized_shape if isinstance(self.normalized_shape, tuple | list) else [self.normalized_shape]
        sizes = tuple(check(owner, "normalized_shape", n) for n in given)
        if not sizes:
            raise HyperparameterError(f"{owner}: normalized_shape=() is not allowed", "at least one axis is needed")
        object.__setattr__(self, "normalized_shape", sizes)


@dataclass(frozen=True)
class LayerNorm(_LastAxes):
    """Mean 0 and variance 1 over the last axes.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Sizes of those axes.
    eps : float
        TorchLean's is 1e-6.
    elementwise_affine, bias : bool
        Whether there is a weight, and with it a bias.
    """

    eps: float = option(EPS)
    elementwise_affine: bool = flag(True)
    bias: bool = flag(True)

    def slots(self) -> Mapping[str, Slot]:
        return _affine(self.normalized_shape, self.elementwise_affine, self.elementwise_affine and self.bias)

    def compute(self, x: Any, at: Any) -> Any:
        return layer_norm(x, at.get("weight"), at.get("bias"), normalized_shape=self.normalized_shape, eps=self.eps)


@dataclass(frozen=True)
class RMSNorm(_LastAxes):
    """Root mean square 1 over the last axes.

    Parameters
    ----------
    normalized_shape : int or tuple of int
    eps : float, optional
        The spacing of numbers at 1 unless told.
    elementwise_affine : bool
    """

    eps: float | None = option(Hyper(None, low=0.0, none=True))
    elementwise_affine: bool = flag(True)

    def slots(self) -> Mapping[str, Slot]:
        return _affine(self.normalized_shape, self.elementwise_affine, False)

    def compute(self, x: Any, at: Any) -> Any:
        eps = float(np.finfo(x.dtype).eps) if self.eps is None else self.eps
        return rms_norm(x, at.get("weight"), normalized_shape=self.normalized_shape, eps=eps)
