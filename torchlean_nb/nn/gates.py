"""More activation functions as layers: clipped, self-normalising, gated, with a learned slope."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import init
from torchlean_nb.nn.layer import Layer, Slot, option, size
from torchlean_nb.ops import nonlinear, normalize


@dataclass(frozen=True)
class ReLU6(Layer):
    """min(6, max(0, x))."""

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.relu6(x)


@dataclass(frozen=True)
class Hardtanh(Layer):
    """The identity between two bounds, flat beyond them."""

    min_val: float = option(Hyper(-1.0))
    max_val: float = option(Hyper(1.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_val >= self.max_val:
            raise HyperparameterError(
                f"Hardtanh: min_val={self.min_val} is not allowed",
                f"min_val must be smaller than max_val={self.max_val}",
            )

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.hardtanh(x, min_val=self.min_val, max_val=self.max_val)


@dataclass(frozen=True)
class Hardsigmoid(Layer):
    """relu6(x + 3) / 6."""

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.hardsigmoid(x)


@dataclass(frozen=True)
class Hardswish(Layer):
    """x relu6(x + 3) / 6."""

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.hardswish(x)


@dataclass(frozen=True)
class Softsign(Layer):
    """x / (1 + abs(x))."""

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.softsign(x)


@dataclass(frozen=True)
class LogSigmoid(Layer):
    """Logarithm of the logistic function."""

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.log_sigmoid(x)


@dataclass(frozen=True)
class Mish(Layer):
    """x tanh(softplus(x))."""

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.mish(x)


@dataclass(frozen=True)
class SELU(Layer):
    """ELU with the slope and scale that keep mean 0 and variance 1."""

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.selu(x)


@dataclass(frozen=True)
class CELU(Layer):
    """ELU with a slope that is continuous at 0."""

    alpha: float = option(Hyper(1.0, low=0.0, open_low=True))

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.celu(x, self.alpha)


@dataclass(frozen=True)
class GLU(Layer):
    """The first half of an axis times the sigmoid of the second."""

    dim: int = size(-1, low=-64)

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.glu(x, self.dim)


@dataclass(frozen=True, init=False)
class PReLU(Layer):
    """ReLU whose slope below 0 is learned.

    Parameters
    ----------
    num_parameters : int
        One slope, or one per channel on axis 1.
    init : float
        The slopes at first; it is kept as `slope`, for `init` is a method of every layer.
    """

    num_parameters: int = size(1)
    slope: float = option(Hyper(0.25))

    def __init__(self, num_parameters: int = 1, init: float = 0.25):
        object.__setattr__(self, "num_parameters", num_parameters)
        object.__setattr__(self, "slope", init)
        self.__post_init__()

    def slots(self) -> Mapping[str, Slot]:
        return {"weight": Slot((self.num_parameters,), partial(init.constant, value=self.slope))}

    def compute(self, x: Any, at: Any) -> Any:
        return nonlinear.prelu(x, at["weight"])


@dataclass(frozen=True)
class Softmin(Layer):
    """Softmax of the negative along an axis."""

    dim: int = size(-1, low=-64)

    def compute(self, x: Any, at: Any) -> Any:
        return normalize.softmax(-x, axis=self.dim)


@dataclass(frozen=True)
class Softmax2d(Layer):
    """Softmax over the channels at each place of an image, shape (n, c, h, w) or (c, h, w)."""

    def compute(self, x: Any, at: Any) -> Any:
        if len(x.shape) not in (3, 4):
            raise ShapeError(f"Softmax2d: an input of shape {tuple(x.shape)}", "(n, c, h, w) or (c, h, w) is needed")
        return normalize.softmax(x, axis=-3)
