"""The tape of a compiled session: eager where it meets something new, a list of notes where it does not.

A structure that is recorded for the first time computes as it goes, so every message is that of eager mode. When
the same records come again they are only noted. Whoever looks at a value, or at a record, gets it computed: by a
program, or by recording the notes on an eager tape. A record that departs from what is known ends the noting.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Mapping
from functools import partial
from typing import Any

from torchlean_nb.backend.quiet import give_back
from torchlean_nb.compiler.replay_book import Book, Step
from torchlean_nb.compiler.replay_values import Records, Values
from torchlean_nb.engine.calls import forks
from torchlean_nb.engine.data import check_name
from torchlean_nb.engine.tape import DeadTape, Tape
from torchlean_nb.engine.tensor import Tensor


class NotedTensor(Tensor):
    """A Tensor whose shape and type are known before its value is."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.tape.steps[self.id].shape

    @property
    def dtype(self) -> Any:
        """Number type of the value."""
        return self.tape.steps[self.id].dtype

    def named(self, name: str) -> Tensor:
        """Give it a name for pictures and for ``g["name"]``; returns itself."""
        self.tape.names[self.id] = check_name(name)
        return self


HANDLES = (NotedTensor, Tensor)


class ReplayTape(Tape):
    """A tape that computes on demand what it has seen before."""

    __slots__ = ("book", "learned", "steps")

    handle = NotedTensor

    def __init__(self, book: Book, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.book, self.learned, self.steps = book, False, []
        if book.root.kids:
            self.values = Values(self, partial(Tape, *args, **options))
            self.records = Records(self.values)

    @property
    def noting(self) -> bool:
        """Whether records are only noted."""
        return self.records.__class__ is Records

    # -- writing ---------------------------------------------------------------------------
    def leaf(self, kind: str, value: Any, requires_grad: bool = False, name: str | None = None) -> Tensor:
        """Append a leaf; `value` must be frozen already."""
        n, step = self._mend(), None
        if self.records.__class__ is Records:
            step = self.book.leaf(self.steps, kind, value, requires_grad)
        try:
            if step is None:
                self._depart()
                super().leaf(kind, value, requires_grad, name)
                self.steps.append(self._learned(n))
            else:
                self.book.replayed += not n
                if name:
                    self.names[n] = name
                self._note(n, step, value)
            return Tensor(self, n)
        except BaseException:
            self._mend()
            raise

    def apply(self, op: Any, args: tuple[Any, ...], attrs: Mapping[str, Any]) -> Tensor:
        """Note `op`, or run it where it is new; on any failure the tape is as it was."""
        if self.records.__class__ is not Records:
            return self._computed(op, args, attrs)
        if self.owner != get_ident() or self.forks != forks[0]:
            self._refuse_outsiders()
        mark = self._mend()
        try:
            parents = tuple([
                a.id if a.__class__ in HANDLES and a.tape is self else self.lift(a, op, k)
                for k, a in enumerate(args)
            ])  # fmt: skip
            if len(parents) < len(op.args) and not op.variadic:
                parents += (-1,) * (len(op.args) - len(parents))
            full = {**op.attrs, **attrs} if attrs else op.attrs
            if self.records.__class__ is Records:
                step = self.book.op(self.steps, op, parents, full, self.grads_on)
                if step is not None and (step.sure or self._checked(op, parents, full)):
                    i = len(self.steps)
                    self._note(i, step, None)
                    return NotedTensor(self, i)
        except BaseException:
            self.rollback(mark)
            raise
        self.rollback(mark)
        self._depart()
        return self._computed(op, args, attrs)

    def _note(self, i: int, step: Step, value: Any) -> None:
        self.values.append(value)
        self.needs.append(step.needs)
        if self.scope:
            self.scopes[i] = self.scope
        self.steps.append(step)

    def _checked(self, op: Any, parents: tuple[int, ...], attrs: Mapping[str, Any]) -> bool:
        """Whether an op accepts its arguments, as far as that can be told; what is not computed has shape and type."""
        known, steps = self.values.known, self.steps
        values = [None if p < 0 else steps[p] if known(p) is None else known(p) for p in parents]
        try:
            op.check(*values, **attrs)
        except Exception:  # the eager path says what is wrong, if anything is
            return False
        return True

    def _computed(self, op: Any, args: tuple[Any, ...], attrs: Mapping[str, Any]) -> Tensor:
        self._mend()
        handle = super().apply(op, args, attrs)
        self.steps.append(self._learned(handle.id))
        return handle

    def _learned(self, i: int) -> Step:
        if not self.learned:
            self.learned = True
            self.book.recorded += 1
        return self.book.learn(self.steps, self.records[i], self.grads_on, self.values[i], self.needs[i])

    def _depart(self) -> None:
        """Compute what was noted; from here on every op computes as it is recorded."""
        if not self.noting:
            return
        done = self.values.force()
        if len(self.records):
            self.book.replayed -= 1
        self.watchful = done.watchful
        # Stopped between these two, it notes no more, and all of the old values are there.
        self.records = list(done.records)
        self.values = list(self.values)

    def _mend(self) -> int:
        """Next node id; as in `Tape`, what was interrupted is forgotten."""
        n, records = len(self.steps), self.records
        if n == len(self.values) == len(self.needs) and (records.__class__ is Records or n == len(records)):
            return n
        n = min(n, len(records))
        self.rollback(n)
        return n

    def rollback(self, mark: int) -> None:
        """Forget everything from node `mark` on."""
        super().rollback(mark)
        if len(self.steps) > mark:
            self.book.forget(self.steps, mark)
            del self.steps[mark:]
        if self.noting and self.values.ahead is not None and len(self.values.ahead) > mark:
            self.values.ahead = None

    def kill(self) -> None:
        """Drop all values; every handle still pointing here now fails loudly."""
        self.book.close(self.steps, self.learned)
        self.records, self.values, self.needs, self.steps = [], [], [], []
        self.names, self.scopes, self.cells = {}, {}, {}
        self.__class__ = DeadReplayTape
        give_back(self.quietly, self.heard)


class DeadReplayTape(DeadTape, ReplayTape):
    """A tape of a compiled session after ``reset_tape()``."""

    __slots__ = ()

    steps = property(DeadTape._stale)
