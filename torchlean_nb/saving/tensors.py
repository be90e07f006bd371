"""Parameters to and from .safetensors files, through the library of that name.

The library writes the memory of an array whatever its order; here arrays are row-major and little-endian before
it sees them, and its reading is compared with what was written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import BackendError, CheckpointError, SerializationError, quote
from torchlean_nb.saving.paths import local_path, new_path, opened, replace_file
from torchlean_nb.saving.things import check_dtypes, put
from torchlean_nb.saving.tree import DTYPES

Location = str | os.PathLike


def _library() -> Any:
    try:
        return import_module("safetensors.numpy")
    except ImportError:
        raise BackendError("safetensors is not installed", "it reads and writes .safetensors files",
                           'pip install "torchlean_nb[safetensors]"') from None  # fmt: skip


def save(
    path: Location, obj: Any, *, meta: Mapping[str, str] | None = None, overwrite: bool = True,
    folder: Location | None = None,
) -> None:  # fmt: skip
    """Write a Module, or a dict of arrays by name.

    Parameters
    ----------
    path : str or Path
    obj : Module or dict
    meta : dict of str to str
    overwrite : bool
    folder : str or Path

    Raises
    ------
    SerializationError, CheckpointError, PathError
        And the file is as it was.
    BackendError
        When the library is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "w.safetensors"
    >>> save(file, {"w": np.arange(6.0).reshape(2, 3).T})
    >>> load(file)["w"].tolist()
    [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    """
    library, whole = _library(), new_path(path, folder, overwrite)
    state = obj if isinstance(obj, Mapping) else obj.state_dict()
    arrays = {_name(name): _plain(name, a) for name, a in state.items()}
    notes = dict(meta or {})
    if not all(isinstance(t, str) for pair in notes.items() for t in pair):
        raise SerializationError("safetensors: metadata", "keys and values must be str")
    content = library.save(arrays, metadata=notes or None)
    again = library.load(content)
    if not all(again[n].shape == a.shape and again[n].tobytes() == a.tobytes() for n, a in arrays.items()):
        raise CheckpointError("safetensors: the library did not keep the arrays as they are")
    replace_file(whole, lambda: (content,))


def _name(name: Any) -> str:
    good = isinstance(name, str) and name and name != "__metadata__"
    try:
        good = good and bool(name.encode())
    except UnicodeEncodeError:
        good = False
    if not good:
        raise SerializationError(f"safetensors: the name {quote(name)} cannot be used", "it must be text, not empty")
    return name


def _plain(name: str, x: Any) -> np.ndarray:
    a = np.asarray(host(x))
    if a.dtype.newbyteorder("=").name not in DTYPES or isinstance(x, np.ma.MaskedArray):
        raise SerializationError(f"safetensors: {quote(name)} has dtype {a.dtype}",
                                 "allowed are bool, int, uint and float of up to 64 bits")  # fmt: skip
    return np.ascontiguousarray(a, a.dtype.newbyteorder("=")).reshape(a.shape)


def load(
    path: Location, into: Any = None, *, cast: bool = False, folder: Location | None = None
) -> dict[str, np.ndarray]:
    """Arrays by name; `into` a Module, they become its parameters and buffers, all or none.

    bfloat16, which NumPy does not have, is refused.

    Raises
    ------
    CheckpointError, PathError
        And nothing has changed.
    BackendError
        When the library is not installed.
    """
    library, whole = _library(), local_path(path, folder)
    label = quote(str(whole), 300)
    with opened(whole) as (f, _):
        content = f.read()
    try:
        found = library.load(content)
    except Exception as e:  # what the library raises is its own affair
        raise CheckpointError(f"{label} is not a safetensors file, or a damaged one", quote(str(e))) from None
    if "" in found:
        raise CheckpointError(f"{label}: an array without a name", None, "giving it one where the file was written")
    if into is not None:
        if not cast:
            check_dtypes(into, found, label)
        put(into, found)
    return found
