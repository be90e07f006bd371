"""Class labels: numbers 0, 1, 2, ... and the names they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from torchlean_nb.errors import DataError, DTypeError, IndexRangeError, ShapeError
from torchlean_nb.hypers import Hyper


def labels(values: Any, classes: int | None = None) -> np.ndarray:
    """Integer labels from numbers that are whole, one for each row.

    Parameters
    ----------
    values : array_like, shape (n,) or (n, 1)
    classes : int
        How many classes there are; one more than the largest label when left out.

    Raises
    ------
    DataError
        For a number that is not whole, or when there is only one class.
    IndexRangeError
        For a label outside ``0..classes-1``.

    Examples
    --------
    >>> labels([[2.0], [0.0], [1.0]]).tolist()
    [2, 0, 1]
    """
    a = np.asarray(values)
    if a.dtype.kind not in "fiub":
        raise DTypeError(f"labels: dtype {a.dtype} is not a number", None, "read_csv(..., label=...) for names")
    if a.ndim == 2 and a.shape[1] == 1:
        a = a[:, 0]
    if a.ndim != 1 or not a.size:
        raise ShapeError(f"labels: shape {a.shape}, expected one label for each row: (n,) or (n, 1)")
    with np.errstate(invalid="ignore"):
        whole = a.astype(np.int64)
    wrong = np.flatnonzero(whole != a)
    if wrong.size:
        raise DataError(f"labels: expected an integer class label, got {a[wrong[0]]} in row {wrong[0]}")
    count = int(whole.max()) + 1 if classes is None else Hyper(kind="int", low=2).check("labels", "classes", classes)
    wrong = np.flatnonzero((whole < 0) | (whole >= count))
    if wrong.size:
        i = wrong[0]
        raise IndexRangeError(f"labels: class label {whole[i]} in row {i} is out of range (classes={count})")
    _two_classes(len(np.unique(whole)))
    return whole


def one_hot(values: Any, classes: int | None = None) -> np.ndarray:
    """Rows with a 1 at the label and 0 elsewhere.

    Examples
    --------
    >>> one_hot([1, 0], classes=3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    whole = labels(values, classes)
    return np.eye(int(whole.max()) + 1 if classes is None else classes)[whole]


def encode(names: Iterable[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of class names, and the names in alphabetical order (numbers by size).

    Examples
    --------
    >>> codes, classes = encode(["dog", "cat", "dog"])
    >>> codes.tolist(), classes
    ([1, 0, 1], ('cat', 'dog'))
    """
    names = list(names)
    known = sorted(set(names))
    if all(n.isascii() and n.isdecimal() for n in known):
        known.sort(key=lambda n: (len(n.lstrip("0")), n.lstrip("0"), n))
    if names:
        _two_classes(len(known))
    number = {name: i for i, name in enumerate(known)}
    return np.array([number[n] for n in names], dtype=np.int64), tuple(known)


def _two_classes(count: int) -> None:
    if count < 2:
        raise DataError("target: one class only", "there is nothing to tell apart", "another column, or more rows")
