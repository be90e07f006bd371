"""Where values live: one dict, so that a step can change everything in it by one reference.

``store.update(new)`` with plain keys is one call into C, which a KeyboardInterrupt cannot split: after
it every parameter and all optimizer state are new, before it all are old. A parameter may also lie in
a flat array together with others; its place then holds a `Lease`, and reading it cuts the view.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Lease(NamedTuple):
    """A parameter inside the flat array of another entry.

    Parameters
    ----------
    owner : object
        Key of the entry whose ``flat(group)`` is the array, read-only.
    group, start, stop : int
    shape : tuple of int
    """

    owner: Any
    group: int
    start: int
    stop: int
    shape: tuple[int, ...]

    def read(self, store: Store) -> np.ndarray:
        """View of the current value."""
        owner, group, start, stop, shape = self
        return dict.__getitem__(store, owner).flat(group)[start:stop].reshape(shape)


class Store(dict[Any, Any]):
    """Values by key, counting its writes.

    Examples
    --------
    >>> store = Store()
    >>> store["w"] = np.ones(2)
    >>> store.read("w").tolist(), store.writes
    ([1.0, 1.0], 1)
    """

    writes = 0

    def __setitem__(self, key: Any, value: Any) -> None:
        self.writes += 1
        dict.__setitem__(self, key, value)

    def update(self, new: Mapping[Any, Any]) -> None:  # type: ignore[override]
        """Change several entries at once."""
        self.writes += 1
        dict.update(self, new)

    def read(self, key: Any) -> np.ndarray:
        """Current value of a parameter."""
        value = dict.__getitem__(self, key)
        return value.read(self) if value.__class__ is Lease else value
