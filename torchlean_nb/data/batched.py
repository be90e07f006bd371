"""Batches of a size that is part of the model's type, as TorchLean has them: every batch is full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from torchlean_nb.backend.random import check_seed
from torchlean_nb.data.columns import Batch, freeze
from torchlean_nb.data.dataset import Dataset
from torchlean_nb.data.loader import DataLoader
from torchlean_nb.data.order import lcg_shuffle
from torchlean_nb.errors import DataError, HandleTypeError, HyperparameterError


class BatchLoader:
    """A loader that only gives batches of one size.

    Parameters
    ----------
    loader : DataLoader
        With that batch size, and drop_last.
    batch_size : int

    Raises
    ------
    HyperparameterError
        When the loader has another batch size or would give a smaller last batch.

    Examples
    --------
    >>> loader = DataLoader(Dataset(range(5)), batch_size=2, shuffle=False, drop_last=True)
    >>> [x.tolist() for x, in BatchLoader(loader, 2)]
    [[0, 1], [2, 3]]
    """

    def __init__(self, loader: DataLoader, batch_size: int):
        if not isinstance(loader, DataLoader):
            raise HandleTypeError(f"BatchLoader: {type(loader).__name__} is not a DataLoader")
        if loader.batch_size != batch_size:
            raise HyperparameterError(f"BatchLoader: expected typed batch size {batch_size}, got {loader.batch_size}")
        if not loader.drop_last:
            raise HyperparameterError(
                "BatchLoader requires dropLast=true", "a last batch that is smaller has another type",
                "DataLoader(..., drop_last=True)",
            )
        self.loader, self.batch_size = loader, batch_size

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.loader)

    def __repr__(self) -> str:
        return f"BatchLoader({self.loader!r})"


def batched(dataset: Dataset, batch_size: int, *, shuffle: bool = False, seed: int = 0) -> Dataset:
    """A Dataset whose samples are full batches, shuffled once: they stay the same in every epoch.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
    shuffle : bool
        By TorchLean's `lcg_shuffle`, before the rows are cut into batches.
    seed : int

    Raises
    ------
    HyperparameterError, DataError

    Examples
    --------
    >>> batched(Dataset(range(7)), 3).X.tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer) or batch_size <= 0:
        raise HyperparameterError("batched: batch size must be > 0", f"got {batch_size!r}")
    count = len(dataset) // batch_size
    if not count:
        raise DataError(f"batched: no full minibatch available (batch={batch_size}, rows={len(dataset)})")
    rows = lcg_shuffle(check_seed(seed), len(dataset))[1] if shuffle else np.arange(len(dataset))
    rows = rows[: count * batch_size]

    def cut(a: Any) -> np.ndarray:
        return freeze(a[rows].reshape(count, batch_size, *a.shape[1:]))

    return Dataset(*map(cut, dataset.arrays), names=dataset.names, classes=dataset.classes)
