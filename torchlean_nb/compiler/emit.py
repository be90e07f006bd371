"""One line of NumPy for each primitive.

`WRITES` holds those that can write into a given array, `VIEWS` those that only look at their argument in another
way, and `MAKES` those that make a new array each time. Together they are all there are; the bits are those of the
eager namespace, since the same functions run on the same layouts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import DIRECT as UFUNCS
from torchlean_nb.backend.namespace import INTEGERS, MANY
from torchlean_nb.backend.windows import apart, shifts

BUFFER = 8192  # elements that NumPy converts at a time
REDUCTIONS = {"sum": "add", "max": "maximum", "min": "minimum", "prod": "multiply"}

Emit = Callable[..., str]


def _into(ufunc: str) -> str:
    """NumPy wants a third argument of these two to be named."""
    return "out=" if ufunc in ("maximum", "minimum") else ""


def _reduction(ufunc: str, wide: bool) -> Emit:
    def emit(out: str, line: Any, x: str) -> str:
        axis, keepdims = line.attrs["axis"], line.attrs["keepdims"]
        if line.there:
            return _reduced(ufunc, out, line, x)
        if not wide or line.dtype.char not in "ef":
            return f"{ufunc}.reduce({x}, {axis!r}, None, {out}, {keepdims!r})"
        if (axis is None or len(line.first) < 3) and math.prod(line.first) <= BUFFER:
            return f"{ufunc}.reduce({x}, {axis!r}, float64, {out}, {keepdims!r})"
        # Into a narrow array NumPy would round between one buffer and the next.
        return f"copyto({out}, {ufunc}.reduce({x}, {axis!r}, float64, None, {keepdims!r}), 'unsafe')"

    return emit


METHODS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}


def _reduced(ufunc: str, out: str, line: Any, x: str) -> str:
    """A reduction on a device, whose library has no ``maximum.reduce``."""
    axis, keepdims, method = line.attrs["axis"], line.attrs["keepdims"], METHODS[ufunc]
    if ufunc == "add" and line.dtype.char in "ef":
        return f"copyto({out}, {x}.sum({axis!r}, float64, None, {keepdims!r}), 'unsafe')"
    dtype = "" if method in ("max", "min") else "None, "
    return f"{x}.{method}({axis!r}, {dtype}{out}, {keepdims!r})"


def _product(out: str, line: Any, a: str, b: str) -> str:
    if line.there:
        return f"matmul({a}, {b}, out={out})" if len(line.shape) > 1 else f"copyto({out}, matmul({a}, {b}))"
    return f"{a}.dot({b}, {out})" if line.dot else f"matmul({a}, {b}, {out})"


def _spread(out: str, line: Any, *parts: str) -> str:
    size, stride = line.attrs["size"], line.attrs["stride"]
    gap = line.attrs["dilation"] or (1,) * len(size)
    counts = line.first[len(line.first) - len(size) :]
    places = [f"{out}[{key(k)}]" for k in shifts(size, stride, gap, counts)]
    if apart(size, stride, gap):
        return "; ".join(f"{place} = {part}" for place, part in zip(places, parts, strict=True))
    adding = [f"{place} += {part}" for place, part in zip(places, parts, strict=True)]
    return "; ".join([f"{out}.fill(0)", *adding])


def choose(condition: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray, bits: np.ndarray) -> None:
    """Write ``where(condition, a, b)`` into `out` bit by bit, without a branch for each element."""
    np.copyto(bits, condition.astype(bool, copy=False))
    np.negative(bits, bits)
    a, b, into = (np.asarray(x, out.dtype).view(bits.dtype) for x in (a, b, out))
    np.bitwise_xor(a, b, into)
    np.bitwise_and(into, bits, into)
    np.bitwise_xor(into, b, into)


WRITES: dict[str, Emit] = {
    **{ours: (lambda out, line, *xs, f=f: f"{f}({', '.join(xs)}, {_into(f)}{out})") for ours, f in UFUNCS.items()},
    **{ours: _reduction(f, ours == "sum") for ours, f in REDUCTIONS.items()},
    "matmul": _product,
    "where": lambda out, line, c, a, b, bits: f"choose({c}, {a}, {b}, {out}, {bits})",
    "concatenate": lambda out, line, *xs: f"concatenate(({', '.join(xs)},), {line.attrs['axis']!r}, {out})",
    "astype": lambda out, line, x: f"copyto({out}, {x}, 'unsafe')",
    "one_hot": lambda out, line, i: f"equal({i}[..., None], arange({line.attrs['num_classes']!r}), {out})",
    "spread": _spread,
    "put_index": lambda out, line, g: f"{out}[{key(line.attrs['key'])}] = {g}",
}
PARTLY = ("put_index", "spread")  # write a part of an array, the rest is zero
VIEWS: dict[str, Emit] = {
    "transpose": lambda line, x: f"{x}.T" if line.attrs["axes"] is None else f"{x}.transpose({line.attrs['axes']!r})",
    "reshape": lambda line, x: f"{x}.reshape({line.shape!r})",
    "broadcast_to": lambda line, x: f"broadcast_to({x}, {line.shape!r})",
    "index": lambda line, x: f"{x}[{key(line.attrs['key'])}]",
    "flip": lambda line, x: f"flip({x}, {line.attrs['axis']!r})",
}
MAKES: dict[str, Emit] = {
    "where": lambda line, c, a, b: f"where({c}, {a}, {b})",
    "argmax": lambda line, x: f"asarray(argmax({x}, {line.attrs['axis']!r}, None, keepdims={line.attrs['keepdims']}))",
}
NUMPY = sorted({*UFUNCS.values(), "arange", "argmax", "asarray", "broadcast_to", "concatenate", "copyto", "flip",
                "float64", "floor_divide", "matmul", "positive", "remainder", "where"})  # fmt: skip
_USED = re.compile(rf"(?<![\w.'])({'|'.join(NUMPY)})(?=[.(,])")


def used(text: str) -> list[str]:
    """Names of NumPy that a text uses on their own."""
    return sorted(set(_USED.findall(text)))


def bits(line: Any) -> np.dtype[Any] | None:
    """Integers of the size of a float, for a choice between so many that it is made bit by bit."""
    many = line.op == "where" and not line.there and math.prod(line.shape) >= MANY and line.dtype.char in INTEGERS
    return np.dtype(INTEGERS[line.dtype.char]) if many else None


def writes(line: Any) -> bool:
    """Whether a line that is no view writes into an array that is made once."""
    return line.op in VIEWS or (line.op in WRITES and (line.op != "where" or bits(line) is not None))


def elementwise(op: str) -> bool:
    """Whether an op may write over an argument of the same shape."""
    return op in UFUNCS


def fallback(line: Any, *xs: str) -> str:
    """A call of the toolkit's own namespace, for what NumPy has no single function for."""
    options = "".join(f", {k}={literal(v)}" for k, v in line.attrs.items())
    return f"xp.{line.op}({', '.join(xs)}{options})"


def key(k: Any) -> str:
    """An index as it is written between brackets."""
    parts = k if isinstance(k, tuple) else (k,)
    return ", ".join(map(_part, parts)) if parts else "()"


def _part(p: Any) -> str:
    if isinstance(p, slice):
        text = f"{'' if p.start is None else p.start}:{'' if p.stop is None else p.stop}"
        return text if p.step is None else f"{text}:{p.step}"
    return "..." if p is Ellipsis else repr(p)


def literal(v: Any) -> str:
    """An attribute as Python."""
    if isinstance(v, tuple):
        return "(" + ", ".join(map(literal, v)) + ("," if len(v) == 1 else "") + ")"
    if isinstance(v, slice):
        return f"slice({v.start!r}, {v.stop!r}, {v.step!r})"
    return "..." if v is Ellipsis else repr(v.item() if isinstance(v, np.generic) else v)
