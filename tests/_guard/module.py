"""The module that code is given as its `np`: CuPy's names, as far as the stand-in has them."""

from __future__ import annotations

from types import SimpleNamespace as _Names
from typing import Any as _Any

import numpy as _numpy

from .array import ndarray  # noqa: F401
from .cuda import cuda, get_default_memory_pool, is_available  # noqa: F401
from .functions import DEFINED as _DEFINED
from .kernels import ElementwiseKernel  # noqa: F401
from .making import array, asarray, ascontiguousarray, asnumpy, get_array_module  # noqa: F401
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
