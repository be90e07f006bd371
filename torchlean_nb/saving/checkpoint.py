"""Checkpoint: what a file held, as a mapping that cannot be changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from torchlean_nb.errors import quote

ROWS = 30


class Checkpoint(Mapping[str, Any]):
    """State of something: its kind in a word, the state itself, and what was noted about it.

    Parameters
    ----------
    kind : str
        ``"Module"``, ``"Optimizer"``, ``"Trainer"``, ...; ``"dict"`` for a mapping of several things.
    state : Any
        Plain data and arrays. A part that was an object is a Checkpoint too.
    meta : mapping
        Notes given to `save`.
    name : str
        Class of what was saved, where it says more than the kind: ``"Adam"``.

    Examples
    --------
    >>> ck = Checkpoint("dict", {"epoch": 4, "w": np.ones((2, 3))})
    >>> ck["w"].shape, ck["epoch"]
    ((2, 3), 4)
    >>> ck
    Checkpoint of dict, 1 array, 48 bytes
      'w'      float64 (2, 3)
      'epoch'  4
    """

    __slots__ = ("kind", "meta", "name", "state")

    def __init__(self, kind: str, state: Any, meta: Mapping[str, Any] | None = None, name: str = ""):
        for slot, value in (("kind", kind), ("state", state), ("name", name or kind)):
            object.__setattr__(self, slot, value)
        object.__setattr__(self, "meta", MappingProxyType(dict(meta or {})))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Checkpoint cannot be changed; {name!r} of a new one is given to Checkpoint(...)")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(self.state, Mapping):
            raise KeyError(f"this checkpoint holds a {self.kind}: see .state")
        return self.state[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.state if isinstance(self.state, Mapping) else ())

    def __len__(self) -> int:
        return len(self.state) if isinstance(self.state, Mapping) else 0

    @property
    def title(self) -> str:
        """Kind and class in words: ``Optimizer 'Adam'``."""
        kind = quote(self.kind, 40)[1:-1]
        return kind if self.name == self.kind else f"{kind} {quote(self.name, 40)}"

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by their place in the state, ``"model/0.weight"``."""
        return {place: leaf for place, leaf in leaves(self.state) if isinstance(leaf, np.ndarray)}

    def __repr__(self) -> str:
        found = sorted(leaves(self.state), key=lambda row: not isinstance(row[1], np.ndarray))
        rows = [(quote(place, 60), _cell(leaf)) for place, leaf in found]
        sizes = [a.nbytes for a in self.arrays().values()]
        left = len(rows) - ROWS
        wide = max((len(place) for place, _ in rows[:ROWS]), default=0)
        lines = [f"  {place:<{wide}}  {cell}" for place, cell in rows[:ROWS]]
        plural = "array" if len(sizes) == 1 else "arrays"
        head = f"Checkpoint of {self.title}, {len(sizes)} {plural}, {sum(sizes):,} bytes"
        return "\n".join([head, *lines, *([f"  and {left} more"] if left > 0 else [])])

    def __reduce__(self) -> Any:
        return Checkpoint, (self.kind, self.state, dict(self.meta), self.name)


def leaves(tree: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a tree with their places; long lists of numbers count as one leaf."""
    inner: Any = ()
    if isinstance(tree, Mapping):
        inner = tree.items()
    elif isinstance(tree, list | tuple) and any(isinstance(v, Mapping | list | tuple | np.ndarray) for v in tree):
        inner = enumerate(tree)
    if not inner:
        yield place, tree
    for key, value in inner:
        yield from leaves(value, joined(place, key))


def joined(place: str, key: Any) -> str:
    """Place of an entry."""
    return f"{place}/{key}" if place else str(key)


def _cell(leaf: Any) -> str:
    return f"{leaf.dtype} {leaf.shape}" if isinstance(leaf, np.ndarray) else quote(leaf, 60)
