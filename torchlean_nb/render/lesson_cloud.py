"""Clouds of gradients and what clipping makes of them: the account in numbers, text and picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.render.glyphs import text_width
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import PAD, WIDTH, still, words

CLIPS = ("none", "norm", "value")
_SIDE, _LEFT, _TOP = 300, 56, 44


@dataclass(frozen=True, eq=False)
class Cut:
    """Gradients before and after clipping, and by how many degrees each is turned."""

    before: np.ndarray
    after: np.ndarray
    turns: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, how: str, limit: float) -> Cut:
        """Clip rows of a (n, 2) array by ``"norm"``, by ``"value"`` or not at all."""
        long = np.hypot(*points.T)
        by = np.minimum(1.0, limit / np.where(long > 0, long, 1.0)) if how == "norm" else 1.0
        after = np.clip(points, -limit, limit) if how == "value" else points * np.reshape(by, (-1, 1))
        cross = points[:, 0] * after[:, 1] - points[:, 1] * after[:, 0]
        turns = np.degrees(np.abs(np.arctan2(cross, (points * after).sum(axis=1))))
        return cls(points, after, np.where(turns < 1e-9, 0.0, turns))  # rounding alone turns nothing

    @property
    def count(self) -> int:
        """How many were cut."""
        return int((self.before != self.after).any(axis=1).sum())


def rms(points: np.ndarray, mean: Any) -> float:
    """Root of the mean squared distance from a point, NaN where there is none."""
    return math.nan if mean is None else float(np.sqrt(((points - np.array(mean)) ** 2).sum(axis=1).mean()))


def accounts(payload: Mapping[str, Any], how: str, limit: float) -> list[tuple[str, int, float, float, int, float]]:
    """Of each cloud: name, size, rms distance to the mean, the same clipped, how many were cut, largest turn."""
    mean, out = payload["mean"], []
    for c in payload["clouds"]:
        cut = Cut.of(np.array(c["points"]), how, limit)
        far = (rms(cut.before, mean), rms(cut.after, mean))
        out.append((c["name"], len(cut.before), *far, cut.count, float(cut.turns.max())))
    return out


def _arrow_says(payload: Mapping[str, Any], step: int, how: str, limit: float, at: int) -> list[str]:
    cloud = payload["clouds"][step]
    cut = Cut.of(np.array(cloud["points"]), how, limit)
    said = [f"gradient {at + 1} of {cloud['name']}: ({_pair(cut.before[at])})"]
    if how == "none":
        return said
    return [*said, f"becomes ({_pair(cut.after[at])})", f"turned by {fmt(cut.turns[at], 4)}°"]


def cloud_text(payload: Mapping[str, Any], step: int, how: str, limit: float, at: int) -> str:
    """A row per cloud, and the chosen gradient before and after."""
    clip = "" if how == "none" else f", clipped by {how} at {fmt(limit, 3)}"
    spread = payload["mean"] is not None
    head = f"{'':18}{'gradients':>10}" + f"{'rms':>10}" * spread
    if clip:
        head += f"{'clipped':>10}" * spread + f"{'cut':>6}{'turn':>9}"
    first = f"{payload['word']} ({_pair(np.array(payload['mean']))})" if spread else "gradients"
    lines = [first + clip, head]
    for name, n, far, after, count, most in accounts(payload, how, limit):
        more = f"{fmt(after, 4):>10}" * spread + f"{count:>6}{fmt(most, 4):>8}°" if clip else ""
        lines.append(f"{name[:17]:18}{n:>10}" + f"{fmt(far, 4):>10}" * spread + more)
    return "\n".join([*lines, " ".join(_arrow_says(payload, step, how, limit, at))])


def _pair(v: np.ndarray) -> str:
    return f"{fmt(v[0], 4)}, {fmt(v[1], 4)}"


def cloud_svg(payload: Mapping[str, Any], step: int, how: str, limit: float, at: int) -> str:
    """The cloud of one step on the left, the account of all of them on the right."""
    points, mean = np.array(payload["clouds"][step]["points"]), payload["mean"]
    cut, reach = Cut.of(points, how, limit), payload["reach"] * 1.08
    name = payload["clouds"][step]["name"]

    def xy(p: Any) -> tuple[float, float]:
        return _LEFT + _SIDE * (float(p[0]) / reach + 1) / 2, _TOP + _SIDE * (1 - float(p[1]) / reach) / 2

    body = [words(PAD, 20, f"{name}: {len(points)} gradients", "b"), words(_LEFT, _TOP - 6, payload["axes"][1], "s"),
            words(_LEFT + _SIDE, _TOP + _SIDE + 28, payload["axes"][0], "s e")]  # fmt: skip
    x0, y0 = xy((0, 0))
    body.append(f'<path class="fwd" d="M{_LEFT} {num(y0)}h{_SIDE}M{num(x0)} {_TOP}v{_SIDE}"/>')
    for v in (-payload["reach"], 0.0, payload["reach"]):
        body += [words(xy((v, 0))[0], _TOP + _SIDE + 14, fmt(v, 2), "s m"), words(_LEFT - 5, xy((0, v))[1] + 3.5,
                                                                                   fmt(v, 2), "s e")]  # fmt: skip
    inside = np.abs(points).max(axis=1) <= reach
    size = 2 if len(points) > 60 else 4
    if how != "none":
        body += [_dot(xy(p), size, "hn", 0.35) for p in points[inside]]
    body += [_dot(xy(p), size, "hg", 0.6) for p in cut.after[np.abs(cut.after).max(axis=1) <= reach]]
    far = limit / reach * _SIDE / 2
    if how == "norm":
        body.append(f'<circle class="slot" cx="{num(x0)}" cy="{num(y0)}" r="{num(far)}"/>')
    if how == "value":
        body.append(f'<path class="slot" d="M{num(x0 - far)} {num(y0 - far)}h{num(2 * far)}v{num(2 * far)}'
                    f'h{num(-2 * far)}z"/>')  # fmt: skip
    for i in range(len(points)) if len(points) <= payload["few"] else [at]:
        if how != "none":
            body.append(_arrow(xy((0, 0)), xy(points[i]), "fwd", "fh"))
        body.append(_arrow(xy((0, 0)), xy(cut.after[i]), f'bwd" stroke-width="{2 if i == at else 1}', "bh"))
    if mean is not None:
        (mx, my), wide = xy(mean), text_width(payload["word"], 11.5, bold=True) + 4
        body += [f'<path class="fwd" stroke-width="3" d="M{num(mx - 7)} {num(my)}h14M{num(mx)} {num(my - 7)}v14"/>',
                 f'<rect class="back" opacity=".8" x="{num(mx + 7)}" y="{num(my - 17)}" width="{num(wide)}" '
                 'height="16"/>',
                 words(mx + 9, my - 5, payload["word"], "b")]  # fmt: skip
    side, y = _LEFT + _SIDE + 30, _TOP + 8.0
    for cloud, _, _, after, _, _ in accounts(payload, how, limit) if mean is not None else ():
        body += [words(side, y, cloud[:18]), words(WIDTH - PAD, y, f"rms {fmt(after, 4)}", "g e")]
        y += 18
    for line in _arrow_says(payload, step, how, limit, at):
        y += 16
        body.append(words(side, y, line, "s"))
    return still(WIDTH, _TOP + _SIDE + 40, f"{name}: {len(points)} gradients", body)


def _dot(at: tuple[float, float], size: float, hue: str, strong: float) -> str:
    return f'<circle class="{hue}" fill-opacity="{strong}" cx="{num(at[0])}" cy="{num(at[1])}" r="{size}"/>'


def _arrow(a: tuple[float, float], b: tuple[float, float], line: str, tip: str) -> str:
    long = math.hypot(b[0] - a[0], b[1] - a[1])
    if long < 2:
        return ""
    ux, uy = (b[0] - a[0]) / long, (b[1] - a[1]) / long
    head = f"l{num(-ux * 9 + uy * 4)} {num(-uy * 9 - ux * 4)}l{num(-uy * 8)} {num(ux * 8)}z"
    return (f'<path class="{line}" d="M{num(a[0])} {num(a[1])}L{num(b[0] - ux * 6)} {num(b[1] - uy * 6)}"/>'
            f'<path class="{tip}" d="M{num(b[0])} {num(b[1])}{head}"/>')
