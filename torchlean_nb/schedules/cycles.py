"""Schedules that go up and down: cyclical rates and one-cycle, with the momentum that mirrors them."""

from __future__ import annotations

from dataclasses import replace

from torchlean_nb.hypers import REQUIRED, Hyper, flag, unit
from torchlean_nb.schedules._row import schedule
from torchlean_nb.schedules._shapes import BASE, DIV, FINAL_DIV, FRACTION, MAXIMUM, TOTAL, WAY, WAYS, line

_MODES = ("triangular", "triangular2", "exp_range")
_UP = Hyper(REQUIRED, "u", 1, kind="int")
_CYCLE = {
    "up": _UP, "down": replace(_UP, default=None, symbol="v", none=True),
    "mode": Hyper("triangular", kind="choice", choices=_MODES), "gamma": Hyper(1.0, r"\gamma", 0.0, open_low=True),
    "scale": Hyper(None, kind="any"), "scale_by": Hyper("cycle", kind="choice", choices=("cycle", "iterations")),
}  # fmt: skip
LOW = replace(unit(0.85, r"\mu_{\min}"))
HIGH = replace(unit(0.95, r"\mu_{\max}"))


def _cycle(k, a, b, up, down, mode, gamma, scale, scale_by):
    """From `a` towards `b` and back, again and again, the height scaled by the mode."""
    down = down or up
    cycle, at = divmod(k, up + down)
    if scale is not None:
        height = scale(cycle + 1 if scale_by == "cycle" else k)
    else:
        height = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": gamma**k}[mode]
    done, left = (at, up - at) if at <= up else (up + down - at, at - up)
    return line(a, b, done, left) if height == 1 else a + (b - a) * (done / (done + left)) * height


def _turns(up, down, **_):
    ends = [0]
    for i in range(6):
        ends.append(ends[-1] + ((down or up) if i % 2 else up))
    return ends


def _order(low, high):
    def check(v, fail):
        if v[low] > v[high]:
            raise fail(low, f"must be <= {{{high}}}, which is {v[high]!r}")
        if v.get("scale") is not None and not callable(v["scale"]):
            raise fail("scale", "must be a function")

    return check


_WAVE = r"h\,\Lambda(k;\,u,\,v),\quad h \in \{1,\;2^{-c},\;\gamma^{k}\}"


@schedule(
    hypers={"base": BASE, "maximum": MAXIMUM} | _CYCLE, points=_turns, check=_order("base", "maximum"),
    latex=r"\eta + (\eta_{\max} - \eta)\," + _WAVE, torch="CyclicLR", torchlean="cyclicScheduler",
    samples=tuple({"base": 0.1, "maximum": 1.0, "up": 200, "down": d, "mode": m, "gamma": 0.999}
                  for m, d in zip(_MODES, (None, 100, 500), strict=True)),
)  # fmt: skip
def cyclic(
    k, *, base, maximum, up=2000, down=None, mode="triangular", gamma=1.0, scale=None, scale_by="cycle"
):
    r"""Triangles between `base` and `maximum`: of one height, halved every cycle, or times ``gamma**k``.

    :math:`\Lambda` climbs from 0 to 1 in `up` steps and falls back in `down`. A function `scale` of the cycle
    (from 1) or of the step replaces the mode.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", 2017.

    Examples
    --------
    >>> cyclic(1.0, 2.0, up=2, mode="triangular2").values(8)
    [1.0, 1.5, 2.0, 1.5, 1.0, 1.25, 1.5, 1.25]
    """
    return _cycle(k, base, maximum, up, down, mode, gamma, scale, scale_by)


@schedule(
    hypers={"low": LOW, "high": HIGH} | _CYCLE, points=_turns, check=_order("low", "high"),
    latex=r"\mu_{\max} - (\mu_{\max} - \mu_{\min})\," + _WAVE, torch="CyclicLR (momentum)",
    samples=({"up": 200},),
)
def cyclic_momentum(
    k, *, low=0.8, high=0.9, up=2000, down=None, mode="triangular", gamma=1.0, scale=None, scale_by="cycle"
):
    """Momentum that is low where a cyclic rate is high.

    Examples
    --------
    >>> cyclic_momentum(low=0.5, high=0.75, up=2).values(5)
    [0.75, 0.625, 0.5, 0.625, 0.75]
    """
    return _cycle(k, high, low, up, down, mode, gamma, scale, scale_by)


@schedule(
    hypers={"base": BASE, "maximum": MAXIMUM, "size": Hyper(symbol="u", low=1, kind="int")},
    points=lambda size, **_: _turns(size, size), check=_order("base", "maximum"),
    latex=r"\eta + (\eta_{\max} - \eta)\,\Lambda(k;\,u,\,u)", torchlean="triangularCycleScheduler",
    samples=({"base": 0.1, "maximum": 1.0, "size": 200},),
)
def triangular(k, *, base, maximum, size):
    """Triangles of one height.

    Examples
    --------
    >>> triangular(1.0, 2.0, size=2).values(5)
    [1.0, 1.5, 2.0, 1.5, 1.0]
    """
    return _cycle(k, base, maximum, size, size, "triangular", 1.0, None, "cycle")


