"""What to make of past gradients: inertia, variance, noise, delays, filters, and lengths and ways remembered."""

from torchlean_nb.hypers import Hyper, lr, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, CORRECTED, COUPLED, MEAN, SQUARE
from torchlean_nb.optim.adam import adam_hypers as adam_hypers
from torchlean_nb.optim.adam import moments as moments
from torchlean_nb.optim.classics import here
from torchlean_nb.updates import Slot, update_rule

SHRINK = r"-\eta\,\lambda\,\theta"


def _number(xp, p, h):
    return xp.zeros(shape=(), like=p)


@update_rule(
    scope="group", tuples={"betas": ("beta0", "beta2")},
    hypers={
        "lr": lr(1e-3), "beta0": unit(0.1, r"\beta_0"), "beta2": unit(0.99, r"\beta_2"),
        "dampening": Hyper(1.0, r"\tau", 0.0, 1.0), "eps": Hyper(1e-3, r"\epsilon", 0.0, 1.0, open_low=True, log=True),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"m": Slot(), "v": Slot(), "product": Slot(lambda xp, p, h: xp.ones(shape=p.shape, like=p), symbol="P")},
    latex=(
        COUPLED, SQUARE, ("q", r"\frac{\hat{v}}{\max(\mathrm{mean}\,\hat{v}, \epsilon)}"), CORRECTED[1],
        ("b", r"\mathrm{clip}(1 - \beta_0\,q^{1 / (3 - 2 \tau)}, 0, 1 - \epsilon)"), ("P", r"P\,b"),
        ("m", r"b\,m + (1 - b)^{\tau} g"), (r"\Delta", r"-\eta\,\beta_0^{1 - \tau}\,\frac{m}{1 - P}"),
    ),
    references=("Xie et al. 2022, arXiv 2006.15815",),
)
def adai(xp, g, p, s, h, t):
    """Adaptive inertia: not the rate but the momentum of each element follows its second moment."""
    g = g + h.weight_decay * p
    v = h.beta2 * s.v + (1 - h.beta2) * (g * g)
    v_hat = v / (1 - h.beta2**t)
    q = v_hat / xp.maximum(xp.mean(v_hat), h.eps)
    b = xp.minimum(xp.maximum(1 - h.beta0 * q ** (1 / (3 - 2 * h.dampening)), 0.0), 1 - h.eps)
    product, m = s.product * b, b * s.m + (1 - b) ** h.dampening * g
    step = m / (1 - product) * h.beta0 ** (1 - h.dampening)
    return {"g": g, "v": v, "q": q, "b": b, "product": product, "m": m, "step": step, "delta": -h.lr * step}


@update_rule(
    title="MSVAG", hypers={"lr": lr(1e-2), "beta": unit(0.9, r"\beta")}, slots={"m": Slot(), "v": Slot()},
    latex=(
        ("m", r"\beta\,m + (1 - \beta)\,g"), ("v", r"\beta\,v + (1 - \beta)\,g^{2}"),
        (r"\hat{m}, \hat{v}", r"\frac{m}{1 - \beta^{t}}, \frac{v}{1 - \beta^{t}}"),
        (r"\rho", r"\min\left(\frac{(1 - \beta^{2 t})(1 - \beta)^{2}}"
                  r"{(1 - \beta^{2})(1 - \beta^{t})^{2}}, 0.9999\right)"),
        ("s", r"\frac{\hat{v} - \hat{m}^{2}}{1 - \rho}"),
        (r"\Delta", r"-\eta\,\frac{\hat{m}^{2}}{\hat{m}^{2} + \rho s}\,\hat{m}"),
    ),
    references=("Balles and Hennig 2018, arXiv 1705.07774",),
)
def msvag(xp, g, p, s, h, t):
    """Momentum times the share of it that is signal: short steps where the mean is lost in its variance."""
    m, v = h.beta * s.m + (1 - h.beta) * g, h.beta * s.v + (1 - h.beta) * (g * g)
    full = 1 - h.beta**t
    rho = (1 - h.beta ** (2 * t)) * (1 - h.beta) ** 2 / ((1 - h.beta**2) * full**2)
    rho = rho * (rho < 0.9999) + 0.9999 * (rho >= 0.9999)
    signal = m * m  # times full squared, as what it is compared with: one division less
    spread = (v * full - signal) / (full**2 * (1 - rho))
    both = signal + (full**2 * rho) * spread
    share = xp.minimum(xp.maximum(signal / xp.where(xp.equal(both, 0), both + 1, both), 0.0), 1.0)
    return {"m": m, "v": v, "spread": spread, "share": share, "delta": (-h.lr / full) * (share * m)}


