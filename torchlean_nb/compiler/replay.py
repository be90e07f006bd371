"""The compiled backend of a session: record as in eager mode, compute by programs.

Nothing has to be known beforehand. A computation is recorded eagerly the first time; the next time its records are
only noted, and ``s.backward(loss)`` runs one program for the loss and the gradients of all parameters.

Other than in eager mode, an inf or NaN is found when somebody looks at a value or gradient it reaches; the error
then is the one that eager mode raises at the op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.compiler.replay_book import Book
from torchlean_nb.compiler.replay_plan import planned
from torchlean_nb.compiler.replay_tape import ReplayTape
from torchlean_nb.engine.backends import Eager
from torchlean_nb.engine.calls import quick_finite
from torchlean_nb.engine.data import freeze
from torchlean_nb.engine.gradients import Gradients, newest
from torchlean_nb.engine.reverse import Plain, sweep
from torchlean_nb.errors import TorchLeanError

SCALARS = ((), (1,), (1, 1))


class Replaying(Eager):
    """Backend of ``tl.Session(backend="compiled")``."""

    def __init__(self) -> None:
        self.book = Book()

    @property
    def program(self) -> Any:
        """The program that ran last, or None."""
        return self.book.program

    def tape(self, *args: Any, **options: Any) -> ReplayTape:
        """A new tape."""
        return ReplayTape(self.book, *args, **options)

    def backward(self, session: Any, out: int, seed: Any, hook: Callable[[int, Any], Any] | None) -> Gradients:
        """Gradients of a node: by a program where its structure is known."""
        found = replayed(session.tape, out, seed) if hook is None else None
        return super().backward(session, out, seed, hook) if found is None else found

    def forward(self, session: Any, out: int, tangents: Mapping[Any, Any]) -> Any:
        """Tangent of a node: by a program, when it is leaves that move."""
        found = pushed(session, out, tangents)
        return super().forward(session, out, tangents) if found is None else found

    def brief(self) -> str:
        """What a session's repr adds."""
        return f"; {self.book.recorded} recorded, {self.book.replayed} replayed"

    def explain(self) -> str:
        """How often a structure was recorded and replayed, and what the last program does."""
        book = self.book
        lines = [f"{book.recorded} times a computation was recorded, as it was new; {book.replayed} times replayed."]
        if book.refused:
            lines.append(f"One runs as in eager mode: {book.refused}")
        return "\n".join([*lines, *([] if book.program is None else [book.program.explain()])])


def replayed(tape: Any, out: int, seed: Any) -> Gradients | None:
    """Gradients of a node by a program; None where eager mode has to do it, or to say what is wrong."""
    values = _notes(tape, out)
    if values is None:
        return None
    step, more = tape.steps[out], ()
    if not step.needs or (seed is None and step.shape not in SCALARS):
        return None
    if seed is not None:
        more = _given(tape, seed, step)
        if more is None:
            return None
    plan = planned(values, out, "gradient" if seed is None else "seeded", *more)
    if plan is None:
        return None
    found = values.ready.get(out) if seed is None else None
    if found is None:
        found = plan(values, *more)
    step.followed = seed is None and values.known(out) is not None
    if tape.strict and not tape.quietly(all_finite, tape.xp, found):
        return None  # eager mode finds the op that made it
    value, *grads = found if seed is None else found[1:]
    if values.known(out) is None:
        values[out] = value
    return Replayed(tape, out, value, dict(zip(plan.wrt, grads, strict=True)), *more)


def pushed(session: Any, out: int, tangents: Mapping[Any, Any]) -> Any:
    """Tangent of a node by a program; None where eager mode has to do it, or to say what is wrong."""
    moved = {session.node(key, out): t for key, t in tangents.items()}
    values = _notes(session.tape, out)
    if values is None or not moved or max(moved) > out:
        return None
    steps = session.tape.steps
    more = [_given(session.tape, t, steps[i]) if isinstance(steps[i].op, str) else None for i, t in moved.items()]
    if any(m is None for m in more):
        return None
    arrays = [a for m in more for a in m]
    plan = planned(values, out, "tangent", *arrays, moving=tuple(moved))
    if plan is None or not set(moved) <= set(plan.leaves):
        return None
    (dot,) = plan(values, *arrays)
    return host(dot) if not session.tape.strict or session.tape.xp.all_finite(dot) else None


def _notes(tape: Any, out: int) -> Any:
    """Values of a tape that has noted a node and not computed it as in eager mode; else None."""
    if not tape.noting or isinstance(tape.steps[out].op, str):
        return None
    ahead = tape.values.ahead
    return tape.values if ahead is None or len(ahead) <= out else None


def _given(tape: Any, a: Any, step: Any) -> tuple[Any] | None:
    """A seed or tangent as an array; None when it does not fit."""
    try:
        a = tape.place(a, step.dtype.name, label="")
    except (TorchLeanError, MemoryError):
        return None
    return (a,) if a.shape == step.shape and a.dtype == step.dtype else None


def all_finite(xp: Any, arrays: list[Any]) -> bool:
    """Whether all numbers are finite: by sums of squares, which may overflow, and by a closer look at need."""
    if xp.device is not None:
        return xp.every_finite(arrays)
    return all(map(quick_finite, arrays)) or all(map(xp.all_finite, arrays))


class Replayed(Gradients):
    """Gradients of the leaves, from a program; those of other nodes are computed when somebody asks."""

    def __init__(self, tape: Any, output: int, value: Any, known: dict[int, Any], seed: Any = None):
        self._tape, self.output, self._value, self._known, self._values = tape, output, value, known, tape.values
        self._size, self._named, self._cells, self._seed = len(tape.steps), dict(tape.names), tape.cells, seed

    @cached_property
    def _reached(self) -> dict[int, Any]:
        """Gradients of all nodes that a sweep reaches."""
        at = Plain(self._values.force(self.output + 1))
        y = self._value
        seed = self._tape.xp.ones(shape=y.shape, like=y) if self._seed is None else self._seed
        found = sweep(at, self.output, seed)
        return {i: freeze(g) for i, g in found.items()}

    @cached_property
    def _params(self) -> dict[Any, int]:
        end = self.output
        return {
            p: i for p, ids in self._cells.items()
            if (i := ids[-1] if ids[-1] <= end else newest(ids, end)) is not None
        }  # fmt: skip

    @cached_property
    def _shapes(self) -> dict[int, Any]:
        return {i: (s.shape, s.dtype) for i, s in enumerate(self._values.steps[: self._size])}

    def _at(self, i: int) -> np.ndarray:
        g = self._known.get(i)
        return super()._at(i) if g is None else g
