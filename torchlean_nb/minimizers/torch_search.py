"""PyTorch's strong-Wolfe search, trial by trial as ``torch.optim.LBFGS`` makes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.minimizers.algebra import largest
from torchlean_nb.minimizers.asking import Asking, Point
from torchlean_nb.minimizers.searches import SEARCHES, Ray, Search, Trial, cubic_minimum


def torch_wolfe(
    at: Point, d: np.ndarray, *, t: Any = 1.0, c1: Any = 1e-4, c2: Any = 0.9, tolerance_change: Any = 1e-9,
    max_trials: int = 25,
) -> Asking:
    """Strong Wolfe with PyTorch's rules: steps at most tenfold longer, a bracket refined by cubics.

    When `max_trials` run out it returns the lowest end, which may be step 0.

    Parameters
    ----------
    at : Point
    d : ndarray, shape (n,)
    t : float
        First trial.
    c1, c2 : float
    tolerance_change : float
        Length of the bracket, times the largest element of `d`, below which it ends.
    max_trials : int
        Beyond the first.
    """
    ray = Ray(at, d)
    start = previous = ray.start
    _, f0, slope0, _ = start
    here = yield from ray.ask(t)
    trials, used, done, ends = [], 0, False, [start, here]

    def too_high(end: Any) -> bool:
        return end[1] > f0 + c1 * end[0] * slope0

    def flat(end: Any) -> bool:
        return abs(end[2]) <= -c2 * slope0

    def note(verdict: str) -> None:
        trials.append(Trial(*here[:3], verdict, tuple(sorted(e[0] for e in ends)) if len(ends) > 1 else ()))

    while used < max_trials:
        if too_high(here) or (used > 1 and here[1] >= previous[1]):
            ends = [previous, here]
            note("too high, a minimum lies before")
        elif flat(here):
            ends, done = [here], True
            note("low and flat enough")
        elif here[2] >= 0:
            ends = [previous, here]
            note("rising, a minimum lies before")
        else:
            ends = [start, here]
            note("still falling, longer")
            bounds = here[0] + 0.01 * (here[0] - previous[0]), here[0] * 10
            t, previous = _inside(previous, here, *bounds), here
            here = yield from ray.ask(t)
            used += 1
            ends = [start, here]
            continue
        break
    else:
        note("trials used up")
    low = 0 if ends[0][1] <= ends[-1][1] else 1
    stuck = False
    while not done and used < max_trials:
        left, right = sorted((ends[0][0], ends[1][0]))
        if (right - left) * largest(d) < tolerance_change:
            break
        t, stuck = _kept_off(_inside(*ends, left, right), left, right, stuck)
        here = yield from ray.ask(t)
        used += 1
        if too_high(here) or here[1] >= ends[low][1]:
            ends[1 - low] = here
            low = 0 if ends[0][1] <= ends[1][1] else 1
            note("too high, becomes the high end")
            continue
        done = bool(flat(here))
        if not done and here[2] * (ends[1 - low][0] - ends[low][0]) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = here
        note("low and flat enough" if done else "lower, becomes the low end")
    t, _, _, p = ends[low]
    return Search(t, p, tuple(trials), done, "strong Wolfe conditions" if done else "the lowest end of the bracket")


def _inside(one: Any, two: Any, low: Any, high: Any) -> Any:
    """Minimizer of the cubic through two ends, kept between bounds; their middle where there is none."""
    t = cubic_minimum(*one[:3], *two[:3])
    return (low + high) / 2 if t is None else min(max(t, low), high)


def _kept_off(t: Any, left: Any, right: Any, stuck: bool) -> tuple[Any, bool]:
    """A trial close to an end is moved a tenth of the bracket inside, the second time or when it is the end."""
    margin = 0.1 * (right - left)
    if not min(right - t, t - left) < margin:
        return t, False
    if not (stuck or t >= right or t <= left):
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False


SEARCHES["torch"] = torch_wolfe
