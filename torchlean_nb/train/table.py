"""The parameter table: an ordered list of entries, identified by integer ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torchlean_nb.errors import ShapeError, UnknownNameError


def frozen(value: Any) -> np.ndarray:
    """Own, read-only float array."""
    a = np.array(value, dtype=None if getattr(value, "dtype", np.dtype(int)).kind == "f" else np.float64)
    a.setflags(write=False)
    return a


@dataclass(frozen=True, eq=False)
class ParamEntry:
    """One parameter: an id, a value, and a name for display.

    Parameters
    ----------
    id : int
        Keys the gradients and the optimizer's buffers.
    value : ndarray
    name : str, optional
    """

    id: int
    value: np.ndarray
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", frozen(self.value))

    @classmethod
    def of(cls, id: int, value: Any, name: str | None = None) -> ParamEntry:
        """Entry from anything that is an array."""
        return cls(id, value, name)


@dataclass(frozen=True, eq=False)
class ParamTable:
    """Parameters in the order in which they are updated.

    Examples
    --------
    >>> t = ParamTable([ParamEntry(0, [1.0, -2.0]), ParamEntry(1, 3.0)])
    >>> t.ids(), t.set(1, 4.0).find(1).value.item()
    ([0, 1], 4.0)
    """

    entries: tuple[ParamEntry, ...] = ()

    def __init__(self, entries: Iterable[ParamEntry] = ()):
        object.__setattr__(self, "entries", tuple(entries))

    def __iter__(self) -> Iterator[ParamEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def ids(self) -> list[int]:
        """Ids in order."""
        return [e.id for e in self.entries]

    def find(self, id: int) -> ParamEntry | None:
        """First entry with that id, or None."""
        return next((e for e in self.entries if e.id == id), None)

    def get_tensor(self, tag: str, id: int, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Value of a parameter, of a given shape.

        Raises
        ------
        UnknownNameError, ShapeError
            In TorchLean's words.
        """
        e = self.find(id)
        if e is None:
            raise UnknownNameError(f"{tag}: missing param id {id}")
        if shape is not None and e.value.shape != tuple(shape):
            raise ShapeError(f"{tag}: param shape mismatch for id {id}", f"{e.value.shape}, expected {tuple(shape)}")
        return e.value

    def set(self, id: int, value: Any) -> ParamTable:
        """A table in which every entry with that id has the new value."""
        return ParamTable(replace(e, value=frozen(value)) if e.id == id else e for e in self.entries)
