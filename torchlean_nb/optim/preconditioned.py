"""Rules that see how the entries of a gradient go together: a matrix of squares for the rows, one for the columns."""

from torchlean_nb.errors import ShapeError
from torchlean_nb.hypers import Hyper, lr, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, COUPLED
from torchlean_nb.updates import Slot, update_rule


def _square(title, axis, least):
    """Start of a slot: zeros for the pairs along an axis, or nothing for fewer axes than `least`."""

    def start(xp, p, h):
        if p.ndim > 2:
            raise ShapeError(f"{title}: a parameter of shape {p.shape}", None, "a matrix: reshape it to one")
        n = 0 if p.ndim < least else p.shape[axis] if p.ndim > 1 else p.size
        return xp.zeros(shape=(n, n), like=p)

    return start


def _turned(xp, x):
    return xp.swapaxes(x, axis1=-2, axis2=-1)


def _root(xp, a, power, eps):
    """Power of a symmetric matrix plus `eps` times the identity."""
    values, vectors = xp.eigh(a)
    # None is below 0 but for rounding.
    return xp.matmul(vectors * (xp.maximum(values, 0.0) + eps) ** power, _turned(xp, vectors))


@update_rule(
    scope="matrix",
    hypers={
        "lr": lr(1e-3), "eps": Hyper(1e-6, r"\epsilon", 0.0, open_low=True, log=True),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"L": Slot(_square("Shampoo", 0, 0)), "R": Slot(_square("Shampoo", -1, 2))},
    latex=(
        COUPLED, ("L", r"L + g\,g^{\top}"), ("R", r"R + g^{\top} g"),
        (r"\Delta", r"-\eta\,(L + \epsilon I)^{-1/4}\,g\,(R + \epsilon I)^{-1/4}"),
        (r"\Delta", r"-\eta\,(L + \epsilon I)^{-1/2}\,g \;\mathrm{for\ vectors}"),
    ),
    references=("Gupta, Koren and Singer 2018, arXiv 1802.09568",),
)
def shampoo(xp, g, p, s, h, t):
    """AdaGrad that knows directions: the gradient measured from both sides, for a vector full-matrix AdaGrad."""
    g = g + h.weight_decay * p
    flat = g if g.ndim > 1 else xp.reshape(g, shape=(-1, 1))
    L, R = s.L + xp.matmul(flat, _turned(xp, flat)), s.R
    if g.ndim > 1:
        R = s.R + xp.matmul(_turned(xp, g), g)
        u = xp.matmul(xp.matmul(_root(xp, L, -0.25, h.eps), g), _root(xp, R, -0.25, h.eps))
    else:
        u = xp.reshape(xp.matmul(_root(xp, L, -0.5, h.eps), flat), shape=g.shape)
    return {"g": g, "L": L, "R": R, "u": u, "delta": -h.lr * u}


def _refreshed(xp, v, squares, basis, axis):
    """One power iteration towards the eigenvectors, largest first, and the second moments in their order."""
    product = xp.matmul(squares, basis)
    order = xp.argsort(-xp.sum(basis * product, axis=0))
    return xp.take(v, order, axis=axis), xp.orthonormal(xp.take(product, order, axis=1))


@update_rule(
    title="SOAP", scope="matrix", tuples=BETAS,
    hypers={
        "lr": lr(3e-3), "beta1": unit(0.95, r"\beta_1"), "beta2": unit(0.95, r"\beta_2"),
        "eps": nonnegative(1e-8, r"\epsilon"), "weight_decay": nonnegative(1e-2, r"\lambda"),
        "frequency": Hyper(10, "f", 1, kind="int"),
    },
    slots={"m": Slot(), "v": Slot()} | {
        name: Slot(_square("SOAP", axis, 2)) for name, axis in (("L", 0), ("R", -1), ("P", 0), ("Q", -1))
    },
    latex=(
        ("m", r"\beta_1 m + (1 - \beta_1)\,g"), ("v", r"\beta_2 v + (1 - \beta_2)\,(P^{\top} g\,Q)^{2}"),
        ("u", r"\frac{\sqrt{1 - \beta_2^{t-1}}}{1 - \beta_1^{t-1}}\,"
              r"P\,\frac{P^{\top} m\,Q}{\sqrt{v} + \epsilon}\,Q^{\top}, \; u_1 = 0"),
        (r"\Delta", r"-\eta\,\lambda\,(\theta - \eta\,u) - \eta\,u"),
        ("L", r"\beta_2 L + (1 - \beta_2)\,g\,g^{\top}"), ("R", r"\beta_2 R + (1 - \beta_2)\,g^{\top} g"),
        ("P, Q", r"\mathrm{eigenvectors\ of}\; L, R \;\mathrm{every}\; f \;\mathrm{steps}"),
    ),
    references=("Vyas et al. 2024, arXiv 2409.11321",),
)  # fmt: skip
def soap(xp, g, p, s, h, t):
    """Adam in the axes of Shampoo, which turn slowly; the first step only finds them. For vectors, Adam."""
    m, v, u, L, R, P, Q = s.m, s.v, 0 * g, s.L, s.R, s.P, s.Q
    pair = g.ndim > 1
    if t > 1:
        m = h.beta1 * m + (1 - h.beta1) * g
        seen, mean = (xp.matmul(xp.matmul(_turned(xp, P), x), Q) if pair else x for x in (g, m))
        v = h.beta2 * v + (1 - h.beta2) * (seen * seen)
        u = (1 - h.beta2 ** (t - 1)) ** 0.5 / (1 - h.beta1 ** (t - 1)) * (mean / (xp.sqrt(v) + h.eps))
        u = xp.matmul(xp.matmul(P, u), _turned(xp, Q)) if pair else u
    if pair:
        L = h.beta2 * L + (1 - h.beta2) * xp.matmul(g, _turned(xp, g))
        R = h.beta2 * R + (1 - h.beta2) * xp.matmul(_turned(xp, g), g)
        if t == 1:
            P, Q = xp.eigh(L)[1], xp.eigh(R)[1]
        elif (t - 1) % h.frequency == 0:
            v, P = _refreshed(xp, v, L, P, 0)
            v, Q = _refreshed(xp, v, R, Q, 1)
    delta = (t > 1) * (-h.lr * u - (h.lr * h.weight_decay) * (p - h.lr * u))
    return {"m": m, "u": u, "v": v, "L": L, "R": R, "P": P, "Q": Q, "delta": delta}
