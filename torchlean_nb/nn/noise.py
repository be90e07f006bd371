"""Dropout of elements, of whole channels, and towards the limit of SELU."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torchlean_nb.errors import ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn.layer import Layer, family, option
from torchlean_nb.ops.random import alpha_dropout, dropout
from torchlean_nb.ops.shape import reshape


@dataclass(frozen=True)
class Dropout(Layer):
    """In train mode elements are 0 with probability p and the others divided by 1 - p.

    Parameters
    ----------
    p : float in [0, 1]
    """

    p: float = option(Hyper(0.5, low=0.0, high=1.0))
    draws: ClassVar[int] = 1

    def compute(self, x: Any, at: Any) -> Any:
        if not at.training or self.p == 0:
            return x
        return x * 0.0 if self.p == 1 else self.noisy(x, at.key())

    def noisy(self, x: Any, key: int) -> Any:
        """Output in train mode."""
        return dropout(x, key, p=self.p)


@dataclass(frozen=True)
class AlphaDropout(Dropout):
    """In train mode elements are set to the limit of SELU with probability p; mean and variance stay.

    Parameters
    ----------
    p : float in [0, 1]
    """

    def noisy(self, x: Any, key: int) -> Any:
        return alpha_dropout(x, key, self.p)


@dataclass(frozen=True)
class _ChannelDropout(Dropout):
    def noisy(self, x: Any, key: int) -> Any:
        shape = tuple(x.shape)
        if len(shape) not in (self.dims + 1, self.dims + 2):
            raise ShapeError(
                f"{type(self).__name__}: an input of shape {shape}",
                f"shape (n, channels, ...) or (channels, ...) with {self.dims} further axes is needed",
            )
        batched = x if len(shape) == self.dims + 2 else reshape(x, (1, *shape))
        return reshape(dropout(batched, key, p=self.p, whole_channels=True), shape)


_CHANNELS = """In train mode whole channels, with {axes}, are 0 with probability p and the others divided by 1 - p.

    Parameters
    ----------
    p : float in [0, 1]
    """
Dropout1d, Dropout2d, Dropout3d = family(_ChannelDropout, "Dropout", _CHANNELS)
