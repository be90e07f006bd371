"""A range of an axis, by name; the function shadows Python's `slice`, so it stands alone."""

import builtins

from torchlean_nb.ops._shapes import along, axes
from torchlean_nb.ops.indexing import index
from torchlean_nb.rows import function


@function
def slice(x, start, stop=None, axis=0):
    """The elements of an axis from `start` to before `stop`: ``x[start:stop]``, along any axis.

    Parameters
    ----------
    x : Tensor or array
    start, stop : int
        As in Python; `stop` is the end unless told.
    axis : int

    Raises
    ------
    AxisError

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> tl.slice(np.arange(6.0).reshape(2, 3), 1, axis=1).tolist()
    [[1.0, 2.0], [4.0, 5.0]]
    """
    (axis,) = axes(axis, len(x.shape), "slice")
    return index(x, key=along(axis, builtins.slice(start, stop)))
