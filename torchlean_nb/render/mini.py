"""The small graph of a ledger: one node on the left, the output on the right, the paths between.

Only nodes through which the gradient comes are drawn. When they are too many, the node, its
senders and the output remain, and one box stands for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.glyphs import fit, text_width
from torchlean_nb.render.layers import Item, layers
from torchlean_nb.render.numbers import shape
from torchlean_nb.render.placing import place
from torchlean_nb.trace.graph import GraphTrace, TraceNode

HEIGHT, GAP, FIRST_GAP, MARGIN = 34, 28, 72, 10
_WIDEST, _ROOM, _MOST, _SENDERS = 84, 432, 12, 6
_REST = -1


def mini(trace: GraphTrace, node: int) -> dict[str, Any]:
    """Boxes and links of the paths from the output to `node`, placed left to right.

    Returns
    -------
    dict
        ``width, height, boxes [{id, label, sub, role, x, y, w, h}], links [{child, parent, arg, points}]``;
        ``arg`` is -1 for links that are not contributions to `node`.
    """
    between = _between(trace, node)
    drawn = _placed(_part(trace, node, between), node) if len(between) <= _MOST else None
    if drawn is None or drawn["width"] > _ROOM:
        drawn = _placed(_folded(trace, node, between), node)
        last = max(n.id for n in trace) + 2
        for item, key in [(b, "id") for b in drawn["boxes"]] + [(k, "child") for k in drawn["links"]]:
            item[key] = trace.output if item[key] == last else item[key]
    return drawn


def _between(trace: GraphTrace, node: int) -> set[int]:
    """Nodes whose gradient flows on to `node`, with `node` itself."""
    children: dict[int, list[int]] = {}
    for e in trace.edges:
        children.setdefault(e.parent, []).append(e.child)
    seen, todo = {node}, [node]
    for at in todo:
        for c in children.get(at, ()):
            if c not in seen:
                seen.add(c)
                todo.append(c)
    return seen


def _part(trace: GraphTrace, node: int, keep: Iterable[int]) -> list[tuple[TraceNode, tuple[int, ...]]]:
    """Nodes of the part with, per parent that is kept, the original argument number."""
    flows = {(e.child, e.arg) for e in trace.edges}
    out = []
    for n in trace:
        if n.id in keep:
            args = tuple(i for i, p in enumerate(n.parents) if p in keep and (n.id, i) in flows and n.id != node)
            out.append((replace(n, parents=tuple(n.parents[i] for i in args)), args))
    return out


def _folded(trace: GraphTrace, node: int, between: set[int]) -> list[tuple[TraceNode, tuple[int, ...]]]:
    """The node, its first senders, one box for all else, and the output."""
    senders = list(dict.fromkeys(e.child for e in trace.into(node) if e.child != trace.output))[:_SENDERS]
    rest = len(between - {node, trace.output, *senders})
    out = _part(trace, node, {node, *senders})
    top = max(n.id for n in trace) + 1
    if rest:
        word = f"{rest} {'node' if rest == 1 else 'nodes'}"
        out.append((TraceNode(top, word, "fold", tuple(senders), {}, "⋯", "", True, np.zeros(()), None),
                    (_REST,) * len(senders)))
    last, args = next(((n, a) for n, a in _part(trace, node, between) if n.id == trace.output))
    direct = tuple((p, a) for p, a in zip(last.parents, args, strict=True) if p in (node, *senders))
    direct += ((top, _REST),) if rest else ()
    if trace.output != node:
        renamed = replace(last, id=top + 1, name=last.label, parents=tuple(p for p, _ in direct))
        out.append((renamed, tuple(a for _, a in direct)))
    return out


def _placed(part: list[tuple[TraceNode, tuple[int, ...]]], node: int) -> dict[str, Any]:
    nodes, args = [n for n, _ in part], {n.id: a for n, a in part}
    plan = layers(GraphTrace(tuple(nodes), (), nodes[-1].id, nodes[-1].value))
    widths = {n.id: _width(n) for n in nodes}
    cross = place(plan, dict.fromkeys(widths, HEIGHT), dict.fromkeys(widths, "op"))
    low = min(cross[i] - (HEIGHT / 2 if i in widths else 0) for i in cross)
    high = max(cross[i] + (HEIGHT / 2 if i in widths else 0) for i in cross)
    columns, x = [], MARGIN
    for row in plan.rows:
        width = max((widths[i] for i in row if i in widths), default=0)
        x += 0 if not columns else FIRST_GAP if len(columns) == 1 else GAP
        columns.append((x, width))
        x += width
    total = max(_ROOM, x + MARGIN)
    spare = min(40.0, (total - x - MARGIN) / max(1, len(columns) - 1))
    columns = [(cx + i * spare, w) for i, (cx, w) in enumerate(columns)]
    shift = (total - (columns[-1][0] + columns[-1][1] + MARGIN)) / 2
    at = {i: (columns[c][0] + columns[c][1] / 2 + shift, cross[i] - low + MARGIN)
          for c, row in enumerate(plan.rows) for i in row}
    boxes = [
        {"id": n.id, "label": fit(visible(n.label), 74, 11.5, bold=True) or "…", "sub": fit(_sub(n, n.id == node), 76),
         "role": n.role, "x": round(at[n.id][0] - widths[n.id] / 2, 1), "y": round(at[n.id][1] - HEIGHT / 2, 1),
         "w": widths[n.id], "h": HEIGHT}
        for n in nodes
    ]
    links = [_link(n, i, arg, plan.lanes[n.id, i], at, widths, node) for n in nodes for i, arg in enumerate(args[n.id])]
    return {"width": round(total), "height": round(high - low + 2 * MARGIN), "boxes": boxes, "links": links}


def _link(n: TraceNode, i: int, arg: int, lane: tuple[Item, ...], at: dict, widths: dict, node: int) -> dict[str, Any]:
    """One link as points from the child on the right to the parent on the left."""
    parent = n.parents[i]
    points = [(x, y) for x, y in (at[item] for item in reversed(lane))]
    same = [k for k, p in enumerate(n.parents) if p == parent]
    spread = (same.index(i) - (len(same) - 1) / 2) * 12
    points[0] = (points[0][0] - widths[n.id] / 2, points[0][1] + spread)
    points[-1] = (points[-1][0] + widths[parent] / 2, points[-1][1] + spread)
    return {"child": n.id, "parent": parent, "arg": arg if parent == node else -1,
            "points": [[round(x, 1), round(y, 1)] for x, y in points]}


def _sub(n: TraceNode, own: bool) -> str:
    return shape(n.shape) or n.role if own else n.op if n.name is not None else shape(n.shape) or "scalar"


def _width(n: TraceNode) -> int:
    wide = max(text_width(visible(n.label), 11.5, bold=True), text_width(_sub(n, False)), text_width(_sub(n, True)))
    return int(max(44, min(_WIDEST, wide + 16))) // 2 * 2
