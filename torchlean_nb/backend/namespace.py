"""The primitives, computed by NumPy or CuPy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache, partial
from typing import Any

import numpy

from torchlean_nb.backend import special as _special
from torchlean_nb.backend import windows as _windows
from torchlean_nb.backend.random import bernoulli_mask, uniform
from torchlean_nb.backend.windows import Axes

DIRECT = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "true_divide", "neg": "negative", "pow": "power",
    "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p", "sqrt": "sqrt", "sin": "sin", "cos": "cos",
    "tan": "tan", "arctan": "arctan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "abs": "absolute",
    "sign": "sign", "maximum": "maximum", "minimum": "minimum", "logaddexp": "logaddexp",
    "greater": "greater", "greater_equal": "greater_equal", "equal": "equal", "logical_not": "logical_not",
}  # fmt: skip
MANY = 4096  # elements from which on choosing bit by bit is faster than branching
INTEGERS = {"f": "int32", "d": "int64"}  # of the size of a float
SUMS = 256  # elements from which on a sum is worth a product
SHORT = 32  # elements of a row up to which NumPy spends more on beginning than on comparing
SPARE = 31 << 20  # bytes; glibc learns from no more than 32 MB


def stacked(a: Any, b: Any) -> bool:
    """Whether a product is of one matrix with many that lie in memory as one."""
    return b.ndim == 2 < a.ndim and a.size > 0 and a.flags.c_contiguous


def plain(a: Any, b: Any) -> bool:
    """Whether BLAS multiplies these matrices, or a matrix and a vector, as they lie in memory."""
    kind = a.dtype.char
    return (
        a.ndim < 3 > b.ndim and a.ndim + b.ndim > 2 and a.dtype is b.dtype and (kind == "f" or kind == "d")
        and a.flags.forc and b.flags.forc and a.size > 0 and b.size > 0
    )  # fmt: skip


def as_product(x: Any, axis: Any) -> tuple[tuple[int, int], bool] | None:
    """Matrix of which a sum adds up rows (True) or columns (False), if it is over all axes but the last or that only.

    A product with ones is several times as fast as NumPy's sum, and in float64 as exact.
    """
    n = x.ndim
    if n < 2 or axis is None or x.size < SUMS or not x.flags.c_contiguous:
        return None
    axes = [axis % n] if isinstance(axis, int) else sorted(i % n for i in axis)
    if axes != [n - 1] and axes != [*range(n - 1)]:
        return None
    return (x.size // x.shape[-1], x.shape[-1]), axes[0] == 0


def summed(shape: tuple[int, ...], rows: bool, keepdims: bool) -> tuple[int, ...]:
    """Shape of such a sum."""
    kept = shape[-1:] if rows else shape[:-1]
    if not keepdims:
        return kept
    return (*[1] * (len(shape) - 1), *kept) if rows else (*kept, 1)


class ArrayNamespace:
    """Primitives over one array library.

    Parameters
    ----------
    module : module
        ``numpy`` or a module with its interface.

    Examples
    --------
    >>> xp = numpy_namespace()
    >>> float(xp.sum(xp.exp(numpy.zeros(3))))
    3.0
    """

    exact = False
    device: Any = None  # where the arrays live, if not on the host

    def __init__(self, module: Any = numpy):
        self.np = module
        self._kept: dict[int, Any] = {}
        self._double = module.dtype("float64")
        for ours, theirs in DIRECT.items():
            setattr(self, ours, getattr(module, theirs))

    def __getattr__(self, name: str) -> Any:
        from torchlean_nb.rows import OPS  # noqa: PLC0415 - rows and namespaces name each other

        if name not in OPS:
            raise AttributeError(f"xp has no {name!r}; a rule may only use rows")
        op = OPS[name]
        found = partial(op.run if op.residuals else op.forward, self)
        if op.builtin:  # nobody replaces it: found at once from now on
            self.__dict__[name] = found
        return found

    # -- making ------------------------------------------------------------------------------
    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """Array of the library, without a copy when it is one already."""
        return self.np.asarray(x, dtype=dtype)

    def zeros(self, *, shape: tuple[int, ...], like: Any) -> Any:
        """Zeros with the dtype of `like`."""
        return self.np.zeros(shape, dtype=like.dtype)

    def ones(self, *, shape: tuple[int, ...], like: Any) -> Any:
        """Ones with the dtype of `like`."""
        return self.np.ones(shape, dtype=like.dtype)

    def number(self, p: float) -> Any:
        """A float attribute, ready to be multiplied with (a fraction under exact arithmetic)."""
        return p

    def all_finite(self, x: Any) -> bool:
        """Whether no element is inf or NaN."""
        if x.dtype.kind != "f":
            return True
        if x.ndim == 0:
            return math.isfinite(x)
        return bool(self.np.count_nonzero(self.np.isfinite(x)) == x.size)  # half the price of all()

    def every_finite(self, arrays: Iterable[Any]) -> bool:
        """Whether no element of any of them is inf or NaN."""
        return all(map(self.all_finite, arrays))

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Elements of `a` where the condition holds, else of `b`; of many by their bits, as branches cost more."""
        if getattr(condition, "size", 0) < MANY or condition.dtype.kind != "b":
            return self.np.where(condition, a, b)
        dtype = self.np.result_type(a, b)
        a, b = (self.np.asarray(x, dtype) for x in (a, b))
        if dtype.char not in INTEGERS:
            return self.np.where(condition, a, b)
        chosen = condition.astype(INTEGERS[dtype.char])
        self.np.negative(chosen, chosen)
        a, b = (x.view(chosen.dtype) for x in (a, b))
        out = a ^ b
        out = (out & chosen) ^ b
        return out.view(dtype)

    # -- elementwise without a NumPy twin ------------------------------------------------------
    def erf(self, x: Any) -> Any:
        """Error function."""
        return self._by_element(math.erf, x)

    def erfc(self, x: Any) -> Any:
        """One minus the error function, accurate where that is tiny."""
        if x.dtype.kind == "f" and x.dtype.itemsize < 8:
            return _special.erfc(self.np, x)
        return self._by_element(math.erfc, x)

    def _by_element(self, f: Any, x: Any) -> Any:
        """A function of the C library, one element at a time."""
        out = self.np.fromiter(map(f, x.ravel().tolist()), dtype=self.np.float64, count=x.size)
        return out.reshape(x.shape).astype(x.dtype, copy=False)

    def astype(self, x: Any, *, dtype: str) -> Any:
        """Cast."""
        return x.astype(dtype)

    # -- reductions --------------------------------------------------------------------------
    def _ones(self, n: int) -> Any:
        """So many ones in float64, to be read only; short ones are kept."""
        found = self._kept.get(n)
        if found is None:
            found = self.np.ones(n)
            if n <= MANY:
                self._kept[n] = found
        return found

    def sum(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Sum; narrow floats accumulate in float64, since NumPy adds plainly along outer axes."""
        if x.dtype.char in "ef":
            if axis == (0,) and x.ndim == 2 and x.size >= SUMS and x.flags.c_contiguous and not keepdims:
                return self._ones(x.shape[0]).dot(x.astype(self._double)).astype(x.dtype)  # a bias, without the words
            only, m = axis[0] if axis.__class__ is tuple and len(axis) == 1 else axis, x.ndim
            if only.__class__ is int and only in (-1, m - 1) and m > 1 and x.size >= SUMS and (
                x.flags.c_contiguous
            ):  # the last axis, without the words
                *rows, n = x.shape
                total = x.astype(self._double).reshape(-1, n).dot(self._ones(n)).astype(x.dtype)
                return total.reshape(*rows, 1) if keepdims else total.reshape(rows)
            if found := as_product(x, axis):
                shape, rows = found
                wide = x.reshape(shape).astype(self._double)
                ones = self._ones(shape[0] if rows else shape[1])
                total = ones.dot(wide) if rows else wide.dot(ones)
                return total.reshape(summed(x.shape, rows, keepdims)).astype(x.dtype)
            return self.np.add.reduce(x, axis, self.np.float64, None, keepdims).astype(x.dtype)
        return self.np.add.reduce(x, axis, None, None, keepdims)

    def max(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Maximum."""
        return self._extreme(self.np.maximum.reduce, x, axis, keepdims)

    def min(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Minimum."""
        return self._extreme(self.np.minimum.reduce, x, axis, keepdims)

    def _extreme(self, reduce: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        """Of short rows their columns are compared, once they lie one after the other: two to ten times as fast."""
        last = x.ndim - 1
        short = last > 0 and axis.__class__ is int and axis in (-1, last) and 1 < x.shape[-1] <= SHORT
        if short and x.size >= SUMS and self.device is None:
            *rows, n = x.shape
            return reduce(x.reshape(-1, n).T.copy(), 0).reshape(rows + [1] * keepdims)
        return reduce(x, axis, None, None, keepdims)

    def prod(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Product."""
        return self.np.prod(x, axis=axis, keepdims=keepdims)

    def cumsum(self, x: Any, *, axis: int | None = None) -> Any:
        """Running sum; narrow floats accumulate in float64."""
        if x.dtype.kind == "f" and x.dtype.itemsize < 8:
            return self.np.cumsum(x, axis=axis, dtype=self.np.float64).astype(x.dtype)
        return self.np.cumsum(x, axis=axis)

    def argmax(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Index of the first maximum."""
        return self.np.argmax(x, axis=axis, keepdims=keepdims)

    def argsort(self, x: Any, *, axis: int = -1) -> Any:
        """Indices that sort; equal elements keep their order."""
        return self.np.argsort(x, axis=axis, kind="stable")

    # -- linear algebra and shape --------------------------------------------------------------
    def matmul(self, a: Any, b: Any) -> Any:
        """Matrix product over the last two axes; rows of a stack times one matrix are one product."""
        dtype, flags = a.dtype, a.flags
        if dtype is b.dtype and a.ndim == 2 == b.ndim and dtype.char in "fd" and flags.forc and b.flags.forc:
            return a.dot(b) if a.size and b.size else self.np.matmul(a, b)  # the same product with less ado
        if plain(a, b):
            return a.dot(b)
        if stacked(a, b):
            return self.np.matmul(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
        return self.np.matmul(a, b)

    def left_singular(self, x: Any, *, rank: int) -> Any:
        """First left singular vectors of a matrix as columns; signs are LAPACK's, not finite in gives NaN out."""
        wide = x.astype(self.np.promote_types(x.dtype, self.np.float32), copy=False)
        if not self.all_finite(wide):
            return self.np.full((x.shape[0], min(rank, *x.shape)), self.np.nan, x.dtype)
        return self.np.linalg.svd(wide, full_matrices=False)[0][:, :rank].astype(x.dtype)

    def eigh(self, x: Any) -> tuple[Any, Any]:
        """Eigenvalues of a symmetric matrix, rising, and its eigenvectors as columns; not finite in gives NaN out."""
        wide = x.astype(self.np.float64)
        if not self.all_finite(wide):
            return x[..., 0] * math.nan, x * math.nan
        values, vectors = self.np.linalg.eigh(wide)
        return values.astype(x.dtype), vectors.astype(x.dtype)

    def orthonormal(self, x: Any) -> Any:
        """Q of the QR decomposition: columns that span, one after the other, what those of `x` do."""
        return self.np.linalg.qr(x.astype(self.np.float64))[0].astype(x.dtype)

    def reshape(self, x: Any, *, shape: tuple[int, ...]) -> Any:
        """Same elements, row-major, another shape."""
        return x.reshape(shape)

    def transpose(self, x: Any, *, axes: tuple[int, ...] | None = None) -> Any:
        """Axes permuted, or reversed."""
        return x.transpose(axes)

    def broadcast_to(self, x: Any, *, shape: tuple[int, ...]) -> Any:
        """Copies along new and size-one axes."""
        if not x.ndim and self.np is numpy and x.dtype.char in "fd":  # a third of the price
            out = numpy.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
            out.setflags(write=False)
            return out
        return self.np.broadcast_to(x, shape)

    def concatenate(self, *xs: Any, axis: int = 0) -> Any:
        """Arrays one after the other."""
        return self.np.concatenate(xs, axis=axis)

    def flip(self, x: Any, *, axis: Any = None) -> Any:
        """Order reversed."""
        return self.np.flip(x, axis=axis)

    # -- indexing, in adjoint pairs ------------------------------------------------------------
    def index(self, x: Any, *, key: Any) -> Any:
        """Basic indexing: integers, slices, None, Ellipsis."""
        return x[key]

    def put_index(self, g: Any, *, shape: tuple[int, ...], key: Any) -> Any:
        """Zeros of `shape` with `g` at `key`: the adjoint of `index`."""
        out = self.np.zeros(shape, dtype=g.dtype)
        out[key] = g
        return out

    def take(self, x: Any, idx: Any, *, axis: int | None = None) -> Any:
        """Slices of `x` at integer positions along an axis, or elements of the flattened array."""
        return self.np.take(x, idx, axis=axis)

    def put_take(self, g: Any, idx: Any, *, axis: int, size: int) -> Any:
        """Adjoint of `take`: repeated positions add up."""
        axis %= g.ndim - idx.ndim + 1
        shape = (*g.shape[:axis], size, *g.shape[axis + idx.ndim :])
        out = self.np.zeros(shape, dtype=g.dtype)
        self.np.add.at(out, (slice(None),) * axis + (idx,), g)
        return out

    def take_along(self, x: Any, idx: Any, *, axis: int) -> Any:
        """One element per position of `idx` along an axis."""
        return self.np.take_along_axis(x, idx, axis)

    def put_along(self, g: Any, idx: Any, *, axis: int, size: int) -> Any:
        """Adjoint of `take_along`; repeated positions add up."""
        axis %= g.ndim
        out = self.np.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), dtype=g.dtype)
        grid = list(self.np.indices(idx.shape, sparse=True))
        grid[axis] = idx
        self.np.add.at(out, tuple(grid), g)
        return out

    def one_hot(self, idx: Any, *, num_classes: int) -> Any:
        """Boolean mask with one True per index on a new last axis."""
        return idx[..., None] == self.np.arange(num_classes)

    def windows(self, x: Any, *, size: Axes, stride: Axes, dilation: Axes | None = None) -> Any:
        """Sliding windows over the last axes, as a strided view ``(..., out..., size...)``."""
        return _windows.windows(self.np, x, size, stride, dilation)

    def fold(self, g: Any, *, shape: Axes, size: Axes, stride: Axes, dilation: Axes | None = None) -> Any:
        """Adjoint of `windows`: overlapping windows add up."""
        return _windows.fold(self.np, g, shape, size, stride, dilation)

    def spread(self, *parts: Any, shape: Axes, size: Axes, stride: Axes, dilation: Axes | None = None) -> Any:
        """`fold` of windows given place by place."""
        return _windows.spread(self.np, parts, shape, size, stride, dilation)

    def bernoulli(self, key: Any, *, shape: tuple[int, ...], keep: float) -> Any:
        """Mask that is 1 with probability `keep`, a pure function of the integer key."""
        return bernoulli_mask(int(key), shape, keep)

    def uniform(self, key: Any, *, shape: tuple[int, ...]) -> Any:
        """Uniform numbers in [0, 1), a pure function of the integer key."""
        return uniform(int(key), shape)


@cache
def numpy_namespace() -> ArrayNamespace:
    """The namespace that computes with NumPy."""
    # Never touched, and given back at once: after it glibc keeps what arrays of a step leave behind (up to twice its
    # size) for those of the next. It would hand that to the system and fetch it again, page by page, step by step.
    numpy.empty(SPARE, numpy.uint8)
    return ArrayNamespace(numpy)
