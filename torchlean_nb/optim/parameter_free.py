"""Rules that find their own rate from distances, gradients and losses met, over all parameters at once."""

from torchlean_nb.hypers import Hyper, flag, lr, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, MEAN, SQUARE, adam_hypers, moments
from torchlean_nb.updates import Slot, update_rule

TINY = 2.0**-52
START = Slot(lambda xp, p, h: p, symbol="x_0")
COUPLED = ("g", r"g + \lambda\,\theta")
AFAR = ("r", r"\max(r, \Vert \theta - x_0 \Vert)")
DECAY = {"weight_decay": nonnegative(0.0, r"\lambda")}
LOSS = {"lower_bound": Hyper(0.0, r"f_{*}"), "adapt_lower_bound": flag()} | DECAY


def _number(first):
    """A slot start: one number for the whole group."""
    return lambda xp, p, h: xp.zeros(shape=(), like=p) + xp.asarray(first(xp, p, h), dtype=p.dtype)


ZERO = _number(lambda xp, p, h: 0.0)


def _norm(xp, x):
    return xp.sqrt(xp.sum(x * x))


def _raised(xp, d, above, below):
    """The larger of an estimate and a quotient; the estimate where the quotient is 0 / 0."""
    known = xp.greater(below, 0)
    return xp.where(known, xp.maximum(d, above / (below + xp.logical_not(known))), d)


def _correction(h, t):
    return (1 - h.beta2**t) ** 0.5 / (1 - h.beta1**t)


