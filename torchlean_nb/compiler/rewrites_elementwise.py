"""Rewrites of powers and activation functions, element by element."""

from __future__ import annotations

import math

from torchlean_nb.compiler.rewrites import Rewrite
from torchlean_nb.compiler.rewrites_exact import MATRIX, POWER
from torchlean_nb.rows import lookup as op

ROOT_2, GELU = math.sqrt(2), math.sqrt(2 / math.pi)
sigmoid, exp, log, sqrt, tanh, erf, where = map(op, ("sigmoid", "exp", "log", "sqrt", "tanh", "erf", "where"))


def _half(f):
    """The three ways to write half of x times (1 + f(x))."""
    return (
        lambda x: 0.5 * x * (1 + f(x)), lambda x: x * 0.5 * (1 + f(x)), lambda x: x * (0.5 * (1 + f(x))),
        lambda x: 0.5 * (x * (1 + f(x))), lambda x: x * (1 + f(x)) / 2,
    )  # fmt: skip


def _inner_gelu(cube):
    return lambda x: tanh(GELU * (x + 0.044715 * cube(x)))


ELEMENTWISE = (
    *([] if POWER.exact else [POWER]),
    Rewrite(
        "sqrt", lambda x: sqrt(x), (lambda x: x**0.5,), (abs(MATRIX),), ulps=2, why="a root is cheaper than a power",
    ),
    Rewrite(
        "1 / sqrt", lambda x: 1 / sqrt(x), (lambda x: x**-0.5,), (abs(MATRIX),), ulps=4,
        why="a root is cheaper than a power",
    ),
    Rewrite(
        "cube", lambda x: x * x * x, (lambda x: x**3,), (MATRIX,), ulps=8, why="a product is cheaper than a power",
    ),
    Rewrite(
        "reciprocal", lambda x: 1 / x, (lambda x: x**-1,), (abs(MATRIX),), ulps=8,
        why="a quotient is cheaper than a power",
    ),
    Rewrite(
        "relu", lambda x: op("relu")(x), (lambda x: where(x > 0, x, 0.0), lambda x: x * (x > 0)), (MATRIX,), ulps=1,
        why="one line instead of two",
    ),
    Rewrite(
        "leaky_relu", lambda x, *, slope: op("leaky_relu")(x, negative_slope=slope),
        (lambda x, *, slope=0.01: where(x > 0, x, slope * x),), (MATRIX,), ulps=4, why="a shorter way back",
    ),
    Rewrite(
        "elu", lambda x, *, alpha: op("elu")(x, alpha=alpha),
        (lambda x, *, alpha=1.0: where(x > 0, x, alpha * (exp(x) - 1)),), (MATRIX,), ulps=16,
        why="no overflow where it is not needed, and all digits near 0",
    ),
    Rewrite(
        "elu of one", lambda x: op("elu")(x), (lambda x: where(x > 0, x, exp(x) - 1),), (MATRIX,), ulps=16,
        why="no overflow where it is not needed, and all digits near 0",
    ),
    Rewrite(
        "tanh", lambda x: tanh(x),
        (
            lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)), lambda x: 2 / (1 + exp(-2 * x)) - 1,
            lambda x: (exp(2 * x) - 1) / (exp(2 * x) + 1), lambda x: 2 * sigmoid(2 * x) - 1,
        ),
        (MATRIX,), ulps=64, why="no overflow, one line, and all digits near 0",
    ),
    Rewrite(
        "softsign", lambda x: op("softsign")(x), (lambda x: x / (1 + op("abs")(x)),), (MATRIX,), ulps=8,
        why="a shorter way back",
    ),
    Rewrite(
        "mish", lambda x: op("mish")(x), (lambda x: x * tanh(op("softplus")(x)),), (MATRIX,), ulps=32,
        why="a shorter way back",
    ),
    Rewrite(
        "sigmoid", lambda x: sigmoid(x), (lambda x: 1 / (1 + exp(-x)), lambda x: exp(x) / (1 + exp(x))), (MATRIX,),
        ulps=16, why="no overflow, and its slope has its digits in both tails",
    ),
    Rewrite(
        "softplus", lambda x: op("softplus")(x),
        (lambda x: log(1 + exp(x)), lambda x: op("log1p")(exp(x))), (MATRIX,), ulps=4,
        why="no overflow for large x, no loss of digits for small",
    ),
    Rewrite(
        "log_sigmoid", lambda x: op("log_sigmoid")(x), (lambda x: log(sigmoid(x)),), (MATRIX,), ulps=8,
        why="no logarithm of 0",
    ),
    Rewrite(
        "silu", lambda x: op("silu")(x), (lambda x: x * sigmoid(x),), (MATRIX,), ulps=4, why="a shorter way back",
    ),
    Rewrite(
        "gelu, tanh", lambda x: op("gelu")(x, approximate="tanh"),
        (*_half(_inner_gelu(lambda x: x * x * x)), *_half(_inner_gelu(lambda x: x**3))), (MATRIX,), ulps=8,
        why="no power, and a shorter way back",
    ),
    Rewrite(
        "gelu", lambda x: op("gelu")(x),
        (*_half(lambda x: erf(x / ROOT_2)), *_half(lambda x: erf(x * math.sqrt(0.5)))), (MATRIX,), ulps=8,
        why="1 + erf rounds to 0 where the normal distribution has become small",
    ),
)  # fmt: skip
