"""Numbers of sixty digits that know how much one rounding could have moved them, and the primitives over them."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

from torchlean_nb.backend.namespace import ArrayNamespace

mpmath.mp.dps = 60


class Digits:
    """A number `v` to sixty digits, and its natural scale `s`.

    The scale is the size, to first order, of what the largest intermediate result contributes: its own for a product,
    for a difference of nearly equal results these results. One rounding anywhere on the way moves the number by at
    most an ulp of the scale. Numbers given are exact, no rounding made them: their scale is 0.
    """

    __slots__ = ("s", "v")
    shape, ndim, size = (), 0, 1
    dtype = np.dtype(object)

    def __init__(self, v: Any, s: Any):
        self.v, self.s = v, s

    def __add__(self, o: Any) -> Any:
        return _binary(self, o, lambda a, b: a + b, lambda a, b, r: (1, 1))

    def __sub__(self, o: Any) -> Any:
        return _binary(self, o, lambda a, b: a - b, lambda a, b, r: (1, 1))

    def __mul__(self, o: Any) -> Any:
        return _binary(self, o, lambda a, b: a * b, lambda a, b, r: (b, a))

    def __truediv__(self, o: Any) -> Any:
        return _binary(self, o, _divide, lambda a, b, r: (1 / b, r / b) if b else (0, 0))

    def __pow__(self, o: Any) -> Any:
        return _binary(self, o, _power, _power_slopes)

    def __mod__(self, o: Any) -> Any:
        return _binary(self, o, lambda a, b: a % b, lambda a, b, r: (1, 1))

    def __radd__(self, o: Any) -> Any:
        return number(o) + self

    def __rsub__(self, o: Any) -> Any:
        return number(o) - self

    def __rmul__(self, o: Any) -> Any:
        return number(o) * self

    def __rtruediv__(self, o: Any) -> Any:
        return number(o) / self

    def __rpow__(self, o: Any) -> Any:
        return number(o) ** self

    def __neg__(self) -> Any:
        return Digits(-self.v, self.s)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return Digits(abs(self.v), self.s)

    def __bool__(self) -> bool:
        return self.v != 0

    def __float__(self) -> float:
        return float(self.v)

    def __lt__(self, o: Any) -> bool:
        return self.v < number(o).v

    def __le__(self, o: Any) -> bool:
        return self.v <= number(o).v

    def __gt__(self, o: Any) -> bool:
        return self.v > number(o).v

    def __ge__(self, o: Any) -> bool:
        return self.v >= number(o).v

    def __eq__(self, o: object) -> bool:
        return self.v == number(o).v

    __hash__ = None

    def __repr__(self) -> str:
        return mpmath.nstr(self.v, 20)


def number(x: Any) -> Digits:
    """The number that a float is, exactly."""
    if isinstance(x, Digits):
        return x
    if isinstance(x, np.ndarray) and x.ndim == 0:
        return number(x.item())
    return Digits(mpf(int(x)) if isinstance(x, bool | np.bool_ | int | np.integer) else mpf(float(x)), mpf(0))


def _binary(a: Any, b: Any, f: Any, slopes: Any) -> Any:
    if isinstance(b, np.ndarray) and b.ndim:
        return np.frompyfunc(lambda x: _binary(a, x, f, slopes), 1, 1)(b)
    b = number(b)
    r = f(a.v, b.v)
    if not mpmath.isfinite(r):
        return Digits(r, abs(r))
    da, db = slopes(a.v, b.v, r)
    return Digits(r, max(abs(r), abs(da) * a.s, abs(db) * b.s))


def _divide(a: Any, b: Any) -> Any:
    return a / b if b else (mpmath.nan if not a else mpmath.inf * mpmath.sign(a))


def _power(a: Any, b: Any) -> Any:
    return a**b if a >= 0 or b == int(b) else mpmath.nan


def _power_slopes(a: Any, b: Any, r: Any) -> Any:
    return (b * r / a, r * mpmath.log(abs(a))) if a else (0, 0)


def _unary(f: Any, slope: Any) -> Any:
    def one(x: Any) -> Any:
        x = number(x)
        r = f(x.v)
        return Digits(r, max(abs(r), abs(slope(x.v, r)) * x.s))

    return np.frompyfunc(one, 1, 1)


_numbers = np.frompyfunc(number, 1, 1)


def lift(a: Any) -> Any:
    """Array of exact numbers from an array of floats, of the same shape."""
    out = np.empty(np.shape(a), dtype=object)
    out[...] = _numbers(np.asarray(a))
    return out


class DigitsNamespace(ArrayNamespace):
    """Primitives over object arrays of `Digits`."""

    def __init__(self) -> None:
        super().__init__(np)
        self.sqrt = _unary(lambda v: mpmath.sqrt(v) if v >= 0 else mpmath.nan, lambda v, r: 1 / (2 * r) if r else 0)
        self.exp = _unary(mpmath.exp, lambda v, r: r)
        self.expm1 = _unary(mpmath.expm1, lambda v, r: r + 1)
        self.log = _unary(mpmath.log, lambda v, r: 1 / v)
        self.tanh = _unary(mpmath.tanh, lambda v, r: 1 - r * r)
        self.sign = np.frompyfunc(lambda x: number(int(mpmath.sign(number(x).v))), 1, 1)
        self.abs = np.frompyfunc(lambda x: abs(number(x)), 1, 1)
        self.maximum = np.frompyfunc(lambda a, b: max(number(a), number(b), key=lambda x: x.v), 2, 1)
        self.minimum = np.frompyfunc(lambda a, b: min(number(a), number(b), key=lambda x: x.v), 2, 1)
        for name, f in {
            "greater": lambda a, b: number(a).v > number(b).v, "equal": lambda a, b: number(a).v == number(b).v,
            "greater_equal": lambda a, b: number(a).v >= number(b).v,
        }.items():  # fmt: skip
            setattr(self, name, self._truth(np.frompyfunc(f, 2, 1)))

    @staticmethod
    def _truth(f: Any) -> Any:
        return lambda a, b: np.asarray(f(a, b), dtype=bool)

    def where(self, c: Any, a: Any, b: Any) -> Any:
        """Choice by a mask."""
        return np.frompyfunc(lambda c, a, b: number(a) if c else number(b), 3, 1)(c, a, b)

    def logical_not(self, a: Any) -> Any:
        """Negated mask."""
        return ~np.asarray(a, dtype=bool)

    def zeros(self, *, shape: Any, like: Any) -> Any:
        """Zeros."""
        return lift(np.zeros(shape))

    def ones(self, *, shape: Any, like: Any) -> Any:
        """Ones."""
        return lift(np.ones(shape))

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """Indices and masks as they are, floats lifted."""
        a = np.asarray(x)
        return lift(a) if a.dtype.kind == "f" else a

    def mean(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Sum over count."""
        total = np.sum(x, axis=axis, keepdims=keepdims)
        return total / (np.size(x) // max(np.size(total), 1))

    def argmax(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Index of the first maximum."""
        return np.argmax(np.asarray(x).astype(float), axis=axis, keepdims=keepdims)

    def argsort(self, x: Any, *, axis: int = -1) -> Any:
        """Stable order."""
        return np.argsort(np.asarray(x).astype(float), axis=axis, kind="stable")

    def eigh(self, x: Any) -> tuple[Any, Any]:
        """Rising eigenvalues and their vectors; a rounding of the matrix turns these by its size over the gap."""
        values, vectors = mpmath.eigsy(_matrix(x))
        return _scaled(list(values), size := _size(x, max(map(abs, values)))), _vectors(
            vectors, [size / gap for gap in _gaps(list(values))], np.linalg.eigh(x.astype(float))[1])  # fmt: skip

    def left_singular(self, x: Any, *, rank: int) -> Any:
        """Leading left singular vectors; where there are more rows than columns, 0 is one more singular value."""
        left, values, _ = mpmath.svd_r(_matrix(x))
        gaps = _gaps([*values, *([mpf(0)] if x.shape[0] > x.shape[1] else [])])
        scales = [_size(x, max(values)) / gap for gap in gaps[: len(values)]]
        return _vectors(left, scales, np.linalg.svd(x.astype(float), full_matrices=False)[0])[:, :rank]

    def orthonormal(self, x: Any) -> Any:
        """Q of QR, whose rounding is that of columns of length 1 times their condition."""
        a = _matrix(x)
        lengths = [mpmath.norm(a[:, j]) for j in range(a.cols)]
        unit = a * mpmath.diag([1 / n for n in lengths])
        scale = max(d.s / n for column, n in zip(x.T, lengths, strict=True) for d in column)
        scale = max(scale, mpf(1)) / min(mpmath.svd_r(unit, compute_uv=False))
        return _vectors(mpmath.qr(a, mode="skinny")[0], [scale] * a.cols, np.linalg.qr(x.astype(float))[0])


def _matrix(x: Any) -> Any:
    return mpmath.matrix([[d.v for d in row] for row in x])


def _size(x: Any, norm: Any) -> Any:
    """What a rounding is relative to: the norm, or where the matrix comes from larger numbers, these."""
    return max(norm, *(d.s for d in x.ravel()))


def _gaps(values: list[Any]) -> list[Any]:
    """Distance of every value to the next."""
    return [min([abs(a - b) for j, b in enumerate(values) if j != i], default=a) for i, a in enumerate(values)]


def _scaled(values: Any, scale: Any) -> Any:
    out = np.empty(len(values), dtype=object)
    out[:] = [Digits(v, max(abs(v), scale)) for v in values]
    return out


def _vectors(exact: Any, scales: Any, signed: Any) -> Any:
    """Columns with their scales, pointing where those of LAPACK do: their signs are free."""
    columns = [[exact[i, j] for i in range(exact.rows)] for j in range(exact.cols)]
    turned = [1 if sum(float(v) * w for v, w in zip(c, there, strict=True)) > 0 else -1
              for c, there in zip(columns, signed.T, strict=True)]  # fmt: skip
    return np.stack([_scaled([t * v for v in c], s) for t, c, s in zip(turned, columns, scales, strict=True)], axis=1)
