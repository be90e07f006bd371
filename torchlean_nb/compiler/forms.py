"""Forms: arrays of which only shape, type and order in memory matter, so that nobody computes their elements.

While a function is recorded and lowered its values are looked at by no one: a rule sees shapes, a plan sees layouts.
A `Form` takes no memory as long as nobody writes into it. What NumPy does to it elementwise, its casts and its matrix
products give Forms laid out as NumPy lays out such a result; all else is computed, from whatever numbers are there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import ArrayNamespace, as_product, summed

LARGE = 1 << 16  # bytes from which on a form is worth it
_READ, _MAKE = ["readonly"], ["writeonly", "allocate"]
_types: dict[Any, np.dtype[Any] | None] = {}


class Form(np.ndarray):
    """An array of floats without numbers.

    Examples
    --------
    >>> x = form_of(np.ones((4, 3)).T)
    >>> y = np.exp(x * 2)
    >>> type(y).__name__, y.shape, y.strides
    ('Form', (3, 4), (8, 24))
    """

    unknown = True  # for checks that look at values

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        if method == "__call__" and not options:
            made = _product(*args) if ufunc is np.matmul else _elementwise(ufunc, args)
            if made is not None:
                return made
        for name, a in options.items():
            options[name] = tuple(map(plain, a)) if name == "out" else plain(a)
        return getattr(ufunc, method)(*map(plain, args), **options)

    def dot(self, b: Any, out: Any = None) -> Any:
        """Matrix product."""
        made = _product(self, b) if out is None else None
        return np.dot(plain(self), plain(b), plain(out)) if made is None else made

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        """Cast; integers are indices, so they have to be numbers."""
        if np.dtype(dtype).kind != "f" or args or options:
            return plain(self).astype(dtype, *args, **options)
        return np.empty_like(self, dtype)


class FormNamespace(ArrayNamespace):
    """The namespace of NumPy, with the products that do not ask Forms what to do."""

    def sum(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
        """Sum; as a product with ones it has rows in order."""
        found = as_product(x, axis) if isinstance(x, Form) and x.dtype.char in "ef" else None
        if found is None:
            return super().sum(x, axis=axis, keepdims=keepdims)
        return np.empty(summed(x.shape, found[1], keepdims), x.dtype)

    def matmul(self, a: Any, b: Any) -> Any:
        """Matrix product."""
        return super().matmul(a.view(Form) if isinstance(b, Form) and a.dtype.kind == "f" else a, b)


@cache
def form_namespace() -> FormNamespace:
    """The namespace under which functions are recorded."""
    return FormNamespace(np)


def form_of(a: np.ndarray) -> Any:
    """A Form that is laid out as an array would be that NumPy makes in its likeness."""
    like = np.empty_like(a, subok=False)
    return Form(like.shape, like.dtype, strides=like.strides)


def hollow(a: Any) -> bool:
    """Whether a form can take the place of an array that owns its memory."""
    return a.nbytes >= LARGE and a.__class__ is np.ndarray and a.dtype.kind == "f" and a.base is None


def plain(a: Any) -> Any:
    """An array as it is, a Form as the array it looks like."""
    return a.view(np.ndarray) if isinstance(a, Form) else a


def _elementwise(ufunc: Any, args: tuple[Any, ...]) -> Any:
    """What NumPy would allocate for an elementwise result."""
    dtype = _result(ufunc, args)
    if dtype is None:
        return None
    xs = [plain(a) if isinstance(a, np.ndarray) else np.asarray(a) for a in args]
    y = np.nditer([*xs, None], ["zerosize_ok"], [*[_READ] * len(xs), _MAKE], [*[None] * len(xs), dtype]).operands[-1]
    return None if min(y.strides, default=0) < 0 else Form(y.shape, dtype, strides=y.strides)


def _result(ufunc: Any, args: tuple[Any, ...]) -> np.dtype[Any] | None:
    """Type of a result by way of a trial, if it is a float and there is one result."""
    kinds = [(a.dtype, bool(a.ndim)) if isinstance(a, np.ndarray) else type(a) for a in args]
    key = (ufunc, *kinds)
    if key not in _types:
        trial = [np.ones((1,) * bool(a.ndim), a.dtype) if isinstance(a, np.ndarray) else a for a in args]
        y = ufunc(*trial) if ufunc.nout == 1 and ufunc.signature is None else None
        _types[key] = y.dtype if y is not None and y.dtype.kind == "f" else None
    return _types[key]


def _product(a: Any, b: Any) -> Any:
    """What NumPy would allocate for a product of matrices: those of a stack lie one after the other."""
    if a.dtype != b.dtype or a.dtype.kind != "f" or not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2:][0]:
        return None
    if a.ndim < 3 > b.ndim:
        return Form((*a.shape[:-1], *b.shape[1:]), a.dtype) if a.ndim + b.ndim > 2 else None
    if a.ndim == 1 or b.ndim == 1:
        return None
    lead = np.empty_like(np.matmul(plain(a)[..., :1, :1], plain(b)[..., :1, :1])[..., 0, 0], subok=False)
    m, n = a.shape[-2], b.shape[-1]
    strides = (*(s * m * n for s in lead.strides), n * a.itemsize, a.itemsize)
    return Form((*lead.shape, m, n), a.dtype, strides=strides)
