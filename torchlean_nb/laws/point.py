"""A row at one point: its sample drawn, run on a tape, ready to be swept both ways."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from torchlean_nb.backend.exact import ExactArray
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.engine.transforms import Run
from torchlean_nb.rows import Op

FULL = 64
RANDOM = 8


class Point:
    """One op, the arrays of one sample, and which of them can move.

    Parameters
    ----------
    op : Op
    sample : Sample
    xp : namespace, optional
        Under which to run; an exact one gets fractions.
    integers : bool
        Draw small integers, on which float arithmetic is exact.
    dtype : str
        Of the floats.
    """

    def __init__(self, op: Op, sample: Any, xp: Any = None, integers: bool = False, dtype: str = "float64"):
        self.op, self.sample, self.xp = op, sample, xp or numpy_namespace()
        drawn = sample.draw(op, integers=integers)
        self.arrays = tuple(a.astype(dtype) if a.dtype.kind == "f" else a for a in drawn)
        self.moving = tuple(
            k for k, a in enumerate(self.arrays)
            if op.kind != "constant" and op.rule(k) is not None and a.dtype.kind == "f"
        )
        for a in self.arrays:
            a.setflags(write=False)

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes, defaults included."""
        return {**self.op.attrs, **self.sample.attrs}

    @cached_property
    def movers(self) -> list[Any]:
        """Arrays of the arguments that move, as the namespace wants them."""
        return [fractions(self.arrays[k]) if self.xp.exact else self.arrays[k] for k in self.moving]

    def value(self, *movers: Any) -> np.ndarray:
        """Value of the op as a plain function of the arguments that move."""
        whole = list(self.arrays)
        for k, a in zip(self.moving, movers, strict=True):
            whole[k] = a
        with np.errstate(all="ignore"):
            return np.asarray(self.op.run(numpy_namespace(), *whole, **self.attrs))

    def record(self, *xs: Any) -> Any:
        """The op as a function of Tensors for the arguments that move."""
        tape, left = xs[0].tape, iter(xs)
        whole = [next(left) if k in self.moving else tape.leaf("const", tape.put(a)) for k, a in enumerate(self.arrays)]
        return self.op(*whole, **self.sample.attrs)

    @cached_property
    def run(self) -> Run:
        """The op on a tape of its own."""
        return Run(self.record, self.movers, range(len(self.moving)), self.xp)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.run.out.shape

    def push(self, at: int, tangent: Any) -> Any:
        """Tangent of the value when the `at`-th mover moves alone."""
        return self.run.push([tangent if i == at else None for i in range(len(self.moving))])

    def pulled(self, seed: Any) -> Callable[..., list[Any]]:
        """Function of the movers: their cotangents for a fixed seed."""
        return lambda *xs: Run(self.record, xs, range(len(xs)), self.xp).pull(seed)

    def gradient_runs(self, seed: Any) -> list[Run]:
        """Per mover a recorded run whose output is its cotangent: the backward sweep on the tape."""
        pulled, n = self.pulled(seed), len(self.moving)
        return [Run(lambda *xs, i=i: pulled(*xs)[i], self.movers, range(n), self.xp) for i in range(n)]


def fractions(a: Any) -> ExactArray:
    """Array of fractions, each float rounded to a multiple of 2**-20 so that numerators stay short."""
    cut = np.frompyfunc(lambda v: Fraction(round(float(v) * 2**20), 2**20), 1, 1)
    return ExactArray(cut(np.asarray(a, dtype=float)))


def whole(shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Integers between -9 and 9, none of them 0, as floats."""
    return (rng.integers(1, 10, shape) * rng.choice([-1, 1], shape)).astype(np.float64)


def directions(shape: Sequence[int], rng: np.random.Generator) -> list[np.ndarray]:
    """All unit vectors up to 64 of them, else eight random integer directions."""
    n = math.prod(shape)
    if n <= FULL:
        return [e.reshape(shape) for e in np.eye(n)]
    return [whole(shape, rng) for _ in range(RANDOM)]


def seeds(shape: Sequence[int], rng: np.random.Generator) -> list[np.ndarray]:
    """Eight random integer cotangents; for a single number 1 says it all."""
    if math.prod(shape) == 1:
        return [np.ones(shape)]
    return [whole(shape, rng) for _ in range(RANDOM)]
