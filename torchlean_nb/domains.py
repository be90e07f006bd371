"""Where an op is defined, and inputs to try it on.

A `Domain` says which numbers an argument may take, words the complaint when one does not, and
draws test inputs: spread-out reals that keep away from ties and kinks, or small integers on
which float64 arithmetic is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from torchlean_nb.copies import Row


@dataclass(frozen=True)
class Domain(Row):
    """A set of real numbers.

    Parameters
    ----------
    text : str
        As it stands in messages: ``"> 0"``.
    low, high : float
        Interval used for drawing and plotting.
    test : callable
        ``test(array) -> bool array``.
    ints : tuple of int
        Integers to draw from for exact laws.
    """

    text: str
    low: float = -2.0
    high: float = 2.0
    test: Callable[[Any], Any] = field(default=lambda x: np.isfinite(x), compare=False)
    ints: tuple[int, ...] = (-9, -7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 8)
    kind: str = "float"

    @classmethod
    def _named(cls, name: str) -> Any:
        return next((d for d in globals().values() if isinstance(d, Domain) and d.text == name), None)

    _key = property(lambda self: self.text)


REAL = Domain("any real number")
POSITIVE = Domain("> 0", 0.2, 3.0, lambda x: x > 0, (1, 2, 3, 4, 5, 6, 8, 9))
NONNEGATIVE = Domain(">= 0", 0.2, 3.0, lambda x: x >= 0, (1, 4, 9, 16, 25))
NONZERO = Domain("not 0", 0.3, 3.0, lambda x: x != 0, (-4, -2, -1, 1, 2, 4))
SYMMETRIC = Domain("in [-1, 1]", -0.9, 0.9, lambda x: abs(x) <= 1, (-1, 0, 1))
UNIT = Domain("in [0, 1]", 0.05, 0.95, lambda x: (x >= 0) & (x <= 1), (0, 1))
ABOVE_MINUS_ONE = Domain("> -1", -0.7, 3.0, lambda x: x > -1, (0, 1, 3, 7))
INDEX = Domain("an integer index", kind="index")
MASK = Domain("a boolean mask", kind="mask")


@dataclass(frozen=True)
class Arg:
    """One argument of a sample: a shape, and for indices their number."""

    shape: tuple[int, ...]
    high: int = 0

    def draw(self, domain: Domain, rng: np.random.Generator, integers: bool = False) -> np.ndarray:
        """An array from the domain; distinct values, so that no maximum is tied."""
        n = math.prod(self.shape)
        if domain.kind == "index":
            return rng.integers(0, self.high, self.shape)
        if domain.kind == "mask":
            return rng.integers(0, 2, self.shape).astype(bool)
        if integers:
            return rng.choice(np.array(domain.ints, dtype=np.float64), self.shape)
        step = (domain.high - domain.low) / (n + 1)
        grid = domain.low + step * (np.arange(n) + 0.55 + 0.2 * rng.random(n))
        return rng.permutation(grid).reshape(self.shape)


@dataclass(frozen=True)
class Sample:
    """Inputs for the laws: shapes and attributes; `values` gives the arrays outright."""

    args: tuple[Arg, ...]
    attrs: dict[str, Any]
    values: tuple[Any, ...] | None = None

    def draw(self, op: Any, seed: int = 0, integers: bool = False) -> tuple[np.ndarray, ...]:
        """Arrays for `op`."""
        if self.values is not None:
            return tuple(np.asarray(v) for v in self.values)
        rng = np.random.default_rng([seed, len(self.args), sum(map(sum, (a.shape for a in self.args)))])
        return tuple(a.draw(op.domain_of(i), rng, integers) for i, a in enumerate(self.args))

    def __str__(self) -> str:
        shapes = ", ".join(str(a.shape) for a in self.args) or "values"
        return shapes + "".join(f", {k}={v}" for k, v in self.attrs.items())


def S(*shapes: Any, **attrs: Any) -> Sample:
    """Sample from shapes (or `Arg`s) and attributes: ``S((2, 3), (3,), axis=0)``."""
    return Sample(tuple(s if isinstance(s, Arg) else Arg(tuple(s)) for s in shapes), attrs)


def idx(*shape: int, high: int) -> Arg:
    """Integer indices in ``[0, high)``."""
    return Arg(tuple(shape), high)
