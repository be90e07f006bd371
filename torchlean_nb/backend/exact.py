"""Exact arithmetic: the primitives over fractions, so that an identity can be tested with ``==``.

Algebraic primitives are exact. Transcendental ones are evaluated in float64 and their value
taken as a fraction: the point is then some rational number, derivative rules are linear in it
with rational coefficients, and the adjoint identity still holds without rounding.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache, partial
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import ArrayNamespace
from torchlean_nb.backend.operators import Handle
from torchlean_nb.errors import RuleError

_LIFTED = {
    "exp": math.exp, "expm1": math.expm1, "log": math.log, "log1p": math.log1p, "sqrt": math.sqrt, "sin": math.sin,
    "cos": math.cos, "tan": math.tan, "arctan": math.atan, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh,
    "erf": math.erf, "erfc": math.erfc,
}  # fmt: skip


def fraction(v: Any) -> Any:
    """A number as a fraction; booleans and integers count as themselves."""
    if isinstance(v, Fraction):
        return v
    if isinstance(v, bool | np.bool_ | int | np.integer):
        return Fraction(int(v))
    if isinstance(v, float | np.floating):
        return float(v) if math.isinf(v) else Fraction(float(v))  # inf bounds every fraction
    raise RuleError(f"exact arithmetic met a {type(v).__name__}", str(v)[:80])


_fractions = np.frompyfunc(fraction, 1, 1)


class ExactArray(Handle):
    """Array of fractions that refuses every float, so no rounding can slip in."""

    __slots__ = ("a",)

    def __init__(self, a: Any):
        self.a = np.asarray(a, dtype=object)

    def _op(self, name: str, *args: Any, **attrs: Any) -> Any:
        return getattr(exact_namespace(), name)(*args, **attrs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape."""
        return self.a.shape

    @property
    def dtype(self) -> Any:
        """Object."""
        return self.a.dtype

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactArray) and self.shape == other.shape and bool(np.all(self.a == other.a))

    __hash__ = None

    def __repr__(self) -> str:
        return f"ExactArray{self.a.tolist()}"

    def to_float(self) -> np.ndarray:
        """Nearest float64 values."""
        return self.a.astype(np.float64)

    def min(self) -> ExactArray:
        """Smallest element, for checks of ranges."""
        return ExactArray(self.a.min())

    def max(self) -> ExactArray:
        """Largest element."""
        return ExactArray(self.a.max())

    def item(self) -> Fraction:
        """The one fraction it holds."""
        return self.a.item()


