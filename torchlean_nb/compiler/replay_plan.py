"""Programs for structures: the notes of a tape as a function of its leaves, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from torchlean_nb.compiler.arguments import form
from torchlean_nb.compiler.program import Program
from torchlean_nb.engine.data import freeze
from torchlean_nb.engine.transforms import jvp
from torchlean_nb.errors import CapabilityError
from torchlean_nb.rows import OPS

PATIENCE = 200  # nodes for each run in eager mode before a structure is compiled: compiling takes a while
KEYS = np.dtype(np.uint64)


class Planned:
    """A program, which nodes it takes, and for which leaves it gives gradients beside the value.

    Parameters
    ----------
    program : Program
    leaves, wrt : tuple of int
        Nodes.
    """

    def __init__(self, program: Program, leaves: tuple[int, ...], wrt: tuple[int, ...]):
        self.program, self.leaves, self.wrt = program, leaves, wrt
        # A structure fixes shapes, types and layouts, so nothing has to be looked at again.
        self.step, self.quietly = program._first.step, program._first.quietly

    def __call__(self, values: Any, *more: Any) -> list[Any]:
        """What a tape has noted: the value of a node, and gradients; or its tangent."""
        found = self.quietly(self.step, *arguments(values, self.leaves), *more)
        values.book.program = self.program
        return [*map(freeze, found)]


def arguments(values: Any, leaves: tuple[int, ...]) -> list[Any]:
    """Values of leaves as a program takes them."""
    get = list.__getitem__
    found = [get(values, i) for i in leaves]
    return [v.astype(np.int64) if v.dtype is KEYS and not v.ndim else v for v in found]


def planned(values: Any, out: int, what: str, *more: Any, moving: tuple[int, ...] = ()) -> Planned | None:
    """The program for node `out` of a tape.

    Parameters
    ----------
    what : {"value", "gradient", "seeded", "tangent"}
        Seeded is a gradient from a given cotangent; a tangent is that of the leaves in `moving`.
    *more : array
        Arguments beside the leaves, for their shapes.

    Returns
    -------
    Planned or None
        None before a long structure, or a value, was wanted often enough, and where it cannot be compiled: the
        reason is in the book.
    """
    step, key = values.steps[out], (what, moving)
    found = step.plans.get(key, int(what != "value"))
    if isinstance(found, int):  # how often it was wanted
        if found * PATIENCE <= out:
            step.plans[key] = found + 1
            return None
        try:
            found = _compiled(values, out, what, more, moving)
        except Exception as e:  # eager mode does without
            values.book.refused, found = f"{type(e).__name__}: {e}", None
        step.plans[key] = found
    return found


def _compiled(values: Any, out: int, what: str, more: tuple[Any, ...], moving: tuple[int, ...]) -> Planned:
    steps = values.steps
    order = _ancestors(steps, out)
    leaves = tuple(i for i in order if isinstance(steps[i].op, str))
    floats = {steps[i].dtype for i in leaves if steps[i].dtype.kind == "f"}
    if len(floats) > 1:
        raise CapabilityError(f"leaves of several types: {', '.join(sorted(d.name for d in floats))}")
    ops = [(i, s.op, s.parents, s.attrs) for i in order if not isinstance((s := steps[i]).op, str)]
    wrt = tuple(i for i in leaves if steps[i].needs) if what in ("gradient", "seeded") else ()
    # What was recorded without gradients gets none; tangents go through all the same.
    cut = {i for i, _, parents, _ in ops
           if wrt and not steps[i].needs and any(p >= 0 and steps[p].needs for p in parents)}

    def run(handles: dict[int, Any]) -> Any:
        tape = handles[leaves[0]].tape
        for i, op, parents, attrs in ops:
            y = tape.apply(op, tuple([handles[p] for p in parents]), attrs)
            handles[i] = tape.apply(OPS["detach"], (y,), {}) if i in cut and op.kind != "constant" else y
        return handles[out]

    def step(*args: Any) -> Any:
        handles, rest = {-1: None, **dict(zip(leaves, args, strict=False))}, args[len(leaves) :]
        if what == "tangent":
            return jvp(lambda *xs: run(handles | dict(zip(moving, xs, strict=True))), [handles[i] for i in moving],
                       rest)[1]  # fmt: skip
        y = run(handles)
        return (OPS["sum"](y * rest[0]), y) if what == "seeded" else y

    names = [values.names.get(i) for i in leaves] + ["seed" if what == "seeded" else "tangent"] * len(more)
    step.__signature__ = Signature(_parameters(names))
    examples = [form(a) for a in (*arguments(values, leaves), *more)]
    order, device = tuple(map(leaves.index, wrt)), values.device
    return Planned(Program(step, examples, order, wrt=bool(wrt), device=device), leaves, wrt)


def _parameters(names: Sequence[str | None]) -> list[Parameter]:
    """Names of the arguments: those of the leaves, where they are names in Python."""
    found: dict[str, None] = {}
    for k, name in enumerate(names):
        fine = name is not None and name.isidentifier() and name not in found
        found[name if fine else f"x{k}"] = None
    return [Parameter(n, Parameter.POSITIONAL_OR_KEYWORD) for n in found]


def _ancestors(steps: Any, out: int) -> list[int]:
    """Nodes that `out` depends on, and itself, in order."""
    keep, todo = {out}, [out]
    while todo:
        for p in steps[todo.pop()].parents:
            if p >= 0 and p not in keep:
                keep.add(p)
                todo.append(p)
    return sorted(keep)
