"""Rewrites that keep every bit of value and gradient: ``tl.compile`` always makes them.

That is so for finite numbers, of which a zero may change its sign. Second derivatives may round otherwise, so nothing
is rewritten where a function is differentiated inside another one.
"""

from __future__ import annotations

import numpy as np

from torchlean_nb.compiler.rewrites import Rewrite
from torchlean_nb.rows import lookup as op

MATRIX = np.array([[0.5, -1.0, 0.25], [1.5, 0.75, -0.5]])
MSE = (MATRIX, MATRIX * 0.5)
SQUARED = (frozenset({"sub"}), frozenset({"mul", "square"}), frozenset({"mean", "sum"}))
WINDOW = {"kernel_size": 2, "stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}


def _pool(f):
    """A function of one argument and the options of a pool."""

    def pooled(x, *, kernel_size=2, stride=None, padding=0, dilation=1, ceil_mode=False):
        return f(x, dict(zip(WINDOW, (kernel_size, stride, padding, dilation, ceil_mode), strict=True)))

    return pooled


def squares() -> bool:
    """Whether NumPy takes a power of 2 for a product, and of 1 for the number itself; older ones round otherwise.

    Examples
    --------
    >>> x = np.array([0.1, 0.7])
    >>> not squares() or (np.power(x, 2.0) == x * x).all().item()
    True
    """
    wide = np.linspace(-3, 3, 2001)
    return all(
        np.array_equal(np.power(x, x.dtype.type(2)), x * x) and np.array_equal(np.power(x, x.dtype.type(1)), x)
        for x in (wide, wide.astype(np.float32), wide.astype(np.float16))
    )


POWER = Rewrite(
    "square", lambda x: op("square")(x), (lambda x: x**2,), (MATRIX,), exact=squares(), ulps=0 if squares() else 4,
    why="no power on the way back, and no question whether the exponent is 0", needs=(frozenset({"pow"}),),
)
EXACT = (
    *([POWER] if POWER.exact else []),
    Rewrite(
        "mse_loss", lambda x, t: op("mse_loss")(x, t), (lambda x, t: op("mean")(op("square")(x - t)),), MSE, exact=True,
        why="one product on the way back instead of three", needs=SQUARED,
    ),
    Rewrite(
        "mse_loss, summed", lambda x, t: op("mse_loss")(x, t, reduction="sum"),
        (lambda x, t: op("sum")(op("square")(x - t)),), MSE, exact=True,
        why="one product on the way back instead of three", needs=SQUARED,
    ),
    Rewrite(
        "pool before relu", _pool(lambda x, window: op("relu")(op("max_pool")(x, **window))),
        (_pool(lambda x, window: op("max_pool")(op("relu")(x), **window)),), (np.ones((1, 1, 2, 2)),), exact=True,
        why="the largest of a window is the same before and after; relu then sees fewer elements",
        needs=(frozenset({"max_pool"}), frozenset({"relu"})),
    ),
)  # fmt: skip
