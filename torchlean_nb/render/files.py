"""Where a drawing may be written, by its suffix."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from torchlean_nb.errors import HyperparameterError, quote
from torchlean_nb.files import Words, local_path, new_path, path_text, write

__all__ = ["check_format", "target", "write"]


def target(path: Any, formats: Collection[str]) -> Path:
    """Path to write to, with one of the suffixes `formats`.

    Raises
    ------
    HyperparameterError
        For another suffix.
    PathError
        For what cannot be written, and a path that climbs out of the working folder by ``..``.
    """
    named = Path(path_text(path))
    check_format(named.suffix.removeprefix(".").lower(), formats)
    if ".." in named.parts:
        local_path(named, Path.cwd(), Words("working folder"))
    new_path(named)
    return named


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
