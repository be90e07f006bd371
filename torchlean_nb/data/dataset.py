"""A frozen table of samples: arrays that share their first axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from torchlean_nb.backend.random import check_seed
from torchlean_nb.data.columns import Batch, collate, freeze, own_column, shown
from torchlean_nb.data.splitting import folds, strata, stratified
from torchlean_nb.errors import (
    DataError,
    DTypeError,
    EmptyError,
    HyperparameterError,
    HyperparameterTypeError,
    IndexRangeError,
    NameError_,
    ShapeError,
    quote,
)
from torchlean_nb.hypers import Hyper, flag

BATCH_SIZE = Hyper(kind="int", low=1)
_TEST = "it must be a share in (0, 1) or a number of rows >= 1"


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Dataset:
    """Samples of one or several arrays, row `i` of each array being sample `i`.

    Parameters
    ----------
    *arrays : array_like, shape (n, ...)
        Real numbers. They are copied, and the copies are read-only.
    names : sequence of str
        One for each array; ``X``, ``y``, ``a2``, ... when left out.
    columns : sequence of str
        Names of the columns of the first array.
    classes : sequence of str
        Names of the classes that the last array numbers.

    Raises
    ------
    ShapeError, EmptyError, DTypeError, NonFiniteError

    Examples
    --------
    >>> ds = Dataset([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], [0, 1, 1])
    >>> ds
    Dataset(3 rows: X (2,) float64, y () int64)
    >>> x, y = ds[1]
    >>> x.tolist(), int(y)
    ([2.0, 3.0], 1)
    >>> [len(y) for x, y in ds.batches(2)]
    [2, 1]
    """

    arrays: Batch
    names: tuple[str, ...]
    columns: tuple[str, ...] | None
    classes: tuple[str, ...] | None

    def __init__(
        self, *arrays: Any, names: Sequence[str] | None = None, columns: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        if not arrays:
            raise EmptyError("Dataset: no arrays", None, "Dataset(X, y)")
        if names is None:
            names = [*"Xy", *(f"a{i}" for i in range(2, len(arrays)))][: len(arrays)]
        if len(names) != len(arrays) or len(set(names)) != len(names):
            raise NameError_(f"Dataset: names {quote(tuple(names))} for {len(arrays)} arrays", "one for each, all new")
        made = tuple(own_column(a, f"Dataset: {shown(n)}") for a, n in zip(arrays, names, strict=True))
        for name, a in zip(names, made, strict=True):
            if len(a) != len(made[0]):
                raise ShapeError(
                    f"Dataset: {shown(names[0])} and {shown(name)} differ in rows: {len(made[0])} and {len(a)}",
                    "row i of each array is sample i",
                )
        if columns is not None and (made[0].ndim != 2 or len(columns) != made[0].shape[1]):
            raise ShapeError(f"Dataset: {len(columns)} column names for {shown(names[0])} of shape {made[0].shape}")
        self._set(made, tuple(names), columns and tuple(columns), classes and tuple(classes))

    def _set(self, *values: Any) -> None:
        for name, value in zip(("arrays", "names", "columns", "classes"), values, strict=True):
            object.__setattr__(self, name, value)

    def _with(self, arrays: Iterable[np.ndarray]) -> Dataset:
        """The same kind of samples from arrays that are known to be good."""
        made = object.__new__(type(self))
        made._set(tuple(freeze(a) for a in arrays), self.names, self.columns, self.classes)
        return made

    @classmethod
    def from_samples(cls, samples: Iterable[Any], **names: Any) -> Dataset:
        """Dataset of a list of samples, each a tuple of arrays (or one array).

        Examples
        --------
        >>> Dataset.from_samples([([0.0, 0.0], 1.0), ([1.0, 2.0], 3.0)])
        Dataset(2 rows: X (2,) float64, y () float64)
        """
        return cls(*collate(samples), **names)

    @property
    def X(self) -> np.ndarray:
        """The first array: the inputs."""
        return self.arrays[0]

    @property
    def y(self) -> np.ndarray:
        """The last array: the targets.

        Raises
        ------
        DataError
            When there is one array only.
        """
        if len(self.arrays) < 2:
            raise DataError("Dataset: there are no targets", f"it has the one array {quote(self.names[0])}")
        return self.arrays[-1]

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, key: Any) -> Any:
        """A sample for an index, a Dataset for a slice, a list of indices or a mask."""
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            if not -len(self) <= key < len(self):
                raise IndexRangeError(f"Dataset: row {key} is outside 0..{len(self) - 1}")
            return tuple(freeze(a[key, ...]) for a in self.arrays)
        if isinstance(key, slice):
            return self.take(range(len(self))[key])
        return self.take(key)

    def __iter__(self) -> Iterator[Batch]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        parts = [f"{shown(n)} {a.shape[1:]} {a.dtype}" for n, a in zip(self.names, self.arrays, strict=True)]
        return f"Dataset({len(self)} rows: {', '.join(parts)})"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names, types, shapes and bytes."""
        from hashlib import sha256  # noqa: PLC0415 - its library is slow to load

        whole = sha256()
        for name, a in zip(self.names, self.arrays, strict=True):
            whole.update(repr((name, a.dtype.str, a.shape)).encode())
            whole.update(np.ascontiguousarray(a).data)
        return whole.hexdigest()

    def take(self, rows: Any) -> Dataset:
        """The samples with these indices, in this order; the first `rows` of them for an int.

        Raises
        ------
        IndexRangeError, EmptyError
        """
        if isinstance(rows, int | np.integer) and not isinstance(rows, bool):
            rows = range(BATCH_SIZE.check("Dataset.take", "rows", rows))
        at = np.asarray(rows)
        if at.dtype == bool and at.shape == (len(self),):
            at = np.flatnonzero(at)
        if at.size == 0:
            raise EmptyError("Dataset: 0 rows are left")
        if at.dtype.kind not in "iu" or at.ndim != 1:
            raise DTypeError(f"Dataset: rows {quote(rows)}", f"they must be indices or a mask of length {len(self)}")
        wrong = at[(at < -len(self)) | (at >= len(self))]
        if wrong.size:
            raise IndexRangeError(f"Dataset: row {wrong[0]} is outside 0..{len(self) - 1}")
        return self._with(a[at] for a in self.arrays)

    def map(self, f: Callable[..., Any]) -> Dataset:
        """A Dataset of ``f(*sample)``, a tuple of arrays or one array.

        Examples
        --------
        >>> Dataset([[1.0], [2.0]], [0, 1]).map(lambda x, y: (x * 10, y)).X.tolist()
        [[10.0], [20.0]]
        """
        made = Dataset.from_samples(f(*sample) for sample in self)
        fits = len(made.arrays) == len(self.arrays)
        same = fits and made.X.shape == self.X.shape
        made._set(made.arrays, self.names if fits else made.names, self.columns if same else None,
                  self.classes if fits else None)  # fmt: skip
        return made

    def batches(self, batch_size: int, drop_last: bool = False) -> list[Batch]:
        """Consecutive batches; the last may be smaller, or is left out."""
        size = BATCH_SIZE.check("Dataset.batches", "batch_size", batch_size)
        starts = range(0, len(self) - (size - 1 if drop_last else 0), size)
        return [tuple(freeze(a[i : i + size]) for a in self.arrays) for i in starts]

    def append(self, *others: Dataset) -> Dataset:
        """These samples and after them those of other Datasets with the same names, types and shapes.

        Raises
        ------
        DataError

        Examples
        --------
        >>> Dataset([1.0, 2.0]).append(Dataset([3.0])).X.tolist()
        [1.0, 2.0, 3.0]
        """
        for other in others:
            kinds = [
                (d.names, d.classes, [(a.shape[1:], a.dtype) for a in d.arrays]) if isinstance(d, Dataset) else None
                for d in (self, other)
            ]
            if kinds[0] != kinds[1]:
                raise DataError(
                    f"append: {quote(other)} cannot stand behind {quote(self)}", "names, types or shapes differ"
                )
        return self._with(map(np.concatenate, zip(self.arrays, *(d.arrays for d in others), strict=True)))

    def split_at(self, rows: int) -> tuple[Dataset, Dataset]:
        """The first rows, and the rest.

        Raises
        ------
        DataError
            When a side is empty.
        """
        rows = BATCH_SIZE.check("split_at", "rows", rows)
        if rows >= len(self):
            raise DataError(f"split_at: {rows} of {len(self)} rows leaves 0 rows to the second part")
        return self[:rows], self[rows:]

    def split(self, test: float = 0.25, seed: int = 0, stratify: bool = False) -> tuple[Dataset, Dataset]:
        """Two Datasets for training and testing, shuffled with the seed.

        Parameters
        ----------
        test : float or int
            Share of the rows, in (0, 1), or their number.
        seed : int
        stratify : bool
            Whether each class of the last array has the same share in both, up to rounding.

        Raises
        ------
        HyperparameterError, DataError, DTypeError, ShapeError

        Examples
        --------
        >>> train, test = Dataset(range(10)).split(0.3, seed=1)
        >>> len(train), len(test)
        (7, 3)
        """
        n, rng = len(self), np.random.default_rng(check_seed(seed))
        if isinstance(test, bool) or not isinstance(test, int | float | np.integer | np.floating):
            raise HyperparameterTypeError(f"split: test={quote(test)} is not allowed", _TEST)
        share = isinstance(test, float | np.floating)
        if not (0 < test < 1 if share else test > 0):
            raise HyperparameterError(f"split: test={test} is not allowed", _TEST)
        count = round(n * test) if share else int(test)
        if not 0 < count < n:
            side = "test" if count == 0 else "train"
            raise DataError(f"split: test={test} of {n} rows leaves 0 rows to {side}")
        if flag().check("split", "stratify", stratify):
            first, second = stratified(strata(self.y, "split"), count, rng)
            return self.take(first), self.take(second)
        rows = rng.permutation(n)
        return self.take(rows[: n - count]), self.take(rows[n - count :])

    def folds(self, k: int = 5, seed: int = 0, stratify: bool = False) -> list[tuple[Dataset, Dataset]]:
        """k pairs of training and validation: each row is in the validation of one pair (Stone 1974).

        Parameters
        ----------
        k : int >= 2
        seed : int
        stratify : bool
            Whether the rows of each class are dealt out evenly.

        Raises
        ------
        HyperparameterError, DataError, DTypeError, ShapeError

        Examples
        --------
        >>> [len(validation) for train, validation in Dataset(range(7)).folds(3)]
        [3, 2, 2]
        """
        k = Hyper(kind="int", low=2).check("folds", "k", k)
        if k > len(self):
            raise DataError(f"folds: {len(self)} rows do not fill k={k} folds")
        groups = strata(self.y, "folds") if flag().check("folds", "stratify", stratify) else None
        parts = folds(len(self), k, groups, np.random.default_rng(check_seed(seed)))
        return [
            (self.take(np.concatenate([p for p in parts if p is not part])), self.take(part)) for part in parts
        ]

    def standardise(self, *others: Dataset) -> Any:
        """Shift and scale each column of X to mean 0 and deviation 1; constant columns become 0.

        Other Datasets are shifted and scaled by the same numbers: what a test set looks like is not known in training.

        Returns
        -------
        Dataset, or a tuple of them when there are `others`

        Examples
        --------
        >>> train, test = Dataset([[1.0], [3.0]]), Dataset([[5.0]])
        >>> [d.X.tolist() for d in train.standardise(test)]
        [[[-1.0], [1.0]], [[3.0]]]
        """
        x = self.X.astype(np.result_type(self.X, np.float32), copy=False)
        constant = (x == x[:1]).all(axis=0)
        mean, std = x.mean(axis=0), np.where(constant, 1, x.std(axis=0)).astype(x.dtype)
        mean = np.where(constant, x[0], mean).astype(x.dtype)
        made = []
        for d in (self, *others):
            if d.X.shape[1:] != self.X.shape[1:]:
                raise ShapeError(f"standardise: samples of shape {d.X.shape[1:]}, but the first has {self.X.shape[1:]}")
            made.append(d._with([(d.X - mean) / std, *d.arrays[1:]]))
        return tuple(made) if others else made[0]
