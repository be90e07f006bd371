"""Borders made of the array itself: mirrored, repeated, or taken from the other end."""

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.ops.getitem import getitem
from torchlean_nb.rows import function

# Per mode the widest border of an axis of size n, and the element that stands at place i, also outside 0..n-1.
MODES = {
    "reflect": (lambda n: n - 1, lambda i, n: n - 1 - abs(n - 1 - abs(i))),
    "replicate": (lambda n: float("inf") if n else 0, lambda i, n: min(max(i, 0), n - 1)),
    "circular": (lambda n: n, lambda i, n: i % n),
}


@function
def pad_edges(x, pad_width, mode="reflect"):
    """Array with a border made of its own elements, on its last axes.

    Parameters
    ----------
    x : Tensor or array, any shape
    pad_width : sequence of (before, after)
        One pair for each of the last axes.
    mode : {"reflect", "replicate", "circular"}
        Mirrored at the edge, the edge repeated, or taken from the other end, as in PyTorch.

    Raises
    ------
    HyperparameterError, ShapeError
        The latter when the border is wider than the mode allows.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> tl.pad_edges(np.array([1.0, 2.0, 3.0]), [(2, 1)]).tolist()
    [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]
    >>> tl.pad_edges(np.array([1.0, 2.0, 3.0]), [(2, 1)], mode="circular").tolist()
    [2.0, 3.0, 1.0, 2.0, 3.0, 1.0]
    """
    if mode not in MODES:
        raise HyperparameterError(f"pad_edges: mode must be one of {', '.join(MODES)}, got {mode!r}")
    widest, source = MODES[mode]
    for axis, border in enumerate(pad_width, start=len(x.shape) - len(pad_width)):
        n, (before, after) = x.shape[axis], border
        if not 0 <= min(border) <= max(border) <= widest(n):
            raise ShapeError(
                f"pad_edges: a border of {tuple(border)} for axis {axis} of shape {tuple(x.shape)}",
                f"with mode {mode!r} it is at least 0 and at most {widest(n)}",
            )
        if any(border):
            x = getitem(x, (slice(None),) * axis + ([source(i, n) for i in range(-before, n + after)],))
    return x
