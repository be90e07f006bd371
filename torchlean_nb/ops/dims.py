"""PyTorch's names with the number of dimensions: `conv2d` is `conv` that insists on images."""

from torchlean_nb.errors import ShapeError
from torchlean_nb.ops.conv import conv, conv_transpose
from torchlean_nb.ops.pool import avg_pool, max_pool
from torchlean_nb.rows import function


def _named(f, name, doc):
    f.__name__, f.__qualname__, f.__doc__ = name, name, doc
    return function(f)


def _convolution(op, n):
    name = f"{op.name}{n}d"

    def convolve(x, weight, bias=None, stride=1, padding=0):
        if len(weight.shape) != n + 2:
            raise ShapeError(f"{name}: a weight of shape {weight.shape}, {n + 2} axes are needed", None, op.name)
        return op(x, weight, bias, stride=stride, padding=padding)

    return _named(convolve, name, f"`{op.name}` in {n} dimension{'s' * (n > 1)}.")


def _pooling(op, n):
    def pool(x, kernel_size, stride=None, padding=0):
        size = tuple(kernel_size) if isinstance(kernel_size, tuple | list) else (kernel_size,) * n
        if len(size) != n:
            raise ShapeError(f"{op.name}{n}d: {len(size)} sizes for {n} dimensions", None, op.name)
        return op(x, kernel_size=size, stride=stride, padding=padding)

    return _named(pool, f"{op.name}{n}d", f"`{op.name}` over the last {n} ax{'e' if n > 1 else 'i'}s.")


for _n in (1, 2, 3):
    for _op in (conv, conv_transpose):
        _convolution(_op, _n)
    for _op in (max_pool, avg_pool):
        _pooling(_op, _n)
