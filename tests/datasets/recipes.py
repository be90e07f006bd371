"""Files for the tables of bad inputs: .npy headers of any kind, archives with a member changed."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from typing import Any

import numpy as np

HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }"


def saved(a: Any, version: tuple[int, int] | None = None) -> bytes:
    """The .npy file NumPy writes."""
    f = io.BytesIO()
    np.lib.format.write_array(f, np.asanyarray(a), version=version)
    return f.getvalue()


def npy(header: str = HEADER, data: bytes = bytes(96), version: bytes = b"\1\0", length: int | None = None) -> bytes:
    """An .npy file with this header, whatever it says."""
    text = header.encode("latin-1") + b"\n"
    size = len(text) if length is None else length
    return b"\x93NUMPY" + version + size.to_bytes(2 if version == b"\1\0" else 4, "little") + text + data


def header(**changed: str) -> str:
    """The header of a 3 x 4 array, with some of its literals replaced."""
    items = {"descr": "'<f8'", "fortran_order": "False", "shape": "(3, 4)"} | changed
    return "{" + ", ".join(f"'{k}': {v}" for k, v in items.items()) + "}"


def npz(**arrays: Any) -> bytes:
    """The .npz file NumPy writes."""
    f = io.BytesIO()
    np.savez_compressed(f, **arrays)
    return f.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    """A zip archive with these members."""
    f = io.BytesIO()
    # A name that comes twice is warned of.
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in members:
            z.writestr(name, content)
    return f.getvalue()


def flipped(raw: bytes, at: int, bit: int = 0) -> bytes:
    """The bytes with one bit turned over."""
    return raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :]


def flipped_data(raw: bytes) -> bytes:
    """An archive whose first member is damaged in the middle of its compressed bytes."""
    info = zipfile.ZipFile(io.BytesIO(raw)).infolist()[0]
    start = info.header_offset + 30 + int.from_bytes(raw[info.header_offset + 28 : info.header_offset + 30], "little")
    return flipped(raw, start + len(info.filename) + info.compress_size // 2, 6)


def wrong_checksum(raw: bytes) -> bytes:
    """An archive that records another CRC for its first member, in both places."""
    info = zipfile.ZipFile(io.BytesIO(raw)).infolist()[0]
    crc = info.CRC.to_bytes(4, "little")
    return raw.replace(crc, bytes(b ^ 1 for b in crc))


def encrypted(raw: bytes) -> bytes:
    """An archive that says its first member is encrypted."""
    return flipped(raw, raw.index(b"PK\1\2") + 8)


def claiming(raw: bytes, size: int) -> bytes:
    """An archive whose directory claims this size of its first member."""
    at = raw.index(b"PK\1\2") + 24
    return raw[:at] + size.to_bytes(4, "little") + raw[at + 4 :]


SCOPE = {
    "np": np, "saved": saved, "npy": npy, "header": header, "npz": npz, "zipped": zipped, "flipped": flipped,
    "flipped_data": flipped_data, "wrong_checksum": wrong_checksum, "encrypted": encrypted, "claiming": claiming,
    "pickled": pickle.dumps([1.0]),
}  # fmt: skip
