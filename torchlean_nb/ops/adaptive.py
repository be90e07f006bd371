"""Pooling made of rows: windows chosen for a size of the output, and norms of windows."""

import math

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.ops._shapes import along, positive_int
from torchlean_nb.ops.getitem import getitem
from torchlean_nb.ops.pool import avg_pool, max_pool
from torchlean_nb.ops.shape import concatenate
from torchlean_nb.rows import function


def _adapted(name, pool, x, output_size):
    """Pooled axis by axis, the last one first; window i of an axis goes from floor(i n / m) to ceil((i + 1) n / m)."""
    sizes = output_size if isinstance(output_size, tuple | list) else (output_size,) * max(len(x.shape) - 2, 1)
    if len(sizes) > len(x.shape):
        raise ShapeError(f"{name}: {len(sizes)} sizes for an input of shape {tuple(x.shape)}")
    for behind, m in enumerate(reversed(sizes)):
        axis = len(x.shape) - 1 - behind
        n = x.shape[axis]
        m = n if m is None else positive_int(m, f"{name}: output_size")
        edges = [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]

        def pooled(part, length, ones=(1,) * behind):
            return pool(part, kernel_size=(length, *ones))

        if m != n:
            whole = n % m == 0 and n > 0
            x = pooled(x, n // m) if whole else concatenate(
                *(pooled(getitem(x, along(axis, slice(a, b))), b - a) for a, b in edges), axis=axis
            )
    return x


@function
def adaptive_avg_pool(x, output_size):
    """Means of windows chosen so that the last axes get a given size.

    Parameters
    ----------
    x : Tensor or array, shape (n, c, ...); any leading axes when output_size is a tuple
    output_size : int or tuple of (int or None)
        None keeps the size of an axis.

    Raises
    ------
    ShapeError, HyperparameterError

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> tl.adaptive_avg_pool(np.arange(5.0), (2,)).tolist()
    [1.0, 3.0]
    """
    return _adapted("adaptive_avg_pool", avg_pool, x, output_size)


@function
def adaptive_max_pool(x, output_size):
    """Largest elements of windows chosen so that the last axes get a given size.

    Parameters
    ----------
    x : Tensor or array, shape (n, c, ...); any leading axes when output_size is a tuple
    output_size : int or tuple of (int or None)
        None keeps the size of an axis.

    Raises
    ------
    ShapeError, HyperparameterError
    """
    return _adapted("adaptive_max_pool", max_pool, x, output_size)


@function
def lp_pool(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The sum of x**p in each window, to the power 1 / p.

    Parameters
    ----------
    x : Tensor or array, shape (n, c, ...)
    norm_type : float > 0
        p; for odd ones the elements should not be negative.
    kernel_size, stride : int or tuple of int
        The stride is the kernel size unless told.
    ceil_mode : bool

    Raises
    ------
    ShapeError, HyperparameterError
    """
    if not 0 < norm_type < math.inf:
        raise HyperparameterError(f"lp_pool: norm_type must be > 0, got {norm_type}")
    dims = len(kernel_size) if isinstance(kernel_size, tuple | list) else max(len(x.shape) - 2, 1)
    size = tuple(kernel_size) if isinstance(kernel_size, tuple | list) else (kernel_size,) * dims
    means = avg_pool(x**norm_type, kernel_size=size, stride=stride, ceil_mode=ceil_mode)
    return (means * float(math.prod(size))) ** (1 / norm_type)
