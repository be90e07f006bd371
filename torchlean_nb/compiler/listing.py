"""Listing: the lines of a graph as text, and how each line got its shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from torchlean_nb.compiler.emit import key, literal
from torchlean_nb.compiler.lowering import Graph, Line
from torchlean_nb.compiler.plan import Plan
from torchlean_nb.compiler.plan import nbytes as nbytes
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.rows import OPS

LEAVES = ("input", "const")
SPELLED = 8  # elements of a constant that is written out


def columns(rows: Sequence[Sequence[str]], sides: str) -> str:
    """A table: columns as wide as their widest entry, to the left (<) or to the right (>).

    Examples
    --------
    >>> print(columns([("op", "ms"), ("exp", "12")], "<>"))
    op   ms
    exp  12
    """
    wide = [max(len(row[k]) for row in rows) for k in range(len(sides))]
    cells = [[f"{c:{s}{w}}" for c, s, w in zip(row, sides, wide, strict=True)] for row in rows]
    return "\n".join("  ".join(row).rstrip() for row in cells)


def spelled(line: Line, name: Callable[[int], str]) -> str:
    """What a line computes: ``sum(%3, axis=0, keepdims=False)``; `name` says what other lines are called."""
    if line.op == "input":
        return "input"
    if line.op == "const":
        few = line.value.size <= SPELLED
        return f"const {line.value.tolist()}" if few else f"const of {line.value.size} elements"
    args = ["None" if a < 0 else name(a) for a in line.args]
    options = [f"{k}={f'[{key(v)}]' if k == 'key' else literal(v)}" for k, v in line.attrs.items()]
    return f"{line.op}({', '.join([*args, *options])})"


@dataclass(frozen=True)
class Shaped:
    """How one line got its shape.

    Parameters
    ----------
    line : int
    name : str
        As the source has it.
    text : str
        What it computes.
    given : tuple of shapes
        Of its arguments.
    rule : str
        Which rule was asked: ``"given"``, ``"broadcasting"``, ``"rule of matmul"``, ``"by running it"``.
    shape : tuple of int
    dtype, layout : str
        The layout is ``"C"``, or the order of the axes in memory.
    where : str
        ``"writes t0"``, ``"view of x"``, ``"new array"``, or nothing for leaves.
    """

    line: int
    name: str
    text: str
    given: tuple[tuple[int, ...], ...]
    rule: str
    shape: tuple[int, ...]
    dtype: str
    layout: str
    where: str


class Shapes(tuple):
    """A tuple of `Shaped`, with a text."""

    __slots__ = ()

    def __repr__(self) -> str:
        rows = [("", "", "shape", "type", "by", "layout", "")]
        rows += [
            (s.name, s.text, str(s.shape), s.dtype, _arrow(s), "" if s.layout == "C" else s.layout, s.where)
            for s in self
        ]
        return columns(rows, "<" * 7)


def _arrow(s: Shaped) -> str:
    given = ", ".join(map(str, s.given))
    return f"{s.rule}: {given}" if given else s.rule


def shapes(graph: Graph, plan: Plan | None = None, word: dict[int, str] | None = None) -> Shapes:
    """Shape inference, line by line.

    Parameters
    ----------
    graph : Graph
    plan : Plan, optional
        Says where each line writes.
    word : dict of int to str, optional
        What the lines are called.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> graph = tl.compile(lambda x: (x * 2.0).sum(axis=0), [[0.0, 1.0]]).graph
    >>> [(s.text, s.rule, s.shape) for s in shapes(graph)][2:]
    [('mul(%0, %1)', 'broadcasting', (1, 2)), ('sum(%2, axis=0, keepdims=False)', 'rule of sum', (2,))]
    """
    def name(i: int) -> str:
        return word[i] if word else f"%{i}"

    found = []
    for i, line in enumerate(graph.lines):
        given = tuple(graph.lines[a].shape for a in line.args if a >= 0)
        plain = line.order in ((), tuple(range(len(line.shape))))
        layout = "C" if plain else "axes " + " ".join(map(str, line.order))
        found.append(Shaped(
            i, name(i), spelled(line, name), given, _rule(line, given), line.shape, line.dtype.name, layout,
            _where(i, line, plan, name),
        ))  # fmt: skip
    return Shapes(found)


def _rule(line: Line, given: tuple[tuple[int, ...], ...]) -> str:
    """Which rule says what came out, asked and compared."""
    if line.op in LEAVES:
        return "given"
    op = OPS.get(line.op)
    try:
        if op is not None and op.shape is not None and op.shape(*given, **line.attrs) == line.shape:
            return f"rule of {op.name}"
        if op is not None and op.shape is None and np.broadcast_shapes(*given) == line.shape:
            return "broadcasting"
    except (TorchLeanError, TypeError, ValueError, IndexError):  # the rule wants more than shapes
        pass
    return "by running it"


def _where(i: int, line: Line, plan: Plan | None, name: Callable[[int], str]) -> str:
    if line.op in LEAVES:
        return ""
    if line.view:
        return f"view of {name(line.args[0])}"
    if plan is None:
        return ""
    return f"writes t{plan.place[i]}" if i in plan.place else "new array"


def text(graph: Graph, plan: Plan | None = None, word: dict[int, str] | None = None) -> str:
    """Lines of a graph, one below the other, with shapes, types, layouts, and which are results."""
    table = str(shapes(graph, plan, word))
    ends = ", ".join(word[i] if word else f"%{i}" for i in graph.outputs)
    return f"{table}\nresults: {ends}"
