"""Activation functions as layers."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchlean_nb.hypers import Hyper
from torchlean_nb.nn.layer import Layer, option, size
from torchlean_nb.ops import activation, normalize


@dataclass(frozen=True)
class ReLU(Layer):
    """max(0, x)."""

    def compute(self, x: Any, at: Any) -> Any:
        return activation.relu(x)


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """ReLU with a small slope below 0."""

    negative_slope: float = option(Hyper(0.01))

    def compute(self, x: Any, at: Any) -> Any:
        return activation.leaky_relu(x, negative_slope=self.negative_slope)


@dataclass(frozen=True)
class ELU(Layer):
    """Exponential linear unit."""

    alpha: float = option(Hyper(1.0))

    def compute(self, x: Any, at: Any) -> Any:
        return activation.elu(x, alpha=self.alpha)


@dataclass(frozen=True)
class SiLU(Layer):
    """x times its sigmoid."""

    def compute(self, x: Any, at: Any) -> Any:
        return activation.silu(x)


@dataclass(frozen=True)
class GELU(Layer):
    """Gaussian error linear unit; TorchLean's is the tanh form."""

    approximate: str = option(Hyper("none", kind="choice", choices=("none", "tanh")))

    def compute(self, x: Any, at: Any) -> Any:
        return activation.gelu(x, approximate=self.approximate)


@dataclass(frozen=True)
class Sigmoid(Layer):
    """Logistic function."""

    def compute(self, x: Any, at: Any) -> Any:
        return activation.sigmoid(x)


@dataclass(frozen=True)
class Tanh(Layer):
    """Hyperbolic tangent."""

    def compute(self, x: Any, at: Any) -> Any:
        return activation.tanh(x)


@dataclass(frozen=True)
class Softplus(Layer):
    """log(1 + exp(beta x)) / beta."""

    beta: float = option(Hyper(1.0, low=0.0, open_low=True))

    def compute(self, x: Any, at: Any) -> Any:
        return activation.softplus(x) if self.beta == 1 else activation.softplus(x * self.beta) * (1 / self.beta)


@dataclass(frozen=True)
class Softmax(Layer):
    """Exponentials divided by their sum along an axis."""

    dim: int = size(-1, low=-64)

    def compute(self, x: Any, at: Any) -> Any:
        return normalize.softmax(x, axis=self.dim)


@dataclass(frozen=True)
class LogSoftmax(Layer):
    """Logarithm of the softmax along an axis."""

    dim: int = size(-1, low=-64)

    def compute(self, x: Any, at: Any) -> Any:
        return normalize.log_softmax(x, axis=self.dim)
