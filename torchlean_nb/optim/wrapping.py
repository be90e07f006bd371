"""Wrappers: what may be done around a whole rule; each gives a rule again.

Two things need no wrapper. Parameters of different kinds are groups,
``[{"params": matrices}, {"params": vectors, "lr": 0.1}]``, or two optimizers; which parameters a rule moves
is decided by which it is given. Skipping steps with an inf or NaN is ``nonfinite="skip"`` of the optimizer.

Examples
--------
>>> import numpy as np
>>> import torchlean_nb as tl
>>> rule = tl.optim.accumulate(tl.optim.chain("clip_global_norm", "adam"), k=2)
>>> opt = tl.optim.class_of(rule)({"w": np.array([1.0])}, lr=0.1)
>>> for g in (3.0, 5.0):
...     opt.step({"w": np.array([g])})
...     print(opt.params["w"].round(6))
[1.]
[0.9]
"""

from dataclasses import replace

from torchlean_nb.errors import ShapeError
from torchlean_nb.hypers import Hyper, flag, nonnegative, unit
from torchlean_nb.optim.compose import WRAPPERS as WRAPPERS
from torchlean_nb.optim.compose import wrapper
from torchlean_nb.updates import RULES, Slot

MEAN = r"\bar{\theta}"


def _here(xp, p, h):
    return p


def _count(default, symbol, low=1):
    return Hyper(default, symbol, low, kind="int")


@wrapper(
    hypers={"k": _count(5, "k"), "alpha": Hyper(0.5, r"\alpha", 0.0, 1.0)}, slots={"slow": Slot(_here, symbol="s")},
    average="slow",
    latex=(
        (r"\Delta", r"\delta - (1 - \alpha)(\theta + \delta - s) \;\mathrm{if}\; k \mid t, \;\mathrm{else}\; \delta"),
        ("s", r"\theta + \Delta \;\mathrm{if}\; k \mid t"),
    ),
    references=("Zhang et al. 2019, arXiv 1907.08610",),
)
def lookahead(xp, g, p, s, h, t, inner):
    """Every k steps back towards where slow weights stand, which then move there too."""
    d = inner(g, p, t)
    met = t % h.k == 0
    back = (1 - h.alpha) * (p + d - s.slow)
    delta = xp.where(met, d - back, d)
    return {"back": back, "slow": xp.where(met, p + delta, s.slow), "delta": delta}


@wrapper(
    title="EMA",
    hypers={"decay": unit(0.999, "d")}, slots={"average": Slot(_here, symbol=MEAN)}, average="average",
    latex=((r"\Delta", r"\delta"), (MEAN, rf"d\,{MEAN} + (1 - d)(\theta + \Delta), \; {MEAN}_1 = \theta + \Delta")),
    references=("Polyak and Juditsky 1992",),
)
def ema(xp, g, p, s, h, t, inner):
    """An exponential average of the parameters beside them; the first step copies."""
    d = inner(g, p, t)
    new = p + d
    return {"average": xp.where(t == 1, new, h.decay * s.average + (1 - h.decay) * new), "delta": d}


