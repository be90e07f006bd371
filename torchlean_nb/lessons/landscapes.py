"""Exercises of lesson 16: planes through a loss, and what they leave out."""

from functools import cache

import numpy as np

from torchlean_nb import landscape, nn
from torchlean_nb.data import moons
from torchlean_nb.engine import Session, hessian
from torchlean_nb.landscape import rescalings
from torchlean_nb.landscape.directions import filter_normalised, projected
from torchlean_nb.lessons.row import Exercise

MANY = 5000


def in_a_random_plane(parameters: int, directions: int = 2) -> float:
    """Expected share of a vector's squared length: that of all directions together is 1, and they are alike."""
    return directions / parameters


AWAY, SPOT = 5.0, np.array([3.2, 1.6])


def dropped() -> float:
    """Length of the drop-line of a point 5 from the origin that is seen at (3.2, 1.6)."""
    rest = np.sqrt(AWAY**2 - SPOT @ SPOT)
    return float(projected(np.array([[*SPOT, rest]]), np.eye(3)[:2])[1][0])


def bend(c: float) -> float:
    """Curvature in the first weight of two in a row, after it was multiplied by c and the second divided."""
    x, t = 1.0, 2.0
    return float(hessian(lambda w: (w * (3.0 / c) * x - t) ** 2)(np.array(2.0 * c)))


WEIGHTS, DIRECTION = np.array([[6.0, 8.0], [0.5, 1.2]]), np.array([[1.0, 2.0], [2.0, 1.0]])


def first_row(how: str) -> list[tuple[float, float]]:
    """First row of the direction, made as long as the weights: row by row, as a whole, entry by entry, or a unit."""
    if how == "filter":
        scaled = filter_normalised(DIRECTION.ravel(), WEIGHTS.ravel(), {"W": (2, 2)}).reshape(2, 2)
    elif how == "whole":
        scaled = DIRECTION * np.linalg.norm(WEIGHTS) / np.linalg.norm(DIRECTION)
    elif how == "columns":
        scaled = DIRECTION * np.linalg.norm(WEIGHTS, axis=0) / np.linalg.norm(DIRECTION, axis=0)
    else:
        scaled = DIRECTION / np.linalg.norm(DIRECTION, axis=1, keepdims=True)
    return [tuple(scaled[0].tolist())]


@cache
def comparable() -> str:
    """Which picture stays the same when a network is written with other weights."""
    net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2)).bind(Session(), seed=0)
    at = landscape.Objective(net, moons(40), loss="cross_entropy")
    rows = [rescalings(at, factors=(1, 10), seed=s, points=5) for s in range(4)]
    changes = {
        "raw": abs(rows[0][1].raw - rows[0][0].raw).max(),
        "seeds": abs(np.mean([b.raw - a.raw for a, b in rows], axis=0)).max(),
        "normalised": abs(rows[0][1].normalised - rows[0][0].normalised).max(),
    }
    return min(changes, key=changes.__getitem__)


ROWS = (
    Exercise(
        "16.random",
        "A network has 5000 parameters. Its training went somewhere, and you look at a plane of two random directions. "
        "Which share of the path's variance do you expect to see in it, as a number between 0 and 1?",
        "number",
        lambda: in_a_random_plane(MANY),
        (
            ("M21", lambda: 1.0),
            ("oneaxis", lambda: in_a_random_plane(MANY, directions=1)),
            ("share", lambda: in_a_random_plane(MANY) ** 0.5),
        ),
        "All directions together have all of the variance, and no random one is better than another.",
        "Two directions among so many get two parts of the whole. A random plane shows almost nothing of the way.",
    ),
    Exercise(
        "16.drop",
        "At some step the parameters are at a distance of 5 from their end. In a plane through the end, with two unit "
        "directions at right angles, that point is drawn at (3.2, 1.6). How far from the plane is it?",
        "number",
        dropped,
        (
            ("M21", lambda: 0.0),
            ("pythagoras", lambda: AWAY - float(np.linalg.norm(SPOT))),
            ("pythagoras", lambda: AWAY - float(SPOT.sum())),
            ("seen", lambda: float(np.linalg.norm(SPOT))),
        ),
        "The drop-line is at right angles to the plane. Which theorem is that?",
        "Squares add up: that of the distance is those of the two coordinates and of the drop-line.",
    ),
    Exercise(
        "16.bent",
        "L = (w2 * w1 * x - t)**2 with w1 = 2, w2 = 3, x = 1, t = 2. Its curvature in w1 is 18. Now w1 is multiplied "
        "by 4 and w2 divided by 4. What is the curvature in w1?",
        "number",
        lambda: bend(4.0),
        (
            ("invariant", lambda: bend(1.0)),
            ("once", lambda: bend(2.0)),
            ("upwards", lambda: bend(0.25)),
        ),
        "Write down the second derivative in w1: which power of w2 is in it?",
        "The function is the same and the loss is the same; the valley is four times wider, so it bends 16 times less.",
    ),
    Exercise(
        "16.filter",
        "Weights [[6, 8], [0.5, 1.2]], one row for each unit, and a random direction [[1, 2], [2, 1]]. What is the "
        "first row of the direction after filter normalisation?",
        "list",
        lambda: first_row("filter"),
        (
            ("whole", lambda: first_row("whole")),
            ("whole", lambda: first_row("columns")),
            ("unitrow", lambda: first_row("unit")),
        ),
        "How long is the first row of the weights, and how long that of the direction?",
        "Each row of the direction becomes as long as the row of the weights that it moves.",
        size=2,
    ),
    Exercise(
        "16.sharp",
        "Two networks for the same data; in your plots the minimum of the first is much sharper. Which plots can be "
        "compared?",
        "choice",
        comparable,
        (("M21", lambda: "raw"), ("average", lambda: "seeds")),
        "One of them must not change when a network is only written with other weights.",
        "Rescaling makes raw pictures as sharp as you like, for any seed; normalised ones stay the same.",
        words={
            "raw": "both along the same random directions, over the same range",
            "seeds": "raw ones, averaged over many random directions",
            "normalised": "along random directions, filter by filter as long as the weights",
        },
    ),
)
