"""In which order the rows come: as they lie, shuffled afresh each epoch, or by TorchLean's compounding shuffle.

An order is a value. ``rows`` are the indices of this epoch, ``next()`` is the order of the epoch after it, and
``state()`` is what a saved cursor needs to make it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from torchlean_nb.errors import CheckpointError, quote

LCG_A, LCG_C, LCG_MASK = 1103515245, 12345, 2**31 - 1


def lcg_next(s: int) -> int:
    """One step of the linear congruential generator of ANSI C, modulo 2**31.

    Examples
    --------
    >>> lcg_next(0), lcg_next(12345)
    (12345, 1406932606)
    """
    return (LCG_A * s + LCG_C) & LCG_MASK


def lcg_keys(seed: int, n: int) -> np.ndarray:
    """The `n` numbers that follow `seed`, all at once: ``a^i seed + c (1 + a + ... + a^(i-1))``.

    Products wrap modulo 2**64, which loses nothing modulo 2**31.
    """
    powers = np.cumprod(np.full(n, LCG_A, np.uint64), dtype=np.uint64)
    sums = np.cumsum(np.concatenate([np.ones(1, np.uint64), powers]), dtype=np.uint64)[:n]
    return (powers * np.uint64(seed & LCG_MASK) + sums * np.uint64(LCG_C)) & np.uint64(LCG_MASK)


def lcg_shuffle(seed: int, n: int) -> tuple[int, np.ndarray]:
    """TorchLean's shuffle: give each row the next number of the generator, and sort by these keys.

    The generator has full period, so no two keys are equal and the order is determined.

    Returns
    -------
    seed : int
        The last key, with which the next epoch goes on.
    rows : ndarray of int, shape (n,)

    Examples
    --------
    >>> seed, rows = lcg_shuffle(0, 5)
    >>> rows.tolist(), seed
    ([0, 4, 2, 1, 3], 229283573)
    """
    keys = lcg_keys(seed, n)
    return int(keys[-1]), np.argsort(keys, kind="stable")


@dataclass(frozen=True)
class InOrder:
    """The rows as they lie, in every epoch."""

    n: int
    epoch: int = 0

    @property
    def rows(self) -> np.ndarray:
        """Indices of this epoch."""
        return np.arange(self.n)

    def next(self) -> InOrder:
        """Order of the next epoch."""
        return InOrder(self.n, self.epoch + 1)

    def state(self) -> dict[str, Any]:
        """What a saved cursor needs."""
        return {"epoch": self.epoch}

    def restored(self, state: dict[str, Any]) -> InOrder:
        """The order that `state` describes."""
        return type(self)(self.n, state["epoch"])


@dataclass(frozen=True)
class Generated:
    """A fresh permutation for each epoch, a pure function of seed and epoch."""

    n: int
    seed: int
    epoch: int = 0
    rows: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = np.random.default_rng([self.seed, self.epoch]).permutation(self.n)
        object.__setattr__(self, "rows", rows)

    def next(self) -> Generated:
        """Order of the next epoch."""
        return Generated(self.n, self.seed, self.epoch + 1)

    def state(self) -> dict[str, Any]:
        """What a saved cursor needs."""
        return {"epoch": self.epoch}

    def restored(self, state: dict[str, Any]) -> Generated:
        """The order that `state` describes."""
        return Generated(self.n, self.seed, state["epoch"])


@dataclass(frozen=True)
class Compounding:
    """TorchLean's loader: each epoch shuffles what the epoch before left, and goes on with its last key."""

    n: int
    lcg: int
    rows: np.ndarray = field(repr=False, compare=False)
    epoch: int = 0

    @classmethod
    def start(cls, n: int, seed: int) -> Compounding:
        """The first epoch, shuffled from the order in which the rows lie."""
        lcg, rows = lcg_shuffle(seed, n)
        return cls(n, lcg, rows)

    def next(self) -> Compounding:
        """Order of the next epoch."""
        lcg, rows = lcg_shuffle(self.lcg, self.n)
        return Compounding(self.n, lcg, self.rows[rows], self.epoch + 1)

    def state(self) -> dict[str, Any]:
        """What a saved cursor needs: the shuffles compound, so the rows themselves."""
        return {"epoch": self.epoch, "lcg": self.lcg, "rows": self.rows.tolist()}

    def restored(self, state: dict[str, Any]) -> Compounding:
        """The order that `state` describes.

        Raises
        ------
        CheckpointError
        """
        lcg, rows = state.get("lcg"), state.get("rows")
        if type(lcg) is not int or not 0 <= lcg <= LCG_MASK:
            raise CheckpointError(f"DataLoader: lcg={quote(lcg)} in the state", "it must be an int in [0, 2**31)")
        whole = isinstance(rows, list) and all(type(i) is int for i in rows) and sorted(rows) == list(range(self.n))
        if not whole:
            raise CheckpointError(
                "DataLoader: rows in the state", f"they must be a list with each of 0..{self.n - 1} once"
            )
        return Compounding(self.n, lcg, np.array(rows), state["epoch"])
