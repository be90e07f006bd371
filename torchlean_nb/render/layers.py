"""Which row a node stands in and in which order: the combinatorial half of the layout.

Edges that span several rows are cut into pieces through *bends*, invisible items that keep a
lane free, so that no edge passes under a node. Items are node ids, and ``(parent, child, arg,
row)`` for bends.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from torchlean_nb.trace.graph import GraphTrace

Item = Hashable
_BENDS = 3000
_SWEEPS = 12


@dataclass(frozen=True)
class Layers:
    """Rows of items, and for every edge ``(child, arg)`` the items it runs through, parent first."""

    rows: list[list[Item]]
    lanes: dict[tuple[int, int], tuple[Item, ...]]

    @property
    def links(self) -> list[tuple[Item, Item]]:
        """Pieces of edges between neighbouring rows, each once per edge that uses it."""
        return [pair for lane in self.lanes.values() for pair in itertools.pairwise(lane)]


def layers(trace: GraphTrace) -> Layers:
    """Rows from inputs to outputs, ordered so that few edges cross."""
    row_of = _assign(trace)
    lanes = _lanes(trace, row_of)
    rows = _first_order(trace, row_of, lanes)
    return Layers(_untangle(rows, lanes), lanes)


def _assign(trace: GraphTrace) -> dict[int, int]:
    """Longest path from the inputs, then every node slides to where its edges are shortest."""
    children: dict[int, list[int]] = {n.id: [] for n in trace.nodes}
    row: dict[int, int] = {}
    for n in trace.nodes:
        row[n.id] = 1 + max((row[p] for p in n.parents), default=-1)
        for p in n.parents:
            children[p].append(n.id)
    for _ in range(4):
        before = dict(row)
        for n in reversed(trace.nodes):
            if children[n.id] and len(children[n.id]) >= len(n.parents):
                row[n.id] = min(row[c] for c in children[n.id]) - 1
        for n in trace.nodes:
            if n.parents and len(children[n.id]) < len(n.parents):
                row[n.id] = max(row[p] for p in n.parents) + 1
        if row == before:
            break
    used = {r: i for i, r in enumerate(sorted(set(row.values())))}
    return {k: used[r] for k, r in row.items()}


def _lanes(trace: GraphTrace, row: dict[int, int]) -> dict[tuple[int, int], tuple[Item, ...]]:
    edges = [(p, n.id, arg) for n in trace.nodes for arg, p in enumerate(n.parents)]
    # Where very many lanes would be needed, the edges of one parent share theirs.
    shared = sum(row[c] - row[p] - 1 for p, c, _ in edges) > _BENDS
    lanes = {}
    for p, c, arg in edges:
        bends = tuple((p, -1, -1, r) if shared else (p, c, arg, r) for r in range(row[p] + 1, row[c]))
        lanes[c, arg] = (p, *bends, c)
    return lanes


def _first_order(trace: GraphTrace, row: dict[int, int], lanes: dict) -> list[list[Item]]:
    """Items in the order in which a walk from the outputs through the arguments meets them."""
    rows: list[list[Item]] = [[] for _ in range(1 + max(row.values(), default=-1))]
    seen: set[Item] = set()
    with_child = {p for n in trace.nodes for p in n.parents}
    parents = {n.id: n.parents for n in trace.nodes}
    for sink in (n.id for n in trace.nodes if n.id not in with_child):
        todo: list[tuple[int, int]] = [(sink, -1)]
        while todo:
            node, arg = todo.pop()
            if arg >= 0:
                for bend in lanes[node, arg][1:-1]:
                    if bend not in seen:
                        seen.add(bend)
                        rows[bend[3]].append(bend)
                node = parents[node][arg]
            if node in seen:
                continue
            seen.add(node)
            rows[row[node]].append(node)
            todo.extend((node, i) for i in reversed(range(len(parents[node]))))
    return rows


def _untangle(rows: list[list[Item]], lanes: dict) -> list[list[Item]]:
    """Barycentre sweeps, keeping the order with the fewest crossings; ties keep the first."""
    up: dict[Item, list[Item]] = {i: [] for r in rows for i in r}
    down: dict[Item, list[Item]] = {i: [] for r in rows for i in r}
    for lane in lanes.values():
        for a, b in itertools.pairwise(lane):
            down[a].append(b)
            up[b].append(a)
    best, fewest = rows, _crossings(rows, down)
    budget = 0 if fewest == 0 else max(2, min(_SWEEPS, 40_000 // max(1, len(up))))
    rows = [list(r) for r in rows]
    for sweep in range(budget):
        toward, order = (up, range(1, len(rows))) if sweep % 2 == 0 else (down, range(len(rows) - 2, -1, -1))
        for r in order:
            near = rows[r - 1] if toward is up else rows[r + 1]
            at = {item: i for i, item in enumerate(near)}
            rows[r] = _by_barycentre(rows[r], toward, at)
        found = _crossings(rows, down)
        if found < fewest:
            best, fewest = [list(r) for r in rows], found
        if fewest == 0:
            break
    return best


def _by_barycentre(row: Sequence[Item], toward: dict[Item, list[Item]], at: dict[Item, int]) -> list[Item]:
    """Items with neighbours sorted by their mean place; the others keep their slots."""
    centre = {i: sum(at[j] for j in toward[i]) / len(toward[i]) for i in row if toward[i]}
    moving = iter(sorted(centre, key=lambda i: centre[i]))
    return [next(moving) if i in centre else i for i in row]


def _crossings(rows: list[list[Item]], down: dict[Item, list[Item]]) -> int:
    total = 0
    for upper, lower in itertools.pairwise(rows):
        at = {item: i for i, item in enumerate(lower)}
        passed: list[int] = []
        for item in upper:
            ends = sorted(at[j] for j in down[item])
            total += sum(len(passed) - bisect_right(passed, e) for e in ends)
            for e in ends:
                insort(passed, e)
    return total
