"""Functions of one sample, for ``Dataset.map``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError


class Compose:
    """Functions one after the other; each takes what the one before gave.

    Parameters
    ----------
    *functions : callable
        Of the arrays of a sample, giving a tuple of arrays or one array.

    Examples
    --------
    >>> from torchlean_nb.data import Dataset
    >>> halved = Compose(Normalize(1.0, 2.0), lambda x, y: (x / 2, y))
    >>> Dataset([[1.0], [5.0]], [0, 1]).map(halved).X.tolist()
    [[0.0], [1.0]]
    """

    def __init__(self, *functions: Callable[..., Any]):
        self.functions = functions

    def __call__(self, *sample: Any) -> Any:
        """What the last function gives."""
        for f in self.functions:
            y = f(*sample)
            sample = y if isinstance(y, tuple) else (y,)
        return sample


class Normalize:
    """(x - mean) / std of a sample's first array; the others stay.

    Parameters
    ----------
    mean, std : float or array
        Numbers of the training set, one or one per column.

    Raises
    ------
    HyperparameterError
        When a std is not > 0.
    """

    def __init__(self, mean: Any, std: Any):
        self.mean, self.std = np.asarray(mean, dtype=float), np.asarray(std, dtype=float)
        if not ((self.std > 0) & np.isfinite(self.std)).all():
            raise HyperparameterError(f"Normalize: std={std} is not allowed", "it must be > 0 everywhere")

    def __call__(self, x: Any, *others: Any) -> Any:
        """The sample with its first array shifted and scaled."""
        return ((x - self.mean) / self.std, *others)
