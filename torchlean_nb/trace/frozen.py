"""What every trace is made of: arrays nobody writes into, plain data, and JSON read strictly."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from torchlean_nb.errors import TraceFormatError, quote
from torchlean_nb.files import read_text, write

_DEEPEST = 100
_WORDS = {math.inf: "Infinity", -math.inf: "-Infinity"}


def _is_closed(a: np.ndarray) -> bool:
    """Whether nobody writes into an array, nor into the one it is a part of."""
    whole = a if a.base is None else a.base
    return isinstance(whole, np.ndarray) and whole.base is None and not (a.flags.writeable or whole.flags.writeable)


def _some_nan(a: np.ndarray) -> bool:
    """Whether there is a NaN: nothing else makes a sum of squares NaN."""
    flat = a.reshape(-1)
    with np.errstate(all="ignore"):
        total = flat.dot(flat)
    return bool(total != total)


def numbers(values: Any, what: str, dtype: type = np.float64, ndim: int = 1) -> np.ndarray:
    """Read-only copy of real numbers as an array of `dtype`; every NaN becomes the same NaN.

    Raises
    ------
    TraceFormatError
        For anything but real numbers (whole ones where `dtype` is an integer type), or another `ndim`.

    Examples
    --------
    >>> numbers([1, 2], "steps", np.int64)
    array([1, 2])
    """
    try:
        given = np.asarray(values)
        # What its maker has closed and nobody else looks into need not be copied.
        closed = given is values and _is_closed(given) and given.flags.c_contiguous
        if closed and given.dtype == dtype and given.ndim == ndim and not _some_nan(given):
            return given
        given = given.astype(dtype) if given.size == 0 and given.ndim == ndim else given
        if given.dtype.kind not in ("iu" if np.dtype(dtype).kind in "iu" else "fiub"):
            raise TypeError(f"{given.dtype} numbers")
        out = np.array(given, dtype=dtype, order="C")
        if out.dtype.kind in "iu" and not np.array_equal(out, given):
            raise OverflowError(f"too large for {out.dtype}")
    except (TypeError, ValueError, OverflowError) as e:
        raise TraceFormatError(f"trace: {what} are not an array of {np.dtype(dtype).name}", str(e)) from e
    if out.ndim != ndim:
        raise TraceFormatError(f"trace: {what} have {out.ndim} dimensions, expected {ndim}")
    if out.dtype.kind == "f":
        out[np.isnan(out)] = np.nan
    out.setflags(write=False)
    return out


def increasing(steps: np.ndarray, what: str) -> None:
    """Refuse steps that repeat or go back, or begin before 0."""
    if steps.size and steps[0] < 0:
        raise TraceFormatError(f"trace: {what} begins at step {steps[0]}, before 0")
    back = np.flatnonzero(np.diff(steps) <= 0)
    if back.size:
        i = int(back[0])
        raise TraceFormatError(f"trace: {what} has step {steps[i + 1]} after step {steps[i]}", "steps must increase")


def freeze(value: Any, where: str = "meta", depth: int = 0) -> Any:
    """JSON-able data that nobody can change: mappings, tuples, text, numbers; inf and NaN become words.

    Raises
    ------
    TraceFormatError
        For anything that is not JSON-able, or nested more than 100 deep.

    Examples
    --------
    >>> freeze([1, {"best": float("inf")}])
    (1, mappingproxy({'best': 'Infinity'}))
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _WORDS.get(value, "NaN")
    if depth > _DEEPEST:
        raise TraceFormatError(f"trace: {where} is nested more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TraceFormatError(f"trace: {where} has the key {quote(key)}", "keys must be text")
        return MappingProxyType({k: freeze(v, where, depth + 1) for k, v in value.items()})
    if isinstance(value, Iterable) and not isinstance(value, bytes | np.ndarray):
        return tuple(freeze(v, where, depth + 1) for v in value)
    raise TraceFormatError(f"trace: {where} holds a {type(value).__name__}", "which is not plain data")


def plain(value: Any) -> Any:
    """Dicts and lists out of what `freeze` made."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, tuple) else value


def dumps(data: Any, *, ordered: bool = False) -> str:
    """JSON text, the same bytes for the same data; keys sorted when `ordered`."""
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=ordered)


def loads(text: Any, what: str = "trace") -> Any:
    """Data of JSON text.

    Raises
    ------
    TraceFormatError
        For anything that is not JSON.
    """
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as e:
        raise TraceFormatError(f"{what}: not JSON", str(e)) from e


def check_format(data: Any, expected: str) -> None:
    """Refuse what does not say that it is of this format."""
    got = data.get("format") if isinstance(data, Mapping) else type(data).__name__
    if got != expected:
        raise TraceFormatError(f"trace: expected format {expected!r}, got {quote(got)}")


class Written:
    """What traces share that are written as JSON: those have `to_dict` and `from_dict`."""

    def to_json(self) -> str:
        """JSON text, the same bytes for the same trace."""
        return dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Trace from JSON text.

        Raises
        ------
        TraceFormatError
        """
        return cls.from_dict(loads(text))

    def write(self, path: str | Path) -> None:
        """Write the JSON to a file, which takes the place of one that is there."""
        write(path, self.to_json() + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Trace from a JSON file."""
        return cls.from_json(read_text(path))

    def __reduce__(self) -> Any:
        return type(self).from_json, (self.to_json(),)
