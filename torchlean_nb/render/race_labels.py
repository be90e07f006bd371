"""Places for names beside points, none over another where that can be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

_SIDES = ((12, -12), (12, 4), (12, 18), (26, -20), (26, 30), (40, -36), (40, 46), (60, 4), (30, -56), (30, 66))
_SPOTS = tuple((side * x, y) for x, y in _SIDES for side in (1, -1))
_Box = tuple[float, float, float, float]


def placed(heads: Sequence[tuple[float, float, float]], wide: float, tall: float) -> list[tuple[float, float, bool]]:
    """Where labels go: ``(x, y, whether the text ends there)`` for each point ``(x, y, width of its label)``.

    Examples
    --------
    >>> placed([(50.0, 50.0, 30.0)], 400, 300)
    [(38.0, 54.0, True)]
    """
    taken: list[_Box] = [(x - 6, y - 6, 12, 12) for x, y, _ in heads]
    out = []
    for x, y, width in heads:
        left, top, dx = min(_tries(x, y, width, wide, tall, taken))[1]
        taken.append((left, top, width + 4, 14))
        out.append((left + 2 + (width if dx < 0 else 0), top + 11, dx < 0))
    return out


def _tries(
    x: float, y: float, width: float, wide: float, tall: float, taken: Sequence[_Box]
) -> Iterator[tuple[float, tuple[float, float, int]]]:
    """Cost and place of every spot around a point."""
    for dx, dy in _SPOTS:
        left = x + dx - 2 if dx > 0 else x + dx - width - 2
        box = (left, y + dy - 11, width + 4, 14.0)
        beside, beyond = max(0, -left) + max(0, left + box[2] - wide), max(0, -box[1]) + max(0, box[1] + 14 - tall)
        out = 14 * beside + width * beyond
        yield math.hypot(dx, dy) + 8 * out + 3 * sum(_over(box, t) for t in taken), (left, box[1], dx)


def _over(a: _Box, b: _Box) -> float:
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(0.0, across) * max(0.0, down)
