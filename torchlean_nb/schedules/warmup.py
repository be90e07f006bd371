"""Schedules that begin with a climb; what follows is one of the other rows, counted from where the climb ends."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from torchlean_nb.hypers import REQUIRED, Hyper, flag
from torchlean_nb.schedules._row import schedule
from torchlean_nb.schedules._shapes import (
    BASE,
    BEGIN,
    DIV,
    END,
    FINAL_DIV,
    FRACTION,
    GAMMA,
    MAXIMUM,
    MINIMUM,
    POWER,
    START,
    TOTAL,
    WARMUP,
    line,
    shorter,
    wave,
)  # fmt: skip
from torchlean_nb.schedules.decay import exponential_decay
from torchlean_nb.schedules.steps import piecewise_interpolate
from torchlean_nb.schedules.waves import cosine_annealing, cosine_decay


def _climb(k, start, peak, warmup):
    return line(start, peak, k, warmup - k)


@schedule(
    hypers={"base": BASE, "warmup": WARMUP, "start": START}, points=lambda warmup, **_: [warmup],
    latex=r"\eta_{0} + (\eta - \eta_{0})\,\min(k/W,\,1)", optax="warmup_constant_schedule",
    torchlean="linearWarmupScheduler", transformers="get_constant_schedule_with_warmup",
    samples=({"base": 0.2, "warmup": 1000, "start": 0.05},),
)
def linear_warmup(k, *, base, warmup, start=0.0):
    """Up in a straight line from `start`, then `base`.

    Examples
    --------
    >>> linear_warmup(0.25, warmup=2, start=0.05).values(4)
    [0.05, 0.15, 0.25, 0.25]
    """
    return _climb(k, start, base, warmup) if k < warmup else base


@schedule(
    hypers={"base": BASE, "warmup": WARMUP, "total": TOTAL, "minimum": MINIMUM, "clamped": flag(True)},
    points=lambda warmup, total, **_: [warmup, total], check=shorter, torchlean="warmupCosineScheduler",
    latex=r"\min(\frac{k}{W},\,1)\left(\eta_{\min} + (\eta - \eta_{\min})\,"
          r"\cos^{2}\left(\frac{\pi \max(k - W,\,0)}{2\,(T - W)}\right)\right)",
    samples=({"base": 1.0, "warmup": 200, "total": 1000}, {"base": 0.1, "warmup": 100, "total": 1000,
                                                          "minimum": 0.01, "clamped": False}),
)  # fmt: skip
def warmup_cosine(k, *, base, warmup, total, minimum=0.0, clamped=True):
    """Up in a straight line from 0, then down along half a cosine, and stay at `minimum`.

    The first rate is 0, so the first step of training changes nothing. ``clamped=False`` is what TorchLean does:
    after `total` the rate climbs again.

    Examples
    --------
    >>> [round(v, 4) for v in warmup_cosine(1.0, warmup=2, total=6).values(8)]
    [0.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]
    >>> round(warmup_cosine(1.0, warmup=2, total=6, clamped=False)(7), 4)
    0.1464
    """
    if k < warmup:
        return base * k / warmup
    k = min(k, total) if clamped else k
    return cosine_annealing.f(k - warmup, base=base, total=total - warmup, minimum=minimum)


def _above(v, fail):
    shorter(v, fail)
    if v["minimum"] > v["base"]:
        raise fail("minimum", f"must be <= {{base}}, which is {v['base']!r}")


@schedule(
    hypers={"base": BASE, "minimum": MINIMUM, "warmup": WARMUP, "total": TOTAL}, check=_above,
    points=lambda warmup, total, **_: [warmup, total], torchlean="Trainer.Scheduler.warmupCosine",
    latex=r"\frac{\eta}{W} \rightarrow_{W - 1} \eta,\quad \eta_{\min} + (\eta - \eta_{\min})\,"
          r"\cos^{2}\left(\frac{\pi \min(k - W,\,T - W)}{2\,(T - W)}\right)",
    samples=({"base": 1.0, "warmup": 200, "total": 1000}, {"base": 0.1, "minimum": 0.01, "warmup": 100, "total": 9000}),
)  # fmt: skip
def warmup_cosine_floor(k, *, base, minimum=0.0, warmup, total):
    """Up by ``(k + 1)/warmup``, so that every step counts, then down along half a cosine, and stay at `minimum`.

    Examples
    --------
    >>> [round(v, 4) for v in warmup_cosine_floor(1.0, 0.5, warmup=2, total=6).values(8)]
    [0.5, 1.0, 1.0, 0.9268, 0.75, 0.5732, 0.5, 0.5]
    """
    if k < warmup:
        return base * (k + 1) / warmup
    k = min(k, total)
    return wave(base, minimum, k - warmup, total - k)


@schedule(
    hypers={"start": START, "peak": MAXIMUM, "warmup": WARMUP, "total": TOTAL, "end": END, "exponent": POWER},
    points=lambda warmup, total, **_: [warmup, total], check=shorter, optax="warmup_cosine_decay_schedule",
    latex=r"\eta_{0} \rightarrow_{W} \eta_{\max},\quad "
          r"\eta_{T} + (\eta_{\max} - \eta_{T})\,\cos^{2p}\left(\frac{\pi\,(k - W)}{2\,(T - W)}\right)",
    samples=({"peak": 1.0, "warmup": 200, "total": 1000, "end": 0.01},
             {"start": 0.1, "peak": 1.0, "warmup": 200, "total": 3000, "end": 0.1, "exponent": 2.0}),
)  # fmt: skip
def warmup_cosine_decay(k, *, start=0.0, peak, warmup, total, end=0.0, exponent=1.0):
    """Up in a straight line, down along a power of half a cosine, and stay at `end`; `total` counts the warmup.

    Examples
    --------
    >>> [round(v, 4) for v in warmup_cosine_decay(0.5, 1.0, warmup=2, total=6).values(8)]
    [0.5, 0.75, 1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]
    """
    if k < warmup:
        return _climb(k, start, peak, warmup)
    alpha = end / peak if peak else 0.0
    return cosine_decay.f(k - warmup, base=peak, total=total - warmup, alpha=alpha, exponent=exponent)


@schedule(
    hypers={"start": START, "peak": MAXIMUM, "warmup": WARMUP, "total": TOTAL, "gamma": GAMMA, "begin": BEGIN,
            "staircase": flag(), "end": replace(END, none=True)},
    points=lambda warmup, begin, **_: [warmup, warmup + begin], optax="warmup_exponential_decay_schedule",
    latex=r"\eta_{0} \rightarrow_{W} \eta_{\max},\quad \max(\eta_{\max}\,\gamma^{(k - W - B)/T},\,\eta_{T})",
    samples=({"peak": 1.0, "warmup": 200, "total": 500, "gamma": 0.5},),
)  # fmt: skip
def warmup_exponential_decay(
    k, *, start=0.0, peak, warmup, total, gamma, begin=0, staircase=False, end=None
):
    """Up in a straight line, then times `gamma` every `total` steps.

    Examples
    --------
    >>> warmup_exponential_decay(0.0, 1.0, warmup=2, total=1, gamma=0.5).values(5)
    [0.0, 0.5, 1.0, 0.5, 0.25]
    """
    if k < warmup:
        return _climb(k, start, peak, warmup)
    return exponential_decay.f(
        k - warmup, base=peak, gamma=gamma, total=total, begin=begin, staircase=staircase, end=end
    )


_ENDINGS = {
    "linear": line,
    "cos": wave,
    # 1 - sqrt(x) as (1 - x)/(1 + sqrt(x)), which does not cancel near the end.
    "sqrt": lambda a, b, done, left: (
        a * (left / (done + left)) / (1 + math.sqrt(done / (done + left))) + b * math.sqrt(done / (done + left))
    ),
}


@schedule(
    hypers={"base": BASE, "warmup": WARMUP, "stable": Hyper(REQUIRED, "S", 0, kind="int"),
            "decay": Hyper(REQUIRED, "D", 1, kind="int"), "minimum": MINIMUM,
            "way": Hyper("linear", kind="choice", choices=tuple(_ENDINGS))},
    points=lambda warmup, stable, decay, **_: [warmup, warmup + stable, warmup + stable + decay],
    transformers="get_wsd_schedule",
    latex=r"0 \rightarrow_{W} \eta \rightarrow_{W + S} \eta \rightarrow_{W + S + D} \eta_{\min}",
    samples=tuple({"base": 0.1, "warmup": 100, "stable": 500, "decay": 5000, "way": w} for w in _ENDINGS),
)  # fmt: skip
def wsd(k, *, base, warmup, stable, decay, minimum=0.0, way="linear"):
    """Warmup, stable, decay: the decay in a straight line, along half a cosine, or as ``1 - sqrt``.

    References
    ----------
    Hu et al., "MiniCPM", 2024; Hägele et al., "Scaling laws and compute-optimal training beyond fixed training
    durations", 2024 (``1 - sqrt``).

    Examples
    --------
    >>> wsd(1.0, warmup=2, stable=1, decay=4).values(8)
    [0.0, 0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    >>> [round(v, 4) for v in wsd(1.0, warmup=0, stable=0, decay=4, way="sqrt").values(5)]
    [1.0, 0.5, 0.2929, 0.134, 0.0]
    """
    if k < warmup:
        return base * k / warmup
    k -= warmup + stable
    return base if k <= 0 else _ENDINGS[way](base, minimum, k, decay - k) if k < decay else minimum


def _fits(v, fail):
    if v["warmup"] + v["decay"] > v["total"]:
        raise fail("warmup", f"+ {{decay}} must be <= {{total}}, which is {v['total']}")


@schedule(
    hypers={"base": BASE, "total": TOTAL, "warmup": WARMUP, "decay": Hyper(REQUIRED, "D", 1, kind="int")},
    points=lambda total, warmup, decay, **_: [warmup, total - decay, total], check=_fits,
    latex=r"\eta\,\min(\frac{k}{W},\,1,\,\frac{\max(T - k,\,0)}{D})",
    samples=({"base": 0.1, "total": 1000, "warmup": 100, "decay": 300},),
)
def trapezoid(k, *, base, total, warmup, decay):
    """Up, along, and down in straight lines.

    Examples
    --------
    >>> trapezoid(1.0, total=6, warmup=2, decay=2).values(7)
    [0.0, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0]
    """
    return wsd.f(k, base=base, warmup=warmup, stable=total - warmup - decay, decay=decay)


def _knots(total, *parts):
    return [int(p * total) for p in parts]


def _apart(v, fail):
    inner = [v[name] for name in ("pct", "pct_final") if name in v]
    if any(a >= b for a, b in pairwise([0, *_knots(v["total"], *inner), v["total"]])):
        raise fail("pct", f"leaves a phase without a step when {{total}} is {v['total']}")


@schedule(
    hypers={"total": TOTAL, "peak": MAXIMUM, "pct": FRACTION, "pct_final": Hyper(0.85, r"\psi", 0.0, 1.0),
            "div": DIV, "final_div": FINAL_DIV},
    points=lambda total, pct, pct_final, **_: [*_knots(total, pct, pct_final), total], check=_apart,
    latex=r"\frac{\eta_{\max}}{d} \rightarrow_{\varphi T} \eta_{\max} \rightarrow_{\psi T} \frac{\eta_{\max}}{d} "
          r"\rightarrow_{T} \frac{\eta_{\max}}{d f}",
    optax="linear_onecycle_schedule", samples=({"total": 1000, "peak": 1.0},),
)  # fmt: skip
def linear_onecycle(k, *, total, peak, pct=0.3, pct_final=0.85, div=25.0, final_div=1e4):
    """Up, back down, and on to almost nothing, in straight lines between whole steps.

    Examples
    --------
    >>> linear_onecycle(total=4, peak=1.0, pct=0.25, pct_final=0.75, div=2.0, final_div=4.0).values(6)
    [0.5, 1.0, 0.75, 0.5, 0.125, 0.125]
    """
    return piecewise_interpolate.f(
        k, base=peak / div, boundaries=(*_knots(total, pct, pct_final), total),
        scales=(div, 1 / div, 1 / final_div), way="linear",
    )


@schedule(
    hypers={"total": TOTAL, "peak": MAXIMUM, "pct": FRACTION, "div": DIV, "final_div": FINAL_DIV},
    points=lambda total, pct, **_: [*_knots(total, pct), total], check=_apart,
    latex=r"\frac{\eta_{\max}}{d} \rightarrow_{\varphi T} \eta_{\max} \rightarrow_{T} \frac{\eta_{\max}}{d f}",
    optax="cosine_onecycle_schedule", samples=({"total": 1000, "peak": 1.0},),
)
def cosine_onecycle(k, *, total, peak, pct=0.3, div=25.0, final_div=1e4):
    """Up and down to almost nothing, along half cosines between whole steps.

    Examples
    --------
    >>> cosine_onecycle(total=4, peak=1.0, pct=0.5, div=2.0, final_div=4.0).values(6)
    [0.5, 0.75, 1.0, 0.5625, 0.125, 0.125]
    """
    return piecewise_interpolate.f(
        k, base=peak / div, boundaries=(*_knots(total, pct), total), scales=(div, 1 / (div * final_div)), way="cos"
    )
