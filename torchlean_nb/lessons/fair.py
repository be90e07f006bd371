"""Exercises of lesson C1: the fair race."""

from functools import cache

import numpy as np

from torchlean_nb.lessons.row import Exercise
from torchlean_nb.race.contenders import contenders
from torchlean_nb.race.fair import fair
from torchlean_nb.race.fair_grid import longer
from torchlean_nb.trace import judging
from torchlean_nb.trace.contest import Contest, Entry

# Rows are rates, columns seeds.
LOSSES = np.array([[0.30, 0.23, 0.90, 0.41], [0.22, 0.36, 0.25, 0.53], [0.16, 2.00, 0.40, 0.37]])
RATES, ENDS, RATIO = np.array([0.02, 0.06, 0.18, 0.54]), np.array([0.93, 0.51, 0.33, 0.29]), 3.0
ONE, TWO = np.array([0.21, 0.25, 0.22, 0.30]), np.array([0.24, 0.23, 0.27, 0.33])
SURFACES = ["sphere", "booth", "beale", "himmelblau", "rastrigin", "ackley"]


@cache
def leader(problem: str) -> str:
    """Who has the lowest loss when everybody gets the rate 0.001."""
    found = fair(["sgd", "momentum", "adam"], on=problem, lr=[0.001], seeds=1)
    return next(iter(found[problem].ranking()))


def next_rate(ends: np.ndarray) -> float:
    """Where the grid goes on."""
    curves = np.stack([np.full(4, 9.0), ends], axis=1)[:, None]
    row = Entry("sgd", "sgd", RATES, curves, np.full((4, 1), -1), np.full((4, 1), 5))
    grown = longer([row], contenders(["sgd"]), RATIO, common=False)[0]
    return float(next(rate for rate in grown if rate not in RATES))


def place(a: np.ndarray, b: np.ndarray) -> str:
    """Place of the first of two contenders."""
    first, second = judging.ranks([a, b])
    return "shared" if first == second else "alone" if first < second else "behind"


@cache
def contests(extend: bool) -> tuple[Contest, ...]:
    """Momentum against Adam on six surfaces."""
    return fair(["momentum", "adam"], on=SURFACES, extend=extend).contests


def ahead(extend: bool = True, alone: bool = True) -> int:
    """On how many of the surfaces momentum is first."""
    places = [c.ranking() for c in contests(extend)]
    return sum(p["momentum"] < p["adam"] if alone else next(iter(p)) == "momentum" for p in places)


ROWS = (
    Exercise(
        "C1.same",
        "SGD, momentum and Adam all get the rate 0.001, and five epochs of the digits. Whose loss is lowest?",
        "choice",
        lambda: leader("digits_mlp"),
        (("M26", lambda: leader("rosenbrock")),),
        "How far can a weight move in 215 steps of 0.001, when a step is the rate times a small gradient? And how far "
        "when the gradient's size has been divided out?",
        "One number for all is not the same chance for all: a rate means something else in each rule.",
        words={"sgd": "plain SGD", "momentum": "SGD with momentum", "adam": "Adam"},
    ),
    Exercise(
        "C1.best",
        "Three rates, four seeds each. The losses at the first rate are 0.30, 0.23, 0.90, 0.41, at the second "
        "0.22, 0.36, 0.25, 0.53, at the third 0.16, 2.00, 0.40, 0.37. Which number stands for this contender?",
        "number",
        lambda: float(np.median(judging.per_seed(LOSSES, "best"))),
        (
            ("luck", lambda: float(LOSSES.min())),
            ("anew", lambda: float(np.median(LOSSES.min(axis=0)))),
            ("outlier", lambda: float(LOSSES.mean(axis=1).min())),
            ("pooled", lambda: float(np.median(LOSSES))),
            ("pooled", lambda: float(np.median(np.median(LOSSES, axis=1)))),
        ),
        "First one number for each rate, the one in the middle of its seeds. Of four numbers, the middle lies halfway "
        "between the second and the third. Then the best of these.",
        "The median over the seeds at the best rate. One lucky run does not make it better, one unlucky run not worse.",
    ),
    Exercise(
        "C1.edge",
        "Rates three times apart, 0.02, 0.06, 0.18, 0.54, end with the losses 0.93, 0.51, 0.33, 0.29. The search is "
        "not over. Which rate comes next?",
        "number",
        lambda: next_rate(ENDS),
        (
            ("rim", lambda: float(RATES[ENDS.argmin()])),
            ("wrongend", lambda: next_rate(ENDS[::-1])),
            ("finer", lambda: float(np.sqrt(RATES[-1] * RATES[-2]))),
        ),
        "Where do the losses still fall when the grid ends?",
        "A minimum is found when the losses rise on both sides of it.",
    ),
    Exercise(
        "C1.place",
        "With four seeds the losses of A are 0.21, 0.25, 0.22, 0.30, those of B, seed by seed, 0.24, 0.23, 0.27, 0.33. "
        "Which place does A get?",
        "choice",
        lambda: place(ONE, TWO),
        (
            ("lowermedian", lambda: place(np.sort(ONE), np.sort(TWO))),
            ("backwards", lambda: place(TWO + 0.1, ONE)),
        ),
        "Both had the same first parameters and the same batches with each seed. Compare seed by seed.",
        "In one of the seeds B is ahead. Four seeds that do not agree are no reason to put one above the other.",
        words={"alone": "the first, alone", "shared": "the first, shared with B", "behind": "the second"},
    ),
    Exercise(
        "C1.toy",
        "Momentum and Adam on sphere, booth, beale, himmelblau, rastrigin and ackley, as `tl.race.fair` does it, with "
        "grids that are extended until nobody is on an edge. On how many of the six is momentum first alone?",
        "number",
        ahead,
        (
            ("M26", lambda: len(SURFACES)),
            ("rim", lambda: ahead(extend=False)),
            ("lowermedian", lambda: ahead(alone=False)),
        ),
        'Let it run: `tl.race.fair(["momentum", "adam"], on=[...], extend=True)`. A sign = behind a place says that it '
        "is shared.",
        "It led on Rosenbrock. A valley is not a bowl, and neither is a network.",
        exact=True,
    ),
)
