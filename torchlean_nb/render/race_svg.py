"""A race at one step as a picture: map with paths, loss and distance, what is equal, and the table of contenders."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from torchlean_nb.errors import HyperparameterError, quote
from torchlean_nb.escape import svg as escape
from torchlean_nb.escape import visible
from torchlean_nb.render.glyphs import fit, text_width
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.race_labels import placed
from torchlean_nb.render.race_map import ASPECT, BOX
from torchlean_nb.render.race_scene import HUES, MARKS, Scene, results, scene, settings, span
from torchlean_nb.render.routes import num
from torchlean_nb.render.theme import DARK, FONT, LIGHT
from torchlean_nb.trace.race import RaceTrace

WIDTH, MAP = 700.0, 404.0
TALL = MAP * ASPECT
_TOP, _ROW, _PAD = 36.0, 22.0, 12.0
_MOST = 24  # contenders in a picture
_POINTS, _ALL = 1000, 12_000  # of a line, and of one line of each contender
_SET, _COLUMNS, _STATUS = 150, (("best loss", 424.0), ("to target", 500.0), ("evaluations", 576.0)), 592
_RULES = """
.tl-race text{font-family:@font;font-size:10.5px;fill:@text;font-variant-numeric:tabular-nums}
.tl-race .t{font-size:14px;font-weight:600}
.tl-race .b{font-weight:600}
.tl-race .s{fill:@text2}
.tl-race .m{text-anchor:middle}
.tl-race .e{text-anchor:end}
.tl-race .o{paint-order:stroke;stroke:@bg;stroke-width:3px;stroke-linejoin:round}
.tl-race .g{fill:@bg}
.tl-race .g2{fill:@bg2}
.tl-race .iso{fill:none;stroke:@line2;stroke-width:.7}
.tl-race .rule{fill:none;stroke:@line}
.tl-race .now{fill:none;stroke:@text}
.tl-race .aim{fill:none;stroke:@text;stroke-dasharray:5 3}
.tl-race .halo{fill:none;stroke:@bg;stroke-width:3.5;opacity:.75;stroke-linejoin:round}
.tl-race .way{fill:none;stroke-width:1.6;stroke-linejoin:round}
.tl-race .top{stroke-width:2.4}
.tl-race .faint{opacity:.3;stroke-width:1}
.tl-race .mark{stroke:@bg;stroke-width:1}
.tl-race .ring{fill:@bg;stroke:@text;stroke-width:2}
.tl-race .lead{fill:none;stroke:@text2;stroke-width:.75}
.tl-race .chip{fill:@bg;stroke:@line}
.tl-race .warn{fill:@bg;stroke:@par;stroke-width:1.5}
.tl-race .h0{fill:@text}
.tl-race .l0{stroke:@text}
"""


def race_svg(
    trace: RaceTrace, step: int | None = None, target: float | None = None, on: Collection[str] | None = None,
    chosen: int = 0, theme: str | None = None,
) -> str:  # fmt: skip
    """Self-contained picture of a race at a step, by default the last.

    Parameters
    ----------
    trace : RaceTrace
    step : int, optional
    target : float, optional
        Loss that counts as reached; a hundredth above the lowest value by default.
    on : collection of str, optional
        Names of the contenders that are shown.
    chosen : int
        Index of the one that is drawn on top.
    theme : {None, "light", "dark"}
        By default as the reader prefers.

    Raises
    ------
    HyperparameterError, UnknownNameError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> race_svg(tl.race("sgd", on="sphere", steps=10)).startswith("<svg")
    True
    """
    if theme not in (None, "light", "dark"):
        raise HyperparameterError(f"race: theme={quote(theme)}", "None, 'light' or 'dark'")
    seen, left_out = _fewer(scene(trace, step, target, on, chosen))
    body, low = _head(seen), _TOP + TALL
    body += [_map(seen), *_plot(seen, 0), *_plot(seen, 1)]
    low = _fair(seen, body, low)
    low = _table(seen, body, low, left_out)
    body.append(_said(seen.sentence(), _PAD, low + 18))
    size = f'width="{num(WIDTH)}" height="{num(low + 28)}"'
    return (
        f'<svg class="tl-race" xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {num(WIDTH)} {num(low + 28)}"'
        f' role="img" aria-label="{escape(seen.sentence())}"><style>{rules(theme)}</style>'
        f'<rect class="g" {size}/>{"".join(body)}</svg>'
    )


def _fewer(seen: Scene) -> tuple[Scene, int]:
    """The scene with no more contenders than can be told apart, those with the lowest losses, and how many are not."""
    if len(seen.on) <= _MOST:
        return seen, 0
    low = sorted(seen.on, key=lambda i: (i != seen.chosen, not seen.stands[i].best < math.inf, seen.stands[i].best))
    return replace(seen, on=tuple(sorted(low[:_MOST]))), len(seen.on) - _MOST


def _points(seen: Scene) -> int:
    """Points that a line may have."""
    return min(_POINTS, _ALL // max(1, len(seen.on)))


def rules(theme: str | None) -> str:
    """Style rules with the colours written out: one theme, or light and dark as the reader prefers."""

    def filled(tokens: dict[str, str]) -> list[str]:
        text = _RULES
        for name in sorted({**tokens, "font": FONT}, key=len, reverse=True):
            text = text.replace(f"@{name}", {**tokens, "font": FONT}[name])
        return text.strip().split("\n")

    light, dark = filled(LIGHT), filled(DARK)
    if theme is not None:
        return "".join(dark if theme == "dark" else light)
    changed = "".join(d for a, d in zip(light, dark, strict=True) if a != d)
    return f"{''.join(light)}@media(prefers-color-scheme:dark){{{changed}}}"


def _text(x: float, y: float, said: object, kind: str = "") -> str:
    return f'<text{f" class={chr(34)}{kind}{chr(34)}" if kind else ""} x="{num(x)}" y="{num(y)}">{escape(said)}</text>'


def ink(mark: int, what: str = "stroke") -> str:
    """Attribute of a contender's colour; black is white on dark ground."""
    hue = HUES[mark % len(HUES)]
    return f'class="{"l0" if what == "stroke" else "h0"} ' if hue == "text" else f'{what}="{hue}" class="'


