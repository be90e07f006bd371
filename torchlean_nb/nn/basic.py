"""Linear layers, embeddings, and layers that only rearrange."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import init
from torchlean_nb.nn.layer import Layer, Slot, flag, option, size
from torchlean_nb.ops.indexing import embedding
from torchlean_nb.ops.linalg import linear
from torchlean_nb.ops.logic import detach, equal, logical_not, where
from torchlean_nb.ops.reduction import max_, mean, min_, sum_
from torchlean_nb.ops.shape import broadcast_to, flatten, reshape


def within(bound: float) -> init.Any:
    """Initialiser: uniform numbers between -bound and bound."""
    return partial(init.uniform, a=-bound, b=bound)


def root(fan: int) -> float:
    """PyTorch's bound for weights and biases: one over the root of the number of inputs."""
    return 1 / math.sqrt(fan) if fan > 0 else 0.0


def per_channel(a: Any, shape: tuple[int, ...], axis: int) -> Any:
    """One number per channel in a given shape, whose channels are on an axis; no implicit broadcasting is left."""
    return broadcast_to(reshape(a, (shape[axis], *[1] * (len(shape) - axis - 1))), shape=tuple(shape))


@dataclass(frozen=True)
class Linear(Layer):
    """x @ weight.T + bias over the last axis.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool

    Examples
    --------
    >>> Linear(2, 3).out_shape((5, 2))
    (5, 3)
    """

    in_features: int = size()
    out_features: int = size()
    bias: bool = flag(True)
    draws: ClassVar[int] = 2

    def slots(self) -> Mapping[str, Slot]:
        first = within(root(self.in_features))
        own = {"weight": Slot((self.out_features, self.in_features), first, init.xavier_uniform)}
        return own | ({"bias": Slot((self.out_features,), first, init.zeros)} if self.bias else {})

    def compute(self, x: Any, at: Any) -> Any:
        return linear(x, at["weight"], at.get("bias"))


@dataclass(frozen=True)
class Embedding(Layer):
    """One trained row per integer id.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    padding_idx : int, optional
        The row of this id starts as 0 and gets no gradient.

    Examples
    --------
    >>> Embedding(10, 4).out_shape((2, 7))
    (2, 7, 4)
    """

    num_embeddings: int = size()
    embedding_dim: int = size()
    padding_idx: int | None = option(Hyper(None, kind="int", none=True))
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        n, pad = self.num_embeddings, self.padding_idx
        if pad is not None and not -n <= pad < n:
            raise HyperparameterError(
                f"Embedding: padding_idx={pad} is not allowed", f"padding_idx must be >= {-n} and < {n} or None"
            )

    def _rows(self, shape: tuple[int, int], seed: Any) -> np.ndarray:
        table = init.normal(shape, seed)
        if self.padding_idx is not None:
            table[self.padding_idx] = 0
        return table

    def slots(self) -> Mapping[str, Slot]:
        return {"weight": Slot((self.num_embeddings, self.embedding_dim), self._rows, within(0.02))}

    def example(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape, np.int64)

    def compute(self, x: Any, at: Any) -> Any:
        weight = at["weight"]
        if self.padding_idx is not None:
            trained = np.ones((self.num_embeddings, 1), bool)
            trained[self.padding_idx] = False
            weight = where(trained, weight, detach(weight))
        return embedding(x, weight)


@dataclass(frozen=True)
class EmbeddingBag(Embedding):
    """Sum, mean or maximum of the trained rows of several integer ids.

    Bags are the rows of a matrix of ids; PyTorch's flat ids with offsets are not taken. Ids of `padding_idx` do not
    count, and a bag of nothing else is 0, as there.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    padding_idx : int, optional
        The row of this id starts as 0 and gets no gradient.
    mode : {"mean", "sum", "max"}

    Examples
    --------
    >>> EmbeddingBag(10, 4).out_shape((2, 7))
    (2, 4)
    """

    mode: str = option(Hyper("mean", kind="choice", choices=("mean", "sum", "max")))

    def compute(self, x: Any, at: Any) -> Any:
        if len(x.shape) != 2:
            raise ShapeError(f"EmbeddingBag: ids of shape {tuple(x.shape)}", "one bag per row: shape (n, size)")
        rows = super().compute(x, at)
        if self.padding_idx is None:
            return {"mean": mean, "sum": sum_, "max": max_}[self.mode](rows, axis=1)
        counts = logical_not(equal(x, self.padding_idx % self.num_embeddings))
        counts = reshape(counts, (*x.shape, 1))
        none = detach(rows) * 0.0
        some = sum_(where(counts, none + 1.0, none), axis=1)
        if self.mode == "max":
            below = detach(min_(rows)) - 1.0
            return where(equal(some, 0), some, max_(where(counts, rows, below), axis=1))
        total = sum_(where(counts, rows, none), axis=1)
        return total if self.mode == "sum" else total / where(equal(some, 0), some + 1.0, some)


@dataclass(frozen=True)
class Identity(Layer):
    """The input as it is."""

    def compute(self, x: Any, at: Any) -> Any:
        return x


@dataclass(frozen=True)
class Flatten(Layer):
    """Axes joined into one, by default all but the batch axis.

    Parameters
    ----------
    start_dim, end_dim : int

    Examples
    --------
    >>> Flatten().out_shape((32, 4, 3, 3))
    (32, 36)
    """

    start_dim: int = size(1, low=-64)
    end_dim: int = size(-1, low=-64)

    def compute(self, x: Any, at: Any) -> Any:
        return flatten(x, start_dim=self.start_dim, end_dim=self.end_dim)


@dataclass(frozen=True)
class Unflatten(Layer):
    """One axis split into several.

    Parameters
    ----------
    dim : int
    unflattened_size : tuple of int

    Examples
    --------
    >>> Unflatten(1, (1, 8, 8)).out_shape((32, 64))
    (32, 1, 8, 8)
    """

    dim: int = size(low=-64)
    unflattened_size: tuple[int, ...] = option(Hyper(kind="any"))

    def __post_init__(self) -> None:
        super().__post_init__()
        rule = Hyper(low=1, kind="int")
        parts = self.unflattened_size if isinstance(self.unflattened_size, tuple | list) else (self.unflattened_size,)
        checked = tuple(rule.check("Unflatten", "unflattened_size", n) for n in parts)
        object.__setattr__(self, "unflattened_size", checked)

    def compute(self, x: Any, at: Any) -> Any:
        shape = tuple(x.shape)
        i = range(len(shape))[self.dim]
        return reshape(x, (*shape[:i], *self.unflattened_size, *shape[i + 1 :]))


@dataclass(frozen=True)
class Select(Layer):
    """One place along an axis: ``Select(1, -1)`` is the last step of a sequence with the batch first.

    Parameters
    ----------
    dim, index : int
    """

    dim: int = size(low=-64)
    index: int = option(Hyper(kind="int"))

    def compute(self, x: Any, at: Any) -> Any:
        i = range(len(x.shape))[self.dim]
        return x[(*(slice(None),) * i, self.index)]
