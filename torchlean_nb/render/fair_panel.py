"""Drawings of a fair comparison: loss against learning rate, and places from problem to problem.

Each is the inside of an SVG; what belongs to one contender stands in a group with ``data-c``, so that a widget can
hide it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from torchlean_nb.escape import svg as escape
from torchlean_nb.escape import visible
from torchlean_nb.render.glyphs import fit
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import words
from torchlean_nb.trace import judging
from torchlean_nb.trace.contest import Contest, Entry

WIDTH, HEIGHT, ALONE = 340, 220, 480
FLOOR = 1e-16  # share of the largest loss below which one is as good as another
INKS = (None, "#E69F00", "#56B4E9", "#CC79A7", "#0072B2", "#009E73")  # the first is the colour of the text
SHAPES = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", "M-3.6 -3.6h7.2v7.2h-7.2z", "M0 -4.6L4.5 3.4H-4.5z", "M0 -5L5 0L0 5L-5 0z",
    "M0 4.6L4.5 -3.4H-4.5z", "M-1.6 -4.6h3.2v3h3v3.2h-3v3h-3.2v-3h-3v-3.2h3z",
)  # fmt: skip
_LEFT, _RIGHT, _TOP, _LOW, _STRIP = 50, 12, 30, 38, 16
_AXES = {"best": "last loss", "median": "last loss", "steps": "{} to {}", "area": "mean loss on the way"}


@dataclass(frozen=True)
class Scale:
    """Numbers to places, on a logarithm or not."""

    low: float
    high: float
    start: float
    size: float
    log: bool

    def __call__(self, v: float) -> float:
        """Place of a number, at an end where it is beyond."""
        v = min(max(v, self.low), self.high)
        low, high, v = (math.log(x) for x in (self.low, self.high, v)) if self.log else (self.low, self.high, v)
        return self.start + self.size * (v - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round numbers between the ends."""
        if not self.log:
            size = 10 ** math.floor(math.log10((self.high - self.low) / 2))
            size *= next(m for m in (1, 2, 5, 10) if (self.high - self.low) / (m * size) <= 6)
            return [i * size for i in range(math.ceil(self.low / size), math.floor(self.high / size) + 1)]
        low, high = math.log10(self.low), math.log10(self.high)
        every = max(1, math.ceil((high - low) / 6))
        marks = (1.0,) if high - low > 2.2 else (1.0, 2.0, 5.0)
        found = [m * 10.0**e for e in range(math.floor(low), math.floor(high) + 1) if e % every == 0 for m in marks]
        return [v for v in found if self.low * (1 - 1e-9) <= v <= self.high * (1 + 1e-9)]


def look(i: int, kind: str, how: str = "stroke") -> str:
    """Attributes of a class of shapes in the colour of a contender; dashed where the colours begin again."""
    hue, dash = INKS[i % len(INKS)], ' stroke-dasharray="6 3"' if i >= len(INKS) and how == "stroke" else ""
    return f'class="{kind}" {how}="{hue}"{dash}' if hue else f'class="{kind} {"ct" if how == "stroke" else "cf"}"{dash}'


def mark(i: int, x: float, y: float, size: float = 1.0) -> str:
    """Marker of a contender; hollow where the colours begin again."""
    where = f"translate({num(x)} {num(y)}) scale({size:g})"
    drawn = look(i, "cm", "fill") if i < len(INKS) else look(i % len(INKS), "ch")
    return f'<path {drawn} transform="{where}" d="{SHAPES[i % len(SHAPES)]}"/>'


def place(c: Contest, name: str, metric: str) -> str:
    """``1``, or ``1=`` where the place is shared."""
    found = c.ranking(metric)
    return f"{found[name]}{'=' if [*found.values()].count(found[name]) > 1 else ''}"


def axis(c: Contest, metric: str) -> str:
    """What the second axis of a panel counts."""
    return _AXES[metric].format(c.unit, "a target" if math.isnan(c.target) else fmt(c.target, 3))


