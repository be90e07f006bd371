"""Samples as users have them, in batches as models take them.

Data is a `Dataset` (its last array has the targets), a batch ``(x, y)`` of arrays, or a list of samples
``(x, y)`` that need not be alike in shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import is_array
from torchlean_nb.data import DataLoader, Dataset, collate
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.errors import HandleTypeError, ShapeError
from torchlean_nb.hypers import Hyper

Pair = tuple[Any, np.ndarray]
_SIZE = Hyper(kind="int", low=1)


def singles(data: Any, owner: str) -> list[Pair]:
    """Each sample as a batch of one.

    Raises
    ------
    HandleTypeError, ShapeError

    Examples
    --------
    >>> [(x.tolist(), y.tolist()) for x, y in singles([([1.0, 2.0], 0), ([3.0, 4.0], 1)], "f")]
    [([[1.0, 2.0]], [0]), ([[3.0, 4.0]], [1])]
    """
    if isinstance(data, list):
        return [_one(sample, i, owner) for i, sample in enumerate(data)]
    return list(batches(data, 1, owner))


def batches(data: Any, size: int, owner: str) -> Iterator[Pair]:
    """Consecutive batches; the last may be smaller.

    Raises
    ------
    HandleTypeError, ShapeError, HyperparameterError
    """
    size = _SIZE.check(owner, "batch_size", size)
    if isinstance(data, list):
        if not data:
            return
        data = collate([(*_tuple(x), y) for x, y in map(tuple, data)])
    *inputs, target = _columns(data, owner)
    for i in range(0, target.shape[0], size):
        part = tuple(a[i : i + size] for a in inputs)
        yield part if len(part) > 1 else part[0], target[i : i + size]


def _columns(data: Any, owner: str) -> tuple[Any, ...]:
    """Arrays whose rows are samples, inputs before targets."""
    data = data.dataset if isinstance(data, DataLoader) else data
    if isinstance(data, Dataset):
        return *data.arrays[:-1], data.y
    if not isinstance(data, tuple) or len(data) < 2 or any(isinstance(a, Ref) for a in data):
        raise HandleTypeError(
            f"{owner}: {type(data).__name__} is not data", None,
            "a Dataset, a batch (x, y), or a list of samples (x, y)",
        )
    arrays = tuple(a if is_array(a) else np.asarray(a) for part in data for a in _tuple(part))
    if any(a.ndim == 0 or a.shape[0] != arrays[0].shape[0] for a in arrays):
        raise ShapeError(
            f"{owner}: a batch of shapes {', '.join(str(a.shape) for a in arrays)}",
            "row i of each is sample i", "[(x, y)] for one sample",
        )
    return arrays


def _one(sample: Any, i: int, owner: str) -> Pair:
    if not isinstance(sample, tuple | list) or len(sample) != 2:
        raise HandleTypeError(
            f"{owner}: sample {i} is a {type(sample).__name__}", "a list holds samples, each a pair (x, y)",
            "a tuple (X, Y) for a batch of arrays",
        )
    inputs = tuple(np.asarray(a)[None] for a in _tuple(sample[0]))
    return inputs if len(inputs) > 1 else inputs[0], np.asarray(sample[1])[None]


def _tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)
