"""Paths that users type: what is none is refused in words, before anything is opened."""

from __future__ import annotations

import os
import re
from typing import Any

from torchlean_nb.errors import PathError, quote

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def path_text(path: Any) -> str:
    """The text of a path to a local file.

    Raises
    ------
    PathError
        For what is no path, and for one that is empty, has a NUL, or is a URL.

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
    return text


def check_name(name: str) -> None:
    """Refuse the name of a file that Windows keeps for itself.

    Raises
    ------
    PathError
    """
    if _RESERVED.fullmatch(name) or name.endswith((".", " ")):
        raise PathError(f"path: {quote(name)} is a reserved name on Windows")
