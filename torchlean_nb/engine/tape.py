"""Tape: an append-only list of records. Forward writes it, a sweep reads it.

A record is ``(op, parents, attrs, saved)``; its number is the node id, and every parent id is
smaller. Leaves have a string in place of the op. Values sit beside the records, read-only.
`Node` is a view built when someone looks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import is_array
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.backend.quiet import give_back, listening
from torchlean_nb.copies import Bound, Remade
from torchlean_nb.engine import lone
from torchlean_nb.engine.calls import call_of
from torchlean_nb.engine.calls import forks as _forks
from torchlean_nb.engine.checks import refuse_non_finite
from torchlean_nb.engine.data import as_data, as_data_on, freeze
from torchlean_nb.engine.gradients import newest
from torchlean_nb.engine.tensor import Ref, Tensor
from torchlean_nb.errors import (
    DTypeError,
    ForeignHandleError,
    ForkError,
    HandleTypeError,
    ShapeError,
    StaleHandleError,
    ThreadError,
    UnknownNodeError,
    quote,
)
from torchlean_nb.rows import Op

LEAVES = ("param", "input", "const", "nat")
MOVES = frozenset(("broadcast_to", "concatenate", "index", "reshape", "transpose", "where"))  # integers may be moved
_NO_ATTRS: dict[Any, Any] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _forks.__setitem__(0, _forks[0] + 1))


@dataclass(frozen=True)
class Node(Remade):
    """One entry of the tape, as plain data: no arrays, no functions."""

    id: int
    op: str
    parents: tuple[int, ...]
    attrs: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: str
    name: str | None
    requires_grad: bool
    scope: str = ""


class Tape(Bound):
    """Append-only record of a computation.

    Parameters
    ----------
    xp : namespace
        Computes the values.
    dtype : str
        Float type of leaves made from Python numbers.
    nonfinite : {"raise", "skip", "ieee"}
    label : str
        Name of the session, for messages.
    strict_shapes : bool
        TorchLean's rule: no implicit broadcasting.
    """

    __slots__ = (
        "__weakref__", "cells", "dtype", "forks", "grads_on", "heard", "label", "lone", "names", "needs", "nonfinite",
        "owner", "place", "put", "quietly", "records", "scope", "scopes", "strict", "strict_shapes", "values",
        "watchful", "xp",
    )  # fmt: skip

    _copying = ("it is the record of a session", "s.trace(t), which is data")
    handle = Tensor

    def __init__(
        self, xp: Any = None, dtype: str = "float64", nonfinite: str = "raise", label: str = "", *,
        strict_shapes: bool = False,
    ):
        self.xp, (self.quietly, self.heard) = xp or numpy_namespace(), listening()
        device = self.xp.device
        self.place = as_data if device is None else partial(as_data_on, device)  # what users hand in
        self.put = freeze if device is None else device.put  # an array made on the host
        self.dtype, self.nonfinite, self.label, self.strict_shapes = dtype, nonfinite, label, strict_shapes
        self.strict = nonfinite == "raise"
        floats = dtype == "float64" and self.__class__ is Tape and self.xp is numpy_namespace()
        self.lone = lone.rows() if floats else _NO_ATTRS
        self.watchful = strict_shapes  # whether the arguments of ops are looked at: integers do that, too
        new = lone.Arrays if floats else list
        self.records: list[tuple[Any, tuple[int, ...], dict[str, Any], Any]] = new()
        self.values: list[Any] = new()
        self.needs: list[bool] = []
        self.names: dict[int, str] = {}
        self.scopes: dict[int, str] = {}
        self.cells: dict[Any, list[int]] = {}
        self.scope = ""
        self.grads_on = True
        self.owner = threading.get_ident()
        self.forks = _forks[0]

    # -- reading ---------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, i: int) -> Node:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        if not isinstance(i, int | np.integer) or isinstance(i, bool):
            raise HandleTypeError(f"tape[i]: a node id is an int, got {type(i).__name__}")
        if not -len(self) <= i < len(self):
            raise UnknownNodeError(f"there is no node {i}", f"the last id on the tape is {len(self) - 1}")
        i = int(i) % len(self)
        op, parents, attrs, _ = self.records[i]
        v = self.values[i]
        return Node(
            i, op if isinstance(op, str) else op.name, tuple(p for p in parents if p >= 0), MappingProxyType(attrs),
            tuple(v.shape), str(v.dtype), self.names.get(i), self.needs[i], self.scopes.get(i, ""),
        )

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    @property
    def nodes(self) -> list[Node]:
        """All nodes, in the order they were recorded."""
        return list(self)

    def leaf_of(self, param: Any, before: int | None = None) -> int | None:
        """The newest leaf of a parameter, or the newest up to the node `before`; None when there is none."""
        return newest(self.cells.get(param.cell, ()), len(self) if before is None else before)

    def describe(self, i: int) -> str:
        """A node as messages name it: op, id and the user's name."""
        op = self.records[i][0]
        name = self.names.get(i)
        return f"{op if isinstance(op, str) else op.name} (node {i}{', ' + quote(name) if name else ''})"

    # -- writing ---------------------------------------------------------------------------
    def leaf(self, kind: str, value: Any, requires_grad: bool = False, name: str | None = None) -> Tensor:
        """Append a leaf; `value` must be frozen already."""
        records, values = self.records, self.values
        i = len(records)
        if len(values) != i:
            self.rollback(i)
        if value.dtype.kind in "iu":
            self.watchful = True
        try:
            values.append(value)
            self.needs.append(requires_grad)
            if name:
                self.names[i] = name
            if self.scope:
                self.scopes[i] = self.scope
            records.append((kind, (), _NO_ATTRS, None))
            return self.handle(self, i)
        except BaseException:
            self._mend()
            raise

    def apply(self, op: Op, args: tuple[Any, ...], attrs: Mapping[str, Any]) -> Tensor:
        """Run `op` and append its record; on any failure the tape is as it was."""
        record = self.lone.get(op)
        if record is not None:
            made = record(self, args)
            if made is not None:
                return made
        return self.quietly(op.call or call_of(op), self, attrs, *args)

    def look_at(self, op: Op, parents: tuple[int, ...], values: list[Any]) -> None:
        """What has to be known of arguments where integers are about, or shapes must be equal."""
        for v in values:
            if v is not None and v.dtype.kind in "iu":
                self._check_kinds(op, parents, values)
                break
        if self.strict_shapes and op.kind == "elementwise":
            refuse_broadcast(self, op, parents, values)

    def look_after(self, op: Op, parents: tuple[int, ...], values: list[Any], y: Any) -> None:
        """A closer look at a value that is no float, or may be none."""
        if y.dtype.kind in "iu":
            self.watchful = True
        elif self.strict and not self.xp.all_finite(y):
            refuse_non_finite(self, op, parents, values, y)

    def lift(self, a: Any, op: Op, k: int) -> int:
        """Node id of an operand: a handle of this tape, a Param, or a new constant; -1 for None."""
        if a is None:
            op.left_out(k)
            return -1
        plain = a.__class__ is np.ndarray
        use = None if plain else getattr(a, "__tl_use__", None)
        if use is not None:
            return use(self).id
        if not plain and isinstance(a, Ref):
            if a.tape is self:
                return a.id
            other = a.tape
            len(other)  # a dead tape explains itself here
            raise ForeignHandleError(
                f"{op.name}: argument {k} belongs to another session ({other.label or 'unnamed'}), "
                f"this one is {self.label or 'unnamed'}", None, "s.input(t.value), or one session for both",
            )
        label = f"{op.name}: argument {k}"
        if not plain and not is_array(a) and op.domain_of(k).kind == "index":
            with suppress(ValueError):
                a = np.asarray(a)
        if self.xp.exact:
            return self.leaf("const", self.xp.asarray(a, op.domain_of(k).kind)).id
        return self.leaf("const", self.place(a, self.dtype, label=label, finite=self.strict)).id

    def _check_kinds(self, op: Op, parents: tuple[int, ...], values: list[Any]) -> None:
        if op.name in MOVES:
            return
        for k, v in enumerate(values):
            if v is None or v.dtype.kind in "fbO":
                continue
            if v.dtype.kind in "iu" and op.kind != "constant" and op.rule(k) and op.domain_of(k).kind != "index":
                raise DTypeError(
                    f"{op.name}: argument {k}, {self.describe(parents[k])}, holds {v.dtype.name}",
                    "integers are for indices and labels; only floats are differentiated",
                    "s.input(x.astype(float))",
                )

    def _mend(self) -> int:
        """Next node id. Values are appended first and records last: what lies between them was interrupted."""
        n = len(self.records)
        if len(self.values) != n:
            self.rollback(n)
        return n

    def rollback(self, mark: int) -> None:
        """Forget everything from node `mark` on."""
        if len(self.values) > mark:
            for table in (self.names, self.scopes):
                for i in [i for i in table if i >= mark]:
                    del table[i]
            self.cells = {c: kept for c, ids in self.cells.items() if (kept := [i for i in ids if i < mark])}
            del self.records[mark:], self.needs[mark:], self.values[mark:]

    # -- guards ----------------------------------------------------------------------------
    def refuse_outsiders(self) -> None:
        """Raise in another thread than the owner's, or in a forked child."""
        if self.owner != threading.get_ident() or self.forks != _forks[0]:
            self._refuse_outsiders()

    def _refuse_outsiders(self) -> None:
        if self.forks != _forks[0]:
            raise ForkError(
                f"a session of process {os.getppid()} is used in a forked child, process id {os.getpid()}",
                None, "create a new session in the child process",
            )
        raise ThreadError("a session is used from a second thread, not its owner", None, "one session per thread")

    def kill(self) -> None:
        """Drop all values; every handle still pointing here now fails loudly."""
        self.records, self.values, self.needs = [], [], []
        self.names, self.scopes, self.cells = {}, {}, {}
        self.__class__ = DeadTape
        give_back(self.quietly, self.heard)


def refuse_broadcast(tape: Tape, op: Op, parents: tuple[int, ...], values: list[Any]) -> None:
    """TorchLean's rule: operands of an elementwise op have one shape; a lone number may go with any."""
    shapes = {v.shape for p, v in zip(parents, values, strict=True) if tape.records[p][0] != "const" or v.shape}
    if len(shapes) > 1:
        listed = " and ".join(str(v.shape) for v in values)
        raise ShapeError(
            f"{op.name}: shapes {listed} differ", "strict_shapes=True allows no implicit broadcasting",
            "broadcast_to(x, shape=...)",
        )


class DeadTape(Tape):
    """A tape after ``reset_tape()``: whatever still points at it gets an explanation."""

    __slots__ = ()

    def _stale(self, *_: Any, **__: Any) -> Any:
        raise StaleHandleError(
            "a stale handle, from before reset_tape() (an older generation of the tape)",
            "its values are gone", "run the forward pass again",
        )

    records = values = needs = names = cells = property(_stale)
    apply = lift = __getitem__ = __iter__ = __len__ = _stale


__all__ = ["DeadTape", "Node", "Tape"]
