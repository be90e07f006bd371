"""Plan: which line writes into which array, so that arrays are made once and shared over time.

A line that makes no view gets an array as soon as it is reached and gives it back after its last reader. An
elementwise line may write over an argument nobody reads again. The arrays have the layout that NumPy would have
given the result, so sums run in the same order as in eager mode.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from torchlean_nb.compiler.emit import PARTLY, bits, elementwise, writes
from torchlean_nb.compiler.lowering import Graph, Line

Kind = tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]]  # shape, type, order of the axes in memory


@dataclass(frozen=True)
class Plan:
    """How the lines of a graph use memory.

    Parameters
    ----------
    buffers : tuple of (shape, dtype, order)
        Arrays that are made once.
    place : mapping from line to buffer
        Lines that write into one; it may have to be reshaped for a line.
    views : frozenset of int
        Lines that are another look at an argument.
    zeroed : frozenset of int
        Buffers of one line only, which writes into a part of them: the rest stays zero.
    aside : mapping from line to buffer
        What lines need beside their result.
    given : mapping from line to str
        Lines that write into an array that somebody else owns, by its name.
    """

    buffers: tuple[Kind, ...]
    place: dict[int, int]
    views: frozenset[int]
    zeroed: frozenset[int] = frozenset()
    aside: Mapping[int, int] = field(default_factory=dict)
    given: Mapping[int, str] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers."""
        return sum(nbytes(shape, dtype) for shape, dtype, _ in self.buffers)


def nbytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Bytes of an array."""
    return math.prod(shape) * dtype.itemsize


def plan(graph: Graph, into: Mapping[int, str] | None = None) -> Plan:
    """Memory for a graph.

    Parameters
    ----------
    graph : Graph
    into : mapping from line to str
        Names of arrays that some lines shall write into, where they can: see `fits`.
    """
    lines = graph.lines
    views = frozenset(i for i, line in enumerate(lines) if line.view)
    root = roots(graph)
    given = {i: name for i, name in (into or {}).items() if fits(lines[i])}
    last = {root[i]: len(lines) for i in graph.outputs}
    for i in range(len(lines) - 1, -1, -1):
        for a in lines[i].args:
            if a >= 0:
                last.setdefault(root[a], i)
    buffers: list[Kind] = []
    free: dict[Any, list[int]] = {}
    place: dict[int, int] = {}
    own: set[int] = set()
    aside: dict[int, int] = {}
    even = _even(lines, root)

    def take(kind: Kind, again: bool = True) -> int:
        if again and free.get(_pool(kind)):
            return free[_pool(kind)].pop()
        buffers.append(kind)
        return len(buffers) - 1

    def give(kind: Kind, n: int) -> None:
        free.setdefault(_pool(kind), []).append(n)

    for i, line in enumerate(lines):
        dying = {root[a] for a in line.args if a >= 0 and last[root[a]] == i and place.get(root[a]) not in own}
        dying &= place.keys()
        # A dying array is read element by element where it is written, unless a view has them in another order.
        mixed = {root[a] for a in line.args if a >= 0 and not (even[a] and lines[a].shape == line.shape)}
        early = {r for r in dying - mixed if elementwise(line.op) and _pool(_kind(lines[r])) == _pool(_kind(line))}
        for r in sorted(early):
            give(_kind(lines[r]), place[r])
        if i not in views and i not in given and writes(line):
            place[i] = take(_kind(line), line.op not in PARTLY)
            if line.op in PARTLY:
                own.add(place[i])
            if (integers := bits(line)) is not None:
                kind = (line.shape, integers, line.order)
                aside[i] = take(kind)
                give(kind, aside[i])
        for r in sorted(dying - early):
            give(_kind(lines[r]), place[r])
        if i in place and i not in last and place[i] not in own:  # nobody reads it: the graph was not simplified
            give(_kind(line), place[i])
    return Plan(tuple(buffers), place, views, frozenset(own), aside, given)


def roots(graph: Graph) -> list[int]:
    """For each line the one whose memory it looks at: itself, unless it is a view."""
    root = list(range(len(graph.lines)))
    for i, line in enumerate(graph.lines):
        if line.view:
            root[i] = root[line.args[0]]
    return root


def fits(line: Line) -> bool:
    """Whether a line can write into a given array of its shape."""
    plain = line.order == tuple(range(len(line.shape)))
    return plain and not line.view and line.op not in PARTLY and writes(line) and bits(line) is None


def _even(lines: Sequence[Line], root: Sequence[int]) -> list[bool]:
    """Whether the elements of a line follow each other in the memory it looks at as they do in the line."""
    found: list[bool] = []
    for i, line in enumerate(lines):
        plain = line.order == tuple(range(len(line.shape)))
        found.append(root[i] == i or (plain and line.op == "reshape" and found[line.args[0]] and _row_major(lines, i)))
    return found


def _row_major(lines: Sequence[Line], i: int) -> bool:
    line = lines[lines[i].args[0]]
    return line.order == tuple(range(len(line.shape)))


def _kind(line: Line) -> Kind:
    return line.shape, line.dtype, line.order


def _pool(kind: Kind) -> Any:
    """What arrays have in common that can take each other's place: in row-major order the number of elements."""
    shape, dtype, order = kind
    return (math.prod(shape), dtype) if order == tuple(range(len(shape))) else kind
