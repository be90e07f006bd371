"""Indexing with arrays: ``x[mask]``, ``x[rows, columns]``, ``x[:, picks]``, made of `index` and `take`."""

import math

from torchlean_nb.backend.devices import common, device, is_array
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.errors import CapabilityError, DTypeError, MaskShapeError
from torchlean_nb.ops.indexing import check_indices, index, take
from torchlean_nb.ops.shape import reshape
from torchlean_nb.rows import function


def _is_array(k):
    return isinstance(k, list) or bool(getattr(k, "ndim", 0))


def _positions(shape, keys):
    """Keys with every boolean mask replaced by the integer arrays of its True elements."""
    out, axis = [], 0
    for k in keys:
        if not _is_array(k):
            out.append(k)
            axis += k is not None
            continue
        k = getattr(k, "array", k)  # of a handle, where it lives
        k = k if is_array(k) else numpy_namespace().asarray(k)
        if k.dtype.kind == "b":
            if k.shape != shape[axis : axis + k.ndim]:
                raise MaskShapeError(
                    f"index: a mask of shape {k.shape} for axes of shape {shape[axis : axis + k.ndim]}",
                    f"the array has shape {shape}", "a mask of the shape of the array",
                )
            out.extend(k.nonzero())
        elif k.dtype.kind not in "iu":
            raise DTypeError(f"index: an index array must hold int or bool, got {k.dtype}", None, "x.astype(int)")
        else:
            out.append(k)
        axis += max(k.ndim, 1) if k.dtype.kind == "b" else 1
    return out


@function
def getitem(x, key):
    """``x[key]`` for any key NumPy takes, apart from arrays and integers on both sides of a slice.

    Raises
    ------
    MaskShapeError, IndexRangeError, DTypeError, CapabilityError

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.input([[1.0, 2.0], [3.0, 4.0]])
    >>> tl.getitem(x, (np.array([0, 1]), np.array([1, 0]))).value.tolist()
    [2.0, 3.0]
    """
    keys = key if isinstance(key, tuple) else (key,)
    if not any(map(_is_array, keys)):
        return index(x, key=key)
    keys = _positions(x.shape, keys)
    arrays = [i for i, k in enumerate(keys) if _is_array(k)]
    fixed = [i for i, k in enumerate(keys) if _is_array(k) or isinstance(k, int)]
    if len(fixed) == 1 and ... not in [k for k in keys if not _is_array(k)]:
        at = arrays[0]
        picks, keys[at] = keys[at], slice(None)
        rest = x if all(k == slice(None) for k in keys) else index(x, key=tuple(keys))
        return take(rest, picks, axis=at)
    if fixed != list(range(len(fixed))):
        raise CapabilityError(
            "index: arrays and integers on both sides of a slice", None, "take along one axis after the other"
        )
    return _leading(x, keys[: len(fixed)], tuple(keys[len(fixed) :]))


def _leading(x, picks, rest):
    """Integer arrays on the first axes: one `take` from those axes joined into one."""
    sizes, there = x.shape[: len(picks)], common(picks) or device("cpu")
    flat = 0
    for k, n in zip(picks, sizes, strict=True):
        k = k if there.owns(k) else there.put(numpy_namespace().asarray(k))
        check_indices("index", k, n)
        flat = flat * n + k % n
    joined = reshape(x, shape=(math.prod(sizes), *x.shape[len(picks) :]))
    picked = take(joined, flat, axis=0)
    return index(picked, key=(*(slice(None),) * flat.ndim, *rest)) if rest else picked
