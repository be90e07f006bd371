"""Exercises of lesson 09: descent, momentum, and the ravine."""

import math
from collections.abc import Iterable

import numpy as np

from torchlean_nb import optim
from torchlean_nb.engine import Session
from torchlean_nb.lessons.row import Exercise

MU = 0.9


def downhill() -> float:
    """Cosine of the angle between downhill and the way to the minimum, in a ravine at (10, 1)."""
    s = Session()
    w = s.param(np.array([10.0, 1.0]), name="w")
    g = s.backward((0.5 * np.array([1.0, 100.0]) * w**2).sum())[w]
    return float(g @ w.value / (np.linalg.norm(g) * np.linalg.norm(w.value)))


def rolled(gradients: Iterable[float], lr: float = 0.1, momentum: float = MU, average: bool = False) -> float:
    """How far momentum goes down; with `average` the buffer is a running mean, which is the mistake."""
    if not average:
        opt = optim.SGD({"w": np.array(0.0)}, lr=lr, momentum=momentum)
        for g in gradients:
            opt.step({"w": np.array(g)})
        return -float(opt.params["w"])
    far = buf = 0.0
    for g in gradients:
        buf = momentum * buf + (1 - momentum) * g
        far += lr * buf
    return far


def growth(lr: float, curvature: float, momentum: float) -> float:
    """Largest factor per step along an axis of this curvature."""
    step = np.array([[1 - lr * curvature, -lr * momentum], [curvature, momentum]])
    return float(np.abs(np.linalg.eigvals(step)).max())


def limit(curvature: float, momentum: float) -> float:
    """Rate from which on descent runs away, by halving."""
    low, high = 0.0, 8 / curvature
    for _ in range(50):
        mid = (low + high) / 2
        low, high = (mid, high) if growth(mid, curvature, momentum) < 1 else (low, mid)
    return low


def ahead(look: float, keep: float = 1.0) -> float:
    """One step on ``2*w**2`` from 1 with velocity -0.5; the gradient is taken `look` times the momentum ahead."""
    w, v, lr = 1.0, -0.5, 0.1
    slope = 4 * (w + look * MU * v)
    return w + keep * MU * v - lr * slope


def after_the_drop(inside: bool) -> float:
    """One step after the rate fell from 0.5 to 0.03, the buffer having settled under a gradient of one."""
    if inside:  # the velocity has the old rate in it
        return MU * 0.5 / (1 - MU) + 0.03
    opt = optim.SGD({"w": np.array(0.0)}, lr=0.5, momentum=MU)
    for _ in range(400):
        opt.step({"w": np.array(1.0)})
    before = opt.params["w"]
    opt.param_groups[0]["lr"] = 0.03
    opt.step({"w": np.array(1.0)})
    return float(before - opt.params["w"])


ROWS = (
    Exercise(
        "09.angle",
        "f = (x**2 + 100*y**2) / 2 at (10, 1). How many degrees are between straight downhill and the way to the "
        "minimum?",
        "number",
        lambda: math.degrees(math.acos(downhill())),
        (
            ("M3", lambda: 0.0),
            ("degrees", lambda: math.acos(downhill())),
            ("degrees", downhill),
        ),
        "Write down the gradient at (10, 1) and draw it beside the arrow to the origin.",
        "Nearly a right angle: downhill leads across the valley, not along it.",
    ),
    Exercise(
        "09.three",
        "Momentum 0.9, rate 0.1, and the gradient is 1 each time. How far has w gone down after three steps?",
        "number",
        lambda: rolled([1.0] * 3),
        (
            ("M13", lambda: rolled([1.0] * 3, average=True)),
            ("velocity", lambda: rolled([1.0] * 3, momentum=0.0)),
            ("velocity", lambda: rolled([1.0] * 3) - rolled([1.0] * 2)),
            ("sign", lambda: -rolled([1.0] * 3)),
        ),
        "Three columns: gradient, buffer, step. The buffer begins with the first gradient.",
        "The buffer is a sum in which old gradients fade; on a steady slope it grows towards ten gradients.",
    ),
    Exercise(
        "09.limit",
        "An axis has curvature 40, and the momentum is 0.9. From which learning rate on does descent run away?",
        "number",
        lambda: limit(40.0, MU),
        (
            ("limit", lambda: limit(40.0, 0.0)),
            ("limit", lambda: limit(40.0, 0.0) * (1 - MU)),
            ("limit", lambda: 1 / 40.0),
        ),
        "Use factor() of this lesson with curvature 40 and look for the rate where it passes 1, or find the pattern in "
        "the two limits that you know for curvature 100.",
        "2 (1 + momentum) / curvature: along a steep axis steps alternate in sign, and the buffer lets them cancel.",
    ),
    Exercise(
        "09.ahead",
        "f = 2*w**2 at w = 1 with velocity v = -0.5; rate 0.1, momentum 0.9. Where is w after one step of Nesterov's "
        "form v = 0.9*v - 0.1 * (slope at w + 0.9*v), w = w + v?",
        "number",
        lambda: ahead(look=1.0),
        (
            ("ahead", lambda: ahead(look=0.0)),
            ("velocity", lambda: ahead(look=0.0, keep=0.0)),
            ("velocity", lambda: ahead(look=1.0, keep=0.0)),
            ("sign", lambda: 2 - ahead(look=1.0)),
        ),
        "First the point to which the velocity alone would lead. Then the slope there.",
        "The slope is taken where the velocity is about to lead, so the step brakes earlier.",
    ),
    Exercise(
        "09.drop",
        "PyTorch's SGD, momentum 0.9, a gradient that has been 1 for a very long time. Now the rate falls from 0.5 to "
        "0.03. How long is the next step?",
        "number",
        lambda: after_the_drop(inside=False),
        (
            ("rate", lambda: after_the_drop(inside=True)),
            ("velocity", lambda: 0.03),
            ("rate", lambda: 0.5 / (1 - MU)),
        ),
        "What does the buffer hold after a very long time, and is there a learning rate in it?",
        "The rate is multiplied on last, so a new one acts at once; with the rate inside the velocity that takes many "
        "steps.",
    ),
)
