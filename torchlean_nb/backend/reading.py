"""Numbers as users write them, read as one array of real numbers, or refused in plain words."""

from __future__ import annotations

import numbers
import sys
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import is_foreign
from torchlean_nb.errors import BackendMixError, DTypeError, DTypeOverflowError, ShapeError, quote


def is_plain(value: Any) -> bool:
    """Whether these are Python's own numbers, alone or in lists."""
    return isinstance(value, numbers.Real | list | tuple) and not isinstance(value, np.generic)


def read(value: Any, label: str, dtype: str = "float64") -> np.ndarray:
    """The array that a number, a list or an array-like stands for, of whatever real type it has.

    Parameters
    ----------
    value : object
    label : str
        What it is, for the message.
    dtype : str
        Float type that it is read for.

    Raises
    ------
    DTypeError, ShapeError, BackendMixError
        Naming `label`, what it is, and what would be accepted.

    Examples
    --------
    >>> read([1, 2.5], "tanh: argument 0").tolist()
    [1.0, 2.5]
    >>> read("x", "tanh: argument 0")
    Traceback (most recent call last):
        ...
    torchlean_nb.errors.DTypeError: tanh: argument 0: dtype str cannot be used, only real numeric data
      try: numeric data: float or int arrays
    """
    if value.__class__ is np.ndarray and value.dtype.kind in "fiub" and value.dtype.itemsize <= 8:
        return value
    ma = sys.modules.get("numpy.ma")  # where it was never loaded, as it takes a while, nothing is masked
    if ma is not None and isinstance(value, ma.MaskedArray):
        raise DTypeError(f"{label}: a masked array hides elements", None, "x.filled(0.0)")
    if isinstance(value, np.matrix):
        raise DTypeError(f"{label}: np.matrix multiplies in its own way", None, "np.asarray(x)")
    if is_foreign(value):
        raise BackendMixError(
            f"{label}: an array of {type(value).__module__.partition('.')[0]} among arrays of numpy",
            "arrays do not move between devices by themselves", 'Session(device="cuda"), or x.get() for the host',
        )
    _refuse_depth(value, label)
    try:
        a = np.asarray(value)
    except (ValueError, TypeError, OverflowError, RuntimeError) as e:  # PyTorch's are of the last kind
        if "inhomogeneous" in str(e) or "setting an array element" in str(e):
            raise _ragged(value, label) from None
        raise DTypeError(f"{label}: {type(value).__name__} is not an array of numbers", str(e)) from None
    if a.dtype.kind == "O" and is_plain(value):
        _refuse_size(a, value, label, dtype)
    if a.dtype.names:
        raise DTypeError(f"{label}: a structured array", f"fields {', '.join(a.dtype.names)}", "one field of it")
    if a.dtype.kind not in "fiub" or a.dtype.itemsize > 8:
        known = {"U": "str", "S": "bytes", "O": "object", "f": f"longdouble ({a.dtype.name})"}
        want = "a real part" if a.dtype.kind == "c" else "numeric data: float or int arrays"
        word = known.get(a.dtype.kind, a.dtype.name)
        odd = (x for x in a.flat if a.dtype.kind == "O" and not isinstance(x, numbers.Real))
        why = next((f"{quote(x, 40)} is of type {type(x).__name__}" for x in odd), None)
        raise DTypeError(f"{label}: dtype {word} cannot be used, only real numeric data", why, want)
    return a


def _refuse_size(a: np.ndarray, value: Any, label: str, dtype: str) -> None:
    try:
        a.astype(float)
    except OverflowError:  # an int of more digits than any float
        raise DTypeOverflowError(f"{label}: {quote(value, 40)} is too large for {dtype}") from None
    except (ValueError, TypeError):
        pass


def _refuse_depth(value: Any, label: str) -> None:
    depth = 0
    while isinstance(value, list | tuple) and value:
        value, depth = value[0], depth + 1
        if depth > 32:
            raise ShapeError(f"{label}: nesting deeper than 32 dimensions")


def _ragged(value: Any, label: str) -> ShapeError:
    try:
        sizes = [len(row) if hasattr(row, "__len__") else 0 for row in value]
    except TypeError:
        sizes = []
    odd = next((i for i, n in enumerate(sizes) if n != sizes[0]), None)
    if odd is None:
        return ShapeError(f"{label}: nested lists do not form an array", "rows differ in length or in nesting")
    return ShapeError(
        f"{label}: ragged nested lists", f"row 0 has {sizes[0]} entries, row {odd} has {sizes[odd]}",
        "rows of equal length",
    )
