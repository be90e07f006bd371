"""Transforms: what may be done to gradients before a rule sees them, and to steps before they are taken.

Each is a row of `TRANSFORMS` with its formula; ``tl.optim.chain(clip_value(1.0), "adam")`` puts them
around a rule. Skipping steps with an inf or NaN is no transform but ``nonfinite="skip"`` of the optimizer.
"""

from torchlean_nb.hypers import Hyper, flag, nonnegative, unit
from torchlean_nb.optim.compose import TRANSFORMS as TRANSFORMS
from torchlean_nb.optim.compose import transform
from torchlean_nb.optim.noisy import DRAWN, SEED, gaussian
from torchlean_nb.updates import Slot

SHORTENED = (r"#", r"\frac{c}{\max(\Vert # \Vert, c)}\,#")


def _limit(default, symbol="c"):
    return Hyper(default, symbol, 0.0, open_low=True, log=True)


def _norm(xp, x, axis=None):
    return xp.sqrt(xp.sum(x * x, axis=axis, keepdims=axis is not None))


# -- cutting to size ----------------------------------------------------------------------------------
@transform(
    hypers={"limit": _limit(1.0)}, latex=(("#", r"\min(\max(#, -c), c)"),),
    references=("Pascanu, Mikolov and Bengio 2012, arXiv 1211.5063",),
)
def clip_value(xp, g, p, s, h, t):
    """Every element limited to ``[-limit, limit]``; this turns the direction."""
    return {"g": xp.minimum(xp.maximum(g, -h.limit), h.limit)}


@transform(
    scope="tensor", hypers={"limit": _limit(1.0)}, latex=(SHORTENED,),
    references=("Pascanu, Mikolov and Bengio 2012, arXiv 1211.5063",),
)
def clip_norm(xp, g, p, s, h, t):
    """Each tensor by itself shortened to at most `limit`; the direction stays."""
    norm = _norm(xp, g)
    return {"norm": norm, "g": g * (h.limit / xp.maximum(norm, h.limit))}


@transform(
    scope="group", hypers={"limit": _limit(1.0)}, latex=(SHORTENED,),
    references=("Pascanu, Mikolov and Bengio 2012, arXiv 1211.5063",),
)
def clip_global_norm(xp, g, p, s, h, t):
    """All gradients of the group shortened by one factor, so that together they are at most `limit` long."""
    norm = _norm(xp, g)
    return {"norm": norm, "g": g * (h.limit / xp.maximum(norm, h.limit))}


@transform(
    scope="tensor", hypers={"limit": _limit(1.0)},
    latex=(("#", r"\frac{c}{\max(\Vert # \Vert / \sqrt{n}, c)}\,#"),),
    references=("Shazeer and Stern 2018, arXiv 1804.04235",),
)
def clip_block_rms(xp, g, p, s, h, t):
    """Each tensor by itself shortened until its elements are `limit` in the root mean square."""
    rms = _norm(xp, g) / max(g.size, 1) ** 0.5
    return {"rms": rms, "g": g * (h.limit / xp.maximum(rms, h.limit))}


def _units(x):
    """Axes that one unit extends over: inputs of a neuron, window and channels of a filter."""
    if sum(n > 1 for n in x.shape) <= 1:
        return tuple(range(x.ndim))
    return 0 if x.ndim <= 3 else tuple(range(x.ndim - 1))


@transform(
    scope="matrix", hypers={"clipping": _limit(0.01, r"\kappa"), "eps": nonnegative(1e-3, r"\epsilon")},
    latex=(
        ("c", r"\kappa \max(\Vert \theta \Vert, \epsilon) \;\mathrm{for\;each\;unit}"),
        ("#", r"\frac{c}{\Vert # \Vert}\,# \;\mathrm{where}\; \Vert # \Vert > c"),
    ),
    references=("Brock et al. 2021, arXiv 2102.06171",),
)
def agc(xp, g, p, s, h, t):
    """Adaptive clipping: each unit's gradient at most a share of the length of the unit's weights."""
    most = h.clipping * xp.maximum(_norm(xp, p, _units(p)), h.eps)
    norm = _norm(xp, g, _units(g))
    return {"limit": most, "norm": norm, "g": xp.where(norm >= most, g * (most / xp.maximum(norm, 1e-6)), g)}


@transform(latex=(("#", r"# \;\mathrm{where\;a\;number,\;else}\; 0"),), hypers={}, references=("IEEE 754",))
def zero_nans(xp, g, p, s, h, t):
    """NaN becomes 0; infinities stay."""
    return {"g": xp.where(xp.equal(g, g), g, 0 * p)}


