"""The way of an edge: straight through rows, one smooth bend in each gap between rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from torchlean_nb.render.layers import Item, Layers
from torchlean_nb.render.placing import isotonic

Point = tuple[float, float]
# What edges leave free at both corners of a box, and the distance they like to keep.
_PORTS = {"TB": (20, 18), "LR": (8, 13)}
_STRAIGHT = 50.0


@dataclass(frozen=True)
class Route:
    """Edge from `parent` to `child`, its argument number `arg`.

    ``bends`` are ``(x0, y0, x1, y1)``, one per gap between rows; ``start`` and ``end`` touch the boxes.
    """

    child: int
    parent: int
    arg: int
    start: Point
    end: Point
    bends: tuple[tuple[float, float, float, float], ...]
    direction: str

    def points(self, shift: float = 0.0, back: bool = False, trim: float = 0.0) -> list[tuple[Point, ...]]:
        """Pieces of the way: ``(to,)`` a line, ``(c0, c1, to)`` a cubic; the first is the start.

        Moved sideways by `shift`; from child to parent if `back`; ended `trim` before the tip.
        """
        down = self.direction == "TB"

        def put(along: float, across: float) -> Point:
            return (across + shift, along) if down else (along, across + shift)

        def split(x: float, y: float) -> Point:
            return (y, x) if down else (x, y)

        way = [split(*self.start)]
        for x0, y0, x1, y1 in self.bends:
            way += [split(x0, y0), split(x1, y1)]
        way.append(split(*self.end))
        if back:
            way.reverse()
        tip = way[-1][0] + (trim if back else -trim)
        # A box that fills its row ends at the bend itself; then the bend is what gets shorter.
        way = [(tip if m == way[-1][0] and i >= len(way) - 2 else m, c) for i, (m, c) in enumerate(way)]
        out: list[tuple[Point, ...]] = [(put(*way[0]),)]
        for (m0, c0), (m1, c1) in itertools.pairwise(way):
            if c0 != c1:
                mid = (m0 + m1) / 2
                out.append((put(mid, c0), put(mid, c1), put(m1, c1)))
            elif m0 != m1:
                if len(out[-1]) == 1 and len(out) > 1:
                    out.pop()
                out.append((put(m1, c1),))
        return out

    def path(self, shift: float = 0.0, back: bool = False, trim: float = 0.0) -> str:
        """SVG path data of `points`."""
        first, *rest = self.points(shift, back, trim)
        return "M" + _pt(first[0]) + "".join(("C" if len(p) == 3 else "L") + " ".join(map(_pt, p)) for p in rest)


def routes(
    placed: Layers, cross: Mapping[Item, float], breadth: Mapping[Item, float],
    span: Mapping[Item, tuple[float, float]], rows: list[tuple[float, float]], direction: str,
) -> dict[tuple[int, int], Route]:
    """Route of every edge ``(child, arg)``; the ends spread over the boxes in the order of where they go."""
    row_of = {item: r for r, row in enumerate(placed.rows) for item in row}
    leaving: dict[Item, list] = {}
    arriving: dict[Item, list] = {}
    for key, lane in placed.lanes.items():
        leaving.setdefault(lane[0], []).append((cross[lane[1]], key))
    outlet = _ports(leaving, cross, breadth, direction)
    for key, lane in placed.lanes.items():
        arriving.setdefault(lane[-1], []).append((cross[lane[-2]] if len(lane) > 2 else outlet[key], key))
    inlet = _ports(arriving, cross, breadth, direction)
    out = {}
    for key, lane in placed.lanes.items():
        across = [outlet[key], *(cross[i] for i in lane[1:-1]), inlet[key]]
        first = row_of[lane[0]]
        bends = [
            (a, rows[first + k][1], b, rows[first + k + 1][0])
            for k, (a, b) in enumerate(itertools.pairwise(across))
        ]
        start, end = (across[0], span[lane[0]][1]), (across[-1], span[lane[-1]][0])
        if direction == "LR":
            bends = [(m0, c0, m1, c1) for c0, m0, c1, m1 in bends]
            start, end = start[::-1], end[::-1]
        out[key] = Route(key[0], lane[0], key[1], start, end, tuple(bends), direction)
    return out


def _ports(ends: Mapping[Item, list], cross, breadth, direction: str) -> dict[tuple[int, int], float]:
    """Where edges touch their boxes: as near to their other end as the corners and their neighbours allow."""
    corner, step = _PORTS[direction]
    out = {}
    for item, found in ends.items():
        half = max(2.0, breadth[item] / 2 - corner)
        gap = min(float(step), 2 * half / max(1, len(found) - 1))
        low, high = cross[item] - half, cross[item] + half - gap * (len(found) - 1)
        found = sorted(found)
        near = [min(max(c, cross[item] - half), cross[item] + half) for c, _ in found]
        firm = [_STRAIGHT if c == n else 1.0 for (c, _), n in zip(found, near, strict=True)]
        free = isotonic([n - i * gap for i, n in enumerate(near)], firm)
        for i, ((_, key), c) in enumerate(zip(found, free, strict=True)):
            out[key] = float(round(min(max(c, low), high) + i * gap))
    return out


def num(v: float) -> str:
    """Coordinate with at most one decimal, without a needless ``.0``."""
    text = f"{v:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def _pt(p: Point) -> str:
    return f"{num(p[0])} {num(p[1])}"
