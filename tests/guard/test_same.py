"""What the stand-in computes has NumPy's bits, and nothing of NumPy's comes out."""

from __future__ import annotations

import operator

import _guard
import numpy as np
import pytest
from _guard import module as cp
from _guard.adapters import HOST
from _guard.functions import DEFINED
from _guard.ufuncs import OPERATORS, UFUNCS

DRAW = np.random.default_rng(0)
HOST_DATA = {
    "a": DRAW.normal(size=(3, 4)), "b": DRAW.normal(size=(4, 3)), "c": DRAW.normal(size=(3, 4)).astype(np.float32),
    "v": DRAW.normal(size=5), "w": DRAW.normal(size=5), "n": np.array([3, 0, 2, 2, 1]), "z": np.zeros(()),
    "m": np.array([[True, False, True, False]] * 3), "s": np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]]),
    "k": np.array([[1, 0, 2], [3, 3, 0], [2, 1, 1]]), "h": DRAW.normal(size=(2, 3, 4)).astype(np.float16),
}  # fmt: skip
EXPRESSIONS = """
np.all(m) | np.all(m, axis=0, keepdims=True) | np.any(m, axis=1) | np.allclose(a, a) | np.array_equal(a, c)
np.amax(a) | np.amin(a, axis=0) | np.max(a, axis=(0, 1)) | np.min(c, axis=-1, keepdims=True) | np.append(v, w)
np.arange(5) | np.arange(1, 7, 2, dtype=np.float32) | np.argmax(a) | np.argmax(a, axis=1, keepdims=True)
np.argmin(a, axis=0) | np.argpartition(v, 2)[2] | np.argsort(n, kind="stable") | np.argwhere(m) | np.around(a, 1)
np.round(a, decimals=2) | np.array_split(v, 2) | np.split(v, [2, 3]) | np.average(v, weights=n) | np.bincount(n)
np.bincount(n, weights=v, minlength=7) | np.broadcast_arrays(a, a[0]) | np.broadcast_to(v, (2, 5))
np.clip(a, -0.5, 0.5) | np.clip(v, w, None) | np.column_stack((v, w)) | np.concatenate([a, c], axis=1) | np.copy(a)
np.count_nonzero(n) | np.count_nonzero(k, axis=0) | np.cross(s[0], s[1]) | np.cumprod(v) | np.cumsum(a)
np.cumsum(c, axis=1, dtype=np.float64) | np.diag(v) | np.diag(s, k=1) | np.diagonal(s) | np.diff(v, n=2)
np.digitize(v, np.sort(w)) | np.dot(a, b) | np.dot(v, w) | np.einsum("ij,jk->ik", a, b) | np.einsum("i,i", v, w)
np.empty((2, 0)) | np.empty_like(a, shape=(0,)) | np.expand_dims(v, 0) | np.eye(3, 4, k=1) | np.identity(2)
np.flatnonzero(n) | np.flip(a) | np.flip(a, axis=1) | np.fliplr(a) | np.flipud(a) | np.full((2, 2), 1.5)
np.full_like(c, 2) | np.indices((2, 3)) | np.inner(v, w) | np.isclose(a, c) | np.isin(n, n[:2]) | np.kron(v, w)
np.linspace(0, 1, 7) | np.mean(a) | np.mean(h, axis=1, dtype=np.float64) | np.median(v) | np.meshgrid(v, w)
np.meshgrid(v, w, indexing="ij") | np.moveaxis(h, 0, -1) | np.nan_to_num(a / 0.0 * 0.0) | np.nanargmax(v)
np.nanmax(v) | np.nanmin(v) | np.nansum(v) | np.nonzero(n) | np.ones(3) | np.ones_like(h) | np.outer(v, w)
np.pad(v, 2) | np.pad(a, ((1, 0), (0, 2)), mode="edge") | np.partition(v, 1)[1] | np.prod(a, axis=0)
np.percentile(v, 30.0) | np.quantile(v, 0.25) | np.ptp(v) | np.ravel(a) | np.repeat(v, 2) | np.reshape(a, (4, -1))
np.roll(v, 2) | np.rot90(a) | np.searchsorted(np.sort(v), w) | np.sort(a, axis=0) | np.squeeze(v[None]) | np.std(v)
np.stack([v, w], axis=1) | np.std(a, axis=0, ddof=1) | np.sum(a) | np.sum(h, axis=(0, 2), keepdims=True) | np.sum(n)
np.sum(m, axis=0) | np.sum(c, dtype=np.float64) | np.swapaxes(h, 0, 2) | np.take(v, n) | np.take(a, n, axis=1) | z + 1
np.take_along_axis(s, k % 3, 1) | np.tensordot(a, b, axes=1) | np.tile(v, (2, 1)) | np.trace(s) | np.transpose(h)
np.transpose(h, (1, 0, 2)) | np.trapezoid(v) | np.tri(3) | np.tril(s) | np.triu(s, k=1) | np.tril_indices(3)
np.triu_indices(3, k=1) | np.unique(n) | np.unique(n, return_counts=True) | np.unravel_index(n, (2, 3)) | np.var(a)
np.vdot(v, w) | np.vstack([v, w]) | np.hstack([v, w]) | np.where(m, a, 0) | np.where(m, a, c) | np.where(n)
np.zeros((2, 3), dtype=np.float32) | np.zeros_like(a) | np.can_cast(a.dtype, c.dtype) | np.iscomplexobj(a)
np.may_share_memory(a, a[0]) | np.shares_memory(a, b) | np.ndim(a) | np.promote_types(a.dtype, c.dtype)
np.result_type(c, 1.0) | np.result_type(c, n) | np.shape(a) | np.size(a) | np.broadcast_shapes((3, 1), (4,))
np.linalg.cholesky(s) | np.linalg.det(s) | np.linalg.eigh(s) | np.linalg.eigvalsh(s) | np.linalg.inv(s)
np.linalg.lstsq(a, s, rcond=None)[0] | np.linalg.matrix_power(s, 3) | np.linalg.norm(a) | np.linalg.norm(a, axis=1)
np.linalg.pinv(a) | np.linalg.qr(b) | np.linalg.slogdet(s) | np.linalg.solve(s, a) | np.histogram(v, bins=4)
np.linalg.svd(a, full_matrices=False) | np.lib.stride_tricks.sliding_window_view(v, 3)
np.lib.stride_tricks.as_strided(v, (2, 2), (8, 8)) | np.asarray(a) | np.array(c, dtype=np.float64)
np.ascontiguousarray(a.T) | np.matmul(a, b) | a @ b | np.matmul(h, b) | a.sum() | a.sum(axis=0)
a.max(axis=1, keepdims=True) | a.min() | m.all() | m.any(axis=0) | a.dot(b) | v.dot(w) | a.reshape(4, 3)
a.reshape((2, -1)) | a.ravel() | a.flatten() | h.transpose(2, 0, 1) | h.transpose() | h.transpose(None)
a.astype(np.float32) | a.astype("float16") | n.astype(float, copy=False) | a.copy() | v.view(np.int64)
a.take(n, axis=1) | a.argmax() | v.argsort() | a.argmin(axis=0) | a.cumsum(axis=1) | v.cumprod() | a.mean()
a.mean(axis=0) | a.var(ddof=1) | a.std() | v[None].squeeze() | h.swapaxes(0, 1) | v.repeat(3) | n.nonzero()
s.trace() | s.diagonal() | a.clip(-1, 1) | a.round(1) | a.conj() | a.prod() | a.T | h.mT | a.real | a[0] | a[0, 1]
a[..., 1:3] | a[::-1, None] | a[n % 3] | a[m] | a[:, n % 4] | a[n % 3, n % 4] | a[-1] | v[[0, 2]]
v.searchsorted(0.5) | v.argpartition(1)[1] | a.shape | a.ndim | a.strides | a.size | a.nbytes | a.itemsize | a.dtype
a.flags.c_contiguous | a.T.flags.forc | a.T.flags.f_contiguous | 2 * a | a ** 2 | 2 ** a | a - c | c / 3 | 1 / c | -a
+a | abs(a) | ~m | m & ~m | n % 3 | n // 2 | n << 1 | a > 0 | a == a | a != c | 0 <= a | np.float64(2) * c
np.float32(2) * c | c * np.float64(2) | np.int64(3) + n | np.add.reduce(a, 1)
np.add.reduce(a, axis=(0, 1), keepdims=True) | np.multiply.reduce(v) | np.add.accumulate(v) | np.subtract.outer(v, w)
np.add(a, a, dtype=np.float32, casting="same_kind") | np.exp(2.0) | np.divmod(v, 0.3) | h * h
"""
CASES = [e.strip() for line in EXPRESSIONS.strip().split("\n") for e in line.split(" | ")]
STATEMENTS = """
np.copyto(a, c) | np.copyto(a, 1.0, where=m) | np.fill_diagonal(s, 7.0) | np.put(v, n, w) | a.fill(2.5) | v.sort()
np.put_along_axis(s, k[:, :1] % 3, 9.0, 1) | a.__setitem__(0, 5.0) | a.__setitem__((slice(None), 1), v[:3])
a.__setitem__(m, 0.0) | v.__setitem__(n, w) | a.__iadd__(c) | c.__imul__(2) | a[0].__setitem__(..., 3.0) | v.put(n, w)
np.add(a, c, out=a) | np.exp(v, out=v) | np.sum(a, axis=0, out=b[:, 0]) | np.matmul(a, b, out=s)
a.T.__setitem__(0, 1.0) | np.take(v, n, out=w) | np.add.at(v, n, w)
np.subtract.at(k.astype(np.int32), n[2:3] - 1, 1) | np.maximum.at(v, n, w) | np.cumsum(v, out=v)
np.clip(a, -0.1, 0.1, out=a) | v.partition(2) | a.ravel().__setitem__(0, 1.5) | np.negative(v, w)
"""
CHANGES = [e.strip() for line in STATEMENTS.strip().split("\n") for e in line.split(" | ")]


