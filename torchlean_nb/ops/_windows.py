"""Options and borders of sliding windows, shared by convolution and pooling."""

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.ops._shapes import positive_int


def out_sizes(shape, size, stride):
    """Number of windows along each of the last axes."""
    return tuple((n - k) // s + 1 for n, k, s in zip(shape[len(shape) - len(size) :], size, stride, strict=True))


def each(value, n, name, low):
    """An option given once or once per dimension."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * n
    if len(values) != n:
        raise HyperparameterError(f"{name}: {len(values)} values for {n} dimensions")
    return tuple(positive_int(v, name, low) for v in values)


def inner(shape, padding):
    """Key of the unpadded array inside the padded one."""
    lead = len(shape) - len(padding)
    return (..., *(slice(p, p + n) for n, p in zip(shape[lead:], padding, strict=True)))


def padded(shape, padding):
    """Shape with a border on both sides of the last axes."""
    lead = len(shape) - len(padding)
    return (*shape[:lead], *(n + 2 * p for n, p in zip(shape[lead:], padding, strict=True)))


def add_border(xp, x, padding):
    """Array inside a border of zeros."""
    return xp.put_index(x, shape=padded(x.shape, padding), key=inner(x.shape, padding)) if any(padding) else x


def drop_border(xp, x, shape, padding):
    """Array of the given shape without its border."""
    return xp.index(x, key=inner(shape, padding)) if any(padding) else x


def tuples(args, kwargs):
    """Call with lists among its options turned into tuples."""
    return args, {k: tuple(v) if isinstance(v, list) else v for k, v in kwargs.items()}
