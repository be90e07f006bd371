"""Line searches: how far to go along a direction, every trial recorded.

Each is a generator ``search(at, d, ...)`` that asks for points ``at.x + t d`` and returns a `Search`;
``line_search(f, x, d)`` runs one alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of, host
from torchlean_nb.errors import HyperparameterError, ShapeError, UnknownNameError, did_you_mean, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.minimizers.algebra import dot
from torchlean_nb.minimizers.asking import Asking, Evaluate, Point, drive


@dataclass(frozen=True)
class Trial:
    """A step length that was tried, what was found there, and what followed from it."""

    t: Any
    value: Any
    slope: Any
    verdict: str
    bracket: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Search:
    """Outcome of a line search: step length, Point there, all trials, whether its conditions hold."""

    t: Any
    point: Point
    trials: tuple[Trial, ...]
    found: bool
    why: str

    def to_text(self) -> str:
        """Table of the trials."""
        rows = [("t", "value", "slope", "bracket", "")]
        for r in self.trials:
            bracket = f"[{', '.join(f'{float(b):.6g}' for b in r.bracket)}]" if r.bracket else ""
            rows.append((*(f"{float(v):.8g}" for v in (r.t, r.value, r.slope)), bracket, r.verdict))
        wide = [max(len(r[i]) for r in rows) for i in range(5)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(r, wide, strict=True)).rstrip() for r in rows]
        return "\n".join([f"t = {float(self.t):.8g}: {self.why}", *lines])

    def __repr__(self) -> str:
        return self.to_text()


@dataclass(frozen=True, eq=False)
class Ray:
    """The function along a direction: a number to a number, with its slope."""

    at: Point
    d: np.ndarray

    @property
    def start(self) -> tuple[Any, Any, Any, Point]:
        """Step 0."""
        return 0.0, self.at.value, dot(self.at.gradient, self.d), self.at

    def ask(self, t: Any) -> Asking:
        """Step, value, slope and Point at `t`."""
        p = yield Evaluate(self.at.x + t * self.d)
        return t, p.value, dot(p.gradient, self.d), p

    def enough(self, t: Any, c1: Any) -> Any:
        """The highest value that is a sufficient decrease at `t`, up to the resolution of the numbers."""
        _, f0, slope0, _ = self.start
        return f0 + c1 * t * slope0 + self.noise

    @property
    def noise(self) -> Any:
        """Differences of values up to this are rounding; nothing for exact numbers."""
        f0 = self.at.value
        return 4 * np.finfo(np.result_type(f0)).eps * abs(f0) if isinstance(f0, float | np.floating) else 0

    def refused(self) -> Search | None:
        """The outcome where the direction does not lead down."""
        slope = dot(self.at.gradient, self.d)
        return None if slope < 0 else Search(0.0, self.at, (), False, f"no descent direction: slope {float(slope):.3g}")


def armijo(
    at: Point, d: np.ndarray, *, t: Any = 1.0, c1: Any = 1e-4, shrink: Any = 0.5, max_trials: int = 60
) -> Asking:
    """Backtracking: shorten the step until the value falls by at least `c1` of what the slope promises.

    Parameters
    ----------
    at : Point
        With value and gradient.
    d : ndarray, shape (n,)
    t : float
        First trial.
    c1, shrink : float
    max_trials : int
    """
    ray = Ray(at, d)
    if bad := ray.refused():
        return bad
    trials = []
    for _ in range(max_trials):
        t, f, slope, p = yield from ray.ask(t)
        # Written so that a NaN is too high.
        enough = bool(f <= ray.enough(t, c1))
        trials.append(Trial(t, f, slope, "low enough" if enough else "too high, shorter"))
        if enough:
            return Search(t, p, tuple(trials), True, "sufficient decrease")
        t = t * shrink
    return Search(0.0, at, tuple(trials), False, f"no sufficient decrease in {max_trials} trials")


def exact(at: Point, d: np.ndarray) -> Asking:
    """The minimizer along a direction of a quadratic, from the change of its slope over one step.

    Exact for quadratics only: there ``grad(x + d) - grad(x)`` is the Hessian times ``d``.
    """
    ray = Ray(at, d)
    if bad := ray.refused():
        return bad
    _, f0, slope0, _ = ray.start
    one, f1, slope1, p1 = yield from ray.ask(1)
    curvature = slope1 - slope0
    if not curvature > 0:
        return Search(0.0, at, (Trial(1, f1, slope1, "no curvature"),), False, "no minimum along the direction")
    t = -slope0 / curvature
    p = Point(at.x + t * d, f0 + t * slope0 / 2, at.gradient + t * (p1.gradient - at.gradient))
    trials = (Trial(one, f1, slope1, "gives the curvature"), Trial(t, p.value, dot(p.gradient, d), "the minimum"))
    return Search(t, p, trials, True, "minimum along the direction")


def strong_wolfe(
    at: Point, d: np.ndarray, *, t: Any = 1.0, c1: Any = 1e-4, c2: Any = 0.9, max_trials: int = 40
) -> Asking:
    """A step that lowers the value enough and flattens the slope enough: bracket, then zoom.

    Parameters
    ----------
    at : Point
    d : ndarray, shape (n,)
    t : float
        First trial.
    c1, c2 : float
        Sufficient decrease and curvature, ``0 < c1 < c2 < 1``.
    max_trials : int

    References
    ----------
    Nocedal and Wright 2006, algorithms 3.5 and 3.6
    """
    ray, trials = Ray(at, d), []
    if bad := ray.refused():
        return bad
    previous, slope0 = ray.start, ray.start[2]
    low = high = None
    while len(trials) < max_trials and high is None:
        here = yield from ray.ask(t)
        t, f, slope, p = here
        if not f <= ray.enough(t, c1) or (trials and f > previous[1] + ray.noise):
            low, high, verdict = previous, here, "too high, a minimum lies before"
        elif abs(slope) <= -c2 * slope0:
            trials.append(Trial(t, f, slope, "low and flat enough"))
            return Search(t, p, tuple(trials), True, "strong Wolfe conditions")
        elif slope >= 0:
            low, high, verdict = here, previous, "rising, a minimum lies before"
        else:
            verdict = "still falling, longer"
            previous, t = here, 2 * t
        trials.append(Trial(here[0], f, slope, verdict, _interval(low, high)))
    low = low or previous
    while len(trials) < max_trials and high is not None:
        here = yield from ray.ask(_between(low, high))
        t, f, slope, p = here
        if not f <= ray.enough(t, c1) or f > low[1] + ray.noise:
            high, verdict = here, "too high, becomes the high end"
        elif abs(slope) <= -c2 * slope0:
            trials.append(Trial(t, f, slope, "low and flat enough", _interval(low, high)))
            return Search(t, p, tuple(trials), True, "strong Wolfe conditions")
        else:
            high, verdict = (low if slope * (high[0] - low[0]) >= 0 else high), "lower, becomes the low end"
            low = here
        trials.append(Trial(t, f, slope, verdict, _interval(low, high)))
        if low[0] == high[0]:
            break
    return Search(low[0], low[3], tuple(trials), False, f"no strong Wolfe step in {len(trials)} trials")


def _interval(low: Any, high: Any) -> tuple[Any, ...]:
    return () if high is None else tuple(sorted((low[0], high[0])))


def _between(low: Any, high: Any) -> Any:
    """Minimizer of the cubic through both ends, kept off them by a tenth; the middle where there is none."""
    (a, fa, ga, _), (b, fb, gb, _) = low, high
    width = b - a
    with np.errstate(all="ignore"):
        t = cubic_minimum(a, fa, ga, b, fb, gb)
    near = sorted((a + 0.1 * width, b - 0.1 * width))
    return min(max(t, near[0]), near[1]) if t is not None and math.isfinite(t) else a + width / 2


def cubic_minimum(a: Any, fa: Any, ga: Any, b: Any, fb: Any, gb: Any) -> Any:
    """Minimizer of the cubic with these values and slopes at `a` and `b`; None where it has none.

    References
    ----------
    Nocedal and Wright 2006, equation 3.59
    """
    (a, fa, ga), (b, fb, gb) = ((a, fa, ga), (b, fb, gb)) if a <= b else ((b, fb, gb), (a, fa, ga))
    d1 = ga + gb - 3 * (fa - fb) / (a - b)
    square = d1 * d1 - ga * gb
    if not square >= 0:
        return None
    d2 = math.sqrt(square) if math.isfinite(square) else math.inf
    below = gb - ga + 2 * d2
    return b - (b - a) * ((gb + d2 - d1) / below) if below else None


SEARCHES: dict[str, Callable[..., Asking]] = {"armijo": armijo, "exact": exact, "strong_wolfe": strong_wolfe}
# Hyperparameters of the methods that search along a direction.
C1 = Hyper(1e-4, "c_1", 0.0, 1.0, open_low=True, open_high=True, log=True)
C2 = Hyper(0.9, "c_2", 0.0, 1.0, open_low=True, open_high=True)


def check_wolfe(h: Any) -> None:
    """Refuse constants for which a step with both conditions need not exist."""
    if h.c1 >= h.c2:
        raise HyperparameterError(
            f"line search: c1={h.c1}, c2={h.c2} is not allowed", "a step is sure to exist only for c1 < c2"
        )


def along(at: Point, d: np.ndarray, h: Any, t: Any) -> Asking:
    """The line search that the hyperparameters name."""
    if h.line_search == "exact":
        return (yield from exact(at, d))
    options = {"c1": h.c1} if h.line_search == "armijo" else {"c1": h.c1, "c2": h.c2}
    return (yield from SEARCHES[h.line_search](at, d, t=t, **options))


def line_search(
    f: Callable[[np.ndarray], Any], x: Any, d: Any = None, method: str = "strong_wolfe", **options: Any
) -> Search:
    """A line search alone, on a function that returns its value and gradient.

    Parameters
    ----------
    f : callable
        ``f(x) -> (value, gradient)``, ``tl.value_and_grad(f)`` for example.
    x : array, shape (n,)
    d : array, shape (n,), optional
        Direction; steepest descent without one.
    method : {"armijo", "exact", "strong_wolfe", "torch"}
    **options
        Of that search: ``t``, ``c1``, ``c2``, ...

    Examples
    --------
    >>> from torchlean_nb.minimizers import line_search
    >>> found = line_search(lambda x: (x @ x, 2 * x), [1.0, 2.0], method="exact")
    >>> float(found.t)
    0.5
    """
    if method not in SEARCHES:
        raise UnknownNameError(f"no line search named {quote(method)}", did_you_mean(str(method), SEARCHES))

    device = device_of(x)

    def evaluate(ask: Evaluate) -> Point:
        value, gradient = map(host, f(device.put(ask.x)))
        return Point(ask.x, value, np.asarray(gradient))

    at = evaluate(Evaluate(np.asarray(host(x))))
    d = -at.gradient if d is None else np.asarray(host(d))
    if d.shape != at.x.shape:
        raise ShapeError(f"line_search: a direction of shape {d.shape} at a point of shape {at.x.shape}")
    return drive(SEARCHES[method](at, d, **options), evaluate)
