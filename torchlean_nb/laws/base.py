"""What a law is: a sentence about rows, and a function that tries it on one sample of one row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from torchlean_nb.copies import Row
from torchlean_nb.errors import RuleError
from torchlean_nb.rows import Op

LAWS: dict[str, Law] = {}


class LawError(RuleError, AssertionError):
    """A law that does not hold, with the numbers that show it."""


@dataclass(frozen=True)
class Law(Row):
    """A law: call it with a row and one of its samples; it raises LawError or says nothing.

    Parameters
    ----------
    check : callable
        ``check(op, sample)``.
    applies : callable
        ``applies(op, sample)``, whether the law has something to say here.
    """

    check: Callable[[Op, Any], None]
    applies: Callable[[Op, Any], bool]

    @classmethod
    def _named(cls, name: str) -> Any:
        known = (LAWS, import_module("torchlean_nb.laws").RULE_LAWS)
        return next((table[name] for table in known if name in table), None)

    @property
    def name(self) -> str:
        """Key in `LAWS`."""
        return self.check.__name__

    @property
    def sentence(self) -> str:
        """What it claims, in words."""
        return (self.check.__doc__ or "").strip().split("\n")[0]

    def __call__(self, op: Op, sample: Any) -> None:
        """Try the law; raise LawError when it does not hold."""
        self.check(op, sample)

    def __repr__(self) -> str:
        return f"<law {self.name}: {self.sentence}>"


def always(op: Op, sample: Any) -> bool:
    """For laws of every row."""
    return True


def differentiable(op: Op, sample: Any) -> bool:
    """For laws of rows with a derivative rule."""
    return op.kind != "constant" and any(op.rule(k) is not None for k in range(len(sample.args) or len(op.args)))


def law(
    applies: Callable[[Op, Any], bool] = always, table: dict[str, Law] = LAWS
) -> Callable[[Callable[[Op, Any], None]], Law]:
    """Enter a function into a table of laws."""

    def wrap(check: Callable[[Op, Any], None]) -> Law:
        table[check.__name__] = Law(check, applies)
        return table[check.__name__]

    return wrap


def broken(op: Op, sample: Any, claim: str, *numbers: str) -> LawError:
    """The error for a law that does not hold."""
    return LawError(f"{op.name}, sample {sample}: {claim}", "; ".join(numbers) or None)


def worst(got: Any, want: Any, allowed: Any = 0.0) -> tuple[int, ...] | None:
    """Index of the entry that is furthest off, None when all are within `allowed`."""
    got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
    with np.errstate(all="ignore"):
        excess = np.abs(got - want) - allowed
    excess = np.where(np.isnan(excess) & ~(np.isnan(got) & np.isnan(want)) & (got != want), np.inf, excess)
    if not excess.size or not (excess > 0).any():
        return None
    return tuple(int(i) for i in np.unravel_index(int(np.nanargmax(excess)), excess.shape))


def same_bits(a: Any, b: Any) -> bool:
    """Whether two arrays agree in shape, number type and every bit."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def entry(a: Any, at: tuple[int, ...]) -> str:
    """One number of an array, for a message."""
    return f"{np.asarray(a)[at]!s}"
