"""The primitives on a device: where CuPy has another name, another signature or no order of additions.

Numbers are those of the CPU wherever the order of operations decides: what is scattered is added up row by row in the
order of the indices, as NumPy does, not by atomic additions that arrive as they please.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy

from torchlean_nb.backend import random as _random
from torchlean_nb.backend.namespace import ArrayNamespace, stacked

# One thread for each element of the result; it adds what was sent there, first come first.
PUT_TAKE = """
const long long c = i % post, j = (i / post) % size, a = i / (post * size);
T total = 0;
for (long long k = starts[j]; k < stops[j]; ++k) total = total + g[(a * n + order[k]) * post + c];
out = total;
"""
PUT_ALONG = """
const long long c = i % post, j = (i / post) % size, a = i / (post * size);
T total = 0;
for (long long k = 0; k < n; ++k)
    if (where[(a * n + k) * post + c] == j) total = total + g[(a * n + k) * post + c];
out = total;
"""


class DeviceNamespace(ArrayNamespace):
    """Primitives over a library of `devices.LIBRARIES`.

    Parameters
    ----------
    library : Library
    """

    def __init__(self, library: Any):
        super().__init__(library.np)
        for name in vars(DeviceNamespace):  # NumPy's own, set on the instance above
            self.__dict__.pop(name, None)
        self.lib = library
        self._constants: dict[Any, Any] = {}
        self._put_take = library.kernel(
            "raw T g, raw int64 order, raw int64 starts, raw int64 stops, int64 post, int64 size, int64 n", "T out",
            PUT_TAKE, "put_take",
        )
        self._put_along = library.kernel(
            "raw T g, raw int64 where, int64 post, int64 size, int64 n", "T out", PUT_ALONG, "put_along"
        )

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """Array of the library; a tuple of numbers is a constant, which is put there once and kept."""
        if x.__class__ is not tuple:
            return self.np.asarray(x, dtype=dtype)
        if (x, dtype) not in self._constants:
            self._constants[x, dtype] = self.np.asarray(x, dtype=dtype)
        return self._constants[x, dtype]

    def all_finite(self, x: Any) -> bool:
        """Whether no element is inf or NaN; waits for the device."""
        return x.dtype.kind != "f" or bool(self.np.isfinite(x).all().item())

    def every_finite(self, arrays: Iterable[Any]) -> bool:
        """Whether no element of any of them is inf or NaN; waits for the device once."""
        flags = [self.np.isfinite(x).all() for x in arrays if x.dtype.kind == "f"]
        return not flags or bool(self.np.stack(flags).all().item())

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Elements of `a` where the condition holds, else of `b`; a condition on numbers of the host is one for all."""
        if isinstance(condition, bool | numpy.bool_):
            condition = self.np.full((), condition, dtype=bool)
        return self.np.where(condition, a, b)

    def erf(self, x: Any) -> Any:
        """Error function."""
        return self._special(self.lib.special.erf, x)

    def erfc(self, x: Any) -> Any:
        """One minus the error function, accurate where that is tiny."""
        return self._special(self.lib.special.erfc, x)

    def _special(self, f: Any, x: Any) -> Any:
        return f(x.astype(numpy.float64)).astype(x.dtype) if x.dtype.itemsize < 8 else f(x)

    def sum(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Sum; narrow floats accumulate in float64."""
        if x.dtype.char in "ef":
            return self.np.sum(x, axis=axis, dtype=numpy.float64, keepdims=keepdims).astype(x.dtype)
        return self.np.sum(x, axis=axis, keepdims=keepdims)

    def max(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Maximum."""
        return self.np.max(x, axis=axis, keepdims=keepdims)

    def min(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Minimum."""
        return self.np.min(x, axis=axis, keepdims=keepdims)

    def matmul(self, a: Any, b: Any) -> Any:
        """Matrix product over the last two axes; rows of a stack times one matrix are one product."""
        if stacked(a, b):
            return self.np.matmul(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
        return self.np.matmul(a, b)

    def broadcast_to(self, x: Any, *, shape: tuple[int, ...]) -> Any:
        """Copies along new and size-one axes."""
        return self.np.broadcast_to(x, shape)

    def left_singular(self, x: Any, *, rank: int) -> Any:
        """First left singular vectors of a matrix as columns; not finite in gives NaN out, and nobody waits for it."""
        bad, wide = self._tamed(x.astype(self.np.promote_types(x.dtype, numpy.float32), copy=False))
        return self.np.where(bad, math.nan, self.np.linalg.svd(wide, full_matrices=False)[0][:, :rank]).astype(x.dtype)

    def eigh(self, x: Any) -> tuple[Any, Any]:
        """Eigenvalues of a symmetric matrix, rising, and its eigenvectors; not finite in gives NaN out."""
        bad, wide = self._tamed(x.astype(numpy.float64))
        values, vectors = (self.np.where(bad, math.nan, v).astype(x.dtype) for v in self.np.linalg.eigh(wide))
        return values, vectors

    def _tamed(self, x: Any) -> tuple[Any, Any]:
        """Whether something is not finite, and the array, zeros in that case: LAPACK may not end on NaN."""
        bad = self.np.logical_not(self.np.isfinite(x).all())
        return bad, self.np.where(bad, self.np.zeros_like(x), x)

    def put_take(self, g: Any, idx: Any, *, axis: int, size: int) -> Any:
        """Adjoint of `take`: repeated positions add up, in their order."""
        np, axis = self.np, axis % (g.ndim - idx.ndim + 1)
        lead, post = g.shape[:axis], g.shape[axis + idx.ndim :]
        idx = self._positions(idx.ravel(), size)
        order = np.argsort(idx)  # stable: CuPy has no other
        there = np.arange(size + 1)
        bounds = np.searchsorted(idx[order], there)
        out = np.empty((*lead, size, *post), dtype=g.dtype)
        return self._put_take(g, order, bounds[:-1], bounds[1:], math.prod(post), size, idx.size, out)

    def put_along(self, g: Any, idx: Any, *, axis: int, size: int) -> Any:
        """Adjoint of `take_along`; repeated positions add up, in their order."""
        axis %= g.ndim
        idx = self._positions(self.np.broadcast_to(idx, g.shape), size)
        out = self.np.empty((*g.shape[:axis], size, *g.shape[axis + 1 :]), dtype=g.dtype)
        return self._put_along(g, idx, math.prod(g.shape[axis + 1 :]), size, g.shape[axis], out)

    def _positions(self, idx: Any, size: int) -> Any:
        """Indices counted from the front."""
        idx = idx.astype(numpy.int64)
        return self.np.where(idx < 0, idx + size, idx)

    def bernoulli(self, key: Any, *, shape: tuple[int, ...], keep: float) -> Any:
        """Mask that is 1 with probability `keep`, a pure function of the integer key."""
        return keep > self.uniform(key, shape=shape)

    def uniform(self, key: Any, *, shape: tuple[int, ...]) -> Any:
        """Uniform numbers in [0, 1), a pure function of the integer key; the bits of the CPU."""
        start = key.astype(numpy.uint64) if self.device.owns(key) else numpy.uint64(int(key) & _random.MASK)
        return _random.stream(self.np, start, math.prod(shape)).reshape(shape)
