"""Losses over one score and their gradients: text and picture at one score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.schedule_picture import ticks
from torchlean_nb.render.stills import PAD, WIDTH, still, words

_INKS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("none", "7 3", "2 3", "9 3 2 3", "13 4", "4 2")
_LEFT, _TOP, _TALL, _GAP = 56, 48, 190, 52
_WIDE = (WIDTH - _LEFT - _GAP - 2 * PAD) / 2


def losses_text(payload: Mapping[str, Any], at: int, target: int) -> str:
    """Value and gradient of every loss at one score, and at a few others."""
    z, truth = payload["z"], payload["targets"][target]
    lines = [f"{payload['axis']} {fmt(z[at], 4)}, truth {truth}", f"{'loss':22}{'value':>12}{'gradient':>14}"]
    for c in payload["curves"]:
        lines.append(f"{c['name'][:20]:22}{_say(c['loss'][target][at]):>12}{_say(c['grad'][target][at]):>14}")
    some = sorted({0, len(z) // 4, len(z) // 2, 3 * len(z) // 4, len(z) - 1})
    lines.append("gradients at " + ", ".join(fmt(z[i], 3) for i in some))
    for c in payload["curves"]:
        lines.append(f"{c['name'][:20]:22}" + " ".join(f"{_say(c['grad'][target][i], 3):>10}" for i in some))
    return "\n".join(lines)


def _say(v: float | None, digits: int = 5) -> str:
    return "not finite" if v is None else fmt(v, digits)


def losses_svg(payload: Mapping[str, Any], at: int, target: int, log: bool = False) -> str:
    """Losses on the left, gradients on the right, a cursor at one score."""
    z, body = np.array(payload["z"]), []
    where = f"{payload['axis']} {fmt(z[at], 4)}, truth {payload['targets'][target]}"
    body.append(words(PAD, 18, where, "b"))
    for k, (key, title) in enumerate((("loss", "loss"), ("grad", "size of the gradient" if log else "gradient"))):
        left = _LEFT + k * (_WIDE + _GAP)
        body.append(words(left, _TOP - 8, title, "b"))
        lists = [_numbers(c[key][target], log) for c in payload["curves"]]
        _plot(body, z, lists, left, at, log)
    y = _TOP + _TALL + 40
    for i, c in enumerate(payload["curves"]):
        loss, grad = (_say(c[key][target][at]) for key in ("loss", "grad"))
        body += [f'<path d="M{PAD} {num(y - 4)}h24" {_stroke(i)}/>', words(PAD + 32, y, c["name"]),
                 words(330, y, loss, "v e"), words(450, y, grad, "g e")]  # fmt: skip
        y += 16
    return still(WIDTH, y, f"Losses and their gradients at {where}", body)


def _numbers(values: Sequence[float | None], log: bool) -> np.ndarray:
    v = np.array([np.nan if x is None else x for x in values])
    if log:
        v = np.where(v == 0, np.nan, np.abs(v))
    return np.log10(v) if log else v


def _stroke(i: int) -> str:
    return f'fill="none" stroke="{_INKS[i % 6]}" stroke-width="2.25" stroke-dasharray="{_DASHES[i % 6]}"'


def _plot(body: list[str], z: np.ndarray, lists: list[np.ndarray], left: float, at: int, log: bool) -> None:
    known = np.concatenate(lists)
    known = known[np.isfinite(known)].clip(-1e300, 1e300)
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low = max(low, high - 8) if log else low
    room = 0.06 * (high - low or abs(high) or 1.0)
    low, high = low - room, high + room

    def x(v: float) -> float:
        return left + _WIDE * (v - z[0]) / (z[-1] - z[0])

    def y(v: float) -> float:
        return _TOP + _TALL * (1 - min(1.02, max(-0.02, (v - low) / (high - low))))

    for t in ticks(10 ** max(low, -300.0), 10 ** min(high, 300.0), log=True) if log else ticks(low, high):
        at_y = y(np.log10(t) if log else t)
        body += [f'<path class="fwd" opacity=".5" d="M{num(left)} {num(at_y)}h{num(_WIDE)}"/>',
                 words(left - 5, at_y + 3.5, fmt(t, 2), "s e")]  # fmt: skip
    body += [words(x(t), _TOP + _TALL + 15, fmt(t, 3), "s m") for t in ticks(float(z[0]), float(z[-1]))]
    for i, values in enumerate(lists):
        points = [f"{num(x(a))} {num(y(b))}" for a, b in zip(z, values, strict=True) if np.isfinite(b)]
        body.append(f'<path d="M{"L".join(points[:: max(1, len(points) // 120)])}" {_stroke(i)}/>')
        if np.isfinite(values[at]):
            body.append(f'<circle cx="{num(x(z[at]))}" cy="{num(y(values[at]))}" r="4" fill="{_INKS[i % 6]}"/>')
    body.append(f'<path class="fwd" d="M{num(x(z[at]))} {_TOP}v{_TALL}"/>')
