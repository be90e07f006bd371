"""Options and borders of sliding windows, shared by convolution and pooling.

A border is one pair (before, after) per axis; axes are the last ones of an array.
"""

from itertools import product

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.ops._shapes import positive_int


def extents(size, dilation):
    """Length of a window from its first to its last element, per axis."""
    return tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))


def out_sizes(shape, size, stride):
    """Number of windows of the given extents along each of the last axes."""
    return tuple((n - k) // s + 1 for n, k, s in zip(shape[len(shape) - len(size) :], size, stride, strict=True))


def places(shape, size, stride, dilation):
    """For each place in a window, in row-major order, the key of the elements that stand there."""
    outs = out_sizes(shape, extents(size, dilation), stride)
    for place in product(*map(range, size)):
        starts = (p * d for p, d in zip(place, dilation, strict=True))
        yield (..., *(slice(p, p + (n - 1) * s + 1, s) for p, n, s in zip(starts, outs, stride, strict=True)))


def each(value, n, name, low):
    """An option given once or once per dimension."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * n
    if len(values) != n:
        raise HyperparameterError(f"{name}: {len(values)} values for {n} dimensions")
    return tuple(positive_int(v, name, low) for v in values)


def even(padding):
    """The same border before and after."""
    return tuple((p, p) for p in padding)


def inner(shape, border):
    """Key of the array inside its border."""
    lead = len(shape) - len(border)
    return (..., *(slice(p, p + n) for n, (p, _) in zip(shape[lead:], border, strict=True)))


def padded(shape, border):
    """Shape with the border."""
    lead = len(shape) - len(border)
    return (*shape[:lead], *(n + p + q for n, (p, q) in zip(shape[lead:], border, strict=True)))


def add_border(xp, x, border):
    """Array inside a border of zeros."""
    return xp.put_index(x, shape=padded(x.shape, border), key=inner(x.shape, border)) if any(map(any, border)) else x


def drop_border(xp, x, shape, border):
    """Array of the given shape without its border."""
    return xp.index(x, key=inner(shape, border)) if any(map(any, border)) else x


def channels_last(xp, x, n):
    """The same array, in memory with its channels behind the n axes of the windows."""
    order = (*range(x.ndim - n)[:1], *range(x.ndim - n, x.ndim), *range(x.ndim - n)[1:])
    moved = xp.transpose(x, axes=order)
    moved = xp.reshape(xp.reshape(moved, shape=(x.size,)), shape=moved.shape)
    return xp.transpose(moved, axes=tuple(order.index(i) for i in range(x.ndim)))


def tuples(args, kwargs):
    """Call with lists among its options turned into tuples."""
    return args, {k: tuple(v) if isinstance(v, list) else v for k, v in kwargs.items()}
