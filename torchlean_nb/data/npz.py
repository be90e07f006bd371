"""Arrays from .npz archives, each member checked before it is unpacked and after."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib

import numpy as np

from torchlean_nb.data.files import Location, local_path, opened
from torchlean_nb.data.npy import parse, usable
from torchlean_nb.errors import LoadError, MemberError, SizeError, quote
from torchlean_nb.hypers import Hyper

MAX_BYTES = 2**30
MAX_RATIO = 1100  # deflate cannot do better than 1032
_NAME = re.compile(r"[\w .+-]{1,100}\.npy")


def read_npz(
    path: Location, key: str | None = None, *, finite: bool = True, folder: Location | None = None,
    max_bytes: int = MAX_BYTES,
) -> dict[str, np.ndarray] | np.ndarray:  # fmt: skip
    """The arrays of an .npz archive by name, or the one named `key`.

    Parameters
    ----------
    path : str or Path
    key : str
        Name of the array that is wanted; the others are not unpacked.
    finite : bool
        Refuse NaN and infinities.
    folder : str or Path
        Folder that the path must not leave.
    max_bytes : int
        Limit of all arrays that are unpacked, together.

    Raises
    ------
    LoadError, MemberError, SizeError, EmptyError, NonFiniteError

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "x.npz"
    >>> np.savez(file, X=[[1.0, 2.0]], y=[1])
    >>> read_npz(file, "X").tolist(), sorted(read_npz(file))
    ([[1.0, 2.0]], ['X', 'y'])
    """
    Hyper(kind="int", low=1).check("read_npz", "max_bytes", max_bytes)
    file = local_path(path, folder)
    label = quote(str(file))
    with opened(file) as (f, _):
        try:
            archive = zipfile.ZipFile(f)
            members = _members(archive, label)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, OverflowError, struct.error) as e:
            raise LoadError(f"{label} is not an .npz archive, or a corrupt one", quote(str(e))) from None
        with archive:
            if key is not None and key not in members:
                known = quote(", ".join(members), 400)[1:-1]
                raise MemberError(f"{label}: there is no key {quote(key)}", f"available: {known}")
            wanted = members if key is None else {key: members[key]}
            total = sum(info.file_size for info in wanted.values())
            if total > max_bytes:
                raise SizeError(f"{label}: uncompressed size {total} bytes is over the limit {max_bytes}")
            made = {name: _array(archive, info, f"{label}: member {name}", finite) for name, info in wanted.items()}
    return made if key is None else made[key]


def _members(archive: zipfile.ZipFile, label: str) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        if not _NAME.fullmatch(info.filename):
            raise LoadError(f"{label}: the member name {quote(info.filename)} is not a plain name ending in .npy")
        name = info.filename.removesuffix(".npy")
        if name in found:
            raise LoadError(f"{label}: duplicate member {name}")
        if info.flag_bits & 1:
            raise LoadError(f"{label}: member {name} is encrypted")
        if info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise SizeError(
                f"{label}: member {name}: uncompressed size {info.file_size} of {info.compress_size} bytes",
                f"the ratio is over the limit {MAX_RATIO}",
            )
        found[name] = info
    return found


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, label: str, finite: bool) -> np.ndarray:
    try:
        with archive.open(info) as f:
            raw = f.read(info.file_size + 1)
    except zipfile.BadZipFile as e:
        what = "corrupt, wrong checksum" if "CRC" in str(e) else "corrupt"
        raise LoadError(f"{label}: {what}", quote(str(e))) from None
    except (zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as e:
        raise LoadError(f"{label}: corrupt", quote(str(e))) from None
    if len(raw) != info.file_size:
        raise LoadError(f"{label}: corrupt: {info.file_size} bytes declared, {len(raw)} there")
    return usable(parse(io.BytesIO(raw), len(raw), label), label, None, finite)
