"""Where items stand across their row: every one near the median of its neighbours, none overlapping.

Within a row the order is fixed, so the nearest legal places are an isotonic regression, solved
exactly. Sweeping up and down a few times settles the whole drawing; medians rather than means
keep chains straight. The bends of one long edge first come as near to its ends as they can,
then line up.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from statistics import median

from torchlean_nb.render.layers import Item, Layers

LANE = 12
_SPACE, _LANE_SPACE = 14, 6
_SWEEPS, _STRAIGHTEN = 10, 3
# Whom an item stands under, when its neighbours disagree: first the op before it, then inputs, then long edges.
_INPUT, _BENT, _BELOW = 0.9, 0.8, 0.7
# Who gives way when a row is too narrow: what stands beside the flow first, then bends, then inputs.
_OP_FIRM, _INPUT_FIRM, _BEND_FIRM, _LIGHT = 4.0, 1e-2, 1e-3, 1e-5


def place(placed: Layers, breadth: Mapping[Item, float], roles: Mapping[int, str]) -> dict[Item, float]:
    """Centre of every item on the cross axis.

    Edges from parameters and constants hardly count: they stand beside the flow of data.
    """
    light = {i for i, role in roles.items() if role in ("param", "const")}
    above: dict[Item, list[tuple[Item, float]]] = {i: [] for row in placed.rows for i in row}
    below: dict[Item, list[tuple[Item, float]]] = {i: [] for row in placed.rows for i in row}
    for a, b in placed.links:
        bent = isinstance(a, tuple) or isinstance(b, tuple)
        pull = _LIGHT if a in light else _BENT if bent else _INPUT if roles.get(a) == "input" else 1.0
        above[b].append((a, pull))
        below[a].append((b, pull * _BELOW))
    both = {i: above[i] + below[i] for i in above}
    tips = {i for i in both if not (above[i] and below[i]) and not any(isinstance(j, tuple) for j, _ in both[i])}
    by_role = {"input": _INPUT_FIRM, "param": _LIGHT, "const": _LIGHT}
    firm = {i: _BEND_FIRM if isinstance(i, tuple) else by_role.get(roles[i], _OP_FIRM) for i in both}
    slots = [_slots(row, breadth) for row in placed.rows]
    at: dict[Item, float] = {}
    for row, slot in zip(placed.rows, slots, strict=True):
        at.update(zip(row, (s - slot[-1] / 2 for s in slot), strict=True))
    rows, long = list(zip(placed.rows, slots, strict=True)), _long_edges(placed)

    def sweep(order: Iterable[tuple[list[Item], list[float]]], near, bends: Mapping[Item, float]) -> None:
        for row, slot in order:
            wish = [bends[i] if i in bends else _wish(at[i], [(at[j], w) for j, w in near[i]], i in tips) for i in row]
            free = isotonic([v - s for v, s in zip(wish, slot, strict=True)], [firm[i] for i in row])
            at.update(zip(row, (round(f) + s for f, s in zip(free, slot, strict=True)), strict=True))

    sweep(rows, above, {})
    for i in range(max(2, min(_SWEEPS, 40_000 // len(at))) + _STRAIGHTEN):
        bends = _bend_wishes(long, at, straight=i >= _SWEEPS)
        sweep(reversed(rows), both, bends)
        sweep(rows, both, bends)
    return at


def _long_edges(placed: Layers) -> list[tuple[list[Item], list[Item]]]:
    """Bends of every long edge (or of all that share a lane), with the items at its ends."""
    bends: dict[tuple, dict[Item, None]] = {}
    ends: dict[tuple, list[Item]] = {}
    for lane in placed.lanes.values():
        if len(lane) > 2:
            key = lane[1][:3]
            bends.setdefault(key, {}).update(dict.fromkeys(lane[1:-1]))
            ends.setdefault(key, [lane[0]]).append(lane[-1])
    return [(list(b), ends[k]) for k, b in bends.items()]


def _bend_wishes(
    long: list[tuple[list[Item], list[Item]]], at: Mapping[Item, float], straight: bool
) -> dict[Item, float]:
    """Between the ends where that is possible; once `straight`, where the most crowded row put them."""
    out: dict[Item, float] = {}
    for bends, ends in long:
        low, high = min(at[i] for i in ends), max(at[i] for i in ends)
        inside = min(max(median(at[i] for i in bends), low), high)
        if straight:
            inside = max((at[i] for i in bends), key=lambda c: (max(low - c, c - high, 0.0), -abs(c - inside)))
        out.update(dict.fromkeys(bends, inside))
    return out


def _slots(row: list[Item], breadth: Mapping[Item, float]) -> list[float]:
    """Closest legal places of the items of a row, the first at 0."""
    out = [0.0]
    for a, b in itertools.pairwise(row):
        gap = _LANE_SPACE if isinstance(a, tuple) and isinstance(b, tuple) else _SPACE
        out.append(out[-1] + (breadth.get(a, LANE) + breadth.get(b, LANE)) / 2 + gap)
    return out


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
