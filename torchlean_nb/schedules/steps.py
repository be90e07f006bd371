"""Schedules that stand still and jump: whole-number arithmetic decides where."""

from __future__ import annotations

from bisect import bisect_right
from math import prod

from torchlean_nb.hypers import Hyper
from torchlean_nb.schedules._row import schedule
from torchlean_nb.schedules._shapes import ANY, BASE, GAMMA, TOTAL, WAY, WAYS, ascending, callable_, number


def _multiples(n, count=3):
    return range(n, (count + 1) * n, n)


@schedule(
    hypers={"base": BASE}, latex=r"\eta", optax="constant_schedule", torchlean="constantScheduler",
    transformers="get_constant_schedule",     samples=({"base": 0.1},),
)
def constant(k, *, base):
    """Always the same.

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """
    return base


@schedule(
    hypers={"base": BASE, "size": Hyper(symbol="T", low=1, kind="int"), "gamma": GAMMA},
    latex=r"\eta\,\gamma^{\lfloor k/T \rfloor}", points=lambda size, **_: _multiples(size), jumps=True,
    torch="StepLR", torchlean="stepDecayScheduler, stepLR",
    samples=({"base": 0.1, "size": 300, "gamma": 0.5}, {"base": 1, "size": 7, "gamma": 0.97}),
)
def step_decay(k, *, base, size, gamma=0.1):
    """Times `gamma` every `size` steps: ``base * gamma**(k // size)``.

    Examples
    --------
    >>> step_decay(1.0, size=2, gamma=0.5).values(5)
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return base * gamma ** (k // size)


@schedule(
    hypers={"base": BASE, "milestones": Hyper(symbol="m", kind="any"), "gamma": GAMMA},
    latex=r"\eta\,\gamma^{\sum_{m} [m \leq k]}", points=lambda milestones, **_: milestones, jumps=True,
    check=lambda v, fail: ascending(v, fail, "milestones"), torch="MultiStepLR",
    samples=({"base": 0.1, "milestones": [30, 80, 1000]},),
)
def multistep(k, *, base, milestones, gamma=0.1):
    """Times `gamma` at every milestone.

    Examples
    --------
    >>> multistep(1.0, [2, 3], gamma=0.5).values(5)
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """
    return base * gamma ** bisect_right(milestones, k)


@schedule(
    hypers={"base": BASE, "factor": Hyper(symbol="c", low=0.0, high=1.0), "total": TOTAL},
    latex=r"\eta\,c^{[k < T]}", points=lambda total, **_: [total], jumps=True, torch="ConstantLR",
    samples=({"base": 0.1, "total": 50}, {"base": 1, "factor": 0.0}),
)
def constant_factor(k, *, base, factor=1 / 3, total=5):
    """Times `factor` for the first `total` steps.

    Examples
    --------
    >>> constant_factor(1.0, factor=0.5, total=2).values(4)
    [0.5, 0.5, 1.0, 1.0]
    """
    return base * factor if k < total else base


def _scales(v, fail):
    ascending(v, fail, "boundaries")
    given = v["scales"]
    if not isinstance(given, (list, tuple)) or len(given) != len(v["boundaries"]):
        raise fail("scales", f"must be a list of {len(v['boundaries'])} numbers, one per boundary")
    v["scales"] = tuple(Hyper(low=0.0).check("scales", "an entry", s) for s in given)


_PIECES = {"base": BASE, "boundaries": Hyper(symbol="b", kind="any"), "scales": Hyper(symbol="c", kind="any")}


@schedule(
    hypers=_PIECES, latex=r"\eta\,\prod_{b_{i} \leq k} c_{i}", points=lambda boundaries, **_: boundaries,
    check=_scales, jumps=True, optax="piecewise_constant_schedule",
    samples=({"base": 0.1, "boundaries": [200, 500], "scales": [0.5, 3.0]},),
)
def piecewise_constant(k, *, base, boundaries, scales):
    """Times a scale of its own at every boundary.

    Examples
    --------
    >>> piecewise_constant(1.0, [2, 3], [0.5, 4.0]).values(5)
    [1.0, 1.0, 0.5, 2.0, 2.0]
    """
    return base * prod(scales[: bisect_right(boundaries, k)])


@schedule(
    hypers=_PIECES | {"way": WAY}, points=lambda boundaries, **_: boundaries, check=_scales,
    latex=r"\eta\,\prod_{j<i} c_{j} \cdot \left(1 + (c_{i}-1)\,a(\frac{k-b_{i-1}}{b_{i}-b_{i-1}})\right)",
    optax="piecewise_interpolate_schedule",
    samples=tuple({"base": 0.1, "boundaries": [400, 900], "scales": [5.0, 0.1], "way": w} for w in WAYS),
)
def piecewise_interpolate(k, *, base, boundaries, scales, way="linear"):
    """From boundary to boundary towards the next scale, in a straight line or along half a cosine.

    Examples
    --------
    >>> piecewise_interpolate(1.0, [2, 4], [3.0, 0.0]).values(6)
    [1.0, 2.0, 3.0, 1.5, 0.0, 0.0]
    """
    i = bisect_right(boundaries, k)
    a = base * prod(scales[:i])
    if i == len(boundaries):
        return a
    return WAYS[way](a, a * scales[i], k - (boundaries[i - 1] if i else 0), boundaries[i] - k)


@schedule(
    hypers={"f": ANY}, latex="f(k)", check=lambda v, fail: callable_(v, fail, "f"), jumps=True, signed=True,
    torchlean="custom", samples=({"f": lambda k: 0.5**k},),
)
def custom(k, *, f):
    """A function of one's own.

    Examples
    --------
    >>> custom(lambda k: 1 / (k + 1))(3)
    0.25
    """
    return number("custom", f, k)


@schedule(
    hypers={"base": BASE, "f": ANY}, latex=r"\eta\,f(k)", check=lambda v, fail: callable_(v, fail, "f"), jumps=True,
    signed=True, torch="LambdaLR", samples=({"base": 0.1, "f": lambda k: 0.95**k},),
)
def lambda_(k, *, base, f):
    """Times a function of one's own.

    Examples
    --------
    >>> lambda_(0.5, lambda k: 1 / (k + 1))(1)
    0.25
    """
    return base * number("lambda", f, k)


@schedule(
    hypers={"base": BASE, "f": ANY}, latex=r"\eta\,\prod_{i=1}^{k} f(i)", jumps=True, signed=True,
    check=lambda v, fail: callable_(v, fail, "f"), torch="MultiplicativeLR",
    samples=({"base": 0.1, "f": lambda k: 0.95},),
)
def multiplicative(k, *, base, f):
    """Times ``f(1) * f(2) * ... * f(k)``.

    Examples
    --------
    >>> multiplicative(1.0, lambda k: 0.5).values(3)
    [1.0, 0.5, 0.25]
    """
    return base * prod(number("multiplicative", f, i) for i in range(1, k + 1))