def _mark(i: int, x: float, y: float, by: float = 1.0) -> str:
    size = f" scale({num(by)})" if by != 1 else ""
    return f'<path {ink(i, "fill")}mark" transform="translate({num(x)} {num(y)}){size}" d="{MARKS[i % len(MARKS)]}"/>'


def _head(seen: Scene) -> list[str]:
    about, meta = seen.trace.surface, seen.trace.meta
    name = visible(about.get("label") or about.get("name", "?"), 60)
    kind = "noisy gradients" if about.get("noise") else "exact gradients"
    more = f"{kind} · {visible(meta.get('dtype', 'float64'), 20)} · seed {visible(meta.get('seed', 0), 20)}"
    title = fit(f"Optimizer race on {name}", 380, 14, bold=True)
    return [_text(_PAD, 23, title, "t"), _text(_PAD + text_width(title, 14, True) + 14, 23, more, "s"),
            _text(WIDTH - _PAD, 23, f"step {seen.step} of {seen.last}", "e")]  # fmt: skip


# -- the map --------------------------------------------------------------------------------------
def _map(seen: Scene) -> str:
    by, drawn = MAP / BOX, seen.map
    bands = max(1, len(drawn.fills) - 1)
    inside = [
        f'<path class="h0" fill-rule="evenodd" opacity="{0.2 * (k / bands) ** 0.8:.3f}" d="{d}"/>'
        for k, d in enumerate(drawn.fills)
        if d and k
    ] + [f'<path class="iso" vector-effect="non-scaling-stroke" d="{d}"/>' for d in drawn.lines if d]
    ways: list[str] = []
    heads, most = [], _points(seen)
    top = seen.chosen if seen.chosen in seen.on else -1
    for i in sorted(seen.on, key=lambda i: i == top):
        u, v = seen.way(i, seen.head(i), len(seen.trace.steps) - 1, most)
        x, y = seen.way(i, most=most)
        later, done, wide = path(u * by, v * by), path(x * by, y * by), " top" if i == top else ""
        ways += [f'<path {ink(i)}way faint" d="{later}"/>', f'<path class="halo" d="{done}"/>',
                 f'<path {ink(i)}way{wide}" d="{done}"/>']  # fmt: skip
        if len(x):
            heads.append((i, float(np.clip(x[-1] * by, 8, MAP - 8)), float(np.clip(y[-1] * by, 8, TALL - 8))))
    marks = [_mark(i, x, y, 1.25 if i == top else 1.0) for i, x, y in heads]
    frame = f"M0 .5H{num(WIDTH)}M{num(MAP)} 0V{num(TALL)}M0 {num(TALL)}H{num(WIDTH)}"
    clip = f'<clipPath id="tl-race-map"><rect width="{num(MAP)}" height="{num(TALL)}"/></clipPath>'
    return (
        f'<g transform="translate(0 {num(_TOP)})">{clip}<g clip-path="url(#tl-race-map)">'
        f'<rect class="g" width="{num(MAP)}" height="{num(TALL)}"/>'
        f'<g transform="scale({by:.4g})">{"".join(inside)}</g>{"".join(ways)}{_places(seen, by, heads)}'
        f'{"".join(marks)}</g><path class="rule" d="{frame}"/></g>'
    )


