"""ConfusionMatrix: how often a classifier took one class for another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.errors import DTypeError, IndexRangeError, ShapeError, TraceFormatError, UnknownNameError, quote
from torchlean_nb.files import read_text, write
from torchlean_nb.trace.drawn import Drawn
from torchlean_nb.trace.frozen import dumps, numbers
from torchlean_nb.trace.train_log import parse, wrong_entries

NORMALISE = ("none", "row", "column")


@dataclass(frozen=True, eq=False)
class ConfusionMatrix(Drawn):
    """Counts of samples by true and predicted class.

    Parameters
    ----------
    counts : array_like of int, shape (k, k)
        ``counts[i][j]`` samples of class `i` were taken for class `j`.
    labels : sequence of str, optional
        Names of the classes, by default their numbers.

    Raises
    ------
    TraceFormatError
        When the counts are no square table of whole numbers, or the labels are not one per class.

    Examples
    --------
    >>> m = ConfusionMatrix.from_labels([0, 0, 1, 1], [0, 1, 1, 1], labels=["cat", "dog"])
    >>> m.counts.tolist(), m.accuracy, m.recall.tolist()
    ([[1, 1], [0, 2]], 0.75, [0.5, 1.0])
    """

    _kind: ClassVar[str] = "confusion_"
    counts: np.ndarray
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = numbers(self.counts if len(self.counts) else np.zeros((0, 0)), "counts", np.int64, ndim=2)
        if counts.shape[0] != counts.shape[1]:
            raise TraceFormatError(f"confusion matrix: {counts.shape[0]} rows and {counts.shape[1]} columns")
        if (counts < 0).any():
            raise TraceFormatError("confusion matrix: a count is negative")
        labels = tuple(map(str, self.labels)) or tuple(map(str, range(len(counts))))
        if len(labels) != len(counts):
            raise TraceFormatError(f"confusion matrix: {len(labels)} labels for {len(counts)} classes")
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "labels", labels)

    @classmethod
    def from_labels(
        cls, true: Any, predicted: Any, labels: Sequence[Any] = (), classes: int | None = None
    ) -> ConfusionMatrix:
        """Matrix of true and predicted classes, numbered from 0.

        Parameters
        ----------
        true, predicted : array_like of int, shape (n,)
        labels : sequence of str, optional
        classes : int, optional
            By default as many as there are labels, or as occur.

        Raises
        ------
        ShapeError, DTypeError, IndexRangeError
        """
        t, p = _classes("true", true), _classes("predicted", predicted)
        if t.shape != p.shape:
            raise ShapeError(f"confusion matrix: {t.size} true classes for {p.size} predicted ones")
        if classes is None:
            classes = len(labels) or int(max(t.max(initial=-1), p.max(initial=-1))) + 1
        for name, a in (("true", t), ("predicted", p)):
            wrong = np.flatnonzero((a < 0) | (a >= classes))
            if wrong.size:
                i = int(wrong[0])
                what = f"confusion matrix: {name}[{i}] is class {a[i]}"
                raise IndexRangeError(what, f"the classes are 0 to {classes - 1}")
        counts = np.bincount(t * classes + p, minlength=classes * classes).reshape(classes, classes)
        return cls(counts, tuple(labels))

    # -- reading ---------------------------------------------------------------------------
    @property
    def total(self) -> int:
        """Number of samples."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """Share of samples on the diagonal, 0 of none."""
        return float(_share(np.trace(self.counts), self.counts.sum()))

    @property
    def support(self) -> np.ndarray:
        """Samples of each class."""
        return self.counts.sum(axis=1)

    @property
    def predicted(self) -> np.ndarray:
        """Samples that were taken for each class."""
        return self.counts.sum(axis=0)

    @property
    def precision(self) -> np.ndarray:
        """Of the samples taken for a class, the share that is of it; 0 of none."""
        return _share(np.diag(self.counts), self.predicted)

    @property
    def recall(self) -> np.ndarray:
        """Of the samples of a class, the share taken for it; 0 of none."""
        return _share(np.diag(self.counts), self.support)

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall; 0 where both are."""
        return _share(2 * np.diag(self.counts), self.predicted + self.support)

    def normalise(self, by: str = "row") -> np.ndarray:
        """Counts, or shares of the samples of each class (``"row"``) or of those taken for it (``"column"``).

        Raises
        ------
        UnknownNameError
        """
        if by not in NORMALISE:
            raise UnknownNameError(f"confusion matrix: normalise {quote(by)}", f"one of {', '.join(NORMALISE)}")
        if by == "none":
            return self.counts.astype(np.float64)
        return _share(self.counts, self.counts.sum(axis=NORMALISE.index(by) % 2, keepdims=True))

    # -- JSON ------------------------------------------------------------------------------
    def to_json(self) -> str:
        """TorchLean's JSON, an array of arrays: the counts without the labels."""
        return dumps(self.counts.tolist())

    @classmethod
    def from_json(cls, text: str, labels: Iterable[str] = ()) -> ConfusionMatrix:
        """Matrix from TorchLean's JSON.

        Raises
        ------
        TraceFormatError
            In TorchLean's words where it has some.
        """
        rows = parse(text)
        if not isinstance(rows, list):
            raise TraceFormatError("TrainLog JSON: confusion matrix expected array: array expected")
        for row in rows:
            wrong = wrong_entries("confusion.counts", row, natural=True)
            if wrong:
                raise TraceFormatError(wrong)
        return cls(rows, tuple(labels))

    def write(self, path: str | Path) -> None:
        """Write the JSON to a file, which takes the place of one that is there."""
        write(path, self.to_json() + "\n")

    @classmethod
    def read(cls, path: str | Path, labels: Iterable[str] = ()) -> ConfusionMatrix:
        """Matrix from a JSON file."""
        return cls.from_json(read_text(path), labels)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, ConfusionMatrix) and self.labels == other.labels
        return same and np.array_equal(self.counts, other.counts)

    __hash__ = None

    # -- display ---------------------------------------------------------------------------
    def __repr__(self) -> str:
        return f"ConfusionMatrix({len(self.labels)} classes, {self.total} samples, accuracy {self.accuracy:.4g})"


def _classes(name: str, a: Any) -> np.ndarray:
    a = np.asarray(a)
    a = a.astype(np.int64) if a.size == 0 else a
    if a.dtype.kind not in "iub":
        raise DTypeError(f"confusion matrix: {name} holds {a.dtype} numbers", "classes are whole numbers from 0")
    if a.ndim != 1:
        raise ShapeError(f"confusion matrix: {name} has shape {a.shape}", "one class per sample is needed")
    return a.astype(np.int64)


def _share(part: Any, whole: Any) -> np.ndarray:
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole != 0)
