"""Arrays to JSON and back, exactly: shortest decimals that round-trip, or base64 when large."""

from __future__ import annotations

import base64
import math
from functools import cache
from typing import Any

import numpy as np

from torchlean_nb.dtypes import number_type
from torchlean_nb.errors import TraceFormatError, quote

_BASE64_FROM = 4096
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_type_name = cache(lambda dtype: dtype.name)  # which NumPy puts together each time


def _number(v: Any) -> Any:
    if isinstance(v, float) and not math.isfinite(v):
        return "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"
    return v


def encode_array(a: np.ndarray) -> dict[str, Any]:
    """JSON form of an array: dtype, shape and either numbers in row-major order or base64."""
    a = np.asarray(a)
    head = {"dtype": _type_name(a.dtype), "shape": list(a.shape)}
    flat = a.ravel()
    if a.size >= _BASE64_FROM:
        little = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
        return head | {"base64": base64.b64encode(little.tobytes()).decode("ascii")}
    return head | {"data": [_number(v) for v in flat.tolist()]}


def decode_array(d: dict[str, Any]) -> np.ndarray:
    """Read-only array from its JSON form.

    Raises
    ------
    TraceFormatError
        When a field is missing, the dtype is not a real number type, or the sizes disagree.
    """
    try:
        dtype, shape = number_type(d["dtype"]), tuple(int(n) for n in d["shape"])
        if dtype is None or any(n < 0 for n in shape):
            raise ValueError(f"dtype {quote(d['dtype'])} shape {shape}")
        if "base64" in d:
            raw = base64.b64decode(d["base64"], validate=True)
            flat = np.frombuffer(raw, dtype=dtype.newbyteorder("<")).astype(dtype)
        else:
            flat = np.array([_WORDS.get(v, v) if isinstance(v, str) else v for v in d["data"]], dtype=dtype)
        out = flat.reshape(shape)
    except (KeyError, TypeError, ValueError, OverflowError) as e:
        raise TraceFormatError("trace: an array cannot be read", f"{type(e).__name__}: {e}") from e
    out.setflags(write=False)
    return out


def same_array(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    """Equality to the last bit, NaN equal to NaN, shape and dtype included."""
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
