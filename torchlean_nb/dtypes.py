"""Types of real numbers by name: what somebody calls one, and nothing else is tried.

NumPy reads text with commas as a record and evaluates what stands in it; here text is only a name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FLOATS = ("float16", "float32", "float64")  # those that can be trained
_KINDS = "fiub"
_TYPES = [np.dtype(t) for t in {*np.sctypeDict.values()}]
_NAMES = {name: np.dtype(t) for name, t in np.sctypeDict.items() if isinstance(name, str)} | {
    code: t for t in _TYPES for code in (t.char, f"{t.kind}{t.itemsize}")
}


def number_type(given: Any) -> np.dtype[Any] | None:
    """The type that is meant, of at most 64 bits; None when it is none of real numbers.

    Parameters
    ----------
    given : str, type or numpy.dtype

    Examples
    --------
    >>> number_type("float32"), number_type(float), number_type("08,f8")
    (dtype('float32'), dtype('float64'), None)
    """
    if isinstance(given, str):
        found = _NAMES.get(given.lstrip("<=|"))
    else:
        found = np.dtype(given) if isinstance(given, type | np.dtype) else None
    return found if found is not None and found.kind in _KINDS and found.itemsize <= 8 else None
