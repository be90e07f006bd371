"""Passes: a graph in, a shorter one that computes the same bits out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.compiler.lowering import Graph, Line, hashable
from torchlean_nb.rows import OPS


def fold_constants(graph: Graph, limit: int = 4096) -> Graph:
    """Lines of constants only become constants, unless they are large."""
    xp, lines = numpy_namespace(), []
    for line in graph.lines:
        lines.append(folded(xp, line, lines, limit))
    return replace(graph, lines=tuple(lines))


def folded(xp: Any, line: Line, before: Sequence[Line], limit: int = 4096) -> Line:
    """A line, or the constant it is."""
    for a in line.args:
        if a >= 0 and before[a].op != "const":
            return line
    if not line.args or prod(line.shape) > limit:
        return line
    with np.errstate(all="ignore"):
        v = OPS[line.op].run(xp, *[None if a < 0 else before[a].value for a in line.args], **line.attrs)
    return line.but(op="const", args=(), attrs={}, view=False, value=np.asarray(v, line.dtype))


def share(graph: Graph) -> Graph:
    """Equal lines are computed once, and those that give back their argument not at all."""
    new = equals(graph)
    lines = [reading(x, tuple([a if a < 0 else new[a] for a in x.args])) for x in graph.lines]
    return Graph(tuple(lines), graph.inputs, tuple(new[i] for i in graph.outputs))


def equals(graph: Graph) -> list[int]:
    """For each line the first one that has the same value, or its argument if it gives that back."""
    seen: dict[Any, int] = {}
    new: list[int] = []
    for i, line in enumerate(graph.lines):
        new.append(_first(graph.lines, i, reading(line, tuple([a if a < 0 else new[a] for a in line.args])), seen))
    return new


def _first(lines: Sequence[Line], i: int, line: Line, seen: dict[Any, int]) -> int:
    """The first line that has the value of line `i`, which reads first ones already."""
    op, args, attrs = line.op, line.args, line.attrs
    if op in ("reshape", "broadcast_to") and line.shape == lines[args[0]].shape:
        return args[0]
    if op == "input":
        key: Any = (op, i)
    elif op == "const":
        key = (op, line.shape, line.dtype.str, line.value.tobytes())
    else:
        key = (op, args, tuple([(k, hashable(v)) for k, v in sorted(attrs.items())]) if attrs else ())
    return seen.setdefault(key, i)


def drop_unused(graph: Graph) -> Graph:
    """Lines that no result needs go, and the others move up; inputs stay."""
    order = needed(graph)
    if len(order) == len(graph.lines):
        return graph
    place = {old: new for new, old in enumerate(order)} | {-1: -1}
    lines = [reading(graph.lines[i], tuple([place[a] for a in graph.lines[i].args])) for i in order]
    return Graph(tuple(lines), tuple(place[i] for i in graph.inputs), tuple(place[i] for i in graph.outputs))


def needed(graph: Graph) -> list[int]:
    """Inputs, and lines on which a result depends, in order."""
    used, todo = set(graph.inputs), list(graph.outputs)
    while todo:
        i = todo.pop()
        if i >= 0 and i not in used:
            used.add(i)
            todo += graph.lines[i].args
    return sorted(used)


def reading(line: Line, args: tuple[int, ...]) -> Line:
    """A line with other arguments."""
    return line if args == line.args else line.but(args=args)


def simplified(graph: Graph) -> Graph:
    """All passes: what is needed is folded and shared on one way through the lines, then what that freed goes."""
    xp, lines = numpy_namespace(), list(graph.lines)
    seen: dict[Any, int] = {}
    new = [-1] * len(lines)
    for i in needed(graph):
        line = lines[i]
        if line.args:
            args = tuple([a if a < 0 else new[a] for a in line.args])
            line = folded(xp, reading(line, args), lines)
        lines[i], new[i] = line, _first(lines, i, line, seen)
    return drop_unused(Graph(tuple(lines), graph.inputs, tuple([new[i] for i in graph.outputs])))
