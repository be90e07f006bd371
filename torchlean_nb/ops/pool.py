"""Pooling over the last axes: largest, mean and smooth maximum of sliding windows.

Maximum and mean go through the places of a window one by one, each a strided slice of the input:
far fewer steps than there are windows.
"""

import math
import operator
from functools import reduce
from itertools import product

from torchlean_nb.domains import S
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.ops._windows import add_border, drop_border, each, inner, out_sizes, padded, tuples
from torchlean_nb.rows import general, linear


def _window(shape, kernel_size, stride, padding):
    """``(size, stride, padding)`` per pooled axis; an int kernel pools all axes behind (n, c)."""
    n = len(kernel_size) if isinstance(kernel_size, tuple | list) else max(len(shape) - 2, 1)
    size = each(kernel_size, n, "pool size", 1)
    return size, size if stride is None else each(stride, n, "pool stride", 1), each(padding, n, "pool padding", 0)


def _pooled(name):
    def shape(x, *, kernel_size, stride=None, padding=0, **_):
        size, step, pad = _window(x, kernel_size, stride, padding)
        if len(size) > len(x):
            raise ShapeError(f"{name}: a window of {size} for an input of shape {x}")
        if any(2 * p > k for p, k in zip(pad, size, strict=True)):
            raise HyperparameterError(f"{name}: padding {pad} is more than half the pool size {size}")
        out = out_sizes(padded(x, pad), size, step)
        if min(out) < 1:
            raise ShapeError(f"{name}: a window of {size} does not fit into {x[-len(size):]} with padding {pad}")
        return (*x[: len(x) - len(size)], *out)

    return shape


def _rules(name):
    rule = _pooled(name)
    return {"shape": rule, "check": lambda x, **attrs: rule(x.shape, **attrs) and None, "prepare": tuples}


def _flat_windows(xp, x, size, stride):
    """Windows with their elements on one last axis."""
    win = xp.windows(x, size=size, stride=stride)
    return xp.reshape(win, shape=(*win.shape[: x.ndim], math.prod(size)))


def _flat_fold(xp, g, shape, size, stride, padding):
    """Adjoint of `_flat_windows` after zero padding."""
    g = xp.reshape(g, shape=(*g.shape[:-1], *size))
    return drop_border(xp, xp.fold(g, shape=padded(shape, padding), size=size, stride=stride), shape, padding)


def _torch(kind):
    def oracle(torch, x, *, kernel_size, stride=None, padding=0):
        n = len(kernel_size) if isinstance(kernel_size, tuple) else x.ndim - 2
        lead = x.reshape(1, -1, *x.shape[x.ndim - n :])
        y = getattr(torch.nn.functional, f"{kind}{n}d")(lead, kernel_size, stride, padding)
        return y.reshape(*x.shape[: x.ndim - n], *y.shape[2:])

    return oracle


POOLS = (
    S((1, 1, 4, 4), kernel_size=2), S((2, 3, 6), kernel_size=4, stride=2, padding=1),
    S((5, 4), kernel_size=(2, 2), stride=1), S((2, 4, 2, 2), kernel_size=(2, 2, 2)),
)


def _places(x_shape, size, step):
    """For each place in a window, in row-major order, the key of the elements that stand there."""
    outs = out_sizes(x_shape, size, step)
    for place in product(*map(range, size)):
        yield (..., *(slice(p, p + (n - 1) * s + 1, s) for p, n, s in zip(place, outs, step, strict=True)))


def _lowered(xp, x, padding):
    """Input with a border that never wins."""
    if not any(padding):
        return x
    inside = xp.put_index(
        xp.ones(shape=x.shape, like=x), shape=padded(x.shape, padding), key=inner(x.shape, padding)
    )
    return xp.where(xp.equal(inside, 0), -math.inf, add_border(xp, x, padding))


def _first(xp, y, x, size, step, padding):
    """For each place in a window a mask: whether the first largest element stands there."""
    x = _lowered(xp, x, padding)
    taken, masks = None, []
    for key in _places(x.shape, size, step):
        hit = xp.equal(x[key], y)
        masks.append(hit if taken is None else hit * xp.logical_not(taken))
        taken = hit if taken is None else xp.maximum(taken, hit)
    return masks


def _max_pool_vjp(xp, g, y, x, *, kernel_size, stride, padding):
    size, step, pad = _window(x.shape, kernel_size, stride, padding)
    hits = xp.stack(*(g * first for first in _first(xp, y, x, size, step, pad)), axis=-1)
    return _flat_fold(xp, hits, x.shape, size, step, pad)


