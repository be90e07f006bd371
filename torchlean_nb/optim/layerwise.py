"""Rules that look at a whole tensor at once: how long the parameter is, how long its gradient."""

from torchlean_nb.hypers import Hyper, lr, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, CORRECTED, MEAN, SQUARE
from torchlean_nb.updates import Slot, update_rule


def _scalar(xp, p, h):
    return xp.zeros(shape=(), like=p)


def _norm(xp, x):
    return xp.sqrt(xp.sum(x * x))


def _trust(xp, p, u, coefficient=1.0, eps=0.0):
    """Length of the parameter over that of the step; 1 where either is 0."""
    wide, far = _norm(xp, p), _norm(xp, u)
    known = xp.greater(xp.minimum(wide, far), 0)
    return xp.where(known, coefficient * wide / (far + eps + xp.logical_not(known)), far * 0 + 1)


@update_rule(
    title="LAMB", scope="tensor", tuples=BETAS,
    hypers={
        "lr": lr(1e-3), "beta1": unit(0.9, r"\beta_1"), "beta2": unit(0.999, r"\beta_2"),
        "eps": nonnegative(1e-6, r"\epsilon"), "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"m": Slot(), "v": Slot()},
    latex=(
        MEAN, SQUARE, *CORRECTED, ("u", r"\frac{\hat{m}}{\sqrt{\hat{v}} + \epsilon} + \lambda\,\theta"),
        ("r", r"\frac{\Vert \theta \Vert}{\Vert u \Vert}"), (r"\Delta", r"-\eta\,r\,u"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay: optax.lamb(lr, beta1, beta2, eps, 0.0, weight_decay),
    references=("You et al. 2019, arXiv 1904.00962",),
)
def lamb(xp, g, p, s, h, t):
    """Adam for large batches: each layer steps in proportion to its own length."""
    m, v = h.beta1 * s.m + (1 - h.beta1) * g, h.beta2 * s.v + (1 - h.beta2) * (g * g)
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    u = m_hat / (xp.sqrt(v_hat) + h.eps) + h.weight_decay * p
    r = _trust(xp, p, u)
    return {"m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "u": u, "r": r, "delta": -h.lr * (r * u)}


@update_rule(
    title="LARS", scope="tensor",
    hypers={
        "lr": lr(0.1), "momentum": unit(0.9, r"\mu"), "trust": nonnegative(1e-3, r"\kappa"),
        "eps": nonnegative(0.0, r"\epsilon"), "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"b": Slot()},
    latex=(
        ("u", r"g + \lambda\,\theta"), ("r", r"\frac{\kappa\,\Vert \theta \Vert}{\Vert u \Vert + \epsilon}"),
        ("b", r"\mu\,b - \eta\,r\,u"), (r"\Delta", "b"),
    ),
    optax=lambda optax, lr, momentum, trust, eps, weight_decay: optax.lars(
        lr, weight_decay, trust_coefficient=trust, eps=eps, momentum=momentum
    ),
    references=("You, Gitman and Ginsburg 2017, arXiv 1708.03888",),
)
def lars(xp, g, p, s, h, t):
    """Momentum for large batches: the rate of a layer follows its length over its gradient's."""
    u = g + h.weight_decay * p
    r = _trust(xp, p, u, h.trust, h.eps)
    b = h.momentum * s.b - h.lr * (r * u)
    return {"u": u, "r": r, "b": b, "delta": b}


@update_rule(
    scope="tensor", hypers={"lr": lr(1e-2), "min_norm": nonnegative(1e-6, "n")},
    latex=(
        ("r", r"\frac{\max(\Vert \theta \Vert, n)}{\max(\Vert g \Vert, n)}"), ("c", r"\frac{1}{\sqrt{1 + \eta^{2}}}"),
        (r"\Delta", r"c\,(\theta - \eta\,r\,g) - \theta"),
    ),
    optax=lambda optax, lr, min_norm: optax.fromage(lr, min_norm),
    references=("Bernstein et al. 2020, arXiv 2002.03432",),
)
def fromage(xp, g, p, s, h, t):
    """Steps of a fixed share of the layer's length, and a shrinkage that keeps the length in check."""
    r = xp.maximum(_norm(xp, p), h.min_norm) / xp.maximum(_norm(xp, g), h.min_norm)
    c = 1 / (1 + h.lr**2) ** 0.5
    return {"r": r, "c": c, "delta": -(h.lr * c) * (r * g) + (c - 1) * p}


@update_rule(
    title="NovoGrad", scope="tensor", tuples=BETAS,
    hypers={
        "lr": lr(1e-3), "beta1": unit(0.9, r"\beta_1"), "beta2": unit(0.25, r"\beta_2"),
        "eps": nonnegative(1e-6, r"\epsilon"), "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"m": Slot(), "v": Slot(_scalar)},
    latex=(
        ("v", r"\beta_2 v + (1 - \beta_2) \Vert g \Vert^{2}, \; v_1 = \Vert g \Vert^{2}"),
        ("u", r"\frac{g}{\sqrt{v} + \epsilon} + \lambda\,\theta"), ("m", r"\beta_1 m + u"), (r"\Delta", r"-\eta\,m"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay: optax.novograd(lr, beta1, beta2, eps, 0.0, weight_decay),
    references=("Ginsburg et al. 2019, arXiv 1905.11286",),
)
def novograd(xp, g, p, s, h, t):
    """One second moment per layer: gradients normalised by their length, then momentum."""
    keep = h.beta2 * (t > 1)
    v = keep * s.v + (1 - keep) * xp.sum(g * g)
    u = g / (xp.sqrt(v) + h.eps) + h.weight_decay * p
    m = h.beta1 * s.m + u
    return {"v": v, "u": u, "m": m, "delta": -h.lr * m}


@update_rule(
    title="PolyakSGD", scope="group", needs=frozenset({"value"}),
    hypers={
        "lr": lr(1.0), "f_min": Hyper(0.0, r"f^{*}"), "eps": nonnegative(0.0, r"\epsilon"),
        "variant": Hyper("sps", kind="choice", choices=("sps", "sps+")),
    },
    latex=(
        ("r", r"\min\left(\frac{f - f^{*}}{\Vert g \Vert^{2} + \epsilon}, \eta\right)"), (r"\Delta", r"-r\,g"),
    ),
    optax=lambda optax, lr, f_min, eps, variant: optax.polyak_sgd(lr, 1.0, f_min, eps, variant),
    references=("Polyak 1987", "Loizou et al. 2020, arXiv 2002.10542"),
)
def polyak_sgd(xp, g, p, s, h, t):
    """A step as long as the loss allows if the minimum is known; the length is taken over all parameters."""
    gap = xp.asarray(h.value - h.f_min, dtype=p.dtype)
    gap = xp.maximum(gap, 0.0) if h.variant == "sps+" else gap
    square = xp.sum(g * g) + h.eps
    flat = xp.greater_equal(2.0**-52, square)
    r = xp.where(flat, square * 0, xp.minimum(gap / (square + flat), h.lr))
    return {"gap": gap, "r": r, "delta": -r * g}


@update_rule(
    title="LDoG", scope="tensor",
    hypers={"lr": lr(1.0), "r_eps": nonnegative(1e-6, r"r_{\epsilon}"), "eps": nonnegative(1e-8, r"\epsilon")},
    slots={
        "x0": Slot(lambda xp, p, h: p, symbol="x_0"), "G": Slot(_scalar),
        "r": Slot(lambda xp, p, h: h.r_eps * (1 + _norm(xp, p))),
    },
    latex=(
        ("r", r"\max(r, \Vert \theta - x_0 \Vert), \; r_1 = r_{\epsilon} (1 + \Vert x_0 \Vert)"),
        ("G", r"G + \Vert g \Vert^{2}"), (r"\Delta", r"-\eta\,\frac{r}{\sqrt{G + \epsilon}}\,g"),
    ),
    optax=lambda optax, lr, r_eps, eps: optax.contrib.dog(lr, ("heuristic", r_eps), eps),
    references=("Ivgi, Hinder and Carmon 2023 (layer-wise form), arXiv 2302.12022",),
)
def ldog(xp, g, p, s, h, t):
    """No rate to tune: the distance travelled over the gradients met, for each tensor by itself."""
    r = xp.maximum(s.r, _norm(xp, p - s.x0))
    G = s.G + xp.sum(g * g)
    rate = h.lr * r / xp.sqrt(G + h.eps)
    return {"x0": s.x0, "r": r, "G": G, "rate": rate, "delta": -rate * g}
