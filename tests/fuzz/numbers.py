"""Numbers of the oracle: fractions, and fractions that know their slopes. No rule of the toolkit is used.

An op of the oracle is a plain function of object arrays. Of arrays of `Fraction` it gives values; of arrays of `Slope`
it also gives the exact Jacobian, so that no derivative is written down twice, or at all.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

# Numbers that fit here are exact in float64, and so are sums and products of a few dozen of them in any order.
LARGEST, FINEST = 2**12, 2**6
ROOM = 2**46  # of a sweep: the sum of all terms in units of the finest of them


class Slope:
    """A number with its partial derivatives, by the number of the variable."""

    __slots__ = ("d", "v")

    def __init__(self, v: Any, d: dict[int, Any]):
        self.v, self.d = v, d

    def __add__(self, other: Any) -> Slope:
        if not isinstance(other, Slope):
            return Slope(self.v + other, self.d)
        d = dict(self.d)
        for k, s in other.d.items():
            d[k] = d[k] + s if k in d else s
        return Slope(self.v + other.v, d)

    def __mul__(self, other: Any) -> Slope:
        if not isinstance(other, Slope):
            return Slope(self.v * other, {k: s * other for k, s in self.d.items()})
        return Slope(self.v * other.v, {k: s * other.v for k, s in self.d.items()}) + Slope(
            0, {k: s * self.v for k, s in other.d.items()}
        )

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Slope:
        return self * -1

    def __sub__(self, other: Any) -> Slope:
        return self + -1 * other

    def __rsub__(self, other: Any) -> Slope:
        return -1 * self + other

    def __truediv__(self, other: Any) -> Slope:
        return self * (Fraction(1) / other)

    def __rtruediv__(self, other: Any) -> Slope:
        y = Fraction(other) / self.v
        return Slope(y, {k: -s * y / self.v for k, s in self.d.items()})

    def __gt__(self, other: Any) -> bool:
        return self.v > plain(other)

    def __lt__(self, other: Any) -> bool:
        return self.v < plain(other)

    def __ge__(self, other: Any) -> bool:
        return self.v >= plain(other)

    def __le__(self, other: Any) -> bool:
        return self.v <= plain(other)

    def __eq__(self, other: object) -> bool:
        return self.v == plain(other)

    __hash__ = None


def plain(x: Any) -> Any:
    """A number without its slopes."""
    return x.v if isinstance(x, Slope) else x


def fractions(a: Any) -> np.ndarray:
    """Array of fractions with the values of an array of floats."""
    a = np.asarray(a)
    out = np.empty(a.shape, object)
    out.reshape(-1)[:] = [Fraction(x) for x in a.ravel().tolist()]
    return out


def boxed(a: Any) -> np.ndarray:
    """Object array of what NumPy may have handed back as a bare number."""
    if isinstance(a, np.ndarray):
        return a
    out = np.empty((), object)
    out[()] = a
    return out


def floats(a: np.ndarray) -> np.ndarray:
    """The nearest floats; of small numbers they are equal to the fractions."""
    return np.array([float(x) for x in a.ravel()], dtype=np.float64).reshape(a.shape)


def small(a: np.ndarray) -> bool:
    """Whether all numbers are far from where floats begin to round."""
    return all(abs(x) <= LARGEST and binary(x) <= FINEST for x in a.ravel())


def binary(x: Any) -> float:
    """The denominator; of thirds and their like, which no float equals, infinity."""
    d = Fraction(x).denominator
    return d if d & (d - 1) == 0 else float("inf")


def variables(a: np.ndarray, first: int) -> np.ndarray:
    """The array with a variable for each element, numbered from `first`."""
    out = np.empty(a.shape, object)
    out.reshape(-1)[:] = [Slope(v, {first + k: Fraction(1)}) for k, v in enumerate(a.ravel())]
    return out


class TooLargeError(ArithmeticError):
    """Floats might round here: no equality is asked of them."""


def pulled(f: Any, xs: list[np.ndarray], wanted: list[bool], g: np.ndarray) -> list[np.ndarray | None]:
    """``g`` pulled back through ``f`` to the arguments that are wanted."""
    args, starts, n = [], [], 0
    for x, want in zip(xs, wanted, strict=True):
        starts.append(n)
        args.append(variables(x, n) if want else x)
        n += x.size if want else 0
    total, size, finest = [Fraction(0)] * n, [Fraction(0)] * n, 1
    for y, up in zip(boxed(f(*args)).ravel(), g.ravel(), strict=True):
        if isinstance(y, Slope) and up:
            for k, slope in y.d.items():
                term = slope * up
                total[k] += term
                size[k] += abs(term)
                finest = max(finest, binary(term))
    if finest > ROOM or max(size, default=0) * finest > ROOM:
        raise TooLargeError
    out: list[np.ndarray | None] = []
    for x, want, start in zip(xs, wanted, starts, strict=True):
        part = None
        if want:
            part = np.empty(x.shape, object)
            part.reshape(-1)[:] = total[start : start + x.size]
        out.append(part)
    return out
