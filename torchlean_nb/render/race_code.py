"""Numbers of a race as short text: a relative precision, differences, and letters for them.

A number v becomes the whole number nearest to asinh((v - o) / q) / r, so that numbers of every size keep the same
share of themselves; what is written is how much its difference to the one before has changed, five bits to a letter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ODD = {"nan": "!", "inf": "^", "-inf": "_"}


def coded(values: np.ndarray, precision: float = 4e-4, origin: float = 0.0) -> dict[str, Any]:
    """Code of numbers; `precision` is relative to their distance from `origin`.

    Examples
    --------
    >>> c = coded(np.array([1.0, 0.5, np.nan, 0.0]))
    >>> [round(float(v), 3) for v in decoded(c)]
    [1.0, 0.5, nan, 0.0]
    """
    v = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        off = v - origin
        size = np.abs(off[np.isfinite(off) & (off != 0)])
        # Below a part in 1e30 of the largest nothing is told apart.
        q = float(f"{max(size.min(), size.max() * 1e-30):.3e}") if size.size else 1.0
        whole = np.rint(np.arcsinh(off / q) / precision)
    good = np.isfinite(whole)
    steps = np.zeros(len(v), np.int64)
    steps[good] = np.diff(whole[good].astype(np.int64), n=2, prepend=[0, 0])
    text = "".join(
        _letters(d) if fine else _ODD[str(float(x))]
        for d, fine, x in zip(steps.tolist(), good.tolist(), off.tolist(), strict=True)
    )
    return {"q": q, "r": precision, "o": float(origin), "s": text}


def even(values: np.ndarray, unit: float) -> dict[str, Any]:
    """Code of finite numbers as multiples of a unit."""
    steps = np.diff(np.rint(np.asarray(values, np.float64) / unit).astype(np.int64), n=2, prepend=[0, 0])
    return {"q": unit, "r": 0, "o": 0.0, "s": "".join(map(_letters, steps.tolist()))}


def decoded(code: dict[str, Any]) -> np.ndarray:
    """Numbers of a code, as the front end reads them."""
    odd, out, at, by, value, shift = {v: float(k) for k, v in _ODD.items()}, [], 0, 0, 0, 0
    for c in code["s"]:
        if c in odd:
            out.append(odd[c])
            continue
        bits = LETTERS.index(c)
        value |= (bits & 31) << shift
        shift += 5
        if bits < 32:
            by += -(value >> 1) - 1 if value & 1 else value >> 1
            at += by
            scaled = at * code["r"] if code["r"] else at
            out.append(code["o"] + code["q"] * (np.sinh(scaled) if code["r"] else scaled))
            value = shift = 0
    return np.array(out)


def _letters(d: int) -> str:
    """A whole number, its sign in the lowest bit, the low digits first; a letter with the sixth bit is not the last."""
    z, out = (d << 1) ^ (d >> 63), ""
    while z > 31:
        out += LETTERS[z & 31 | 32]
        z >>= 5
    return out + LETTERS[z]