@wrapper(
    title="SWA",
    hypers={"start": _count(0, "a", 0), "every": _count(1, "c")}, slots={"average": Slot(_here, symbol=MEAN)},
    average="average",
    latex=(
        (r"\Delta", r"\delta"), ("n", r"\max(t - a - 1, 0) / c"),
        (MEAN, rf"{MEAN} + \frac{{\theta + \Delta - {MEAN}}}{{n + 1}} \;\mathrm{{at\;whole}}\; n"),
    ),
    references=("Izmailov et al. 2018, arXiv 1803.05407",),
)
def swa(xp, g, p, s, h, t, inner):
    """The equal average of every so many parameters after the start; until then a copy."""
    d = inner(g, p, t)
    new, past = p + d, t - h.start - 1
    mixed = s.average + (new - s.average) / (past // h.every + 1) if past > 0 else new
    return {"average": xp.where(past <= 0 or past % h.every == 0, mixed, s.average), "delta": d}


@wrapper(
    hypers={"k": _count(4, "k"), "mean": flag(True)}, slots={"total": Slot(symbol="a")},
    latex=(
        ("a", r"a + g"), ("g", r"\frac{a}{k}"), (r"\Delta", r"\delta \;\mathrm{if}\; k \mid t, \;\mathrm{else}\; 0"),
        ("a", r"0 \;\mathrm{if}\; k \mid t"),
    ),
    references=("Ott et al. 2018, arXiv 1806.00187",),
)
def accumulate(xp, g, p, s, h, t, inner):
    """Gradients of k calls make one step of the rule, with their mean or their sum; calls between do nothing."""
    total = s.total + g
    full = t % h.k == 0
    used = total / h.k if h.mean else total
    d = inner(used, p, (t + h.k - 1) // h.k, full)
    return {"used": used, "total": xp.where(full, 0 * p, total), "delta": xp.where(full, d, 0 * p)}


@wrapper(
    scope="matrix", hypers={"where": Hyper(True, "M", kind="any")},
    latex=((r"\Delta", r"\delta \;\mathrm{where}\; M, \;\mathrm{else}\; 0"),), references=("Bertsekas 1982",),
)
def masked(xp, g, p, s, h, t, inner):
    """Only where the mask holds; elsewhere parameter and slots stay. A callable makes the mask from the parameter."""
    mask = xp.asarray(h.where(p) if callable(h.where) else h.where)
    try:
        mask = xp.broadcast_to(mask, shape=p.shape)
    except ValueError:
        raise ShapeError(f"masked: a mask of shape {mask.shape} for a parameter of shape {p.shape}") from None
    return {"mask": mask, "delta": xp.where(mask, inner(g, p, t, mask), 0 * p)}


@wrapper(
    title="SAM",
    scope="group", hypers={"rho": nonnegative(0.05, r"\rho")}, slots={"cache": Slot(_here, symbol="c")},
    latex=(
        ("c", r"\theta \;\mathrm{if}\; t \;\mathrm{odd}"),
        (r"\Delta", r"\frac{\rho\,g}{\Vert g \Vert} \;\mathrm{if}\; t \;\mathrm{odd, else}\; c + \delta - \theta"),
    ),
    references=("Foret et al. 2020, arXiv 2010.01412",),
)
def sam(xp, g, p, s, h, t, inner):
    """One call climbs to the worst point near by, the next steps from below with the gradient found there."""
    odd = t % 2 == 1
    norm = xp.sqrt(xp.sum(g * g))
    climb = g * (h.rho / (norm + xp.equal(norm, 0)))
    cache = xp.where(odd, p, s.cache)
    d = inner(g, cache, (t + 1) // 2, not odd)
    return {"climb": climb, "cache": cache, "delta": xp.where(odd, climb, cache - p + d)}


def _stack(xp, p, h):
    """One number for each time scale, in a shape that no flat vector has."""
    return xp.zeros(shape=(h.num_betas, 1), like=p)


@wrapper(
    scope="group",
    hypers={
        "s_init": nonnegative(1e-6, r"s_0"), "num_betas": _count(6, "n"), "eps": nonnegative(1e-8, r"\epsilon"),
        "weight_decay": nonnegative(1e-2, r"\lambda"),
    },
    slots={
        "x0": Slot(_here, symbol="x_0"), "r": Slot(_stack), "v": Slot(_stack), "m": Slot(_stack),
        "s": Slot(lambda xp, p, h: _stack(xp, p, h) + h.s_init),
    },
    latex=(
        (r"\beta_i", r"1 - 10^{-i}, \; i = 1 \dots n"), ("a", r"\frac{x_0 - \theta}{\sum s + \epsilon}"),
        ("h", r"\langle g + \lambda \frac{\Vert g \Vert \sum s}{\Vert \theta \Vert + \epsilon}\,\theta, a \rangle"),
        ("r", r"\beta\,r + \min(\max(h, -m), m)\,s"), ("m", r"\max(\beta\,m, |h| + \epsilon)"),
        ("v", r"\beta^{2} v + h^{2}"), ("s", r"\frac{s_0\,m / n + \max(r, 0)}{\sqrt{v} + \epsilon}"),
        (r"\Delta", r"x_0 + (\sum s) (\delta - a) - \theta"),
    ),
    references=("Cutkosky, Defazio and Mehta 2023, arXiv 2306.00144",),
)
def mechanic(xp, g, p, s, h, t, inner):
    """A factor on all that the rule has moved, learned by betting at several time scales: no rate to tune."""
    size = xp.sum(s.s)
    decay = h.weight_decay * size * xp.sqrt(xp.sum(g * g)) / (xp.sqrt(xp.sum(p * p)) + h.eps)
    past = (s.x0 - p) / (size + h.eps)
    far = past - inner(g, p, t)
    gain = xp.sum((g + decay * p) * past)
    beta = xp.asarray(tuple([(1 - 0.1**i,) for i in range(1, h.num_betas + 1)]), p.dtype)
    cut = xp.minimum(xp.maximum(gain, -s.m), s.m)
    m = xp.maximum(beta * s.m, xp.abs(gain) + h.eps)
    v = beta * beta * s.v + gain * gain
    r = beta * s.r + cut * s.s
    factors = (h.s_init / h.num_betas * m + xp.maximum(r, 0.0)) / (xp.sqrt(v) + h.eps)
    new = xp.sum(factors)
    return {
        "decay": decay, "past": past, "gain": gain, "r": r, "m": m, "v": v, "s": factors, "x0": s.x0, "scale": new,
        "delta": s.x0 - new * far - p,
    }  # fmt: skip


# Under names of their own, over the rule they are mostly used with.
for _name, _title, _rule in (
    ("lookahead", "Lookahead", lookahead("adam")), ("mechanic", "Mechanic", mechanic("sgd")),
    ("sam", "SAM", sam("sgd")), ("ema_sgd", "EmaSGD", ema("sgd")), ("swa_sgd", "SwaSGD", swa("sgd")),
):  # fmt: skip
    RULES[_name] = replace(_rule, name=_name, title=_title, builtin=True)
