"""Rules that divide by curvature: a diagonal of the Hessian arrives beside the gradient, as ``h.curvature``."""

from torchlean_nb.errors import CapabilityError
from torchlean_nb.hypers import Hyper, nonnegative, unit
from torchlean_nb.optim.adam import BETAS, CORRECTED, MEAN, adam_hypers
from torchlean_nb.updates import Slot, update_rule


def every(steps):
    """Number of steps from one diagonal to the next."""
    return Hyper(steps, "k", 1, kind="int")


def _fresh(rule, h, t):
    """The diagonal where this step is one that takes it in, else None."""
    if (t - 1) % h.update_interval:
        return None
    if getattr(h, "curvature", None) is None:
        raise CapabilityError(
            f"{rule}: step {t} takes in a diagonal of the Hessian",
            "every step does" if h.update_interval == 1 else f"one step in {h.update_interval} does, from the first on",
            'opt.step({"w": g}, curvature={"w": tl.hessian_diagonal(f, w)})',
        )  # fmt: skip
    return h.curvature


@update_rule(
    title="Sophia", tuples=BETAS, needs=frozenset({"curvature"}),
    hypers=adam_hypers(1e-3, 1e-4) | {
        "beta1": unit(0.965, r"\beta_1"), "beta2": unit(0.99, r"\beta_2"), "gamma": nonnegative(0.01, r"\gamma"),
        "clip": nonnegative(1.0, r"\rho"), "update_interval": every(10),
    },
    slots={"m": Slot(), "h": Slot()},
    latex=(
        MEAN, CORRECTED[0], ("u", r"\mathrm{clip}\left(\frac{\hat{m}}{\max(\gamma\,h, \epsilon)}, \pm \rho\right)"),
        ("h", r"\beta_2 h + (1 - \beta_2)\,\mathrm{diag}\,\nabla^{2} f \;\mathrm{every}\; k \;\mathrm{steps}"),
        (r"\Delta", r"-\eta\,(u + \lambda\,\theta)"),
    ),
    references=("Liu et al. 2023, arXiv 2305.14342",),
)
def sophia(xp, g, p, s, h, t):
    """Newton's step on a running mean of the Hessian's diagonal, clipped where the curvature is small or negative.

    As in optax, the mean is corrected for its start, and a diagonal is used from the next step on.
    """
    m = h.beta1 * s.m + (1 - h.beta1) * g
    m_hat = m / (1 - h.beta1**t)
    ratio = m_hat / xp.maximum(h.gamma * s.h, h.eps)
    u = xp.minimum(xp.maximum(ratio, -h.clip), h.clip)
    fresh = _fresh("Sophia", h, t)
    mean = s.h if fresh is None else h.beta2 * s.h + (1 - h.beta2) * fresh
    return {"m": m, "m_hat": m_hat, "ratio": ratio, "u": u, "h": mean, "delta": -h.lr * (u + h.weight_decay * p)}


@update_rule(
    title="AdaHessian", tuples=BETAS, needs=frozenset({"curvature"}),
    hypers=adam_hypers(0.1) | {
        "eps": nonnegative(1e-16, r"\epsilon"), "power": Hyper(1.0, r"\kappa", 0.0, 1.0, open_low=True),
        "update_interval": every(1),
    },
    slots={"m": Slot(), "v": Slot()},
    latex=(
        MEAN,
        ("v", r"\beta_2 v + (1 - \beta_2)\,(\mathrm{diag}\,\nabla^{2} f)^{2} \;\mathrm{every}\; k \;\mathrm{steps}"),
        *CORRECTED, (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,\frac{\hat{m}}{\hat{v}^{\kappa / 2} + \epsilon}"),
    ),
    references=("Yao et al. 2020, arXiv 2006.00719",),
)
def adahessian(xp, g, p, s, h, t):
    """Adam whose second moment is that of the Hessian's diagonal instead of the gradient."""
    m = h.beta1 * s.m + (1 - h.beta1) * g
    fresh = _fresh("AdaHessian", h, t)
    v = s.v if fresh is None else h.beta2 * s.v + (1 - h.beta2) * (fresh * fresh)
    m_hat, v_hat = m / (1 - h.beta1**t), v / (1 - h.beta2**t)
    step = -h.lr * (m_hat / (v_hat ** (h.power / 2) + h.eps))
    return {"m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "step": step, "delta": step - (h.lr * h.weight_decay) * p}
