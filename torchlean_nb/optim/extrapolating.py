"""Rules that look ahead, back, or to the start: optimism, several momenta, dual averaging, betting."""

from torchlean_nb.hypers import Hyper, lr, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, CORRECTED, MEAN, SQUARE
from torchlean_nb.updates import Slot, update_rule

DECAY = ("g", r"g + \lambda\,\theta")
HOPE = {"alpha": nonnegative(1.0, r"\alpha"), "beta": nonnegative(1.0, r"\beta")}


def _here(xp, p, h):
    return p


def _optimistic(u, before, h, t):
    """The step now and as much again of its change; at t = 1 there is no change."""
    return (h.alpha + h.beta) * u - h.beta * (before * (t > 1) + u * (t == 1))


@update_rule(
    title="OptimisticGD", hypers={"lr": lr(1e-2)} | HOPE, slots={"prev": Slot(symbol=r"g_{\mathrm{prev}}")},
    latex=((r"\Delta", r"-\eta\,((\alpha + \beta)\,g - \beta\,g_{\mathrm{prev}})"),),
    optax=lambda optax, lr, alpha, beta: optax.optimistic_gradient_descent(lr, alpha, beta),
    references=("Popov 1980", "Daskalakis et al. 2017, arXiv 1711.00141"),
)
def optimistic_gd(xp, g, p, s, h, t):
    """Descent that expects the gradient to change once more as it just did: converges in games."""
    return {"prev": g, "delta": -h.lr * _optimistic(g, s.prev, h, t)}


