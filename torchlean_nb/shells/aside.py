"""Put the state of objects aside, let something run on copies, put the originals back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

import numpy as np

_CONTAINERS = (list, dict, set, deque, np.ndarray)


class Aside:
    """An optimizer, the session of its parameters, and whatever else, as they were when this was made.

    Parameters
    ----------
    optimizer : Optimizer
    others : iterable
        Random generators, or objects whose attributes hold their state.
    """

    def __init__(self, optimizer: Any, others: Iterable[Any] = ()):
        things, optimizers = list(others), [optimizer, *_below(optimizer)]
        self._snapshots = [(o, o.snapshot()) for o in optimizers]
        cells = [p for o in optimizers for g in o.param_groups for p in g["params"]]
        self._store, self._session = cells[0].__tl_cell__[0], getattr(cells[0], "session", None)
        # What optimizers own comes back from their snapshots, whichever way they store it.
        owned = {p.__tl_cell__[1] for p in cells} | {o._key for o in optimizers}
        self._keys, self._entries = set(self._store), {k: v for k, v in self._store.items() if k not in owned}
        self._streams = [(g, g.bit_generator.state) for g in things if isinstance(g, np.random.Generator)]
        things = [*optimizers, *(t for t in things if not isinstance(t, np.random.Generator))]
        things += [] if self._session is None else [self._session]
        self._attributes = [(thing, dict(vars(thing))) for thing in things]
        self._grads = self._session and self._session._grads

    def set_aside(self) -> None:
        """Let all that follows work on copies."""
        for thing, old in self._attributes:
            vars(thing).update({name: _copied(name, v) for name, v in old.items() if v is not self._store})
        if self._session is not None:
            self._session.tape = self._session._new_tape()

    def put_back(self) -> None:
        """Everything as it was; doing it twice does no harm."""
        for optimizer, snapshot in self._snapshots:
            optimizer.restore(snapshot)
        for key in [k for k in self._store if k not in self._keys]:
            del self._store[key]
        self._store.update(self._entries)
        for generator, state in self._streams:
            generator.bit_generator.state = state
        if self._session is not None:
            self._session._grads = self._grads
        for thing, old in self._attributes:
            now = vars(thing)
            now.update(old)
            for name in [n for n in now if n not in old]:
                del now[name]


def _below(optimizer: Any) -> Iterator[Any]:
    """Optimizers inside an optimizer."""
    for value in vars(optimizer).values():
        if hasattr(value, "param_groups"):
            yield value
            yield from _below(value)


def _copied(name: str, value: Any) -> Any:
    if name == "param_groups":
        return [dict(group) for group in value]
    stream = hasattr(value, "next_seed") and hasattr(value, "counter")
    return copy(value) if stream or isinstance(value, _CONTAINERS) else value
