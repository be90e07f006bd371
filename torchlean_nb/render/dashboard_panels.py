"""What a state shows of a payload, and the small charts that pictures without a front end draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torchlean_nb.render.dashboard_words import Curve, curve_of, end, metrics, series

SMOOTH = 0.6
_DECADES = 8


class Look:
    """A payload as a state looks at it; a state from elsewhere may say anything.

    Examples
    --------
    >>> Look({"runs": []}, {"at": 3}).k
    0
    """

    def __init__(self, payload: Mapping[str, Any], state: Mapping[str, Any]):
        self.runs = payload["runs"]
        off = state.get("off")
        off = off if isinstance(off, list) else []
        self.shown = [r for r in self.runs if r["name"] not in off]
        named = [r for r in self.shown if r["name"] == state.get("chosen")]
        self.run = next(iter([*named, *self.shown, *self.runs]), None)
        last = max(map(end, self.runs), default=0)
        at = state.get("at")
        self.k = max(0, min(last, at)) if isinstance(at, int) else last
        known = metrics(self.runs)
        self.metric = state.get("metric") if state.get("metric") in known else next(iter(known), None)
        smooth = state.get("smooth")
        good = isinstance(smooth, int | float) and math.isfinite(smooth)
        self.smooth = max(0.0, min(0.98, smooth)) if good else SMOOTH
        self._log = state.get("log")

    @cached_property
    def span(self) -> int:
        """Steps of the axis."""
        return max(1, *(max(r["steps"], r["planned"] or 0) for r in self.runs)) if self.runs else 1

    @cached_property
    def log(self) -> bool:
        """Whether losses are on a log axis: as told, or when they are above 0 and span a power of ten."""
        if isinstance(self._log, bool):
            return self._log
        return wants_log([series(r, n).v for r in self.shown for n in ("loss", "val_loss")])

    def index(self, run: Mapping[str, Any]) -> int:
        """Number of a run: it has the colour and the mark."""
        return next(i for i, r in enumerate(self.runs) if r is run)


@dataclass
class Line:
    """One curve: of which run, and whether held out, raw behind a smoothed one, or of a layer."""

    curve: Curve
    run: int
    kind: str = "train"
    label: str = ""


@dataclass
class Chart:
    """Curves over the steps between two ends."""

    title: str
    lines: list[Line]
    low: float
    high: float
    log: bool = False
    guide: float | None = None


@dataclass
class Bars:
    """One bar per layer on a log axis, and for other runs a mark on it."""

    title: str
    rows: list[tuple[str, float | None, list[tuple[int, float]]]] = field(default_factory=list)
    low: float = 1e-4
    high: float = 1.0


def charts(look: Look) -> list[Chart | Bars]:
    """The charts for which there is something: loss, metric, gradient flow, update to weight, learning rate."""
    losses = _lines(look, "loss", look.smooth)
    out: list[Chart | Bars] = [_chart("loss", losses, look.log)] if losses else []
    if look.metric:
        lines = _lines(look, look.metric, look.smooth)
        values = [line.curve.v for line in lines]
        log = look.log and not _is_share(look.metric, values) and wants_log(values)
        out.append(_chart(look.metric, lines, log))
    params = look.run["params"] if look.run else []
    if any("grad_norm" in row for row in params):
        out.append(_flow(look, params))
    if any("update_ratio" in row for row in params):
        lines = [Line(curve_of(row["update_ratio"]), i, "layer", str(i + 1)) for i, row in enumerate(params)
                 if "update_ratio" in row]  # fmt: skip
        low, high = decades([line.curve.v for line in lines], 1e-4, 1e-2)
        out.append(Chart("update ÷ weight", lines, low, high, True, 1e-3))
    rates = _lines(look, "lr", 0.0)
    if rates:
        tops = [max((v for v in line.curve.v if 0 < v < math.inf), default=0.0) for line in rates]
        log = max(tops) > 20 * min((t for t in tops if t > 0), default=math.inf)
        out.append(_chart("learning rate", rates, log, floor=not log))
    return out


def _lines(look: Look, name: str, smooth: float) -> list[Line]:
    lines = []
    for run in sorted(look.shown, key=lambda r: r is look.run):
        i = look.index(run)
        own, held = run["series"].get(name), run["series"].get(f"val_{name}")
        raw = curve_of(own)
        if own and smooth > 0:
            lines.append(Line(raw, i, "raw"))
        if held:
            lines.append(Line(smoothed(curve_of(held), smooth, look.span), i, "held" if own else "held alone"))
        if own:
            lines.append(Line(smoothed(curve_of(own.get("m") if smooth and "m" in own else own), smooth, look.span), i))
    return lines


def smoothed(c: Curve, amount: float, span: int) -> Curve:
    """Averages with weights that fall off over the steps, `amount` per two-hundredth of the axis.

    Examples
    --------
    >>> smoothed(Curve([0, 1, 2], [1.0, 0.0, float("nan")]), 0.5, 200).v
    [1.0, 0.3333333333333333, nan]
    """
    if not amount > 0:
        return c
    unit, total, weight, last, out = max(1, span) / 200, 0.0, 0.0, None, []
    for k, v in zip(c.k, c.v, strict=True):
        if not math.isfinite(v):
            out.append(math.nan)
            continue
        keep = 0.0 if last is None else amount ** ((k - last) / unit)
        total, weight, last = keep * total + (1 - amount) * v, keep * weight + (1 - amount), k
        out.append(total / weight)
    return Curve(c.k, out)


def _chart(title: str, lines: list[Line], log: bool, floor: bool = False) -> Chart:
    low, high = span([line.curve.v for line in lines], log)
    return Chart(title, lines, min(0.0, low) if floor else low, high, log)


def _flow(look: Look, params: Sequence[Mapping[str, Any]]) -> Bars:
    others = [r for r in look.shown if r is not look.run]
    norms = {r["name"]: {row["path"]: curve_of(row.get("grad_norm")) for row in r["params"]} for r in look.runs}
    rows = []
    for row in params:
        found = [(look.index(r), norms[r["name"]].get(row["path"], Curve([], [])).at(look.k)) for r in others]
        own = curve_of(row.get("grad_norm")).at(look.k)
        rows.append((row["name"], own, [(i, v) for i, v in found if v is not None]))
    low, high = decades([c.v for by in norms.values() for c in by.values()], 0.0, 0.0)
    return Bars(f"gradient flow at step {look.k}", rows, low, high)


def extent(lists: Sequence[Sequence[float]], log: bool) -> tuple[float, float] | None:
    """Smallest and largest finite number; on a log axis of those above 0."""
    good = [v for vs in lists for v in vs if math.isfinite(v) and (v > 0 or not log)]
    return (min(good), max(good)) if good else None


def wants_log(lists: Sequence[Sequence[float]]) -> bool:
    """Whether numbers are above 0 and span more than one power of ten."""
    ends = extent(lists, False)
    return ends is not None and ends[0] > 0 and ends[1] / ends[0] > 10


def _is_share(name: str, lists: Sequence[Sequence[float]]) -> bool:
    ends = extent(lists, False)
    losses = any(word in name.lower() for word in ("loss", "err", "norm"))
    return not losses and ends is not None and ends[0] >= 0 and ends[1] <= 1


def span(lists: Sequence[Sequence[float]], log: bool) -> tuple[float, float]:
    """Ends of an axis of curves that may run away: far above where they began the plot ends.

    Examples
    --------
    >>> span([[1.0, 2.0, 1e9]], True)[1] < 100, span([[0.1, 0.97]], False)
    (True, (0, 1))
    """
    ends = extent(lists, log)
    if ends is None:
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = ends
    firsts = [next((v for v in vs if math.isfinite(v) and (v > 0 or not log)), None) for vs in lists]
    start = max(abs(v) for v in firsts if v is not None)
    high = 20 * start if start > 0 and high > 1e4 * start else high
    low = -20 * start if start > 0 and not log and low < -1e4 * start else low
    if log:
        low = max(low, high / 10**_DECADES)
        room = max(1.1, (high / low) ** 0.05)
        return low / room, high * room
    room = (high - low or abs(high) or 1.0) * 0.06
    return 0 if 0 <= low < 0.4 * high else low - room, 1 if low >= 0 and 0.9 < high <= 1 else high + room


def decades(lists: Sequence[Sequence[float]], low: float, high: float, most: int = 6) -> tuple[float, float]:
    """Whole powers of ten around positive numbers, at most so many of them below the largest.

    Examples
    --------
    >>> decades([[0.03, 2e-3]], 1e-4, 0)
    (0.0001, 0.1)
    """
    a, b = extent(lists, True) or (low or 0.1, high or 1.0)
    a, b = min(a, low or a), max(b, high or b)
    b = a * 10 if a == b else b
    top = math.ceil(math.log10(b) - 1e-9)
    return 10.0 ** max(math.floor(math.log10(a) + 1e-9), top - most, -300), 10.0 ** max(min(top, 308), -299)