# -- direction and length -----------------------------------------------------------------------------
@transform(
    scope="matrix", hypers={}, latex=(("#", r"# - \frac{1}{n} \sum_{j} #_{ij}"),),
    references=("Yong et al. 2020, arXiv 2004.01461",),
)
def centralize(xp, g, p, s, h, t):
    """Of each row of a matrix or filter its mean is taken away; vectors stay."""
    axes = tuple(range(1, g.ndim))
    size = max(g.size, 1) // max(g.shape[0], 1) if axes else 1
    mean = xp.sum(g, axis=axes, keepdims=True) / size if axes else 0 * g
    return {"mean": mean, "g": g - mean}


@transform(
    scope="group", hypers={"length": _limit(1.0, r"\ell"), "eps": nonnegative(1e-6, r"\epsilon")},
    latex=(("#", r"\frac{\ell\,#}{\Vert # \Vert + \epsilon}"),), references=("Hazan et al. 2015, arXiv 1507.02030",),
)
def normalize(xp, g, p, s, h, t):
    """All of the group brought to one length: only the direction remains."""
    norm = _norm(xp, g)
    return {"norm": norm, "g": g * (h.length / (norm + h.eps))}


@transform(
    scope="tensor", hypers={"coefficient": _limit(1.0, r"\kappa"), "eps": nonnegative(0.0, r"\epsilon")},
    latex=(("r", r"\frac{\kappa\,\Vert \theta \Vert}{\Vert # \Vert + \epsilon}"), ("#", r"r\,#")),
    references=("You, Gitman and Ginsburg 2017, arXiv 1708.03888",),
)
def trust_ratio(xp, g, p, s, h, t):
    """Each tensor in proportion to the length of its parameter; as it is where either is 0."""
    wide, far = _norm(xp, p), _norm(xp, g)
    known = xp.greater(xp.minimum(wide, far), 0)
    r = xp.where(known, h.coefficient * wide / (far + h.eps + xp.logical_not(known)), far * 0 + 1)
    return {"r": r, "g": r * g}


@transform(hypers={"factor": Hyper(1.0, r"\kappa")}, latex=(("#", r"\kappa\,#"),), references=("Cauchy 1847",))
def scale(xp, g, p, s, h, t):
    """Times a number."""
    return {"g": h.factor * g}


@transform(
    hypers={"decay": unit(0.9, r"\mu"), "nesterov": flag()}, slots={"b": Slot()},
    latex=(("b", r"\mu\,b + #"), ("#", "b")), references=("Polyak 1964",),
)
def trace(xp, g, p, s, h, t):
    """Momentum: a sum in which what came before fades."""
    b = h.decay * s.b + g
    return {"b": b, "g": g + h.decay * b if h.nesterov else b}


@transform(
    scope="group",
    hypers={"eta": nonnegative(0.01, r"\kappa"), "gamma": nonnegative(0.55, r"\gamma")} | SEED,
    latex=(DRAWN, ("#", r"# + \sqrt{\kappa / t^{\gamma}}\,z")),
    references=("Neelakantan et al. 2015, arXiv 1511.06807",),
)
def add_noise(xp, g, p, s, h, t):
    """Normal noise that fades with the steps; the same seed gives the same run, each group from its start."""
    noise = gaussian(xp, h.seed, t, g)
    return {"noise": noise, "g": g + (h.eta / t**h.gamma) ** 0.5 * noise}


# -- what belongs to one side of the rule -----------------------------------------------------------------
@transform(
    place="before", hypers={"rate": nonnegative(1e-2, r"\lambda")}, latex=(("#", r"# + \lambda\,\theta"),),
    references=("Krogh and Hertz 1991",),
)
def add_decayed_weights(xp, g, p, s, h, t):
    """Decay through the gradient, so that the rule measures it too."""
    return {"g": g + h.rate * p}


@transform(
    place="after", hypers={"rate": nonnegative(1e-4, r"\lambda")}, latex=(("#", r"# - \lambda\,\theta"),),
    references=("Loshchilov and Hutter 2017, arXiv 1711.05101",),
)
def decay_weights(xp, g, p, s, h, t):
    """Decay of its own, whatever the rule and its rate."""
    return {"g": g - h.rate * p}


@transform(
    place="after", hypers={}, latex=(("#", r"\max(\theta + #, 0) - \theta"),), references=("Lawson and Hanson 1974",),
)
def keep_nonnegative(xp, g, p, s, h, t):
    """A step that would cross 0 ends there."""
    return {"g": xp.where(xp.greater(0, p + g), -p, g)}


@transform(
    place="after", scope="tensor", hypers={"onto": Hyper(lambda xp, x: x, r"\Pi", kind="any")},
    latex=(("#", r"\Pi(\theta + #) - \theta"),), references=("Goldstein 1964",),
)
def project(xp, g, p, s, h, t):
    """Each tensor back into a set: ``onto(xp, x)`` gives its nearest point."""
    target = h.onto(xp, p + g)
    return {"target": target, "g": target - p}
