"""Universal functions: those CuPy has, with the arguments it takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import counting
from .array import array_of, ndarray, operand, wrap, wrapped

NAMES = """
abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_count bitwise_or bitwise_xor
cbrt ceil conj conjugate copysign cos cosh deg2rad degrees divide divmod equal exp exp2 expm1 fabs float_power floor
floor_divide fmax fmin fmod frexp gcd greater greater_equal heaviside hypot invert isfinite isinf isnan lcm ldexp
left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor
maximum minimum mod modf multiply negative nextafter not_equal positive power rad2deg radians reciprocal remainder
right_shift rint sign signbit sin sinh sqrt square subtract tan tanh true_divide trunc
"""  # of NumPy's, CuPy has no spacing, and clip is a function
REDUCE = {"add", "multiply"}
AT = {"add": "add", "subtract": "sub", "maximum": "max", "minimum": "min"}
OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "left_shift", "rshift": "right_shift",
}  # fmt: skip
COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}


class ufunc:
    """One universal function over arrays of the device and scalars.

    CuPy's take ``out``, ``dtype`` and ``casting``, and no ``where``.
    """

    def __init__(self, name: str, f: Any):
        self.name = self.__name__ = name
        self._f, self.nin, self.nout = f, f.nin, f.nout

    def __call__(self, *args: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind") -> Any:
        if not self.nin <= len(args) <= self.nin + self.nout:
            raise TypeError(f"Wrong number of arguments for {self.name}")
        if len(args) > self.nin:
            out = args[self.nin] if self.nout == 1 else args[self.nin :]
        xs = [operand(x) for x in args[: self.nin]]
        counting.launch(self.name)
        if out is None:
            return wrapped(self._f(*xs) if dtype is None else self._f(*xs, dtype=dtype, casting=casting))
        outs = out if isinstance(out, tuple) else (out,)
        self._f(*xs, out=tuple(None if o is None else array_of(o) for o in outs), dtype=dtype, casting=casting)
        return out[0] if isinstance(out, tuple) and self.nout == 1 else out

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        if self.name not in REDUCE:
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        return self._run("reduce", array, out, axis=axis, dtype=dtype, keepdims=keepdims)

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.name not in REDUCE:
            raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")
        return self._run("accumulate", array, out, axis=axis, dtype=dtype)

    def _run(self, method: str, array: Any, out: Any, **kwargs: Any) -> Any:
        a = array_of(array)
        counting.launch(f"{self.name}.{method}")
        made = getattr(self._f, method)(a, out=None if out is None else array_of(out), **kwargs)
        return wrapped(made) if out is None else out

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:
        a, b = array_of(A), array_of(B)
        return self(wrap(a.reshape(a.shape + (1,) * b.ndim)), B, **kwargs)

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        if self.name not in AT:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        from .functions import scatter

        scatter(AT[self.name], a, indices, b)


UFUNCS = {name: ufunc(name, getattr(np, name)) for name in NAMES.split()}
for _name, _same in {"invert": "bitwise_not", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift",
                     "power": "pow", "arctan": "atan", "arctan2": "atan2"}.items():  # fmt: skip
    UFUNCS[_same] = UFUNCS[_name]


def _binary(f: ufunc) -> tuple[Any, Any, Any]:
    def forward(self: Any, other: Any) -> Any:
        return f(self, other)

    def reflected(self: Any, other: Any) -> Any:
        return f(other, self)

    def inplace(self: Any, other: Any) -> Any:
        return f(self, other, out=self)

    return forward, reflected, inplace


def _unary(f: ufunc) -> Any:
    return lambda self: f(self)


for _op, _name in OPERATORS.items():
    _methods = _binary(UFUNCS[_name])
    for _prefix, _method in zip(("", "r", "i"), _methods, strict=True):
        setattr(ndarray, f"__{_prefix}{_op}__", _method)
for _op, _name in COMPARISONS.items():
    setattr(ndarray, f"__{_op}__", _binary(UFUNCS[_name])[0])
for _op, _name in UNARY.items():
    setattr(ndarray, f"__{_op}__", _unary(UFUNCS[_name]))
ndarray.__hash__ = None


def matmul(*args: Any, casting: str = "same_kind", dtype: Any = None, out: Any = None) -> Any:
    """Matrix product over the last two axes."""
    if len(args) == 3:
        *args, out = args
    a, b = map(array_of, args)
    counting.launch("matmul")
    made = np.matmul(a, b, out=None if out is None else array_of(out), casting=casting, dtype=dtype)
    return wrapped(made) if out is None else out


ndarray.__matmul__ = lambda self, other: matmul(self, other)
ndarray.__rmatmul__ = lambda self, other: matmul(other, self)
ndarray.__divmod__ = lambda self, other: UFUNCS["divmod"](self, other)
