"""Warmups as Hugging Face's Transformers have them: up from 0 to `base`, then down in one of several ways.

With `constant`, `linear_warmup` and `wsd` these are all of its schedules; `base` is the rate of the optimizer there.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from torchlean_nb.hypers import REQUIRED, Hyper
from torchlean_nb.schedules._row import schedule
from torchlean_nb.schedules._shapes import BASE, END, MINIMUM, POWER, TOTAL, WARMUP, bend, fall, line, shorter, wave

_CYCLES = Hyper(0.5, "c", 0.0, open_low=True)
_UP = r"\min(\frac{k}{W},\,1)"
_SHAPE = {"base": BASE, "warmup": WARMUP, "total": TOTAL}


def _waves(base, minimum, done, total, cycles):
    """From `base` down and up again, `cycles` whole waves in `total`; the angle is exact until it is rounded once."""
    at = 2 * Fraction(cycles) * done / total % 2
    at = 2 - at if at > 1 else at
    return wave(base, minimum, float(at), float(1 - at))


@schedule(
    hypers=_SHAPE, check=shorter, points=lambda warmup, total, **_: [warmup, total],
    transformers="get_linear_schedule_with_warmup", samples=({"base": 0.1, "warmup": 100, "total": 1000},),
    latex=r"\eta\,\min(\frac{k}{W},\,\frac{\max(T - k,\,0)}{T - W})",
)
def warmup_linear(k, *, base, warmup, total):
    """Up in a straight line, down in a straight line, and stay at 0.

    References
    ----------
    Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2019.

    Examples
    --------
    >>> warmup_linear(1.0, warmup=2, total=6).values(8)
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    return base * k / warmup if k < warmup else base * max(total - k, 0) / (total - warmup)


@schedule(
    hypers=_SHAPE | {"cycles": _CYCLES}, check=shorter, points=lambda warmup, **_: [warmup],
    transformers="get_cosine_schedule_with_warmup",
    latex=_UP + r"\,\eta\,\cos^{2}\left(\pi\,c\,\frac{\max(k - W,\,0)}{T - W}\right)",
    samples=({"base": 0.1, "warmup": 100, "total": 1000}, {"base": 1.0, "warmup": 10, "total": 5000, "cycles": 1.3}),
)
def warmup_waves(k, *, base, warmup, total, cycles=0.5):
    """Up in a straight line, then `cycles` waves of a cosine until `total`, and on: half a wave climbs back later.

    References
    ----------
    Wolf et al., "Transformers: state-of-the-art natural language processing", 2020.

    Examples
    --------
    >>> [round(v, 4) for v in warmup_waves(1.0, warmup=2, total=6).values(9)]
    [0.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 0.0, 0.1464, 0.5]
    """
    return base * k / warmup if k < warmup else _waves(base, 0.0, k - warmup, total - warmup, cycles)


@schedule(
    hypers=_SHAPE | {"minimum": replace(MINIMUM, default=REQUIRED), "cycles": _CYCLES}, check=shorter,
    points=lambda warmup, **_: [warmup], transformers="get_cosine_with_min_lr_schedule_with_warmup",
    latex=r"0 \rightarrow_{W} \eta,\quad \eta_{\min} + (\eta - \eta_{\min})\,"
          r"\cos^{2}\left(\pi\,c\,\frac{k - W}{T - W}\right)",
    samples=({"base": 0.1, "warmup": 100, "total": 1000, "minimum": 0.01},),
)  # fmt: skip
def warmup_waves_min(k, *, base, warmup, total, minimum, cycles=0.5):
    """Like `warmup_waves`, but down to `minimum`; the way up begins at 0.

    References
    ----------
    Wolf et al., "Transformers: state-of-the-art natural language processing", 2020.

    Examples
    --------
    >>> [round(v, 4) for v in warmup_waves_min(1.0, warmup=2, total=6, minimum=0.5).values(7)]
    [0.0, 0.5, 1.0, 0.9268, 0.75, 0.5732, 0.5]
    """
    return base * k / warmup if k < warmup else _waves(base, minimum, k - warmup, total - warmup, cycles)


