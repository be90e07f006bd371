"""Rules that measure each coordinate by its own history: AdaGrad, RMSProp, Adadelta."""

from torchlean_nb.hypers import Hyper, flag, lr, nonnegative
from torchlean_nb.updates import Slot, update_rule

COUPLED = ("g", r"g + \lambda\,\theta")


@update_rule(
    title="Adagrad", torch="Adagrad",
    hypers={
        "lr": lr(1e-2), "lr_decay": nonnegative(0.0, r"\kappa"), "weight_decay": nonnegative(0.0, r"\lambda"),
        "initial_accumulator_value": nonnegative(0.0, "G_0"), "eps": nonnegative(1e-10, r"\epsilon"),
    },
    slots={"acc": Slot(lambda xp, p, h: xp.zeros(shape=p.shape, like=p) + h.initial_accumulator_value, symbol="G")},
    latex=(
        COUPLED, ("G", r"G + g^{2}, \; G_0"),
        (r"\Delta", r"-\frac{\eta}{1 + (t - 1)\kappa}\,\frac{g}{\sqrt{G} + \epsilon}"),
    ),
    references=("Duchi, Hazan and Singer 2011",), lesson="10",
)
def adagrad(xp, g, p, s, h, t):
    """Steps shrink with the sum of all squared gradients so far."""
    g = g + h.weight_decay * p
    acc = s.acc + g * g
    rate = h.lr / (1 + (t - 1) * h.lr_decay)
    return {"g": g, "acc": acc, "rate": rate, "delta": -rate * (g / (xp.sqrt(acc) + h.eps))}


@update_rule(
    title="RMSprop", torch="RMSprop",
    hypers={
        "lr": lr(1e-2), "alpha": Hyper(0.99, r"\alpha", 0.0, 1.0), "eps": nonnegative(1e-8, r"\epsilon"),
        "weight_decay": nonnegative(0.0, r"\lambda"), "momentum": Hyper(0.0, r"\mu", 0.0, 1.0), "centered": flag(),
    },
    slots={"v": Slot(), "mean": Slot(when="centered"), "buf": Slot(when="momentum", symbol="b")},
    latex=(
        COUPLED, ("v", r"\alpha\,v + (1 - \alpha)\,g^{2}"), ("u", r"\frac{g}{\sqrt{v} + \epsilon}"),
        ("b", r"\mu\,b + u"), (r"\Delta", r"-\eta\,b"),
    ),
    references=("Tieleman and Hinton 2012, lecture 6.5", "Graves 2013, arXiv 1308.0850 (centered)"), lesson="10",
)
def rmsprop(xp, g, p, s, h, t):
    """Steps measured by a running mean of squared gradients, which forgets."""
    g = g + h.weight_decay * p
    v = h.alpha * s.v + (1 - h.alpha) * (g * g)
    terms, spread = {"g": g, "v": v}, v
    if h.centered:
        mean = terms["mean"] = h.alpha * s.mean + (1 - h.alpha) * g
        spread = v - mean * mean
    d = terms["u"] = g / (xp.sqrt(spread) + h.eps)
    if h.momentum:
        d = terms["buf"] = h.momentum * s.buf + d
    return terms | {"delta": -h.lr * d}


@update_rule(
    title="Adadelta", torch="Adadelta",
    hypers={
        "lr": lr(1.0), "rho": Hyper(0.9, r"\rho", 0.0, 1.0), "eps": nonnegative(1e-6, r"\epsilon"),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"v": Slot(), "u": Slot()},
    latex=(
        COUPLED, ("v", r"\rho\,v + (1 - \rho)\,g^{2}"), ("d", r"\frac{\sqrt{u + \epsilon}}{\sqrt{v + \epsilon}}\,g"),
        ("u", r"\rho\,u + (1 - \rho)\,d^{2}"), (r"\Delta", r"-\eta\,d"),
    ),
    optax=lambda optax, lr, rho, eps, weight_decay: optax.adadelta(lr, rho, eps, weight_decay),
    references=("Zeiler 2012, arXiv 1212.5701",),
)
def adadelta(xp, g, p, s, h, t):
    """Steps in the parameter's own units: past steps over past gradients."""
    g = g + h.weight_decay * p
    v = h.rho * s.v + (1 - h.rho) * (g * g)
    d = xp.sqrt(s.u + h.eps) / xp.sqrt(v + h.eps) * g
    u = h.rho * s.u + (1 - h.rho) * (d * d)
    return {"g": g, "v": v, "d": d, "u": u, "delta": -h.lr * d}