# -- the distance to the solution, estimated ----------------------------------------------------------
@update_rule(
    title="Prodigy", scope="group", tuples=BETAS,
    hypers=adam_hypers(1.0) | {
        "beta3": Hyper(None, r"\beta_3", 0.0, 1.0, open_high=True, none=True),
        "d0": Hyper(1e-6, "d_0", 0.0, open_low=True, log=True), "d_coef": nonnegative(1.0, "c"),
        "safeguard_warmup": flag(),
    },
    slots={
        "m": Slot(), "v": Slot(), "s": Slot(), "x0": START, "r": Slot(ZERO), "d": Slot(_number(lambda xp, p, h: h.d0)),
    },
    latex=(
        ("k", r"\eta\,d\,\frac{\sqrt{1 - \beta_2^{t}}}{1 - \beta_1^{t}}"), ("m", r"\beta_1 m + (1 - \beta_1)\,d\,g"),
        ("v", r"\beta_2 v + (1 - \beta_2)\,d^{2} g^{2}"),
        ("r", r"\beta_3 r + \frac{d}{d_0}\,k\,\langle g, x_0 - \theta \rangle"),
        ("s", r"\beta_3 s + \frac{d}{d_0}\,k\,g"), ("d", r"\max\left(d, \frac{c\,r}{\Vert s \Vert_1}\right)"),
        (r"\Delta", r"-k\,\lambda\,\theta - k\,\frac{m}{\sqrt{v} + d\,\epsilon}"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, beta3, d0, d_coef, safeguard_warmup: optax.contrib.prodigy(
        lr, (beta1, beta2), beta3, eps, d0, d_coef, weight_decay, safeguard_warmup
    ),
    references=("Mishchenko and Defazio 2023, arXiv 2306.06101",),
)
def prodigy(xp, g, p, s, h, t):
    """AdamW whose rate is an estimate of the distance to the solution; recent gradients count more."""
    beta3 = h.beta2**0.5 if h.beta3 is None else h.beta3
    k = h.lr * s.d * _correction(h, t)
    m, v = h.beta1 * s.m + (1 - h.beta1) * (s.d * g), h.beta2 * s.v + (1 - h.beta2) * (s.d * g) ** 2
    r = beta3 * s.r + s.d / h.d0 * k * xp.sum(g * (s.x0 - p))
    total = beta3 * s.s + s.d / h.d0 * (s.d if h.safeguard_warmup else k) * g
    d = _raised(xp, s.d, h.d_coef * r, xp.sum(xp.abs(total)))
    delta = -(k * h.weight_decay) * p - k * m / (xp.sqrt(v) + d * h.eps)
    return {"x0": s.x0, "k": k, "m": m, "v": v, "r": r, "s": total, "d": d, "delta": delta}


@update_rule(
    title="DAdaptAdamW", scope="group", tuples=BETAS,
    hypers=adam_hypers(1.0) | {"d0": Hyper(1e-6, "d_0", 0.0, open_low=True, log=True)},
    slots={"m": Slot(), "v": Slot(), "s": Slot(), "r": Slot(ZERO), "d": Slot(_number(lambda xp, p, h: h.d0))},
    latex=(
        ("k", r"\eta\,d\,\frac{\sqrt{1 - \beta_2^{t}}}{1 - \beta_1^{t}}, \; d_0"),
        ("r", r"\sqrt{\beta_2}\,r + (1 - \sqrt{\beta_2})\,k\,\langle g, \frac{s}{\sqrt{v} + \epsilon} \rangle"),
        ("m", r"\beta_1 m + (1 - \beta_1)\,k\,g"), SQUARE,
        ("s", r"\sqrt{\beta_2}\,s + (1 - \sqrt{\beta_2})\,k\,g"),
        ("d", r"\max\left(d, \frac{r}{(1 - \sqrt{\beta_2}) \Vert s \Vert_1}\right)"),
        (r"\Delta", r"-k\,\lambda\,\theta - \frac{m}{\sqrt{v} + \epsilon}"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, d0: optax.contrib.dadapt_adamw(
        lr, (beta1, beta2), eps, d0, weight_decay
    ),
    references=("Defazio and Mishchenko 2023, arXiv 2301.07733",),
)
def dadapt_adamw(xp, g, p, s, h, t):
    """AdamW whose rate is a lower bound on the distance to the solution, raised whenever it proves too low."""
    keep = h.beta2**0.5
    k = h.lr * s.d * _correction(h, t)
    r = keep * s.r + (1 - keep) * k * xp.sum(g * (s.s / (xp.sqrt(s.v) + h.eps)))
    m, v = h.beta1 * s.m + (1 - h.beta1) * (k * g), h.beta2 * s.v + (1 - h.beta2) * (g * g)
    total = keep * s.s + (1 - keep) * (k * g)
    d = _raised(xp, s.d, r, (1 - keep) * xp.sum(xp.abs(total)))
    delta = -(k * h.weight_decay) * p - m / (xp.sqrt(v) + h.eps)
    return {"k": k, "r": r, "m": m, "v": v, "s": total, "d": d, "delta": delta}


# -- the distance travelled ---------------------------------------------------------------------------
@update_rule(
    title="DoG", scope="group",
    hypers={
        "lr": lr(1.0), "r_eps": nonnegative(1e-6, r"r_{\epsilon}"), "eps": nonnegative(1e-8, r"\epsilon"),
        "init": Hyper("heuristic", kind="choice", choices=("heuristic", "distance", "learning_rate")),
    } | DECAY,
    slots={
        "x0": START, "G": Slot(ZERO),
        "r": Slot(_number(lambda xp, p, h: h.r_eps * {
            "heuristic": 1 + _norm(xp, p), "distance": 1.0, "learning_rate": 0.0}[h.init])),
    },
    latex=(
        COUPLED, (AFAR[0], AFAR[1] + r", \; r_1 = r_{\epsilon} (1 + \Vert x_0 \Vert)"), ("G", r"G + \Vert g \Vert^{2}"),
        (r"\Delta", r"-\eta\,\frac{r}{\sqrt{G + \epsilon}}\,g"),
    ),
    optax=lambda optax, lr, r_eps, eps, init, weight_decay: optax.contrib.dog(lr, (init, r_eps), eps, weight_decay),
    references=("Ivgi, Hinder and Carmon 2023, arXiv 2302.12022",),
)
def dog(xp, g, p, s, h, t):
    """No rate to tune: how far the parameters have come, over the root of all squared gradients so far.

    ``init`` says what ``r_eps`` is: a share of the parameters' norm, a distance, or the first rate itself.
    """
    g = g + h.weight_decay * p
    r = xp.maximum(s.r, _norm(xp, p - s.x0))
    G = s.G + xp.sum(g * g)
    given = h.init == "learning_rate" and t == 1
    rate = h.lr * (h.r_eps if given else r / xp.sqrt(G + h.eps))
    return {"x0": s.x0, "g": g, "r": r, "G": G, "rate": rate, "delta": -rate * g}


@update_rule(
    title="DoWG", scope="group",
    hypers={
        "lr": lr(1.0), "r_eps": Hyper(None, r"r_{\epsilon}", 0.0, none=True), "eps": nonnegative(1e-4, r"\epsilon"),
    } | DECAY,
    slots={
        "x0": START, "v": Slot(ZERO), "r": Slot(_number(lambda xp, p, h: h.eps if h.r_eps is None else h.r_eps)),
    },
    latex=(
        COUPLED, ("r", r"\max(r, \Vert \theta - x_0 \Vert^{2}), \; r_1 = r_{\epsilon}"),
        ("v", r"v + r\,\Vert g \Vert^{2}"), (r"\Delta", r"-\eta\,\frac{r}{\sqrt{v} + \epsilon}\,g"),
    ),
    optax=lambda optax, lr, r_eps, eps, weight_decay: optax.contrib.dowg(lr, r_eps, eps, weight_decay),
    references=("Khaled, Mishchenko and Jin 2023, arXiv 2305.16284",),
)
def dowg(xp, g, p, s, h, t):
    """DoG that weighs gradients by the distance at which they were met: what is far from the start counts more.

    The squared distance starts at ``r_eps``, at ``eps`` where that is None.
    """
    g = g + h.weight_decay * p
    r = xp.maximum(s.r, xp.sum((p - s.x0) ** 2))
    v = s.v + r * xp.sum(g * g)
    rate = h.lr * r / (xp.sqrt(v) + h.eps)
    return {"x0": s.x0, "g": g, "r": r, "v": v, "rate": rate, "delta": -rate * g}


# -- the loss as information -----------------------------------------------------------------------------
LINE = {
    "f": Slot(ZERO, symbol=r"\bar{f}"), "q": Slot(ZERO),
    "bound": Slot(_number(lambda xp, p, h: h.lower_bound), when="adapt_lower_bound", symbol="b"),
}

def _line(xp, g, p, s, h, keep):
    """Running means of what the losses say at the origin of their tangents: of the loss and of <g, p>."""
    value = xp.asarray(h.value, dtype=p.dtype)
    return keep * s.f + (1 - keep) * value, keep * s.q + (1 - keep) * xp.sum(g * p)


def _polyak_step(xp, p, s, h, line, m, square, most, weight=1.0):
    """Step to where the model meets the bound, at most `most`, and the bound for the next step."""
    (f, q), c, ahead = line, 1 + h.lr * h.weight_decay, xp.sum(m * p)
    low, bound = xp.asarray(h.lower_bound, dtype=p.dtype), {}
    if h.adapt_lower_bound:
        reach = c * (f - q) + ahead
        halved = xp.maximum(reach / (2 * c * weight), low)
        low = xp.where(xp.greater(c * weight * s.bound, reach), halved, s.bound)
    flat = xp.greater_equal(TINY, square)
    gap = xp.maximum(c * (f - weight * low - q) + ahead, 0.0)
    tau = xp.where(flat, square * 0, xp.minimum(gap / (square + flat), most))
    if h.adapt_lower_bound:
        bound["bound"] = xp.maximum(((f + ahead - q) - 0.5 * tau * square) / weight, h.lower_bound)
    return {"gap": gap, "tau": tau} | bound, -(h.lr * h.weight_decay / c) * p


@update_rule(
    title="MoMo", scope="group", needs=frozenset({"value"}),
    hypers={"lr": lr(1.0), "beta": unit(0.9, r"\beta")} | LOSS, slots={"m": Slot(), **LINE},
    latex=(
        ("m", r"\beta\,m + (1 - \beta)\,g, \; m_1 = g"), (r"\bar{f}", r"\beta\,\bar{f} + (1 - \beta)\,f"),
        ("q", r"\beta\,q + (1 - \beta)\,\langle g, \theta \rangle"), ("b", r"f_{*} \;\mathrm{or\ adapted}"),
        (r"\tau", r"\min\left(\eta, \frac{(c\,(\bar{f} - b - q) + \langle m, \theta \rangle)_{+}}"
                  r"{\Vert m \Vert^{2}}\right), \; c = 1 + \eta\,\lambda"),
        (r"\Delta", r"-\frac{\eta\,\lambda}{c}\,\theta - \tau\,m"),
    ),
    optax=lambda optax, lr, beta, lower_bound, adapt_lower_bound, weight_decay: optax.contrib.momo(
        lr, beta, lower_bound, weight_decay, adapt_lower_bound
    ),
    references=("Schaipp et al. 2023, arXiv 2305.07583",),
)
def momo(xp, g, p, s, h, t):
    """Momentum that steps to where its model of the loss reaches the lower bound, and no further than the rate."""
    keep = h.beta * (t > 1)
    f, q = line = _line(xp, g, p, s, h, keep)
    m = keep * s.m + (1 - keep) * g
    terms, decay = _polyak_step(xp, p, s, h, line, m, xp.sum(m * m), h.lr)
    return {"f": f, "q": q, "m": m} | terms | {"decay": decay, "delta": decay - terms["tau"] * m}


@update_rule(
    title="MoMoAdam", scope="group", needs=frozenset({"value"}), tuples=BETAS,
    hypers=adam_hypers(1e-2) | LOSS, slots={"m": Slot(), "v": Slot(), **LINE},
    latex=(
        MEAN, SQUARE, ("D", r"\epsilon + \sqrt{v / (1 - \beta_2^{t})}"),
        (r"\bar{f}", r"\beta_1 \bar{f} + (1 - \beta_1)\,f"),
        ("q", r"\beta_1 q + (1 - \beta_1)\,\langle g, \theta \rangle"), ("b", r"f_{*} \;\mathrm{or\ adapted}"),
        ("k", r"1 - \beta_1^{t}, \; c = 1 + \eta\,\lambda"),
        (r"\tau", r"\min\left(\frac{\eta}{k}, \frac{(c\,(\bar{f} - k\,b - q) + \langle m, \theta \rangle)_{+}}"
                  r"{\langle m, m / D \rangle}\right)"),
        (r"\Delta", r"-\frac{\eta\,\lambda}{c}\,\theta - \tau\,\frac{m}{D}"),
    ),
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, lower_bound, adapt_lower_bound: optax.contrib.momo_adam(
        lr, beta1, beta2, eps, lower_bound, weight_decay, adapt_lower_bound
    ),
    references=("Schaipp et al. 2023, arXiv 2305.07583",),
)
def momo_adam(xp, g, p, s, h, t):
    """MoMo in the units of Adam: the model's slope is measured by the second moments."""
    f, q = line = _line(xp, g, p, s, h, h.beta1)
    m, v = moments(g, s, h)
    D = h.eps + xp.sqrt(v / (1 - h.beta2**t))
    k, u = 1 - h.beta1**t, m / D
    terms, decay = _polyak_step(xp, p, s, h, line, m, xp.sum(m * u), h.lr / k, k)
    return {"m": m, "v": v, "D": D, "f": f, "q": q} | terms | {"decay": decay, "delta": decay - terms["tau"] * u}
