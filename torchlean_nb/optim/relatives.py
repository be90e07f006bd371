"""Relatives of Adam, each with one idea of its own: what is mixed, bounded, reordered or signed."""

from functools import partial

from torchlean_nb.hypers import Hyper, lr, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, CORRECTED, COUPLED, MEAN, SQUARE
from torchlean_nb.optim.adam import adam_hypers as adam_hypers
from torchlean_nb.optim.adam import moments as moments
from torchlean_nb.optim.classics import one
from torchlean_nb.updates import Slot, update_rule

SHRINK = r"-\eta\,\lambda\,\theta"
RATE = ("r", r"\eta\,\frac{\sqrt{1 - \beta_2^{t}}}{1 - \beta_1^{t}}")
THREE = {"betas": ("beta1", "beta2", "beta3")}


def _rate(h, t):
    """Adam's rate with both corrections in it."""
    return h.lr * (1 - h.beta2**t) ** 0.5 / (1 - h.beta1**t)


def _rms(xp, x):
    return xp.sqrt(xp.mean(x * x))


@update_rule(
    title="QHAdam", tuples=BETAS | {"nus": ("nu1", "nu2")},
    hypers=adam_hypers(1e-3) | {"nu1": Hyper(1.0, r"\nu_1", 0.0, 1.0), "nu2": Hyper(1.0, r"\nu_2", 0.0, 1.0)},
    slots={"m": Slot(), "v": Slot()},
    latex=(
        COUPLED, MEAN, SQUARE, *CORRECTED, ("a", r"(1 - \nu_1)\,g + \nu_1 \hat{m}"),
        ("b", r"(1 - \nu_2)\,g^{2} + \nu_2 \hat{v}"), (r"\Delta", r"-\eta\,\frac{a}{\sqrt{b} + \epsilon}"),
    ),
    references=("Ma and Yarats 2018, arXiv 1810.06801",),
)
def qhadam(xp, g, p, s, h, t):
    """Both moments of Adam mixed with what they are means of; the paper suggests 0.7 and 1."""
    g = g + h.weight_decay * p
    m, v = moments(g, s, h)
    a = (1 - h.nu1) * g + h.nu1 * (m / (1 - h.beta1**t))
    b = (1 - h.nu2) * (g * g) + h.nu2 * (v / (1 - h.beta2**t))
    return {"g": g, "m": m, "v": v, "a": a, "b": b, "delta": -h.lr * (a / (xp.sqrt(b) + h.eps))}


@update_rule(
    title="AdaMod", tuples=THREE,
    hypers=adam_hypers(1e-3) | {"beta2": unit(0.99, r"\beta_2"), "beta3": unit(0.9999, r"\beta_3")},
    slots={"m": Slot(), "v": Slot(), "mean": Slot(symbol=r"\bar{r}")},
    latex=(
        MEAN, SQUARE, ("r", r"\eta\,\frac{\sqrt{1 - \beta_2^{t}}}{(1 - \beta_1^{t})(\sqrt{v} + \epsilon)}"),
        (r"\bar{r}", r"\beta_3 \bar{r} + (1 - \beta_3)\,r"), (r"\Delta", SHRINK + r" - \min(r, \bar{r})\,m"),
    ),
    references=("Ding et al. 2019, arXiv 1910.12249",),
)
def adamod(xp, g, p, s, h, t):
    """No element's rate may rise above its own long mean: a warm-up that nobody has to set."""
    m, v = moments(g, s, h)
    r = _rate(h, t) / (xp.sqrt(v) + h.eps)
    mean = h.beta3 * s.mean + (1 - h.beta3) * r
    delta = -(h.lr * h.weight_decay) * p - xp.minimum(r, mean) * m
    return {"m": m, "v": v, "r": r, "mean": mean, "delta": delta}


