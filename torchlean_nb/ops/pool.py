"""Pooling over the last axes: largest, mean and smooth maximum of sliding windows.

Maximum and mean go through the places of a window, each a strided slice of the input: far fewer steps than
there are windows.
"""

import math
import operator
from functools import reduce

from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.domains import S
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.ops._shapes import along, positive_int
from torchlean_nb.ops._windows import (
    add_border,
    channels_last,
    drop_border,
    each,
    even,
    extents,
    out_sizes,
    padded,
    places,
    tuples,
)
from torchlean_nb.rows import function, general, linear


def _window(shape, kernel_size, stride, padding, dilation=1, ceil_mode=False):
    """``(size, stride, border, dilation)`` per pooled axis; an int kernel pools all axes behind (n, c)."""
    n = len(kernel_size) if isinstance(kernel_size, tuple | list) else max(len(shape) - 2, 1)
    size, gap = each(kernel_size, n, "pool size", 1), each(dilation, n, "pool dilation", 1)
    step = size if stride is None else each(stride, n, "pool stride", 1)
    border = even(each(padding, n, "pool padding", 0))
    if ceil_mode:
        whole = extents(size, gap)
        border = tuple(map(_rounded_up, shape[len(shape) - n :], whole, step, border))
    return size, step, border, gap


def _rounded_up(n, whole, step, border):
    """Border of an axis with room for a last window that is not complete; it must begin inside."""
    p, q = border
    more = -(n + p + q - whole) % step
    fits = n + p + q >= whole and (n + p + q - whole + more) < n + p
    return (p, q + more) if fits else border


def _pooled(name):
    def shape(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, **_):
        size, step, border, gap = _window(x, kernel_size, stride, padding, dilation, ceil_mode)
        if len(size) > len(x):
            raise ShapeError(f"{name}: a window of {size} for an input of shape {x}")
        if any(2 * p > k for (p, _), k in zip(border, size, strict=True)):
            pad = tuple(p for p, _ in border)
            raise HyperparameterError(f"{name}: padding {pad} is more than half the pool size {size}")
        out = out_sizes(padded(x, border), extents(size, gap), step)
        if min(out) < 1:
            raise ShapeError(f"{name}: a window of {size} does not fit into {x[-len(size) :]} with padding {padding}")
        return (*x[: len(x) - len(size)], *out)

    return shape


def _rules(name):
    rule = _pooled(name)
    return {"shape": rule, "check": lambda x, **attrs: rule(x.shape, **attrs) and None, "prepare": tuples}


def _spread(xp, parts, shape, size, step, border, gap):
    """One array per place in a window, added back to where the windows came from."""
    full = xp.spread(*parts, shape=padded(shape, border), size=size, stride=step, dilation=gap)
    return drop_border(xp, full, shape, border)


def _torch(kind):
    def oracle(torch, x, *, kernel_size, **attrs):
        n = len(kernel_size) if isinstance(kernel_size, tuple) else x.ndim - 2
        lead = x.reshape(1, -1, *x.shape[x.ndim - n :])
        y = getattr(torch.nn.functional, f"{kind}{n}d")(lead, kernel_size, **attrs)
        return y.reshape(*x.shape[: x.ndim - n], *y.shape[2:])

    return oracle


POOLS = (
    S((1, 1, 4, 4), kernel_size=2), S((2, 3, 6), kernel_size=4, stride=2, padding=1),
    S((5, 4), kernel_size=(2, 2), stride=1), S((2, 4, 2, 2), kernel_size=(2, 2, 2)),
    S((1, 2, 5, 4), kernel_size=(3, 2), stride=(2, 3), padding=1, ceil_mode=True),
)


def _by_axis(f, x, size, step, gap):
    """Windows joined by f, one axis after the other: k + k steps where one by one there are k times k."""
    for axis, (k, s, d) in enumerate(zip(size, step, gap, strict=True), start=len(x.shape) - len(size)):
        n = (x.shape[axis] - (k - 1) * d - 1) // s + 1
        keys = (along(axis, slice(i * d, i * d + (n - 1) * s + 1, s)) for i in range(k))
        x = reduce(f, (x[key] for key in keys))
    return x


def _lowered(xp, x, border):
    """Input with a border that never wins."""
    if not any(map(any, border)):
        return x
    inside = add_border(xp, xp.ones(shape=x.shape, like=x), border)
    return xp.where(xp.equal(inside, 0), -math.inf, add_border(xp, x, border))


def _first(xp, y, x, size, step, border, gap):
    """For each place in a window a mask: whether the first largest element stands there."""
    x = _lowered(xp, x, border)
    taken = None
    for key in places(x.shape, size, step, gap):
        hit = xp.equal(x[key], y)
        yield hit if taken is None else xp.greater(hit, taken)
        taken = hit if taken is None else xp.maximum(taken, hit)


def _max_pool_vjp(xp, g, y, x, **attrs):
    window = _window(x.shape, **attrs)
    g = channels_last(xp, g, len(window[0]))
    return _spread(xp, (g * first for first in _first(xp, y, x, *window)), x.shape, *window)


def _max_pool_jvp(xp, t, y, x, **attrs):
    size, step, border, gap = _window(x.shape, **attrs)
    t = add_border(xp, t, border)
    firsts = _first(xp, y, x, size, step, border, gap)
    return sum(t[key] * first for key, first in zip(places(t.shape, size, step, gap), firsts, strict=True))


