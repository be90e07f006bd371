"""Splittable random streams: splitmix64, a pure function of a seed and a counter.

The formulas are TorchLean's, so its seeded runs reproduce bit for bit: ``key_of(s, c)`` mixes
``s + c``, ``next_seed`` adds one more golden-ratio step, element ``i`` of a stream is
``splitmix64(key + i)``. Keys depend only on ``s + c``, so nearby seeds and counters collide;
`SeedStream` draws through ``next_seed`` for that reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError

GOLDEN = 0x9E3779B97F4A7C15
MASK = 2**64 - 1
_TWO32 = float(2**32)


def splitmix64(x: int) -> int:
    """One step of the splitmix64 mixer, modulo 2**64.

    Examples
    --------
    >>> hex(splitmix64(0))
    '0xe220a8397b1dcdaf'
    """
    z = (x + GOLDEN) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def _mix(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        z = x + np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def key_of(seed: int, counter: int) -> int:
    """Key of one invocation of a random op."""
    return splitmix64((seed + counter) & MASK)


def next_seed(seed: int, counter: int) -> int:
    """Seed of a child stream."""
    return splitmix64((seed + counter + GOLDEN) & MASK)


def samples(key: int, n: int, start: int = 0) -> np.ndarray:
    """The low 32 bits of elements ``start .. start+n`` of a stream, as float64."""
    return _samples(np, np.uint64(key & MASK), n, start)


def _samples(library: Any, key: Any, n: int, start: int = 0) -> Any:
    with np.errstate(over="ignore"):
        at = library.arange(start, start + n, dtype=np.uint64) + key
    return (_mix(at) & np.uint64(0xFFFFFFFF)).astype(np.float64)


def stream(library: Any, key: Any, n: int) -> Any:
    """So many uniform numbers in [0, 1) of a stream, by any array library; the key one uint64.

    Examples
    --------
    >>> (stream(np, np.uint64(7), 3) == uniform(7, (3,))).all().item()
    True
    """
    return _samples(library, key, n) / _TWO32


def uniform(key: int, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform numbers in [0, 1) in row-major order, float64."""
    return stream(np, np.uint64(key & MASK), math.prod(shape)).reshape(shape)


def bernoulli_mask(key: int, shape: tuple[int, ...], keep: float) -> np.ndarray:
    """Boolean mask: True where ``keep`` exceeds a uniform number."""
    return keep > uniform(key, shape)


def normal(key: int, shape: tuple[int, ...], library: Any = np) -> Any:
    """Standard normal numbers by the cosine branch of Box and Muller, float64, by any array library."""
    n = math.prod(shape)
    u = stream(library, np.uint64(key & MASK), 2 * n)
    u1, u2 = library.maximum(u[0::2], 1e-6), u[1::2]
    return (library.sqrt(-2 * library.log(u1)) * library.cos(2 * math.pi * u2)).reshape(shape)


def check_seed(seed: object) -> int:
    """A seed as an int in ``[0, 2**64)``, or an error that names it."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise HyperparameterTypeError(f"seed: expected an int, got {type(seed).__name__} {seed!r}"[:200])
    if not 0 <= seed <= MASK:
        raise HyperparameterError(f"seed: expected an int >= 0 and < 2**64, got {seed}")
    return int(seed)


@dataclass
class Rng:
    """A random stream: a seed and a counter, both plain integers.

    Drawing a key advances the counter, so the same program draws the same numbers each time
    it runs from the same state.

    Parameters
    ----------
    seed : int
    counter : int

    Examples
    --------
    >>> r = Rng(7)
    >>> child = r.split()
    >>> child.seed, r.seed
    (309689372594955804, 10746521273653791535)
    """

    seed: int = 0
    counter: int = 0

    def __post_init__(self) -> None:
        self.seed = check_seed(self.seed)

    def split(self) -> Rng:
        """A child stream; this stream moves on to a new seed."""
        child = next_seed(self.seed, self.counter)
        self.seed, self.counter = next_seed(child, self.counter + 1), self.counter + 2
        return Rng(child)

    def next_seed(self) -> int:
        """A fresh seed; the counter moves on."""
        seed = next_seed(self.seed, self.counter)
        self.counter += 1
        return seed

    def op_seed(self) -> int:
        """Seed of one random op: the stream itself becomes that seed, as in TorchLean's dropout."""
        self.seed, self.counter = next_seed(self.seed, self.counter), self.counter + 1
        return self.seed

    def key(self) -> int:
        """Key of one invocation; the counter moves on."""
        key = key_of(self.seed, self.counter)
        self.counter += 1
        return key