def both(expression):
    host = {k: v.copy() for k, v in HOST_DATA.items()}
    device = {k: cp.asarray(v) for k, v in host.items()}
    with np.errstate(all="ignore"):
        return host, device, eval(expression, {"np": np} | host), eval(expression, {"np": cp} | device)


def same(real, ours):
    """Whether the same bits, shape and dtype came out, and nothing of NumPy's."""
    if isinstance(real, np.ndarray | np.generic):
        assert ours.__class__ is _guard.ndarray
        assert (ours.dtype, ours.shape) == (real.dtype, real.shape)
        assert ours.get().tobytes() == real.tobytes()
    elif isinstance(real, tuple | list) and not all(isinstance(x, int) for x in real):
        assert type(ours) in (tuple, list)
        assert len(ours) == len(real)
        for r, o in zip(real, ours, strict=True):
            same(r, o)
    elif ours.__class__ is _guard.ndarray:  # a Python number of NumPy's
        assert ours.shape == ()
        assert ours.item() == real
    else:
        assert type(ours) is type(real)
        assert ours == real


@pytest.mark.parametrize("expression", CASES)
def test_an_expression_has_the_bits_of_numpy(expression):
    host, device, real, ours = both(expression)
    same(real, ours)
    for name in host:
        same(host[name], device[name])


