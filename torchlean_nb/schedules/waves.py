"""Schedules along a cosine: clamped, periodic, restarted."""

from __future__ import annotations

from torchlean_nb.hypers import Hyper
from torchlean_nb.schedules._row import schedule
from torchlean_nb.schedules._shapes import BASE, MINIMUM, POWER, TOTAL, WAY, WAYS, complement, fall, fallen, wave

_HYPERS = {"base": BASE, "total": TOTAL, "minimum": MINIMUM}
_SAMPLES = ({"base": 0.1, "total": 1000}, {"base": 1, "total": 99_999, "minimum": 1e-3}, {"base": 0.1, "total": 3})


@schedule(
    hypers=_HYPERS, points=lambda total, **_: [total], torchlean="cosineAnnealingScheduler", samples=_SAMPLES,
    latex=r"\eta_{\min} + (\eta - \eta_{\min})\,\cos^{2}\left(\frac{\pi \min(k,\,T)}{2\,T}\right)",
)
def cosine(k, *, base, total, minimum=0.0):
    r"""Down along half a cosine, then `minimum`: :math:`\cos^2(x/2)` is :math:`\frac{1+\cos x}{2}` with all digits.

    Examples
    --------
    >>> [round(v, 4) for v in cosine(1.0, total=4).values(7)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0, 0.0]
    """
    k = min(k, total)
    return wave(base, minimum, k, total - k)


@schedule(
    hypers=_HYPERS, torch="CosineAnnealingLR", torchlean="cosineAnnealingLR", samples=_SAMPLES,
    points=lambda total, **_: [total, 2 * total],
    latex=r"\eta_{\min} + (\eta - \eta_{\min})\,\cos^{2}\left(\frac{\pi k}{2\,T}\right)",
)
def cosine_annealing(k, *, base, total, minimum=0.0):
    """Cosine that climbs back after `total` and goes on for ever, with period ``2 * total``.

    References
    ----------
    Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, without the restarts.

    Examples
    --------
    >>> [round(v, 4) for v in cosine_annealing(1.0, total=2).values(6)]
    [1.0, 0.5, 0.0, 0.5, 1.0, 0.5]
    """
    k = k % (2 * total)
    return wave(base, minimum, k, total - k)


@schedule(
    hypers={"base": BASE, "total": TOTAL, "alpha": Hyper(symbol=r"\alpha", low=0.0), "exponent": POWER},
    points=lambda total, **_: [total], optax="cosine_decay_schedule",
    latex=r"\eta\left(\alpha + (1 - \alpha)\,\cos^{2p}\left(\frac{\pi \min(k,\,T)}{2\,T}\right)\right)",
    samples=({"base": 0.1, "total": 1000}, {"base": 1, "total": 5000, "alpha": 0.1, "exponent": 2.0},
             {"base": 1e-3, "total": 1000, "alpha": 10.0, "exponent": 0.7}),
)  # fmt: skip
def cosine_decay(k, *, base, total, alpha=0.0, exponent=1.0):
    """Down along a power of half a cosine to ``alpha * base``, and stay.

    Examples
    --------
    >>> [round(v, 4) for v in cosine_decay(1.0, total=4, alpha=0.5).values(6)]
    [1.0, 0.9268, 0.75, 0.5732, 0.5, 0.5]
    """
    k = min(k, total)
    w, v = fall(k, total - k), fall(total - k, k)
    if exponent != 1 and k < total:
        w, v = fallen(k, total - k, exponent), complement(w, v, exponent)
    return base * (w + alpha * v)


def _restarts(period, factor, **_):
    ends, n = [], period
    for _ in range(4):
        ends.append((ends or [0])[-1] + n)
        n *= factor
    return ends


@schedule(
    hypers={"base": BASE, "period": Hyper(symbol="T_{0}", low=1, kind="int"),
            "factor": Hyper(symbol="m", low=1, kind="int"), "minimum": MINIMUM},
    points=_restarts, jumps=True, fractional=True, torch="CosineAnnealingWarmRestarts",
    latex=r"\eta_{\min} + (\eta - \eta_{\min})\,\cos^{2}\left(\frac{\pi\,(k - t_{i})}{2\,T_{0}\,m^{i}}\right)",
    samples=({"base": 0.1, "period": 100}, {"base": 1, "period": 300, "factor": 2, "minimum": 0.01}),
)  # fmt: skip
def warm_restarts(k, *, base, period, factor=1, minimum=0.0):
    """Half a cosine again and again, each `factor` times as long; steps may be fractions.

    References
    ----------
    Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    Examples
    --------
    >>> [round(v, 4) for v in warm_restarts(1.0, period=2, factor=2).values(7)]
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]
    """
    if factor == 1:
        k = k % period
    else:
        while k >= period:
            k -= period
            period *= factor
    return wave(base, minimum, k, period - k)


@schedule(
    hypers={"base": BASE, "target": Hyper(symbol=r"\eta_{T}", low=0.0), "total": Hyper(symbol="T", low=0, kind="int"),
            "way": WAY},
    points=lambda total, **_: [total], torch="SWALR",
    latex=r"\eta + (\eta_{T} - \eta)\,a\left(\frac{\min(k,\,T)}{T}\right)",
    samples=({"base": 0.1, "target": 0.05, "total": 1000}, {"base": 0.1, "target": 0.5, "total": 500,
                                                           "way": "linear"}),
)  # fmt: skip
def swa(k, *, base, target, total=10, way="cos"):
    """From `base` to the rate at which weights are averaged, and stay there.

    Examples
    --------
    >>> swa(1.0, target=0.5, total=2).values(4)
    [1.0, 0.75, 0.5, 0.5]
    """
    return WAYS[way](base, target, k, total - k) if k < total else target
