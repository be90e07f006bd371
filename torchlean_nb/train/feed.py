"""What a training is fed with: data in the forms users have it, and the batches of each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.data import DataLoader, Dataset
from torchlean_nb.errors import DataError, DTypeError, HandleTypeError, HyperparameterError, ShapeError, quote
from torchlean_nb.hypers import Hyper

Pair = tuple[Any, np.ndarray]
BATCH_SIZE = 32
_WHOLE = Hyper(low=1, kind="int")
_UPDATE = Hyper(kind="choice", choices=("per_batch", "per_sample"))


def dataset_of(data: Any, what: str = "data") -> Dataset:
    """A Dataset with targets from what users call data.

    Parameters
    ----------
    data : Dataset, DataLoader, (X, y), or list of samples (x, y)

    Raises
    ------
    HandleTypeError, DataError, ShapeError, NonFiniteError

    Examples
    --------
    >>> dataset_of(([[0.0], [1.0]], [0, 1]))
    Dataset(2 rows: X (1,) float64, y () int64)
    """
    if isinstance(data, DataLoader):
        data = data.dataset
    if isinstance(data, tuple) and len(data) >= 2 and not isinstance(data[0], Dataset):
        inputs = data[0] if isinstance(data[0], tuple) else data[:-1]
        _refuse_words(data[-1])
        data = Dataset(*inputs, data[-1])
    elif isinstance(data, list) and data and all(isinstance(s, tuple) for s in data):
        data = Dataset.from_samples((*(s[0] if isinstance(s[0], tuple) else s[:-1]), s[-1]) for s in data)
    if not isinstance(data, Dataset):
        two = isinstance(data, tuple) and len(data) == 2
        raise HandleTypeError(
            f"fit: {what} is a {type(data).__name__}" + (" of Datasets" if two else ""),
            "it must be a Dataset, arrays (X, y), or a list of samples (x, y)",
            "train, test = data; fit(train, validation=test)" if two else "fit((X, y), ...)",
        )
    if len(data.arrays) < 2:
        raise DataError(f"fit: {what} has no targets", f"its one array is {quote(data.names[0])}", "(X, y)")
    return data


def _refuse_words(y: Any) -> None:
    """Say how names of classes become numbers."""
    shown = y if isinstance(y, np.ndarray) else np.asarray(y[:1]) if isinstance(y, list) else np.zeros(0)
    if shown.dtype.kind in "US" or (shown.dtype == object and shown.size and isinstance(shown.flat[0], str)):
        raise DTypeError(
            f"fit: the targets are words, such as {quote(str(shown.flat[0]), 40)}", "a loss takes labels 0, 1, 2, ...",
            "names, y = np.unique(words, return_inverse=True); tl.data.Dataset(X, y, classes=names.tolist())",
        )


def with_validation(data: Dataset, validation: Any, seed: int) -> tuple[Dataset, Dataset | None]:
    """Data to train on and to validate with; a share (or number) of rows is held out, the same ones for a seed."""
    if validation is None:
        return data, None
    if isinstance(validation, int | float | np.number) and not isinstance(validation, bool):
        return data.split(test=validation, seed=seed)
    held = dataset_of(validation, "validation")
    shapes = [[a.shape[1:] for a in d.arrays] for d in (data, held)]
    if shapes[0] != shapes[1]:
        raise ShapeError(f"fit: samples of validation have shapes {shapes[1]}, those of the data {shapes[0]}")
    return data, held


def pair(batch: tuple[np.ndarray, ...]) -> Pair:
    """Input and target of a batch; several inputs stay together."""
    return batch[0] if len(batch) == 2 else batch[:-1], batch[-1]


class Feed:
    """Batches of each step.

    Parameters
    ----------
    loader : DataLoader
    update : {"per_batch", "per_sample"}
    size : int
        Samples of a step that makes an update for each.
    accumulate : int
        Batches of a step that makes one update from all; it never spans two epochs.
    """

    def __init__(self, loader: DataLoader, update: str, size: int, accumulate: int):
        self.loader, self.update, self.size, self.accumulate = loader, update, size, accumulate

    @classmethod
    def settings(cls, data: Any, rows: int, batch_size: int | None, update: str, accumulate: int) -> tuple[int, int]:
        """Size and accumulation, checked.

        Raises
        ------
        HyperparameterError, HyperparameterTypeError
        """
        _UPDATE.check("fit", "update", update)
        accumulate = _WHOLE.check("fit", "accumulate", accumulate)
        if accumulate > 1 and update == "per_sample":
            raise HyperparameterError(f'fit: accumulate={accumulate} with update="per_sample"',
                                      "accumulating is what per_sample does not do")  # fmt: skip
        if isinstance(data, DataLoader):
            if batch_size not in (None, data.batch_size):
                raise HyperparameterError(f"fit: batch_size={batch_size}, but the DataLoader has {data.batch_size}")
            return data.batch_size, accumulate
        if batch_size is None:
            return 1 if update == "per_sample" else min(BATCH_SIZE, rows), accumulate
        size = _WHOLE.check("fit", "batch_size", batch_size)
        if size > rows:
            raise HyperparameterError(f"fit: batch_size={size}, but there are {rows} rows to train on",
                                      "a batch cannot be larger than the data", f"batch_size={rows}")  # fmt: skip
        return size, accumulate

    def per_epoch(self) -> int:
        """Steps in one epoch; of samples one by one, a last step may reach into the next epoch."""
        if self.update == "per_sample":
            return -(-len(self.loader.dataset) // self.size)
        return -(-len(self.loader) // self.accumulate)

    def draw(self) -> tuple[list[Pair], int]:
        """Batches of the next step, and how many epochs ended with it."""
        loader = self.loader
        start = loader.epoch
        if self.accumulate == 1 and self.update == "per_batch":
            return [pair(loader.next_batch())], loader.epoch - start
        count = self.accumulate if self.update == "per_batch" else self.size
        drawn = [pair(loader.next_batch())]
        while len(drawn) < count and (self.update == "per_sample" or loader.epoch == start):
            drawn.append(pair(loader.next_batch()))
        return drawn, loader.epoch - start
