"""Curves over steps for the Gallery: a few lines on a log axis, with points and marks on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.schedule_picture import ticks
from torchlean_nb.render.stills import words

SIZE = (700.0, 300.0)
_LEFT, _RIGHT, _TOP, _LOW = 58.0, 16.0, 40.0, 44.0


@dataclass(frozen=True)
class Line:
    """One curve: its name, its points, and how it is drawn."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    ink: str
    dash: str = "none"
    wide: float = 2.0
    dots: bool = False


def curves_body(
    lines: Sequence[Line], title: str, x: str = "step", span: tuple[float, float] | None = None,
    mark: tuple[float, str] | None = None,
) -> str:
    """Curves on a log axis, their names above; `mark` is a place on the x axis with a word at it."""
    known = [y for line in lines for y in line.ys if math.isfinite(y) and y > 0]
    low, high = span or (min(known, default=0.1) / 1.3, max(known, default=1.0) * 1.3)
    first, last = min(min(line.xs) for line in lines), max(max(line.xs) for line in lines)
    wide, tall = SIZE[0] - _LEFT - _RIGHT, SIZE[1] - _TOP - _LOW

    def place(v: float, y: float) -> tuple[float, float]:
        up = math.log(min(max(y, low), high) / low) / math.log(high / low)
        return _LEFT + wide * (v - first) / ((last - first) or 1), _TOP + tall * (1 - up)

    body = [words(_LEFT, 16, title, "b")]
    for t in ticks(low, high, log=True):
        y = place(first, t)[1]
        body += [f'<path class="fwd" opacity=".4" d="M{num(_LEFT)} {num(y)}h{num(wide)}"/>',
                 words(_LEFT - 6, y + 3.5, fmt(t, 2), "s e")]  # fmt: skip
    body += [words(place(t, low)[0], _TOP + tall + 15, fmt(t, 4), "s m") for t in ticks(first, last)]
    body.append(words(_LEFT + wide, _TOP + tall + 34, x, "s e"))
    at = SIZE[0] - _RIGHT
    for line in reversed(lines):
        at -= 7.2 * len(line.name)
        body += [words(at, 16, line.name),
                 _ring(line, at - 14, 12) if line.dots else _stroke(line, f"M{num(at - 34)} 12h28")]  # fmt: skip
        at -= 52
    if mark:
        v = place(mark[0], low)[0]
        body += [f'<path class="fwd" stroke-dasharray="2 3" d="M{num(v)} {num(_TOP - 8)}V{num(_TOP + tall)}"/>',
                 words(v + 4, _TOP - 2, mark[1], "s")]  # fmt: skip
    for line in lines:
        points = [place(a, b) for a, b in zip(line.xs, line.ys, strict=True) if math.isfinite(b) and b > 0]
        if line.dots:
            body += [_ring(line, a, b) for a, b in points]
        elif points:
            body.append(_stroke(line, "M" + "L".join(f"{num(a)} {num(b)}" for a, b in points)))
    return "".join(body)


def _ring(line: Line, x: float, y: float) -> str:
    return f'<circle cx="{num(x)}" cy="{num(y)}" r="5" fill="none" stroke="{line.ink}" stroke-width="2"/>'


def _stroke(line: Line, path: str) -> str:
    return (f'<path fill="none" stroke="{line.ink}" stroke-width="{line.wide:g}" '
            f'stroke-dasharray="{line.dash}" d="{path}"/>')  # fmt: skip
