"""PyTorch's names with the number of dimensions: `conv2d` is `conv` that insists on images."""

from torchlean_nb.errors import ShapeError
from torchlean_nb.ops.adaptive import adaptive_avg_pool, adaptive_max_pool, lp_pool
from torchlean_nb.ops.conv import conv, conv_transpose
from torchlean_nb.ops.pool import avg_pool, max_pool, max_pool_indices
from torchlean_nb.rows import function


def _named(f, name, doc):
    f.__name__, f.__qualname__, f.__doc__ = name, name, doc
    return function(f)


def _weight(name, weight, n):
    if len(weight.shape) != n + 2:
        raise ShapeError(f"{name}: a weight of shape {weight.shape}, {n + 2} axes are needed", None, name[:-2])


def _size(name, kernel_size, n):
    size = tuple(kernel_size) if isinstance(kernel_size, tuple | list) else (kernel_size,) * n
    if len(size) != n:
        raise ShapeError(f"{name}: {len(size)} sizes for {n} dimensions", None, name[:-2])
    return size


def _convolutions(n):
    plural, one, two = "s" * (n > 1), f"conv{n}d", f"conv_transpose{n}d"

    def convolve(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        _weight(one, weight, n)
        return conv(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def transpose(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        _weight(two, weight, n)
        return conv_transpose(x, weight, bias, stride=stride, padding=padding, output_padding=output_padding,
                              groups=groups, dilation=dilation)  # fmt: skip

    _named(convolve, one, f"`conv` in {n} dimension{plural}.")
    _named(transpose, two, f"`conv_transpose` in {n} dimension{plural}.")


def _pools(n):
    axes = f"the last {n} ax{'e' if n > 1 else 'i'}s"

    def largest(
        x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
    ):
        window = {"kernel_size": _size(f"max_pool{n}d", kernel_size, n), "stride": stride, "padding": padding,
                  "dilation": dilation, "ceil_mode": ceil_mode}  # fmt: skip
        y = max_pool(x, **window)
        return (y, max_pool_indices(x, **window)) if return_indices else y

    def mean(
        x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        return avg_pool(x, kernel_size=_size(f"avg_pool{n}d", kernel_size, n), stride=stride, padding=padding,
                        ceil_mode=ceil_mode, count_include_pad=count_include_pad,
                        divisor_override=divisor_override)  # fmt: skip

    def norms(x, norm_type, kernel_size, stride=None, ceil_mode=False):
        return lp_pool(x, norm_type, _size(f"lp_pool{n}d", kernel_size, n), stride, ceil_mode)

    def adaptive(pool):
        def pooled(x, output_size):
            return pool(x, _size(f"{pool.__name__}{n}d", output_size, n))

        _named(pooled, f"{pool.__name__}{n}d", f"`{pool.__name__}` over {axes}.")

    adaptive(adaptive_avg_pool)
    adaptive(adaptive_max_pool)
    _named(norms, f"lp_pool{n}d", f"`lp_pool` over {axes}.")
    _named(largest, f"max_pool{n}d", f"`max_pool` over {axes}, and with `return_indices` also `max_pool_indices`.")
    _named(mean, f"avg_pool{n}d", f"`avg_pool` over {axes}.")


for _n in (1, 2, 3):
    _convolutions(_n)
    _pools(_n)
