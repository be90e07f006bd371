"""Convolution and pooling in any number of dimensions, as sliding windows and one matrix product.

Layouts are PyTorch's: inputs (n, c, ...) or unbatched (c, ...), weights (out, in, k...). Pooling
works on the last axes, whatever is in front.
"""

import math

from torchlean_nb.domains import S
from torchlean_nb.errors import ShapeError
from torchlean_nb.ops._windows import add_border, drop_border, each, out_sizes, padded, tuples
from torchlean_nb.rows import general, linear

# -- windows ----------------------------------------------------------------------------------------


def _windowed(shape, *, size, stride):
    return (*shape[: len(shape) - len(size)], *out_sizes(shape, size, stride), *size)


@linear(
    vjps=(lambda xp, g, y, x, *, size, stride: xp.fold(g, shape=x.shape, size=size, stride=stride),),
    shape=_windowed, latex=r"\mathrm{windows}(#1)", dlatex=(r"\mathrm{fold}(#g)",), primitive=True, method=False,
    samples=(
        S((5,), size=(3,), stride=(1,)), S((2, 4, 5), size=(2, 3), stride=(2, 1)), S((7,), size=(2,), stride=(3,)),
    ),
    lesson="17",
)
def windows(xp, x, *, size, stride):
    """Sliding windows over the last axes, shape (..., out..., size...)."""
    return xp.windows(x, size=size, stride=stride)


@linear(
    vjps=(lambda xp, g, y, x, *, shape, size, stride: xp.windows(g, size=size, stride=stride),),
    shape=lambda g, *, shape, size, stride: shape, latex=r"\mathrm{fold}(#1)", dlatex=(r"\mathrm{windows}(#g)",),
    primitive=True, method=False,
    samples=(
        S((3, 3), shape=(5,), size=(3,), stride=(1,)),
        S((2, 2, 3, 2, 3), shape=(2, 4, 5), size=(2, 3), stride=(2, 1)),
    ),
)
def fold(xp, g, *, shape, size, stride):
    """Windows added back where they came from: the adjoint of `windows`."""
    return xp.fold(g, shape=shape, size=size, stride=stride)


# -- convolution --------------------------------------------------------------------------------------


def _options(name, w, stride, padding):
    n = len(w) - 2
    return each(stride, n, f"{name}: stride", 1), each(padding, n, f"{name}: padding", 0)


def _batch(shape, dims):
    """Shape with a batch axis, added where there is none."""
    return shape if len(shape) == dims + 2 else (1, *shape)


def _columns(xp, x, w_shape, stride, padding):
    """One row per output position: the window under the kernel, shape (n * out, c * k)."""
    n = len(w_shape) - 2
    x = add_border(xp, xp.reshape(x, shape=_batch(x.shape, n)), padding)
    win = xp.windows(x, size=w_shape[2:], stride=stride)
    win = xp.transpose(win, axes=(0, *range(2, n + 2), 1, *range(n + 2, 2 * n + 2)))
    return xp.reshape(win, shape=(math.prod(win.shape[: n + 1]), math.prod(w_shape[1:]))), win.shape[: n + 1]


