"""Exercises of lesson 12: noise, batches, clipping."""

import math
from collections.abc import Callable

import numpy as np

from torchlean_nb.engine import Session
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.rows import OPS
from torchlean_nb.shells.clip import clip_by_norm, clip_grad_norm, clip_grad_value

KNOWN, SMALL, LARGE = 7.0, 9, 225
GRADIENTS, LIMIT = {"w": np.array([1.0, 4.0]), "b": np.array([8.0])}, 3.6
STEEP = np.array([0.5, 300.0])


def off(size: int) -> float:
    """How far batches of a size are off, when each error is one of two opposite ones by chance."""
    one = KNOWN * math.sqrt(SMALL)
    ways = [math.comb(size, k) for k in range(size + 1)]
    square = sum(n * ((2 * k - size) / size) ** 2 for k, n in enumerate(ways)) / 2**size
    return one * math.sqrt(square)


def turned(cut: Callable[..., dict[str, np.ndarray]]) -> float:
    """Degrees between the steep gradient and what clipping makes of it."""
    a, b = STEEP, cut({"w": STEEP}, 1.0)["w"]
    return math.degrees(abs(math.atan2(a[0] * b[1] - a[1] * b[0], float(a @ b))))


def numbers(clipped: dict[str, np.ndarray]) -> list[list[float]]:
    """Both gradients as one list."""
    return [[*clipped["w"].tolist(), *clipped["b"].tolist()]]


def fastest(scale: float) -> float:
    """Largest rate for a mean of squares whose steepest curvature is 8 when `scale` is 1."""
    X = np.diag([math.sqrt(8.0), 1.0]) * scale
    return 2 / float(np.linalg.eigvalsh(2 * X.T @ X / 2).max())


def pull(clip: float | None) -> float:
    """Gradient of a sample whose loss is 7, clipped or not."""
    s = Session()
    w = s.param(math.sqrt(7.0), name="w")
    loss = w**2 if clip is None else OPS["minimum"](w**2, clip)
    return float(s.backward(loss)[w])


def what_is_left() -> str:
    """What a clipped loss still sends."""
    share = pull(1.0) / pull(None)
    return "none" if share == 0 else "same" if share == 1 else "shorter"


ROWS = (
    Exercise(
        "12.batch",
        "Gradients of batches of 9 samples are off by 7 (rms). By how much are those of batches of 225?",
        "number",
        lambda: off(LARGE),
        (
            ("noise", lambda: KNOWN * SMALL / LARGE),
            ("noise", lambda: KNOWN),
            ("noise", lambda: KNOWN * math.sqrt(LARGE / SMALL)),
            ("noise", lambda: KNOWN * LARGE / SMALL),
        ),
        "25 times as many samples. If one error is too large and another too small, what is left of them in the mean?",
        "25 times the work for a fifth of the noise.",
    ),
    Exercise(
        "12.norm",
        "The gradient of w is [1, 4], that of b is [8]. Both are clipped by their norm at 3.6, as PyTorch does it. "
        "What are the three numbers then?",
        "list",
        lambda: numbers(clip_grad_norm(GRADIENTS, LIMIT)),
        (
            ("each", lambda: numbers(clip_by_norm(GRADIENTS, LIMIT))),
            ("M22", lambda: numbers(clip_grad_value(GRADIENTS, LIMIT))),
            ("length", lambda: [[g * LIMIT / sum(numbers(GRADIENTS)[0]) for g in numbers(GRADIENTS)[0]]]),
        ),
        "All gradients are one long arrow. How long is it, and how long may it be?",
        "The whole arrow is 9 long and may be 3.6: all three numbers shrink by the same factor.",
        size=3,
    ),
    Exercise(
        "12.rate",
        "The largest learning rate that works is 0.25. Then all inputs are given in other units, which makes them "
        "three times as large. What is the largest rate now?",
        "number",
        lambda: fastest(3.0),
        (
            ("squared", lambda: fastest(1.0)),
            ("squared", lambda: fastest(math.sqrt(3.0))),
            ("squared", lambda: fastest(1 / 3)),
            ("squared", lambda: fastest(1 / math.sqrt(3.0))),
        ),
        "The curvature of squared error is made of products of two inputs. The largest rate is 2 over the curvature.",
        "Nine times as steep: units of the data decide what a learning rate means.",
    ),
    Exercise(
        "12.loss",
        "The losses of the samples are clipped at 1. What gradient does a sample send whose loss is 7?",
        "choice",
        what_is_left,
        (("cutloss", lambda: "shorter"), ("cutloss", lambda: "same")),
        "Move a weight by a hair. The loss was 7 and is 7.01. What does the clipped loss do?",
        "A clipped loss is flat out there. The samples that are worst are not tamed, they are silenced.",
        words={"none": "none at all", "shorter": "one that is shorter", "same": "the same as before"},
    ),
    Exercise(
        "12.turn",
        "The gradient is (0.5, 300). Every coordinate is clipped to between -1 and 1. By how many degrees does the "
        "step turn?",
        "number",
        lambda: turned(clip_grad_value),
        (
            ("M22", lambda: turned(clip_grad_norm)),
            ("inside", lambda: turned(lambda g, limit: {"w": np.sign(g["w"]) * limit})),
            ("leans", lambda: math.degrees(math.atan2(*clip_grad_value({"w": STEEP}, 1.0)["w"][::-1]))),
            ("degrees", lambda: math.radians(turned(clip_grad_value))),
            ("degrees", lambda: math.cos(math.radians(turned(clip_grad_value)))),
        ),
        "Draw both arrows. The angle of an arrow is the arctangent of its second coordinate over the first.",
        "The large coordinate is cut down and the small one is left alone, so the arrow leans over to the small one.",
    ),
)
