"""Descent with constraints and with penalties that have kinks: project, threshold, head for a corner."""

from torchlean_nb.hypers import Hyper, lr, nonnegative
from torchlean_nb.optim.classics import ahead, here, one
from torchlean_nb.optim.projections import l1_corner, soft_threshold
from torchlean_nb.updates import Slot, update_rule

STEP = ("z", r"\theta - \eta\,g")
SHRUNK = (r"z - \mathrm{clip}(z, \pm \eta \lambda)")


def _as_it_is(xp, x, *_):
    return x


@update_rule(
    title="ProjectedGradient", scope="tensor",
    hypers={"lr": lr(1e-2), "onto": Hyper(_as_it_is, "P", kind="any")},
    latex=(STEP, (r"\Delta", r"P(z) - \theta")), references=("Goldstein 1964", "Levitin and Polyak 1966"),
)
def projected_gradient(xp, g, p, s, h, t):
    """A step, then the nearest point of the set: ``onto(xp, x)``, no constraint unless given.

    The parameter is projected; what `ProjectedSGD` projects is the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> from torchlean_nb.optim.projections import project_simplex
    >>> opt = tl.optim.ProjectedGradient({"w": np.array([0.5, 0.5])}, lr=1.0, onto=project_simplex)
    >>> opt.step({"w": np.array([1.0, 0.5])})
    >>> opt.params["w"].tolist()
    [0.25, 0.75]
    """
    z = p - h.lr * g
    return {"z": z, "delta": h.onto(xp, z) - p}


@update_rule(
    title="FrankWolfe", scope="tensor",
    hypers={"lr": Hyper(1.0, r"\eta", 0.0, 1.0), "corner": Hyper(l1_corner, "C", kind="any")},
    latex=(
        ("c", r"C(g) = \mathrm{argmin}_{c}\, \langle g, c \rangle"), (r"\gamma", r"\frac{2\,\eta}{t + 1}"),
        (r"\Delta", r"\gamma\,(c - \theta) \;\mathrm{if}\; g \neq 0"),
    ),
    references=("Frank and Wolfe 1956", "Jaggi 2013"),
)
def frank_wolfe(xp, g, p, s, h, t):
    """Nothing is projected: each step goes part of the way to the corner that the slope points at.

    ``corner(xp, g)`` is that corner, by default of the ball of the 1-norm with radius 1. The first step
    goes all the way, so every iterate is a mixture of at most as many corners as there were steps.
    """
    c, gamma = h.corner(xp, g), 2 * h.lr / (t + 1)
    # Without a slope the point is a minimum, and all corners are equally bad.
    return {"c": c, "gamma": gamma, "delta": gamma * (xp.greater(xp.max(xp.abs(g)), 0) * (c - p))}


@update_rule(
    title="ISTA", hypers={"lr": lr(1e-2), "l1": nonnegative(1e-2, r"\lambda")},
    latex=(STEP, (r"\Delta", SHRUNK + r" - \theta")), references=("Daubechies, Defrise and De Mol 2004",),
)
def ista(xp, g, p, s, h, t):
    """Iterative soft thresholding: a step, then every element nearer to 0; for a loss plus ``l1 * sum(abs(x))``."""
    z = p - h.lr * g
    return {"z": z, "delta": soft_threshold(xp, z, h.lr * h.l1) - p}


@update_rule(
    title="FISTA", average="x", hypers={"lr": lr(1e-2), "l1": nonnegative(1e-2, r"\lambda")},
    slots={"x": Slot(here), "k": Slot(one)},
    latex=(
        STEP, ("x_{+}", SHRUNK), ("k_{+}", r"\frac{1 + \sqrt{1 + 4\,k^{2}}}{2}"),
        (r"\Delta", r"x_{+} + \frac{k - 1}{k_{+}}(x_{+} - x) - \theta"), ("x", "x_{+}"), ("k", "k_{+}"),
    ),
    references=("Beck and Teboulle 2009",),
)
def fista(xp, g, p, s, h, t):
    """ISTA with Nesterov's momentum: gradients are taken ahead, at the parameters; ``opt.averages`` is the answer."""
    z = p - h.lr * g
    x = soft_threshold(xp, z, h.lr * h.l1)
    k, weight = ahead(xp, s.k)
    return {"z": z, "weight": weight, "delta": x + weight * (x - s.x) - p, "x": x, "k": k}


@update_rule(
    title="ProximalGradient", scope="tensor",
    hypers={"lr": lr(1e-2), "prox": Hyper(_as_it_is, r"\mathrm{prox}", kind="any")},
    latex=(STEP, (r"\Delta", r"\mathrm{prox}(z, \eta) - \theta")),
    references=("Lions and Mercier 1979", "Parikh and Boyd 2014"),
)
def proximal_gradient(xp, g, p, s, h, t):
    """A step on the smooth part, then the proximal step of the rest: ``prox(xp, x, lr)``, the identity unless given.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> from torchlean_nb.optim.projections import block_threshold
    >>> lasso = lambda xp, x, lr: block_threshold(xp, x, 0.5 * lr)
    >>> opt = tl.optim.ProximalGradient({"w": np.array([0.03, 0.04])}, lr=1.0, prox=lasso)
    >>> opt.step({"w": np.zeros(2)})
    >>> opt.params["w"].tolist()
    [0.0, 0.0]
    """
    z = p - h.lr * g
    return {"z": z, "delta": h.prox(xp, z, h.lr) - p}
