"""Arrays from .npy files: the header is checked against the file before a byte of memory is asked for."""

from __future__ import annotations

import math
import re
from typing import Any, BinaryIO

import numpy as np

from torchlean_nb.data.columns import finite as all_finite
from torchlean_nb.data.files import Location, local_path, opened
from torchlean_nb.errors import EmptyError, LoadError, LoadTypeError, ShapeError, quote

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000
MAX_DIMS = 32
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
_KEY = re.compile(r" *(['\"])(\w*)\1 *: *")
_VALUE = re.compile(
    r"(?:(?P<p>['\"])(?P<text>[^'\"\\]*)(?P=p)|(?P<flag>True|False)|\((?P<shape>[0-9, -]*)\)|(?P<list>\[[^\]]*\]))"
    r" *(?:,|\Z)"
)
_SHAPE = re.compile(r" *|(?: *(?:0|[1-9][0-9]*) *,)+(?: *(?:0|[1-9][0-9]*))? *")
_DTYPE = re.compile(r"([<>|])([biuf])([1248])")
_REAL = {"b1", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8"}
_OTHER = {"U": "str", "S": "bytes", "a": "bytes", "M": "datetime64", "m": "timedelta64", "V": "void"}


def read_npy(
    path: Location, *, ndim: int | None = None, finite: bool = True, folder: Location | None = None
) -> np.ndarray:
    """The array of a .npy file, in native byte order and row-major.

    Accepted are format versions 1, 2 and 3 and the types bool, int, uint and float of up to 64 bits.

    Parameters
    ----------
    path : str or Path
        A local file.
    ndim : int
        Number of dimensions that is expected.
    finite : bool
        Refuse NaN and infinities.
    folder : str or Path
        Folder that the path must not leave.

    Raises
    ------
    LoadError, PathError, ShapeError, EmptyError, NonFiniteError

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "x.npy"
    >>> np.save(file, np.arange(6.0).reshape(2, 3))
    >>> read_npy(file, ndim=2).tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """
    file = local_path(path, folder)
    with opened(file) as (f, size):
        return usable(parse(f, size, quote(str(file))), quote(str(file)), ndim, finite)


def usable(a: np.ndarray, label: str, ndim: int | None, finite: bool) -> np.ndarray:
    """The array when it has the dimensions, elements, and finite numbers.

    Raises
    ------
    ShapeError, EmptyError, NonFiniteError
    """
    if ndim is not None and a.ndim != ndim:
        raise ShapeError(f"{label}: a {a.ndim}-d array of shape {a.shape}, expected {ndim}-d")
    if not a.size:
        raise EmptyError(f"{label}: shape {a.shape}: " + ("0 rows" if a.shape[0] == 0 else "rows without elements"))
    return all_finite(a, label) if finite else a


def parse(f: BinaryIO, size: int, label: str) -> np.ndarray:
    """The array that a file of `size` bytes holds.

    Raises
    ------
    LoadError
    """
    _check_magic(f.read(len(MAGIC)), label)
    version = tuple(f.read(2))
    if len(version) < 2:
        raise LoadError(f"{label}: the header is cut off", "the file ends before its version")
    if version not in _LENGTH_BYTES:
        raise LoadError(f"{label}: unsupported version {version[0]}.{version[1]}", "1.0, 2.0 and 3.0 can be read")
    digits = _LENGTH_BYTES[version]
    raw = f.read(digits)
    length, start = int.from_bytes(raw, "little"), len(MAGIC) + 2 + digits
    if len(raw) < digits:
        raise LoadError(f"{label}: the header is cut off", "the file ends in its length")
    if length > MAX_HEADER:
        raise LoadError(f"{label}: a header of {length} characters is over the limit {MAX_HEADER}")
    if length > size - start:
        raise LoadError(f"{label}: the header is cut off", f"{length} characters claimed, {size - start} there")
    try:
        text = f.read(length).decode("utf-8" if version == (3, 0) else "latin-1")
    except UnicodeDecodeError:
        raise LoadError(f"{label}: the header is not UTF-8") from None
    dtype, fortran, shape = _header(text, label)
    return _data(f, size - start - length, dtype, fortran, shape, label)


def _check_magic(got: bytes, label: str) -> None:
    if got == MAGIC:
        return
    if got[:4] == b"PK\x03\x04":
        raise LoadError(f"{label} is not an .npy file but a zip archive", None, "read_npz(path, key)")
    if got[:1] == b"\x80" and got[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise LoadError(f"{label} is a pickle, not an .npy file", "a pickle can run code and is never read")
    if got and all(32 <= c < 127 or c in b"\t\r\n" for c in got):
        raise LoadError(f"{label} is not an .npy file but text", None, "read_csv(path)")
    raise LoadError(f"{label} is not an .npy file", f"its magic is {got!r}, expected {MAGIC!r}")


def _header(text: str, label: str) -> tuple[np.dtype, bool, tuple[int, ...]]:
    """Type, order and shape; the header is read by its grammar, nothing is evaluated."""
    body = text.removesuffix("\n").strip(" ")
    if not (body.startswith("{") and body.endswith("}")):
        raise LoadError(f"{label}: the header is not a dict", quote(body))
    body, at, found = body[1:-1].rstrip(" "), 0, {}
    while at < len(body):
        key = _KEY.match(body, at)
        if key and key[2] not in ("descr", "fortran_order", "shape"):
            raise LoadError(f"{label}: the header has the unexpected key {quote(key[2])}")
        value = key and _VALUE.match(body, key.end())
        if not value:
            raise LoadError(f"{label}: the header is not a plain literal", quote(body[at:]))
        if key[2] in found:
            raise LoadError(f"{label}: the header has the key {quote(key[2])} twice")
        found[key[2]], at = value, value.end()
    for key, group in (("descr", "text"), ("fortran_order", "flag"), ("shape", "shape")):
        if key not in found:
            raise LoadError(f"{label}: the header lacks the key {key!r}")
        if key == "descr" and found[key]["list"] is not None:
            raise LoadTypeError(f"{label}: a structured array", "only plain numeric arrays are read")
        if found[key][group] is None:
            raise LoadError(f"{label}: the header has a wrong {key}", quote(found[key].group()))
    dtype = _dtype(found["descr"]["text"], label)
    return dtype, found["fortran_order"]["flag"] == "True", _shape(found["shape"]["shape"], dtype, label)


def _dtype(descr: str, label: str) -> np.dtype:
    kind = descr.lstrip("<>|=")[:1]
    if kind == "O":
        raise LoadError(
            f"{label}: dtype object is a pickle, and refused", "a pickle can run code", "saving a numeric array"
        )
    if kind in _OTHER and kind:
        raise LoadTypeError(f"{label}: dtype {_OTHER[kind]} ({quote(descr)}) is not numeric")
    if kind == "c":
        bits = descr.lstrip("<>|=c")
        name = f"complex{int(bits) * 8}" if bits in ("8", "16", "32") else "complex"
        raise LoadTypeError(f"{label}: dtype {name} is not real", None, "saving a.real and a.imag")
    m = _DTYPE.fullmatch(descr)
    if not m or m[2] + m[3] not in _REAL or (m[1] == "|") != (m[3] == "1"):
        raise LoadTypeError(f"{label}: unsupported dtype {quote(descr)}", "bool, int, uint and float up to 64 bits")
    return np.dtype(descr)


def _shape(text: str, dtype: np.dtype, label: str) -> tuple[int, ...]:
    if "-" in text:
        raise LoadError(f"{label}: shape ({quote(text)[1:-1]}) has a negative side")
    if not _SHAPE.fullmatch(text):
        raise LoadError(f"{label}: the header has a wrong shape", quote(f"({text})"))
    sides = [s.strip() for s in text.split(",") if s.strip()]
    too_large = len(sides) > MAX_DIMS or any(len(s) > 15 for s in sides)
    if too_large or math.prod(max(int(s), 1) for s in sides) * dtype.itemsize >= 2**48:
        raise LoadError(f"{label}: shape ({quote(text)[1:-1]}) is too large", "no file holds so much")
    return tuple(map(int, sides))


def _data(f: BinaryIO, there: int, dtype: np.dtype, fortran: bool, shape: tuple[int, ...], label: str) -> Any:
    expected = math.prod(shape) * dtype.itemsize
    if there != expected:
        raise LoadError(
            f"{label}: data: expected {expected} bytes, got {there}",
            f"the header claims shape {shape} of {dtype.name}; the file has {there} bytes of data",
            "copying the file again" if there < expected else "a look at the trailing bytes",
        )
    a = np.empty(shape[::-1] if fortran else shape, dtype)
    if expected and f.readinto(a.reshape(-1).view(np.uint8)) != expected:
        raise LoadError(f"{label}: data: the file became shorter while it was read")
    if dtype.kind == "b" and a.size and (worst := int(a.view(np.uint8).max())) > 1:
        raise LoadError(f"{label}: data: a bool is the byte {worst}", "it must be 0 or 1")
    return np.ascontiguousarray(a.T if fortran else a).astype(dtype.newbyteorder("="), copy=False).reshape(shape)
