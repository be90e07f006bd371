"""What lesson 13 shows: deep networks with weights of many sizes, and units that die of a learning rate."""

from collections.abc import Callable
from functools import cache

import numpy as np
from sklearn.datasets import load_digits

from torchlean_nb import optim
from torchlean_nb.engine import Session
from torchlean_nb.render.lesson_deck import Deck, Frame, Knob
from torchlean_nb.render.lesson_depth import CLIFF_SIZE, SIZE, cliff_body, depth_body, level
from torchlean_nb.render.numbers import fmt
from torchlean_nb.rows import OPS

LAYERS, WIDTH = 30, 128
SCALES = {
    "0.01": 0.01, "0.03": 0.03, "0.06": 0.06, "LeCun \u221a(1/n)": 1.0, "He \u221a(2/n)": 2.0, "0.2": 0.2, "0.3": 0.3,
}  # fmt: skip
RATES = (0.1, 0.2, 0.5, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0)
Arrays = list[np.ndarray]


@cache
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels from 0 to 1, labels, and the rows to train and to test on."""
    pixels, digit = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    return pixels / 16, digit, order[:1347], order[1347:]


def deep(
    std: Callable[[int], float], activation: str = "relu", layers: int = LAYERS, width: int = WIDTH, count: int = 64
) -> tuple[Arrays, Arrays]:
    """Values of all hidden layers for a batch of digits, and gradients of all their weights.

    Parameters
    ----------
    std : callable
        Standard deviation of the weights of a layer that reads n values.
    count : int
        How many digits.
    """
    X, y, train, _ = digits()
    s, rng, n = Session(), np.random.default_rng(0), X.shape[1]
    h, values, weights = s.input(X[train[:count]]), [], []
    for _ in range(layers):
        weights.append(s.param(rng.standard_normal((n, width)) * std(n)))
        h = OPS[activation](h @ weights[-1])
        values.append(h)
        n = width
    scores = h @ s.param(rng.standard_normal((n, 10)) * std(n))
    grads = s.backward(OPS["cross_entropy"](scores, y[train[:count]]))
    return [v.value for v in values], [grads[w] for w in weights]


def _std(scale: float) -> Callable[[int], float]:
    """Numbers below one are meant as they are; 1 and 2 are divided by the number of inputs, under a root."""
    return (lambda n: scale) if scale < 1 else lambda n: (scale / n) ** 0.5


def thermometer() -> Deck:
    """Thirty layers: sizes of values and gradients in each, over the scale of the weights and the activation."""
    kinds, frames = ("relu", "tanh", "sigmoid"), {}
    for i, (name, scale) in enumerate(SCALES.items()):
        for j, kind in enumerate(kinds):
            values, grads = deep(_std(scale), kind)
            last, ratio = values[-1].std(), level(grads[0]) / level(grads[-1])
            says = (
                f"{kind}, weights of std {name}: the values of layer {LAYERS} have standard deviation {fmt(last, 2)}, "
                f"and the gradient of layer 1 is {fmt(ratio, 2)} times that of layer {LAYERS}."
            )
            rows = [(str(k + 1), fmt(values[k].std(), 3), fmt(level(grads[k]), 3)) for k in (0, *range(4, LAYERS, 5))]
            frames[i, j] = Frame(depth_body(values, grads), says, tuple(rows))
    knobs = Knob("std of the weights", tuple(SCALES), 0, "slide"), Knob("activation", kinds)
    return Deck("Depth thermometer", knobs, frames, ("layer", "std of the values", "rms of the gradients"), SIZE)


@cache
def cliff(lr: float, epochs: int = 10, seed: int = 0) -> tuple[np.ndarray, float]:
    """How often each of 128 ReLU units is on for the training digits after training, and the test accuracy."""
    X, y, train, test = digits()
    s, rng = Session(), np.random.default_rng(seed)
    W1, W2 = (s.param(rng.normal(0, (2 / n) ** 0.5, (n, k))) for n, k in ((64, 128), (128, 10)))
    b1, b2 = s.param(np.zeros(128)), s.param(np.zeros(10))
    opt, rng = optim.SGD([W1, b1, W2, b2], lr=lr), np.random.default_rng(0)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(train), 27):
            s.step(opt, lambda r=rows: OPS["cross_entropy"](OPS["relu"](s.input(X[r]) @ W1 + b1) @ W2 + b2, y[r]))
    h = np.maximum(X @ W1.value + b1.value, 0)
    right = (h @ W2.value + b2.value).argmax(axis=1) == y
    return (h[train] > 0).mean(axis=0), float(right[test].mean())


STEADY = 1.5  # up to this rate the last place of a product does not decide what becomes of the network


def lr_cliff() -> Deck:
    """The same network from the same weights with many learning rates: which units are left."""
    runs = [cliff(lr) for lr in RATES]
    dead, accuracy = [float((share == 0).mean()) for share, _ in runs], [acc for _, acc in runs]
    rows = tuple((f"{lr:g}", f"{d:.3f}", f"{a:.3f}") for lr, d, a in zip(RATES, dead, accuracy, strict=True))
    frames = {
        (i,): Frame(
            cliff_body(RATES, dead, accuracy, i, runs[i][0]),
            f"Rate {lr:g}: {dead[i]:.1%} of the units are dead, and {accuracy[i]:.1%} of the test digits are right."
            + " Past the cliff these numbers are those of this machine: another rounds otherwise." * (lr > STEADY),
            rows,
        )
        for i, lr in enumerate(RATES)
    }  # fmt: skip
    knob = Knob("learning rate", tuple(f"{lr:g}" for lr in RATES), 0, "slide")
    return Deck("One start, many rates", (knob,), frames, ("rate", "dead", "accuracy"), CLIFF_SIZE)
