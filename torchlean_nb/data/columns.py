"""Columns of samples: copied, checked, frozen; and samples stacked to columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import DataError, DTypeError, EmptyError, NonFiniteError, ShapeError, quote

Batch = tuple[np.ndarray, ...]
_PLAIN = re.compile(r"[\w.-]{1,40}", re.ASCII)
_KINDS = {"U": "str", "S": "bytes", "O": "object", "M": "datetime64", "m": "timedelta64", "V": "structured"}


def shown(name: object) -> str:
    """A name or a number as messages print it: bare when it is plain, else quoted."""
    return str(name) if _PLAIN.fullmatch(str(name)) else quote(name)


def finite(a: np.ndarray, label: str) -> np.ndarray:
    """The array, or an error that names the first NaN or infinity.

    Raises
    ------
    NonFiniteError
    """
    if a.dtype.kind == "f" and not np.isfinite(a).all():
        at = [int(i) for i in np.argwhere(~np.isfinite(a))[0]]
        word = {"nan": "NaN"}.get(str(a[tuple(at)]), str(a[tuple(at)]))
        where = ", ".join(f"{axis} {i}" for axis, i in zip(("row", "column"), at, strict=False))
        raise NonFiniteError(
            f"{label}: {word} at {where or 'the only element'} (index {at})",
            "one such number makes every gradient after it useless", "filling or dropping that row",
        )
    return a


def own_column(value: Any, label: str) -> np.ndarray:
    """A read-only copy in native byte order."""
    try:
        a = np.asarray(host(value))
    except ValueError:
        raise ShapeError(f"{label}: rows differ in length", None, "rows of equal length") from None
    if a.dtype.kind not in "fiub" or a.dtype.itemsize > 8:
        word = _KINDS.get(a.dtype.kind, a.dtype.name)
        raise DTypeError(f"{label}: dtype {word} cannot be learned from", "samples are arrays of real numbers")
    if a.ndim == 0:
        raise ShapeError(f"{label}: a 0-d array has no rows", None, f"[{a}] for one row")
    if a.size == 0:
        raise EmptyError(f"{label}: shape {a.shape} holds nothing, 0 rows or rows without elements")
    a = np.array(a, dtype=a.dtype.newbyteorder("="), order="C", subok=False)
    return freeze(finite(a, label))


def freeze(a: np.ndarray) -> np.ndarray:
    """The array, read-only from now on."""
    a.setflags(write=False)
    return a


def collate(samples: Iterable[Any], batch_size: int | None = None) -> Batch:
    """Stack samples to one batch.

    Parameters
    ----------
    samples : iterable of tuples of arrays, or of arrays
    batch_size : int, optional
        How many there must be.

    Raises
    ------
    ShapeError
        Naming the first sample that differs from sample 0.
    EmptyError, DataError
        When there are none, or not `batch_size` of them.

    Examples
    --------
    >>> x, y = collate([([1.0, 2.0], 0), ([3.0, 4.0], 1)])
    >>> x.shape, y.tolist()
    ((2, 2), [0, 1])
    """
    rows = [tuple(np.asarray(host(a)) for a in (s if isinstance(s, tuple) else (s,))) for s in samples]
    if not rows:
        raise EmptyError("collate: no samples")
    if batch_size not in (None, len(rows)):
        raise DataError(f"collate: expected batch size {batch_size}, got {len(rows)}")
    first = [a.shape for a in rows[0]]
    for i, row in enumerate(rows):
        if [a.shape for a in row] != first:
            raise ShapeError(
                f"collate: sample {i} has shapes {[a.shape for a in row]}, sample 0 has {first}",
                "samples of one batch are alike",
            )
    return tuple(freeze(np.stack(column)) for column in zip(*rows, strict=True))
