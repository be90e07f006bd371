"""Hyperparameters: a default, a symbol, an allowed range, and the words for a value outside it."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError, did_you_mean, quote

REQUIRED = object()


@dataclass(frozen=True)
class Hyper:
    """One hyperparameter of an optimizer or a schedule.

    Parameters
    ----------
    default : object
        `REQUIRED` when there is none.
    symbol : str
        LaTeX.
    low, high : float
        Allowed interval.
    open_low, open_high : bool
        Whether an end is outside the interval.
    kind : {"float", "int", "bool", "choice", "any"}
    choices : tuple
        Of a choice.
    none : bool
        Whether None is a value.
    log : bool
        Whether sliders and grids are logarithmic.
    """

    default: Any = REQUIRED
    symbol: str = ""
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    kind: str = "float"
    choices: tuple[Any, ...] = ()
    none: bool = False
    log: bool = False

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.kind == "bool":
            text = "True or False"
        elif self.kind == "choice":
            text = "one of " + ", ".join(map(repr, self.choices))
        elif self.kind == "any":
            text = "anything"
        else:
            what = "an int" if self.kind == "int" else "a finite number"
            ends = [f"{'>' if self.open_low else '>='} {self.low:g}"] if self.low > -math.inf else []
            ends += [f"{'<' if self.open_high else '<='} {self.high:g}"] if self.high < math.inf else []
            text = " ".join([what, " and ".join(ends)]).strip()
        return text + (" or None" if self.none else "")

    def check(self, owner: str, name: str, value: Any) -> Any:
        """The value, or an error that names owner, argument, value and what is allowed.

        Raises
        ------
        HyperparameterTypeError, HyperparameterError
        """
        if value is None and self.none:
            return value
        if self.kind == "any":
            return value
        if self.kind == "choice":
            if value not in self.choices:
                raise self._range(owner, name, quote(value))
            return value
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise self._type(owner, name, value)
            return value
        wanted = numbers.Integral if self.kind == "int" else numbers.Real
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise self._type(owner, name, value)
        try:
            v = int(value) if self.kind == "int" else float(value)
        except OverflowError:  # an int of more digits than any float
            raise self._range(owner, name, quote(value, 40)) from None
        below = v < self.low or (self.open_low and v == self.low)
        above = v > self.high or (self.open_high and v == self.high)
        if below or above or (self.kind != "int" and not math.isfinite(v)):
            raise self._range(owner, name, quote(value))
        return v

    def _range(self, owner: str, name: str, value: str) -> HyperparameterError:
        return HyperparameterError(f"{owner}: {name}={value} is not allowed", f"{name} must be {self.allowed}")

    def _type(self, owner: str, name: str, value: Any) -> HyperparameterTypeError:
        return HyperparameterTypeError(
            f"{owner}: {name}={quote(value)} is a {type(value).__name__}", f"{name} must be {self.allowed}"
        )


def check_all(owner: str, hypers: Mapping[str, Hyper], given: Mapping[str, Any]) -> dict[str, Any]:
    """All values, defaults filled in, in the order of the row.

    Raises
    ------
    HyperparameterError
        For an unknown name, a missing value, or one outside its range.
    """
    for name in given:
        if name not in hypers:
            raise HyperparameterError(f"{owner}: there is no option {quote(name)}", did_you_mean(str(name), hypers))
    out = {}
    for name, h in hypers.items():
        value = given.get(name, h.default)
        if value is REQUIRED:
            raise HyperparameterError(f"{owner}: {name} is missing", f"{name} must be {h.allowed}")
        out[name] = h.check(owner, name, value)
    return out


def lr(default: float) -> Hyper:
    """A learning rate."""
    return Hyper(default, r"\eta", 0.0, log=True)


def unit(default: float, symbol: str) -> Hyper:
    """A decay rate in [0, 1)."""
    return Hyper(default, symbol, 0.0, 1.0, open_high=True)


def nonnegative(default: float, symbol: str) -> Hyper:
    """A number of at least 0."""
    return Hyper(default, symbol, 0.0, log=True)


def flag(default: bool = False) -> Hyper:
    """A switch."""
    return Hyper(default, kind="bool")
