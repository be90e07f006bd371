"""Own layered layout: rows from inputs to output, no overlaps, no edge under a node, always the same.

The main axis runs with the forward pass (down for ``"TB"``, right for ``"LR"``), the cross axis
is the other one. `layers` says what stands in which row, `placing` where in its row, `routes`
how the edges run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.render.layers import Item, Layers, layers
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.placing import LANE, place
from torchlean_nb.render.routes import Route, routes
from torchlean_nb.trace.graph import GraphTrace, TraceNode

NODE_W, NODE_H, CONST_H = 116, 42, 26
MARGIN = 9
# Least and greatest gap between rows: wide enough for the number on the current edge.
_GAPS = {"TB": (20, 44), "LR": (70, 90)}


@dataclass(frozen=True)
class Box:
    """Rectangle of one node, and its row."""

    id: int
    x: float
    y: float
    w: float
    h: float
    row: int


@dataclass(frozen=True)
class Layout:
    """Boxes by node id, routes by ``(child, arg)``, and the size of the drawing."""

    boxes: Mapping[int, Box]
    routes: Mapping[tuple[int, int], Route]
    width: float
    height: float
    direction: str = "TB"


def layout(trace: GraphTrace, width: float = 436, direction: str = "TB") -> Layout:
    """Place every node and edge of a trace.

    Parameters
    ----------
    trace : GraphTrace
    width : float
        Width of the stage; a narrower graph is centred in it, a wider one makes the drawing wider.
    direction : {"TB", "LR"}
        Forward pass downwards or to the right.

    Raises
    ------
    HyperparameterError
        For another direction.
    """
    if direction not in _GAPS:
        raise HyperparameterError(f"layout: unknown direction {direction!r}", None, "'TB' or 'LR'")
    if not trace.nodes:
        return Layout({}, {}, width, 60, direction)
    down, placed = direction == "TB", layers(trace)
    sizes = {n.id: node_size(n) for n in trace.nodes}
    breadth = {i: s[0] if down else s[1] for i, s in sizes.items()}
    depth = {i: s[1] if down else s[0] for i, s in sizes.items()}
    cross, size = _centred(place(placed, breadth, {n.id: n.role for n in trace.nodes}), breadth, width if down else 0)
    rows = _rows(placed, cross, depth, _GAPS[direction])
    boxes, span = {}, {}
    for r, (row, (top, bottom)) in enumerate(zip(placed.rows, rows, strict=True)):
        for item in row:
            if not isinstance(item, tuple):
                c, m = cross[item] - breadth[item] / 2, (top + bottom - depth[item]) / 2
                boxes[item] = Box(item, *((c, m) if down else (m, c)), *sizes[item], r)
                span[item] = (m, m + depth[item])
    length = rows[-1][1] + MARGIN
    found = routes(placed, cross, breadth, span, rows, direction)
    return Layout(boxes, found, *((size, length) if down else (length, size)), direction)


def node_size(n: TraceNode) -> tuple[int, int]:
    """Width and height of the box of a node; a scalar constant needs little."""
    if n.role == "const" and n.value.ndim == 0:
        text = fmt(n.value, 4) if not n.name else f"{n.name} = {fmt(n.value, 4)}"
        return min(NODE_W, 24 + 7 * len(text)) // 2 * 2, CONST_H
    return NODE_W, NODE_H


def _centred(
    cross: dict[Item, float], breadth: Mapping[Item, float], width: float
) -> tuple[dict[Item, float], float]:
    low = min(c - breadth.get(i, LANE) / 2 for i, c in cross.items())
    high = max(c + breadth.get(i, LANE) / 2 for i, c in cross.items())
    size = max(float(width), high - low + 2 * MARGIN)
    move = round((size - high - low) / 2)
    return {i: c + move for i, c in cross.items()}, size


def _rows(placed: Layers, cross: Mapping[Item, float], depth, gaps: tuple[int, int]) -> list[tuple[float, float]]:
    """Start and end of every row; gaps grow where edges go far sideways."""
    far = [0.0] * len(placed.rows)
    row_of = {i: r for r, row in enumerate(placed.rows) for i in row}
    for a, b in placed.links:
        far[row_of[b]] = max(far[row_of[b]], abs(cross[a] - cross[b]))
    out, at = [], float(MARGIN)
    for r, row in enumerate(placed.rows):
        at += round(min(gaps[1], gaps[0] + max(0.0, far[r] - 130) * 0.06)) if r else 0
        end = at + max((depth[i] for i in row if i in depth), default=NODE_H)
        out.append((at, end))
        at = end
    return out
