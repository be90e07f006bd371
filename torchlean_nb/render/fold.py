"""Large graphs made small enough to draw: by scope, then by repetition, then by windows.

A run of neighbouring nodes becomes one box, its op is `FOLDED`. Runs are consecutive in forward
order, so ids still increase and the folded graph has no cycle. A folded trace is a GraphTrace:
every renderer takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.trace.graph import Edge, GraphTrace, TraceNode
from torchlean_nb.trace.outline import Nodes

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
    if len(trace) <= limit and _fits(len(trace), sum(len(n.parents) for n in trace), limit, _WHOLE):
        return trace, 0
    # One view asks for the same several times; the trace keeps the answer, as a cached property would.
    known, asked = vars(trace).setdefault("_folded", {}), (limit, *opened)
    if asked not in known:
        known.clear()
        with np.errstate(all="ignore"):  # gradients without end
            known[asked] = _folded(trace, limit, asked[1:])
    return known[asked], len(trace) - len(known[asked])


def _folded(trace: GraphTrace, limit: int, opened: Iterable[int]) -> GraphTrace:
    nodes, _ = trace.outline
    chosen, goal = _chosen(nodes, limit), limit
    while True:
        runs = _by_window(chosen, goal)
        if _fits(len(runs), _links(nodes, runs), limit, _ROOM) or goal <= 3:
            break
        goal = min(goal, len(runs)) * 5 // 6
    for box in opened:
        for room in (limit, min(limit, max(_ROOM // 3, len(runs)))):
            finer = _inside(nodes, runs, box, room)
            if _fits(len(finer), _links(nodes, finer), limit, _ROOM):
                runs = finer
                break
    return _contract(trace, runs)


def _inside(nodes: Nodes, runs: list[_Run], box: int, limit: int) -> list[_Run]:
    """The runs with one of them taken apart."""
    at = next((i for i, r in enumerate(runs) if r.stop - r.start > 1 and nodes.ids[r.stop - 1] == box), None)
    if at is None:
        return runs
    inner = _singles(nodes, runs[at].start, runs[at].stop)
    parts = inner if len(inner) <= min(_INSIDE, limit // 3) else _by_window(inner, max(6, min(_INSIDE, limit // 3)))
    before, after, room = runs[:at], runs[at + 1 :], limit - len(parts)
    share = room * len(before) // max(1, len(before) + len(after))
    return [*_by_window(before, share), *parts, *_by_window(after, room - share)]


def note(trace: GraphTrace) -> str:
    """``showing 240 of 10,000 nodes`` for a folded trace, else nothing."""
    hidden = int(trace.meta.get("folded", 0))
    return f"showing {len(trace):,} of {len(trace) + hidden:,} nodes" if hidden else ""


def _fits(boxes: int, links: int, limit: int, room: int) -> bool:
    return boxes <= limit and links <= EDGES and boxes + links <= room


def _singles(nodes: Nodes, start: int, stop: int) -> list[_Run]:
    """Each node as a run of its own."""
    fields = zip(range(start, stop), range(start + 1, stop + 1), repeat(""), nodes.kinds[start:stop])
    return [*map(_Run._make, fields)]


def _chosen(nodes: Nodes, limit: int) -> list[_Run]:
    """The finest way to fold that fits: scopes, unless that would leave hardly a box, then repetition."""
    levels = list(_by_scope(nodes)) or [_singles(nodes, 0, len(nodes.kinds))]
    for runs in levels:
        if limit // 10 <= len(runs) <= limit:
            return runs
    for runs in levels:
        for _ in range(3):
            before, runs = len(runs), _by_repetition(nodes, runs)
            if len(runs) == before:
                break
        if len(runs) <= limit:
            return runs
    return runs


def _by_scope(nodes: Nodes) -> Iterator[list[_Run]]:
    """Neighbours of one scope as one box, the deepest scopes first."""
    known = {scope: tuple(filter(None, scope.split("/"))) for scope in set(nodes.scopes)}
    paths = [known[scope] for scope in nodes.scopes]
    for depth in range(max(map(len, known.values()), default=0), 0, -1):
        folded, i = [], 0
        while i < len(paths):
            here, j = paths[i][:depth], i + 1
            while len(here) == depth and j < len(paths) - 1 and paths[j][:depth] == here:
                j += 1
            kinds = tuple(nodes.kinds[i:j])
            folded.append(_Run(i, j, here[-1], kinds) if j - i > 1 else _Run(i, j, "", kinds[0]))
            i = j
        yield folded


def _by_repetition(nodes: Nodes, runs: list[_Run]) -> list[_Run]:
    """Fold stretches in which a pattern of boxes repeats; the pattern that covers most wins."""
    number = {k: i for i, k in enumerate(dict.fromkeys(r.kind for r in runs))}
    kinds = np.array([number[r.kind] for r in runs], dtype=np.int32)
    kinds[-1] = -1  # the output stays visible
    size = len(kinds)
    covered, period = np.zeros(size, dtype=int), np.ones(size, dtype=int)
    for p in range(1, min(_PERIOD, size // 2) + 1):
        same = np.append(kinds[:-p] == kinds[p:], np.zeros(p, dtype=bool))
        if np.diff(np.flatnonzero(~same), prepend=-1).max() <= p:
            continue  # nowhere twice in a row
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
            title = f"{_title(nodes, part[:p])} ×{len(part) // p}"
            out.append(_Run(part[0].start, part[-1].stop, title, (title, tuple(r.kind for r in part[:p]))))
            i += len(part)
        else:
            out.append(runs[i])
            i += 1
    return out


def _title(nodes: Nodes, runs: list[_Run]) -> str:
    """Name of one turn of a repeated pattern: the scope without its number, or its ops."""
    if len(runs) == 1 and runs[0].title:
        return re.sub(r"[_\d]+$", "", runs[0].title) or runs[0].title
    kinds = nodes.kinds
    ops = [r.title or kinds[r.start][0] for r in runs if r.title or kinds[r.start][1] == "op"]
    return ", ".join(ops[:3] or [kinds[runs[0].start][0]]) + (", …" if len(ops) > 3 else "")


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


def _boxes(runs: list[_Run]) -> tuple[np.ndarray, np.ndarray]:
    """Which runs are boxes, and the run of each node."""
    sizes = np.array([r.stop - r.start for r in runs])
    return sizes > 1, np.repeat(np.arange(len(runs)), sizes)


def _links(nodes: Nodes, runs: list[_Run]) -> int:
    """Arrows of the drawing: one for each argument of a node, one for each node that a box uses."""
    box, run = _boxes(runs)
    user, used = run[nodes.users], run[nodes.used]
    many = box[user]
    out = many & (user != used)
    return int((~many).sum()) + len(np.unique(user[out] * len(runs) + used[out]))


def _contract(trace: GraphTrace, runs: list[_Run]) -> GraphTrace:
    """The trace with every run of several nodes replaced by one box."""
    nodes, _ = trace.outline
    _, run = _boxes(runs)
    user, used = run[nodes.users], run[nodes.used]
    score = 2 * nodes.arrived
    score[np.unique(nodes.used[user != used])] += 1
    first = np.searchsorted(nodes.users, [r.start for r in runs] + [len(run)])
    ids, made, shows = [int(nodes.ids[r.stop - 1]) for r in runs], [], []
    for k, r in enumerate(runs):
        links = used[first[k] : first[k + 1]]
        if r.stop - r.start == 1:
            made.append(replace(trace.nodes[r.start], parents=tuple(ids[j] for j in links)))
            shows.append(r.start)
            continue
        at = r.stop - 1 - int(score[r.start : r.stop][::-1].argmax())
        last, scope = trace.nodes[at], nodes.scopes[r.start].rpartition("/")[0]
        parents, needs = dict.fromkeys(links[links != k].tolist()), bool(nodes.needs[r.start : r.stop].any())
        made.append(TraceNode(
            ids[k], FOLDED, "op", tuple(ids[j] for j in parents), {"nodes": r.stop - r.start}, r.title, scope, needs,
            last.value, last.grad,
        ))
        shows.append(at)
    folded = int(trace.meta.get("folded", 0)) + len(trace) - len(made)
    edges = _merged(trace, run, np.array(shows), made)
    return GraphTrace(tuple(made), tuple(edges), trace.output, trace.seed, dict(trace.meta) | {"folded": folded})


def _merged(trace: GraphTrace, run: np.ndarray, shows: np.ndarray, nodes: list[TraceNode]) -> list[Edge]:
    """Contributions that reach a shown node; those a box sends to one node are added up, at the last one's place."""
    _, ends = trace.outline
    child, parent = run[ends.child], run[ends.parent]
    kept = np.flatnonzero((child != parent) & (shows[parent] == ends.parent))
    out: dict[tuple[int, int], Edge] = {}
    for i, c, p in zip(kept.tolist(), child[kept].tolist(), parent[kept].tolist(), strict=True):
        box, to = nodes[c], nodes[p].id
        if box.op != FOLDED:
            e = trace.edges[i]
            out[c, e.arg] = replace(e, parent=to)
            continue
        arg = box.parents.index(to)
        before, total = out.pop((c, arg), None), trace.sent(i)
        out[c, arg] = Edge(box.id, to, arg, total if before is None else before.contribution + total)
    return list(out.values())
