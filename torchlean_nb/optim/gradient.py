"""Gradient descent and its momentum relatives."""

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.hypers import Hyper, flag, lr, nonnegative, unit
from torchlean_nb.updates import Slot, update_rule

DECAY = (r"g", r"g + \lambda\,\theta")


def _sgd_check(h):
    if h.nesterov and (h.momentum <= 0 or h.dampening != 0):
        raise HyperparameterError(
            f"SGD: nesterov=True with momentum={h.momentum}, dampening={h.dampening} is not allowed",
            "Nesterov momentum requires a momentum > 0 and zero dampening",
        )


@update_rule(
    title="SGD", torch="SGD",
    hypers={
        "lr": lr(1e-3), "momentum": Hyper(0.0, r"\mu", 0.0, 1.0), "dampening": Hyper(0.0, r"\tau", -1.0, 1.0),
        "weight_decay": nonnegative(0.0, r"\lambda"), "nesterov": flag(),
    },
    slots={"buf": Slot(when="momentum", symbol="b")}, check=_sgd_check,
    latex=(DECAY, ("b", r"\mu\,b + (1 - \tau)\,g"), (r"\Delta", r"-\eta\,(b \;\mathrm{or}\; g + \mu\,b)")),
    optax=lambda optax, lr, momentum, nesterov, **_: optax.sgd(lr, momentum=momentum or None, nesterov=nesterov),
    references=("Sutskever et al. 2013 (momentum, Nesterov form)", "Polyak 1964"), lesson="09",
)
def sgd(xp, g, p, s, h, t):
    """Stochastic gradient descent with momentum, dampening and Nesterov's variant, as in PyTorch."""
    g = g + h.weight_decay * p
    if not h.momentum:
        return {"g": g, "delta": -h.lr * g}
    # The first buffer is the gradient itself, undamped.
    buf = h.momentum * s.buf + (1 - h.dampening * (t > 1)) * g
    d = g + h.momentum * buf if h.nesterov else buf
    return {"g": g, "buf": buf, "d": d, "delta": -h.lr * d}


@update_rule(
    title="ASGD", torch="ASGD",
    hypers={
        "lr": lr(1e-2), "lambd": nonnegative(1e-4, r"\lambda_0"), "alpha": nonnegative(0.75, r"\alpha"),
        "t0": nonnegative(1e6, "t_0"), "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"ax": Slot(symbol=r"\bar{\theta}")},
    latex=(
        DECAY, (r"\eta_t", r"\frac{\eta}{(1 + \lambda_0 \eta (t-1))^{\alpha}}"),
        (r"\Delta", r"-\eta_t (\lambda_0 \theta + g)"), (r"\mu_t", r"\frac{1}{\max(1, t - 1 - t_0)}"),
        (r"\bar{\theta}", r"\bar{\theta} + \mu_t (\theta + \Delta - \bar{\theta})"),
    ),
    references=("Polyak and Juditsky 1992",),
)
def asgd(xp, g, p, s, h, t):
    """Averaged SGD: a decaying rate, and a running average of the iterates kept beside them."""
    g = g + h.weight_decay * p
    eta = h.lr / (1 + h.lambd * h.lr * (t - 1)) ** h.alpha
    delta = -eta * h.lambd * p - eta * g
    mu = 1 / max(1, t - 1 - h.t0)
    ax = s.ax + mu * (p + delta - s.ax)
    return {"g": g, "eta": eta, "ax": ax, "delta": delta}


@update_rule(
    title="Rprop", torch="Rprop", tuples={"etas": ("eta_minus", "eta_plus"), "step_sizes": ("min_step", "max_step")},
    hypers={
        "lr": lr(1e-2), "eta_minus": Hyper(0.5, r"\eta^{-}", 0.0, 1.0, True, True),
        "eta_plus": Hyper(1.2, r"\eta^{+}", 1.0, open_low=True), "min_step": nonnegative(1e-6, r"\Delta_{\min}"),
        "max_step": nonnegative(50.0, r"\Delta_{\max}"),
    },
    slots={
        "prev": Slot(symbol=r"g_{\mathrm{prev}}"),
        "step_size": Slot(lambda xp, p, h: xp.zeros(shape=p.shape, like=p) + h.lr, symbol="d"),
    },
    latex=(
        ("k", r"\eta^{+}, \; \eta^{-} \;\mathrm{or}\; 1 \;\mathrm{by}\; \mathrm{sign}(g\,g_{\mathrm{prev}})"),
        ("d", r"\mathrm{clip}(k\,d, \Delta_{\min}, \Delta_{\max})"),
        (r"\Delta", r"-d\,\mathrm{sign}(g)"), (r"d_0", r"\eta"),
    ),
    references=("Riedmiller and Braun 1993",),
)
def rprop(xp, g, p, s, h, t):
    """Resilient backpropagation: only signs matter, each coordinate has a step of its own."""
    agree = g * s.prev
    up, down = xp.greater(agree, 0), xp.greater(0, agree)
    grown = xp.where(up, s.step_size * h.eta_plus, xp.where(down, s.step_size * h.eta_minus, s.step_size))
    step_size = xp.minimum(xp.maximum(grown, h.min_step), h.max_step)
    g = g * xp.logical_not(down)
    return {"step_size": step_size, "prev": g, "delta": -step_size * xp.sign(g)}


@update_rule(
    title="Lion",
    hypers={
        "lr": lr(1e-4), "beta1": unit(0.9, r"\beta_1"), "beta2": unit(0.99, r"\beta_2"),
        "weight_decay": nonnegative(1e-3, r"\lambda"),
    },
    tuples={"betas": ("beta1", "beta2")}, slots={"m": Slot()},
    latex=(
        ("c", r"\beta_1 m + (1 - \beta_1) g"), ("m", r"\beta_2 m + (1 - \beta_2) g"),
        (r"\Delta", r"-\eta\,(\mathrm{sign}(c) + \lambda\,\theta)"),
    ),
    optax=lambda optax, lr, beta1, beta2, weight_decay: optax.lion(lr, beta1, beta2, weight_decay=weight_decay),
    references=("Chen et al. 2023, arXiv 2302.06675",),
)
def lion(xp, g, p, s, h, t):
    """Evolved sign momentum: one buffer, steps of one size."""
    c = h.beta1 * s.m + (1 - h.beta1) * g
    m = h.beta2 * s.m + (1 - h.beta2) * g
    return {"c": c, "m": m, "delta": -h.lr * (xp.sign(c) + h.weight_decay * p)}


@update_rule(
    title="SignSGD", hypers={"lr": lr(1e-3)}, latex=((r"\Delta", r"-\eta\,\mathrm{sign}(g)"),),
    optax=lambda optax, lr: optax.sign_sgd(lr), references=("Bernstein et al. 2018, arXiv 1802.04434",),
)
def sign_sgd(xp, g, p, s, h, t):
    """Signs of the gradient only."""
    return {"delta": -h.lr * xp.sign(g)}


@update_rule(
    title="Signum", hypers={"lr": lr(1e-3), "beta": unit(0.9, r"\beta")}, slots={"m": Slot()},
    latex=(("m", r"\beta\,m + (1 - \beta)\,g"), (r"\Delta", r"-\eta\,\mathrm{sign}(m)")),
    optax=lambda optax, lr, beta: optax.signum(lr, beta), references=("Bernstein et al. 2018, arXiv 1802.04434",),
)
def signum(xp, g, p, s, h, t):
    """Signs of an averaged gradient."""
    m = h.beta * s.m + (1 - h.beta) * g
    return {"m": m, "delta": -h.lr * xp.sign(m)}
