"""Two rules in TorchLean's own form, where it differs from PyTorch in more than a default."""

from torchlean_nb.hypers import Hyper, flag, lr, nonnegative
from torchlean_nb.updates import Slot, update_rule

COUPLED = ("g", r"g + \lambda\,\theta")


@update_rule(
    title="TableMomentum",
    hypers={
        "lr": lr(1e-2), "momentum": Hyper(0.0, r"\mu"), "dampening": Hyper(0.0, r"\tau"),
        "weight_decay": nonnegative(0.0, r"\lambda"), "nesterov": flag(),
    },
    slots={"buf": Slot(symbol="b")},
    latex=(
        COUPLED, ("d", r"(1 - \tau)\,g"), ("b", r"\mu\,b + d"), (r"\Delta", r"-\eta\,(b \;\mathrm{or}\; d + \mu\,b)"),
    ),
    references=("TorchLean, Train/Optim momentum",),
)
def table_momentum(xp, g, p, s, h, t):
    """TorchLean's momentum: dampening on the first step too, Nesterov from the damped gradient."""
    g = g + p * h.weight_decay
    d = g * (1 - h.dampening)
    buf = h.momentum * s.buf + d
    step = d + h.momentum * buf if h.nesterov else buf
    return {"g": g, "d": d, "buf": buf, "delta": -h.lr * step}


@update_rule(
    title="TableAdadelta",
    hypers={
        "lr": lr(1.0), "rho": Hyper(0.9, r"\rho", 0.0, 1.0), "eps": nonnegative(1e-6, r"\epsilon"),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"v": Slot(), "u": Slot()},
    latex=(
        COUPLED, ("v", r"\rho\,v + (1 - \rho)\,g^{2}"),
        (r"\Delta", r"-\eta\,\frac{\sqrt{u + \epsilon}}{\sqrt{v + \epsilon}}\,g"),
        ("u", r"\rho\,u + (1 - \rho)\,\Delta^{2}"),
    ),
    references=("TorchLean, Train/Optim adadelta",),
)
def table_adadelta(xp, g, p, s, h, t):
    """TorchLean's Adadelta: the accumulated steps include the learning rate."""
    g = g + p * h.weight_decay
    v = h.rho * s.v + (1 - h.rho) * (g * g)
    delta = -h.lr * (xp.sqrt(s.u + h.eps) / xp.sqrt(v + h.eps) * g)
    return {"g": g, "v": v, "delta": delta, "u": h.rho * s.u + (1 - h.rho) * (delta * delta)}
