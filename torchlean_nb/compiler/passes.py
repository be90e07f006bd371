"""Passes: a graph in, a shorter one that computes the same bits out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.compiler.lowering import Graph, Line, hashable
from torchlean_nb.rows import OPS


def fold_constants(graph: Graph, limit: int = 4096) -> Graph:
    """Lines of constants only become constants, unless they are large."""
    xp, lines = numpy_namespace(), []
    for line in graph.lines:
        args = [None if a < 0 else lines[a] for a in line.args]
        if line.args and all(a is None or a.op == "const" for a in args) and np.prod(line.shape, dtype=int) <= limit:
            with np.errstate(all="ignore"):
                v = OPS[line.op].run(xp, *[None if a is None else a.value for a in args], **line.attrs)
            line = replace(line, op="const", args=(), attrs={}, view=False, value=np.asarray(v, line.dtype))
        lines.append(line)
    return replace(graph, lines=tuple(lines))


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
        args = tuple(a if a < 0 else new[a] for a in line.args)
        if line.op in ("reshape", "broadcast_to") and line.shape == graph.lines[args[0]].shape:
            new.append(args[0])
            continue
        if line.op == "input":
            key: Any = ("input", i)
        elif line.op == "const":
            key = ("const", line.shape, line.dtype.str, line.value.tobytes())
        else:
            key = (line.op, args, tuple((k, hashable(v)) for k, v in sorted(line.attrs.items())))
        new.append(seen.setdefault(key, i))
    return new


def drop_unused(graph: Graph) -> Graph:
    """Lines that no result needs go, and the others move up; inputs stay."""
    order = needed(graph)
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
    return line if args == line.args else replace(line, args=args)


def simplified(graph: Graph) -> Graph:
    """All passes."""
    return drop_unused(share(fold_constants(share(drop_unused(graph)))))