@update_rule(
    title="PNM", tuples=BETAS,
    hypers={
        "lr": lr(1e-3), "beta1": unit(0.9, r"\beta_1"), "beta2": nonnegative(1.0, r"\beta_2"),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"m": Slot(), "n": Slot()},
    latex=(
        ("m_{+}", r"\beta_1^{2} n + (1 - \beta_1^{2})\,g"),
        ("u", r"\frac{(1 + \beta_2)\,m_{+} - \beta_2 m}{\sqrt{(1 + \beta_2)^{2} + \beta_2^{2}}}"),
        (r"\Delta", SHRINK + r" - \eta\,u"),
        ("n, m", "m, m_{+}"),
    ),
    references=("Xie et al. 2021, arXiv 2103.17182",),
)
def pnm(xp, g, p, s, h, t):
    """Two momenta, of odd and of even steps; one counts positive, one negative: more noise, the same mean."""
    m = h.beta1**2 * s.n + (1 - h.beta1**2) * g
    norm = ((1 + h.beta2) ** 2 + h.beta2**2) ** 0.5
    u = ((1 + h.beta2) * m - h.beta2 * s.m) / norm
    return {"m": m, "n": s.m, "u": u, "delta": -(h.lr * h.weight_decay) * p - h.lr * u}


@update_rule(
    scope="tensor", hypers={"lr": lr(1e-2), "beta": unit(0.9, r"\beta")}, slots={"v": Slot()},
    latex=(
        ("b", r"\frac{\beta\,t + 1}{t + 2}"), ("z", r"\frac{g}{1 + (g \max |g|)^{2}}"), ("v", r"b\,v + (1 - b)\,z"),
        (r"\Delta", r"-\eta\,v"),
    ),
    references=("Bahrami and Zadeh 2021, arXiv 2101.09192",),
)
def gravity(xp, g, p, s, h, t):
    """A ball on a slope: very steep gradients count less, and momentum builds up; it starts at rest.

    The authors start it with a small random velocity.
    """
    b = (h.beta * t + 1) / (t + 2)
    steep = g * xp.max(xp.abs(g))
    v = b * s.v + (1 - b) * (g / (1 + steep * steep))
    return {"b": b, "v": v, "delta": -h.lr * v}


@update_rule(
    title="AdaShift", scope="tensor", tuples=BETAS,
    hypers={
        "lr": lr(1e-3), "beta1": unit(0.9, r"\beta_1"), "beta2": unit(0.999, r"\beta_2"),
        "eps": nonnegative(1e-10, r"\epsilon"), "keep": Hyper(10, "n", 1, kind="int"),
    },
    slots={
        "m": Slot(), "v": Slot(_number),
        "queue": Slot(lambda xp, p, h: xp.zeros(shape=(h.keep, *p.shape), like=p), symbol="g_{t-n}"),
    },
    latex=(
        ("m", r"\frac{\sum_{i < n} \beta_1^{i}\,g_{t-i}}{\sum_{i < n} \beta_1^{i}}"),
        ("v", r"\beta_2 v + (1 - \beta_2) \max g_{t-n}^{2}"),
        (r"\Delta", r"-\eta\,\frac{m}{\sqrt{v / (1 - \beta_2^{t-n})} + \epsilon} \;\mathrm{if}\; t > n"),
    ),
    references=("Zhou et al. 2018, arXiv 1810.00143",),
)
def adashift(xp, g, p, s, h, t):
    """Adam with a second moment too old to know the gradients it divides: the first ``keep`` steps only watch."""
    total, ready = sum(h.beta1**i for i in range(h.keep)), t > h.keep
    old = xp.index(s.queue, key=0)
    m = h.beta1 * (s.m - h.beta1 ** (h.keep - 1) / total * old) + g / total
    v = s.v + ready * (1 - h.beta2) * (xp.max(old * old) - s.v)
    root = xp.sqrt(v / (1 - h.beta2 ** max(1, t - h.keep))) + h.eps
    queue = xp.concatenate(xp.index(s.queue, key=slice(1, None)), xp.index(g, key=None))
    return {"m": m, "v": v, "queue": queue, "delta": -ready * h.lr * (m / root)}


