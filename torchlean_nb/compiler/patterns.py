"""Patterns: the rows a function calls as lines, and where one such line-up stands in another.

Both sides are read with aliases opened, so ``mean`` and a sum that is divided, or ``.T`` and ``swapaxes``, are the
same, and equal lines are one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

from torchlean_nb.compiler.lowering import Graph, Line, LowTape, Origin, hashable
from torchlean_nb.compiler.passes import drop_unused, equals, reading
from torchlean_nb.compiler.recording import record
from torchlean_nb.engine.recorder import Recorder
from torchlean_nb.engine.tape import Tape
from torchlean_nb.rows import OPS

COMMUTE = {"add", "mul", "maximum", "minimum", "logaddexp", "equal"}
ALIASES = {
    "bmm", "dot", "expand_dims", "flatten", "identity", "mean", "permute", "scale", "square", "squeeze", "swapaxes",
    "unsqueeze",
}  # fmt: skip
LEAVES = ("input", "const")
Found = Mapping[int, int]


@dataclass(frozen=True)
class User:
    """What a function calls, as lines that are rows of any kind, with the values of one run."""

    graph: Graph
    values: tuple[Any, ...]

    @classmethod
    def of(cls, tape: Tape, inputs: Sequence[int], outputs: Sequence[int]) -> User:
        """Inputs, and nodes of a tape on which outputs depend."""
        lines, given = [], set(inputs)
        for i, (op, parents, attrs, _) in enumerate(tape.records):
            v = tape.values[i]
            if i in given or isinstance(op, str):  # what a function was given is a leaf to it
                name = "input" if i in given else "const"
                line = Line(name, (), {}, v.shape, v.dtype, value=None if i in given else v, origin=Origin(name, i))
            else:
                line = Line(op.name, parents, {**op.attrs, **attrs}, v.shape, v.dtype, origin=Origin(op.name, i))
            lines.append(line)
        graph = drop_unused(Graph(tuple(lines), tuple(inputs), tuple(outputs)))
        return cls(graph, tuple(tape.values[x.origin.node] for x in graph.lines))


def traced(f: Callable[..., Any], values: Sequence[Any], **options: Any) -> User:
    """Rows that a function calls for arguments of these shapes and types."""
    made = record(partial(f, **options), values, float_type(values))
    return User.of(made.tape, [h.id for h in made.inputs], [o.id for o in made.outputs])


def float_type(values: Sequence[Any]) -> str:
    """The one float type of some arrays, or ``"float64"``."""
    kinds = {v.dtype.name for v in map(np.asarray, values) if v.dtype.kind == "f"}
    return kinds.pop() if len(kinds) == 1 else "float64"


# -- reading with aliases opened ---------------------------------------------------------------------


class _Opened(Recorder):
    """Recorder that opens aliases, and takes over values that are known."""

    def apply(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any], value: Any = None) -> Any:
        attrs = {**op.attrs, **attrs}
        if op.name in ALIASES:
            return op.run(self, *args, **attrs)
        if value is not None:
            return self.handle(self.tape.append(op, tuple(-1 if a is None else a.id for a in args), attrs, value))
        return super().apply(op, args, attrs)


@dataclass(frozen=True)
class View:
    """A user's rows with aliases opened.

    Parameters
    ----------
    graph : Graph
        Equal lines have one number, that of the first.
    whose : mapping of int to int
        Which user's line a line is the value of.
    """

    graph: Graph
    whose: Mapping[int, int]
    place: tuple[int, ...] = ()


def view(user: User) -> View:
    """Rows with aliases opened, and equal ones as one."""
    tape = LowTape(float_type([user.values[i] for i in user.graph.inputs]))
    xp, new, lines = _Opened(tape), {-1: None}, user.graph.lines
    with np.errstate(all="ignore"):
        for i, line in enumerate(lines):
            if line.op in LEAVES:
                new[i] = xp.handle(tape.leaf(line.op, user.values[i]).id)
            else:
                new[i] = xp.apply(OPS[line.op], tuple(new[a] for a in line.args), dict(line.attrs), user.values[i])
    flat = [_plain(tape, k) for k in range(len(tape))]
    ids = {i: h.id for i, h in new.items() if h is not None}
    graph = Graph(tuple(flat), tuple(ids[i] for i in user.graph.inputs), tuple(ids[i] for i in user.graph.outputs))
    same = equals(graph)
    flat = [reading(x, tuple([a if a < 0 else same[a] for a in x.args])) for x in flat]
    whose: dict[int, int] = {}
    for i in range(len(lines)):
        whose.setdefault(same[ids[i]], i)
    ends = Graph(tuple(flat), tuple(same[i] for i in graph.inputs), tuple(same[i] for i in graph.outputs))
    return View(ends, whose, tuple(same[ids[i]] for i in range(len(lines))))


def _plain(tape: Any, k: int) -> Line:
    """A node as a line, with axes counted from the front."""
    op, parents, attrs, _ = tape.records[k]
    v = tape.values[k]
    name = op if isinstance(op, str) else op.name
    n = tape.values[parents[0]].ndim if parents and parents[0] >= 0 else 0
    attrs = {a: _axes(name, a, x, n) for a, x in attrs.items()}
    return Line(name, parents, attrs, v.shape, v.dtype, value=v if name == "const" else None)


def _axes(op: str, name: str, x: Any, n: int) -> Any:
    if name == "axes" and op == "transpose":
        return tuple(range(n))[::-1] if x is None else tuple(int(a) % n for a in x)
    if name == "axis" and op in ("sum", "max", "min", "prod", "logsumexp", "var", "std"):
        every = tuple(range(n)) if x is None else (x,) if isinstance(x, int) else tuple(x)
        return tuple(sorted(a % n for a in every)) if n else ()
    return x % n if name == "axis" and isinstance(x, int) and n and op != "stack" else x


# -- finding -----------------------------------------------------------------------------------------


def unify(
    pattern: Graph, p: int, graph: Graph, g: int, found: Found, strict: bool
) -> Iterator[Found]:
    """Ways in which line `p` of a pattern is line `g` of a graph: which of its lines is which of the other's.

    Arguments of rows that commute may stand in any order. Unless `strict`, options, shapes and constants may differ.
    """
    if p < 0 or g < 0:
        if p == g:
            yield found
        return
    if p in found:
        if found[p] == g:
            yield found
        return
    a, b = pattern.lines[p], graph.lines[g]
    if a.op == "input":
        if not strict or (a.shape == b.shape and a.dtype == b.dtype):
            yield {**found, p: g}
        return
    if a.op != b.op or len(a.args) != len(b.args) or (strict and not _alike(a, b)):
        return
    for order in permutations(b.args) if a.op in COMMUTE else (b.args,):
        yield from _all(pattern, a.args, graph, order, {**found, p: g}, strict)


def _all(
    pattern: Graph, ps: Sequence[int], graph: Graph, gs: Sequence[int], found: Found, strict: bool
) -> Iterator[Found]:
    if not ps:
        yield found
        return
    for more in unify(pattern, ps[0], graph, gs[0], found, strict):
        yield from _all(pattern, ps[1:], graph, gs[1:], more, strict)


def _alike(a: Line, b: Line) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.op == "const":
        return a.value.tobytes() == b.value.tobytes()
    return {k: hashable(v) for k, v in a.attrs.items()} == {k: hashable(v) for k, v in b.attrs.items()}
