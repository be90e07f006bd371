"""The rules of the textbooks: heavy ball, Nesterov, averaging, spectral steps, coordinates, multiplicative weights."""

from torchlean_nb.hypers import Hyper, lr, nonnegative, unit
from torchlean_nb.updates import Slot, update_rule


def here(xp, p, h):
    """Start of a slot at the parameter itself."""
    return p


def one(xp, p, h):
    """Start of a slot that is one number for all, at 1."""
    return xp.ones(shape=(), like=p)


def ahead(xp, k):
    """Next member of Nesterov's sequence, and how far to look ahead."""
    grown = (1 + xp.sqrt(1 + 4 * k * k)) / 2
    return grown, (k - 1) / grown


@update_rule(
    title="HeavyBall", hypers={"lr": lr(1e-2), "momentum": unit(0.9, r"\beta")},
    slots={"prev": Slot(here, symbol=r"\theta_{\mathrm{prev}}")},
    latex=((r"\Delta", r"-\eta\,g + \beta\,(\theta - \theta_{\mathrm{prev}})"),), references=("Polyak 1964",),
)
def heavy_ball(xp, g, p, s, h, t):
    """Descent that keeps a share of its last move, a ball with friction: SGD with momentum, seen from the path."""
    return {"move": p - s.prev, "prev": p, "delta": -h.lr * g + h.momentum * (p - s.prev)}


@update_rule(
    title="NesterovAGD", average="x",
    hypers={"lr": lr(1e-2), "momentum": Hyper(None, r"\beta", 0.0, 1.0, open_high=True, none=True)},
    slots={"x": Slot(here), "k": Slot(one)},
    latex=(
        ("x_{+}", r"\theta - \eta\,g"), ("k_{+}", r"\frac{1 + \sqrt{1 + 4\,k^{2}}}{2}"),
        ("w", r"\frac{k - 1}{k_{+}} \;\mathrm{or}\; \beta"), (r"\Delta", r"x_{+} + w\,(x_{+} - x) - \theta"),
        ("x", "x_{+}"), ("k", "k_{+}"),
    ),
    references=("Nesterov 1983", "Nesterov 2004, section 2.2 (constant momentum)"),
)
def nesterov_agd(xp, g, p, s, h, t):
    r"""Accelerated descent in its original form: the gradient is taken ahead of the point it moves.

    The parameters are the points ahead, where the loss is differentiated; the sequence that converges as
    :math:`2 L \Vert x_0 - x^{*} \Vert^{2} / (k + 1)^{2}` for ``lr = 1 / L`` is the slot ``x``, shown by
    ``opt.averages``. With ``momentum`` given it is constant; for a strongly convex loss of condition
    :math:`\kappa` it should be :math:`(\sqrt{\kappa} - 1) / (\sqrt{\kappa} + 1)`.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.NesterovAGD({"w": np.array([8.0])}, lr=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     opt.step({"w": opt.params["w"]})
    >>> opt.params["w"].tolist(), opt.averages["w"].tolist()
    ([-0.5], [1.0])
    """
    x = p - h.lr * g
    k, weight = ahead(xp, s.k)
    weight = weight if h.momentum is None else h.momentum
    return {"x": x, "k": k, "weight": weight, "delta": x + weight * (x - s.x) - p}


@update_rule(
    title="PolyakAveraging", average="mean",
    hypers={"lr": lr(1e-2), "power": Hyper(0.5, r"\alpha", 0.0, 1.0)},
    slots={"mean": Slot(here, symbol=r"\bar{\theta}")},
    latex=(
        (r"\Delta", r"-\frac{\eta}{t^{\alpha}}\,g"),
        (r"\bar{\theta}", r"\bar{\theta} + \frac{1}{t}(\theta + \Delta - \bar{\theta})"),
    ),
    references=("Polyak and Juditsky 1992", "Ruppert 1988"),
)
def polyak_averaging(xp, g, p, s, h, t):
    """Descent with a slowly falling rate, and the mean of all its iterates: noise averages out, progress does not."""
    delta = -(h.lr / t**h.power) * g
    return {"delta": delta, "mean": s.mean + (p + delta - s.mean) / t}


