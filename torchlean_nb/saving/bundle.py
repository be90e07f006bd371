"""Save and load: objects to one file, and back."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from torchlean_nb.errors import CheckpointError, SerializationError, quote
from torchlean_nb.saving.checkpoint import Checkpoint
from torchlean_nb.saving.container import decode, encode
from torchlean_nb.saving.paths import local_path, new_path, opened, replace_file
from torchlean_nb.saving.things import check_dtypes, check_kind, described, is_thing, pairs, put_all

Location = str | os.PathLike
WRITER = "torchlean_nb"


def save(
    path: Location, obj: Any, *, meta: Mapping[str, Any] | None = None, overwrite: bool = True,
    folder: Location | None = None,
) -> None:  # fmt: skip
    """Write the state of an object, or of several, to one file.

    The file holds numbers and text only; reading it can run nothing. It is replaced all at once: whatever
    happens on the way, an error, a full disk, Stop being pressed, the power failing, the old file or the new
    one is there, whole.

    Parameters
    ----------
    path : str or Path
    obj : Any
        A Trainer, Module, Optimizer, LRScheduler, DataLoader, Session, `Rng` or NumPy Generator, anything with
        ``state_dict()``; or a dict, list or tuple of these, of arrays and of plain values.
    meta : dict
        Notes, of plain values.
    overwrite : bool
        Replace a file that is there.
    folder : str or Path
        Folder that the path must not leave; a relative path starts there.

    Raises
    ------
    CheckpointError, SerializationError, PathError
        And the file is as it was.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> net = tl.nn.Linear(2, 1).bind(s, seed=0)
    >>> opt = tl.optim.Adam(net.parameters())
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "run.tl"
    >>> tl.save(file, {"model": net, "optimizer": opt, "epoch": 3})
    >>> tl.load(file, into={"model": net, "optimizer": opt})["epoch"]
    3
    """
    whole = new_path(path, folder, overwrite)
    found = described(obj)
    if not isinstance(found, Checkpoint):
        found = Checkpoint("dict" if isinstance(found, Mapping) else type(found).__name__, found)
    notes = found.meta if meta is None else meta
    if not isinstance(notes, Mapping):
        raise SerializationError(f"save: metadata is a {type(notes).__name__}", "it must be a dict")
    # The package itself is imported, else nobody were here.
    notes = {**notes, WRITER: sys.modules[WRITER].__version__}
    replace_file(whole, encode(Checkpoint(found.kind, found.state, notes, found.name)))


def load(path: Location, into: Any = None, *, cast: bool = False, folder: Location | None = None) -> Checkpoint:
    """Read a file that `save` wrote, and give objects the states in it.

    No class is needed to read, and none is looked up. What goes into `into` is checked in full before anything
    changes: all objects take their states, or none does.

    Parameters
    ----------
    path : str or Path
    into : object, or dict or list of objects
        What is to go on from here: built as it was when it was saved. Of a dict, only what it names is taken.
    cast : bool
        Take arrays of another number type.
    folder : str or Path
        Folder that the path must not leave; a relative path starts there.

    Returns
    -------
    Checkpoint

    Raises
    ------
    CheckpointError, PathError
        For a file that is damaged in any bit or does not fit; nothing has changed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "w.tl"
    >>> tl.save(file, {"w": np.arange(3.0), "tags": ("a", None)})
    >>> tl.load(file)
    Checkpoint of dict, 1 array, 24 bytes
      'w'     float64 (3,)
      'tags'  ('a', None)
    """
    whole = local_path(path, folder)
    label = quote(str(whole), 300)
    with opened(whole) as (f, size):
        found = decode(f, size, label)
    if into is not None:
        put_all(_jobs(into, found, cast, label))
    return found


def _jobs(into: Any, found: Checkpoint, cast: bool, label: str) -> list[tuple[Any, Any]]:
    """Objects and the states they are to take, as far as can be said before they are asked."""
    jobs = []
    for thing, state, place in pairs(into, found if is_thing(into) else found.state):
        here = f"{label}, {quote(place)}" if place else label
        if isinstance(state, Checkpoint):
            check_kind(thing, state, here)
            state = state.state
        if not cast:
            check_dtypes(thing, state, here)
        jobs.append((thing, state))
    if not jobs:
        raise CheckpointError(f"load: into is a {type(into).__name__}", "nothing in it can take a state",
                              "an object that was saved, or a dict of such")  # fmt: skip
    return jobs
