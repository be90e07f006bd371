"""Algorithms that ask: generators that yield a point to be evaluated and are sent what is known there.

An algorithm never calls the function. ``point = yield Evaluate(x)`` hands control to whoever drives it:
a loop over a function of Tensors, a torch-shaped class with a closure, an animation, a test with
fractions. All of them run the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of, host


@dataclass(frozen=True, eq=False)
class Evaluate:
    """The question what is known at `x`.

    Parameters
    ----------
    x : ndarray, shape (n,)
    want : tuple of str
        Of ``"value"``, ``"gradient"``, ``"hessian"``, ``"residuals"``, ``"jacobian"``.
    example : int, optional
        The term of a finite sum that is meant, instead of the whole.
    """

    x: np.ndarray
    want: tuple[str, ...] = ("value", "gradient")
    example: int | None = None


@dataclass(frozen=True, eq=False)
class Point:
    """The answer: what is known at `x`; None is not known."""

    x: np.ndarray
    value: Any = None
    gradient: np.ndarray | None = None
    hessian: np.ndarray | None = None
    residuals: np.ndarray | None = None
    jacobian: np.ndarray | None = None
    example: int | None = None

    def knows(self, want: tuple[str, ...]) -> bool:
        """Whether all of `want` is known."""
        return all(getattr(self, w) is not None for w in want)


@dataclass(frozen=True, eq=False)
class Step:
    """One iteration: where it began, its named terms in order, where it led, every point it evaluated."""

    number: int
    before: Point
    terms: Mapping[str, Any]
    after: Point
    asked: tuple[Point, ...] = field(default=(), repr=False)

    @property
    def stop(self) -> str:
        """Why the method cannot or need not go on; empty when it can."""
        return self.terms.get("stop", "")


class Fetched(Sequence[Step]):
    """Steps whose arrays live on a device: one that is looked at comes to the host, with all that is in it.

    Parameters
    ----------
    there : tuple of Step
    """

    def __init__(self, there: Sequence[Step]):
        self.there = there
        self._points: dict[int, Point] = {}  # by the one on the device: where a step ends, the next begins

    def __len__(self) -> int:
        return len(self.there)

    def __getitem__(self, i: Any) -> Any:
        found = self.there[i]
        return tuple(self._step(s) for s in found) if isinstance(i, slice) else self._step(found)

    def _step(self, s: Step) -> Step:
        terms = {k: self._term(v) for k, v in s.terms.items()}
        before, after, *asked = map(self._point, (s.before, s.after, *s.asked))
        return replace(s, before=before, terms=terms, after=after, asked=tuple(asked))

    def _point(self, p: Point) -> Point:
        if id(p) not in self._points:
            self._points[id(p)] = at_home(p)
        return self._points[id(p)]

    def _term(self, v: Any) -> Any:
        point = getattr(v, "point", None)  # of a line search
        return replace(v, point=self._point(point)) if isinstance(point, Point) else host(v)


def fetched(steps: Sequence[Step]) -> Sequence[Step]:
    """Steps with arrays of the host; the same ones where they have no others."""
    return steps if not steps or device_of(steps[0].after.x).lib is None else Fetched(steps)


def at_home(p: Point) -> Point:
    """The same point with arrays of the host."""
    return Point(**{k: host(v) for k, v in vars(p).items()})


Asking = Generator[Evaluate, Point, Any]


def drive(asking: Asking, evaluate: Callable[[Evaluate], Point]) -> Any:
    """Result of an algorithm, each of its questions answered by `evaluate`.

    Examples
    --------
    >>> import numpy as np
    >>> from torchlean_nb.minimizers import Evaluate, Point, drive
    >>> def slope_at_two():
    ...     point = yield Evaluate(np.array([2.0]))
    ...     return float(point.gradient[0])
    >>> drive(slope_at_two(), lambda ask: Point(ask.x, ask.x @ ask.x, 2 * ask.x))
    4.0
    """
    answer = None
    while True:
        try:
            request = asking.send(answer)
        except StopIteration as end:
            return end.value
        answer = evaluate(request)
