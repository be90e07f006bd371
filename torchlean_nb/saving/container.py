"""The bytes of a checkpoint: a header, a JSON manifest, and the arrays one after another.

::

    8 bytes    magic
    4          version, little-endian like all that follows
    4          length of the manifest
    8          length of the whole file
    32         SHA-256 of the 24 bytes above and the manifest
    manifest   {"kind", "name", "meta", "state", "arrays": [{"dtype", "shape", "bytes", "sha256"}, ...]}, ASCII
    arrays     row-major, little-endian, in this order, without gaps

The digest covers the manifest and the manifest has the digests of the arrays, so no bit of the file is without
one. All sizes are compared with the size of the file before memory is asked for.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, BinaryIO

import numpy as np

from torchlean_nb.errors import CheckpointError, quote
from torchlean_nb.saving.checkpoint import Checkpoint
from torchlean_nb.saving.tree import DTYPES, pack, unpack

MAGIC = b"\x89TLNB\r\n\x1a"
VERSION = 1
HEAD, DIGEST = struct.Struct("<8sIIQ"), 32
# Histograms of a long run are many small arrays, 150 bytes each in here; parsing takes some 20 times this much memory.
MAX_MANIFEST = 2**24
MAX_NESTING = 100
CHUNK = 2**20
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_OTHERS = {
    b"PK\x03\x04": ("a zip archive", "tl.data.read_npz(path) for an .npz file"),
    b"\x93NUMPY": ("an .npy file", "tl.data.read_npy(path)"),
    b"\x80": ("a pickle, which can run code and is never read", "saving it again with tl.save"),
    b"{": ("JSON", "tl.saving.paramio.load(path, net) for bits of parameters"),
}


def encode(checkpoint: Checkpoint) -> Callable[[], Iterator[memoryview]]:
    """The file as pieces; the function gives them anew each time it is called.

    Raises
    ------
    SerializationError, CheckpointError
    """
    arrays: list[np.ndarray] = []
    meta, state = pack(dict(checkpoint.meta), arrays, "metadata"), pack(checkpoint.state, arrays, "state")
    entries = [
        {"dtype": a.dtype.newbyteorder("=").name, "shape": a.shape, "bytes": a.nbytes, "sha256": _digest(a)}
        for a in arrays
    ]  # fmt: skip
    whole = {"kind": checkpoint.kind, "name": checkpoint.name, "meta": meta, "state": state, "arrays": entries}
    manifest = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(manifest) > MAX_MANIFEST:
        raise CheckpointError(f"save: a manifest of {len(manifest)} bytes is over the limit {MAX_MANIFEST}",
                              "it holds all that is not an array", "arrays in place of many small values")  # fmt: skip
    size = HEAD.size + DIGEST + len(manifest) + sum(a.nbytes for a in arrays)
    head = HEAD.pack(MAGIC, VERSION, len(manifest), size)
    start = memoryview(head + sha256(head + manifest).digest() + manifest)

    def pieces() -> Iterator[memoryview]:
        yield start
        for a in arrays:
            yield from _pieces(a)

    return pieces


def _pieces(a: np.ndarray) -> Iterator[memoryview]:
    """Row-major, little-endian bytes of an array; it is copied only when it is neither."""
    flat = np.ascontiguousarray(a, a.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)
    for at in range(0, flat.size, CHUNK):
        yield flat[at : at + CHUNK].data


def _digest(a: np.ndarray) -> str:
    h = sha256()
    for piece in _pieces(a):
        h.update(piece)
    return h.hexdigest()


def decode(f: BinaryIO, size: int, label: str) -> Checkpoint:
    """What an open file of `size` bytes holds; its arrays are read-only.

    Raises
    ------
    CheckpointError
    """
    head = f.read(HEAD.size)
    if not size:
        raise CheckpointError(f"{label} is empty: 0 bytes")
    if head[: len(MAGIC)] != MAGIC[: len(head)]:
        kind, hint = next((v for k, v in _OTHERS.items() if head.startswith(k)), ("something else", None))
        raise CheckpointError(f"{label} is not a checkpoint but {kind}", f"it begins with {head[:8]!r}", hint)
    if len(head) < HEAD.size or size < HEAD.size + DIGEST:
        raise CheckpointError(f"{label} is truncated", f"it ends in the header, after {size} bytes")
    _, version, length, whole = HEAD.unpack(head)
    if version != VERSION:
        raise CheckpointError(f"{label}: version {version} is not supported", f"supported is {VERSION}",
                              "a newer torchlean_nb" if version > VERSION else None)  # fmt: skip
    if whole != size:
        what = f"{size - whole} trailing bytes" if size > whole else "is truncated"
        raise CheckpointError(f"{label}: {what}", f"{size} bytes are there, the header says {whole}",
                              "copying the file again")  # fmt: skip
    if length > min(MAX_MANIFEST, size - HEAD.size - DIGEST):
        raise CheckpointError(f"{label}: a manifest of {length} bytes does not fit", f"the limit is {MAX_MANIFEST}")
    digest, raw = f.read(DIGEST), f.read(length)
    if len(raw) != length or sha256(head + raw).digest() != digest:
        raise CheckpointError(f"{label}: wrong checksum of the header and the manifest", "the file is damaged")
    manifest = _manifest(raw, label)
    entries = manifest.pop("arrays")
    sizes = [_entry(e, f"{label}: array {i}") for i, e in enumerate(entries)]
    expected = HEAD.size + DIGEST + length + sum(sizes)
    if expected != size:
        raise CheckpointError(f"{label}: its arrays do not fit",
                              f"size declared {expected} bytes, actual {size}")  # fmt: skip
    done = 0

    def fetch(i: Any, place: str) -> np.ndarray:
        nonlocal done
        if type(i) is not int or i != done or i >= len(entries):
            raise CheckpointError(f"{label}: manifest: {quote(place)} is array {quote(i)}, expected number {done}")
        done += 1
        return _array(f, entries[i], f"{label}: {quote(place)}")

    meta, state = unpack(manifest["meta"], fetch), unpack(manifest["state"], fetch)
    if not isinstance(meta, dict):
        raise CheckpointError(f"{label}: manifest: meta is {quote(meta)}")
    if done != len(entries):
        raise CheckpointError(f"{label}: manifest: {len(entries)} arrays, of which {done} have a place")
    return Checkpoint(manifest["kind"], state, meta, manifest["name"])


def _array(f: BinaryIO, entry: dict[str, Any], label: str) -> np.ndarray:
    a = np.empty(entry["shape"], np.dtype(entry["dtype"]).newbyteorder("<"))
    flat = a.reshape(-1).view(np.uint8)
    if a.nbytes and f.readinto(flat.data) != a.nbytes:
        raise CheckpointError(f"{label}: the file became shorter while it was read")
    if _digest(a) != entry["sha256"]:
        raise CheckpointError(f"{label}: wrong checksum", "the file is damaged")
    if a.dtype.kind == "b" and a.size and flat.max() > 1:
        raise CheckpointError(f"{label}: a bool is the byte {flat.max()}", "it must be 0 or 1")
    a = a.astype(a.dtype.newbyteorder("="), copy=False)
    a.setflags(write=False)
    return a


def _entry(e: Any, label: str) -> int:
    """Bytes of an array, after everything said of it was found possible."""
    if not isinstance(e, dict) or set(e) != {"dtype", "shape", "bytes", "sha256"}:
        raise CheckpointError(f"{label}: {quote(e)}", "dtype, shape, bytes and sha256 are needed")
    shape = e["shape"]
    if type(e["dtype"]) is not str or e["dtype"] not in DTYPES:
        raise CheckpointError(f"{label}: dtype {quote(e['dtype'])}", f"one of {', '.join(sorted(DTYPES))}")
    sides = isinstance(shape, list) and len(shape) <= 64 and all(type(n) is int and 0 <= n < 2**48 for n in shape)
    itemsize = np.dtype(e["dtype"]).itemsize
    if not sides or math.prod(max(n, 1) for n in shape) * itemsize >= 2**63:
        raise CheckpointError(f"{label}: shape {quote(shape)} is impossible")
    if type(e["bytes"]) is not int or e["bytes"] != math.prod(shape) * itemsize:
        raise CheckpointError(f"{label}: size: {quote(e['bytes'])} bytes declared",
                              f"{e['dtype']} of shape {shape} has {math.prod(shape) * itemsize}")  # fmt: skip
    return e["bytes"]


def _manifest(raw: bytes, label: str) -> dict[str, Any]:
    """A manifest that is nothing but JSON, with all its keys."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            twice = next(k for i, (k, _) in enumerate(found) if k in dict(found[:i]))
            raise CheckpointError(f"{label}: manifest: duplicate key {quote(twice)}")
        return made

    def constant(word: str) -> None:
        raise CheckpointError(f"{label}: manifest: {word} is not JSON", "NaN and infinities are kept by their bits")

    def integer(digits: str) -> int:
        if len(digits) > 20:
            raise CheckpointError(f"{label}: manifest: an integer of {len(digits)} digits",
                                  "those beyond 64 bits are kept in hexadecimal")  # fmt: skip
        return int(digits)

    def number(digits: str) -> float:
        made = float(digits)
        return made if math.isfinite(made) else constant(quote(digits))

    try:
        text = raw.decode("ascii")
        if nesting(text) > MAX_NESTING:
            raise CheckpointError(f"{label}: manifest: nesting deeper than {MAX_NESTING}")
        made = json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_int=integer, parse_float=number)
    except UnicodeDecodeError as e:
        raise CheckpointError(f"{label}: manifest: not ASCII, and so not JSON", f"at byte {e.start}") from None
    except json.JSONDecodeError as e:
        raise CheckpointError(f"{label}: manifest: not JSON", f"line {e.lineno}, column {e.colno}: {e.msg}") from None
    types = {"kind": str, "name": str, "meta": dict, "state": object, "arrays": list}
    if not isinstance(made, dict) or set(made) != set(types):
        raise CheckpointError(f"{label}: manifest: it must be an object of {', '.join(types)}")
    for key, kind in types.items():
        if not isinstance(made[key], kind):
            raise CheckpointError(f"{label}: manifest: {key} is {quote(made[key])}")
    return made


def nesting(text: str) -> int:
    """How deep the brackets of JSON are nested, found without descending into them.

    Examples
    --------
    >>> nesting('{"a": [1, [2]], "b": "[[[["}')
    3
    """
    depth = deepest = 0
    for c in re.sub(r"[^][{}]", "", _STRING.sub("", text)):
        depth += 1 if c in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
