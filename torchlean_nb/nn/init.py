"""Initialisers: functions ``f(shape, seed) -> array`` over splitmix64 streams, so that a seed says everything.

Element i of a uniform array depends on the seed and i alone; with `xavier_uniform` and
`uniform` these are TorchLean's own numbers, bit for bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from torchlean_nb.backend import random
from torchlean_nb.backend.random import Rng, key_of, splitmix64
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper

Shape = tuple[int, ...]
Seed = int | Rng
GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3,
    "relu": math.sqrt(2.0), "selu": 3 / 4,
}  # fmt: skip


def _key(seed: Seed) -> int:
    return key_of(seed.next_seed() if isinstance(seed, Rng) else random.check_seed(seed), 0)


def zeros(shape: Shape, seed: Seed = 0) -> np.ndarray:
    """Zeros; no random number is drawn."""
    return np.zeros(shape)


def ones(shape: Shape, seed: Seed = 0) -> np.ndarray:
    """Ones; no random number is drawn."""
    return np.ones(shape)


def constant(shape: Shape, seed: Seed = 0, value: float = 0.0) -> np.ndarray:
    """One value everywhere; no random number is drawn."""
    return np.full(shape, float(value))


def uniform(shape: Shape, seed: Seed = 0, a: float = 0.0, b: float = 1.0) -> np.ndarray:
    """Uniform numbers in [a, b).

    Examples
    --------
    >>> uniform((3,), seed=42).round(6).tolist() == uniform((2, 3), seed=42)[0].round(6).tolist()
    True
    """
    return a + random.uniform(_key(seed), tuple(shape)) * (b - a)


def normal(shape: Shape, seed: Seed = 0, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """Normal numbers."""
    return mean + std * random.normal(_key(seed), tuple(shape))


def torchlean_normal(shape: Shape, seed: Seed = 0, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """TorchLean's normal initialiser as it is: the radius is nearly the same for all elements.

    In Box and Muller's formula it adds 2 i after mixing, so that the first of the two uniform numbers hardly
    changes within an array; the samples are bounded and their kurtosis is 1.5 in place of 3.
    `normal` is the remedy.
    """
    key, n = _key(seed), math.prod(shape)
    radius = ((splitmix64(key) % 2**32 + 2.0 * np.arange(n)) % 2**32 + 1) / (2.0**32 + 1)
    turn = random.samples(key, 2 * n)[1::2] / 2.0**32
    z = np.sqrt(-2 * np.log(radius)) * np.cos(2 * math.pi * turn)
    return mean + std * z.reshape(shape)


def trunc_normal(
    shape: Shape, seed: Seed = 0, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> np.ndarray:
    """Normal numbers within [a, b]: those outside are drawn again.

    Raises
    ------
    HyperparameterError
        When the interval is empty, or so far out that hardly a number falls into it.

    Examples
    --------
    >>> z = trunc_normal((1000,), seed=1)
    >>> bool(abs(z).max() <= 2), bool(0.8 < z.std() < 0.95)
    (True, True)
    """
    low, high = (a - mean) / std, (b - mean) / std
    share = (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
    if not share > 0.01:
        raise HyperparameterError(
            f"trunc_normal: a={a}, b={b} is not allowed", f"less than 1 % of the numbers fall into it, std being {std}"
        )
    key, n = _key(seed), math.prod(shape)
    z, turn = np.empty(0), 0
    while len(z) < n:
        more = random.normal(key_of(key, turn), (math.ceil((n - len(z)) / share) + 16,))
        z, turn = np.concatenate([z, more[(low <= more) & (more <= high)]]), turn + 1
    return mean + std * z[:n].reshape(shape)


def eye(shape: Shape, seed: Seed = 0) -> np.ndarray:
    """The identity, for a linear layer that keeps as much of its input as it can; no random number is drawn.

    Raises
    ------
    ShapeError
        When the shape is not that of a matrix.
    """
    if len(shape) != 2:
        raise ShapeError(f"init: eye needs 2 dimensions, got {tuple(shape)}", None, "dirac for convolutions")
    return np.eye(*shape)


def dirac(shape: Shape, seed: Seed = 0, groups: int = 1) -> np.ndarray:
    """A 1 in the middle of the kernel: the convolution hands on as many channels as it can, per group.

    Raises
    ------
    ShapeError
        When the shape is not (out, in, k...), or the groups do not divide its outputs.
    """
    if not 3 <= len(shape) <= 5 or groups < 1 or shape[0] % groups:
        raise ShapeError(f"init: dirac needs a weight (out, in, k...) and groups that divide out, got {tuple(shape)}")
    w, middle = np.zeros(shape), tuple(k // 2 for k in shape[2:])
    rows = shape[0] // groups
    for i in range(shape[0]):
        if i % rows < shape[1]:
            w[(i, i % rows, *middle)] = 1
    return w


def seeds(seed: Seed, n: int) -> list[int]:
    """The first n seeds of a stream, as TorchLean's builder hands them to layers.

    Examples
    --------
    >>> seeds(2026, 2)
    [8699989649721214301, 16238661600416281737]
    """
    rng = seed if isinstance(seed, Rng) else Rng(seed)
    return [rng.next_seed() for _ in range(n)]


def fans(shape: Shape) -> tuple[int, int]:
    """Inputs and outputs of one unit of a weight of shape (out, in, k...).

    Raises
    ------
    ShapeError
        When the shape has fewer than two axes.

    Examples
    --------
    >>> fans((16, 3, 5, 5))
    (75, 400)
    """
    if len(shape) < 2:
        raise ShapeError(
            f"init: initialization by fan expects at least 2 dimensions, got {tuple(shape)}",
            "the number of inputs and outputs is read off shape (out, in, ...)", "uniform, normal or zeros",
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Factor that makes up for what a nonlinearity does to the variance, as in PyTorch.

    Raises
    ------
    HyperparameterError

    Examples
    --------
    >>> calculate_gain("leaky_relu", 0.0) == calculate_gain("relu")
    True
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    return GAINS[Hyper(kind="choice", choices=(*GAINS, "leaky_relu")).check("init", "nonlinearity", nonlinearity)]


def _positive(owner: str, gain: Any) -> float:
    return Hyper(low=0.0).check(owner, "gain", gain)


def xavier_uniform(shape: Shape, seed: Seed = 0, gain: float = 1.0) -> np.ndarray:
    """Uniform numbers of variance ``gain**2 * 2 / (fan_in + fan_out)`` (Glorot and Bengio 2010).

    Examples
    --------
    >>> bool(abs(xavier_uniform((30, 20), seed=1)).max() < (6 / 50) ** 0.5)
    True
    """
    bound = _positive("xavier_uniform", gain) * math.sqrt(6 / max(sum(fans(shape)), 1))
    return uniform(shape, seed, -bound, bound)


def xavier_normal(shape: Shape, seed: Seed = 0, gain: float = 1.0) -> np.ndarray:
    """Normal numbers of variance ``gain**2 * 2 / (fan_in + fan_out)``."""
    return normal(shape, seed, 0.0, _positive("xavier_normal", gain) * math.sqrt(2 / max(sum(fans(shape)), 1)))


def _kaiming(owner: str, shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise HyperparameterError(f"{owner}: mode={mode!r} is not allowed", "mode must be 'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fans(shape)[mode == "fan_out"], 1))


def kaiming_uniform(
    shape: Shape, seed: Seed = 0, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> np.ndarray:
    """Uniform numbers of variance ``gain**2 / fan`` (He et al. 2015), `a` being the slope of a leaky ReLU."""
    bound = math.sqrt(3) * _kaiming("kaiming_uniform", shape, a, mode, nonlinearity)
    return uniform(shape, seed, -bound, bound)


def kaiming_normal(
    shape: Shape, seed: Seed = 0, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> np.ndarray:
    """Normal numbers of variance ``gain**2 / fan`` (He et al. 2015)."""
    return normal(shape, seed, 0.0, _kaiming("kaiming_normal", shape, a, mode, nonlinearity))


def lecun_uniform(shape: Shape, seed: Seed = 0) -> np.ndarray:
    """Uniform numbers of variance ``1 / fan_in`` (LeCun et al. 1998)."""
    bound = math.sqrt(3 / max(fans(shape)[0], 1))
    return uniform(shape, seed, -bound, bound)


def lecun_normal(shape: Shape, seed: Seed = 0) -> np.ndarray:
    """Normal numbers of variance ``1 / fan_in``."""
    return normal(shape, seed, 0.0, math.sqrt(1 / max(fans(shape)[0], 1)))


def orthogonal(shape: Shape, seed: Seed = 0, gain: float = 1.0) -> np.ndarray:
    """A matrix (out, in * k...) with orthonormal rows or columns, times gain (Saxe et al. 2014).

    Examples
    --------
    >>> q = orthogonal((2, 3), seed=4)
    >>> np.allclose(q @ q.T, np.eye(2))
    True
    """
    fans(shape)
    rows, cols = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(normal((max(rows, cols), min(rows, cols)), seed))
    # QR leaves the signs open; with a positive diagonal of r the matrix is uniformly distributed.
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return _positive("orthogonal", gain) * (q if rows >= cols else q.T).reshape(shape)