@schedule(
    hypers=_SHAPE | {"minimum": replace(MINIMUM, default=REQUIRED), "start": replace(END, symbol=r"\eta_{0}", none=True,
                     default=None), "cycles": _CYCLES},
    check=shorter, points=lambda warmup, **_: [warmup],
    transformers="get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    latex=r"\eta_{0} \rightarrow_{W - 1} \eta,\quad \eta_{\min} + (\eta - \eta_{\min})\,"
          r"\cos^{2}\left(\pi\,c\,\frac{k - W + 1}{T - W}\right)",
    samples=({"base": 0.1, "warmup": 100, "total": 1000, "minimum": 0.01},
             {"base": 0.1, "warmup": 100, "total": 1000, "minimum": 0.01, "start": 0.02}),
)  # fmt: skip
def warmup_waves_start(k, *, base, warmup, total, minimum, start=None, cycles=0.5):
    """Like `warmup_waves_min`, one step ahead of it: no step is wasted on a rate of 0, and the last one has `minimum`.

    The way up is ``(k + 1)/warmup``, or in a straight line from `start` to `base` at ``warmup - 1``.

    References
    ----------
    Wolf et al., "Transformers: state-of-the-art natural language processing", 2020.

    Examples
    --------
    >>> [round(v, 4) for v in warmup_waves_start(1.0, warmup=2, total=6, minimum=0.5).values(6)]
    [0.5, 1.0, 0.9268, 0.75, 0.5732, 0.5]
    """
    if k >= warmup:
        return _waves(base, minimum, k - warmup + 1, total - warmup, cycles)
    if start is None:
        return base * (k + 1) / warmup
    return line(start, base, k, warmup - 1 - k) if warmup > 1 else start


@schedule(
    hypers=_SHAPE | {"cycles": Hyper(1, "c", 1, kind="int")}, check=shorter, jumps=True,
    points=lambda warmup, total, cycles, **_: [warmup, *(warmup + -(-i * (total - warmup) // cycles)
                                                         for i in range(1, min(cycles, 8) + 1))],
    transformers="get_cosine_with_hard_restarts_schedule_with_warmup",
    latex=_UP + r"\,\eta\,\cos^{2}\left(\frac{\pi}{2}\,\left(c\,\frac{\max(k - W,\,0)}{T - W}\,"
          r"\mathrm{mod}\,1\right)\right)\,[k < T]",
    samples=({"base": 0.1, "warmup": 100, "total": 1000}, {"base": 1.0, "warmup": 0, "total": 1000, "cycles": 3}),
)  # fmt: skip
def warmup_restarts(k, *, base, warmup, total, cycles=1):
    """Up in a straight line, then half a cosine `cycles` times, each from `base` again, and stay at 0.

    References
    ----------
    Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    Examples
    --------
    >>> [round(v, 4) for v in warmup_restarts(1.0, warmup=1, total=5, cycles=2).values(7)]
    [0.0, 1.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """
    if k < warmup or k >= total:
        return base * k / warmup if k < warmup else 0.0
    done = cycles * (k - warmup) % (total - warmup)
    return base * fall(done, total - warmup - done)


def _polynomial(v, fail):
    shorter(v, fail)
    if v["end"] >= v["base"]:
        raise fail("end", f"must be < {{base}}, which is {v['base']!r}")


@schedule(
    hypers=_SHAPE | {"end": END, "power": POWER}, check=_polynomial, points=lambda warmup, total, **_: [warmup, total],
    transformers="get_polynomial_decay_schedule_with_warmup",
    latex=r"0 \rightarrow_{W} \eta,\quad \eta_{T} + (\eta - \eta_{T})\,"
          r"\left(\frac{\max(T - k,\,0)}{T - W}\right)^{p}",
    samples=({"base": 0.1, "warmup": 100, "total": 1000}, {"base": 1.0, "warmup": 100, "total": 9000, "end": 0.01,
                                                          "power": 2.0}),
)  # fmt: skip
def warmup_polynomial(k, *, base, warmup, total, end=1e-7, power=1.0):
    """Up in a straight line, down along a power of what is left, and stay at `end`.

    References
    ----------
    Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2019, with power 1.

    Examples
    --------
    >>> warmup_polynomial(1.0, warmup=2, total=6, end=0.0, power=2.0).values(8)
    [0.0, 0.5, 1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """
    if k < warmup:
        return base * k / warmup
    k = min(k, total)
    return bend(base, end, k - warmup, total - k, power)


@schedule(
    hypers={"base": BASE, "warmup": WARMUP, "timescale": Hyper(None, r"\tau", 1, kind="int", none=True)},
    points=lambda warmup, **_: [warmup], transformers="get_inverse_sqrt_schedule",
    latex=_UP + r"\,\eta\,\sqrt{\frac{\tau}{\max(k - W,\,0) + \tau}}",
    samples=({"base": 0.1, "warmup": 400}, {"base": 0.1, "warmup": 0}, {"base": 1.0, "warmup": 100, "timescale": 50}),
)
def warmup_inverse_sqrt(k, *, base, warmup, timescale=None):
    """Up in a straight line, then one over the square root of the time, in units of `timescale`.

    By default `timescale` is `warmup`, which is `inverse_sqrt`, or 10 000 without one.

    References
    ----------
    Zhai et al., "Scaling vision transformers", 2022.

    Examples
    --------
    >>> warmup_inverse_sqrt(1.0, warmup=2, timescale=4).values(3), warmup_inverse_sqrt(1.0, warmup=2, timescale=4)(14)
    ([0.0, 0.5, 1.0], 0.5)
    """
    tau = timescale or warmup or 10_000
    return base * k / warmup if k < warmup else base * math.sqrt(tau / (k - warmup + tau))
