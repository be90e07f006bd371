"""Paths that users type: what is none is refused in words, before anything is opened."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchlean_nb.errors import PathError, TorchLeanError, quote

Location = str | os.PathLike
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?", re.IGNORECASE)
_LONG = 300


class MissingPathError(PathError, FileNotFoundError):
    """A file, or a folder for it, that is not there."""


class FolderPathError(PathError, IsADirectoryError):
    """A folder where a file was expected."""


class PathExistsError(PathError, FileExistsError):
    """A file that is not to be replaced."""


class PathPermissionError(PathError, PermissionError):
    """A place where nothing may be read or written."""


@dataclass(frozen=True)
class Words:
    """How one kind of file speaks: what its folder is called, and the errors of what can be wrong with it."""

    folder: str = "folder"
    other: type[TorchLeanError] = PathError
    missing: type[TorchLeanError] = MissingPathError
    directory: type[TorchLeanError] = FolderPathError
    exists: type[TorchLeanError] = PathExistsError
    permission: type[TorchLeanError] = PathPermissionError

    def kind(self, number: int | None) -> type[TorchLeanError]:
        """Error for a number of the system."""
        kinds = {
            self.missing: (errno.ENOENT, errno.ENOTDIR), self.directory: (errno.EISDIR,),
            self.exists: (errno.EEXIST,), self.permission: (errno.EACCES, errno.EPERM, errno.EROFS),
        }  # fmt: skip
        return next((k for k, numbers in kinds.items() if number in numbers), self.other)


FILE = Words()


def trouble(path: Path, verb: str, e: OSError, words: Words = FILE) -> TorchLeanError:
    """What the system said about a path, as an error of this package."""
    kind = words.kind(e.errno)
    missing = e.errno in (errno.ENOENT, errno.ENOTDIR)
    what = f"it cannot be {verb}: " * (verb == "written" or not missing)
    what += "there is no such file or folder" if missing else (e.strerror or str(e)).lower()
    where = path.parent if verb == "written" else path
    hint = f"making the folder {quote(str(where))}" if missing and verb == "written" else None
    why = f"looked for {quote(str(path.absolute()), _LONG)}" if missing and verb == "read" else None
    return kind(f"path {quote(str(path), _LONG)}: {what}", why, hint)


def path_text(path: Any) -> str:
    """The text of a path to a local file.

    Raises
    ------
    PathError
        For what is no path, and for one that is empty, has a NUL, is a URL, or is no name the system knows.

    Examples
    --------
    >>> path_text("data.csv")
    'data.csv'
    """
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str):
        raise PathError(f"path: {type(path).__name__} {quote(path)} is not a path", "it must be a str or a Path")
    if not text.strip():
        raise PathError("path: empty", "it must name a local file")
    if "\0" in text:
        raise PathError(f"path: {quote(text)} holds a NUL character")
    if _URL.match(text):
        raise PathError(f"path: {quote(text)} is a URL", "only local files are read, written", "downloading it first")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as e:
        raise PathError(f"path: {quote(text)} is no name of a file, and cannot be followed", e.reason) from None
    return text


def check_name(name: str) -> None:
    """Refuse the name of a file that Windows keeps for itself.

    Raises
    ------
    PathError
    """
    if _RESERVED.fullmatch(name) or name.endswith((".", " ")):
        raise PathError(f"path: {quote(name)} is a reserved name on Windows")


def local_path(path: Any, folder: Location | None = None, words: Words = FILE) -> Path:
    """The path with all links followed; inside `folder` when there is one, where a relative path starts.

    Raises
    ------
    PathError
        For what `path_text` refuses, and for a path that leaves the folder, also through a link.
    """
    text = path_text(path)
    try:
        start = Path(folder).resolve() if folder is not None else Path()
        plain = Path(os.path.abspath(start / text))
        whole = plain.resolve()
    except (OSError, RuntimeError, ValueError) as e:
        raise PathError(f"path: {quote(text)} cannot be followed", quote(str(e))) from None
    if folder is not None and not whole.is_relative_to(start):
        how = "is a symlink to a place" if plain.is_relative_to(start) else "lies"
        raise PathError(f"path: {quote(text)} {how} outside the {words.folder} {quote(str(start))}")
    return whole


def new_path(path: Any, folder: Location | None = None, overwrite: bool = True, words: Words = FILE) -> Path:
    """A path that may be written.

    Raises
    ------
    PathError
        For what `local_path` refuses, a name that Windows keeps for itself, a folder, a pipe or device, and a file
        that is there where `overwrite` is false.
    """
    whole = local_path(path, folder, words)
    check_name(whole.name)
    check_name(Path(os.fspath(path)).name)  # what a link is called may end in what its target does not
    label = quote(str(whole), _LONG)
    if os.path.isdir(whole):
        raise words.directory(f"path {label} is a directory", None, "a file name in it")
    if os.path.lexists(whole) and not os.path.isfile(whole):
        raise words.other(f"path {label} is not a regular file", "it would be replaced by one")
    if os.path.lexists(whole) and not overwrite:
        raise words.exists(f"path {label} exists", None, "overwrite=True")
    return whole