@schedule(
    hypers={"maximum": MAXIMUM, "total": TOTAL, "div": DIV, "pct": FRACTION, "final_div": FINAL_DIV},
    points=lambda total, pct, **_: [int(pct * total) + 1, total], torchlean="oneCycleScheduler",
    latex=r"\eta_{\max}\left(\frac{1}{d} \rightarrow_{\varphi T} 1 \rightarrow_{T} \frac{1}{f}\right)",
    samples=({"maximum": 1.0, "total": 1000}, {"maximum": 0.1, "total": 9999, "pct": 0.45, "final_div": 100.0}),
)
def one_cycle(k, *, maximum, total, div=25.0, pct=0.3, final_div=1e4):
    """Up in a straight line until ``pct * total``, down in a straight line to ``maximum / final_div``.

    Examples
    --------
    >>> one_cycle(1.0, total=4, div=2.0, pct=0.5, final_div=4.0).values(6)
    [0.5, 0.75, 1.0, 0.625, 0.25, 0.25]
    """
    top = pct * total
    if k < top:
        return line(maximum / div, maximum, k, top - k)
    return line(maximum, maximum / final_div, k - top, total - k) if k < total else maximum / final_div


def _phases(total, pct, three_phase):
    """Where the phases of PyTorch's one-cycle end; they need not be whole."""
    ends = [pct * total - 1, 2 * pct * total - 2] if three_phase else [pct * total - 1]
    return [*ends, total - 1]


def _one_cycle(k, values, total, pct, way, three_phase):
    """From each value to the next, phase by phase."""
    start = 0.0
    for a, b, end in zip(values, values[1:], _phases(total, pct, three_phase), strict=False):
        if k <= end and start < end:
            return WAYS[way](a, b, k - start, end - k)
        start = end
    return values[-1]


def _halves(v, fail):
    if v["three_phase"] and v["pct"] > 0.5:
        raise fail("pct", "must be <= 0.5 with three phases")


_SHAPE = {"total": TOTAL, "pct": FRACTION, "way": WAY, "three_phase": flag()}
_ENDS = {
    "points": lambda total, pct, three_phase, **_: [int(e) + 1 for e in _phases(total, pct, three_phase)],
    "check": _halves,
}


@schedule(
    hypers={"maximum": MAXIMUM} | _SHAPE | {"div": DIV, "final_div": FINAL_DIV}, **_ENDS, torch="OneCycleLR",
    torchlean="oneCycleLR",
    latex=r"\eta_{\max}\left(\frac{1}{d} \rightarrow_{\varphi T - 1} 1 \rightarrow_{T - 1} \frac{1}{d f}\right)",
    samples=tuple({"maximum": 1.0, "total": 1000, "way": w, "three_phase": t} for w in WAYS for t in (False, True)),
)
def one_cycle_lr(
    k, *, maximum, total, pct=0.3, way="cos", three_phase=False, div=25.0, final_div=1e4
):
    """One-cycle as PyTorch has it: up by ``pct * total - 1``, down to ``maximum / div / final_div`` by ``total - 1``.

    With three phases it comes down to the first value, as fast as it went up, before it goes on to the last one.

    References
    ----------
    Smith, Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018.

    Examples
    --------
    >>> one_cycle_lr(1.0, total=6, pct=0.5, way="linear", div=2.0, final_div=4.0).values(7)
    [0.5, 0.75, 1.0, 0.7083333333333334, 0.4166666666666667, 0.125, 0.125]
    """
    first, last = maximum / div, maximum / div / final_div
    values = [first, maximum, first, last] if three_phase else [first, maximum, last]
    return _one_cycle(k, values, total, pct, way, three_phase)


@schedule(
    hypers={"low": LOW, "high": HIGH} | _SHAPE, **_ENDS, torch="OneCycleLR (momentum)",
    latex=r"\mu_{\max} \rightarrow_{\varphi T - 1} \mu_{\min} \rightarrow_{T - 1} \mu_{\max}",
    samples=({"total": 1000}, {"total": 1000, "three_phase": True}),
)
def one_cycle_momentum(k, *, low=0.85, high=0.95, total, pct=0.3, way="cos", three_phase=False):
    """Momentum that is low where the one-cycle rate is high.

    Examples
    --------
    >>> [round(v, 3) for v in one_cycle_momentum(total=6, pct=0.5, way="linear").values(6)]
    [0.95, 0.9, 0.85, 0.883, 0.917, 0.95]
    """
    values = [high, low, high, high] if three_phase else [high, low, high]
    return _one_cycle(k, values, total, pct, way, three_phase)
