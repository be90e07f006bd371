"""Exercises of lesson 10: from AdaGrad to AdamW."""

from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from torchlean_nb import optim
from torchlean_nb.engine import Session
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.rows import OPS


def moved(rule: str, gradients: list[float], start: float = 0.0, **hypers: Any) -> float:
    """How far an optimizer goes down when it meets these gradients."""
    opt = getattr(optim, rule)({"w": np.array(start)}, **hypers)
    for g in gradients:
        opt.step({"w": np.array(g)})
    return start - float(opt.params["w"])


def how_much_longer() -> str:
    """What a gradient a million times as large makes of the first step of Adam."""
    ratio = moved("Adam", [1e6]) / moved("Adam", [1.0])
    return min({"same": 1, "thousand": 1e3, "million": 1e6}.items(), key=lambda kv: abs(np.log(ratio / kv[1])))[0]


@cache
def trained(rule: str, lr: float) -> float:
    """Mean loss of the fifth epoch on the digits, for the network of lesson 10."""
    pixels, digit = load_digits(return_X_y=True)
    pixels, train = pixels / 16, np.random.default_rng(0).permutation(len(pixels))[:1347]
    s, rng = Session(), np.random.default_rng(0)
    W1 = s.param(rng.normal(0, (2 / 64) ** 0.5, (64, 32)))
    W2 = s.param(rng.normal(0, (2 / 32) ** 0.5, (32, 10)))
    b1, b2 = s.param(np.zeros(32)), s.param(np.zeros(10))
    opt, rng, total = getattr(optim, rule)([W1, b1, W2, b2], lr=lr), np.random.default_rng(0), 0.0
    for epoch in range(5):
        for rows in np.array_split(rng.permutation(train), 42):
            s.reset_tape()
            scores = OPS["relu"](s.input(pixels[rows]) @ W1 + b1) @ W2 + b2
            loss = OPS["cross_entropy"](scores, digit[rows])
            opt.step(s.backward(loss))
            total += float(loss) * len(rows) * (epoch == 4)
    return total / len(train)


def winner() -> str:
    """Adam as it comes out of the box, or plain descent with a rate somebody looked for."""
    return "adam" if trained("Adam", 1e-3) < trained("SGD", 0.5) else "sgd"


ROWS = (
    Exercise(
        "10.first",
        "Adam's first step with the gradient 1, and the same with the gradient 1000000. How much longer is the second?",
        "choice",
        how_much_longer,
        (("scale", lambda: "million"), ("root", lambda: "thousand")),
        "By what does Adam divide the gradient in the very first step?",
        "The first gradient is divided by its own size. What remains is its sign, times the learning rate.",
        words={"same": "not longer", "thousand": "a thousand times", "million": "a million times"},
    ),
    Exercise(
        "10.adagrad",
        "AdaGrad with rate 0.2, and the gradient is 3 four times. How far does w go?",
        "number",
        lambda: moved("Adagrad", [3.0] * 4, lr=0.2),
        (
            ("history", lambda: moved("SGD", [3.0] * 4, lr=0.2)),
            ("history", lambda: 4 * moved("Adagrad", [3.0], lr=0.2)),
            ("scale", lambda: 3 * moved("Adagrad", [3.0] * 4, lr=0.2)),
            ("root", lambda: sum(0.2 / k for k in (1, 2, 3, 4))),
        ),
        "After k such gradients the sum of squares is k times 9. What is the k-th step?",
        "The k-th step is the first one over the square root of k. AdaGrad never forgets, so it slows down for ever.",
    ),
    Exercise(
        "10.rms",
        "RMSProp without any correction, rate 0.03, alpha = 0.96; the first gradient is 7. How long is the first step?",
        "number",
        lambda: moved("RMSprop", [7.0], lr=0.03, alpha=0.96),
        (
            ("M14", lambda: 0.03 * (1 - 0.96) ** 0.5),
            ("M14", lambda: 0.03 * (1 - 0.96)),
            ("uncorrected", lambda: moved("Adam", [7.0], lr=0.03)),
            ("root", lambda: 0.03 / (1 - 0.96)),
            ("scale", lambda: 7 * moved("RMSprop", [7.0], lr=0.03, alpha=0.96)),
        ),
        "The mean of squares begins at zero. Which part of 7 * 7 is in it after one step? Divide by its root.",
        "Only a small part of the square has arrived, so the root is too small and the step too long.",
    ),
    Exercise(
        "10.default",
        "The digits, five epochs. Adam as it comes out of the box, or plain SGD with a rate that somebody looked for: "
        "whose training loss is lower?",
        "choice",
        winner,
        (("M15", lambda: {"adam": "sgd", "sgd": "adam"}[winner()]),),
        "How far can a weight get in 210 steps of 0.001?",
        "Adam sets the scale of each coordinate, not the length of the step: its rate has to be looked for as well.",
        words={"adam": "Adam with its default rate", "sgd": "SGD with a rate looked for"},
    ),
    Exercise(
        "10.coupled",
        "Adam with an L2 penalty in the gradient, weight_decay=0.03, rate 0.2. A weight is 5, its state is fresh, and "
        "the loss does not depend on it. Where is it after one step?",
        "number",
        lambda: 5.0 - moved("Adam", [0.0], start=5.0, lr=0.2, weight_decay=0.03),
        (
            ("M16", lambda: 5.0 - moved("AdamW", [0.0], start=5.0, lr=0.2, weight_decay=0.03)),
            ("M16", lambda: 5.0 - moved("Adam", [0.0], start=5.0, lr=0.2)),
            ("sign", lambda: 5.0 + moved("Adam", [0.0], start=5.0, lr=0.2, weight_decay=0.03)),
        ),
        "The gradient that Adam sees is 0.03 * 5. What does its first step make of any gradient?",
        "The penalty was measured like any gradient: its size is gone, and the weight loses one full rate per step.",
    ),
)
