"""Exercises of lesson 13: initialisation, vanishing gradients, dead ReLUs."""

import numpy as np

from torchlean_nb import optim
from torchlean_nb.engine import Session
from torchlean_nb.lessons.depth import cliff, digits
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.nn import init
from torchlean_nb.rows import OPS


def moved() -> str:
    """What one step of descent changes in a network whose weights and biases are all zero."""
    X, y, train, _ = digits()
    s = Session()
    W1, W2 = s.param(np.zeros((64, 32))), s.param(np.zeros((32, 10)))
    b1, b2 = s.param(np.zeros(32)), s.param(np.zeros(10))
    opt = optim.SGD([W1, b1, W2, b2], lr=0.5)
    s.step(opt, lambda: OPS["cross_entropy"](OPS["relu"](s.input(X[train]) @ W1 + b1) @ W2 + b2, y[train]))
    found = tuple(bool(p.value.any()) for p in (W1, b1, W2, b2))
    return {(False,) * 4: "nothing", (False, False, False, True): "bias", (False, False, True, True): "output"}.get(
        found, "everything"
    )


def factor(std: float, width: int, off: float = 0.5) -> float:
    """What a layer of ReLU does to the root of the mean square: weights add variances, ReLU leaves a part of it."""
    return std * (off * width) ** 0.5


def he(fan_in: int, fan_out: int) -> float:
    """Standard deviation that the initialiser wants, read off what it draws."""
    same = init.kaiming_normal((fan_out, fan_in), seed=0, nonlinearity="relu")
    return float((same / init.normal((fan_out, fan_in), seed=0)).mean())


WEIGHTS, BIAS, SLOPES, BIAS_SLOPE = np.array([0.6, 0.2]), 0.1, np.array([1.0, 0.5]), 2.0


def fatal() -> float:
    """Rate from which on one step switches a unit off for every input between 0 and 1, by halving."""
    corners, low, high = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), 0.0, 1.0
    for _ in range(60):
        lr = (low + high) / 2
        alive = ((WEIGHTS - lr * SLOPES) @ corners.T + BIAS - lr * BIAS_SLOPE > 0).any()
        low, high = (lr, high) if alive else (low, lr)
    return low


def remedy() -> str:
    """What saves a network whose units died of the rate: a few trainings."""
    found = {"init": cliff(3.0, seed=1), "longer": cliff(3.0, epochs=20), "rate": cliff(0.5)}
    return max(found, key=lambda k: found[k][1])


ROWS = (
    Exercise(
        "13.zero",
        "A network 64-32-10 with ReLU; all weights and biases are 0. One step of SGD on the digits: what has changed?",
        "choice",
        moved,
        (("M11", lambda: "nothing"), ("hidden", lambda: "output"), ("blocked", lambda: "everything")),
        "Go through the layers from the end. The gradient of a weight is what comes in times what comes back.",
        "The hidden values are 0, so the output weights get nothing; the output weights are 0, so nothing gets past.",
        words={
            "nothing": "nothing at all", "bias": "the biases of the output, and nothing else",
            "output": "weights and biases of the output", "everything": "all of them",
        },
    ),
    Exercise(
        "13.factor",
        "Layers of 450 ReLU units each, weights of standard deviation 0.03, no biases. By which factor does the root "
        "of the mean square of the values change from layer to layer?",
        "number",
        lambda: factor(0.03, 450),
        (
            ("half", lambda: factor(0.03, 450, off=1.0)),
            ("half", lambda: factor(0.03, 450, off=1.0) ** 2),
            ("variance", lambda: factor(0.03, 450, off=1.0) ** 2),
            ("variance", lambda: factor(0.03, 450) ** 2),
            ("variance", lambda: 0.03 * 450 / 2),
            ("variance", lambda: 0.03 * 450),
        ),
        "Variances of the 450 products are added. Then ReLU sets half of the sums to 0.",
        "Each sum has 450 times the variance of one product, and half of its mean square survives ReLU: then the root.",
    ),
    Exercise(
        "13.he",
        "A layer reads 288 ReLU units and has 72 units. Which standard deviation of its weights keeps the size of the "
        "values?",
        "number",
        lambda: he(288, 72),
        (
            ("half", lambda: (1 / 288) ** 0.5),
            ("fan", lambda: he(72, 288)),
            ("fan", lambda: (2 / (288 + 72)) ** 0.5),
            ("fan", lambda: (1 / 72) ** 0.5),
            ("variance", lambda: 2 / 288),
        ),
        "How many products does one unit add up? Ask for the factor that turns out to be 1.",
        "One unit adds up as many products as it reads values; the 2 makes up for what ReLU cuts off.",
    ),
    Exercise(
        "13.dead",
        "A ReLU unit has weights (0.6, 0.2) and bias 0.1; inputs are between 0 and 1. Its gradients are (1, 0.5) and "
        "2. From which learning rate on is it off for every input after one step?",
        "number",
        fatal,
        (
            ("corner", lambda: (WEIGHTS.sum() + BIAS) / SLOPES.sum()),
            ("corner", lambda: BIAS / BIAS_SLOPE),
            ("corner", lambda: WEIGHTS[1] / SLOPES[1]),
            ("corner", lambda: (WEIGHTS.sum() + BIAS) / BIAS_SLOPE),
            ("corner", lambda: WEIGHTS.sum() / SLOPES.sum()),
        ),
        "Which input switches the unit on most? Write down its sum after the step, with a rate you do not know yet.",
        "At the input (1, 1) the sum falls fastest and lasts longest; weights and bias all pull it down.",
    ),
    Exercise(
        "13.fix",
        "A ReLU network with He's weights was trained on the digits with rate 3 and now says the same of every image. "
        "What helps?",
        "choice",
        remedy,
        (("M28", lambda: "init"), ("stuck", lambda: "longer")),
        "Which gradient does a unit get that is off for every input? And what put it there?",
        "The rate killed the units, not the start; and what is dead gets no gradient. Back to the start, with less.",
        words={
            "init": "other weights of the same kind, drawn anew", "longer": "the same training, twice as long",
            "rate": "the same weights again, with a smaller rate",
        },
    ),
)