def _channels_last(xp, g, n):
    """One row per position, one column per channel."""
    g = xp.reshape(g, shape=_batch(g.shape, n))
    return xp.reshape(xp.transpose(g, axes=(0, *range(2, n + 2), 1)), shape=(g.size // g.shape[1], g.shape[1]))


def _flat(xp, w):
    return xp.reshape(w, shape=(w.shape[0], math.prod(w.shape[1:])))


def _conv_to_input(xp, g, w, shape, stride, padding):
    """Adjoint of convolution in its input of the given shape."""
    n = w.ndim - 2
    batched = _batch(shape, n)
    out = _batch(g.shape, n)[2:]
    win = xp.reshape(xp.matmul(_channels_last(xp, g, n), _flat(xp, w)), shape=(batched[0], *out, *w.shape[1:]))
    win = xp.transpose(win, axes=(0, n + 1, *range(1, n + 1), *range(n + 2, 2 * n + 2)))
    full = xp.fold(win, shape=padded(batched, padding), size=w.shape[2:], stride=stride)
    return xp.reshape(drop_border(xp, full, batched, padding), shape=shape)


def _conv_to_weight(xp, g, cols, w_shape):
    return xp.reshape(xp.matmul(_channels_last(xp, g, len(w_shape) - 2).T, cols), shape=w_shape)


def _to_bias(xp, g, n):
    channel = g.ndim - n - 1
    return xp.sum(g, axis=tuple(i for i in range(g.ndim) if i != channel))


def _bias_columns(xp, b, y_shape, n):
    """Bias in the shape of the output."""
    return xp.broadcast_to(xp.reshape(b, shape=(b.shape[0], *[1] * n)), shape=y_shape)


def _conv_shape(x, w, b=None, *, stride=1, padding=0, name="conv"):
    n = len(w) - 2
    if not 1 <= n <= 3 or len(x) not in (n + 1, n + 2):
        raise ShapeError(
            f"{name}: input of shape {x} and weight of shape {w} do not fit",
            "weight (out, in, k...), input (n, in, ...) or (in, ...)",
        )
    stride, padding = _options(name, w, stride, padding)
    if x[-n - 1] != w[1]:
        raise ShapeError(
            f"{name}: the input of shape {x} has {x[-n - 1]} channels, the weight of shape {w} takes {w[1]}"
        )
    if b is not None and b != w[:1]:
        raise ShapeError(f"{name}: bias of shape {b} for {w[0]} output channels")
    out = out_sizes(padded(x, padding), w[2:], stride)
    if min(out, default=1) < 1 or 0 in w[2:]:
        raise ShapeError(f"{name}: a kernel of {w[2:]} does not fit into {x[-n:]} with padding {padding}")
    return (*x[: -n - 1], w[0], *out)


def _checked(rule):
    """The shape rule as a check: NumPy would broadcast some of what it refuses."""

    def check(*arrays, **attrs):
        rule(*(None if a is None else a.shape for a in arrays), **attrs)

    return check


def _conv_vjp(rule):
    def vjp(xp, g, y, cols, x, w, b=None, *, stride, padding):
        return rule(xp, g, cols, x, w, *_options("conv", w.shape, stride, padding))

    return vjp


CONVOLUTIONS = (
    S((1, 1, 2, 2), (1, 1, 2, 2), (1,)), S((2, 3, 5), (4, 3, 3), (4,), stride=2, padding=1), S((3, 6), (2, 3, 2)),
    S((2, 2, 4, 5), (3, 2, 2, 3), (3,), stride=(2, 1), padding=(0, 1)), S((2, 3, 2, 3), (2, 2, 2, 1, 2)),
)


@general(
    vjps=(
        _conv_vjp(lambda xp, g, cols, x, w, stride, padding: _conv_to_input(xp, g, w, x.shape, stride, padding)),
        _conv_vjp(lambda xp, g, cols, x, w, stride, padding: _conv_to_weight(xp, g, cols, w.shape)),
        _conv_vjp(lambda xp, g, cols, x, w, stride, padding: _to_bias(xp, g, w.ndim - 2)),
    ),
    jvps=(
        lambda xp, t, y, cols, x, w, b=None, **attrs: xp.conv(t, w, **attrs),
        lambda xp, t, y, cols, x, w, b=None, **attrs: xp.conv(x, t, **attrs),
        lambda xp, t, y, cols, x, w, b=None, **attrs: _bias_columns(xp, t, y.shape, w.ndim - 2),
    ),
    residuals=True, shape=_conv_shape, check=_checked(_conv_shape), prepare=tuples, exact=True, method=False,
    latex=r"#1 \star #2#?3{ + #3}", dlatex=(r"#g \ast #2", r"#1 \star #g", r"\sum #g"), samples=CONVOLUTIONS,
    torch=lambda torch, x, w, b=None, *, stride=1, padding=0: getattr(torch.nn.functional, f"conv{w.ndim - 2}d")(
        x, w, b, stride, padding
    ),
    lesson="17",
)
def conv(xp, x, weight, bias=None, *, stride=1, padding=0):
    """Convolution (cross-correlation) in 1 to 3 dimensions.

    Parameters
    ----------
    x : array, shape (n, c_in, ...) or (c_in, ...)
    weight : array, shape (c_out, c_in, k...)
    bias : array, shape (c_out,), optional
    stride, padding : int or tuple of int
        Padding is with zeros.

    Raises
    ------
    ShapeError, HyperparameterError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> float(tl.conv([[[1.0, 2.0], [3.0, 4.0]]], [[[[0.2, -0.1], [0.3, 0.4]]]], [0.05])[0, 0, 0])
    2.55
    """
    stride, padding = _options("conv", weight.shape, stride, padding)
    n = weight.ndim - 2
    cols, out = _columns(xp, x, weight.shape, stride, padding)
    z = xp.matmul(cols, _flat(xp, weight).T)
    if bias is not None:
        z += bias
    y = xp.transpose(xp.reshape(z, shape=(*out, weight.shape[0])), axes=(0, n + 1, *range(1, n + 1)))
    return (y if x.ndim == n + 2 else xp.reshape(y, shape=y.shape[1:])), cols


def _conv_transpose_shape(x, w, b=None, *, stride=1, padding=0):
    n = len(w) - 2
    if not 1 <= n <= 3 or len(x) not in (n + 1, n + 2) or x[-n - 1] != w[0]:
        raise ShapeError(
            f"conv_transpose: input of shape {x} and weight of shape {w} do not fit",
            "weight (in, out, k...), input (n, in, ...) or (in, ...)",
        )
    stride, padding = _options("conv_transpose", w, stride, padding)
    if b is not None and b != w[1:2]:
        raise ShapeError(f"conv_transpose: bias of shape {b} for {w[1]} output channels")
    out = tuple((m - 1) * s + k - 2 * p for m, s, k, p in zip(x[-n:], stride, w[2:], padding, strict=True))
    if min(out) < 1:
        raise ShapeError(f"conv_transpose: padding {padding} leaves nothing of the output")
    return (*x[: -n - 1], w[1], *out)


def _conv_transpose_weight(xp, g, y, x, w, b=None, *, stride, padding):
    cols, _ = _columns(xp, g, w.shape, *_options("conv_transpose", w.shape, stride, padding))
    return _conv_to_weight(xp, x, cols, w.shape)


@general(
    vjps=(
        lambda xp, g, y, x, w, b=None, **attrs: xp.conv(g, w, **attrs), _conv_transpose_weight,
        lambda xp, g, y, x, w, b=None, **attrs: _to_bias(xp, g, w.ndim - 2),
    ),
    jvps=(
        lambda xp, t, y, x, w, b=None, **attrs: xp.conv_transpose(t, w, **attrs),
        lambda xp, t, y, x, w, b=None, **attrs: xp.conv_transpose(x, t, **attrs),
        lambda xp, t, y, x, w, b=None, **attrs: _bias_columns(xp, t, y.shape, w.ndim - 2),
    ),
    shape=_conv_transpose_shape, check=_checked(_conv_transpose_shape), prepare=tuples, exact=True, method=False,
    latex=r"#1 \ast #2#?3{ + #3}", dlatex=(r"#g \star #2", r"#g \star #1", r"\sum #g"),
    samples=(
        S((2, 3, 4), (3, 2, 3), (2,), stride=2, padding=1), S((3, 2, 2), (3, 2, 2, 2), (2,)), S((1, 2, 3), (2, 1, 2)),
    ),
    torch=lambda torch, x, w, b=None, *, stride=1, padding=0: getattr(
        torch.nn.functional, f"conv_transpose{w.ndim - 2}d"
    )(x, w, b, stride, padding),
    lesson="17",
)
def conv_transpose(xp, x, weight, bias=None, *, stride=1, padding=0):
    """The adjoint of `conv` as a layer, which makes inputs larger.

    Parameters
    ----------
    x : array, shape (n, c_in, ...) or (c_in, ...)
    weight : array, shape (c_in, c_out, k...)
    bias : array, shape (c_out,), optional
    stride, padding : int or tuple of int
        An axis of size m becomes (m - 1) * stride + k - 2 * padding.
    """
    shape = _conv_transpose_shape(x.shape, weight.shape, stride=stride, padding=padding)
    y = _conv_to_input(xp, x, weight, shape, *_options("conv_transpose", weight.shape, stride, padding))
    return y if bias is None else y + _bias_columns(xp, bias, shape, weight.ndim - 2)
