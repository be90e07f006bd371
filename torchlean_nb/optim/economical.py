"""Rules for large matrices: moments kept as rows and columns, or touched only where a gradient came."""

from functools import partial, reduce

from torchlean_nb.errors import ShapeError
from torchlean_nb.hypers import Hyper, lr, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, MEAN, SQUARE
from torchlean_nb.updates import Slot, update_rule

AXES = 4


def _along(axis, xp, p, h):
    """Zeros along one axis, the others of length 1; empty where there is no such axis."""
    if p.ndim > AXES:
        raise ShapeError(f"SM3: a parameter of shape {p.shape}", None, f"at most {AXES} axes")
    kept = tuple(n if k == axis else 1 for k, n in enumerate(p.shape))
    return xp.zeros(shape=kept if axis < max(p.ndim, 1) else (0,), like=p)


def _lines(axis, xp, p, h):
    """Zeros in the shape of a mean over one of the last two axes; empty for a vector."""
    shape = [*p.shape]
    if p.ndim > 1:
        shape[axis] = 1
    return xp.zeros(shape=tuple(shape) if p.ndim > 1 else (0,), like=p)


def _rms(xp, x):
    return xp.sqrt(xp.mean(x * x))


@update_rule(
    title="Adafactor", torch="Adafactor", scope="matrix", tuples={"eps": ("eps1", "eps2")},
    hypers={
        "lr": lr(1e-2), "beta2_decay": Hyper(-0.8, r"\gamma", high=0.0),
        "eps1": Hyper(None, r"\epsilon_1", 0.0, none=True), "eps2": nonnegative(1e-3, r"\epsilon_2"),
        "d": Hyper(1.0, "d", 1.0), "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={
        "R": Slot(partial(_lines, -1)), "C": Slot(partial(_lines, -2)),
        "v": Slot(lambda xp, p, h: xp.zeros(shape=p.shape if p.ndim < 2 else (0,), like=p)),
    },
    latex=(
        ("w", r"t^{\gamma}"), ("R", r"R + w\,(\mathrm{mean}_{j}\,g_{ij}^{2} - R)"),
        ("C", r"C + w\,(\mathrm{mean}_{i}\,g_{ij}^{2} - C)"),
        ("v", r"\frac{R\,C}{\max(\mathrm{mean}\,R, \epsilon_1)} \;\mathrm{or}\; v + w\,(g^{2} - v)"),
        ("u", r"\frac{g}{\sqrt{\max(v, \epsilon_1^{2})}}"),
        ("r", r"\max(\epsilon_2, \mathrm{rms}\,\theta)\,\min(\eta, t^{-1/2})"),
        (r"\Delta", r"-\eta\,\lambda\,\theta - \frac{r\,u}{\max(1, \mathrm{rms}(u) / d)}"),
    ),
    references=("Shazeer and Stern 2018, arXiv 1804.04235",),
)
def adafactor(xp, g, p, s, h, t):
    """Adam without its memory: a matrix of squares stands as the product of a column and a row."""
    w, square = t**h.beta2_decay, g * g
    eps1 = float(xp.np.finfo(p.dtype).eps) if h.eps1 is None else h.eps1
    if p.ndim > 1:
        R = s.R + w * (xp.mean(square, axis=-1, keepdims=True) - s.R)
        C = s.C + w * (xp.mean(square, axis=-2, keepdims=True) - s.C)
        v, used = s.v, xp.matmul(R, C) / xp.maximum(xp.mean(R, axis=-2, keepdims=True), eps1)
    else:
        R, C = s.R, s.C
        v = used = s.v + w * (square - s.v)
    u = g / xp.sqrt(xp.maximum(used, eps1 * eps1))
    r = xp.maximum(_rms(xp, p), h.eps2) * xp.minimum(xp.asarray(h.lr, dtype=p.dtype), t**-0.5)
    step = -r / xp.maximum(_rms(xp, u) / h.d, 1.0) * u
    return {"w": w, "R": R, "C": C, "v": v, "used": used, "u": u, "r": r, "delta": step - (h.lr * h.weight_decay) * p}


@update_rule(
    title="SM3", scope="matrix",
    hypers={"lr": lr(0.1), "momentum": unit(0.9, r"\mu"), "eps": nonnegative(1e-8, r"\epsilon")},
    slots={"m": Slot(), **{f"axis{k}": Slot(partial(_along, k), symbol="a_k") for k in range(AXES)}},
    latex=(
        ("v", r"g^{2} + \min_k a_k"), ("u", r"\frac{g}{\sqrt{v + \epsilon}}"), ("m", r"\mu\,m + (1 - \mu)\,u"),
        ("a_k", r"\max_{j \neq k}\,v"), (r"\Delta", r"-\eta\,m"),
    ),
    optax=lambda optax, lr, momentum, eps: optax.chain(
        optax.scale_by_sm3(momentum, eps=eps), optax.scale_by_learning_rate(lr)
    ),
    references=("Anil et al. 2019, arXiv 1901.11150",),
)
def sm3(xp, g, p, s, h, t):
    """AdaGrad that keeps one number per row and per column, each the largest sum its line has seen."""
    names = [f"axis{k}" for k in range(max(p.ndim, 1))]
    v = g * g + reduce(xp.minimum, (getattr(s, k) for k in names))
    met = xp.greater(v, 0)
    u = g * met / xp.sqrt(v + h.eps + xp.logical_not(met))
    m = h.momentum * s.m + (1 - h.momentum) * u
    others = [tuple(j for j in range(p.ndim) if j != k) for k in range(len(names))]
    kept = {k: xp.max(v, axis=o, keepdims=True) if o else v for k, o in zip(names, others, strict=True)}
    return {**vars(s), "v": v, "u": u, "m": m, **kept, "delta": -h.lr * m}


@update_rule(
    title="SparseAdam", torch="SparseAdam", scope="matrix", tuples=BETAS,
    hypers={
        "lr": lr(1e-3), "beta1": unit(0.9, r"\beta_1"), "beta2": unit(0.999, r"\beta_2"),
        "eps": nonnegative(1e-8, r"\epsilon"),
    },
    slots={"m": Slot(), "v": Slot()},
    latex=(
        ("i", r"\mathrm{rows\ with}\; g_i \neq 0"), MEAN, SQUARE,
        (r"\Delta_i", r"-\eta\,\frac{\sqrt{1 - \beta_2^{t}}}{1 - \beta_1^{t}}\,\frac{m_i}{\sqrt{v_i} + \epsilon}"),
        (r"\Delta", r"\Delta_i \;\mathrm{in\ these\ rows,\ else}\; 0"),
    ),
    references=("Kingma and Ba 2014, arXiv 1412.6980", "PyTorch documentation, SparseAdam"),
)
def sparse_adam(xp, g, p, s, h, t):
    """Adam for embeddings: rows whose gradient is zero keep their values and their moments."""
    size = xp.abs(g)
    hit = xp.greater(xp.max(size, axis=tuple(range(1, p.ndim)), keepdims=True) if p.ndim > 1 else size, 0)
    m = s.m + hit * ((1 - h.beta1) * (g - s.m))
    v = s.v + hit * ((1 - h.beta2) * (g * g - s.v))
    rate = h.lr * (1 - h.beta2**t) ** 0.5 / (1 - h.beta1**t)
    return {"hit": hit, "m": m, "v": v, "rate": rate, "delta": -rate * (hit * m / (xp.sqrt(v) + h.eps))}