@update_rule(
    title="GrokFastAdamW", tuples=BETAS,
    hypers=adam_hypers(1e-4) | {
        "beta2": unit(0.99, r"\beta_2"), "alpha": unit(0.98, r"\alpha"), "lamb": nonnegative(2.0, r"\kappa"),
    },
    slots={"slow": Slot(symbol="n"), "m": Slot(), "v": Slot()},
    latex=(
        ("n", r"\alpha\,n + (1 - \alpha)\,g, \; n_0 = g_1"), ("g", r"g + \kappa\,n"), MEAN, SQUARE, *CORRECTED,
        ("u", r"\frac{\hat{m}}{\max(\sqrt{\hat{v}}, \epsilon)}"),
        (r"\Delta", r"-\frac{\eta}{1 + \kappa}\,(\lambda\,\theta + u)"),
    ),
    references=("Lee et al. 2024, arXiv 2405.20233",),
)
def grokfast_adamw(xp, g, p, s, h, t):
    """AdamW on a gradient whose slow part is amplified: what changes slowly is what generalises."""
    slow = h.alpha * ((t > 1) * s.slow + (t == 1) * g) + (1 - h.alpha) * g
    m, v = moments(g + h.lamb * slow, s, h)
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    root = xp.maximum(xp.sqrt(v_hat), h.eps)
    # Where nothing was ever met both are 0, and 0 / 0 is to be 0.
    u = m_hat / xp.where(xp.greater(root, 0), root, root + 1)
    delta = -h.lr / (1 + h.lamb) * (h.weight_decay * p + u)
    return {"slow": slow, "m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "u": u, "delta": delta}


@update_rule(
    title="AdaNorm", scope="tensor", tuples=BETAS,
    hypers=adam_hypers(1e-3) | {"beta2": unit(0.99, r"\beta_2"), "r": unit(0.95, "r")},
    slots={"m": Slot(), "v": Slot(), "e": Slot(_number)},
    latex=(
        ("e", r"r\,e + (1 - r) \Vert g \Vert"), ("u", r"g\,\max\left(1, \frac{e}{\Vert g \Vert}\right)"),
        ("m", r"\beta_1 m + (1 - \beta_1)\,u"), SQUARE,
        (r"\Delta", SHRINK + r" - \eta\,\frac{\sqrt{1 - \beta_2^{t}}}{1 - \beta_1^{t}}\,\frac{m}{\sqrt{v} + \epsilon}"),
    ),
    references=("Dubey, Singh and Chaudhuri 2022, arXiv 2210.06364",),
)
def adanorm(xp, g, p, s, h, t):
    """Adam whose mean takes gradients no shorter than they usually are."""
    size = xp.sqrt(xp.sum(g * g))
    e = h.r * s.e + (1 - h.r) * size
    u = g * xp.maximum(e / xp.where(xp.greater(size, 0), size, size + 1), 1.0)
    m, v = h.beta1 * s.m + (1 - h.beta1) * u, h.beta2 * s.v + (1 - h.beta2) * (g * g)
    rate = h.lr * (1 - h.beta2**t) ** 0.5 / (1 - h.beta1**t)
    delta = -(h.lr * h.weight_decay) * p - (rate * m) / (xp.sqrt(v) + h.eps)
    return {"e": e, "u": u, "m": m, "v": v, "delta": delta}


@update_rule(
    title="AdaSmooth", tuples=BETAS,
    hypers={
        "lr": lr(1e-3), "beta1": unit(0.5, r"\beta_1"), "beta2": unit(0.99, r"\beta_2"),
        "eps": nonnegative(1e-6, r"\epsilon"), "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"prev": Slot(here, symbol=r"\theta_{\mathrm{prev}}"), "s": Slot(), "n": Slot(), "v": Slot()},
    latex=(
        COUPLED, ("s", r"s + (\theta - \theta_{\mathrm{prev}})"), ("n", r"n + |\theta - \theta_{\mathrm{prev}}|"),
        ("c", r"1 - \beta_2 + (\beta_2 - \beta_1)\,\frac{|s|}{n + \epsilon}"), ("v", r"v + c^{2} (g^{2} - v)"),
        (r"\Delta", r"-\eta\,\frac{g}{\sqrt{v + \epsilon}}"),
    ),
    references=("Lu 2022, arXiv 2204.00825",),
)
def adasmooth(xp, g, p, s, h, t):
    """RMSProp whose memory is short where the way led straight on, and long where it went to and fro."""
    g, move = g + h.weight_decay * p, p - s.prev
    total, way = s.s + move, s.n + xp.abs(move)
    c = 1 - h.beta2 + (h.beta2 - h.beta1) * (xp.abs(total) / (way + h.eps))
    v = s.v + c * c * (g * g - s.v)
    return {"g": g, "prev": p, "s": total, "n": way, "c": c, "v": v, "delta": -h.lr * (g / xp.sqrt(v + h.eps))}


@update_rule(
    title="Ano", tuples=BETAS,
    # Below 1/2 a second moment could become negative.
    hypers=adam_hypers(1e-4) | {
        "beta1": unit(0.92, r"\beta_1"), "beta2": Hyper(0.99, r"\beta_2", 0.5, 1.0, open_high=True),
    },
    slots={"m": Slot(), "v": Slot()},
    latex=(
        MEAN, ("v", r"\beta_2 v + (1 - \beta_2)\,\mathrm{sign}(g^{2} - v)\,g^{2}"), CORRECTED[1],
        (r"\Delta", SHRINK + r" - \eta\,\frac{|g|}{\sqrt{\hat{v}} + \epsilon}\,\mathrm{sign}(m)"),
    ),
    references=("Kegreisz 2025, arXiv 2508.18258",),
)
def ano(xp, g, p, s, h, t):
    """Which way from the mean, how far from the gradient of this step: Grams turned round."""
    square = g * g
    m = h.beta1 * s.m + (1 - h.beta1) * g
    v = h.beta2 * s.v + (1 - h.beta2) * (xp.sign(square - s.v) * square)
    v_hat = v / (1 - h.beta2**t)
    u = xp.abs(g) / (xp.sqrt(v_hat) + h.eps) * xp.sign(m)
    return {"m": m, "v": v, "v_hat": v_hat, "u": u, "delta": -(h.lr * h.weight_decay) * p - h.lr * u}


@update_rule(
    title="AdamS", scope="group", tuples=BETAS, hypers=adam_hypers(1e-3, 1e-4), slots={"m": Slot(), "v": Slot()},
    latex=(
        MEAN, SQUARE, *CORRECTED, ("r", r"\sqrt{\mathrm{mean}\,\hat{v}} + \epsilon"),
        (r"\Delta", r"-\frac{\eta\,\lambda}{r}\,\theta - \eta\,\frac{\hat{m}}{\sqrt{\hat{v}} + \epsilon}"),
    ),
    references=("Xie et al. 2020 (stable weight decay), arXiv 2011.11152",),
)
def adams(xp, g, p, s, h, t):
    """Adam with a decay measured like its steps: stronger as gradients get smaller, by one number for all."""
    m, v = moments(g, s, h)
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    r = xp.sqrt(xp.mean(v_hat)) + h.eps
    delta = -(h.lr * h.weight_decay) / r * p - h.lr * (m_hat / (xp.sqrt(v_hat) + h.eps))
    return {"m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "r": r, "delta": delta}
