"""Trees of plain data as JSON and a list of arrays, and back, each value as it was.

JSON keeps None, bool, str, finite floats, small ints, lists and dicts with plain keys. Everything else is an
object with one key that begins with ``$``::

    {"$array": 3}       array number 3             {"$tuple": [...]}
    {"$scalar": 3}      a NumPy number             {"$items": [[key, value], ...]}   a dict with other keys
    {"$ints": 3}        a long list of ints        {"$float": "7ff8000000000000"}    inf and NaN, by their bits
    {"$floats": 3}      a long list of floats      {"$int": "-0x1f..."}              beyond 64 bits
    {"$text": 3}        a long string              {"$part": [kind, name, state]}    the state of an object

Nothing in it names a class or a function: reading can make nothing but these.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import CheckpointError, SerializationError, quote
from torchlean_nb.saving.checkpoint import Checkpoint, joined

MAX_DEPTH = 20
LONG_LIST, LONG_TEXT = 32, 1000
DTYPES = {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
          "float64"}  # fmt: skip
_ALLOWED = "numbers, strings, None, lists, tuples, dicts with str or int keys, real arrays, objects with state_dict()"
_HINTS = {"function": "functions are not kept: name it, and make it again after loading",
          "Tensor": "its value, t.value (of PyTorch t.numpy())", "Param": "its value, p.value",
          "Runner": "runner.net for its parameters, runner.session for these and the random stream"}  # fmt: skip
Fetch = Callable[[Any, str], np.ndarray]


def pack(tree: Any, arrays: list[np.ndarray], what: str) -> Any:
    """JSON of a tree; its arrays are appended to `arrays` as they are, nothing is copied.

    Raises
    ------
    SerializationError
        Naming the place of what cannot be kept.
    """
    return _Packer(arrays, what).walk(tree, "", 0)


class _Packer:
    def __init__(self, arrays: list[np.ndarray], what: str):
        self.arrays, self.what = arrays, what

    def where(self, place: str) -> str:
        return f"{self.what} {quote(place)}" if place else self.what

    def number(self, a: np.ndarray) -> int:
        self.arrays.append(a)
        return len(self.arrays) - 1

    def walk(self, x: Any, place: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise SerializationError(f"save: {self.where(place)} is nested deeper than {MAX_DEPTH}",
                                     "or it contains itself")  # fmt: skip
        x = host(x)  # of a device
        kind = type(x)
        if x is None or kind is bool:
            return x
        if kind is str:
            return x if len(x) <= LONG_TEXT else {"$text": self.number(_bytes(x))}
        if kind is int:
            return x if -(2**63) <= x < 2**63 else {"$int": hex(x)}
        if kind is float:
            return x if math.isfinite(x) else {"$float": struct.pack(">d", x).hex()}
        if isinstance(x, np.ndarray | np.generic):
            return {"$array" if isinstance(x, np.ndarray) else "$scalar": self.number(_real(x, self.where(place)))}
        if isinstance(x, Checkpoint):
            return {"$part": [x.kind, x.name, self.walk(x.state, place, depth + 1)]}
        if isinstance(x, Mapping):
            return self.mapping(x, place, depth)
        if kind is list and len(x) >= LONG_LIST:
            if all(type(v) is float for v in x):
                return {"$floats": self.number(np.array(x, np.float64))}
            if all(type(v) is int and -(2**63) <= v < 2**63 for v in x):
                return {"$ints": self.number(np.array(x, np.int64))}
        if kind in (list, tuple):
            inner = [self.walk(v, joined(place, i), depth + 1) for i, v in enumerate(x)]
            return inner if kind is list else {"$tuple": inner}
        raise SerializationError(f"save: {self.where(place)} is a {quote(kind.__name__)[1:-1]}",
                                 f"allowed are {_ALLOWED}", _HINTS.get(kind.__name__))  # fmt: skip

    def mapping(self, x: Mapping[Any, Any], place: str, depth: int) -> Any:
        for key in x:
            if type(key) not in (str, int):
                raise SerializationError(f"save: {self.where(place)} has the key {quote(key)}",
                                         "keys are str or int")  # fmt: skip
        inner = [(key, self.walk(v, joined(place, key), depth + 1)) for key, v in x.items()]
        plain = all(type(key) is str and not key.startswith("$") for key in x)
        return dict(inner) if plain else {"$items": [[k if type(k) is str else self.walk(k, place, depth), v]
                                                     for k, v in inner]}  # fmt: skip


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def _real(x: Any, where: str) -> np.ndarray:
    if isinstance(x, np.ma.MaskedArray):
        raise SerializationError(f"save: {where} is a masked array", "its mask would be lost",
                                 "its data and its mask, as two arrays")  # fmt: skip
    if x.dtype.newbyteorder("=").name not in DTYPES:
        raise SerializationError(f"save: {where} has dtype {quote(str(x.dtype))[1:-1]}",
                                 "allowed are bool, int, uint and float of up to 64 bits")  # fmt: skip
    x = np.asarray(x)
    # A bool made by a view can be any byte; in a file it is 0 or 1.
    return x if x.dtype.kind != "b" else x.view(np.uint8) != 0


def unpack(packed: Any, fetch: Fetch) -> Any:
    """The tree again; `fetch` gives array number i, and is asked for 0, 1, 2, ... in this order.

    Raises
    ------
    CheckpointError
    """

    def wrong(place: str, x: Any) -> CheckpointError:
        return CheckpointError(f"manifest: {quote(place)} is {quote(x)}", "which means nothing here")

    def walk(x: Any, place: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise CheckpointError(f"manifest: nesting deeper than {MAX_DEPTH} at {quote(place)}")
        if isinstance(x, list):
            return [walk(v, joined(place, i), depth + 1) for i, v in enumerate(x)]
        if not isinstance(x, dict):
            return x
        if not any(key.startswith("$") for key in x):
            return {k: walk(v, joined(place, k), depth + 1) for k, v in x.items()}
        tag, value = next(iter(x.items()))
        if len(x) != 1 or tag not in readers:
            raise wrong(place, x)
        return readers[tag](value, place, depth)

    def of_array(kinds: str, make: Callable[[np.ndarray], Any], ndim: int | None) -> Callable[[Any, str, int], Any]:
        def read(i: Any, place: str, depth: int) -> Any:
            a = fetch(i, place)
            if a.dtype.kind not in kinds or (ndim is not None and a.ndim != ndim):
                raise wrong(place, f"a {a.dtype} array of shape {a.shape}")
            return make(a)

        return read

    def text(i: Any, place: str, depth: int) -> str:
        try:
            return of_array("u", lambda a: a.tobytes().decode("utf-8", "surrogatepass"), 1)(i, place, depth)
        except UnicodeDecodeError:
            raise CheckpointError(f"manifest: the text {quote(place)} is not UTF-8") from None

    def tuple_(x: Any, place: str, depth: int) -> tuple[Any, ...]:
        if not isinstance(x, list):
            raise wrong(place, x)
        return tuple(walk(x, place, depth))

    def items(x: Any, place: str, depth: int) -> dict[Any, Any]:
        if not isinstance(x, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in x):
            raise wrong(place, x)
        keys = [walk(key, place, depth) for key, _ in x]
        if not all(type(key) in (str, int) for key in keys):
            raise wrong(place, keys)
        if len(set(keys)) != len(keys):
            raise CheckpointError(f"manifest: {quote(place)} has duplicate keys", quote(keys))
        return {key: walk(v, joined(place, key), depth + 1) for key, (_, v) in zip(keys, x, strict=True)}

    def float_(x: Any, place: str, depth: int) -> float:
        try:
            return struct.unpack(">d", bytes.fromhex(x))[0]
        except (TypeError, ValueError, struct.error):
            raise wrong(place, x) from None

    def int_(x: Any, place: str, depth: int) -> int:
        try:
            return int(x, 16)
        except (TypeError, ValueError):
            raise wrong(place, x) from None

    def part(x: Any, place: str, depth: int) -> Checkpoint:
        if not isinstance(x, list) or len(x) != 3 or not all(isinstance(word, str) for word in x[:2]):
            raise wrong(place, x)
        return Checkpoint(x[0], walk(x[2], place, depth + 1), None, x[1])

    readers = {
        "$array": of_array("biuf", lambda a: a, None), "$scalar": of_array("biuf", lambda a: a[()], 0),
        "$ints": of_array("i", np.ndarray.tolist, 1), "$floats": of_array("f", np.ndarray.tolist, 1), "$text": text,
        "$tuple": tuple_, "$items": items, "$float": float_, "$int": int_, "$part": part,
    }  # fmt: skip
    try:
        return walk(packed, "", 0)
    finally:
        readers.clear()  # readers and walk know each other, and `fetch`, which holds the file
