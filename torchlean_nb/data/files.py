"""Which files may be opened, and how: local, regular, inside their folder, and not larger than they may be."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from torchlean_nb.errors import LoadError, MissingFileError, PathError, quote
from torchlean_nb.paths import check_name, path_text

Location = str | os.PathLike


def local_path(path: Any, folder: Location | None = None) -> Path:
    """The path, which stays inside `folder` when there is one; a relative path starts there.

    Raises
    ------
    PathError
        For a URL, a NUL, an empty path, or one that leaves the folder, also through a link.
    """
    text = path_text(path)
    try:
        os.fsencode(text)
    except UnicodeEncodeError as e:
        raise PathError(f"path: {quote(text)} is no name of a file", e.reason) from None
    if folder is None:
        return Path(text)
    try:
        root = Path(folder).resolve()
        whole = (root / text).resolve()
    except (OSError, RuntimeError) as e:
        raise PathError(f"path: {quote(text)} cannot be followed", str(e)) from None
    if not whole.is_relative_to(root):
        raise PathError(f"path: {quote(text)} lies outside the data folder {quote(str(root))}")
    return whole


def new_path(path: Any, folder: Location | None, overwrite: bool) -> Path:
    """A path that may be written.

    Raises
    ------
    PathError
    """
    whole = local_path(path, folder)
    check_name(whole.name)
    if os.path.isdir(whole):
        raise PathError(f"path: {quote(str(whole))} is a directory")
    if os.path.lexists(whole) and not overwrite:
        raise PathError(f"path: {quote(str(whole))} exists", None, "overwrite=True")
    return whole


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file, open for reading, and its size.

    Raises
    ------
    MissingFileError, LoadError
    """
    label = quote(str(path))
    try:
        # Opening a pipe would wait for its other end, so look before.
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a directory" if path.is_dir() else "not a regular file"
            raise LoadError(f"{label} is {kind}", "data are read from one regular file")
        file = path.open("rb")
    except FileNotFoundError:
        where = quote(str(path.absolute()), 300)
        raise MissingFileError(f"{label}: there is no such file", f"looked for {where}") from None
    except OSError as e:
        raise LoadError(f"{label} cannot be opened", e.strerror) from None
    with file:
        yield file, os.fstat(file.fileno()).st_size


def replace_file(path: Path, content: bytes) -> None:
    """Write all of the file or nothing: to a neighbour first, which then takes its name.

    Raises
    ------
    PathError
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("xb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        os.replace(beside, path)
    except OSError as e:
        raise PathError(f"path: {quote(str(path))} cannot be written", e.strerror) from None
    finally:
        with suppress(OSError):
            beside.unlink()