@update_rule(
    title="LaProp", tuples=BETAS, hypers=adam_hypers(4e-4) | {"eps": nonnegative(1e-15, r"\epsilon")},
    slots={"m": Slot(), "v": Slot()},
    latex=(
        SQUARE, ("u", r"\frac{\sqrt{1 - \beta_2^{t}}\,g}{\sqrt{v} + \epsilon}"),
        ("m", r"\beta_1 m + (1 - \beta_1)\,u"),
        (r"\Delta", r"-\eta\,\lambda\,(\theta - \eta\,\hat{m}) - \eta\,\hat{m}"), CORRECTED[0],
    ),
    references=("Ziyin, Wang and Ueda 2020, arXiv 2002.04839",),
)
def laprop(xp, g, p, s, h, t):
    """Adam in the other order: first measured, then averaged, so momentum keeps no old units."""
    v = h.beta2 * s.v + (1 - h.beta2) * (g * g)
    root = xp.sqrt(v) + h.eps
    # Where nothing was ever met both are 0, and 0 / 0 is to be 0.
    u = (1 - h.beta2**t) ** 0.5 * g / xp.where(xp.greater(root, 0), root, root + 1)
    m = h.beta1 * s.m + (1 - h.beta1) * u
    step = -h.lr / (1 - h.beta1**t) * m
    return {"v": v, "u": u, "m": m, "step": step, "delta": step - (h.lr * h.weight_decay) * (p + step)}


@update_rule(
    title="PAdam", tuples=BETAS,
    hypers=adam_hypers(0.1) | {"partial": Hyper(0.25, r"\rho", 0.0, 1.0, open_low=True)},
    slots={"m": Slot(), "v": Slot()},
    latex=(COUPLED, MEAN, SQUARE, RATE, (r"\Delta", r"-r\,\frac{m}{(\sqrt{v} + \epsilon)^{2 \rho}}")),
    references=("Chen et al. 2018, arXiv 1806.06763",),
)
def padam(xp, g, p, s, h, t):
    """A part of Adam's measure: the divisor to the power of twice ``partial``, Adam at 1/2, momentum near 0."""
    g = g + h.weight_decay * p
    m, v = moments(g, s, h)
    r = _rate(h, t)
    return {"g": g, "m": m, "v": v, "r": r, "delta": -r * (m / (xp.sqrt(v) + h.eps) ** (2 * h.partial))}


