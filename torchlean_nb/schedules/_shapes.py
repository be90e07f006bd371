"""Ways from one value to another, without cancellation, and the hyperparameters that many rows share.

A way takes what is `done` and what is `left`, not their ratio: at the far end ``1 - done/total`` would have lost
the digits that ``left/total`` still has. In the same spirit half the cosine is ``sin^2`` of what is left of the
half angle, where ``(1 + cos)/2`` would subtract two almost equal numbers.
"""

from __future__ import annotations

import math
from typing import Any

from torchlean_nb.errors import HyperparameterTypeError, quote
from torchlean_nb.hypers import REQUIRED, Hyper

BASE = Hyper(REQUIRED, r"\eta", 0.0, log=True)
MINIMUM = Hyper(0.0, r"\eta_{\min}", 0.0, log=True)
MAXIMUM = Hyper(REQUIRED, r"\eta_{\max}", 0.0, log=True)
END = Hyper(0.0, r"\eta_{T}", 0.0, log=True)
START = Hyper(0.0, r"\eta_{0}", 0.0, log=True)
GAMMA = Hyper(REQUIRED, r"\gamma", 0.0, open_low=True)
TOTAL = Hyper(REQUIRED, "T", 1, kind="int", log=True)
WARMUP = Hyper(REQUIRED, "W", 0, kind="int")
BEGIN = Hyper(0, "B", 0, kind="int")
POWER = Hyper(1.0, "p", 0.0)
FRACTION = Hyper(0.3, r"\varphi", 0.0, 1.0)
DIV = Hyper(25.0, "d", 0.0, open_low=True)
FINAL_DIV = Hyper(1e4, "f", 0.0, open_low=True)
WAY = Hyper("cos", kind="choice", choices=("cos", "linear"))
ANY = Hyper(REQUIRED, kind="any")


def fall(done: float, left: float) -> float:
    r"""Half a cosine from 1 to 0: :math:`\cos^2(\frac{\pi}{2} \cdot done/(done + left))`."""
    return fallen(done, left, 1)


def fallen(done: float, left: float, power: float) -> float:
    """The same to a power, with one rounding less than a power of it has."""
    return 0.5**power if done == left else math.sin(math.pi * left / (2 * (done + left))) ** (2 * power)


def wave(a: float, b: float, done: float, left: float) -> float:
    """From `a` to `b` along half a cosine."""
    return a * fall(done, left) + b * fall(left, done)


def line(a: float, b: float, done: float, left: float) -> float:
    """From `a` to `b` along a straight line."""
    return (a * left + b * done) / (done + left)


WAYS = {"cos": wave, "linear": line}


def bend(a: float, b: float, done: float, left: float, power: float) -> float:
    """From `a` to `b` along ``(left/total)**power``; the part of `b` is not taken as a difference from 1."""
    if power == 1 or not left:
        return line(a, b, done, left)
    total = done + left
    return a * (left / total) ** power + b * complement(left / total, done / total, power)


def complement(w: float, v: float, power: float) -> float:
    """``1 - w**power`` where ``v = 1 - w`` is known better than by subtraction."""
    return 1 - w**power if w < v else -math.expm1(power * math.log1p(-v))


def root(r: float, k: int, n: int, error: float = 0.0) -> float:
    """``(r * (1 + error))**(k/n)`` as if the exponent were not rounded."""
    whole, part = divmod(k, n)
    f = part / n
    p, q = f.as_integer_ratio()
    rest = (part * q - p * n) / (n * q)
    return r**whole * r**f * (1 + math.log(r) * rest + error * k / n)


def ascending(values: dict[str, Any], fail: Any, name: str, low: int = 1) -> None:
    """Put a tuple of ascending whole numbers in place of a user's list."""
    given = values[name]
    if not isinstance(given, (list, tuple)) or not given:
        raise fail(name, "must be a list of ints that is not empty")
    for m in given:
        Hyper(kind="int", low=low).check(name, "an entry", m)
    if len(set(given)) < len(given):
        raise fail(name, "must not hold duplicates")
    if list(given) != sorted(given):
        raise fail(name, "must be increasing")
    values[name] = tuple(int(m) for m in given)


def callable_(values: dict[str, Any], fail: Any, name: str) -> None:
    """Refuse what cannot be called."""
    if not callable(values[name]):
        raise fail(name, "must be a function of the step")


def number(owner: str, f: Any, k: int) -> Any:
    """What a user's function says of a step.

    Raises
    ------
    HyperparameterTypeError
        When that is no number.
    """
    value = f(k)
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        float(value)
    except (TypeError, ValueError):
        raise HyperparameterTypeError(
            f"{owner}: the function gives {quote(value, 60)} at step {k}", "it must give a number at every step"
        ) from None
    except OverflowError:  # an int beyond all floats: a number, and its reader says that it is not finite
        pass
    return value


def shorter(values: dict[str, Any], fail: Any) -> None:
    """Refuse a warmup that leaves no step for what follows."""
    if values["warmup"] >= values["total"]:
        raise fail("warmup", f"must be < {{total}}, which is {values['total']}")
