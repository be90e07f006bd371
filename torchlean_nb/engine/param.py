"""Param: a parameter. It lives outside the tape and survives ``reset_tape()``."""

from __future__ import annotations

from operator import attrgetter
from typing import Any
from weakref import ref

import numpy as np

from torchlean_nb.backend.devices import shown
from torchlean_nb.backend.store import Store
from torchlean_nb.engine.tensor import Computes, Tensor
from torchlean_nb.errors import ForeignHandleError, ShapeError


class Cell:
    """What a session keeps of a parameter: plain data from which nothing leads back."""

    __slots__ = ("handle", "key", "name", "requires_grad", "store")

    def __init__(self, store: Store, value: Any, name: str | None, requires_grad: bool):
        self.store, self.key, self.name, self.requires_grad = store, len(store), name, requires_grad
        store[self.key] = value

    def of(self, session: Any) -> Param:
        """The parameter, the same one for as long as somebody has it."""
        p = self.handle()
        return Param(session, self) if p is None else p


def _kept(name: str, doc: str) -> Any:
    return property(attrgetter(f"cell.{name}"), lambda self, new: setattr(self.cell, name, new), doc=doc)


class Param(Computes):
    """A mutable cell that holds an array; used in an op it becomes a leaf, one for each value it had.

    A parameter keeps its session; a session keeps only the cells of its parameters, so that both die unaided.

    Parameters
    ----------
    session : Session
    cell : Cell

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> w = s.param([[0.2, -0.1]], name="w")
    >>> w.value = w.value + 1
    >>> w.shape
    (1, 2)
    """

    __slots__ = ("__weakref__", "cell", "key", "session", "store")
    _copying = ("it belongs to a session", "p.value")

    def __init__(self, session: Any, cell: Cell):
        self.session, self.store, self.cell, self.key = session, cell.store, cell, cell.key
        cell.handle = ref(self)

    name = _kept("name", "Its name, None where it was given none.")
    requires_grad = _kept("requires_grad", "Whether it is trained.")

    @property
    def tape(self) -> Any:
        """The tape on which its ops are recorded: its session's."""
        return self.session.tape

    @property
    def value(self) -> np.ndarray:
        """Current value, read-only; assign to change it. From a device it is fetched."""
        return shown(self.store.read(self.key))

    @property
    def array(self) -> Any:
        """Current value where it lives: on the CPU `value`, on a device an array of that device."""
        return self.store.read(self.key)

    @property
    def __tl_cell__(self) -> tuple[Store, Any]:
        return self.store, self.key

    @value.setter
    def value(self, new: Any) -> None:
        self.set(new)

    def set(self, new: Any) -> None:
        """Replace the value by one of the same shape.

        A leaf already on the tape keeps the value it was recorded with; the next use makes a new one.

        Raises
        ------
        ShapeError, DTypeError
            When the shape differs, or the numbers are integers or truth values; the old value stays.
        """
        tape = self.tape
        tape.refuse_outsiders()
        a = tape.place(new, self.dtype.name, label=self._label, trainable=True, finite=tape.strict)
        if a.shape != self.shape:
            raise ShapeError(
                f"{self._label}: update shape mismatch (expected {self.shape}, got {a.shape})"
            )
        self.store[self.key] = a

    @property
    def _label(self) -> str:
        return f"param {self.name!r}" if self.name else "param"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.array.shape

    @property
    def dtype(self) -> Any:
        """Number type of the value."""
        return self.array.dtype

    def __tl_use__(self, tape: Any) -> Tensor:
        return Tensor(tape, self.leaf_on(tape))

    def leaf_on(self, tape: Any) -> int:
        """Id of the leaf on a tape that holds the current value."""
        if self.session.tape is not tape:
            raise ForeignHandleError(
                f"{self._label} belongs to another session ({self.session.label}), this one is {tape.label}",
                None, "one session for all parameters of a model",
            )
        cell = self.cell
        ids, now = tape.cells.get(cell), cell.store.read(cell.key)
        if ids is not None and _same(tape.values[ids[-1]], now):
            return ids[-1]
        i = tape.leaf("param", now, cell.requires_grad, cell.name).id
        if ids is None:
            tape.cells[cell] = [i]
        else:
            ids.append(i)
        return i

    def __repr__(self) -> str:
        return f"Param {self.name!r}, shape {self.shape}, {self.dtype}\n{np.array2string(self.value, precision=5)}"


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two values of a parameter are one; its place in an array that is shared with others never changes."""
    return a is b or (a.base is not None and a.base is b.base)
