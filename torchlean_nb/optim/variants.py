"""What others changed in Adam: the second moment, the first, the order of operations."""

from torchlean_nb.hypers import Hyper, flag, lr, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, CORRECTED, COUPLED, DECOUPLED, MEAN, SQUARE
from torchlean_nb.optim.adam import adam_hypers as adam_hypers
from torchlean_nb.optim.adam import moments as moments
from torchlean_nb.updates import Slot, update_rule

ROOT = {"eps_root": nonnegative(1e-16, r"\epsilon_r")}
SURPRISE = ("v", r"\beta_2 v + (1 - \beta_2)(g - m)^{2} + \epsilon_r")


def _start(xp, p, h):
    return xp.zeros(shape=p.shape, like=p) + h.v0


def _decayed(p, u, h):
    return -h.lr * (u + h.weight_decay * p)


@update_rule(
    tuples=BETAS,
    hypers=adam_hypers(1e-2) | {"eps": nonnegative(1e-3, r"\epsilon"), "v0": nonnegative(1e-6, "v_0")},
    slots={"m": Slot(_start), "v": Slot(_start)},
    latex=(
        MEAN, ("v", r"v - (1 - \beta_2)\,\mathrm{sign}(v - g^{2})\,g^{2}"), *CORRECTED, ("m_0", "v_0"), DECOUPLED,
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, v0: optax.chain(
        optax.scale_by_yogi(beta1, beta2, eps, 0.0, v0), optax.add_decayed_weights(weight_decay),
        optax.scale_by_learning_rate(lr),
    ),
    references=("Zaheer et al. 2018, NeurIPS",),
)
def yogi(xp, g, p, s, h, t):
    """Adam whose second moment moves by additive steps, so that it cannot forget at once."""
    square = g * g
    m, v = h.beta1 * s.m + (1 - h.beta1) * g, s.v - (1 - h.beta2) * xp.sign(s.v - square) * square
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    u = m_hat / (xp.sqrt(v_hat) + h.eps)
    return {"m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "u": u, "delta": _decayed(p, u, h)}


@update_rule(
    title="AdaBelief", tuples=BETAS, hypers=adam_hypers(1e-3) | {"eps": nonnegative(1e-16, r"\epsilon")} | ROOT,
    slots={"m": Slot(), "v": Slot()}, latex=(MEAN, SURPRISE, *CORRECTED, DECOUPLED),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, eps_root: optax.chain(
        optax.scale_by_belief(beta1, beta2, eps, eps_root), optax.add_decayed_weights(weight_decay),
        optax.scale_by_learning_rate(lr),
    ),
    references=("Zhuang et al. 2020, arXiv 2010.07468",),
)
def adabelief(xp, g, p, s, h, t):
    """Adam measured by surprise: small steps where the gradient is not what its mean foretold."""
    m = h.beta1 * s.m + (1 - h.beta1) * g
    v = h.beta2 * s.v + (1 - h.beta2) * ((g - m) * (g - m)) + h.eps_root
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    u = m_hat / (xp.sqrt(v_hat) + h.eps)
    return {"m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "u": u, "delta": _decayed(p, u, h)}


@update_rule(
    title="ACProp", tuples=BETAS, hypers=adam_hypers(1e-3) | {"eps": nonnegative(1e-16, r"\epsilon")} | ROOT,
    slots={"m": Slot(), "v": Slot()},
    latex=(
        (r"\hat{v}", r"\frac{v}{1 - \beta_2^{t-1}}, \; \hat{v}_1 = 1"), SURPRISE, MEAN,
        (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,\frac{g}{\sqrt{\hat{v}} + \epsilon}"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, eps_root: optax.contrib.acprop(
        lr, beta1, beta2, eps, eps_root, weight_decay
    ),
    references=("Zhuang et al. 2021, arXiv 2110.05454",),
)
def acprop(xp, g, p, s, h, t):
    """Surprise as in AdaBelief, but yesterday's: the divisor has not seen the gradient it divides."""
    # At t = 1 there is no yesterday: the exponent is made harmless, and the divisor 1.
    v_hat = (t > 1) * s.v / (1 - h.beta2 ** (t - 1 + (t == 1))) + (t == 1)
    v = h.beta2 * s.v + (1 - h.beta2) * ((g - s.m) * (g - s.m)) + h.eps_root
    m = h.beta1 * s.m + (1 - h.beta1) * g
    return {"v_hat": v_hat, "v": v, "m": m, "delta": _decayed(p, g / (xp.sqrt(v_hat) + h.eps), h)}


@update_rule(
    title="AdamaxW", tuples=BETAS, hypers=adam_hypers(2e-3, 1e-4), slots={"m": Slot(), "u": Slot()},
    latex=(
        MEAN, ("u", r"\max(\beta_2 u, |g| + \epsilon)"),
        (r"\Delta", r"-\eta\,\lambda\,\theta - \frac{\eta}{1 - \beta_1^{t}}\,\frac{m}{u}"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay: optax.adamaxw(lr, beta1, beta2, eps, weight_decay),
    references=("Kingma and Ba 2014, arXiv 1412.6980", "Loshchilov and Hutter 2017, arXiv 1711.05101"),
)
def adamaxw(xp, g, p, s, h, t):
    """Adamax with decoupled decay."""
    m, u = h.beta1 * s.m + (1 - h.beta1) * g, xp.maximum(h.beta2 * s.u, xp.abs(g) + h.eps)
    return {"m": m, "u": u, "delta": _decayed(p, m / (1 - h.beta1**t) / u, h)}


@update_rule(
    title="NAdamW", tuples=BETAS, hypers=adam_hypers(2e-3, 1e-4), slots={"m": Slot(), "v": Slot()},
    latex=(
        MEAN, SQUARE, CORRECTED[1],
        ("n", r"\frac{\beta_1 m}{1 - \beta_1^{t+1}} + \frac{(1 - \beta_1)\,g}{1 - \beta_1^{t}}"),
        (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,\frac{n}{\sqrt{\hat{v}} + \epsilon}"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay: optax.nadamw(
        lr, beta1, beta2, eps, weight_decay=weight_decay
    ),
    references=("Dozat 2016", "Loshchilov and Hutter 2017, arXiv 1711.05101"),
)
def nadamw(xp, g, p, s, h, t):
    """Nesterov's look-ahead at constant momentum, and decoupled decay."""
    m, v = moments(g, s, h)
    n = h.beta1 * m / (1 - h.beta1 ** (t + 1)) + (1 - h.beta1) * g / (1 - h.beta1**t)
    v_hat = v / (1 - h.beta2**t)
    return {"m": m, "v": v, "n": n, "v_hat": v_hat, "delta": _decayed(p, n / (xp.sqrt(v_hat) + h.eps), h)}


@update_rule(
    title="AdEMAMix", tuples={"betas": ("beta1", "beta2", "beta3")},
    hypers=adam_hypers(1e-3) | {"beta3": unit(0.9999, r"\beta_3"), "alpha": nonnegative(5.0, r"\alpha")},
    slots={"m": Slot(), "slow": Slot(symbol="n"), "v": Slot()},
    latex=(
        MEAN, ("n", r"\beta_3 n + (1 - \beta_3)\,g"), SQUARE, *CORRECTED,
        (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,\frac{\hat{m} + \alpha\,n}{\sqrt{\hat{v}} + \epsilon}"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, beta3, alpha: optax.contrib.ademamix(
        lr, beta1, beta2, beta3, alpha, eps, weight_decay=weight_decay
    ),
    references=("Pagliardini, Ablin and Grangier 2024, arXiv 2409.03137",),
)
def ademamix(xp, g, p, s, h, t):
    """Two means of the gradient, a fast one and one that remembers for thousands of steps."""
    m, v = moments(g, s, h)
    slow = h.beta3 * s.slow + (1 - h.beta3) * g
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    u = (m_hat + h.alpha * slow) / (xp.sqrt(v_hat) + h.eps)
    return {"m": m, "slow": slow, "v": v, "m_hat": m_hat, "v_hat": v_hat, "u": u, "delta": _decayed(p, u, h)}


@update_rule(
    title="SimplifiedAdEMAMix", tuples=BETAS,
    hypers=adam_hypers(1e-4) | {
        "beta1": unit(0.99, r"\beta_1"), "beta2": unit(0.95, r"\beta_2"), "alpha": nonnegative(0.0, r"\alpha"),
    },
    slots={"m": Slot(), "v": Slot()},
    latex=(
        ("m", r"\beta_1 m + g"), SQUARE, CORRECTED[1],
        (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,\frac{m + \alpha\,g}{\sqrt{\hat{v}} + \epsilon}"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, alpha: optax.contrib.simplified_ademamix(
        lr, beta1, beta2, alpha, eps, 0.0, weight_decay
    ),
    references=("Morwani et al. 2025, arXiv 2502.02431",),
)
def simplified_ademamix(xp, g, p, s, h, t):
    """AdEMAMix with one buffer: a sum of gradients, and the newest once more."""
    m, v = h.beta1 * s.m + g, h.beta2 * s.v + (1 - h.beta2) * (g * g)
    v_hat = v / (1 - h.beta2**t)
    u = (m + h.alpha * g) / (xp.sqrt(v_hat) + h.eps)
    return {"m": m, "v": v, "v_hat": v_hat, "u": u, "delta": _decayed(p, u, h)}


@update_rule(
    title="Adan", tuples={"betas": ("beta1", "beta2", "beta3")},
    hypers=adam_hypers(1e-3) | {
        "beta1": unit(0.98, r"\beta_1"), "beta2": unit(0.92, r"\beta_2"), "beta3": unit(0.99, r"\beta_3"),
    },
    slots={"m": Slot(), "d": Slot(), "n": Slot(), "prev": Slot(symbol=r"g_{\mathrm{prev}}")},
    latex=(
        ("c", r"g - g_{\mathrm{prev}}, \; c_1 = 0"), MEAN, ("d", r"\beta_2 d + (1 - \beta_2)\,c"),
        ("n", r"\beta_3 n + (1 - \beta_3)(g + \beta_2 c)^{2}"),
        (r"\hat{n}", r"\frac{n}{1 - \beta_3^{t}}"),
        ("u", r"\frac{m / (1 - \beta_1^{t}) + \beta_2\,d / (1 - \beta_2^{t})}{\sqrt{\hat{n}} + \epsilon}"),
        (r"\Delta", r"\frac{\theta - \eta\,u}{1 + \eta\,\lambda} - \theta"),
    ),
    references=("Xie et al. 2022, arXiv 2208.06677",),
)
def adan(xp, g, p, s, h, t):
    """Nesterov momentum from differences of gradients, in the authors' form.

    Optax weighs the difference by ``1 - beta2`` where the paper has ``beta2``; at 0.5 both agree.
    """
    c = (t > 1) * (g - s.prev)
    ahead = g + h.beta2 * c
    m, d = h.beta1 * s.m + (1 - h.beta1) * g, h.beta2 * s.d + (1 - h.beta2) * c
    n = h.beta3 * s.n + (1 - h.beta3) * (ahead * ahead)
    n_hat = n / (1 - h.beta3**t)
    u = (m / (1 - h.beta1**t) + h.beta2 * d / (1 - h.beta2**t)) / (xp.sqrt(n_hat) + h.eps)
    # The decay is implicit: -eta (u + lambda (theta + delta)) is this step.
    delta = -h.lr / (1 + h.lr * h.weight_decay) * (u + h.weight_decay * p)
    return {"c": c, "m": m, "d": d, "n": n, "prev": g, "n_hat": n_hat, "u": u, "delta": delta}


@update_rule(
    title="ADOPT", tuples=BETAS,
    hypers={
        "lr": lr(1e-3), "beta1": unit(0.9, r"\beta_1"), "beta2": unit(0.9999, r"\beta_2"),
        "eps": nonnegative(1e-6, r"\epsilon"), "clip": flag(True),
    },
    slots={"m": Slot(), "v": Slot()},
    latex=(
        ("u", r"\mathrm{clip}\left(\frac{g}{\max(\sqrt{v}, \epsilon)}, \pm (t - 1)^{1/4}\right)"),
        ("m", r"\beta_1 m + (1 - \beta_1)\,u \;\mathrm{if}\; t > 1"), (*SQUARE[:1], SQUARE[1] + r", \; v_1 = g^{2}"),
        (r"\Delta", r"-\eta\,m"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, clip: optax.contrib.adopt(lr, beta1, beta2, eps, use_clipping=clip),
    references=("Taniguchi et al. 2024, arXiv 2411.02853",),
)
def adopt(xp, g, p, s, h, t):
    """Adam in another order, safe for every beta2: divide by the old second moment, then average."""
    u = g / xp.maximum(xp.sqrt(s.v), h.eps)
    u = xp.minimum(xp.maximum(u, -((t - 1) ** 0.25)), (t - 1) ** 0.25) if h.clip else u
    # The first step only fills v.
    m = s.m + (t > 1) * (1 - h.beta1) * (u - s.m)
    keep = h.beta2 * (t > 1)
    return {"u": u, "m": m, "v": keep * s.v + (1 - keep) * (g * g), "delta": -h.lr * m}


@update_rule(
    title="AdaBound", tuples=BETAS,
    hypers=adam_hypers(1e-3) | {
        "final_lr": nonnegative(0.1, r"\eta^{*}"), "gamma": Hyper(1e-3, r"\gamma", 0.0, open_low=True),
    },
    slots={"m": Slot(), "v": Slot()},
    latex=(
        COUPLED, MEAN, SQUARE, ("k", r"\frac{\eta\,\sqrt{1 - \beta_2^{t}}}{(1 - \beta_1^{t})(\sqrt{v} + \epsilon)}"),
        ("r", r"\mathrm{clip}\left(k, \; \eta^{*} - \frac{\eta^{*}}{\gamma t + 1}, "
              r"\; \eta^{*} + \frac{\eta^{*}}{\gamma t}\right)"),
        (r"\Delta", r"-r\,m"),
    ),
    references=("Luo et al. 2019, arXiv 1902.09843",),
)
def adabound(xp, g, p, s, h, t):
    """Adam that turns into momentum: rates are clipped to a band that closes around one number."""
    g = g + h.weight_decay * p
    m, v = moments(g, s, h)
    k = h.lr * (1 - h.beta2**t) ** 0.5 / (1 - h.beta1**t) / (xp.sqrt(v) + h.eps)
    low, high = h.final_lr * (1 - 1 / (h.gamma * t + 1)), h.final_lr * (1 + 1 / (h.gamma * t))
    r = xp.minimum(xp.maximum(k, low), high)
    return {"g": g, "m": m, "v": v, "k": k, "low": low, "high": high, "r": r, "delta": -r * m}


@update_rule(
    title="DiffGrad", tuples=BETAS, hypers=adam_hypers(1e-3),
    slots={"m": Slot(), "v": Slot(), "prev": Slot(symbol=r"g_{\mathrm{prev}}")},
    latex=(
        COUPLED, MEAN, SQUARE, ("x", r"\frac{1}{1 + e^{-|g - g_{\mathrm{prev}}|}}"),
        (r"\Delta", r"-\eta\,\frac{\sqrt{1 - \beta_2^{t}}}{1 - \beta_1^{t}}\,\frac{x\,m}{\sqrt{v} + \epsilon}"),
    ),
    references=("Dubey et al. 2019, arXiv 1909.11015",),
)
def diffgrad(xp, g, p, s, h, t):
    """Adam with a friction: half speed where the gradient stays the same."""
    g = g + h.weight_decay * p
    m, v = moments(g, s, h)
    x = 1 / (1 + xp.exp(-xp.abs(g - s.prev)))
    rate = h.lr * (1 - h.beta2**t) ** 0.5 / (1 - h.beta1**t)
    return {"g": g, "prev": g, "m": m, "v": v, "x": x, "rate": rate, "delta": -rate * (x * m / (xp.sqrt(v) + h.eps))}