def _places(seen: Scene, by: float, heads: Sequence[tuple[int, float, float]]) -> str:
    """Start, minima, and the names beside the heads."""
    first = seen.stands[0]
    (u,), (v,) = seen.map.place(first.x[:1], first.y[:1])
    x0, y0 = float(u) * by, float(v) * by
    goals = np.array(seen.trace.surface.get("goals", ()), float).reshape(-1, 2)
    gx, gy = seen.map.place(goals[:, 0], goals[:, 1])
    inside = [(float(x), float(y)) for x, y in zip(gx * by, gy * by, strict=True) if 0 <= x <= MAP and 0 <= y <= TALL]
    out = [f'<path class="now" stroke-width="1.5" d="M{num(x - 5)} {num(y)}h10M{num(x)} {num(y - 5)}v10"/>'
           for x, y in inside]  # fmt: skip
    names = [(fit(seen.stands[i].label, 120), x, y) for i, x, y in heads]
    names += [("start", x0, y0), *(("minimum", x, y) for x, y in inside[:1])]
    spots = placed([(x, y, text_width(name)) for name, x, y in names], MAP, TALL)
    for (name, x, y), (lx, ly, end) in zip(names, spots, strict=True):
        if math.hypot(lx - x, ly - y) > 22:
            out.append(f'<path class="lead" d="M{num(x)} {num(y)}L{num(lx + (2 if end else -2))} {num(ly - 3.5)}"/>')
        out.append(_text(lx, ly, name, f"o{' e' if end else ''}"))
    return "".join([*out, f'<circle class="ring" cx="{num(x0)}" cy="{num(y0)}" r="5.5"/>'])


def path(x: np.ndarray, y: np.ndarray) -> str:
    """Path through points, to a tenth of a pixel; points that fall on the one before are left out."""
    px, py = np.rint(x * 10).astype(int), np.rint(y * 10).astype(int)
    if not len(px):
        return ""
    keep = np.append(True, (np.diff(px) != 0) | (np.diff(py) != 0))
    points = [f"{num(a / 10)} {num(b / 10)}" for a, b in zip(px[keep].tolist(), py[keep].tolist(), strict=True)]
    return "M" + "L".join(points) + ("h0" if len(points) == 1 else "")


