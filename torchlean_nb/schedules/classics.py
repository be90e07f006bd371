"""Rates that a paper or a textbook is known for."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from torchlean_nb.hypers import REQUIRED, Hyper, flag
from torchlean_nb.schedules._row import schedule
from torchlean_nb.schedules._shapes import BASE, POWER, TOTAL, bend, fall

_RATE = Hyper(REQUIRED, r"\lambda", 0.0)


@schedule(
    hypers={"base": BASE, "rate": _RATE, "total": replace(TOTAL, default=1), "staircase": flag()},
    latex=r"\eta\,e^{-\lambda\,k/T}", samples=({"base": 0.1, "rate": 0.01}, {"base": 1, "rate": 0.7, "total": 500}),
)
def natural_exp(k, *, base, rate, total=1, staircase=False):
    """Down with the exponential function: `rate` is lost per `total` steps, smoothly or in stairs.

    Examples
    --------
    >>> [round(v, 4) for v in natural_exp(1.0, rate=0.5).values(4)]
    [1.0, 0.6065, 0.3679, 0.2231]
    """
    exact = Fraction(rate) * (k // total if staircase else Fraction(k, total))
    x = float(exact)
    # What rounding the exponent loses would be multiplied by its size.
    return base * math.exp(-x) * (1 + float(Fraction(x) - exact))


@schedule(hypers={"base": BASE}, latex=r"\frac{\eta}{\sqrt{k + 1}}", samples=({"base": 0.1},))
def sqrt_decay(k, *, base):
    """Divided by the square root of the number of the step, counted from 1.

    References
    ----------
    Zinkevich, "Online convex programming and generalized infinitesimal gradient ascent", 2003.

    Examples
    --------
    >>> sqrt_decay(1.0)(3), sqrt_decay(1.0)(99)
    (0.5, 0.1)
    """
    return base / math.sqrt(k + 1)


@schedule(
    hypers={"base": BASE, "rate": _RATE}, latex=r"\frac{\eta}{1 + \eta\,\lambda\,k}",
    samples=({"base": 0.1, "rate": 0.01}, {"base": 2.0, "rate": 1.0}),
)
def bottou(k, *, base, rate):
    """Divided by the time in units that follow from the first rate and the strength `rate` of an L2 penalty.

    References
    ----------
    Bottou, "Stochastic gradient descent tricks", 2012, section 5.2.

    Examples
    --------
    >>> bottou(0.5, rate=2.0).values(4)
    [0.5, 0.25, 0.16666666666666666, 0.125]
    """
    return base / (1 + base * rate * k)


@schedule(
    hypers={"base": BASE, "total": TOTAL, "power": POWER}, points=lambda total, **_: [total],
    latex=r"\eta\left(1 - \frac{\min(k,\,T)}{T}\right)^{p}", samples=({"base": 0.007, "total": 5000},),
)
def deeplab_poly(k, *, base, total, power=0.9):
    """Down along a power of what is left, 0.9 for segmentation networks; then 0.

    References
    ----------
    Chen et al., "DeepLab: semantic image segmentation with deep convolutional nets", 2017, section 4.1.2.

    Examples
    --------
    >>> [round(v, 4) for v in deeplab_poly(1.0, total=4).values(6)]
    [1.0, 0.7719, 0.5359, 0.2872, 0.0, 0.0]
    """
    k = min(k, total)
    return bend(base, 0.0, k, total - k, power)


@schedule(
    hypers={"base": BASE, "total": TOTAL, "cycles": Hyper(REQUIRED, "M", 1, kind="int")}, jumps=True,
    points=lambda total, cycles, **_: [i * -(-total // cycles) for i in range(1, min(cycles, 8) + 1)],
    latex=r"\eta\,\cos^{2}\left(\frac{\pi}{2}\,\frac{k\,\mathrm{mod}\,\lceil T/M \rceil}{\lceil T/M \rceil}\right)",
    samples=({"base": 0.1, "total": 1000, "cycles": 3},),
)
def snapshot(k, *, base, total, cycles):
    """Half a cosine `cycles` times within `total` steps; before every restart the weights join an ensemble.

    References
    ----------
    Huang et al., "Snapshot ensembles: train 1, get M for free", 2017.

    Examples
    --------
    >>> [round(v, 4) for v in snapshot(1.0, total=4, cycles=2).values(6)]
    [1.0, 0.5, 1.0, 0.5, 1.0, 0.5]
    """
    period = -(-total // cycles)
    return base * fall(k % period, period - k % period)


def _spectrum(v, fail):
    if not 0 < v["low"] <= v["high"]:
        raise fail("low", f"must be > 0 and <= {{high}}, which is {v['high']!r}")
    if v["order"] == "fractal" and v["total"] & (v["total"] - 1):
        raise fail("total", "must be a power of 2 in fractal order")


def _fractal(i, n):
    """Place of the `i`-th of `n` numbers when each half is woven into its mirror image."""
    if n == 1:
        return 0
    j = _fractal(i // 2, n // 2)
    return n - 1 - j if i % 2 else j


@schedule(
    hypers={"low": Hyper(REQUIRED, "m", 0.0, log=True), "high": Hyper(REQUIRED, "M", 0.0, log=True), "total": TOTAL,
            "order": Hyper("plain", kind="choice", choices=("plain", "fractal"))},
    latex=r"\frac{2}{M + m - (M - m)\,\cos\left(\frac{2\,\sigma(k) + 1}{2\,T}\,\pi\right)}",
    check=_spectrum, jumps=True,
    samples=({"low": 0.05, "high": 1.0, "total": 64}, {"low": 1.0, "high": 100.0, "total": 32, "order": "fractal"}),
)  # fmt: skip
def chebyshev(k, *, low, high, total, order="plain"):
    r"""Rates of gradient descent that are best together for curvatures between `low` and `high`, over and over.

    :math:`\sigma` counts upwards modulo `total`, from the largest rate to the smallest; in fractal order, for a power
    of 2, large and small ones take turns, so that rounding errors do not grow.

    References
    ----------
    Young, "On Richardson's method for solving linear systems with positive definite matrices", 1953.
    Agarwal, Goel, Zhang, "Acceleration via fractal learning rate schedules", 2021.

    Examples
    --------
    >>> [round(v, 4) for v in chebyshev(1.0, 9.0, total=2).values(3)]
    [0.4605, 0.1277, 0.4605]
    """
    j = k % total
    j = 2 * (_fractal(j, total) if order == "fractal" else j) + 1
    return 1 / (low * fall(j, 2 * total - j) + high * fall(2 * total - j, j))
