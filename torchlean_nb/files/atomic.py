"""Replace a file all at once: whatever happens, the old one or the new one is there, whole.

The bytes go to a neighbour first, reach the disk, are read back and compared, and only then take the name. The
writer holds a lock on its neighbour; one without a lock was left by a process that died, and the next save
takes it away.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from torchlean_nb.errors import TorchLeanError, quote
from torchlean_nb.files.paths import FILE, Words, trouble

try:
    import fcntl
except ImportError:  # Windows, where a file that somebody has open cannot be deleted
    fcntl = None  # type: ignore[assignment]

PREFIX, SUFFIX = ".torchlean-", ".tmp"
Pieces = Callable[[], Iterable[bytes | memoryview]]


def replace_file(path: Path, pieces: Pieces, words: Words = FILE) -> None:
    """Write `pieces` to `path`, all of them or none; they are asked for twice, to write and to compare.

    Raises
    ------
    TorchLeanError
        One of `words`, and the file is as it was.
    """
    beside = path.with_name(PREFIX + secrets.token_hex(8) + SUFFIX)
    try:
        remove_strays(path.parent)
        with beside.open("xb") as f:
            if not _lock(f):
                return replace_file(path, pieces, words)
            with suppress(OSError):  # who could read the old file can read the new one
                os.chmod(beside, path.stat().st_mode & 0o777)
            f.writelines(pieces())
            f.flush()
            os.fsync(f.fileno())
            _compare(beside, pieces, path, words)
            if fcntl is not None:
                os.replace(beside, path)
        if fcntl is None:
            os.replace(beside, path)
        _sync_folder(path.parent)
    except OSError as e:
        if isinstance(e, TorchLeanError):
            raise
        raise trouble(path, "written", e, words) from None
    finally:
        with suppress(OSError):
            beside.unlink()


def _compare(beside: Path, pieces: Pieces, path: Path, words: Words) -> None:
    with beside.open("rb") as f:
        same = all(f.read(len(piece)) == piece for piece in pieces()) and not f.read(1)
    if not same:
        raise words.other(f"path {quote(str(path), 300)}: what was written is not what is read back",
                          "the disk is faulty, or the arrays changed meanwhile")  # fmt: skip


def _lock(f: BinaryIO) -> bool:
    """Lock the new neighbour, unless somebody who tidied up was quicker and took it away."""
    if fcntl is None:
        return True
    with suppress(OSError):  # a file system without locks has no strays removed either
        fcntl.flock(f, fcntl.LOCK_EX)
    return os.fstat(f.fileno()).st_nlink > 0


def remove_strays(folder: Path) -> None:
    """Delete the neighbours whose writers are dead."""
    for stray in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError), stray.open("rb") as f:
            if fcntl is not None:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stray.unlink()
        if fcntl is None:
            with suppress(OSError):
                stray.unlink()


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # the new file has its name; not every system can make sure of that
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
