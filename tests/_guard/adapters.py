"""Where CuPy does something else than NumPy: positions wrap around, linear algebra answers NaN and does not raise."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

HOST = {
    "can_cast", "iscomplexobj", "may_share_memory", "shares_memory", "ndim", "promote_types", "result_type", "shape",
    "size", "broadcast_shapes",
}  # answered from shapes and dtypes  # fmt: skip
WAITS = {"nonzero", "flatnonzero", "argwhere", "unique", "bincount", "isin", "histogram"}
_FLOATS = {np.dtype(t) for t in ("int32", "uint32", "uint64", "float32", "float64")}
SCATTERED = {"add": _FLOATS | {np.dtype("float16")}, "sub": {np.dtype("int32"), np.dtype("uint32")},
             "max": _FLOATS, "min": _FLOATS}  # fmt: skip


def _wrapped(indices: Any, size: int) -> np.ndarray:
    """Positions counted around an axis, as kernels do that cannot raise."""
    indices = np.asarray(indices)
    return indices % size if size else indices


def _take(a: Any, indices: Any, axis: Any = None, out: Any = None) -> Any:
    return np.take(a, indices, axis=axis, out=out, mode="wrap")


def _take_along_axis(a: Any, indices: Any, axis: Any) -> Any:
    return np.take_along_axis(a, _wrapped(indices, a.size if axis is None else a.shape[axis]), axis)


def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    np.put_along_axis(arr, _wrapped(indices, arr.size if axis is None else arr.shape[axis]), values, axis)


def _put(a: Any, ind: Any, v: Any, mode: str = "wrap") -> None:
    np.put(a, ind, v, mode=mode)


def _array(f: Any) -> Any:
    """NumPy answers with a Python number, CuPy with an array."""
    return lambda *args, **kwargs: np.asarray(f(*args, **kwargs))


def _prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = None) -> Any:
    return np.prod(a, axis=axis, dtype=dtype, out=out, keepdims=bool(keepdims))


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    return np.where(condition) if x is None and y is None else np.where(condition, x, y)


def _as_strided(x: Any, shape: Any = None, strides: Any = None) -> Any:
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def _outer(a: Any, b: Any, out: Any = None) -> Any:
    return np.outer(a, b, out)


def LINALG(f: Any) -> Any:
    """A function of ``linalg``: no float16, and NaN where NumPy would raise that a matrix has no answer."""

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(getattr(a, "dtype", None) == np.float16 for a in args):
            raise TypeError("array type float16 is unsupported in linalg")
        try:
            return f(*args, **kwargs)
        except np.linalg.LinAlgError as e:
            if "must be" in str(e):  # a shape, which CuPy checks too
                raise
            a = np.asarray(args[0])
            made = f(np.broadcast_to(np.eye(*a.shape[-2:], dtype=a.dtype), a.shape), *args[1:], **kwargs)
            return tuple(m * math.nan for m in made) if isinstance(made, tuple) else made * math.nan

    return call


ADAPTERS = {
    "take": _take, "ndarray.take": _take, "take_along_axis": _take_along_axis, "put_along_axis": _put_along_axis,
    "put": _put, "ndarray.put": _put, "ndarray.prod": _prod, "outer": _outer, "where": _where,
    "allclose": _array(np.allclose), "array_equal": _array(np.array_equal), "count_nonzero": _array(np.count_nonzero),
    "lib.stride_tricks.as_strided": _as_strided,
}  # fmt: skip
