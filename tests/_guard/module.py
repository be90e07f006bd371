"""The module that code is given as its `np`: CuPy's names, as far as the stand-in has them."""

from __future__ import annotations

import sys as _sys
from types import SimpleNamespace as _Names
from typing import Any as _Any

import numpy as _numpy

from . import counting as _counting
from .array import ndarray
from .array import plain as _plain
from .array import wrap as _wrap
from .cuda import cuda, get_default_memory_pool, is_available  # noqa: F401
from .functions import DEFINED as _DEFINED
from .kernels import ElementwiseKernel  # noqa: F401
from .ufuncs import UFUNCS as _UFUNCS
from .ufuncs import matmul, ufunc  # noqa: F401

_NUMPYS = """
bool_ complex64 complex128 complexfloating dtype e euler_gamma finfo float16 float32 float64 floating generic iinfo
inexact inf int8 int16 int32 int64 integer intp isscalar issubdtype nan newaxis number pi s_ signedinteger uint8 uint16
uint32 uint64 unsignedinteger
"""  # CuPy has NumPy's own

globals().update({name: getattr(_numpy, name) for name in _NUMPYS.split()})
globals().update(_UFUNCS)
globals().update({name: f for name, f in _DEFINED.items() if "." not in name})


def _under(prefix: str) -> dict[str, _Any]:
    return {name.removeprefix(prefix): f for name, f in _DEFINED.items() if name.startswith(prefix)}


linalg = _Names(**_under("linalg."), LinAlgError=_numpy.linalg.LinAlgError)
lib = _Names(stride_tricks=_Names(**_under("lib.stride_tricks.")))


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """A new array on the device: the way in."""
    if obj.__class__ is ndarray:
        _counting.launch("array")
        return _wrap(_numpy.array(obj._a, dtype, copy=copy or None, order=order, ndmin=ndmin))
    inside = isinstance(obj, list | tuple) and any(x.__class__ is ndarray for x in obj)
    made = _numpy.array(_plain(obj) if inside else obj, dtype, order=order, ndmin=ndmin)
    out = _wrap(made)
    if not inside and (made.ndim or isinstance(obj, _numpy.ndarray)):
        _counting.came_in(made.nbytes)
    _counting.launch("array")
    return out


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """An array on the device: the same one, if it is one of that dtype."""
    if a.__class__ is ndarray:
        made = _numpy.array(a._a, dtype, copy=copy, order=order or "K")
        return a if made is a._a else _wrap(made)
    return array(a, dtype, order=order or "K")


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """A host copy: the way out."""
    return a.get(order=order, out=out) if a.__class__ is ndarray else _numpy.asarray(a, order=order)


def ascontiguousarray(a, dtype=None):
    """A C-contiguous array on the device."""
    return asarray(a, dtype, "C")


def get_array_module(*args):
    """This module for arrays of the device, else NumPy."""
    return _sys.modules[__name__] if any(a.__class__ is ndarray for a in args) else _numpy
