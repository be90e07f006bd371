"""Where a drawing may be written, and writing it whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from torchlean_nb.errors import HyperparameterError, quote


def target(path: str | os.PathLike[str], formats: Collection[str]) -> Path:
    """Path to write to, with one of the suffixes `formats`.

    Raises
    ------
    HyperparameterError
        For another suffix, or a path that climbs out of the working folder by ``..``.
    """
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\0" in text:
        raise HyperparameterError(f"save: {quote(text)} is not a path")
    found = Path(text)
    if ".." in found.parts and not found.resolve().is_relative_to(Path.cwd().resolve()):
        raise HyperparameterError(f"save: {quote(text)} leaves the working folder", None, "a path without '..'")
    check_format(found.suffix.removeprefix(".").lower(), formats)
    return found


def check_format(name: object, formats: Collection[str]) -> str:
    """The name, when it is one of the formats.

    Raises
    ------
    HyperparameterError
        Naming the formats there are.
    """
    if name not in formats:
        raise HyperparameterError(f"render: unknown format {quote(name)}", None, "one of " + ", ".join(sorted(formats)))
    return str(name)


def write(path: Path, data: str | bytes) -> Path:
    """Write a file through a temporary one beside it, so that a reader never sees half of it."""
    data = data.encode("utf-8") if isinstance(data, str) else data
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return path
