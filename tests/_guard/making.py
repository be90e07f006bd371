"""The ways in and out: arrays made of host arrays, and host arrays made of arrays."""

from __future__ import annotations

import sys

import numpy as np

from . import counting
from .array import ndarray, plain, wrap


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """A new array on the device: the way in."""
    if obj.__class__ is ndarray:  # also from another device
        counting.launch("array")
        return wrap(np.array(obj._a, dtype, copy=copy or None, order=order, ndmin=ndmin))
    inside = isinstance(obj, list | tuple) and any(x.__class__ is ndarray for x in obj)
    made = np.array(plain(obj) if inside else obj, dtype, order=order, ndmin=ndmin)
    out = wrap(made)
    if not inside and (made.ndim or isinstance(obj, np.ndarray)):
        counting.came_in(made.nbytes)
    elif not inside:
        counting.number_in()
    counting.launch("array")
    return out


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """An array on the device: the same one, if it is one of that dtype."""
    if a.__class__ is ndarray:
        if a._device != counting.current.device:
            return array(a, dtype, order=order or "K")
        made = np.array(a._a, dtype, copy=copy, order=order or "K")
        return a if made is a._a else wrap(made)
    return array(a, dtype, order=order or "K")


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """A host copy: the way out."""
    return a.get(order=order, out=out) if a.__class__ is ndarray else np.asarray(a, order=order)


def ascontiguousarray(a, dtype=None):
    """A C-contiguous array on the device."""
    return asarray(a, dtype, "C")


def get_array_module(*args):
    """This module for arrays of the device, else NumPy."""
    return sys.modules[__name__.rpartition(".")[0] + ".module"] if any(a.__class__ is ndarray for a in args) else np
