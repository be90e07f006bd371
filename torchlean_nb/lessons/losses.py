"""Exercises of lesson 06: losses and the gradients they send back."""

import math

import numpy as np

from torchlean_nb.engine import Session
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.rows import OPS

SURE, TRUTH = -10.0, 1.0
SCORES, CLASS = [1.0, 3.0, 0.0], 0
DATA = [2.0, 3.0, 5.0, 8.0, 90.0]
LR, BATCH, CLASSES = 0.5, 64, 10


def judged(loss: str) -> tuple[float, float]:
    """Loss of the sure score, and its gradient."""
    s = Session()
    z = s.param(SURE, name="z")
    found = (OPS["sigmoid"](z) - TRUTH) ** 2 if loss == "squared" else OPS["bce_with_logits"](z, np.array(TRUTH))
    return float(found), float(s.backward(found)[z])


def nearest(ratio: float) -> str:
    """Word for a ratio."""
    sizes = {"same": 1.0, "ten": 10.0, "tenthousand": 1e4}
    return min(sizes, key=lambda w: abs(math.log(sizes[w] / ratio)))


def times_as_large() -> str:
    """The gradient of cross-entropy beside that of squared error."""
    return nearest(judged("entropy")[1] / judged("squared")[1])


def classed(reduction: str = "mean") -> list[float]:
    """Gradient of the scores of one sample."""
    s = Session()
    z = s.param([SCORES], name="z")
    return np.asarray(s.backward(OPS["cross_entropy"](z, np.array([CLASS]), reduction=reduction))[z])[0].tolist()


def probabilities() -> list[float]:
    """What the scores say."""
    return OPS["softmax"](np.array([SCORES]))[0].tolist()


def step(reduction: str) -> float:
    """Gradient of a weight over a batch in which every sample sends back the same."""
    s = Session()
    w = s.param(0.0, name="w")
    return float(s.backward(OPS["mse_loss"](w * np.ones(BATCH), np.ones(BATCH), reduction=reduction))[w])


def floor(scores: np.ndarray) -> float:
    """Cross-entropy when every sample is certain and right, of these scores."""
    return float(OPS["cross_entropy"](scores, np.arange(CLASSES)))


ROWS = (
    Exercise(
        "06.sure",
        "The score is -10 and the truth is 1. How many times as large is the gradient of cross-entropy as that of "
        "squared error?",
        "choice",
        times_as_large,
        (
            ("flat", lambda: nearest(1.0)),
            ("value", lambda: nearest(judged("entropy")[0] / judged("squared")[0])),
        ),
        "How steep is a sigmoid at -10, and which of the two losses has to go through it?",
        "Squared error is multiplied by the slope of the sigmoid, which is tiny out there. Cross-entropy cancels it.",
        words={"same": "about as large", "ten": "about ten times", "tenthousand": "about ten thousand times"},
    ),
    Exercise(
        "06.gradient",
        "One sample, three classes, scores [1, 3, 0], and class 0 is right. What is the gradient of cross-entropy at "
        "the three scores?",
        "list",
        lambda: [classed()],
        (
            ("sign", lambda: [[-g for g in classed()]]),
            ("said", lambda: [probabilities()]),
            ("others", lambda: [[g if k == CLASS else 0.0 for k, g in enumerate(classed())]]),
            ("scores", lambda: [[z - (k == CLASS) for k, z in enumerate(SCORES)]]),
        ),
        "First the softmax of the scores. Then ask what the probabilities should have been.",
        "What it said minus what is true. The three add up to zero: probability is moved, never made.",
        size=3,
    ),
    Exercise(
        "06.constant",
        "The data are 2, 3, 5, 8 and 90. Which constant has the smallest squared error, and which the smallest "
        "absolute error? Give both: [for squares, for absolute values].",
        "list",
        lambda: [[float(np.mean(DATA)), float(np.median(DATA))]],
        (
            ("middle", lambda: [[float(np.median(DATA)), float(np.mean(DATA))]]),
            ("middle", lambda: [[float(np.mean(DATA))] * 2]),
            ("middle", lambda: [[float(np.median(DATA))] * 2]),
        ),
        "At the best constant the gradients of the data cancel. Squares send twice the error, absolute values only its "
        "sign.",
        "The errors cancel at the mean; their signs cancel in the middle of the sorted data, an outlier or not.",
        size=2,
    ),
    Exercise(
        "06.sum",
        "A network learns with batches of 64, the mean of the losses, and the rate 0.5. Somebody changes the mean into "
        "a sum. Which rate makes the same steps as before?",
        "number",
        lambda: LR * step("mean") / step("sum"),
        (
            ("M20", lambda: LR),
            ("M20", lambda: LR * step("sum") / step("mean")),
            ("M20", lambda: LR / math.sqrt(BATCH)),
        ),
        "How many times as large is the gradient of the sum?",
        "The gradient grows with the number of samples, so the rate has to shrink by it.",
    ),
    Exercise(
        "06.floor",
        "Ten classes. Softmax is applied first, and its output goes into cross_entropy. What is the smallest loss that "
        "this can ever show, even when every answer is certain and right?",
        "number",
        lambda: floor(np.eye(CLASSES)),
        (
            ("twice", lambda: 0.0),
            ("guess", lambda: floor(np.zeros((CLASSES, CLASSES)))),
            ("three", lambda: float(OPS["cross_entropy"](np.eye(3), np.arange(3)))),
        ),
        "A certain and right answer is a 1 among zeros. What does cross_entropy make of these as scores?",
        "The right class gets e / (e + 9) at most, and minus its logarithm is the floor.",
    ),
)
