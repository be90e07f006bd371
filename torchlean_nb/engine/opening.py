"""Opening composites: the same computation again, written in the rows that a composite is made of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from torchlean_nb.engine.recorder import Recorder
from torchlean_nb.engine.tape import Tape
from torchlean_nb.engine.tensor import Ref


def opened(tape: Any, ids: list[int], which: Collection[int] | None) -> tuple[Tape, dict[int, int]]:
    """A new tape on which some composites stand as the rows their forward is made of.

    Parameters
    ----------
    tape : Tape
    ids : list of int
        Nodes to copy, in order, parents included.
    which : collection of int, or None
        Nodes to open by one level; None opens everything down to primitives.

    Returns
    -------
    (Tape, dict)
        The new tape, and where each node of the old one went.
    """
    new = Tape(tape.xp, tape.dtype, "ieee", tape.label)
    writer = Opener(new) if which is None else Recorder(new)
    moved: dict[int, int] = {}
    for i in ids:
        op, parents, attrs, _ = tape.records[i]
        new.scope = tape.scopes.get(i, "")
        if isinstance(op, str):
            j = new.leaf(op, tape.values[i], tape.needs[i]).id
        else:
            args = [writer.handle(moved[p]) if p >= 0 else None for p in parents]
            inside = not op.primitive and op.kind != "constant" and (which is None or i in which)
            made = _inside(writer, op, args, attrs, i) if inside else Recorder(new).apply(op, tuple(args), attrs)
            j = made.id
        moved[i] = j
        if i in tape.names:
            new.names[j] = tape.names[i]
    return new, moved


def _inside(writer: Recorder, op: Any, args: list[Any], attrs: dict[str, Any], i: int) -> Any:
    outer = writer.tape.scope
    writer.tape.scope = f"{outer}/{op.name}_{i}" if outer else f"{op.name}_{i}"
    try:
        return op.run(writer, *args, **attrs)
    finally:
        writer.tape.scope = outer


class Opener(Recorder):
    """Recorder that opens composites as it goes, all the way down."""

    def apply(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Record a primitive, or what a composite is made of."""
        if op.primitive or op.kind == "constant":
            return super().apply(op, args, attrs)
        handles = [self.handle(a.id) if isinstance(a, Ref) else a for a in args]
        return op.run(self, *handles, **{**op.attrs, **attrs})