def sensitivity(c: Contest, metric: str = "best", width: float = WIDTH) -> str:
    """A line for each contender: median over the seeds against the rate, the seeds as a band around it."""
    scores = [c.scores(e.name, metric) for e in c.entries]
    with np.errstate(invalid="ignore"):
        middles = [np.median(s, axis=1) for s in scores]
    xs, ys = _scales(c, scores, middles, metric, width - _LEFT - _RIGHT)
    low, top = _TOP + _STRIP, HEIGHT - _LOW
    body = [words(_LEFT, 16, fit(visible(c.problem), 170, 11.5, bold=True) or "…", "b"),
            words(width - _RIGHT, 16, axis(c, metric), "s e"),
            words(width - _RIGHT, HEIGHT - 6, "learning rate", "s e")]  # fmt: skip
    for v in xs.ticks() if xs else ():
        body += [f'<path class="ax" d="M{num(xs(v))} {low}V{top}"/>', words(xs(v), top + 14, fmt(v, 3), "s m")]
    for v in ys.ticks() if ys else ():
        body += [f'<path class="ax" d="M{_LEFT} {num(ys(v))}H{width - _RIGHT}"/>',
                 words(_LEFT - 6, ys(v) + 3.5, fmt(v, 3), "s e")]  # fmt: skip
    if any(not np.isfinite(m).all() for m in middles):
        word = "never" if metric == "steps" else "diverged"
        body.append(words(_LEFT - 6, _TOP + 9, word, "s e"))
    for i, (e, s, m) in enumerate(zip(c.entries, scores, middles, strict=True)):
        body.append(f'<g data-c="{i}">{"".join(_entry(e, i, s, m, metric, xs, ys, width))}</g>')
    return "".join(body)


def _scales(
    c: Contest, scores: Sequence[np.ndarray], middles: Sequence[np.ndarray], metric: str, wide: float
) -> tuple[Scale | None, Scale | None]:
    if not c.entries:
        return None, None
    rates = np.concatenate([e.rates for e in c.entries])
    rates = rates[np.isfinite(rates) & (rates > 0)]
    tall = HEIGHT - _LOW - _TOP - _STRIP
    xs = Scale(rates.min() / 1.6, rates.max() * 1.6, _LEFT, wide, True) if rates.size else None
    seen = np.concatenate([m[np.isfinite(m)] for m in middles])
    lows = np.concatenate([s.min(axis=1)[np.isfinite(m)] for s, m in zip(scores, middles, strict=True)])
    if not seen.size:
        return xs, None
    low, high = float(lows.min()), float(seen.max())
    if metric != "steps":
        # What is far above where everybody began says no more than that it is.
        start = 3 * float(np.median(np.concatenate([e.curves[..., 0].ravel() for e in c.entries])))
        high = min(high, start) if start > low else high
    log = low >= 0 < high and (metric != "steps" or high > 20 * low > 0)
    if log:
        low = max(low, high * FLOOR)
        low, high = low / 1.15, max(high, low * 1.01) * 1.15
    else:
        room = 0.05 * (high - low or 1.0)
        low, high = low - room, high + room
    # From the top to the bottom: the scale runs down.
    return xs, Scale(low, high, HEIGHT - _LOW, -tall, log)