@update_rule(
    title="Grams", tuples=BETAS, hypers=adam_hypers(1e-3) | {"eps": nonnegative(1e-6, r"\epsilon")},
    slots={"m": Slot(), "v": Slot()},
    latex=(
        MEAN, SQUARE, *CORRECTED,
        (r"\Delta", SHRINK + r" - \eta\,\frac{|\hat{m}|}{\sqrt{\hat{v}} + \epsilon}\,\mathrm{sign}(g)"),
    ),
    references=("Cao, Li and Song 2024, arXiv 2412.17107",),
)
def grams(xp, g, p, s, h, t):
    """How far from Adam, which way from the gradient of this step."""
    m, v = moments(g, s, h)
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    u = xp.abs(m_hat) / (xp.sqrt(v_hat) + h.eps) * xp.sign(g)
    delta = -(h.lr * h.weight_decay) * p - h.lr * u
    return {"m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "u": u, "delta": delta}


@update_rule(
    title="StableAdamW", scope="tensor", tuples=BETAS,
    hypers=adam_hypers(1e-3, 1e-2) | {"beta2": unit(0.99, r"\beta_2")}, slots={"m": Slot(), "v": Slot()},
    latex=(
        (r"b_i", r"\frac{\beta_i^{t} - \beta_i}{\beta_i^{t} - 1}, \; \beta_1, \beta_2"),
        ("m", r"b_1 m + (1 - b_1)\,g"), ("v", r"b_2 v + (1 - b_2)\,g^{2}"),
        ("r", r"\frac{\eta}{\max(1, \mathrm{rms}(g / \max(\sqrt{v}, \epsilon)))}"),
        (r"\Delta", r"-r\,\lambda\,\theta - r\,\frac{m}{\sqrt{v} + \epsilon}"),
    ),
    references=("Wortsman et al. 2023, arXiv 2304.13013",),
)
def stable_adamw(xp, g, p, s, h, t):
    """AdamW that slows down for a whole tensor when its gradients outgrow their own second moment."""
    b1, b2 = ((b**t - b) / (b**t - 1) for b in (h.beta1, h.beta2))
    m, v = b1 * s.m + (1 - b1) * g, b2 * s.v + (1 - b2) * (g * g)
    r = h.lr / xp.maximum(xp.sqrt(xp.mean(g * g / xp.maximum(v, h.eps**2))), 1.0)
    return {"m": m, "v": v, "r": r, "delta": -r * h.weight_decay * p - r * (m / (xp.sqrt(v) + h.eps))}


@update_rule(
    title="MARS", scope="tensor", tuples=BETAS,
    hypers=adam_hypers(3e-3) | {
        "beta1": unit(0.95, r"\beta_1"), "beta2": unit(0.99, r"\beta_2"), "gamma": nonnegative(0.025, r"\gamma"),
    },
    slots={"m": Slot(), "v": Slot(), "prev": Slot(symbol=r"g_{\mathrm{prev}}")},
    latex=(
        ("c", r"g + \frac{\gamma \beta_1}{1 - \beta_1}(g - g_{\mathrm{prev}})"),
        ("c", r"\frac{c}{\max(1, \Vert c \Vert)}"), ("m", r"\beta_1 m + (1 - \beta_1)\,c"),
        ("v", r"\beta_2 v + (1 - \beta_2)\,c^{2}"), RATE, (r"\Delta", SHRINK + r" - r\,\frac{m}{\sqrt{v} + \epsilon}"),
    ),
    references=("Yuan et al. 2024, arXiv 2411.10438",),
)
def mars(xp, g, p, s, h, t):
    """AdamW on a gradient with its last change added (variance reduction) and its length kept to 1."""
    c = g + h.gamma * h.beta1 / (1 - h.beta1) * (g - s.prev)
    c = c / xp.maximum(xp.sqrt(xp.sum(c * c)), 1.0)
    m, v = moments(c, s, h)
    r = _rate(h, t)
    delta = -(h.lr * h.weight_decay) * p - r * (m / (xp.sqrt(v) + h.eps))
    return {"prev": g, "c": c, "m": m, "v": v, "r": r, "delta": delta}


@update_rule(
    title="AvaGrad", scope="group", tuples=BETAS, hypers=adam_hypers(0.1) | {"eps": nonnegative(0.1, r"\epsilon")},
    slots={"m": Slot(), "v": Slot(), "gamma": Slot(one, symbol=r"\gamma")},
    latex=(
        MEAN, ("a", r"\sqrt{v / (1 - \beta_2^{t-1})} + \epsilon"),
        (r"\Delta", SHRINK + r" - \eta\,\gamma\,\frac{\hat{m}}{a} \;\mathrm{if}\; t > 1"), CORRECTED[0],
        (r"\gamma", r"\left(\mathrm{mean}\,(\sqrt{v / (1 - \beta_2^{t})} + \epsilon)^{-2}\right)^{-1/2}"), SQUARE,
    ),
    references=("Savarese et al. 2019, arXiv 1912.01823",),
)
def avagrad(xp, g, p, s, h, t):
    """Adam whose rates are divided by their mean: ``eps`` chooses between Adam and SGD, ``lr`` only the length.

    The divisor has not seen this gradient, nor has the mean, which is that of the step before.
    """
    m, v = moments(g, s, h)
    root, later = xp.sqrt(s.v), (t > 1)
    a = root / (1 - h.beta2 ** (t - later)) ** 0.5 + h.eps
    full = (1 - h.beta2**t) ** 0.5
    inverse = 1 / (root + full * h.eps)
    step = -later * (h.lr * s.gamma) / (1 - h.beta1**t) * (m / a)
    gamma = 1 / (full * _rms(xp, inverse))
    return {"m": m, "v": v, "a": a, "gamma": gamma, "step": step, "delta": step - (h.lr * h.weight_decay) * p}


def _line(axis, xp, p, h):
    """Zeros in the shape of a mean over one of the last two axes; empty for a vector."""
    kept = [1 if k == p.ndim + axis else n for k, n in enumerate(p.shape)]
    return xp.zeros(shape=tuple(kept) if p.ndim > 1 else (0,), like=p)


def _lines(xp, x, rows, columns, beta):
    """Means over both axes, moved on, and the root of the matrix they stand for."""
    R = beta * rows + (1 - beta) * xp.mean(x, axis=-1, keepdims=True)
    C = beta * columns + (1 - beta) * xp.mean(x, axis=-2, keepdims=True)
    return R, C, xp.sqrt(R / xp.mean(R, axis=-2, keepdims=True)) * xp.sqrt(C)


@update_rule(
    title="CAME", scope="matrix", tuples=THREE,
    hypers={
        "lr": lr(2e-4), "beta1": unit(0.9, r"\beta_1"), "beta2": unit(0.999, r"\beta_2"),
        "beta3": unit(0.9999, r"\beta_3"), "eps1": nonnegative(1e-30, r"\epsilon_1"),
        "eps2": nonnegative(1e-16, r"\epsilon_2"), "clip": Hyper(1.0, "d", 0.0, open_low=True),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={
        "m": Slot(), "R": Slot(partial(_line, -1)), "C": Slot(partial(_line, -2)),
        "S": Slot(partial(_line, -1)), "T": Slot(partial(_line, -2)),
        "v": Slot(lambda xp, p, h: xp.zeros(shape=p.shape if p.ndim < 2 else (0,), like=p)),
    },
    latex=(
        ("v", r"\beta_2 v + (1 - \beta_2)(g^{2} + \epsilon_1) \;\mathrm{as}\; \frac{R\,C}{\mathrm{mean}\,R}"),
        ("u", r"\frac{g}{\sqrt{v}}"), ("u", r"\frac{u}{\max(1, \mathrm{rms}(u) / d)}"),
        ("m", r"\beta_1 m + (1 - \beta_1)\,u"),
        ("w", r"\beta_3 w + (1 - \beta_3)((u - m)^{2} + \epsilon_2) \;\mathrm{as}\; \frac{S\,T}{\mathrm{mean}\,S}"),
        (r"\Delta", SHRINK + r" - \eta\,\frac{m}{\sqrt{w}}"),
    ),
    references=("Luo et al. 2023, arXiv 2307.02047",),
)
def came(xp, g, p, s, h, t):
    """Adafactor that asks how sure it is: where updates stray from their mean, steps get short; plain for vectors."""
    kept, square = vars(s), g * g + h.eps1
    if p.ndim > 1:
        R, C, root = _lines(xp, square, s.R, s.C, h.beta2)
        kept = kept | {"R": R, "C": C}
    else:
        kept = kept | {"v": h.beta2 * s.v + (1 - h.beta2) * square}
        root = xp.sqrt(kept["v"])
    u = g / root
    u = u / xp.maximum(_rms(xp, u) / h.clip, 1.0)
    m = step = h.beta1 * s.m + (1 - h.beta1) * u
    if p.ndim > 1:
        S, T, doubt = _lines(xp, (u - m) * (u - m) + h.eps2, s.S, s.T, h.beta3)
        kept, step = kept | {"S": S, "T": T}, m / doubt
    return {**kept, "u": u, "m": m, "delta": -(h.lr * h.weight_decay) * p - h.lr * step}