# -- the plots ------------------------------------------------------------------------------------
def _plot(seen: Scene, k: int) -> list[str]:
    title, curves, aim = seen.panels[k]
    left, top = MAP + 40, _TOP + 24 + k * TALL / 2
    wide, tall = WIDTH - left - 14, TALL / 2 - 44
    low, high, log = span([curves[i] for i in seen.on], aim)
    steps = seen.trace.steps

    def up(v: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            share = np.log(np.maximum(v, low) / low) / math.log(high / low) if log else (v - low) / (high - low)
            return top + tall * (1 - np.clip(np.nan_to_num(share, nan=2.0), -0.02, 1.02))

    def along(s: np.ndarray) -> np.ndarray:
        return left + wide * s / max(1, seen.last)

    out = [_text(left - 4, top - 9, fit(title, wide, 10.5, True), "b")]
    for v in grid(low, high, log):
        y = float(up(np.array(v)))
        out += [f'<path class="rule" d="M{num(left)} {num(y)}h{num(wide)}"/>',
                _text(left - 5, y + 3.5, fmt(v, 3), "s e")]  # fmt: skip
    for s in np.linspace(0, seen.last, 5).round().astype(int).tolist():
        out.append(_text(float(along(np.array(s))), top + tall + 13, s, "s m"))
    for i in seen.on:
        at = seen.head(i)
        for part, word in ((slice(at, None), " faint"), (slice(at + 1), "")):
            s, c = seen.curve(k, i, part, _points(seen))
            out.append(f'<path {ink(i)}way{word}" d="{path(along(s), up(c))}"/>')
    if aim is not None and low <= aim <= high:
        y = float(up(np.array(aim)))
        out += [f'<path class="aim" d="M{num(left)} {num(y)}h{num(wide)}"/>',
                _text(left + wide, y - 4, "target", "s e o")]  # fmt: skip
    x = float(along(np.array(seen.step)))
    out.append(f'<path class="now" d="M{num(x)} {num(top)}v{num(tall)}"/>')
    for i in seen.on:
        at = seen.head(i)
        out.append(_mark(i, float(along(steps[at])), float(up(curves[i][at])), 0.75))
    return out


def grid(low: float, high: float, log: bool) -> list[float]:
    """Values of an axis at which a line is drawn."""
    if log:
        first, last = round(math.log10(low)), round(math.log10(high))
        by = max(1, math.ceil((last - first) / 4))
        return [10.0**e for e in range(first, last + 1, by)]
    raw = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    by = next(m * unit for m in (1, 2, 5, 10) if m * unit >= raw * 0.999)
    return [float(f"{i * by:.10g}") for i in range(math.ceil(low / by), math.floor(high / by) + 1)]


# -- below ----------------------------------------------------------------------------------------
def _fair(seen: Scene, body: list[str], low: float) -> float:
    equal, unequal = seen.equal
    y, x = low + 7, _PAD + 40
    body.append(_text(_PAD, y + 12.5, "equal", "s"))
    for said in equal:
        wide = text_width(said) + 14
        body += [f'<rect class="chip" x="{num(x)}" y="{num(y)}" width="{num(wide)}" height="18" rx="9"/>',
                 _text(x + 7, y + 12.5, said)]  # fmt: skip
        x += wide + 6
    if unequal:
        said = f"not equal: {'; '.join(unequal)}"
        room = WIDTH - _PAD - x - 20
        if text_width(said) > room:
            y, x, room = y + 23, _PAD, WIDTH - 2 * _PAD - 20
        said = fit(said, room)
        wide = text_width(said) + 16
        x = WIDTH - _PAD - wide
        body += [f'<rect class="warn" x="{num(x)}" y="{num(y)}" width="{num(wide)}" height="18" rx="9"/>',
                 _text(x + 8, y + 12.5, said)]  # fmt: skip
    low = y + 25
    body.append(f'<path class="rule" d="M0 {num(low)}H{num(WIDTH)}"/>')
    return low


def _table(seen: Scene, body: list[str], low: float, left_out: int) -> float:
    y = low + 14
    body += [_text(_PAD + 20, y, "contender", "s"), _text(_SET, y, "settings", "s"),
             *(_text(x, y, word, "s e") for word, x in _COLUMNS), _text(_STATUS, y, "status", "s")]  # fmt: skip
    y += 4
    for i in seen.on:
        s = seen.stands[i]
        body.append(f'<path class="rule" d="M{num(_PAD)} {num(y)}H{num(WIDTH - _PAD)}"/>')
        text = y + 14.5
        best, reached, evaluations, status = results(s, seen.last)
        body += [_mark(i, _PAD + 7, y + 11), _text(_PAD + 20, text, fit(s.label, 112), "b" if i == seen.chosen else ""),
                 _text(_SET, text, fit(settings(s), 212), "s"), _text(_STATUS, text, fit(status, 100))]  # fmt: skip
        body += [_text(x, text, v, "e") for v, (_, x) in zip((best, reached, evaluations), _COLUMNS, strict=True)]
        y += _ROW
    if left_out:
        body.append(_text(_PAD + 20, y + 14, f"and {left_out} more, whose losses were higher", "s"))
        y += _ROW
    body.append(f'<path class="rule" d="M0 {num(y)}H{num(WIDTH)}"/>')
    return y


def _said(said: str, x: float, y: float) -> str:
    return _text(x, y, fit(said, WIDTH - 2 * _PAD, 10.5))
