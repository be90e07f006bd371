"""Large graphs made small enough to draw: by scope, then by repetition, then by windows.

A run of neighbouring nodes becomes one box, its op is `FOLDED`. Runs are consecutive in forward
order, so ids still increase and the folded graph has no cycle. A folded trace is a GraphTrace:
every renderer takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.trace.graph import Edge, GraphTrace, TraceNode

LIMIT, EDGES = 300, 1500
# Boxes and arrows together: a drawing that is folded stays below a megabyte, with all its steps.
_WHOLE, _ROOM = 600, 360
# The name of an op is an identifier, so none is called this.
FOLDED = "folded nodes"
_PERIOD, _INSIDE = 64, 40


class _Run(NamedTuple):
    """Nodes ``start <= index < stop`` as one box; runs with equal `kind` do the same."""

    start: int
    stop: int
    title: str
    kind: Any


def fold(trace: GraphTrace, limit: int = LIMIT, opened: Iterable[int] = ()) -> tuple[GraphTrace, int]:
    """Trace with at most `limit` nodes and 1500 edges, and how many nodes it leaves out.

    A folded box shows the value and the gradient of its last inner node that is used outside and has one.
    `opened` are ids of boxes to be shown from inside, in the order in which they were opened; for a long one its
    ends are shown and boxes between them, and what stands around it becomes coarser where there is no room.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> y = s.param(0.5)
    >>> for _ in range(1000):
    ...     y = y.tanh()
    >>> small, hidden = fold(s.trace(y))
    >>> len(small) + hidden, small.nodes[1].name
    (1001, 'tanh ×999')
    """
    if _fits(trace, limit, _WHOLE):
        return trace, 0
    # One view asks for the same several times; the trace keeps the answer, as a cached property would.
    known, asked = vars(trace).setdefault("_folded", {}), (limit, *opened)
    if asked not in known:
        known.clear()
        known[asked] = _folded(trace, limit, asked[1:])
    return known[asked], len(trace) - len(known[asked])


def _folded(trace: GraphTrace, limit: int, opened: Iterable[int]) -> GraphTrace:
    chosen, goal = _chosen(trace, limit), limit
    while True:
        runs = _by_window(chosen, goal)
        folded = _contract(trace, runs)
        if _fits(folded, limit, _ROOM) or goal <= 3:
            break
        goal = min(goal, len(folded)) * 5 // 6
    for box in opened:
        for room in (limit, min(limit, max(_ROOM // 3, len(runs)))):
            finer = _inside(trace, runs, box, room)
            shown = _contract(trace, finer)
            if _fits(shown, limit, _ROOM):
                runs, folded = finer, shown
                break
    return folded


def _inside(trace: GraphTrace, runs: list[_Run], box: int, limit: int) -> list[_Run]:
    """The runs with one of them taken apart."""
    at = next((i for i, r in enumerate(runs) if r.stop - r.start > 1 and trace.nodes[r.stop - 1].id == box), None)
    if at is None:
        return runs
    inner = [_Run(i, i + 1, "", _kind(trace.nodes[i])) for i in range(runs[at].start, runs[at].stop)]
    parts = inner if len(inner) <= min(_INSIDE, limit // 3) else _by_window(inner, max(6, min(_INSIDE, limit // 3)))
    before, after, room = runs[:at], runs[at + 1 :], limit - len(parts)
    share = room * len(before) // max(1, len(before) + len(after))
    return [*_by_window(before, share), *parts, *_by_window(after, room - share)]


def note(trace: GraphTrace) -> str:
    """``showing 240 of 10,000 nodes`` for a folded trace, else nothing."""
    hidden = int(trace.meta.get("folded", 0))
    return f"showing {len(trace):,} of {len(trace) + hidden:,} nodes" if hidden else ""


def _fits(trace: GraphTrace, limit: int, room: int) -> bool:
    links = sum(len(n.parents) for n in trace.nodes)
    return len(trace) <= limit and links <= EDGES and len(trace) + links <= room


def _kind(n: TraceNode) -> Any:
    return n.op, n.role, n.shape, len(n.parents)


def _chosen(trace: GraphTrace, limit: int) -> list[_Run]:
    """The finest way to fold that fits: scopes, unless that would leave hardly a box, then repetition."""
    levels = list(_by_scope(trace)) or [[_Run(i, i + 1, "", _kind(n)) for i, n in enumerate(trace.nodes)]]
    for runs in levels:
        if limit // 10 <= len(runs) <= limit:
            return runs
    for runs in levels:
        for _ in range(3):
            before, runs = len(runs), _by_repetition(trace, runs)
            if len(runs) == before:
                break
        if len(runs) <= limit:
            return runs
    return runs


def _by_scope(trace: GraphTrace) -> Iterator[list[_Run]]:
    """Neighbours of one scope as one box, the deepest scopes first."""
    paths = [tuple(filter(None, n.scope.split("/"))) for n in trace.nodes]
    for depth in range(max(map(len, paths), default=0), 0, -1):
        folded, i = [], 0
        while i < len(paths):
            here, j = paths[i][:depth], i + 1
            while len(here) == depth and j < len(paths) - 1 and paths[j][:depth] == here:
                j += 1
            kinds = tuple(_kind(n) for n in trace.nodes[i:j])
            folded.append(_Run(i, j, here[-1], kinds) if j - i > 1 else _Run(i, j, "", kinds[0]))
            i = j
        yield folded


def _by_repetition(trace: GraphTrace, runs: list[_Run]) -> list[_Run]:
    """Fold stretches in which a pattern of boxes repeats; the pattern that covers most wins."""
    number = {k: i for i, k in enumerate(dict.fromkeys(r.kind for r in runs))}
    kinds = np.array([number[r.kind] for r in runs])
    kinds[-1] = -1  # the output stays visible
    size = len(kinds)
    covered, period = np.zeros(size, dtype=int), np.ones(size, dtype=int)
    for p in range(1, min(_PERIOD, size // 2) + 1):
        same = np.append(kinds[:-p] == kinds[p:], np.zeros(p, dtype=bool))
        # Distance to the next place that differs: how far the pattern goes on from here.
        ends = np.where(same, size, np.arange(size))
        far = np.minimum.accumulate(ends[::-1])[::-1] - np.arange(size)
        whole = np.where(far >= p, far // p * p + p, 0)
        better = whole > covered
        covered[better], period[better] = whole[better], p
    out, i = [], 0
    while i < size:
        if covered[i] > 1:
            part, p = runs[i : i + covered[i]], int(period[i])
            title = f"{_title(trace, part[:p])} ×{len(part) // p}"
            out.append(_Run(part[0].start, part[-1].stop, title, (title, tuple(r.kind for r in part[:p]))))
            i += len(part)
        else:
            out.append(runs[i])
            i += 1
    return out


def _title(trace: GraphTrace, runs: list[_Run]) -> str:
    """Name of one turn of a repeated pattern: the scope without its number, or its ops."""
    if len(runs) == 1 and runs[0].title:
        return re.sub(r"[_\d]+$", "", runs[0].title) or runs[0].title
    ops = [r.title or trace.nodes[r.start].op for r in runs if r.title or trace.nodes[r.start].role == "op"]
    return ", ".join(ops[:3] or [trace.nodes[runs[0].start].op]) + (", …" if len(ops) > 3 else "")


def _by_window(runs: list[_Run], limit: int) -> list[_Run]:
    """Keep both ends; the middle becomes boxes of equal size."""
    if len(runs) <= max(limit, 3):
        return runs
    keep = max(1, limit // 3)
    middle, out = runs[keep:-keep], list(runs[:keep])
    for part in np.array_split(np.arange(len(middle)), max(1, limit - 2 * keep)):
        first, last = middle[part[0]], middle[part[-1]]
        out.append(_Run(first.start, last.stop, f"{last.stop - first.start:,} nodes", None))
    return out + runs[-keep:]


def _contract(trace: GraphTrace, runs: list[_Run]) -> GraphTrace:
    """The trace with every run of several nodes replaced by one box."""
    to = {n.id: trace.nodes[run.stop - 1].id for run in runs for n in trace.nodes[run.start : run.stop]}
    used_outside = {p for n in trace.nodes for p in n.parents if to[p] != to[n.id]}
    nodes, shows = [], {}
    for run in runs:
        inner = trace.nodes[run.start : run.stop]
        if len(inner) == 1:
            n = inner[0]
            nodes.append(replace(n, parents=tuple(to[p] for p in n.parents)))
            shows[n.id] = n.id
            continue
        last = max(inner, key=lambda n: (n.grad is not None, n.id in used_outside, n.id))
        parents = dict.fromkeys(to[p] for n in inner for p in n.parents if to[p] != inner[-1].id)
        scope = inner[0].scope.rpartition("/")[0]
        nodes.append(TraceNode(
            inner[-1].id, FOLDED, "op", tuple(parents), {"nodes": len(inner)}, run.title, scope,
            any(n.requires_grad for n in inner), last.value, last.grad,
        ))
        shows[inner[-1].id] = last.id
    edges = _merged(trace.edges, to, shows, {n.id: n for n in nodes})
    folded = int(trace.meta.get("folded", 0)) + len(trace) - len(nodes)
    return GraphTrace(tuple(nodes), tuple(edges), trace.output, trace.seed, dict(trace.meta) | {"folded": folded})


def _merged(
    edges: Iterable[Edge], to: dict[int, int], shows: dict[int, int], nodes: dict[int, TraceNode]
) -> list[Edge]:
    """Contributions that reach a shown node; those a box sends to one node are added up, at the last one's place."""
    out: dict[tuple[int, int], Edge] = {}
    for e in edges:
        child, parent = to[e.child], to[e.parent]
        if child == parent or shows[parent] != e.parent:
            continue
        if nodes[child].op != FOLDED:
            out[child, e.arg] = replace(e, parent=parent)
            continue
        arg = nodes[child].parents.index(parent)
        before = out.pop((child, arg), None)
        total = e.contribution if before is None else before.contribution + e.contribution
        out[child, arg] = Edge(child, parent, arg, total)
    return list(out.values())
