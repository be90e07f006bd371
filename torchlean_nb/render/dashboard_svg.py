"""The charts of a dashboard as one self-contained SVG, the same bytes for the same runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from torchlean_nb.escape import svg as svg_text
from torchlean_nb.escape import visible
from torchlean_nb.render.dashboard import given, payload
from torchlean_nb.render.dashboard_panels import Bars, Chart, Line, Look, charts
from torchlean_nb.render.dashboard_words import Curve, sentence, short
from torchlean_nb.render.glyphs import fit, text_width
from torchlean_nb.render.routes import num
from torchlean_nb.render.schedule_picture import apart, ticks
from torchlean_nb.render.stills import PAD, WIDTH, still, words

HUES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#6b4f9e", "#7d868f", "#8F6B00")
DASHES = ("7 2", "4 2", "1.5 2", "9 2 2 2")
# Outlines around 0: the shape tells runs apart where colour does not.
MARKS = (
    "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z", "M-2.7-2.7h5.4v5.4h-5.4z", "M0-3.4L3.3 2.4H-3.3z",
    "M0-3.8L3.3 0L0 3.8L-3.3 0z", "M0 3.4L3.3-2.4H-3.3z", "M-1.2-3.3h2.4v2.1h2.1v2.4h-2.1v2.1h-2.4v-2.1h-2.1v-2.4h2.1z",
    "M0-3.6L1-1.2L3.6-1L1.6 .6L2.2 3.2L0 1.7L-2.2 3.2L-1.6 .6L-3.6-1L-1-1.2z",
    "M-1.8-3.1H1.8L3.6 0L1.8 3.1H-1.8L-3.6 0z",
)  # fmt: skip
_LEFT, _TALL, _HEAD, _FOOT, _GAP, _LEGEND = 46, 118, 22, 18, 10, 20


def svg(run: Any, title: str | None = None, **state: Any) -> str:
    """Small charts of one run or several: loss, metric, gradient flow, update to weight, learning rate.

    Parameters
    ----------
    run : RunTrace, or what `dashboard.given` takes
    title : str, optional
    **state
        What is seen: ``at`` (a step), ``smooth``, ``log``, ``chosen`` (name of a run), ``metric``, ``off``.

    Examples
    --------
    >>> from torchlean_nb.trace.run import RunTrace, Series
    >>> svg(RunTrace("r", [Series("loss", [0, 1], [2.0, 0.5])])).count("<svg ")
    1
    """
    return picture(payload(given(run)), state, title or "Training")


def picture(sent: Mapping[str, Any], state: Mapping[str, Any], title: str) -> str:
    """SVG of a payload as a state looks at it."""
    look = Look(sent, state)
    drawn = charts(look)
    body = [words(PAD, 22, fit(visible(title), 200, 11.5, bold=True), "b")]
    said = look.run["meta"] if len(look.runs) == 1 else f"{len(look.runs)} runs"
    body.append(words(WIDTH - PAD, 22, fit(said if look.runs else "", 400), "s e"))
    y = 34.0
    if len(look.runs) > 1:
        y = _legend(body, look, y)
    if not drawn:
        body.append(words(PAD, y + 14, "Nothing was recorded.", "s"))
    for i in range(0, len(drawn), 2):
        row = drawn[i : i + 2]
        wide = (WIDTH - (len(row) - 1) * _GAP) / len(row)
        tall = max(map(_height, row))
        for j, chart in enumerate(row):
            (_bars if isinstance(chart, Bars) else _curves)(body, chart, look, j * (wide + _GAP), y, wide, tall)
        y += tall + _HEAD + _GAP
    says = sentence(look.run, look.k, look.metric, len(look.runs) > 1) if drawn else "no run"
    return still(WIDTH, max(y, 60.0), f"{visible(title)}. {says}", [f"<style>{_style()}</style>", *body])


def _style() -> str:
    rules = [f".tl-scene .r{i}{{stroke:{c}}}.tl-scene .f{i}{{fill:{c}}}" for i, c in enumerate(HUES)]
    rules += [
        ".tl-scene .ln{fill:none;stroke-width:1.5;stroke-linejoin:round}",
        ".tl-scene .raw{stroke-width:1;stroke-opacity:.3}",
        ".tl-scene .held{stroke-dasharray:4 3}.tl-scene .ax{stroke:#858e98;stroke-opacity:.35;fill:none}",
        ".tl-scene .cur{stroke:#858e98;stroke-width:1.25}.tl-scene .lay{stroke:#009E73}",
        ".tl-scene .gd{fill:none;stroke:#858e98;stroke-width:1.25;stroke-dasharray:6 3}",
    ]
    return "".join(rules)


def _mark(i: int, x: float, y: float) -> str:
    return f'<path class="f{i % len(HUES)}" transform="translate({num(x)} {num(y)})" d="{MARKS[i % len(MARKS)]}"/>'


def _legend(body: list[str], look: Look, y: float) -> float:
    x = float(PAD)
    for run in look.shown:
        name = fit(run["name"] + (f" ({run['status']})" if run["status"] != "finished" else ""), 150)
        if x + text_width(name) + 40 > WIDTH:
            x, y = float(PAD), y + 16
        i = look.index(run)
        body += [f'<path class="ln r{i % len(HUES)}" d="M{num(x)} {num(y + 4)}h22"/>', _mark(i, x + 11, y + 4),
                 words(x + 28, y + 7.5, name, "b" if run is look.run else "")]  # fmt: skip
        x += text_width(name, bold=True) + 46
    return y + _LEGEND


def _height(chart: Chart | Bars) -> float:
    return max(_TALL, len(chart.rows) * 7.0 + 8) if isinstance(chart, Bars) else _TALL


def _curves(body: list[str], chart: Chart, look: Look, left: float, top: float, wide: float, tall: float) -> None:
    notes = {"held": "dashed: held out", "layer": "number: layer; 0.001 is usual"}
    note = next((notes[line.kind] for line in chart.lines if line.kind in notes), "")
    body += _head(chart.title, note, left, top, wide)
    x0, y0, low_y = left + _LEFT, top + _HEAD, top + _HEAD + tall - _FOOT
    room = wide - _LEFT - (20 if chart.title.startswith("update") else 14)

    def x(k: float) -> float:
        return x0 + k / look.span * room

    def y(v: float) -> float:
        done = math.log(v / chart.low) / math.log(chart.high / chart.low) if chart.log else (v - chart.low) / (
            chart.high - chart.low)  # fmt: skip
        return y0 + (low_y - y0) * (1 - max(-0.03, min(1.04, done)))

    for t in ticks(chart.low, chart.high, chart.log, 4):
        body.append(f'<path class="ax" d="M{num(x0)} {num(y(t))}h{num(room)}"/>')
        body.append(words(x0 - 5, y(t) + 3.5, short(t, 3), "s e"))
    for t in ticks(0, look.span, count=4):
        if t == int(t):
            body.append(words(x(t), low_y + 13, stepped(int(t)), "s m"))
    if chart.guide:
        body.append(f'<path class="gd" d="M{num(x0)} {num(y(chart.guide))}h{num(room)}"/>')
    body.append(f'<path class="cur" d="M{num(x(look.k))} {num(y0)}V{num(low_y)}"/>')
    body += [f'<path class="gd" d="M{num(x(k))} {num(y0)}V{num(low_y)}"><title>{svg_text(said or kind)}</title></path>'
             for k, kind, said in look.run["events"]]  # fmt: skip
    body += [_line(line, chart, x, y, len(chart.lines)) for line in chart.lines]
    body += [f'<path class="ln r{line.run % len(HUES):d}" d="M{num(x(k) - 3)} {num(y0 - 4)}l6 6m0-6l-6 6"/>'
             for line in chart.lines if line.kind in ("train", "held alone") for k in lost(line.curve)]  # fmt: skip
    if len(look.runs) > 1:
        body += [_mark(line.run, x(k), y(v)) for line in chart.lines if line.kind in ("train", "held alone")
                 for k, v in _spots(line, look.span, chart)]  # fmt: skip
    if any(line.kind == "layer" for line in chart.lines):
        ends = [(y(_last(line, chart)), i) for i, line in enumerate(chart.lines) if _last(line, chart) is not None]
        most = int((low_y - y0) / 11)
        for at, i in apart(ends if len(ends) <= most else ends[:: -(-len(ends) // most)], 11, y0, low_y):
            body.append(words(x0 + room + 4, at + 3.5, chart.lines[i].label))


def _head(title: str, note: str, left: float, top: float, wide: float) -> list[str]:
    name = fit(visible(title), wide - 40, 11.5, bold=True)
    rest = wide - 2 * PAD - text_width(name, 11.5, bold=True) - 10
    return [words(left + PAD, top + 13, name, "b"), words(left + wide - PAD, top + 13, fit(note, rest), "s e")]


def stepped(k: int) -> str:
    """Steps as an axis says them.

    Examples
    --------
    >>> stepped(500), stepped(20_000), stepped(1_500_000)
    ('500', '20k', '1.5M')
    """
    for by, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if k >= max(by, 10**4):
            return short(k / by, 4) + letter
    return str(k)


def _line(line: Line, chart: Chart, x: Callable[[float], float], y: Callable[[float], float], count: int) -> str:
    out, pen, above = [], "M", False
    for k, v in zip(line.curve.k, line.curve.v, strict=True):
        away, above = v > chart.high and above, v > chart.high
        if not math.isfinite(v) or (chart.log and v <= 0) or away:
            pen = "M"
            continue
        out.append(f"{pen}{num(x(k))} {num(y(v))}")
        pen = "L"
    # A point alone is no line: round ends make it a dot.
    alone = "".join(p + ("h0" if p[0] == "M" and (q is None or q[0] == "M") else "") for p, q in _followed(out))
    dash = f' stroke-dasharray="{DASHES[line.run % 4]}"' if line.kind == "layer" and line.run % 5 and count <= 8 else ""
    kind = {"raw": " raw", "held": " held", "held alone": " held", "layer": " lay"}.get(line.kind, "")
    hue = "" if line.kind == "layer" else f" r{line.run % len(HUES):d}"
    return f'<path class="ln{hue}{kind}" stroke-linecap="round"{dash} d="{alone}"/>'


def lost(c: Curve, most: int = 20) -> list[int]:
    """First steps of the stretches in which a curve is not finite.

    Examples
    --------
    >>> lost(Curve([0, 1, 2, 3], [1.0, math.nan, math.inf, 0.5]))
    [1]
    """
    bad = [not math.isfinite(v) for v in c.v]
    return [k for i, k in enumerate(c.k) if bad[i] and not (i and bad[i - 1])][:most]


def _followed(parts: list[str]) -> list[tuple[str, str | None]]:
    return [*pairwise(parts), (parts[-1], None)] if parts else []


def _spots(line: Line, span: int, chart: Chart) -> list[tuple[int, float]]:
    """A few points of a curve that carry the mark of its run."""
    wanted = [span * (p + line.run % 4 * 0.06) for p in (0.15, 0.4, 0.65)]
    points = list(zip(*line.curve, strict=True))
    found = [next((p for p in points if p[0] >= w), (-1, math.nan)) for w in wanted] + points[-1:]
    return [(k, v) for k, v in found if math.isfinite(v) and (v > 0 or not chart.log)]


def _last(line: Line, chart: Chart) -> float | None:
    return next((v for v in reversed(line.curve.v) if math.isfinite(v) and (v > 0 or not chart.log)), None)


def _bars(body: list[str], chart: Bars, look: Look, left: float, top: float, wide: float, tall: float) -> None:
    several = len(look.shown) > 1
    body += _head(chart.title, "marks: other runs" if several else "norm per layer", left, top, wide)
    y0, low_y = top + _HEAD, top + _HEAD + tall - _FOOT
    each = (low_y - y0) / max(1, len(chart.rows))
    every = math.ceil(12 / each)
    x0, room = left + 104, wide - 104 - 52

    def x(v: float) -> float:
        return x0 + room * max(0.0, min(1.0, math.log(v / chart.low) / math.log(chart.high / chart.low)))

    for t in ticks(chart.low, chart.high, True, 4):
        body.append(f'<path class="ax" d="M{num(x(t))} {num(y0 - 2)}V{num(low_y + 2)}"/>')
        body.append(words(x(t), low_y + 13, short(t, 3), "s m"))
    for i, (name, v, others) in enumerate(chart.rows):
        mid = y0 + (i + 0.5) * each
        if i % every == 0:
            body.append(words(left + PAD, mid + 3.5, i + 1, "b"))
            body.append(words(left + PAD + 16, mid + 3.5, fit(visible(name), 74), "s"))
            body.append(words(left + wide - PAD, mid + 3.5, "–" if v is None else short(v, 2), "g e"))
        thick = min(11.0, max(3.0, each - 3))
        if v is not None and 0 < v < math.inf:
            box = f'x="{num(x0)}" y="{num(mid - thick / 2)}" width="{num(max(1.0, x(v) - x0))}" height="{num(thick)}"'
            body.append(f'<rect class="hg" {box}/>')
        body += [_mark(j, x(u), mid) for j, u in others if 0 < u < math.inf]
