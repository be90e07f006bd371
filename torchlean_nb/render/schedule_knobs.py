"""Knobs: the hyperparameters of a schedule that have a place on its curve, and how a move changes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from torchlean_nb.render.schedule_tree import Path
from torchlean_nb.schedules import Schedule
from torchlean_nb.schedules._shapes import fall

Change = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Knob:
    """A place on the curve that can be moved.

    Parameters
    ----------
    name : str
        What it is, in words.
    k : int
    y : float or None
        Value; None for one that stands on the axis of steps.
    x, up : callable or None
        Hyperparameters for another step, or another value.
    path : tuple
        Part of the schedule it belongs to.
    """

    name: str
    k: int
    y: float | None
    x: Change | None = None
    up: Change | None = None
    path: Path = ()

    def move(self, k: int | None, y: float | None) -> dict[str, Any]:
        """Hyperparameters that put the knob there, as far as it can move; None leaves it where it is."""
        across = self.x(k) if self.x and k is not None else {}
        try:
            return across | (self.up(y) if self.up and y is not None else {})
        except (ZeroDivisionError, ValueError, OverflowError):  # no value of the hyperparameter gives this one
            return across


def knobs(s: Schedule) -> list[Knob]:
    """The knobs of a schedule and of what it is made of, in the order of the steps.

    Examples
    --------
    >>> from torchlean_nb.schedules import cosine
    >>> [(p.name, p.k, p.y) for p in knobs(cosine(0.1, total=50))]
    [('start', 0, 0.1), ('end', 50, 0.0)]
    >>> knobs(cosine(0.1, total=50))[1].move(40, 0.02)
    {'total': 40, 'minimum': 0.02}
    """
    v = SimpleNamespace(**s.hypers)
    made = _INNER[s.name](s, v) if s.name in _INNER else KNOBS[s.name](v) if s.name in KNOBS else _guess(s)
    return sorted(made, key=lambda p: p.k)


def tidy(v: float) -> float:
    """Four digits: what a hand can mean."""
    return float(f"{v:.4g}")


def _step(name: str, shift: int = 0) -> Change:
    return lambda k: {name: k - shift}


def _rate(name: str, f: Callable[[float], float] = lambda y: y) -> Change:
    return lambda y: {name: tidy(f(y))}


def _share(name: str, total: int, shift: int = 0, as_int: Callable[[float], int] = round) -> Change:
    """A fraction of the steps that comes out at the step wanted, with few digits where they suffice."""

    def change(k: int) -> dict[str, float]:
        exact = (k + shift) / total
        tries = [tidy(exact), exact, math.nextafter(exact, 2.0)]
        return {name: next((c for c in tries if as_int(c * total) == k + shift), exact)}

    return change


def _entry(name: str, entries: tuple[Any, ...], i: int, f: Callable[[Any], Any] = lambda k: k) -> Change:
    return lambda new: {name: [*entries[:i], f(new), *entries[i + 1 :]]}


def _bend(name: str, k: int, a: float, b: float, left: float) -> list[Knob]:
    """Halfway from `a` to `b`: how far the exponent has come."""
    if a == b or not 0 < left < 1:
        return []
    y = b + (a - b) * left**name[1]
    return [Knob("bend", k, y, None, _rate(name[0], lambda y: math.log((y - b) / (a - b)) / math.log(left)))]


def _start(y: float, name: str, f: Callable[[float], float] = lambda y: y) -> Knob:
    return Knob("start", 0, y, None, _rate(name, f))


def _constant(v: Any) -> list[Knob]:
    return [Knob("value", 0, v.base, None, _rate("base"))]


def _step_decay(v: Any) -> list[Knob]:
    drop = Knob("first drop", v.size, v.base * v.gamma, _step("size"), _rate("gamma", lambda y: y / v.base))
    return [_start(v.base, "base"), drop]


def _multistep(v: Any) -> list[Knob]:
    def drop(i: int, m: int) -> Knob:
        up = _rate("gamma", lambda y: (y / v.base) ** (1 / (i + 1)))
        return Knob(f"milestone {i + 1}", m, v.base * v.gamma ** (i + 1), _entry("milestones", v.milestones, i), up)

    return [_start(v.base, "base"), *(drop(i, m) for i, m in enumerate(v.milestones))]


def _pieces(v: Any) -> list[Knob]:
    out, y = [_start(v.base, "base")], v.base
    for i, (b, c) in enumerate(zip(v.boundaries, v.scales, strict=True)):
        up = _entry("scales", v.scales, i, lambda new, before=y: tidy(new / before))
        y *= c
        out.append(Knob(f"boundary {i + 1}", b, y, _entry("boundaries", v.boundaries, i), up))
    return out


def _constant_factor(v: Any) -> list[Knob]:
    return [_start(v.base * v.factor, "factor", lambda y: y / v.base),
            Knob("end", v.total, v.base, _step("total"), _rate("base"))]  # fmt: skip


def _exponential(v: Any, rate: str = "base", shift: int = 0, floor: bool = True) -> list[Knob]:
    top, low = getattr(v, rate), v.begin + shift
    down = top * v.gamma
    down = down if v.end is None else max(down, v.end) if v.gamma < 1 else min(down, v.end)
    one = Knob("after total steps", low + v.total, down, _step("total", low), _rate("gamma", lambda y: y / top))
    return [Knob("start" if not shift else "peak", low, top, _step("begin", shift), _rate(rate)), one]


def _linear_factor(v: Any) -> list[Knob]:
    return [_start(v.base * v.start_factor, "start_factor", lambda y: y / v.base),
            Knob("end", v.total, v.base * v.end_factor, _step("total"), _rate("end_factor", lambda y: y / v.base))]


def _polynomial(v: Any) -> list[Knob]:
    half = v.total // 2
    bend = _bend(("power", v.power), v.begin + half, v.base, v.end, (v.total - half) / v.total)
    return [*_linear(v), *bend]


def _linear(v: Any) -> list[Knob]:
    return [Knob("start", v.begin, v.base, _step("begin"), _rate("base")),
            Knob("end", v.begin + v.total, v.end, _step("total", v.begin), _rate("end"))]  # fmt: skip


def _inverse_time(v: Any) -> list[Knob]:
    half = [Knob("half", round(v.total / v.rate), v.base / 2, lambda k: {"rate": tidy(v.total / k)})] if v.rate else []
    return [_start(v.base, "base"), *half]


def _peak(v: Any, rate: str = "base") -> Knob:
    return Knob("end of warmup", v.warmup, getattr(v, rate), _step("warmup"), _rate(rate))


def _end(v: Any, rate: str) -> Knob:
    return Knob("end", v.total, getattr(v, rate), _step("total"), _rate(rate))


def _noam(v: Any) -> list[Knob]:
    y = v.factor / math.sqrt(v.dim) / math.sqrt(v.warmup)
    up = _rate("factor", lambda y: y * math.sqrt(v.dim) * math.sqrt(v.warmup))
    return [Knob("end of warmup", v.warmup - 1, y, _step("warmup", -1), up)]


def _cosine_decay(v: Any) -> list[Knob]:
    half, low = v.total // 2, v.base * v.alpha
    bend = _bend(("exponent", v.exponent), half, v.base, low, fall(half, v.total - half))
    return [_start(v.base, "base"), *bend,
            Knob("end", v.total, low, _step("total"), _rate("alpha", lambda y: y / v.base))]  # fmt: skip


def _warm_restarts(v: Any) -> list[Knob]:
    longer = Knob("second restart", v.period * (1 + v.factor), v.base,
                  lambda k: {"factor": max(round((k - v.period) / v.period), 1)})  # fmt: skip
    return [_start(v.base, "base"), Knob("end of the period", v.period, v.minimum, _step("period"), _rate("minimum")),
            longer]  # fmt: skip


def _cyclic(v: Any, first: str = "base", then: str = "maximum") -> list[Knob]:
    a, b, down = getattr(v, first), getattr(v, then), v.down or v.up
    h = v.gamma**v.up if v.mode == "exp_range" else 1.0
    h = h if v.scale is None else v.scale(1 if v.scale_by == "cycle" else v.up)
    return [_start(a, first),
            Knob("end of the climb", v.up, a + (b - a) * h, _step("up"), _rate(then, lambda y: a + (y - a) / h)),
            Knob("end of the cycle", v.up + down, a, _step("down", v.up))]  # fmt: skip


def _triangular(v: Any) -> list[Knob]:
    return [_start(v.base, "base"), Knob("top", v.size, v.maximum, _step("size"), _rate("maximum"))]


def _one_cycle(v: Any) -> list[Knob]:
    return [_start(v.maximum / v.div, "div", lambda y: v.maximum / y),
            Knob("peak", round(v.pct * v.total), v.maximum, _share("pct", v.total), _rate("maximum")),
            Knob("end", v.total, v.maximum / v.final_div, _step("total"),
                 _rate("final_div", lambda y: v.maximum / y))]  # fmt: skip


def _one_cycle_lr(v: Any) -> list[Knob]:
    first = v.maximum / v.div
    return [_start(first, "div", lambda y: v.maximum / y),
            Knob("peak", round(v.pct * v.total - 1), v.maximum, _share("pct", v.total, 1), _rate("maximum")),
            Knob("end", v.total - 1, first / v.final_div, _step("total", -1),
                 _rate("final_div", lambda y: first / y))]  # fmt: skip


def _one_cycle_momentum(v: Any) -> list[Knob]:
    return [_start(v.high, "high"),
            Knob("lowest", round(v.pct * v.total - 1), v.low, _share("pct", v.total, 1), _rate("low")),
            Knob("end", v.total - 1, v.high, _step("total", -1))]  # fmt: skip


def _onecycle(v: Any) -> list[Knob]:
    first = v.peak / v.div
    final = getattr(v, "pct_final", None)
    third = [] if final is None else [
        Knob("back down", int(final * v.total), first, _share("pct_final", v.total, 0, int))]  # fmt: skip
    return [_start(first, "div", lambda y: v.peak / y),
            Knob("peak", int(v.pct * v.total), v.peak, _share("pct", v.total, 0, int), _rate("peak")), *third,
            Knob("end", v.total, first / v.final_div, _step("total"), _rate("final_div", lambda y: first / y))]


def _warmup_cosine_decay(v: Any) -> list[Knob]:
    span = v.total - v.warmup
    bend = _bend(("exponent", v.exponent), v.warmup + span // 2, v.peak, v.end, fall(span // 2, span - span // 2))
    return [_start(v.start, "start"), _peak(v, "peak"), *bend, _end(v, "end")]


def _warmup_exponential(v: Any) -> list[Knob]:
    return [_start(v.start, "start"), _peak(v, "peak"), _exponential(v, "peak", v.warmup)[1]]


def _wsd(v: Any) -> list[Knob]:
    flat = v.warmup + v.stable
    return [_peak(v), Knob("end of the plateau", flat, v.base, _step("stable", v.warmup), _rate("base")),
            Knob("end", flat + v.decay, v.minimum, _step("decay", flat), _rate("minimum"))]  # fmt: skip


def _trapezoid(v: Any) -> list[Knob]:
    return [_peak(v), Knob("end of the plateau", v.total - v.decay, v.base, lambda k: {"decay": v.total - k}),
            Knob("end", v.total, 0.0, _step("total"))]  # fmt: skip


def _falling(end: str) -> Callable[[Any], list[Knob]]:
    return lambda v: [_start(v.base, "base"), _end(v, end)]


KNOBS: dict[str, Callable[[Any], list[Knob]]] = {
    "constant": _constant, "step_decay": _step_decay, "multistep": _multistep, "constant_factor": _constant_factor,
    "piecewise_constant": _pieces, "piecewise_interpolate": _pieces, "exponential_decay": _exponential,
    "linear_factor": _linear_factor, "polynomial": _polynomial, "linear": _linear, "inverse_time": _inverse_time,
    "inverse_sqrt": lambda v: [_peak(v)], "noam": _noam,
    "rex": lambda v: [_start(v.base, "base"), Knob("end", v.total, 0.0, _step("total"))],
    "lr_finder": lambda v: [_start(v.minimum, "minimum"), _end(v, "maximum")],
    "cosine": _falling("minimum"), "cosine_annealing": _falling("minimum"), "cosine_decay": _cosine_decay,
    "warm_restarts": _warm_restarts, "swa": _falling("target"), "cyclic": _cyclic,
    "cyclic_momentum": lambda v: _cyclic(v, "high", "low"), "triangular": _triangular, "one_cycle": _one_cycle,
    "one_cycle_lr": _one_cycle_lr, "one_cycle_momentum": _one_cycle_momentum, "linear_onecycle": _onecycle,
    "cosine_onecycle": _onecycle, "linear_warmup": lambda v: [_start(v.start, "start"), _peak(v)],
    "warmup_cosine": lambda v: [_peak(v), _end(v, "minimum")], "warmup_cosine_decay": _warmup_cosine_decay,
    "warmup_exponential_decay": _warmup_exponential, "wsd": _wsd, "trapezoid": _trapezoid,
}  # fmt: skip


# -- compositions: the knobs of the parts, moved to where the parts stand -----------------------
def _lift(p: Knob, step: Path, shift: int = 0, there: Any = None, back: Any = None, last: float = math.inf) -> Knob:
    """A knob of a part as one of the whole: `shift` steps later, up to `last`, its value through `there` and `back`."""
    x, up = p.x, p.up
    return replace(
        p, path=step + p.path, k=p.k + shift, y=there(p.y) if there and p.y is not None else p.y,
        x=x and (lambda k: x(min(k, last) - shift)), up=up and ((lambda y: up(back(y))) if back else up),
    )  # fmt: skip


def _join(s: Schedule, v: Any) -> list[Knob]:
    starts = (0, *v.boundaries)
    inner = [
        _lift(p, ("parts", i), a, last=b)
        for i, (part, a, b) in enumerate(zip(v.parts, starts, (*v.boundaries, math.inf), strict=True))
        for p in knobs(part) if a + p.k < b or (p.k and a + p.k == b)
    ]  # fmt: skip
    bounds = [Knob(f"boundary {i + 1}", b, None, _entry("boundaries", v.boundaries, i))
              for i, b in enumerate(v.boundaries)]  # fmt: skip
    return bounds + inner


def _scale(s: Schedule, v: Any) -> list[Knob]:
    return [_lift(p, ("part",), 0, lambda y: v.c * y, lambda y: y / v.c) for p in knobs(v.part)]


def _add(s: Schedule, v: Any) -> list[Knob]:
    return [
        _lift(p, (name,), 0, lambda y, k=p.k, o=other: y + o(k), lambda y, k=p.k, o=other: y - o(k))
        for name, part, other in (("first", v.first, v.second), ("second", v.second, v.first))
        for p in knobs(part)
    ]


def _lambda(s: Schedule, v: Any) -> list[Knob]:
    inner = knobs(v.f) if isinstance(v.f, Schedule) else []
    return [_lift(p, ("f",), 0, lambda y: v.base * y, lambda y: y / v.base) for p in inner]


def _custom(s: Schedule, v: Any) -> list[Knob]:
    return [_lift(p, ("f",)) for p in knobs(v.f)] if isinstance(v.f, Schedule) else []


_INNER = {"join": _join, "scale": _scale, "add": _add, "lambda": _lambda, "custom": _custom}


def _guess(s: Schedule) -> list[Knob]:
    """Of a row that is not in the table: whole numbers at which a piece begins, rates that are the value there."""
    hypers, kinds, out, used = s.hypers, s.row.hypers, [], set()
    whole = {n: v for n, v in hypers.items() if kinds[n].kind == "int" and (v in s.points or n == "total")}
    for k in sorted({0, *whole.values()}, reverse=True):
        x = next((n for n, v in whole.items() if v == k and k), None)
        up = next((n for n, v in hypers.items() if kinds[n].log and v == s(k) and n not in {*whole, *used}), None)
        used.add(up)
        if x or up:
            y = s(k) if up else None
            out.append(Knob(x or ("start" if not k else str(up)), k, y, x and _step(x), up and _rate(up)))
    return out
