"""The error function and its complement, as ``cupyx.scipy.special`` has them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import counting
from .array import operand, wrap


def _by_element(name: str) -> Any:
    f = getattr(math, name)

    def call(x: Any, out: Any = None) -> Any:
        x = np.asarray(operand(x))
        x = x if x.dtype.kind == "f" else x.astype(float)
        counting.launch(name)
        made = np.array([f(v) for v in x.ravel().tolist()], dtype=x.dtype).reshape(x.shape)
        if out is None:
            return wrap(made)
        out[...] = wrap(made)
        return out

    call.__name__ = name
    return call


erf, erfc = _by_element("erf"), _by_element("erfc")
