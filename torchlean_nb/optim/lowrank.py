"""Rules that keep their state in a few directions of a matrix: the leading singular vectors of its gradient."""

from torchlean_nb.hypers import Hyper, lr, nonnegative
from torchlean_nb.optim.adam import BETAS, CORRECTED, adam_hypers
from torchlean_nb.updates import Slot, update_rule

SUBSPACE = {
    "rank": Hyper(128, "r", 1, kind="int"), "update_proj_gap": Hyper(200, "k", 1, kind="int"),
    "proj_type": Hyper("std", kind="choice", choices=("std", "reverse_std", "left", "right")),
}
BASIS = (
    ("P", r"r \;\mathrm{leading\ singular\ vectors\ of}\; g, \;\mathrm{every}\; k \;\mathrm{steps}"),
    ("s", r"P^{\top} g \;\mathrm{or}\; g\,P"),
)


def _left(p, h):
    """Whether rows are projected: the shorter side, as in the paper, the longer one, or the one that is named."""
    rows, columns = p.shape
    return {"left": True, "right": False, "std": rows < columns, "reverse_std": rows >= columns}[h.proj_type]


def _basis(xp, p, h):
    """Room for the singular vectors of a matrix; nothing for other parameters."""
    if p.ndim != 2:
        return xp.zeros(shape=(0,), like=p)
    return xp.zeros(shape=(p.shape[0 if _left(p, h) else 1], min(h.rank, *p.shape)), like=p)


def _small(xp, p, h):
    """Zeros in the shape of a projected gradient."""
    if p.ndim != 2:
        return xp.zeros(shape=p.shape, like=p)
    r = min(h.rank, *p.shape)
    return xp.zeros(shape=(r, p.shape[1]) if _left(p, h) else (p.shape[0], r), like=p)


def _turned(xp, x):
    return xp.swapaxes(x, axis1=-2, axis2=-1)


def _refreshed(xp, g, basis, h, t):
    """The basis of this step; a new one keeps the signs of the old, so that a mean in the old means the same."""
    if g.ndim != 2 or (t - 1) % h.update_proj_gap:
        return basis
    new = xp.left_singular(g if _left(g, h) else _turned(xp, g), rank=basis.shape[1])
    return xp.where(xp.greater(0, xp.sum(basis * new, axis=0)), -new, new)


def _down(xp, g, basis, h):
    if g.ndim != 2:
        return g
    return xp.matmul(_turned(xp, basis), g) if _left(g, h) else xp.matmul(g, basis)


def _up(xp, small, basis, p, h):
    if p.ndim != 2:
        return small
    return xp.matmul(basis, small) if _left(p, h) else xp.matmul(small, _turned(xp, basis))


@update_rule(
    title="GaLore", scope="matrix", tuples=BETAS,
    hypers=adam_hypers(1e-3) | SUBSPACE | {"scale": nonnegative(1.0, r"\alpha")},
    slots={"P": Slot(_basis), "m": Slot(_small), "v": Slot(_small)},
    latex=(
        *BASIS, ("m", r"\beta_1 m + (1 - \beta_1)\,s"), ("v", r"\beta_2 v + (1 - \beta_2)\,s^{2}"), *CORRECTED,
        ("u", r"\frac{\hat{m}}{\sqrt{\hat{v}} + \epsilon}"),
        (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,\alpha\,(P\,u \;\mathrm{or}\; u\,P^{\top})"),
    ),
    references=("Zhao et al. 2024, arXiv 2403.03507",),
)
def galore(xp, g, p, s, h, t):
    """Adam in the leading singular directions of the gradient, renewed now and then; plain Adam but for matrices.

    Singular vectors have no sign of their own, and a mean kept in their coordinates would change its meaning
    with it: each new vector points the way the one it replaces did.
    """
    P = _refreshed(xp, g, s.P, h, t)
    small = _down(xp, g, P, h)
    m, v = h.beta1 * s.m + (1 - h.beta1) * small, h.beta2 * s.v + (1 - h.beta2) * (small * small)
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    u = m_hat / (xp.sqrt(v_hat) + h.eps)
    whole = _up(xp, u, P, p, h) * (h.scale if p.ndim == 2 else 1)
    return {
        "P": P, "small": small, "m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "u": u, "whole": whole,
        "delta": -h.lr * (whole + h.weight_decay * p),
    }  # fmt: skip


@update_rule(
    title="GaLoreSGD", scope="matrix", hypers={"lr": lr(1e-2)} | SUBSPACE, slots={"P": Slot(_basis)},
    latex=(*BASIS, (r"\Delta", r"-\eta\,(P\,s \;\mathrm{or}\; s\,P^{\top})")),
    references=("Zhao et al. 2024, arXiv 2403.03507",),
)
def galore_sgd(xp, g, p, s, h, t):
    """Descent in the leading singular directions of the gradient: ``P P'`` forgets signs, rank makes it descent."""
    P = _refreshed(xp, g, s.P, h, t)
    small = _down(xp, g, P, h)
    return {"P": P, "small": small, "delta": -h.lr * _up(xp, small, P, p, h)}