def _max_pool_jvp(xp, t, y, x, *, kernel_size, stride, padding):
    size, step, pad = _window(x.shape, kernel_size, stride, padding)
    t = add_border(xp, t, pad)
    return sum(
        t[key] * first
        for key, first in zip(_places(t.shape, size, step), _first(xp, y, x, size, step, pad), strict=True)
    )


@general(
    **_rules("max_pool"), vjps=(_max_pool_vjp,), jvps=(_max_pool_jvp,), exact=True, method=False,
    latex=r"\mathrm{maxpool}(#1)", dlatex=(r"\mathrm{route}(#g)",), samples=POOLS, torch=_torch("max_pool"),
    lesson="17",
)
def max_pool(xp, x, *, kernel_size, stride=None, padding=0):
    """Largest element of each window; of equal ones the first in row-major order takes the gradient.

    Parameters
    ----------
    x : array, shape (n, c, ...); any leading axes when kernel_size is a tuple
    kernel_size, stride, padding : int or tuple of int
        The stride is the kernel size unless told; padding never wins.

    Raises
    ------
    HyperparameterError, ShapeError
    """
    size, step, pad = _window(x.shape, kernel_size, stride, padding)
    x = _lowered(xp, x, pad)
    return reduce(xp.maximum, (x[key] for key in _places(x.shape, size, step)))


def _avg_pool_vjp(xp, g, y, x, *, kernel_size, stride, padding):
    size, step, pad = _window(x.shape, kernel_size, stride, padding)
    n = math.prod(size)
    shared = xp.broadcast_to((g / n)[..., None], shape=(*g.shape, n))
    return _flat_fold(xp, shared, x.shape, size, step, pad)


@linear(
    **_rules("avg_pool"), vjps=(_avg_pool_vjp,), exact=False, method=False, latex=r"\mathrm{avgpool}(#1)",
    dlatex=(r"\mathrm{spread}(#g)",), samples=POOLS, torch=_torch("avg_pool"), lesson="17",
)
def avg_pool(xp, x, *, kernel_size, stride=None, padding=0):
    """Mean of each window; zeros of the padding count."""
    size, step, pad = _window(x.shape, kernel_size, stride, padding)
    x = add_border(xp, x, pad)
    return reduce(operator.add, (x[key] for key in _places(x.shape, size, step))) / math.prod(size)


def _smooth_vjp(xp, g, y, p, x, *, kernel_size, stride, padding, beta):
    size, step, pad = _window(x.shape, kernel_size, stride, padding)
    return _flat_fold(xp, g[..., None] * p, x.shape, size, step, pad)


def _smooth_jvp(xp, t, y, p, x, *, kernel_size, stride, padding, beta):
    size, step, pad = _window(x.shape, kernel_size, stride, padding)
    return xp.sum(_flat_windows(xp, add_border(xp, t, pad), size, step) * p, axis=-1)


def _check_smooth(x, *, beta=1.0, **attrs):
    if not 0 < beta < math.inf:
        raise HyperparameterError(f"smooth_max_pool: beta must be > 0, got {beta}")
    _pooled("smooth_max_pool")(x.shape, **attrs)


@general(
    shape=_pooled("smooth_max_pool"), check=_check_smooth, prepare=tuples,
    vjps=(_smooth_vjp,), jvps=(_smooth_jvp,), residuals=True, method=False,
    latex=r"\frac{1}{#{beta}} \ln \sum e^{#{beta}\,#1}", dlatex=(r"\mathrm{softmax}(#{beta}\,#1)\,#g",),
    samples=(S((1, 2, 4, 4), kernel_size=2), S((2, 3, 6), kernel_size=3, stride=1, padding=1, beta=2.0)), lesson="17",
)
def smooth_max_pool(xp, x, *, kernel_size, stride=None, padding=0, beta=1.0):
    """Smooth maximum ``log(sum(exp(beta * x))) / beta`` of each window; zeros of the padding count."""
    size, step, pad = _window(x.shape, kernel_size, stride, padding)
    win = _flat_windows(xp, add_border(xp, x, pad), size, step) * xp.number(beta)
    top = xp.max(win, axis=-1, keepdims=True)
    e = xp.exp(win - top)
    total = xp.sum(e, axis=-1, keepdims=True)
    return (xp.log(total) + top)[..., 0] / xp.number(beta), e / total
