"""Relatives of SGD: controllers, two kinds of steps, steps along a sphere, signs, sparse weights."""

from torchlean_nb.hypers import Hyper, flag, lr, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, COUPLED, MEAN, SQUARE
from torchlean_nb.optim.adam import adam_hypers as adam_hypers
from torchlean_nb.optim.adam import moments as moments
from torchlean_nb.optim.classics import here
from torchlean_nb.optim.projections import soft_threshold
from torchlean_nb.updates import Slot, update_rule

DECAY = {"weight_decay": nonnegative(0.0, r"\lambda")}
TANGENT = {
    "delta": nonnegative(0.1, r"\delta"), "wd_ratio": Hyper(0.1, "q", 0.0, 1.0), "nesterov": flag(),
    "eps": nonnegative(1e-8, r"\epsilon"),
}  # fmt: skip
RADIAL = (
    (r"\hat{\theta}", r"\frac{\theta}{\Vert \theta \Vert + \epsilon}"),
    ("d", r"u - \langle \hat{\theta}, u \rangle\,\hat{\theta}, \; w = q"
          r" \;\mathrm{if}\; |\cos(g, \theta)| < \frac{\delta}{\sqrt{n}}"),
    ("d", r"u, \; w = 1 \;\mathrm{otherwise}"),
)  # fmt: skip


def _number(xp, p, h):
    return xp.zeros(shape=(), like=p)


@update_rule(
    title="PID",
    hypers={
        "lr": lr(1e-3), "momentum": unit(0.0, r"\mu"), "dampening": Hyper(0.0, r"\tau", 0.0, 1.0),
        "integral": nonnegative(5.0, "k_I"), "derivative": nonnegative(10.0, "k_D"),
    } | DECAY,
    slots={
        "I": Slot(when="momentum"), "D": Slot(when="momentum"),
        "prev": Slot(when="momentum", symbol=r"g_{\mathrm{prev}}"),
    },
    latex=(
        COUPLED, ("I", r"\mu\,I + (1 - \tau)\,g"), ("D", r"\mu\,D + (1 - \mu)(g - g_{\mathrm{prev}}), \; D_1 = 0"),
        (r"\Delta", r"-\eta\,(g + k_I I + k_D D)"),
    ),
    references=("An et al. 2018, CVPR",),
)
def pid(xp, g, p, s, h, t):
    """The controller of engineers: gradient now, summed (momentum) and differenced; without momentum, plain SGD."""
    g = g + h.weight_decay * p
    if not h.momentum:
        return {"g": g, "delta": -h.lr * g}
    total = h.momentum * s.I + (1 - h.dampening) * g
    change = h.momentum * s.D + (1 - h.momentum) * ((t > 1) * (g - s.prev))
    step = g + h.integral * total + h.derivative * change
    return {"g": g, "prev": g, "I": total, "D": change, "step": step, "delta": -h.lr * step}


@update_rule(
    title="AccSGD",
    hypers={
        "lr": lr(1e-3), "kappa": Hyper(1000.0, r"\kappa", 0.0, open_low=True),
        "xi": Hyper(10.0, r"\xi", 0.0, open_low=True), "constant": Hyper(0.7, "c", 0.0, 1.0, open_low=True),
    } | DECAY,
    slots={"b": Slot(here)},
    latex=(
        COUPLED, ("a", r"\frac{\xi\,c^{2}}{\kappa}"), ("b", r"b + a\,(\theta - b) - a\,\frac{\eta \kappa}{c}\,g"),
        ("z", r"\frac{c}{c + a}"), (r"\Delta", r"-z\,\eta\,g + (1 - z)(b - \theta)"),
    ),
    references=("Kidambi et al. 2018, arXiv 1803.05591", "Jain et al. 2017, arXiv 1704.08227"),
)
def accsgd(xp, g, p, s, h, t):
    """Short steps mixed with a slow average of long ones: acceleration that survives noisy gradients."""
    g = g + h.weight_decay * p
    a = h.xi * h.constant**2 / h.kappa
    b = s.b + a * (p - s.b) - a * (h.lr * h.kappa / h.constant) * g
    z = h.constant / (h.constant + a)
    return {"g": g, "b": b, "z": z, "delta": z * (-h.lr * g) + (1 - z) * (b - p)}


