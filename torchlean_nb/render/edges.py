"""One edge as a group: the forward arrow, the gradient beside it, and the number on the current one."""

from __future__ import annotations

import math

import numpy as np

from torchlean_nb.render.glyphs import arrow, text_width
from torchlean_nb.render.layout import Layout
from torchlean_nb.render.numbers import fmt, norm
from torchlean_nb.render.pen import Pen, Timeline
from torchlean_nb.render.routes import Route, num
from torchlean_nb.trace.graph import Edge, GraphTrace

FORWARD_SHIFT, BACKWARD_SHIFT = -4, 5
_FORWARD_HEAD, _BACKWARD_HEAD, _CHIP_H = 6, 8, 15
_WIDEST = 6.0


def edge_group(pen: Pen, route: Route, edge: Edge | None, when: Timeline) -> None:
    """Write the group of one edge; `edge` is None where no gradient flows."""
    t, k = when.computed[route.child], when.active.get((route.child, route.arg))
    pen.raw(f'<g class="tl-edge" data-child="{route.child}" data-parent="{route.parent}" data-arg="{route.arg}">')
    shift = 0 if k is None else FORWARD_SHIFT
    way = route.path(shift, trim=_FORWARD_HEAD - 2)
    pen.put("path", f'class="fwd todo" d="{way}"', 0, t)
    pen.put("path", f'class="fwd" d="{way}"', t, k)
    if k is not None:
        pen.put("path", f'class="fwd past" d="{way}"', k)
    pen.put("path", f'class="fh" d="{_head(route, shift, False, _FORWARD_HEAD)}"', t)
    if k is not None and edge is not None:
        width = edge_width(edge.contribution)
        way = route.path(BACKWARD_SHIFT, back=True, trim=_BACKWARD_HEAD - 2)
        head = _BACKWARD_HEAD + max(0.0, width - 2.5)
        pen.put("path", f'class="bwd now" stroke-width="{num(width + 1.4)}" d="{way}"', k, k + 1)
        pen.put("path", f'class="bwd" stroke-width="{num(width)}" d="{way}"', k + 1)
        if edge.contribution.size == 1 and edge.contribution.ravel()[0] < 0:
            pen.put("path", f'class="neg" stroke-width="{num(width)}" d="{way}"', k + 1)
        pen.put("path", f'class="bh" d="{_head(route, BACKWARD_SHIFT, True, head)}"', k)
    pen.raw("</g>")


def edge_width(contribution: np.ndarray) -> float:
    """Line width by magnitude: one step wider per factor of ten."""
    size = norm(contribution)
    if not math.isfinite(size):
        return _WIDEST
    return max(1.2, min(_WIDEST, 1.2 + 1.1 * (math.log10(size + 1e-9) + 2)))


def _head(route: Route, shift: float, back: bool, size: float) -> str:
    x, y = route.start if back else route.end
    x, y = (x + shift, y) if route.direction == "TB" else (x, y + shift)
    return arrow(x, y, route.direction, back, size)


def chips(pen: Pen, trace: GraphTrace, placed: Layout, when: Timeline) -> None:
    """The number on the current edge; it stays, thinner, until all contributions of its node are in."""
    last = {i: a[-1][0] for i, a in when.arrivals.items()}
    taken: dict[int, list[tuple[float, float]]] = {}
    box = placed.boxes.get(trace.output)
    if box:
        size = fmt(trace.seed, 4) if trace.seed.ndim == 0 else _norm(trace.seed)
        left = box.x + box.w + 8
        left = left if left + 60 < placed.width else max(2.0, box.x - 8 - text_width(f"seed {size}") - 12)
        _chip(pen, "chip", f"seed {size}", left, box.y + box.h / 2, when.seed, when.seed + 1)
    for e in trace.edges:
        route, k = placed.routes.get((e.child, e.arg)), when.active[e.child, e.arg]
        if route is None:
            continue
        text = fmt(e.contribution, 4, plus=True) if e.contribution.ndim == 0 else _norm(e.contribution)
        copies = summed(trace, e)
        full = f"{text}, {copies} added up" if copies else text
        x, y = _spot(route, full, placed, taken.setdefault(e.parent, []))
        _chip(pen, "chip", full, x, y, k, k + 1)
        if copies:
            _chip(pen, "badge", f"Σ {copies}", x, y, k + 1, None)
        elif last[e.parent] > k:
            _chip(pen, "badge", text, x, y, k + 1, last[e.parent] + 1)


def summed(trace: GraphTrace, e: Edge) -> str:
    """``4 rows`` where copies made by broadcasting are added up again, else nothing."""
    if not e.summed:
        return ""
    dims = trace[e.child].shape
    count = math.prod(dims[a] for a in e.summed if a < len(dims))
    if len(dims) == 2 and len(e.summed) == 1:
        return f"{count} {'rows' if e.summed[0] == 0 else 'columns'}" if count != 1 else "1 row"
    return f"{count} copies" if count != 1 else "1 copy"


def _norm(a: np.ndarray) -> str:
    return f"‖·‖ {fmt(norm(a), 3)}"


def _spot(route: Route, text: str, placed: Layout, taken: list[tuple[float, float]]) -> tuple[float, float]:
    """Left end and middle height of a chip beside the edge, in a gap between rows, off its siblings."""
    width = text_width(text) * 1.07 + 12
    spots = []
    for x0, y0, x1, y1 in reversed(route.bends):
        if route.direction == "TB":
            y = (y0 + y1) / 2
            spots += [(max(x0, x1) + BACKWARD_SHIFT + 8, y), (min(x0, x1) + FORWARD_SHIFT - 8 - width, y)]
        else:
            x, y = (x0 + x1 - width) / 2, (y0 + y1) / 2
            spots += [(x, y + BACKWARD_SHIFT + 14), (x, y + FORWARD_SHIFT - 14)]
    inside = [s for s in spots if s[0] >= 2 and s[0] + width <= placed.width - 2] or [
        (max(2.0, min(spots[0][0], placed.width - width - 2)), spots[0][1])
    ]
    free = (s for s in inside if all(abs(s[0] - x) > width or abs(s[1] - y) > _CHIP_H for x, y in taken))
    spot = next(free, inside[0])
    taken.append(spot)
    return spot


def _chip(pen: Pen, kind: str, text: str, x: float, y: float, first: int, until: int | None) -> None:
    width = text_width(text) * 1.07 + 12
    pen.put("g", f'class="{kind}"', first, until, (
        f'<rect x="{num(x)}" y="{num(y - _CHIP_H / 2)}" width="{num(width)}" height="{_CHIP_H}" rx="7.5"/>'
        f'<text x="{num(x + width / 2)}" y="{num(y + 3.7)}">{text}</text>'
    ))
