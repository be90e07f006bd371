"""Plan: which line writes into which array, so that arrays are made once and shared over time.

A line that makes no view gets an array as soon as it is reached and gives it back after its last reader. An
elementwise line may write over an argument nobody reads again. The arrays have the layout that NumPy would have
given the result, so sums run in the same order as in eager mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from torchlean_nb.compiler.emit import PARTLY, bits, elementwise, writes
from torchlean_nb.compiler.lowering import Graph, Line


@dataclass(frozen=True)
class Plan:
    """How the lines of a graph use memory.

    Parameters
    ----------
    buffers : tuple of (shape, dtype, order)
        Arrays that are made once.
    place : mapping from line to buffer
        Lines that write into one.
    views : frozenset of int
        Lines that are another look at an argument.
    zeroed : frozenset of int
        Buffers of one line only, which writes into a part of them: the rest stays zero.
    aside : mapping from line to buffer
        What lines need beside their result.
    given : mapping from line to str
        Lines that write into an array that somebody else owns, by its name.
    """

    buffers: tuple[tuple[tuple[int, ...], np.dtype, tuple[int, ...]], ...]
    place: dict[int, int]
    views: frozenset[int]
    zeroed: frozenset[int] = frozenset()
    aside: Mapping[int, int] = field(default_factory=dict)
    given: Mapping[int, str] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers."""
        return sum(int(np.prod(shape, dtype=int)) * dtype.itemsize for shape, dtype, _ in self.buffers)


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
    buffers: list[tuple[tuple[int, ...], np.dtype, tuple[int, ...]]] = []
    free: dict[tuple, list[int]] = {}
    place: dict[int, int] = {}
    own: set[int] = set()
    aside: dict[int, int] = {}

    def take(kind: Any, again: bool = True) -> int:
        if again and free.get(kind):
            return free[kind].pop()
        buffers.append(kind)
        return len(buffers) - 1

    for i, line in enumerate(lines):
        dying = {root[a] for a in line.args if a >= 0 and last[root[a]] == i and place.get(root[a]) not in own}
        dying &= place.keys()
        # A view of a dying array may be read while it is written; the array itself is safe, element by element.
        seen_through = {root[a] for a in line.args if a >= 0 and a != root[a]}
        early = {r for r in dying if elementwise(line.op) and r not in seen_through and _kind(lines[r]) == _kind(line)}
        for r in sorted(early):
            free.setdefault(_kind(lines[r]), []).append(place[r])
        if i not in views and i not in given and writes(line):
            place[i] = take(_kind(line), line.op not in PARTLY)
            if line.op in PARTLY:
                own.add(place[i])
            if (integers := bits(line)) is not None:
                kind = (line.shape, integers, line.order)
                aside[i] = take(kind)
                free.setdefault(kind, []).append(aside[i])
        for r in sorted(dying - early):
            free.setdefault(_kind(lines[r]), []).append(place[r])
        if i in place and i not in last and place[i] not in own:  # nobody reads it: the graph was not simplified
            free.setdefault(_kind(line), []).append(place[i])
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


def _kind(line: Line) -> tuple[tuple[int, ...], np.dtype, tuple[int, ...]]:
    return line.shape, line.dtype, line.order


def empty(kind: tuple[tuple[int, ...], np.dtype, tuple[int, ...]]) -> np.ndarray:
    """An array with a shape, a type and a layout."""
    shape, dtype, order = kind
    back = [order.index(i) for i in range(len(shape))]
    return np.empty([shape[i] for i in order], dtype).transpose(back)

