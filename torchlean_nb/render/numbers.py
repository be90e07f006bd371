"""Numbers, shapes and arrays as short text, the same everywhere."""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from typing import Any

import numpy as np

MINUS = "\u2212"
TIMES = "×"


def fmt(value: Any, digits: int = 5, plus: bool = False) -> str:
    """A number with at most `digits` significant digits and a true minus sign.

    Examples
    --------
    >>> fmt(0.73533142), fmt(7.0), fmt(1e-9)
    ('0.73533', '7', '1e−9')
    >>> fmt(-(10**400))
    '−1.0000e400'
    """
    value = value.item() if isinstance(value, np.ndarray | np.generic) else value
    if isinstance(value, bool):
        return str(value)
    sign = "+" if plus and value >= 0 else ""
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        mantissa, exponent = f"{Decimal(value):.{digits - 1}e}".split("e+")
        return sign + f"{mantissa.replace('-', MINUS)}e{exponent}"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return (MINUS if value < 0 else sign) + "∞"
    if isinstance(value, int) and abs(value) < 10**9:
        text = str(value)
    else:
        text = f"{value:.{digits}g}"
        if "e" in text:
            mantissa, exponent = text.split("e")
            text = f"{mantissa}e{int(exponent)}"
        text = "0" if text == "-0" else text
    return sign + text.replace("-", MINUS)


def shape(shape: tuple[int, ...]) -> str:
    """Shape as ``4×3``; nothing for a scalar.

    Examples
    --------
    >>> shape((4, 3)), shape(())
    ('4×3', '')
    """
    return TIMES.join(map(str, shape))


def norm(a: np.ndarray) -> float:
    """Euclidean length of all entries."""
    return float(np.sqrt(np.sum(np.square(np.asarray(a, dtype=np.float64)))))


def summary(a: np.ndarray | None, digits: int = 5) -> str:
    """A number, or the shape, first entry and largest magnitude of an array.

    Examples
    --------
    >>> summary(np.array(0.5)), summary(np.array([[0.5, -2.0]]))
    ('0.5', '[1×2] 0.5 … max|·| 2')
    """
    if a is None:
        return ""
    a = np.asarray(a)
    if a.ndim == 0:
        return fmt(a, digits)
    if a.size == 0:
        return f"[{shape(a.shape)}] empty"
    if a.size == 1:
        return f"[{shape(a.shape)}] {fmt(a.ravel()[0], digits)}"
    return f"[{shape(a.shape)}] {fmt(a.ravel()[0], digits)} … max|·| {fmt(np.max(np.abs(a)), digits)}"
