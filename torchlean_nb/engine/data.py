"""Data on its way in: converted, checked, copied and frozen, or refused in plain words."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.backend.reading import is_plain, read
from torchlean_nb.dtypes import FLOATS, number_type
from torchlean_nb.errors import (
    DTypeError,
    DTypeOverflowError,
    NameError_,
    NameTypeError,
    NonFiniteError,
    did_you_mean,
    quote,
)

NAME_LIMIT = 200
_TYPES = (*FLOATS, "int8", "int16", "int32", "int64", "uint8", "bool")
_NUMBERS = (np.generic, float, int)
_SAFE = 6e4  # Python numbers up to which every float type has room
_LABELS = np.dtype(np.int64)
_CHARS = {"float16": "e", "float32": "f", "float64": "d"}


def check_name(name: Any, what: str = "name") -> str | None:
    """A usable name, or None.

    Raises
    ------
    NameError_
        When it is not a string, empty, too long, or holds control characters.
    """
    if name is None:
        return None
    if not isinstance(name, str):
        raise NameTypeError(f"{what}: a name must be a str, got {type(name).__name__} {quote(name)}")
    if not name.strip():
        raise NameError_(f"{what}: a name must not be empty")
    if len(name) > NAME_LIMIT:
        raise NameError_(f"{what}: a name of {len(name)} characters is over the limit {NAME_LIMIT}")
    for c in name:
        if ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000:
            raise NameError_(f"{what}: {quote(name)} holds the control character U+{ord(c):04X}")
    return name


def as_type(value: Any, dtype: Any, label: str) -> np.ndarray:
    """The array in another number type; in an integer type only where that holds every one of its numbers.

    Raises
    ------
    DTypeError, DTypeOverflowError
    """
    a = read(value, label)
    with np.errstate(invalid="ignore"):
        out = a.astype(wanted(dtype, label))
    if out.dtype.kind in "iu" and a.dtype.kind in "iuf" and not np.array_equal(out, a):
        at = tuple(int(i) for i in np.argwhere(out != a)[0])
        raise DTypeOverflowError(f"{label}: {a[at]} at index {at} is no {out.dtype.name}", None, "a wider type")
    return out


def as_data(value: Any, dtype: str, *, label: str, trainable: bool = False, finite: bool = True) -> np.ndarray:
    """Own, read-only, C-ordered copy of `value`, real numbers only.

    Floats take `dtype`; integer and boolean NumPy arrays stay what they are (labels, masks);
    plain Python numbers and lists become floats, since that is what a formula means by ``2``. What is
    `trainable` must hold numbers: a NumPy integer array or anything of True and False is refused.

    Raises
    ------
    DTypeError, ShapeError, NonFiniteError
        Naming `label`, what it is, and what would be accepted.
    """
    if (value.__class__ is float or value.__class__ is int) and -_SAFE < value < _SAFE:
        out = np.array(value, dtype)
        out.setflags(False)
        return out
    if value.__class__ is np.ndarray and value.dtype.char == _CHARS.get(dtype) and value.dtype.isnative:
        out = np.array(value, order="C")
        if not finite or numpy_namespace().all_finite(out):
            out.setflags(write=False)
            return out
    elif value.__class__ is np.ndarray and value.dtype is _LABELS and not trainable:
        out = np.array(value, order="C")
        out.setflags(write=False)
        return out
    a = read(value, label, dtype)
    kind = a.dtype.kind
    if kind == "b" or (kind in "iu" and not is_plain(value)):
        if trainable:
            raise _untrainable(label, a)
        out = np.array(a, dtype=a.dtype.newbyteorder("="), order="C")
    else:
        with np.errstate(over="ignore"):
            out = np.array(a, dtype=dtype, order="C")
        if finite and not np.isfinite(out).all():
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(out))[0])
            was = np.asarray(a)[at]
            if np.isfinite(was):
                raise NonFiniteError(f"{label}: {was!s} does not fit, overflow on the cast to {dtype}")
            raise NonFiniteError(
                f"{label}: {out[at]!s} at index {at}", "a non-finite value spreads to everything after it",
                'cleaning the data, or Session(nonfinite="ieee")',
            )
    out.setflags(write=False)
    return out


def _untrainable(label: str, a: Any) -> DTypeError:
    return DTypeError(
        f"{label}: dtype {a.dtype.name} cannot be trained", "only a float requires gradient",
        "np.asarray(x, float); s.const(x) for indices and masks",
    )  # fmt: skip


def as_data_on(
    device: Any, value: Any, dtype: str, *, label: str, trainable: bool = False, finite: bool = True
) -> Any:
    """`as_data` for a device: what is on the host is copied there, what lives there is copied in its place.

    Raises
    ------
    DTypeError, ShapeError, NonFiniteError, BackendMixError
    """
    if not device.owns(value):
        return device.put(as_data(value, dtype, label=label, trainable=trainable, finite=finite))
    kind = value.dtype.kind
    if kind not in "fiub":
        raise DTypeError(f"{label}: dtype {value.dtype.name} cannot be used", None, "x.astype(float)")
    if kind in "iub":
        if trainable:
            raise _untrainable(label, value)
        return device.np.array(value, order="C")
    out = device.np.array(value, dtype=dtype, order="C")
    if finite and not device.xp.all_finite(out):
        as_data(host(value), dtype, label=label)  # words the error
    return out


def freeze(a: Any) -> Any:
    """Make an array read-only; NumPy scalars become 0-d arrays."""
    if a.__class__ is not np.ndarray:
        if isinstance(a, _NUMBERS):
            a = np.asarray(a)
        elif not isinstance(a, np.ndarray):
            return a
    a.setflags(write=False)
    return a


def wanted(dtype: Any, label: str) -> np.dtype[Any]:
    """The number type that was asked for.

    Raises
    ------
    DTypeError
    """
    found = number_type(dtype)
    if found is None:
        raise DTypeError(f"{label}: dtype={quote(dtype)} is no type of real numbers", did_you_mean(dtype, _TYPES))
    return found


def check_dtype(dtype: Any) -> str:
    """The name of a supported float type."""
    name = wanted("float64" if dtype is None else dtype, "Session").name
    if name not in FLOATS:
        raise DTypeError(f"Session: dtype {name} is not a float type", None, " or ".join(FLOATS))
    return name