@update_rule(
    title="BarzilaiBorwein", scope="group",
    hypers={
        "lr": lr(1e-3), "variant": Hyper("bb1", kind="choice", choices=("bb1", "bb2")),
        "low": nonnegative(1e-10, r"\eta_{\min}"), "high": nonnegative(1e10, r"\eta_{\max}"),
    },
    slots={"prev": Slot(here, symbol=r"\theta_{\mathrm{prev}}"), "prev_grad": Slot(symbol=r"g_{\mathrm{prev}}")},
    latex=(
        ("s", r"\theta - \theta_{\mathrm{prev}}"), ("y", r"g - g_{\mathrm{prev}}"),
        ("r", r"\frac{s^{\top} s}{s^{\top} y} \;\mathrm{or}\; \frac{s^{\top} y}{y^{\top} y}, \; r_1 = \eta"),
        (r"\Delta", r"-\mathrm{clip}(r, \eta_{\min}, \eta_{\max})\,g"),
    ),
    references=("Barzilai and Borwein 1988", "Raydan 1997 (bounds)"),
)
def barzilai_borwein(xp, g, p, s, h, t):
    """A rate from the last two points and slopes, as if the curvature were one number; the loss need not fall.

    ``"bb1"`` takes the longer of the two estimates, ``"bb2"`` the shorter. The first step, and every
    step after negative curvature, takes ``lr``.
    """
    move, change = p - s.prev, g - s.prev_grad
    along = xp.sum(move * change)
    top, bottom = (xp.sum(move * move), along) if h.variant == "bb1" else (along, xp.sum(change * change))
    known = xp.greater(along, 0) * (t > 1)
    fitted = xp.minimum(xp.maximum(top / xp.where(known, bottom, bottom * 0 + 1), h.low), h.high)
    rate = xp.where(known, fitted, fitted * 0 + h.lr)
    return {"move": move, "change": change, "rate": rate, "prev": p, "prev_grad": g, "delta": -rate * g}


@update_rule(
    title="CoordinateDescent", scope="group",
    hypers={"lr": lr(1e-2), "pick": Hyper("greedy", kind="choice", choices=("greedy", "cyclic"))},
    latex=(
        ("i", r"\mathrm{argmax}_{j}\, |g_j| \;\mathrm{or}\; (t - 1)\,\mathrm{mod}\,n"), (r"\Delta_i", r"-\eta\,g_i"),
        (r"\Delta", r"0 \;\mathrm{elsewhere}"),
    ),
    references=("Southwell 1946 (greedy)", "Nutini et al. 2015, arXiv 1506.00552", "Tseng 2001 (cyclic)"),
)
def coordinate_descent(xp, g, p, s, h, t):
    """One number moves: the one with the largest gradient (Gauss and Southwell), or each in its turn (cyclic).

    Coordinates are counted over all parameters of the group, in the order in which they were given.
    """
    flat = xp.reshape(g, shape=(-1,))
    at = xp.argmax(xp.abs(flat)) if h.pick == "greedy" else xp.asarray((t - 1) % flat.size)
    chosen = xp.reshape(xp.one_hot(at, num_classes=flat.size), shape=g.shape)
    return {"chosen": chosen, "delta": -h.lr * (chosen * g)}


@update_rule(
    title="EGU", hypers={"lr": lr(1e-2)},
    latex=(("k", r"e^{-\eta\,g\,\mathrm{sign}(\theta)}"), (r"\Delta", r"\theta\,(k - 1)")),
    references=("Kivinen and Warmuth 1997",),
)
def egu(xp, g, p, s, h, t):
    """Unnormalised exponentiated gradient: weights are multiplied, not added to; signs never change, 0 stays 0.

    Mirror descent under the entropy of the weights. For negative ones it runs in their magnitudes.
    """
    return {"delta": p * xp.expm1(-h.lr * g * xp.sign(p))}


@update_rule(
    title="ExponentiatedGradient", scope="tensor", hypers={"lr": lr(1e-2)},
    latex=(
        ("a", r"-\eta\,g\,\mathrm{sign}(\theta), \; a - \max a"),
        ("k", r"e^{a}\,\frac{\sum |\theta|}{\sum |\theta|\,e^{a}}"), (r"\Delta", r"\theta\,(k - 1)"),
    ),
    references=("Kivinen and Warmuth 1997", "Beck and Teboulle 2003 (entropic mirror descent)"),
)
def exponentiated_gradient(xp, g, p, s, h, t):
    """Mirror descent on the simplex: weights are multiplied, then scaled back to the sum they had.

    Start with positive weights that sum to 1 and every iterate does. Signs never change: negative
    weights are taken by their magnitudes.
    """
    a = -h.lr * g * xp.sign(p)
    # Lowered by the largest that has a weight, as in softmax: the sum takes it out again and is never 0.
    best = xp.max(xp.where(xp.equal(p, 0), xp.min(a), a))
    grown = xp.exp(xp.minimum(a - best, 0.0))
    total, weighed = xp.sum(xp.abs(p)), xp.sum(xp.abs(p) * grown)
    k = grown * (total / xp.where(xp.greater(weighed, 0), weighed, weighed + 1))
    return {"a": a, "k": k, "delta": p * (k - 1)}
