"""Reading and writing a file by its path, with every trouble in words."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from torchlean_nb.errors import TorchLeanError, quote
from torchlean_nb.files.atomic import replace_file
from torchlean_nb.files.paths import FILE, Words, local_path, new_path, trouble


@contextmanager
def opened(path: Path, words: Words = FILE) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file, open for reading, and its size.

    Raises
    ------
    TorchLeanError
        One of `words`.
    """
    label = quote(str(path), 300)
    try:
        # Opening a pipe would wait for its other end, so look before.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise words.directory(f"path {label} is a directory", None, "a file in it")
        if not stat.S_ISREG(mode):
            raise words.other(f"path {label} is not a regular file")
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except TorchLeanError:
        raise
    except OSError as e:
        raise trouble(path, "read", e, words) from None


def read_text(path: Any) -> str:
    """Text of a file in UTF-8.

    Raises
    ------
    PathError
    """
    with opened(local_path(path)) as (file, _):
        try:
            return file.read().decode("utf-8")
        except UnicodeDecodeError as e:
            raise FILE.other(f"path {quote(str(path), 300)}: not text in UTF-8", e.reason) from None


def write(path: Any, data: str | bytes) -> Path:
    """Write a whole file, which takes the place of one that is there; its folder must be there.

    Raises
    ------
    PathError
        And what was there is as it was.

    Examples
    --------
    >>> import tempfile
    >>> write(Path(tempfile.mkdtemp()) / "a.txt", "yes").read_text()
    'yes'
    """
    whole = new_path(path)
    content = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    replace_file(whole, lambda: (content,))
    return whole
