"""Exercises of lesson 05: matrix products and layers."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise, permutations

import numpy as np
from sklearn.datasets import load_digits

from torchlean_nb.engine import Session
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.rows import OPS

X, G = np.array([[1.5, 2.0], [3.0, 4.0]]), np.array([[5.0, -1.0], [2.0, 3.0]])
SAMPLES, INPUTS, OUTPUTS = 50, 20, 7
WIDTHS = (64, 32, 10)
PRODUCTS: dict[str, Callable[..., np.ndarray]] = {
    "G @ W.T": lambda x, w, g: g @ w.T,
    "W.T @ G": lambda x, w, g: w.T @ g,
    "G @ W": lambda x, w, g: g @ w,
    "X.T @ G": lambda x, w, g: x.T @ g,
}


def backward(x: np.ndarray, w: np.ndarray, g: np.ndarray) -> dict[str, np.ndarray]:
    """Gradients of ``sum(G * (X @ W))``, which are those of a layer at which G arrives."""
    s = Session()
    px, pw = s.param(x, name="X"), s.param(w, name="W")
    grads = s.backward((OPS["matmul"](px, pw) * g).sum())
    return {"X": np.asarray(grads[px]), "W": np.asarray(grads[pw])}


def product_for(wrt: str) -> str:
    """Which of the products is the gradient, tried on square matrices."""
    rng = np.random.default_rng(0)
    x, w, g = rng.normal(size=(3, 3, 3))
    found = backward(x, w, g)[wrt]
    return next(name for name, f in PRODUCTS.items() if np.allclose(f(x, w, g), found))


def entry(i: int, j: int, g: np.ndarray = G) -> float:
    """One entry of the gradient of W."""
    return float(backward(X, np.zeros((2, 2)), g)["W"][i, j])


def only(sample: int) -> float:
    """The entry of the exercise when one sample alone counts."""
    g = np.zeros_like(G)
    g[sample] = G[sample]
    return entry(0, 1, g)


def ones(wrt: str) -> float:
    """How many ones are added up for one entry of a gradient."""
    found = backward(np.ones((SAMPLES, INPUTS)), np.ones((INPUTS, OUTPUTS)), np.ones((SAMPLES, OUTPUTS)))
    return float(found[wrt][0, 0])


def cost(weights: tuple[bool, bool] = (True, True), inputs: tuple[bool, bool] = (False, True)) -> float:
    """Multiplications of backward for each one of forward, when these gradients of the two layers are computed."""
    sizes = [a * b for a, b in pairwise(WIDTHS)]
    done = sum(n * (dw + dx) for n, dw, dx in zip(sizes, weights, inputs, strict=True))
    return done / sum(sizes)


@cache
def still_rows() -> tuple[int, ...]:
    """Pixels of the digits whose row of the first weight matrix gets no gradient from any image."""
    pixels, digit = load_digits(return_X_y=True)
    s, rng = Session(), np.random.default_rng(0)
    w1, w2 = s.param(rng.normal(0, 0.1, (64, 32))), s.param(rng.normal(0, 0.1, (32, 10)))
    loss = OPS["cross_entropy"](OPS["tanh"](s.input(pixels / 16) @ w1) @ w2, digit)
    return tuple(np.flatnonzero((s.backward(loss)[w1] == 0).all(axis=1)).tolist())


def orders(pixels: tuple[int, ...]) -> list[list[float]]:
    """The same pixels in any order."""
    return [[float(p) for p in one] for one in permutations(pixels)]


ROWS = (
    Exercise(
        "05.order",
        "Y = X @ W, and G is the gradient that arrives at Y. All are 3 by 3. Which product is dL/dX?",
        "choice",
        lambda: product_for("X"),
        (
            ("M8", lambda: "W.T @ G"),
            ("M8", lambda: "G @ W"),
            ("other", lambda: product_for("W")),
        ),
        "Write down one entry. X[n, i] goes into which entries of Y, and with which factor each time?",
        "X[n, i] goes into every output of sample n, with the weight W[i, j]: a sum over the outputs.",
        words={
            "G @ W.T": "G times W transposed",
            "W.T @ G": "W transposed times G",
            "G @ W": "G times W",
            "X.T @ G": "X transposed times G",
        },
    ),
    Exercise(
        "05.entry",
        "Two samples, X = [[1.5, 2], [3, 4]], and G = [[5, -1], [2, 3]]. What is dL/dW[0, 1], the weight from the "
        "first input to the second output?",
        "number",
        lambda: entry(0, 1),
        (
            ("M8", lambda: float((X @ G)[0, 1])),
            ("M8", lambda: float((G @ X)[0, 1])),
            ("turned", lambda: entry(1, 0)),
            ("M5", lambda: only(0)),
            ("M5", lambda: only(1)),
            ("M20", lambda: entry(0, 1) / 2),
        ),
        "Two samples, two rows in the ledger. Each is an input of that sample times a gradient of that sample.",
        "A column of X times a column of G: one product per sample, added up.",
    ),
    Exercise(
        "05.addends",
        "A batch of 50 samples goes through a layer with 20 inputs and 7 outputs. How many products are added up for "
        "one entry of dL/dW?",
        "number",
        lambda: ones("W"),
        (
            ("axis", lambda: ones("X")),
            ("axis", lambda: float(INPUTS)),
            ("axis", lambda: float(SAMPLES * INPUTS)),
            ("axis", lambda: float(SAMPLES * OUTPUTS)),
            ("axis", lambda: float(INPUTS * OUTPUTS)),
            ("M5", lambda: 1.0),
        ),
        "How often does the batch use one weight?",
        "Every sample uses the weight once, and every use is a row of the ledger.",
        exact=True,
    ),
    Exercise(
        "05.flop",
        "A network 64-32-10. Count multiplications in matrix products. Nobody wants the gradient of the pixels. "
        "How many does backward need for each one of forward?",
        "number",
        cost,
        (
            ("pixels", lambda: cost(inputs=(True, True))),
            ("pixels", lambda: cost(inputs=(True, False))),
            ("sizes", lambda: 3 / 2),
            ("through", lambda: cost(inputs=(False, False))),
            ("through", lambda: cost(weights=(False, False), inputs=(True, True))),
        ),
        "Three products are left. Which is missing of the four, and how large is it?",
        "Twice is for layers in the middle. Here the largest of the four products is left out.",
    ),
    Exercise(
        "05.dead",
        "Which three pixels of the digits, counted from 0, have a row of W1 that no image ever moves?",
        "list",
        lambda: orders(still_rows()),
        (
            ("fromzero", lambda: orders(tuple(p + 1 for p in still_rows()))),
            ("columns", lambda: orders(tuple(p % 8 * 8 + p // 8 for p in still_rows()))),
        ),
        "A row of dL/dW1 is a sum of pixel times gradient over all images. When is it zero, whatever the gradients "
        "are? Ask load_digits.",
        "These pixels are 0 in every image, so every row of their ledger is 0 times something.",
        size=3,
    ),
)
