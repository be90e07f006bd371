"""What tells one computation from another: digests of plain data, of arrays and of code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from types import CodeType
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host, is_array

DEEPEST = 20


def digest(data: Any) -> str:
    """Twenty hexadecimal digits of plain data; the order of keys does not matter.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}), len(digest(None))
    (True, 20)
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(text.encode()).hexdigest()[:20]


def digest_of_arrays(*arrays: Any) -> str:
    """Twelve hexadecimal digits of numbers, their types and shapes."""
    h = sha256()
    for a in (np.asarray(host(a)) for a in arrays):
        h.update(f"{a.dtype.str}{a.shape}".encode())
        h.update(np.ascontiguousarray(a).tobytes())
    return h.hexdigest()[:12]


def fingerprint(what: Any) -> str:
    """Digest of data and functions: of a function its name, its code, its defaults and what it closes over.

    What a function calls by name is not looked into.

    Examples
    --------
    >>> def two(n):
    ...     return lambda: n + 2
    >>> fingerprint(two(1)) == fingerprint(two(1)), fingerprint(two(1)) == fingerprint(two(3))
    (True, False)
    """
    return digest(_told(what, 0))


def _told(what: Any, depth: int) -> Any:
    def told(*parts: Any) -> list[Any]:
        return [_told(v, depth + 1) for v in parts]

    if depth > DEEPEST:  # something that holds itself
        return type(what).__qualname__
    if what is None or isinstance(what, bool | int | float | str):
        return repr(what)
    if is_array(what):
        return digest_of_arrays(what)
    if isinstance(what, CodeType):
        return [what.co_name, what.co_code.hex(), list(what.co_names), told(*what.co_consts)]
    if isinstance(what, set | frozenset):
        return sorted(map(repr, what))
    if isinstance(what, Mapping):
        return told(*what.items())
    if isinstance(what, list | tuple):
        return told(*what)
    if isinstance(what, partial):
        return told(what.func, what.args, what.keywords)
    if hasattr(what, "__code__"):
        closed = [c.cell_contents for c in what.__closure__ or ()]
        return [what.__qualname__, *told(what.__code__, what.__defaults__, what.__kwdefaults__, closed)]
    kind = what if isinstance(what, type) else type(what)
    return [kind.__module__, kind.__qualname__, *([] if what is kind else told(getattr(what, "__dict__", None)))]
