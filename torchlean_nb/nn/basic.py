"""Linear layers, embeddings, and layers that only rearrange."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.backend.reading import read
from torchlean_nb.errors import HyperparameterError, IndexRangeError, ShapeError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import init
from torchlean_nb.nn.layer import Layer, Slot, flag, option, size
from torchlean_nb.ops.indexing import check_indices, embedding, take
from torchlean_nb.ops.linalg import linear
from torchlean_nb.ops.logic import detach, equal, greater, logical_not, where
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

    Bags are the rows of a matrix of ids, or parts of flat ids of which ``offsets=`` says where each begins, a list or
    array of integers that a program compiled from the call keeps. ``per_sample_weights=``, shaped as the ids, are
    factors in a sum. Ids of `padding_idx` do not count, and a bag of nothing else is 0, as in PyTorch.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
    padding_idx : int, optional
        The row of this id starts as 0 and gets no gradient.
    mode : {"mean", "sum", "max"}

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> EmbeddingBag(10, 4).out_shape((2, 7))
    (2, 4)
    >>> bag = EmbeddingBag(10, 4).bind(tl.Session(), seed=0)
    >>> bag([1, 2, 4, 5, 4], offsets=[0, 2, 2]).shape
    (3, 4)
    """

    mode: str = option(Hyper("mean", kind="choice", choices=("mean", "sum", "max")))

    def compute(self, x: Any, at: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        flat, factors = offsets is not None, per_sample_weights
        if isinstance(x, tuple) or len(x.shape) != (1 if flat else 2):
            shapes = ", ".join(str(tuple(a.shape)) for a in (x if isinstance(x, tuple) else (x,)))
            want = "flat ids have shape (n,)" if flat else "one bag per row has shape (n, size)"
            raise ShapeError(f"EmbeddingBag: ids of shape {shapes}", want, None if flat else "offsets=[0, ...]")
        if isinstance(factors, list | np.ndarray):
            factors = read(factors, "EmbeddingBag: per_sample_weights").astype(at["weight"].dtype)
        if factors is not None and self.mode != "sum":
            raise HyperparameterError(f"EmbeddingBag: per_sample_weights with mode={self.mode!r}", None, 'mode="sum"')
        if factors is not None and tuple(factors.shape) != tuple(x.shape):
            what = f"EmbeddingBag: per_sample_weights of shape {tuple(factors.shape)}"
            raise ShapeError(f"{what} for ids of shape {tuple(x.shape)}")
        rows, counts = super().compute(x, at), None
        if factors is not None:
            rows = rows * broadcast_to(reshape(factors, (*x.shape, 1)), shape=tuple(rows.shape))
        if self.padding_idx is not None:
            counts = reshape(logical_not(equal(x, self.padding_idx % self.num_embeddings)), (*x.shape, 1))
        if flat:
            places, inside = _bags(offsets, x.shape[0])
            rows = take(rows, places, axis=0)
            counts = inside if counts is None else greater(take(counts, places, axis=0), ~inside)
        if counts is None:
            return {"mean": mean, "sum": sum_, "max": max_}[self.mode](rows, axis=1)
        none = detach(rows) * 0.0
        some = sum_(where(counts, none + 1.0, none), axis=1)
        if self.mode == "max" and rows.shape[1]:
            below = detach(min_(rows)) - 1.0
            return where(equal(some, 0), some, max_(where(counts, rows, below), axis=1))
        total = sum_(where(counts, rows, none), axis=1)
        return total / where(equal(some, 0), some + 1.0, some) if self.mode == "mean" else total


def _bags(offsets: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of flat ids as a matrix with a bag in each row, and which of its entries are in the bag."""
    begins = read(host(offsets), "EmbeddingBag: offsets")
    if begins.ndim != 1:
        raise ShapeError(f"EmbeddingBag: offsets of shape {begins.shape}", "one number per bag: shape (n,)")
    check_indices("EmbeddingBag: offsets", begins, count + 1, low=0)
    if begins[:1].any() or (begins[1:] < begins[:-1]).any():
        raise IndexRangeError(f"EmbeddingBag: offsets {quote(begins.tolist())}", "they begin at 0 and never fall")
    sizes = np.append(begins[1:], count) - begins if begins.size else begins
    within = np.arange(sizes.max(initial=0))
    inside = within < sizes[:, None]
    return np.where(inside, begins[:, None] + within, 0), inside[..., None]


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
