"""Where items stand across their row: every one near the median of its neighbours, none overlapping.

Within a row the order is fixed, so the nearest legal places are an isotonic regression, solved
exactly. Sweeping down and up a few times settles the whole drawing; medians rather than means
keep chains straight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torchlean_nb.render.layers import Item, Layers

LANE = 12
_SPACE, _LANE_SPACE = 14, 6
_SWEEPS = 12
# Pull of a piece of an edge by the number of bends at its ends: long edges should run straight.
_PULLS = (4.0, 1.0, 16.0)
_BESIDE = 1e-4
# Who gives way when a row is too narrow: bends before boxes, what stands beside the flow first.
_BOX, _BEND, _LIGHT = 4.0, 0.5, 0.01


def place(placed: Layers, breadth: Mapping[Item, float], light: frozenset[int]) -> dict[Item, float]:
    """Centre of every item on the cross axis, in whole pixels apart.

    Edges from `light` items (parameters, constants) count less: they stand beside the flow of data.
    """
    above: dict[Item, list[tuple[Item, float]]] = {i: [] for row in placed.rows for i in row}
    below: dict[Item, list[tuple[Item, float]]] = {i: [] for row in placed.rows for i in row}
    for a, b in placed.links:
        w = _BESIDE if a in light else _PULLS[isinstance(a, tuple) + isinstance(b, tuple)]
        above[b].append((a, w))
        below[a].append((b, w))
    both = {i: above[i] + below[i] for i in above}
    slots = [_slots(row, breadth) for row in placed.rows]
    at: dict[Item, float] = {}
    for row, slot in zip(placed.rows, slots, strict=True):
        at.update(zip(row, (s - slot[-1] / 2 for s in slot), strict=True))
    rows = list(zip(placed.rows, slots, strict=True))
    tips = {i for i in both if not (above[i] and below[i]) and not any(isinstance(j, tuple) for j, _ in both[i])}
    firm = {i: _BEND if isinstance(i, tuple) else _LIGHT if i in light else _BOX for i in both}
    _sweep(rows, at, above, tips, firm)
    for _ in range(max(2, min(_SWEEPS, 60_000 // len(at)))):
        _sweep(reversed(rows), at, both, tips, firm)
        _sweep(rows, at, both, tips, firm)
    return at


def _slots(row: list[Item], breadth: Mapping[Item, float]) -> list[float]:
    """Closest legal places of the items of a row, the first at 0."""
    out = [0.0]
    for a, b in zip(row, row[1:], strict=False):
        gap = _LANE_SPACE if isinstance(a, tuple) and isinstance(b, tuple) else _SPACE
        out.append(out[-1] + (breadth.get(a, LANE) + breadth.get(b, LANE)) / 2 + gap)
    return out


def _sweep(rows, at: dict[Item, float], near, tips: set[Item], firm: Mapping[Item, float]) -> None:
    for row, slot in rows:
        wish = [_wish(at[i], [(at[j], w) for j, w in near[i]], i in tips) for i in row]
        free = isotonic([v - s for v, s in zip(wish, slot, strict=True)], [firm[i] for i in row])
        at.update(zip(row, (round(f) + s for f, s in zip(free, slot, strict=True)), strict=True))


def _wish(here: float, near: list[tuple[float, float]], tip: bool) -> float:
    """Point of the neighbours' median interval nearest to `here`, or its middle for a `tip`."""
    if not near:
        return here
    total, run, low = sum(w for _, w in near), 0.0, None
    for place, w in sorted(near):
        run += w
        if low is None and 2 * run >= total:
            low = place
        if 2 * run > total:
            break
    return (low + place) / 2 if tip else min(max(here, low), place)


def isotonic(values: list[float], weights: list[float]) -> list[float]:
    """Nearest non-decreasing sequence in weighted squares (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []
    for v, w in zip(values, weights, strict=True):
        n = 1
        while blocks and blocks[-1][0] > v:
            v0, w0, n0 = blocks.pop()
            v, w, n = (v0 * w0 + v * w) / (w0 + w), w0 + w, n0 + n
        blocks.append((v, w, n))
    return [v for v, _, n in blocks for _ in range(n)]
