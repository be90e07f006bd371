"""Pictures of lesson 15: a valley with the parabola that fits it at one point, and bars of singular values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import words

VALLEY_SIZE = (700.0, 400.0)
BARS_SIZE = (700.0, 268.0)
BOUNDS = (-1.8, 1.8, -3.6, 2.4)
LEVELS = (1.0, 4.0, 20.0, 100.0, 400.0, 1600.0)
_LEFT, _TOP, _WIDE, _TALL = 46.0, 34.0, 420.0, 326.0
INK, HOT = "#0072B2", "#D55E00"
Points = np.ndarray


def valley_body(levels: Sequence[Points], model: Points, path: Points, at: int, notes: Sequence[str]) -> str:
    """Lines of equal height, the path as far as it went, and the ellipse of the parabola at its last point.

    Parameters
    ----------
    levels : sequence of array, shape (n, 2)
    model : array, shape (n, 2)
        Where the parabola is as high as at the point.
    path : array, shape (steps, 2)
    at : int
    notes : sequence of str
        Beside the map.
    """
    left, _, bottom, _ = BOUNDS
    body = [words(_LEFT, 18, f"step {at}", "b"),
            f'<rect fill="none" class="fwd" x="{_LEFT}" y="{_TOP}" width="{_WIDE}" height="{_TALL}"/>']  # fmt: skip
    body += [f'<path class="fwd" opacity=".55" fill="none" d="{_runs(line)}"/>' for line in levels]
    body.append(f'<path fill="none" stroke="{HOT}" stroke-width="2" stroke-dasharray="6 3" d="{_runs(model)}"/>')
    body.append(f'<path fill="none" stroke="{INK}" stroke-width="1.6" d="M{"L".join(map(_at, path[: at + 1]))}"/>')
    if at + 1 < len(path):
        body.append(f'<path fill="none" stroke="{HOT}" stroke-width="1.6" d="M{_at(path[at])}L{_at(path[at + 1])}"/>')
        x, y = _at(path[at + 1]).split()
        body.append(f'<path stroke="{HOT}" stroke-width="2" d="M{x} {y}m-5 -5l10 10m0 -10l-10 10"/>')
    x, y = map(float, _at((1.0, 1.0)).split())
    body += [f'<circle cx="{num(x)}" cy="{num(y)}" r="7" fill="none" stroke="{INK}" stroke-dasharray="2 2"/>',
             words(x - 12, y - 8, "minimum", "s e")]  # fmt: skip
    for k, point in enumerate(path[: at + 1]):
        x, y = _at(point).split()
        body.append(f'<circle cx="{x}" cy="{y}" r="{5 if k == at else 3}" fill="{INK}"/>')
    for v in (-1.0, 0.0, 1.0):
        body.append(words(float(_at((v, bottom)).split()[0]), _TOP + _TALL + 16, f"{v:g}", "s m"))
    for v in (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0):
        body.append(words(_LEFT - 6, float(_at((left, v)).split()[1]) + 3.5, f"{v:g}", "s e"))
    side = _LEFT + _WIDE + 18
    body += [words(side, _TOP + 14 + 19 * k, text, "b" if k == 0 else "") for k, text in enumerate(notes)]
    low = _TOP + _TALL - 44
    legend = ((INK, "none", "where Newton was"), (HOT, "6 3", "as high as here, on the parabola"),
              (HOT, "none", "its lowest point (x): the next step"))  # fmt: skip
    for k, (ink, dash, text) in enumerate(legend):
        body += [f'<path stroke="{ink}" stroke-width="2" stroke-dasharray="{dash}" d="M{side} {low + 19 * k - 4}h22"/>',
                 words(side + 28, low + 19 * k, text, "s")]  # fmt: skip
    return "".join(body)


def _at(point: Sequence[float]) -> str:
    left, right, bottom, top = BOUNDS
    x = _LEFT + _WIDE * (point[0] - left) / (right - left)
    return f"{num(x)} {num(_TOP + _TALL * (top - point[1]) / (top - bottom))}"


def _runs(line: Points) -> str:
    """Those parts of a line that are inside the map."""
    left, right, bottom, top = BOUNDS
    x, y = line.T
    inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
    runs = np.split(np.arange(len(line)), np.flatnonzero(np.diff(inside)) + 1)
    return "".join("M" + "L".join(_at(line[i]) for i in run) for run in runs if inside[run[0]] and len(run) > 1)


def bars_body(sizes: np.ndarray, rounds: int) -> str:
    """Singular values, largest first, between lines at 0 and 1.

    Examples
    --------
    >>> bars_body(np.array([1.0, 0.5]), 2).count("<rect")
    2
    """
    left, top, wide, tall, high = 46.0, 40.0, 630.0, 186.0, 1.25
    body = [words(left, 20, f"{len(sizes)} singular values after {rounds} rounds of Newton-Schulz", "b")]
    for v in (0.0, 0.5, 1.0):
        y = top + tall * (1 - v / high)
        body += [f'<path class="fwd" opacity=".4" d="M{left} {num(y)}h{wide}"/>',
                 words(left - 6, y + 3.5, f"{v:g}", "s e")]  # fmt: skip
    step = wide / len(sizes)
    for k, v in enumerate(sizes):
        h = tall * min(v, high) / high
        body.append(f'<rect class="hv" x="{num(left + k * step + 1)}" y="{num(top + tall - h)}" '
                    f'width="{num(step - 2)}" height="{num(h)}"/>')  # fmt: skip
    ends = f"largest {fmt(sizes[0], 3)}, smallest {fmt(sizes[-1], 3)}"
    return "".join([*body, words(left + wide, 20, ends, "v e")])
