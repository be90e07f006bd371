"""Functions and methods, each a line with CuPy's own signature (or the part of it that the stand-in offers)."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from . import counting
from .adapters import ADAPTERS, HOST, LINALG, SCATTERED, WAITS
from .array import array_of, key_of, ndarray, operand, run

# Parameters of these names are arrays of the device: nothing else is converted.
ARRAYS = {"a", "b", "x", "y", "m", "ar", "arr", "ary", "array", "condition", "prototype", "dst"}
NUMBERS = {"allclose", "isclose"}  # which compare with numbers as well

FUNCTIONS = """
all(a, axis=None, out=None, keepdims=False)
allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False)
amax(a, axis=None, out=None, keepdims=False)
amin(a, axis=None, out=None, keepdims=False)
any(a, axis=None, out=None, keepdims=False)
append(arr, values, axis=None)
arange(start, stop=None, step=1, dtype=None)
argmax(a, axis=None, dtype=None, out=None, keepdims=False)
argmin(a, axis=None, dtype=None, out=None, keepdims=False)
argpartition(a, kth, axis=-1)
argsort(a, axis=-1, kind=None)
argwhere(a)
around(a, decimals=0, out=None)
array_equal(a1, a2, equal_nan=False)
array_split(ary, indices_or_sections, axis=0)
average(a, axis=None, weights=None, returned=False, *, keepdims=False)
bincount(x, weights=None, minlength=None)
broadcast_arrays(*args)
broadcast_to(array, shape)
clip(a, a_min, a_max, out=None)
column_stack(tup)
concatenate(tup, axis=0, out=None, *, dtype=None, casting='same_kind')
copy(a, order='K')
copyto(dst, src, casting='same_kind', where=None)
count_nonzero(a, axis=None)
cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None)
cumprod(a, axis=None, dtype=None, out=None)
cumsum(a, axis=None, dtype=None, out=None)
diag(v, k=0)
diagonal(a, offset=0, axis1=0, axis2=1)
diff(a, n=1, axis=-1, prepend=None, append=None)
digitize(x, bins, right=False)
dot(a, b, out=None)
einsum(*operands, **kwargs)
empty(shape, dtype=float, order='C')
empty_like(prototype, dtype=None, order='K', subok=None, shape=None)
expand_dims(a, axis)
eye(N, M=None, k=0, dtype=float, order='C')
fill_diagonal(a, val, wrap=False)
flatnonzero(a)
flip(a, axis=None)
fliplr(a)
flipud(a)
full(shape, fill_value, dtype=None, order='C')
full_like(a, fill_value, dtype=None, order='K', subok=None, shape=None)
histogram(x, bins=10, range=None, density=False, weights=None)
identity(n, dtype=float)
indices(dimensions, dtype=int)
inner(a, b)
isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False)
isin(element, test_elements, assume_unique=False, invert=False)
kron(a, b)
linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0)
max(a, axis=None, out=None, keepdims=False)
mean(a, axis=None, dtype=None, out=None, keepdims=False)
median(a, axis=None, out=None, overwrite_input=False, keepdims=False)
meshgrid(*xi, **kwargs)
min(a, axis=None, out=None, keepdims=False)
moveaxis(a, source, destination)
nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None)
nanargmax(a, axis=None, dtype=None, out=None, keepdims=False)
nanmax(a, axis=None, out=None, keepdims=False)
nanmin(a, axis=None, out=None, keepdims=False)
nansum(a, axis=None, dtype=None, out=None, keepdims=False)
nonzero(a)
ones(shape, dtype=float, order='C')
ones_like(a, dtype=None, order='K', subok=None, shape=None)
outer(a, b, out=None)
pad(array, pad_width, mode='constant', **kwargs)
partition(a, kth, axis=-1)
percentile(a, q, axis=None, out=None, overwrite_input=False, method='linear', keepdims=False)
prod(a, axis=None, dtype=None, out=None, keepdims=False)
ptp(a, axis=None, out=None, keepdims=False)
put(a, ind, v, mode='wrap')
put_along_axis(arr, indices, values, axis)
quantile(a, q, axis=None, out=None, overwrite_input=False, method='linear', keepdims=False)
ravel(a, order='C')
repeat(a, repeats, axis=None)
reshape(a, newshape, order='C', *, copy=None)
roll(a, shift, axis=None)
rot90(a, k=1, axes=(0, 1))
round(a, decimals=0, out=None)
searchsorted(a, v, side='left', sorter=None)
sort(a, axis=-1, kind=None)
split(ary, indices_or_sections, axis=0)
squeeze(a, axis=None)
stack(tup, axis=0, out=None, *, dtype=None, casting='same_kind')
std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False)
sum(a, axis=None, dtype=None, out=None, keepdims=False)
swapaxes(a, axis1, axis2)
take(a, indices, axis=None, out=None)
take_along_axis(a, indices, axis)
tensordot(a, b, axes=2)
tile(A, reps)
trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None)
transpose(a, axes=None)
trapezoid(y, x=None, dx=1.0, axis=-1)
tri(N, M=None, k=0, dtype=float)
tril(m, k=0)
triu(m, k=0)
tril_indices(n, k=0, m=None)
triu_indices(n, k=0, m=None)
unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *, equal_nan=True)
unravel_index(indices, dims, order='C')
var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False)
vdot(a, b)
vstack(tup, *, dtype=None, casting='same_kind')
hstack(tup, *, dtype=None, casting='same_kind')
where(condition, x=None, y=None)
zeros(shape, dtype=float, order='C')
zeros_like(a, dtype=None, order='K', subok=None, shape=None)
can_cast(from_, to, casting='safe')
iscomplexobj(x)
may_share_memory(a, b, max_work=None)
shares_memory(a, b, max_work=None)
ndim(a)
promote_types(type1, type2, /)
result_type(*arrays_and_dtypes)
shape(a)
size(a, axis=None)
broadcast_shapes(*args)
linalg.cholesky(a)
linalg.det(a)
linalg.eigh(a, UPLO='L')
linalg.eigvalsh(a, UPLO='L')
linalg.inv(a)
linalg.lstsq(a, b, rcond=None)
linalg.matrix_power(M, n)
linalg.norm(x, ord=None, axis=None, keepdims=False)
linalg.pinv(a, rcond=1e-15)
linalg.qr(a, mode='reduced')
linalg.slogdet(a)
linalg.solve(a, b)
linalg.svd(a, full_matrices=True, compute_uv=True)
lib.stride_tricks.sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False)
lib.stride_tricks.as_strided(x, shape=None, strides=None)
"""

METHODS = """
all(axis=None, out=None, keepdims=False)
any(axis=None, out=None, keepdims=False)
argmax(axis=None, out=None, dtype=None, keepdims=False)
argmin(axis=None, out=None, dtype=None, keepdims=False)
argpartition(kth, axis=-1)
argsort(axis=-1, kind=None)
clip(min=None, max=None, out=None)
conj()
copy(order='C')
cumprod(axis=None, dtype=None, out=None)
cumsum(axis=None, dtype=None, out=None)
diagonal(offset=0, axis1=0, axis2=1)
dot(b, out=None)
fill(value)
flatten(order='C')
max(axis=None, out=None, keepdims=False)
mean(axis=None, dtype=None, out=None, keepdims=False)
min(axis=None, out=None, keepdims=False)
nonzero()
partition(kth, axis=-1)
prod(axis=None, dtype=None, out=None, keepdims=None)
put(indices, values, mode='wrap')
ravel(order='C')
repeat(repeats, axis=None)
reshape(*shape, order='C', copy=None)
round(decimals=0, out=None)
searchsorted(v, side='left', sorter=None)
sort(axis=-1, kind=None)
squeeze(axis=None)
std(axis=None, dtype=None, out=None, ddof=0, keepdims=False)
sum(axis=None, dtype=None, out=None, keepdims=False)
swapaxes(axis1, axis2)
take(indices, axis=None, out=None)
trace(offset=0, axis1=0, axis2=1, dtype=None, out=None)
transpose(*axes)
var(axis=None, dtype=None, out=None, ddof=0, keepdims=False)
"""

CALL = """
def {name}({params}):
    {checks}
    return finish("{full}", target, ({required}), {{{optional}}})
