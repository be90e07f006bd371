"""Schedules that go down for ever, or down to an end and stay there."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from torchlean_nb.hypers import REQUIRED, Hyper, flag
from torchlean_nb.schedules._row import schedule
from torchlean_nb.schedules._shapes import (
    BASE,
    BEGIN,
    END,
    GAMMA,
    MAXIMUM,
    MINIMUM,
    POWER,
    TOTAL,
    WARMUP,
    bend,
    line,
    root,
)  # fmt: skip

_ONE = Hyper(1, "T", 1, kind="int")


def _span(total, begin=0, **_):
    return [begin, begin + total]


@schedule(
    hypers={"base": BASE, "gamma": GAMMA, "total": _ONE, "begin": BEGIN, "staircase": flag(),
            "end": replace(END, none=True)},
    latex=r"\max(\eta\,\gamma^{\max(k-B,\,0)/T},\,\eta_{T})", points=lambda begin, **_: [begin],
    torch="ExponentialLR", optax="exponential_decay", torchlean="exponentialDecayScheduler",
    samples=({"base": 0.1, "gamma": 0.999}, {"base": 1, "gamma": 0.3, "total": 1000, "begin": 200},
             {"base": 2, "gamma": 0.5, "total": 500, "end": 0.25}, {"base": 1e-3, "gamma": 1.5, "total": 1000,
                                                                   "end": 0.1}),
)  # fmt: skip
def exponential_decay(k, *, base, gamma, total=1, begin=0, staircase=False, end=None):
    """Times `gamma` every `total` steps, smoothly or in stairs, until `end`: ``base * gamma**((k-begin)/total)``.

    With ``gamma > 1`` it grows and `end` is a ceiling.

    Examples
    --------
    >>> exponential_decay(1.0, 0.5).values(4)
    [1.0, 0.5, 0.25, 0.125]
    >>> exponential_decay(1.0, 0.5, total=2, staircase=True, end=0.4).values(5)
    [1.0, 1.0, 0.5, 0.5, 0.4]
    """
    k = max(k - begin, 0)
    value = base * (gamma ** (k // total) if staircase else root(gamma, k, total))
    return value if end is None else max(value, end) if gamma < 1 else min(value, end)


@schedule(
    hypers={"base": BASE, "start_factor": Hyper(symbol="s", low=0.0, high=1.0, open_low=True),
            "end_factor": Hyper(symbol="e", low=0.0, high=1.0), "total": TOTAL},
    latex=r"\eta\left(s + (e - s)\,\frac{\min(k,\,T)}{T}\right)", points=lambda total, **_: [total], torch="LinearLR",
    samples=({"base": 0.1, "total": 1000}, {"base": 1, "start_factor": 1.0, "end_factor": 0.0, "total": 99_999}),
)  # fmt: skip
def linear_factor(k, *, base, start_factor=1 / 3, end_factor=1.0, total=5):
    """Factor that goes in a straight line from `start_factor` to `end_factor`.

    Examples
    --------
    >>> linear_factor(1.0, start_factor=0.5, total=2).values(4)
    [0.5, 0.75, 1.0, 1.0]
    """
    k = min(k, total)
    return base * line(start_factor, end_factor, k, total - k)


@schedule(
    hypers={"base": BASE, "end": END, "total": TOTAL, "begin": BEGIN, "power": POWER},
    latex=r"(\eta - \eta_{T})\left(1 - \frac{\min(\max(k-B,\,0),\,T)}{T}\right)^{p} + \eta_{T}", points=_span,
    torch="PolynomialLR", optax="polynomial_schedule, linear_schedule",
    samples=({"base": 0.1, "total": 1000}, {"base": 1, "end": 0.1, "total": 5000, "power": 2.0, "begin": 100},
             {"base": 1e-4, "end": 1, "total": 99_999, "power": 0.9}, {"base": 0, "end": 1, "total": 100, "power": 3}),
)  # fmt: skip
def polynomial(k, *, base, end=0.0, total=5, begin=0, power=1.0):
    """From `base` to `end` along a power of what is left; in a straight line with power 1.

    Examples
    --------
    >>> polynomial(1.0, total=4, power=2).values(6)
    [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """
    k = min(max(k - begin, 0), total)
    return bend(base, end, k, total - k, power)


@schedule(
    hypers={"base": BASE, "end": END, "total": TOTAL, "begin": BEGIN}, points=_span, optax="linear_schedule",
    latex=r"\eta + (\eta_{T} - \eta)\,\frac{\min(\max(k-B,\,0),\,T)}{T}",
    samples=({"base": 0.1, "total": 1000}, {"base": 0, "end": 3, "total": 1000, "begin": 10}),
)
def linear(k, *, base, end=0.0, total, begin=0):
    """From `base` to `end` in a straight line, then `end`.

    Examples
    --------
    >>> linear(1.0, total=4).values(6)
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    k = min(max(k - begin, 0), total)
    return line(base, end, k, total - k)


@schedule(
    hypers={"base": BASE, "rate": Hyper(REQUIRED, r"\lambda", 0.0), "total": _ONE, "staircase": flag()},
    latex=r"\frac{\eta}{1 + \lambda\,k/T}", samples=({"base": 0.1, "rate": 0.01}, {"base": 1, "rate": 2, "total": 500}),
)
def inverse_time(k, *, base, rate, total=1, staircase=False):
    """Divided by one plus a multiple of the time: the rate of Robbins and Monro, and of Bottou.

    Examples
    --------
    >>> inverse_time(1.0, rate=1.0).values(4)
    [1.0, 0.5, 0.3333333333333333, 0.25]
    """
    return base / (1 + rate * (k // total if staircase else k / total))


@schedule(
    hypers={"base": BASE, "warmup": replace(WARMUP, low=1)}, points=lambda warmup, **_: [warmup],
    latex=r"\eta\,\min(\frac{k}{W},\,\sqrt{\frac{W}{k}})", samples=({"base": 0.1, "warmup": 400},),
)
def inverse_sqrt(k, *, base, warmup):
    """Up in a straight line, then down with the square root of the time.

    Examples
    --------
    >>> inverse_sqrt(1.0, warmup=4).values(5), inverse_sqrt(1.0, warmup=4)(16)
    ([0.0, 0.25, 0.5, 0.75, 1.0], 0.5)
    """
    return base * k / warmup if k < warmup else base * math.sqrt(warmup / k)


@schedule(
    hypers={"dim": Hyper(REQUIRED, "d", 1, kind="int"), "warmup": replace(WARMUP, low=1),
            "factor": Hyper(1.0, "c", 0.0)},
    latex=r"\frac{c}{\sqrt{d}}\,\min(\frac{1}{\sqrt{k+1}},\,\frac{k+1}{W^{3/2}})",
    points=lambda warmup, **_: [warmup - 1], samples=({"dim": 512, "warmup": 400},),
)  # fmt: skip
def noam(k, *, dim, warmup, factor=1.0):
    """Rate of the first transformer: up in a straight line, then one over the square root of the time.

    References
    ----------
    Vaswani et al., "Attention is all you need", 2017, section 5.3; its step is ``k + 1``.

    Examples
    --------
    >>> noam(dim=4, warmup=4).values(4)
    [0.0625, 0.125, 0.1875, 0.25]
    """
    step = k + 1
    return factor / math.sqrt(dim) * (step / (warmup * math.sqrt(warmup)) if step < warmup else 1 / math.sqrt(step))


@schedule(
    hypers={"base": BASE, "total": TOTAL}, points=lambda total, **_: [total],
    latex=r"\eta\,\frac{2\,(T - k)}{2\,T - k}\,[k < T]", samples=({"base": 0.1, "total": 1000},),
)
def rex(k, *, base, total):
    """Down late: like the straight line at first, steeper at the end.

    References
    ----------
    Chen, Wolfe, Kyrillidis, "REX: revisiting budgeted training with an improved schedule", 2022.

    Examples
    --------
    >>> rex(1.0, total=4).values(6)
    [1.0, 0.8571428571428571, 0.6666666666666666, 0.4, 0.0, 0.0]
    """
    left = max(total - k, 0)
    return base * 2 * left / (total + left)


def _positive_minimum(v, fail):
    if not 0 < v["minimum"] < v["maximum"]:
        raise fail("minimum", f"must be > 0 and < {{maximum}}, which is {v['maximum']!r}")


@schedule(
    hypers={"minimum": replace(MINIMUM, default=REQUIRED), "maximum": MAXIMUM, "total": TOTAL},
    latex=r"\eta_{\min} \left(\frac{\eta_{\max}}{\eta_{\min}}\right)^{k/T}", check=_positive_minimum,
    torchlean="lrFinder", samples=({"minimum": 1e-5, "maximum": 1.0, "total": 5000},),
)
def lr_finder(k, *, minimum, maximum, total):
    """Sweep by equal factors from `minimum` at 0 to `maximum` at `total`, and on.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.

    Examples
    --------
    >>> [f"{v:.0e}" for v in lr_finder(1e-3, 1.0, total=3).values(5)]
    ['1e-03', '1e-02', '1e-01', '1e+00', '1e+01']
    """
    ratio = maximum / minimum
    # Far out the rounding of the ratio would come back as many times as the sweep is repeated.
    error = Fraction(maximum) / (Fraction(minimum) * Fraction(ratio)) - 1
    return minimum * root(ratio, k, total, float(error))
