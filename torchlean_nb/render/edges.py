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


def edge_group(pen: Pen, route: Route, edge: Edge | None, when: Timeline, short: bool = False) -> None:
    """Write the group of one edge; `edge` is None where no gradient flows.

    In a `short` scene the forward line looks the same at all steps.
    """
    t, k = when.computed[route.child], when.active.get((route.child, route.arg))
    pen.raw(f'<g class="tl-edge" data-child="{route.child}" data-parent="{route.parent}" data-arg="{route.arg}">')
    shift = 0 if k is None else FORWARD_SHIFT
    way = route.path(shift, trim=_FORWARD_HEAD - 2)
    if short:
        pen.put("path", f'class="fwd past" d="{way}"')
    else:
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
    if not trace.nodes:
        return
    last, spots = {i: a[-1][0] for i, a in when.arrivals.items()}, _Spots(placed)
    box = placed.boxes[trace.output]
    text = "seed " + _size(trace.seed, plus=False)
    left = box.x + box.w + 8
    left = left if left + _chip_width(text) < placed.width else max(2.0, box.x - 8 - _chip_width(text))
    _chip(pen, "chip", text, left, box.y + box.h / 2, when.seed, when.seed + 1)
    for e in trace.edges:
        k, copies = when.active[e.child, e.arg], summed(trace, e)
        text = _size(e.contribution)
        if copies:
            text = f"{text}, {copies} added up" if placed.direction == "TB" else f"Σ {copies}"
        route = placed.routes[e.child, e.arg]
        x, y = spots.find(route, _chip_width(text))
        _chip(pen, "chip", text, x, y, k, k + 1)
        if copies:
            _chip(pen, "badge", f"Σ {copies}", *_Spots(placed).find(route, _chip_width(f"Σ {copies}")), k + 1, None)
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


def _size(a: np.ndarray, plus: bool = True) -> str:
    return fmt(a, 4, plus=plus) if a.ndim == 0 else f"‖·‖ {fmt(norm(a), 3)}"


class _Spots:
    """Finds room for chips in the gaps between rows: beside their edge, off other edges' ends and off siblings."""

    def __init__(self, placed: Layout):
        self.placed = placed
        self.taken: dict[int, list[tuple[float, float]]] = {}
        self.ends: dict[float, list[float]] = {}
        for route in placed.routes.values():
            for x0, y0, x1, y1 in route.bends:
                across, along = ((x0, x1), y0 + y1) if placed.direction == "TB" else ((y0, y1), x0 + x1)
                self.ends.setdefault(along, []).extend(across)

    def find(self, route: Route, width: float) -> tuple[float, float]:
        """Left end and middle height of a chip of this width."""
        tries: list[tuple[float, float, float]] = []
        for x0, y0, x1, y1 in reversed(route.bends):
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            if self.placed.direction == "TB":
                beside = [max(x0, x1) + BACKWARD_SHIFT + 8, min(x0, x1) + FORWARD_SHIFT - 8 - width]
                beside += [x - width / 2] if abs(x0 - x1) > width + 24 else []
                tries += [(t, y, y0 + y1) for t in beside]
            else:
                tries += [(x - width / 2, t, x0 + x1) for t in (y + BACKWARD_SHIFT + 13, y + FORWARD_SHIFT - 13)]
        siblings, room = self.taken.setdefault(route.parent, []), self.placed.width - width - 2
        costs = []
        for rank, (wish, y, gap) in enumerate(tries):
            x = max(2.0, min(wish, room))
            low, high = (x, x + width) if self.placed.direction == "TB" else (y - 8, y + 8)
            close = any(abs(x - a) <= width and abs(y - b) <= _CHIP_H for a, b in siblings)
            costs.append((25 * self._hits(gap, low, high) + abs(x - wish) + 200 * close + rank, x, y))
        _, x, y = min(costs)
        siblings.append((x, y))
        return x, y

    def _hits(self, gap: float, low: float, high: float) -> int:
        return sum(low < c < high for c in self.ends[gap])


def _chip_width(text: str) -> float:
    return text_width(text) * 1.07 + 12


def _chip(pen: Pen, kind: str, text: str, x: float, y: float, first: int, until: int | None) -> None:
    width = _chip_width(text)
    pen.put("g", f'class="{kind}"', first, until, (
        f'<rect x="{num(x)}" y="{num(y - _CHIP_H / 2)}" width="{num(width)}" height="{_CHIP_H}" rx="7.5"/>'
        f'<text x="{num(x + width / 2)}" y="{num(y + 3.7)}">{text}</text>'
    ))