class ExactNamespace(ArrayNamespace):
    """Primitives over object arrays of `fractions.Fraction`."""

    exact = True

    def __init__(self) -> None:
        super().__init__(np)
        for name in vars(ExactNamespace):  # NumPy's own, set on the instance above
            self.__dict__.pop(name, None)
        for name in ("add", "sub", "mul", "div", "neg", "abs", "maximum", "minimum"):
            setattr(self, name, partial(self._elementwise, name))
        for name, f in _LIFTED.items():
            setattr(self, name, partial(self._lifted, f))
        for name in ("greater", "greater_equal", "equal"):
            setattr(self, name, partial(self._compare, name))
        for name in (
            "sum", "max", "min", "prod", "cumsum", "matmul", "reshape", "transpose", "broadcast_to", "concatenate",
            "flip", "index", "put_index", "take", "put_take", "take_along", "put_along", "windows", "fold", "spread",
        ):  # fmt: skip
            setattr(self, name, partial(self._structural, getattr(_Objects, name)))

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """Fractions from numbers; what is meant as an index or a mask stays as it is."""
        if isinstance(x, ExactArray):
            return x
        a = np.asarray(x)
        return a if a.dtype.kind in "iub" and dtype in ("index", "mask") else ExactArray(_fractions(a))

    def raw(self, x: Any) -> Any:
        """Object array behind an operand; Python floats are refused."""
        if isinstance(x, ExactArray):
            return x.a
        if isinstance(x, float | np.floating) and not math.isinf(x):
            raise RuleError(f"a float constant {x} on an exact path", None, "an integer, or xp.number(p)")
        a = np.asarray(x)
        if a.dtype.kind == "f" and not np.isinf(a).all():
            raise RuleError("a float array on an exact path")
        return np.asarray(_fractions(a), dtype=object) if a.dtype.kind in "biuf" else a

    def _elementwise(self, name: str, *xs: Any) -> ExactArray:
        return ExactArray(getattr(np, _NUMPY_NAMES[name])(*[self.raw(x) for x in xs]))

    def _lifted(self, f: Any, x: Any) -> ExactArray:
        return ExactArray(np.frompyfunc(lambda q: Fraction(f(float(q))), 1, 1)(self.raw(x)))

    def _compare(self, name: str, a: Any, b: Any) -> np.ndarray:
        return np.asarray(getattr(np, name)(self.raw(a), self.raw(b)), dtype=bool)

    def _structural(self, method: Any, *xs: Any, **attrs: Any) -> Any:
        arrays = [x.a if isinstance(x, ExactArray) else np.asarray(x) for x in xs]
        out = method(_OBJECTS, *arrays, **attrs)
        return ExactArray(_fractions(out)) if isinstance(xs[0], ExactArray) else out

    def argmax(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Index of the first maximum."""
        return np.argmax(self.raw(x), axis=axis, keepdims=keepdims)

    def argsort(self, x: Any, axis: int = -1) -> Any:
        """Stable order."""
        return np.argsort(self.raw(x), axis=axis, kind="stable")

    def where(self, c: Any, a: Any, b: Any) -> ExactArray:
        """Choice by a mask."""
        return ExactArray(_fractions(np.where(c, self.raw(a), self.raw(b))))

    def logical_not(self, a: Any) -> np.ndarray:
        """Negated mask."""
        return ~np.asarray(a.a != 0 if isinstance(a, ExactArray) else a, dtype=bool)

    def sign(self, x: Any) -> ExactArray:
        """Sign."""
        return ExactArray(np.frompyfunc(lambda q: Fraction((q > 0) - (q < 0)), 1, 1)(self.raw(x)))

    def pow(self, x: Any, p: Any) -> ExactArray:
        """Power: exact for integer exponents, lifted otherwise."""
        def power(b: Fraction, e: Fraction) -> Fraction:
            return b ** int(e) if e.denominator == 1 else Fraction(float(b) ** float(e))

        return ExactArray(np.frompyfunc(power, 2, 1)(self.raw(x), self.raw(p)))

    def logaddexp(self, a: Any, b: Any) -> ExactArray:
        """Lifted."""
        f = np.frompyfunc(lambda p, q: Fraction(float(np.logaddexp(float(p), float(q)))), 2, 1)
        return ExactArray(f(self.raw(a), self.raw(b)))

    def astype(self, x: Any, *, dtype: str) -> Any:
        """Fractions have one type."""
        return x

    def zeros(self, *, shape: tuple[int, ...], like: Any) -> ExactArray:
        """Zeros."""
        return ExactArray(_fractions(np.zeros(shape, dtype=int)))

    def ones(self, *, shape: tuple[int, ...], like: Any) -> ExactArray:
        """Ones."""
        return ExactArray(_fractions(np.ones(shape, dtype=int)))

    def number(self, p: Any) -> Any:
        """A float attribute as the fraction it is."""
        return ExactArray(fraction(p)) if isinstance(p, float) else p

    def all_finite(self, x: Any) -> bool:
        """Fractions always are."""
        return True


class _Objects(ArrayNamespace):
    """Structural primitives on raw object arrays: plain sums, no float accumulation."""

    def sum(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        return np.sum(x, axis=axis, keepdims=keepdims)

    def put_index(self, g: Any, *, shape: tuple[int, ...], key: Any) -> Any:
        out = np.zeros(shape, dtype=object)
        out[key] = g if g.ndim else g.item()  # else the 0-d array itself would become the element
        return out


_OBJECTS = _Objects(np)
_NUMPY_NAMES = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "true_divide", "neg": "negative", "abs": "absolute",
    "maximum": "maximum", "minimum": "minimum",
}  # fmt: skip


@cache
def exact_namespace() -> ExactNamespace:
    """The namespace that computes with fractions."""
    return ExactNamespace()
