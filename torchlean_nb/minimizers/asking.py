"""Algorithms that ask: generators that yield a point to be evaluated and are sent what is known there.

An algorithm never calls the function. ``point = yield Evaluate(x)`` hands control to whoever drives it:
a loop over a function of Tensors, a torch-shaped class with a closure, an animation, a test with
fractions. All of them run the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


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
