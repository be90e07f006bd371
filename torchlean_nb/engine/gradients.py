"""Gradients: the frozen result of one backward sweep, dense over the tape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any
from weakref import ref

import numpy as np

from torchlean_nb.backend.devices import host, shown
from torchlean_nb.copies import Live
from torchlean_nb.engine.data import freeze
from torchlean_nb.engine.lone import shape_of
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.errors import ForeignHandleError, HandleTypeError, UnknownNodeError, did_you_mean, quote

_ROWS = 30  # of a repr


def newest(ids: Sequence[int], before: int) -> int | None:
    """The last of the rising ids that is no larger than `before`."""
    return next((i for i in reversed(ids) if i <= before), None)


class Owner:
    """All that a session has but its last gradients: these find the parameters by it when the session is dropped."""

    __slots__ = ("kind", "session", "state")

    def __init__(self, session: Any):
        self.kind, self.state, self.session = type(session), vars(session), ref(session)

    def params(self, cells: Iterable[Any]) -> Iterator[Any]:
        """The parameters of some cells."""
        session = self.session()
        if session is None:
            session = object.__new__(self.kind)
            session.__dict__, session._owner, session._grads, self.session = self.state, self, None, ref(session)
        return (cell.of(session) for cell in cells)


class Gradients(Mapping, Live):
    """Gradient of every node, by Tensor, Param, name or node id.

    Nothing is accumulated across sweeps. Nodes that the sweep did not reach have zeros. ``value`` is that of
    the node that was differentiated.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> g = s.backward(x * x + x * x)
    >>> float(g[x]), float(g["x"])
    (12.0, 12.0)
    """

    _copying = ("its keys are places on a tape", "{p.name: g[p] for p in g}, or g.dense")
    _bar: list[Any] | None = None  # cotangents of the nodes, frozen when somebody looks
    _owner: Owner

    def __init__(self, tape: Any, output: int, bar: list[Any]):
        values = tape.values
        self._tape, self.output, self._value = tape, output, values[output]
        self._size, self._named, self._cells, self._bar = len(values), dict(tape.names), tape.cells, bar
        bar += [None] * (self._size - len(bar))
        self._shapes = {i: shape_of(values, i) for i, g in enumerate(bar) if g is None}

    @property
    def value(self) -> np.ndarray:
        """Value of the node that was differentiated."""
        return shown(self._value)

    @cached_property
    def _params(self) -> dict[Any, int]:
        """The leaf of every parameter that the output may have been computed with, by its cell."""
        end, before = self.output, {}
        for p, ids in self._cells.items():
            i = ids[-1] if ids[-1] <= end else newest(ids, end)
            if i is not None:
                before[p] = i
        return before

    @cached_property
    def _reached(self) -> dict[int, Any]:
        """Gradients of the nodes that the sweep reached."""
        return {i: self._at(i) for i, g in enumerate(self._bar) if g is not None}

    @cached_property
    def _names(self) -> dict[str, int]:
        """Node ids by name, those before the output first."""
        names = {name: i for i, name in self._named.items()}
        return names | {name: i for i, name in self._named.items() if i <= self.output}

    def aligned(self, params: Iterable[Any]) -> list[np.ndarray | None]:
        """Gradients of several parameters, None for one that is frozen, or that the output was not computed with."""
        cells, end, bar, found = self._cells, self.output, self._bar, []
        for p in params:
            cell = p.cell
            ids = cells.get(cell) if cell.requires_grad else None
            i = None if ids is None else ids[-1] if ids[-1] <= end else newest(ids, end)
            g = None if i is None else self._at(i) if bar is None else bar[i]
            if g.__class__ is np.ndarray:
                g.setflags(False)
            elif i is not None:
                g = self._at(i)
            found.append(g)
        return found

    @property
    def reached(self) -> frozenset[int]:
        """Ids of the nodes the sweep reached."""
        return frozenset(self._reached)

    @property
    def dense(self) -> tuple[np.ndarray, ...]:
        """One array per node, in tape order."""
        return tuple(shown(self._at(i)) for i in range(self._size))

    def _at(self, i: int) -> np.ndarray:
        if self._bar is None:
            if i in self._reached:
                return self._reached[i]
        elif self._bar[i] is not None:
            self._bar[i] = freeze(self._bar[i])
            return self._bar[i]
        shape, dtype = self._shapes[i]
        return self._tape.put(np.zeros(shape, dtype=dtype if dtype.kind in "fO" else self._tape_dtype()))

    def _tape_dtype(self) -> Any:
        return self._reached[self.output].dtype

    def id_of(self, key: Any) -> int | None:
        """Node id of a key, None for a parameter that was not used."""
        if isinstance(key, Ref):
            if key.tape is not self._tape:
                raise ForeignHandleError("grad: this handle belongs to another session or an older tape")
            return key.id
        if hasattr(key, "__tl_use__"):
            return self._params.get(getattr(key, "cell", None))
        if isinstance(key, str):
            if key not in self._names:
                named = {cell.name: i for cell, i in self._params.items()}
                if key in named:
                    return named[key]
                raise UnknownNodeError(f"grad: no node named {quote(key)}", did_you_mean(key, self._names))
            return self._names[key]
        if isinstance(key, bool) or not isinstance(key, int | np.integer):
            raise HandleTypeError(
                f"grad: expected a Tensor, Param, name or node id, got {type(key).__name__} {quote(key, 40)}"
            )
        if not 0 <= key < self._size:
            raise UnknownNodeError(f"grad: there is no node {key}", f"the last id is {self._size - 1}")
        return int(key)

    def __getitem__(self, key: Any) -> np.ndarray:
        i = self.id_of(key)
        if i is None:
            return freeze(np.zeros(key.shape, key.dtype))
        return shown(self._at(i))

    def __iter__(self) -> Iterator[Any]:
        return self._owner.params(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, key: object) -> bool:
        try:
            return self.id_of(key) is not None
        except (LookupError, TypeError, ValueError, RuntimeError):
            return False

    def __repr__(self) -> str:
        some = islice(self._params.items(), _ROWS)
        rows = [f"  {cell.name or f'param_{i}'}: {self._brief(i)}" for cell, i in some]
        rows += [f"  and {len(self) - _ROWS} more parameters"] if len(self) > _ROWS else []
        return f"Gradients of node {self.output}, {len(self._reached)} nodes reached\n" + "\n".join(rows)

    def _brief(self, i: int) -> str:
        g = host(self._at(i))
        return np.array2string(g, precision=5, threshold=8) if g.size <= 8 else (
            f"shape {g.shape}, largest {np.abs(g).max():.5g}"
        )