@general(
    **_rules("max_pool"), vjps=(_max_pool_vjp,), jvps=(_max_pool_jvp,), exact=True, method=False,
    latex=r"\mathrm{maxpool}(#1)", dlatex=(r"\mathrm{route}(#g)",), torch=_torch("max_pool"), lesson="17",
    samples=(*POOLS, S((2, 7), kernel_size=(3,), stride=1, padding=1, dilation=2)),
)
def max_pool(xp, x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Largest element of each window; of equal ones the first in row-major order takes the gradient.

    Parameters
    ----------
    x : array, shape (n, c, ...); any leading axes when kernel_size is a tuple
    kernel_size, stride, padding, dilation : int or tuple of int
        The stride is the kernel size unless told; padding never wins.
    ceil_mode : bool
        Whether a last window may reach over the end.

    Raises
    ------
    HyperparameterError, ShapeError
    """
    size, step, border, gap = _window(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    return _by_axis(xp.maximum, _lowered(xp, x, border), size, step, gap)


@function
def max_pool_indices(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Where the elements that `max_pool` takes stand, counted in row-major order over the pooled axes.

    Returns
    -------
    array of int
        It has no derivative.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.max_pool_indices([[1.0, 4.0, 2.0, 3.0]], kernel_size=(2,)).tolist()
    [[1, 3]]
    """
    xp = numpy_namespace()
    x = xp.asarray(getattr(x, "value", x))
    y = max_pool(x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    window = size, step, border, gap = _window(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    inside = x.shape[x.ndim - len(size) :]
    number = add_border(xp, xp.asarray(range(math.prod(inside))).reshape(inside), border)
    keys = places(number.shape, size, step, gap)
    return sum(number[key] * first for key, first in zip(keys, _first(xp, y, x, *window), strict=True))


def _counted(xp, x, size, step, border, padding, count_include_pad, divisor_override):
    """By what the sum of each window is divided: a number, or an array over the pooled axes."""
    if divisor_override is not None:
        return positive_int(divisor_override, "avg_pool: divisor_override")
    own = even(each(padding, len(size), "pool padding", 0))
    if border == own if count_include_pad else not any(map(any, border)):
        return math.prod(size)
    inside = x.shape[len(x.shape) - len(size) :]
    start = own if count_include_pad else even((0,) * len(size))
    ones = xp.ones(shape=padded(inside, start), like=x)
    rest = tuple((p - a, q - b) for (p, q), (a, b) in zip(border, start, strict=True))
    return _by_axis(operator.add, add_border(xp, ones, rest), size, step, (1,) * len(size))


def _avg_pool_vjp(xp, g, y, x, *, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    size, step, border, gap = _window(x.shape, kernel_size, stride, padding, 1, ceil_mode)
    shared = g / _counted(xp, x, size, step, border, padding, count_include_pad, divisor_override)
    return _spread(xp, [shared] * math.prod(size), x.shape, size, step, border, gap)


@linear(
    **_rules("avg_pool"), vjps=(_avg_pool_vjp,), exact=False, method=False, latex=r"\mathrm{avgpool}(#1)",
    dlatex=(r"\mathrm{spread}(#g)",), torch=_torch("avg_pool"), lesson="17",
    samples=(
        *POOLS, S((1, 5, 5), kernel_size=(2, 3), stride=2, padding=1, ceil_mode=True, count_include_pad=False),
        S((2, 5), kernel_size=(3,), stride=2, padding=1, count_include_pad=False),
        S((1, 1, 3, 3), kernel_size=2, stride=1, divisor_override=3),
    ),
)
def avg_pool(
    xp, x, *, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """Mean of each window.

    Parameters
    ----------
    x : array, shape (n, c, ...); any leading axes when kernel_size is a tuple
    kernel_size, stride, padding : int or tuple of int
        The stride is the kernel size unless told.
    ceil_mode : bool
        Whether a last window may reach over the end; what lies outside never counts.
    count_include_pad : bool
        Whether zeros of the padding count.
    divisor_override : int, optional
        Divide the sums by this instead.

    Raises
    ------
    HyperparameterError, ShapeError
    """
    size, step, border, gap = _window(x.shape, kernel_size, stride, padding, 1, ceil_mode)
    count = _counted(xp, x, size, step, border, padding, count_include_pad, divisor_override)
    return _by_axis(operator.add, add_border(xp, x, border), size, step, gap) / count


def _flat_windows(xp, x, size, step):
    """Windows with their elements on one last axis."""
    win = xp.windows(x, size=size, stride=step)
    return xp.reshape(win, shape=(*win.shape[: x.ndim], math.prod(size)))


def _smooth_vjp(xp, g, y, p, x, *, kernel_size, stride, padding, beta):
    window = _window(x.shape, kernel_size, stride, padding)
    shares = g[..., None] * p
    return _spread(xp, [shares[..., k] for k in range(p.shape[-1])], x.shape, *window)


def _smooth_jvp(xp, t, y, p, x, *, kernel_size, stride, padding, beta):
    size, step, border, _ = _window(x.shape, kernel_size, stride, padding)
    return xp.sum(_flat_windows(xp, add_border(xp, t, border), size, step) * p, axis=-1)


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
    size, step, border, _ = _window(x.shape, kernel_size, stride, padding)
    win = _flat_windows(xp, add_border(xp, x, border), size, step) * xp.number(beta)
    top = xp.max(win, axis=-1, keepdims=True)
    e = xp.exp(win - top)
    total = xp.sum(e, axis=-1, keepdims=True)
    return (xp.log(total) + top)[..., 0] / xp.number(beta), e / total
