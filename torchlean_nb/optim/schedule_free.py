"""Rules without a schedule: gradients are taken between the iterate and its average, which is the result."""

from torchlean_nb.hypers import Hyper, lr, nonnegative, unit
from torchlean_nb.updates import Slot, update_rule

BETWEEN = (
    (r"\hat{\eta}", r"\max(\hat{\eta}, \eta \min(1, t / T_w))"), ("w", r"w + \hat{\eta}^{q}"),
    ("x", r"x + \frac{\hat{\eta}^{q}}{w} (z - x)"), (r"\Delta", r"\mu\,x + (1 - \mu)\,z - \theta"),
)  # fmt: skip
WARM = ("z", r"z - \eta \min(1, (t - 1) / T_w)\,u")
REFERENCES = ("Defazio et al. 2024, arXiv 2405.15682",)


def _here(xp, p, h):
    return p


def _number(xp, p, h):
    return xp.zeros(shape=(), like=p)


SLOTS = {
    "z": Slot(_here), "x": Slot(_here), "lr_max": Slot(_number, symbol=r"\hat{\eta}"),
    "weight_sum": Slot(_number, symbol="w"),
}  # fmt: skip
SHARED = {
    "weight_decay": nonnegative(0.0, r"\lambda"), "warmup_steps": Hyper(0, "T_w", 0, kind="int"),
    "weight_lr_power": nonnegative(2.0, "q"),
}  # fmt: skip


def _warm(h, t):
    """The rate of a step while it rises."""
    return h.lr * (min(1.0, t / h.warmup_steps) if h.warmup_steps else 1.0)


def _between(xp, p, s, h, t, z, momentum):
    """The average with one more iterate, weighted with the next rate, and the way to the next point between."""
    lr_max = xp.maximum(s.lr_max, _warm(h, t))
    w = lr_max**h.weight_lr_power
    total = s.weight_sum + w
    c = w / (total + xp.equal(total, 0))
    x = s.x + c * (z - s.x)
    return {"z": z, "lr_max": lr_max, "weight_sum": total, "c": c, "x": x, "delta": z + momentum * (x - z) - p}


@update_rule(
    title="ScheduleFreeSGD", average="x",
    hypers={"lr": lr(1.0), "momentum": Hyper(0.9, r"\mu", 0.0, 1.0)} | SHARED, slots=SLOTS,
    latex=(("u", r"g + \lambda\,\theta"), WARM, *BETWEEN), references=REFERENCES,
    optax=lambda optax, lr, momentum, weight_decay, warmup_steps, weight_lr_power: optax.contrib.schedule_free_sgd(
        lr, warmup_steps or None, momentum, weight_decay, weight_lr_power
    ),
)
def schedule_free_sgd(xp, g, p, s, h, t):
    """Descent whose average replaces the schedule; momentum says how near to the average gradients are taken."""
    u = g + h.weight_decay * p
    return {"u": u} | _between(xp, p, s, h, t, s.z - _warm(h, t - 1) * u, h.momentum)


@update_rule(
    title="ScheduleFreeAdamW", average="x", tuples={"betas": ("beta1", "beta2")},
    hypers={
        "lr": lr(2.5e-3), "beta1": Hyper(0.9, r"\mu", 0.0, 1.0), "beta2": unit(0.999, r"\beta"),
        "eps": nonnegative(1e-8, r"\epsilon"),
    } | SHARED,
    slots={"v": Slot()} | SLOTS,
    latex=(
        ("v", r"\beta v + (1 - \beta)\,g^{2}"),
        ("u", r"\frac{g}{\sqrt{v / (1 - \beta^{t})} + \epsilon} + \lambda\,\theta"), WARM, *BETWEEN,
    ),
    references=REFERENCES,
    optax=lambda optax, lr, beta1, beta2, eps, weight_decay, warmup_steps, weight_lr_power:
        optax.contrib.schedule_free_adamw(lr, warmup_steps or None, beta1, beta2, eps, weight_decay, weight_lr_power),
)  # fmt: skip
def schedule_free_adamw(xp, g, p, s, h, t):
    """AdamW without schedule and without first moment, whose part the average plays."""
    v = h.beta2 * s.v + (1 - h.beta2) * (g * g)
    u = g / (xp.sqrt(v / (1 - h.beta2**t)) + h.eps) + h.weight_decay * p
    return {"v": v, "u": u} | _between(xp, p, s, h, t, s.z - _warm(h, t - 1) * u, h.beta1)