def _tangent(xp, g, p, u, h):
    """Step without its part along the parameter where that only changes a length, and the share of decay left."""
    share = xp.ones(shape=(), like=p)
    if p.ndim < 2:
        return u, share
    out = u
    # The whole tensor first: where rows (channels) qualify too, they are what is taken.
    for axes in (tuple(range(p.ndim)), tuple(range(1, p.ndim))):

        def dot(x, y, axes=axes):
            return xp.sum(x * y, axis=axes, keepdims=True)

        size, slope = xp.sqrt(dot(p, p)), xp.sqrt(dot(g, g))
        cos = xp.abs(dot(g, p)) / (xp.maximum(slope, h.eps) * xp.maximum(size, h.eps))
        free = xp.greater(h.delta / (p.size // size.size) ** 0.5, xp.max(cos))
        n = p / (size + h.eps)
        out, share = xp.where(free, u - n * dot(n, u), out), xp.where(free, h.wd_ratio, share)
    return out, share


@update_rule(
    title="SGDP", scope="matrix",
    hypers={
        "lr": lr(1e-3), "momentum": unit(0.0, r"\mu"), "dampening": Hyper(0.0, r"\tau", 0.0, 1.0),
    } | TANGENT | DECAY,
    slots={"b": Slot()},
    latex=(
        ("b", r"\mu\,b + (1 - \tau)\,g"), ("u", r"b \;\mathrm{or}\; g + \mu\,b"), *RADIAL,
        (r"\Delta", r"-\eta\,\frac{\lambda\,w}{1 - \mu}\,\theta - \eta\,d"),
    ),
    references=("Heo et al. 2020, arXiv 2006.08217",),
)
def sgdp(xp, g, p, s, h, t):
    """Momentum that stays on the sphere: where only the direction of a weight matters, its length is left alone."""
    b = h.momentum * s.b + (1 - h.dampening) * g
    u = g + h.momentum * b if h.nesterov else b
    d, share = _tangent(xp, g, p, u, h)
    delta = -(h.lr * h.weight_decay / (1 - h.momentum)) * share * p - h.lr * d
    return {"b": b, "u": u, "d": d, "share": share, "delta": delta}


@update_rule(
    title="AdamP", scope="matrix", tuples=BETAS, hypers=adam_hypers(1e-3) | TANGENT,
    slots={"m": Slot(), "v": Slot()},
    latex=(
        MEAN, SQUARE, ("u", r"\sqrt{1 - \beta_2^{t}}\,\frac{m \;\mathrm{or}\; \beta_1 m + (1 - \beta_1)\,g}"
                            r"{\sqrt{v} + \epsilon}"),
        *RADIAL, (r"\Delta", r"-\eta\,\lambda\,w\,\theta - \frac{\eta\,d}{1 - \beta_1^{t}}"),
    ),
    references=("Heo et al. 2020, arXiv 2006.08217",),
)  # fmt: skip
def adamp(xp, g, p, s, h, t):
    """Adam that stays on the sphere: where only the direction of a weight matters, its length is left alone."""
    m, v = moments(g, s, h)
    mean = h.beta1 * m + (1 - h.beta1) * g if h.nesterov else m
    u = (1 - h.beta2**t) ** 0.5 * mean / (xp.sqrt(v) + h.eps)
    d, share = _tangent(xp, g, p, u, h)
    delta = -(h.lr * h.weight_decay) * share * p - h.lr / (1 - h.beta1**t) * d
    return {"m": m, "v": v, "u": u, "d": d, "share": share, "delta": delta}


@update_rule(
    title="SWATS", scope="tensor", tuples=BETAS, hypers=adam_hypers(1e-3) | {"eps": nonnegative(1e-6, r"\epsilon")},
    slots={
        "m": Slot(), "v": Slot(), "b": Slot(), "mean": Slot(_number, symbol=r"\bar{r}"),
        "rate": Slot(_number, symbol="R"),
    },
    latex=(
        COUPLED, MEAN, SQUARE,
        ("u", r"-\eta\,\frac{\sqrt{1 - \beta_2^{t}}}{1 - \beta_1^{t}}\,\frac{m}{\sqrt{v} + \epsilon}"),
        ("r", r"-\frac{u^{\top} u}{u^{\top} g}"), (r"\bar{r}", r"\beta_2 \bar{r} + (1 - \beta_2)\,r"),
        ("R", r"\frac{\bar{r}}{1 - \beta_2^{t}} \;\mathrm{once\ it\ is\ within}\; \epsilon\,|r| \;\mathrm{of}\; r"),
        ("b", r"\beta_1 b + g \;\mathrm{if}\; R > 0"), (r"\Delta", r"u \;\mathrm{or}\; -R\,(1 - \beta_1)\,b"),
    ),
    references=("Keskar and Socher 2017, arXiv 1712.07628",),
)
def swats(xp, g, p, s, h, t):
    """Adam until the rate that SGD would need for its steps has settled, then SGD with that rate, per tensor."""
    g = g + h.weight_decay * p
    m, v = moments(g, s, h)
    done = xp.greater(s.rate, 0)
    u = -h.lr * (1 - h.beta2**t) ** 0.5 / (1 - h.beta1**t) * (m / (xp.sqrt(v) + h.eps))
    along = xp.sum(u * g)
    flat = xp.equal(along, 0)
    r = -xp.sum(u * u) / xp.where(flat, along + 1, along)
    mean = xp.where(flat, s.mean, h.beta2 * s.mean + (1 - h.beta2) * r)
    fit = mean / (1 - h.beta2**t)
    settled = xp.greater(fit, 0) * (t > 1) * xp.greater_equal(1e-8 + h.eps * xp.abs(r), xp.abs(fit - r))
    rate = xp.where(done, s.rate, xp.where(settled * xp.logical_not(flat), fit, fit * 0))
    b = done * (h.beta1 * s.b + g)
    delta = xp.where(done, -s.rate * (1 - h.beta1) * b, u)
    return {"g": g, "m": m, "v": v, "u": u, "r": r, "mean": mean, "rate": rate, "b": b, "delta": delta}


@update_rule(
    title="Tiger",
    hypers={"lr": lr(1e-3), "beta": unit(0.965, r"\beta"), "weight_decay": nonnegative(0.01, r"\lambda")},
    slots={"m": Slot()},
    latex=(("m", r"\beta\,m + (1 - \beta)\,g"), (r"\Delta", r"-\eta\,(\mathrm{sign}(m) + \lambda\,\theta)")),
    references=("Su 2023, kexue.fm/archives/9512",),
)
def tiger(xp, g, p, s, h, t):
    """Signs of an averaged gradient and decoupled decay: Lion with one beta, the smallest state that still averages."""
    m = h.beta * s.m + (1 - h.beta) * g
    return {"m": m, "delta": -h.lr * (xp.sign(m) + h.weight_decay * p)}


@update_rule(
    title="FTRL",
    hypers={
        "lr": Hyper(1e-3, r"\eta", 0.0, open_low=True, log=True), "beta": nonnegative(0.0, r"\beta"),
        "lambda1": nonnegative(0.0, r"\lambda_1"), "lambda2": nonnegative(0.0, r"\lambda_2"),
    },
    slots={"z": Slot(), "n": Slot()},
    latex=(
        (r"\sigma", r"\frac{\sqrt{n + g^{2}} - \sqrt{n}}{\eta}"), ("n", "n + g^{2}"), ("z", r"z + g - \sigma\,\theta"),
        (r"\Delta", r"\frac{\mathrm{clip}(z, \pm \lambda_1) - z}{(\beta + \sqrt{n}) / \eta + \lambda_2} - \theta"),
    ),
    references=("McMahan et al. 2013, KDD",),
)
def ftrl(xp, g, p, s, h, t):
    """Follow the regularised leader: the best point for all gradients so far, exactly 0 where they say too little."""
    n = s.n + g * g
    sigma = (xp.sqrt(n) - xp.sqrt(s.n)) / h.lr
    z = s.z + g - sigma * p
    curve = (h.beta + xp.sqrt(n)) / h.lr + h.lambda2
    best = -soft_threshold(xp, z, h.lambda1) / xp.where(xp.greater(curve, 0), curve, curve + 1)
    return {"sigma": sigma, "n": n, "z": z, "curve": curve, "delta": best - p}


@update_rule(
    title="Kate",
    hypers={"lr": lr(1e-3), "delta": nonnegative(0.0, r"\delta"), "eps": nonnegative(1e-8, r"\epsilon")} | DECAY,
    slots={"b": Slot(), "m": Slot()},
    latex=(
        ("b", r"b + g^{2} + \epsilon"), ("m", r"m + \delta\,g^{2} + \frac{g^{2}}{b}"),
        (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,\frac{\sqrt{m}}{b}\,g"),
    ),
    references=("Choudhury et al. 2024, arXiv 2403.02648",),
)
def kate(xp, g, p, s, h, t):
    """AdaGrad without its root: the path of a linear model does not depend on the units of its features."""
    b = s.b + g * g + h.eps
    m = s.m + h.delta * (g * g) + g * g / b
    return {"b": b, "m": m, "delta": -(h.lr * h.weight_decay) * p - h.lr * (xp.sqrt(m) * g / b)}


@update_rule(
    title="SGDSaI", scope="matrix",
    hypers={
        "lr": lr(1e-2), "momentum": unit(0.9, r"\mu"), "weight_decay": nonnegative(1e-2, r"\lambda"),
        "eps": nonnegative(1e-8, r"\epsilon"),
    },
    slots={"m": Slot(), "r": Slot(_number)},
    latex=(
        ("r", r"\frac{\Vert g_1 \Vert}{\mathrm{std}(g_1) + \epsilon} \;\mathrm{or\ for\ vectors}\; \Vert g_1 \Vert"),
        ("m", r"\mu\,m + (1 - \mu)\,g"), (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,r\,m"),
    ),
    references=("Xu et al. 2024, arXiv 2412.11768",),
)
def sgd_sai(xp, g, p, s, h, t):
    """Rates set once, at the first step, by how far each tensor's gradients stand out of their own noise."""
    size, apart = xp.sqrt(xp.sum(g * g)), g - xp.mean(g)
    spread = xp.sqrt(xp.sum(apart * apart) / max(g.size - 1, 1)) * (g.ndim > 1 and g.shape[0] > 1)
    fresh = size / xp.where(xp.greater(spread, 0), spread + h.eps, spread + 1)
    r = s.r if t > 1 else fresh
    m = h.momentum * s.m + (1 - h.momentum) * g
    return {"r": r, "m": m, "delta": -(h.lr * h.weight_decay) * p - h.lr * (r * m)}
