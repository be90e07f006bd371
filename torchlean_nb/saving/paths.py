"""Which files a checkpoint may be written to and read from, and what opening them may say."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from torchlean_nb.errors import CheckpointError, PathError, quote
from torchlean_nb.paths import check_name, path_text


class MissingCheckpointError(CheckpointError, FileNotFoundError):
    """A checkpoint, or a folder for it, that is not there."""


class CheckpointFolderError(CheckpointError, IsADirectoryError):
    """A folder where a checkpoint was expected."""


class CheckpointExistsError(CheckpointError, FileExistsError):
    """A file that is not to be replaced."""


class CheckpointPermissionError(CheckpointError, PermissionError):
    """A place where nothing may be read or written."""


_KINDS = {
    MissingCheckpointError: (errno.ENOENT, errno.ENOTDIR), CheckpointFolderError: (errno.EISDIR,),
    CheckpointExistsError: (errno.EEXIST,), CheckpointPermissionError: (errno.EACCES, errno.EPERM, errno.EROFS),
}  # fmt: skip


def trouble(path: Path, verb: str, e: OSError) -> CheckpointError:
    """What the system said about a path, as an error of this package."""
    kind = next((k for k, numbers in _KINDS.items() if e.errno in numbers), CheckpointError)
    missing = kind is MissingCheckpointError
    what = "there is no such file or folder" if missing else f"it cannot be {verb}: {(e.strerror or str(e)).lower()}"
    where = path.parent if verb == "written" else path
    hint = f"making the folder {quote(str(where))}" if missing and verb == "written" else None
    return kind(f"path {quote(str(path), 300)}: {what}", None, hint)


def local_path(path: Any, folder: Any = None) -> Path:
    """The path with all links followed; inside `folder` when there is one, where a relative path starts.

    Raises
    ------
    PathError
    """
    text = path_text(path)
    try:
        os.fsencode(text)
        start = Path(folder).resolve() if folder is not None else Path()
        plain = Path(os.path.abspath(start / text))
        whole = plain.resolve()
    except (OSError, RuntimeError, ValueError) as e:
        raise PathError(f"path: {quote(text)} cannot be followed", quote(str(e))) from None
    if folder is not None and not whole.is_relative_to(start):
        how = "is a symlink to a place" if plain.is_relative_to(start) else "lies"
        raise PathError(f"path: {quote(text)} {how} outside the checkpoint folder {quote(str(start))}")
    return whole


def new_path(path: Any, folder: Any, overwrite: bool) -> Path:
    """A path that may be written.

    Raises
    ------
    PathError, CheckpointError
    """
    whole = local_path(path, folder)
    check_name(whole.name)
    check_name(Path(os.fspath(path)).name)  # what a link is called may end in what its target does not
    if os.path.isdir(whole):
        raise CheckpointFolderError(f"path {quote(str(whole), 300)} is a directory", None, "a file name in it")
    if os.path.lexists(whole) and not os.path.isfile(whole):
        raise CheckpointError(f"path {quote(str(whole), 300)} is not a regular file", "it would be replaced by one")
    if os.path.lexists(whole) and not overwrite:
        raise CheckpointExistsError(f"path {quote(str(whole), 300)} exists", None, "overwrite=True")
    return whole


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file, open for reading, and its size.

    Raises
    ------
    CheckpointError
    """
    try:
        # Opening a pipe would wait for its other end, so look before.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise CheckpointFolderError(f"path {quote(str(path), 300)} is a directory", None, "a file in it")
        if not stat.S_ISREG(mode):
            raise CheckpointError(f"path {quote(str(path), 300)} is not a regular file")
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except CheckpointError:
        raise
    except OSError as e:
        raise trouble(path, "read", e) from None