@update_rule(
    title="OptimisticAdam", tuples=BETAS,
    hypers={
        "lr": lr(1e-3), "beta1": unit(0.9, r"\beta_1"), "beta2": unit(0.999, r"\beta_2"),
        "eps": nonnegative(1e-8, r"\epsilon"),
    } | HOPE,
    slots={"m": Slot(), "v": Slot(), "prev": Slot(symbol=r"u_{\mathrm{prev}}")},
    latex=(
        MEAN, SQUARE, *CORRECTED, ("u", r"\frac{\hat{m}}{\sqrt{\hat{v}} + \epsilon}"),
        (r"\Delta", r"-\eta\,((\alpha + \beta)\,u - \beta\,u_{\mathrm{prev}})"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, alpha, beta: optax.optimistic_adam_v2(
        lr, alpha=alpha, beta=beta, b1=beta1, b2=beta2, eps=eps, nesterov=False
    ),
    references=("Daskalakis et al. 2017, arXiv 1711.00141",),
)
def optimistic_adam(xp, g, p, s, h, t):
    """Optimism on Adam's direction."""
    m, v = h.beta1 * s.m + (1 - h.beta1) * g, h.beta2 * s.v + (1 - h.beta2) * (g * g)
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    u = m_hat / (xp.sqrt(v_hat) + h.eps)
    terms = {"m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "u": u, "prev": u}
    return terms | {"delta": -h.lr * _optimistic(u, s.prev, h, t)}


@update_rule(
    title="MADGRAD",
    hypers={
        "lr": lr(1e-2), "momentum": unit(0.9, r"\mu"), "weight_decay": nonnegative(0.0, r"\lambda"),
        "eps": nonnegative(1e-6, r"\epsilon"),
    },
    slots={"x0": Slot(_here, symbol="x_0"), "s": Slot(), "v": Slot()},
    latex=(
        DECAY, ("w", r"(\eta + \epsilon) \sqrt{t}"), ("s", r"s + w\,g"), ("v", r"v + w\,g^{2}"),
        ("z", r"x_0 - \frac{s}{\sqrt[3]{v} + \epsilon}"), (r"\Delta", r"(1 - \mu)(z - \theta)"),
    ),
    optax=lambda optax, lr, momentum, weight_decay, eps: optax.contrib.madgrad(lr, momentum, weight_decay, eps),
    references=("Defazio and Jelassi 2021, arXiv 2101.11075",),
)
def madgrad(xp, g, p, s, h, t):
    """Dual averaging: all gradients so far pull from the starting point, over a cube root."""
    g = g + h.weight_decay * p
    w = (h.lr + h.eps) * t**0.5
    total, v = s.s + w * g, s.v + w * (g * g)
    z = s.x0 - total / (v ** (1 / 3) + h.eps)
    return {"x0": s.x0, "g": g, "w": w, "s": total, "v": v, "z": z, "delta": (1 - h.momentum) * (z - p)}


@update_rule(
    title="COCOB",
    hypers={
        "lr": lr(1.0), "alpha": nonnegative(100.0, r"\alpha"), "eps": nonnegative(1e-8, r"\epsilon"),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={
        "x0": Slot(_here, symbol="x_0"), "L": Slot(lambda xp, p, h: xp.zeros(shape=p.shape, like=p) + h.eps),
        "G": Slot(), "R": Slot(), "C": Slot(),
    },
    latex=(
        ("c", r"\eta\,(g + \lambda\,\theta)"), ("L", r"\max(L, |c|), \; L_0 = \epsilon"), ("G", "G + |c|"),
        ("R", r"\max(R - c\,(\theta - x_0), 0)"), ("C", "C - c"),
        (r"\Delta", r"x_0 + \frac{C\,(L + R)}{L \max(G + L, \alpha L)} - \theta"),
    ),
    optax=lambda optax, lr, alpha, eps, weight_decay: optax.contrib.cocob(lr, alpha, eps, weight_decay),
    references=("Orabona and Tommasi 2017, arXiv 1705.07795",),
)
def cocob(xp, g, p, s, h, t):
    """Each coordinate bets a share of what it has won on the sign of its next gradient: no rate to tune."""
    c = h.lr * (g + h.weight_decay * p)
    L, G, C = xp.maximum(s.L, xp.abs(c)), s.G + xp.abs(c), s.C - c
    R = xp.maximum(s.R - c * (p - s.x0), 0.0)
    target = s.x0 + C / (L * xp.maximum(G + L, h.alpha * L)) * (L + R)
    return {"x0": s.x0, "c": c, "L": L, "G": G, "R": R, "C": C, "target": target, "delta": target - p}


@update_rule(
    title="SGDW",
    hypers={"lr": lr(1e-2), "momentum": unit(0.9, r"\mu"), "weight_decay": nonnegative(1e-2, r"\lambda")},
    slots={"b": Slot()}, latex=(("b", r"\mu\,b + g"), (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,b")),
    references=("Loshchilov and Hutter 2017, arXiv 1711.05101",),
)
def sgdw(xp, g, p, s, h, t):
    """Momentum with decoupled decay: what shrinks the parameter does not enter the buffer."""
    b = h.momentum * s.b + g
    return {"b": b, "delta": -(h.lr * h.weight_decay) * p - h.lr * b}


@update_rule(
    title="QHM",
    hypers={
        "lr": lr(1e-1), "momentum": unit(0.999, r"\beta"), "nu": Hyper(0.7, r"\nu", 0.0, 1.0),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"m": Slot()},
    latex=(DECAY, ("m", r"\beta\,m + (1 - \beta)\,g"), (r"\Delta", r"-\eta\,((1 - \nu)\,g + \nu\,m)")),
    references=("Ma and Yarats 2018, arXiv 1810.06801",),
)
def qhm(xp, g, p, s, h, t):
    """A mixture of the gradient and its mean: plain descent at nu = 0, momentum at nu = 1."""
    g = g + h.weight_decay * p
    m = h.momentum * s.m + (1 - h.momentum) * g
    return {"g": g, "m": m, "delta": -h.lr * ((1 - h.nu) * g + h.nu * m)}


@update_rule(
    title="AggMo", tuples={"betas": ("beta1", "beta2", "beta3")},
    hypers={
        "lr": lr(1e-2), "beta1": unit(0.0, r"\beta_1"), "beta2": unit(0.9, r"\beta_2"), "beta3": unit(0.99, r"\beta_3"),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={f"b{i}": Slot(symbol=f"b_{i}") for i in (1, 2, 3)},
    latex=(
        DECAY, ("b_1", r"\beta_1 b_1 + g"), ("b_2", r"\beta_2 b_2 + g"), ("b_3", r"\beta_3 b_3 + g"),
        (r"\Delta", r"-\frac{\eta}{3}(b_1 + b_2 + b_3)"),
    ),
    references=("Lucas et al. 2018, arXiv 1804.00325",),
)
def aggmo(xp, g, p, s, h, t):
    """Several momenta at once: the fast one damps what the slow one would swing."""
    g = g + h.weight_decay * p
    b1, b2, b3 = h.beta1 * s.b1 + g, h.beta2 * s.b2 + g, h.beta3 * s.b3 + g
    return {"g": g, "b1": b1, "b2": b2, "b3": b3, "delta": -h.lr / 3 * (b1 + b2 + b3)}
