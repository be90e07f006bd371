"""Adam and its nearest relatives, on one page: what differs is one line each."""

from torchlean_nb.hypers import flag, lr, nonnegative, unit
from torchlean_nb.updates import Slot, update_rule

COUPLED = ("g", r"g + \lambda\,\theta")
MEAN = ("m", r"\beta_1 m + (1 - \beta_1)\,g")
SQUARE = ("v", r"\beta_2 v + (1 - \beta_2)\,g^{2}")
CORRECTED = ((r"\hat{m}", r"\frac{m}{1 - \beta_1^{t}}"), (r"\hat{v}", r"\frac{v}{1 - \beta_2^{t}}"))
STEP = (r"\Delta", r"-\eta\,\frac{\hat{m}}{\sqrt{\hat{v}} + \epsilon}")
DECOUPLED = (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,\frac{\hat{m}}{\sqrt{\hat{v}} + \epsilon}")
BETAS = {"betas": ("beta1", "beta2")}


def adam_hypers(rate, decay=0.0):
    """Hyperparameters that the family shares."""
    return {
        "lr": lr(rate), "beta1": unit(0.9, r"\beta_1"), "beta2": unit(0.999, r"\beta_2"),
        "eps": nonnegative(1e-8, r"\epsilon"), "weight_decay": nonnegative(decay, r"\lambda"),
    }


def moments(g, s, h):
    """Running means of the gradient and of its square."""
    return h.beta1 * s.m + (1 - h.beta1) * g, h.beta2 * s.v + (1 - h.beta2) * (g * g)


def _decayed(g, p, h):
    """Decay through the gradient, or as a term of its own: gradient and term."""
    if h.decoupled_weight_decay:
        return g, -(h.lr * h.weight_decay) * p
    return g + h.weight_decay * p, 0 * p


def _adam_step(xp, g, p, s, h, t):
    """Moments, corrections and the step that Adam and AdamW share."""
    m, v = moments(g, s, h)
    terms = {"m": m, "v": v}
    used = v
    if h.amsgrad:
        used = terms["v_max"] = xp.maximum(s.v_max, v)
    m_hat, v_hat = m / (1 - h.beta1**t), used / (1 - h.beta2**t)
    return terms | {"m_hat": m_hat, "v_hat": v_hat, "step": -h.lr * (m_hat / (xp.sqrt(v_hat) + h.eps))}


@update_rule(
    title="Adam", torch="Adam", tuples=BETAS, hypers=adam_hypers(1e-3) | {"amsgrad": flag()},
    slots={"m": Slot(), "v": Slot(), "v_max": Slot(when="amsgrad")},
    latex=(COUPLED, MEAN, SQUARE, *CORRECTED, STEP),
    optax=lambda optax, lr, beta1, beta2, eps, **_: optax.adam(lr, beta1, beta2, eps),
    references=("Kingma and Ba 2014, arXiv 1412.6980", "Reddi et al. 2018 (amsgrad), arXiv 1904.09237"), lesson="10",
)
def adam(xp, g, p, s, h, t):
    """Adam: each coordinate measured in its own units; decay, if any, goes through the gradient."""
    g = g + h.weight_decay * p
    terms = {"g": g} | _adam_step(xp, g, p, s, h, t)
    return terms | {"delta": terms["step"]}


@update_rule(
    title="AdamW", torch="AdamW", tuples=BETAS, hypers=adam_hypers(1e-3, 1e-2) | {"amsgrad": flag()},
    slots={"m": Slot(), "v": Slot(), "v_max": Slot(when="amsgrad")}, latex=(MEAN, SQUARE, *CORRECTED, DECOUPLED),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, **_: optax.adamw(
        lr, beta1, beta2, eps, weight_decay=weight_decay
    ),
    references=("Loshchilov and Hutter 2017, arXiv 1711.05101",), lesson="10",
)
def adamw(xp, g, p, s, h, t):
    """Adam with decoupled decay: the parameter shrinks by itself, unmeasured."""
    terms = {"decay": -(h.lr * h.weight_decay) * p} | _adam_step(xp, g, p, s, h, t)
    return terms | {"delta": terms["decay"] + terms["step"]}


@update_rule(
    title="AMSGrad", tuples=BETAS,
    hypers=adam_hypers(1e-3) | {"correct_mean": flag(True), "correct_square": flag(True)},
    slots={"m": Slot(), "v": Slot(), "v_max": Slot(symbol="w")},
    latex=(
        MEAN, SQUARE, *CORRECTED, ("w", r"\max(w, \hat{v})"),
        (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,\frac{\hat{m}}{\sqrt{w} + \epsilon}"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, correct_mean, correct_square: optax.chain(
        optax.scale_by_amsgrad(
            beta1, beta2, eps, bias_correction_mu=correct_mean, bias_correction_nu=correct_square
        ),
        optax.add_decayed_weights(weight_decay), optax.scale_by_learning_rate(lr),
    ),
    references=("Reddi, Kale and Kumar 2018, arXiv 1904.09237",),
)
def amsgrad(xp, g, p, s, h, t):
    """Adam that never forgets the largest second moment, corrected for its start before it is compared.

    ``Adam(amsgrad=True)`` compares first and corrects afterwards, as PyTorch does; the paper corrects nothing.
    """
    m, v = moments(g, s, h)
    m_hat = m / (1 - h.beta1**t) if h.correct_mean else m
    v_hat = v / (1 - h.beta2**t) if h.correct_square else v
    v_max = xp.maximum(s.v_max, v_hat)
    u = m_hat / (xp.sqrt(v_max) + h.eps)
    return {"m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "v_max": v_max, "u": u,
            "delta": -h.lr * (u + h.weight_decay * p)}  # fmt: skip


@update_rule(
    title="Adamax", torch="Adamax", tuples=BETAS, hypers=adam_hypers(2e-3), slots={"m": Slot(), "u": Slot()},
    latex=(
        COUPLED, MEAN, ("u", r"\max(\beta_2 u, |g| + \epsilon)"),
        (r"\Delta", r"-\frac{\eta}{1 - \beta_1^{t}}\,\frac{m}{u}"),
    ),
    references=("Kingma and Ba 2014, arXiv 1412.6980",),
)
def adamax(xp, g, p, s, h, t):
    """Adam with the largest recent gradient in place of the mean square."""
    g = g + h.weight_decay * p
    m = h.beta1 * s.m + (1 - h.beta1) * g
    u = xp.maximum(h.beta2 * s.u, xp.abs(g) + h.eps)
    return {"g": g, "m": m, "u": u, "delta": -(h.lr / (1 - h.beta1**t)) * (m / u)}


@update_rule(
    title="NAdam", torch="NAdam", tuples=BETAS,
    hypers=adam_hypers(2e-3) | {
        "momentum_decay": nonnegative(4e-3, r"\psi"), "decoupled_weight_decay": flag(),
    },
    slots={"m": Slot(), "v": Slot(), "mu_product": Slot(lambda xp, p, h: xp.ones(shape=(), like=p), symbol="P")},
    latex=(
        COUPLED, MEAN, SQUARE, (r"\mu_t", r"\beta_1 (1 - 0.5 \cdot 0.96^{t \psi})"), ("P", r"P\,\mu_t"),
        ("d", r"\frac{1 - \mu_t}{1 - P}\,g + \frac{\mu_{t+1}}{1 - P \mu_{t+1}}\,m"),
        (r"\Delta", r"-\eta\,\frac{d}{\sqrt{\hat{v}} + \epsilon}"),
    ),
    references=("Dozat 2016",),
)
def nadam(xp, g, p, s, h, t):
    """Adam with Nesterov's look-ahead, its momentum warming up."""
    g, decay = _decayed(g, p, h)
    m, v = moments(g, s, h)
    mu, mu_next = (h.beta1 * (1 - 0.5 * 0.96 ** (k * h.momentum_decay)) for k in (t, t + 1))
    product = s.mu_product * mu
    root = xp.sqrt(v / (1 - h.beta2**t)) + h.eps
    now = -(h.lr * (1 - mu) / (1 - product)) * (g / root)
    ahead = -(h.lr * mu_next / (1 - product * mu_next)) * (m / root)
    return {
        "g": g, "decay": decay, "m": m, "v": v, "mu_product": product, "now": now, "ahead": ahead,
        "delta": decay + now + ahead,
    }  # fmt: skip


@update_rule(
    title="RAdam", torch="RAdam", tuples=BETAS, hypers=adam_hypers(1e-3) | {"decoupled_weight_decay": flag()},
    slots={"m": Slot(), "v": Slot()},
    latex=(
        COUPLED, MEAN, SQUARE, CORRECTED[0],
        (r"\rho_t", r"\frac{2}{1 - \beta_2} - 1 - \frac{2 t \beta_2^{t}}{1 - \beta_2^{t}}"),
        ("a", r"r_t\,\frac{\sqrt{1 - \beta_2^{t}}}{\sqrt{v} + \epsilon} \;\mathrm{if}\; \rho_t > 5"),
        (r"\Delta", r"-\eta\,\hat{m}\,a"),
    ),
    references=("Liu et al. 2019, arXiv 1908.03265",),
)
def radam(xp, g, p, s, h, t):
    """Adam that waits: plain momentum until the variance can be trusted."""
    g, decay = _decayed(g, p, h)
    m, v = moments(g, s, h)
    m_hat, b2t = m / (1 - h.beta1**t), h.beta2**t
    most = 2 / (1 - h.beta2) - 1
    rho = most - 2 * t * b2t / (1 - b2t)
    sure = rho > 5
    # Where the branch is not taken the root's argument is made harmless: sqrt(1).
    below = (most - 4) * (most - 2) * rho
    ratio = (rho - 4) * (rho - 2) * most / (below * sure + (1 - sure))
    rect = (ratio * sure + (1 - sure)) ** 0.5
    adapted = rect * (1 - b2t) ** 0.5 / (xp.sqrt(v) + h.eps)
    step = -h.lr * (m_hat * (adapted * sure + (1 - sure)))
    return {"g": g, "decay": decay, "m": m, "v": v, "m_hat": m_hat, "step": step, "delta": decay + step}
