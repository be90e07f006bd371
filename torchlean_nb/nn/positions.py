"""What tells a sequence model where in the sequence it is."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.errors import ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import init
from torchlean_nb.nn.basic import within
from torchlean_nb.nn.layer import Layer, Slot, flag, option, size
from torchlean_nb.ops.arithmetic import add
from torchlean_nb.ops.attention import rope, sinusoidal_positions
from torchlean_nb.ops.getitem import getitem
from torchlean_nb.ops.shape import broadcast_to

BASE = Hyper(10000.0, low=1.0, open_low=True)


def _steps(owner: str, x: Any, width: int, most: int | None = None) -> int:
    shape = tuple(x.shape)
    if len(shape) < 2 or shape[-1] != width or (most is not None and shape[-2] > most):
        limit = "" if most is None else f", at most {most} steps"
        raise ShapeError(f"{owner}: an input of shape {shape}", f"(..., steps, {width}) is needed{limit}")
    return shape[-2]


@dataclass(frozen=True)
class SinusoidalPositions(Layer):
    """The input plus sines and cosines of its positions; nothing is learned.

    Parameters
    ----------
    dim : int
        Size of the last axis; positions are counted along the axis before it.
    base : float > 1

    References
    ----------
    Vaswani et al. 2017, arXiv 1706.03762
    """

    dim: int = size()
    base: float = option(BASE)
    draws: ClassVar[int] = 1

    def compute(self, x: Any, at: Any) -> Any:
        steps = _steps("SinusoidalPositions", x, self.dim)
        waves = np.asarray(sinusoidal_positions(steps, self.dim, self.base), x.dtype)
        return add(x, broadcast_to(waves, shape=x.shape))


@dataclass(frozen=True)
class LearnedPositions(Layer):
    """The input plus one trained row per position.

    Parameters
    ----------
    length : int
        Number of positions there are rows for.
    dim : int
        Size of the last axis; positions are counted along the axis before it.
    """

    length: int = size()
    dim: int = size()
    draws: ClassVar[int] = 1

    def slots(self) -> Mapping[str, Slot]:
        return {"weight": Slot((self.length, self.dim), init.normal, within(0.02))}

    def compute(self, x: Any, at: Any) -> Any:
        steps = _steps("LearnedPositions", x, self.dim, self.length)
        return x + broadcast_to(getitem(at["weight"], slice(0, steps)), shape=x.shape)


@dataclass(frozen=True)
class RotaryPositions(Layer):
    """Pairs of entries turned by angles that grow with the position, for queries and keys of attention.

    Parameters
    ----------
    base : float > 1
    interleaved : bool
        Whether pairs are neighbours, or one entry from each half.

    References
    ----------
    Su et al. 2021, arXiv 2104.09864
    """

    base: float = option(BASE)
    interleaved: bool = flag(True)
    draws: ClassVar[int] = 1

    def compute(self, x: Any, at: Any, start_pos: int = 0) -> Any:
        """Output of the shape of x, (..., steps, dim); `start_pos` is the position of the first step."""
        return rope(x, base=self.base, start_pos=start_pos, interleaved=self.interleaved)