"""


def define(line: str, target: Any, method: bool = False) -> Any:
    """A Python function with this signature that computes with NumPy's `target`."""
    full, params = line[: line.index("(")], line[line.index("(") + 1 : -1]
    name = full.rpartition(".")[2]
    kinds = inspect.signature(eval(f"lambda {params}: 0")).parameters.values()
    required, optional, checks = [], [], []
    for p in kinds:
        if p.kind is p.VAR_POSITIONAL:
            required.append(f"*{p.name},")
        elif p.kind is p.VAR_KEYWORD:
            optional.append(f"**{p.name}")
        elif p.default is p.empty:
            required.append(f"{p.name},")
            if p.name in ARRAYS and full not in HOST | NUMBERS:
                checks.append(f"array_of({p.name})")
            elif p.name == "tup":
                checks.append("[array_of(one) for one in tup]")
        else:
            optional.append(f"**({{}} if {p.name} is defaults[{p.name!r}] else {{{p.name!r}: {p.name}}})")
    if method:
        params, required = f"self, {params}", ["self,", *required]
    scope = {
        "array_of": array_of, "finish": _host if full in HOST else _finish, "target": target,
        "defaults": {p.name: p.default for p in kinds},
    }  # fmt: skip
    source = CALL.format(
        name=name, params=params, checks="; ".join(checks) or "pass", full=full,
        required="".join(required), optional=", ".join(optional),
    )  # fmt: skip
    exec(source, scope)
    made = scope[name]
    given = [p for p in kinds if p.default is not p.empty]
    made.__defaults__ = tuple(p.default for p in given if p.kind is not p.KEYWORD_ONLY)
    made.__kwdefaults__ = {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY} or None
    return made


def _finish(name: str, target: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if name in WAITS:
        counting.waited()
    return run(name, target, args, kwargs, kwargs.pop("out", None))


def _host(name: str, target: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What only reads shapes and dtypes."""
    return target(*[a._a if a.__class__ is ndarray else a for a in args], **kwargs)


def scatter(op: str, a: Any, indices: Any, b: Any) -> None:
    """``ufunc.at`` of the four operations, for the dtypes that have atomic ones; indices wrap around."""
    into = array_of(a)
    if into.dtype not in SCATTERED[op]:
        raise TypeError(f"scatter_{op} does not support {into.dtype}")
    key, _ = key_of(into, indices)
    counting.launch(f"scatter_{op}")
    getattr(np, {"add": "add", "sub": "subtract", "max": "maximum", "min": "minimum"}[op]).at(into, key, operand(b))


def target_of(full: str) -> Any:
    """NumPy's function, or one that makes up for a difference."""
    if full in ADAPTERS:
        return ADAPTERS[full]
    found: Any = np
    for part in full.split("."):
        found = getattr(found, part)
    return LINALG(found) if full.startswith("linalg.") else found


DEFINED = {}
for _line in FUNCTIONS.strip().split("\n"):
    _name = _line[: _line.index("(")]
    DEFINED[_name] = define(_line, target_of(_name))
for _line in METHODS.strip().split("\n"):
    _name = _line[: _line.index("(")]
    setattr(ndarray, _name, define(_line, ADAPTERS.get(f"ndarray.{_name}", getattr(np.ndarray, _name)), method=True))