def _entry(
    e: Entry, i: int, s: np.ndarray, m: np.ndarray, metric: str, xs: Scale | None, ys: Scale | None, width: float,
) -> Iterator[str]:
    wide = width - _LEFT - _RIGHT
    ok, best = np.isfinite(m), judging.best_rate(s)
    if np.isnan(e.rates).any():  # a rule without a rate: one line across
        if ys and ok.any():
            yield f'<path {look(i, "cl")} d="M{_LEFT} {num(ys(m[0]))}h{wide}"/>'
            yield mark(i, _LEFT + wide - 6, ys(m[0]))
        return
    x = [xs(r) for r in e.rates.tolist()] if xs else []
    if ys is not None:
        for run in _stretches(ok):
            up = [f"{num(x[k])} {num(ys(float(s[k].min())))}" for k in run]
            down = [f"{num(x[k])} {num(ys(float(min(s[k].max(), np.finfo(float).max))))}" for k in reversed(run)]
            if s.shape[1] > 1 and len(run) > 1:
                yield f'<path {look(i, "cb", "fill")} d="M{"L".join(up + down)}z"/>'
            line = "L".join(f"{num(x[k])} {num(ys(float(m[k])))}" for k in run)
            yield f'<path {look(i, "cl")} d="M{line}"/>'
    for k, at in enumerate(x):
        if not ok[k]:
            at += 5 * (i - 2)
            yield f'<path {look(i, "cx")} d="M{num(at - 3)} {_TOP + 3}l6 6m0 -6l-6 6"/>'
        elif ys is not None:
            said = f"{visible(e.name, 40)} at {fmt(e.rates[k], 3)}: {fmt(m[k], 4)}"
            if s.shape[1] > 1:
                said += f", seeds {fmt(s[k].min(), 4)} to {fmt(s[k].max(), 4)}"
            yield f"<g><title>{escape(said)}</title>{mark(i, at, ys(float(m[k])), 1.25 if k == best else 0.7)}</g>"
    end = judging.edge(s)
    if ys is not None and end and metric != "median":
        at, level, way = x[best], ys(float(m[best])), 1 if end == "high" else -1
        yield f'<circle class="ce" cx="{num(at)}" cy="{num(level)}" r="9"/>'
        arrow = f"h{6 * way}m{-3 * way} -3l{3 * way} 3l{-3 * way} 3"
        yield f'<path class="ce ca" d="M{num(at + 9 * way)} {num(level)}{arrow}"/>'


def _stretches(ok: np.ndarray) -> list[list[int]]:
    """Runs of neighbours that are all there."""
    out: list[list[int]] = []
    for k, there in enumerate(ok.tolist()):
        if there and k and ok[k - 1]:
            out[-1].append(k)
        elif there:
            out.append([k])
    return out


def slope(contests: Sequence[Contest], metric: str = "best") -> tuple[str, float]:
    """Places on every problem with a line for each contender, shared places framed; and how tall that is."""
    names = list(dict.fromkeys(name for c in contests for name in c))
    orders = [[*c.ranking(metric)] for c in contests]
    left, right = 104, WIDTH - 104
    at = [left + (right - left) * k / max(1, len(contests) - 1) for k in range(len(contests))]
    room = (right - left) / max(1, len(contests) - 1) - 6
    gap = min(26.0, max(13.0, (HEIGHT - 62) / max(1, len(names) - 1)))
    pad = min(10.0, gap / 2 - 0.5)
    level = [{name: 52 + gap * k for k, name in enumerate(order)} for order in orders]
    body = [words(WIDTH / 2, 14, "places", "b m")]
    for k, (c, x) in enumerate(zip(contests, at, strict=True)):
        body.append(words(x, 31, fit(visible(c.problem), min(110.0, room), 10.5) or "…", "s m"))
        found = c.ranking(metric)
        for shared in {p for p in found.values() if [*found.values()].count(p) > 1}:
            heights = [level[k][name] for name in found if found[name] == shared]
            size = f'y="{num(heights[0] - pad)}" width="22" height="{num(heights[-1] - heights[0] + 2 * pad)}"'
            body.append(f'<rect class="tie" rx="9" x="{num(x - 11)}" {size}/>')
    for i, name in enumerate(names):
        where = [(x, rows[name]) for x, rows in zip(at, level, strict=True) if name in rows]
        parts = [f'<path {look(i, "cl")} d="M{"L".join(f"{num(x)} {num(y)}" for x, y in where)}"/>']
        parts += [mark(i, x, y, 1.25) for x, y in where]
        for side, c in ((0, contests[0]), (-1, contests[-1])):
            if name in c:
                x, y = at[side], level[side][name]
                said = fit(visible(name), 72) or "…"
                said = f"{said} {place(c, name, metric)}" if side == 0 else f"{place(c, name, metric)} {said}"
                parts.append(words(x + (-14 if side == 0 else 14), y + 3.5, said, "e" if side == 0 else ""))
        body.append(f'<g data-c="{i}">{"".join(parts)}</g>')
    return "".join(body), 52 + gap * (len(names) - 1) + 22