@pytest.mark.parametrize("statement", CHANGES)
def test_a_change_in_place_is_numpys(statement):
    host, device, _, _ = both(statement)
    for name in host:
        same(host[name], device[name])


def test_every_function_is_compared():
    seen = " ".join(CASES + CHANGES)
    assert [name for name in DEFINED if f"np.{name}(" not in seen] == []
    assert set(DEFINED) >= HOST


@pytest.mark.parametrize("name", UFUNCS)
def test_a_universal_function_has_the_bits_of_numpy(name):
    f, real = UFUNCS[name], getattr(np, name)
    samples = [HOST_DATA[k] for k in ("v", "n", "c", "m")]
    with np.errstate(all="ignore"):
        for x in samples:
            args = (x, x[::-1].copy())[: f.nin]
            try:
                expected = real(*args)
            except TypeError:
                with pytest.raises(TypeError):
                    f(*map(cp.asarray, args))
                continue
            same(expected, f(*map(cp.asarray, args)))


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_takes_scalars_on_either_side(name):
    op = getattr(operator, {"and": "and_", "or": "or_"}.get(name, name))
    n = HOST_DATA["n"]
    for scalar in (3, np.int64(3)):
        same(op(n, scalar), op(cp.asarray(n), scalar))
        same(op(scalar, n + 1), op(scalar, cp.asarray(n + 1)))
    with np.errstate(all="ignore"):
        if name not in ("and", "or", "xor", "lshift", "rshift"):
            same(op(np.float64(2), HOST_DATA["c"]), op(np.float64(2), cp.asarray(HOST_DATA["c"])))
