"""Convolution in one to three dimensions, as sliding windows and one matrix product per group of channels.

Layouts are PyTorch's: inputs (n, c, ...) or unbatched (c, ...), weights (out, in, k...). Inside, channels
come last: then the elements of a window that lie side by side in memory are copied in one go.
"""

import math

from torchlean_nb.domains import S
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.ops._shapes import positive_int
from torchlean_nb.ops._windows import add_border, drop_border, each, even, extents, out_sizes, padded, places, tuples
from torchlean_nb.rows import general, linear

# -- windows ----------------------------------------------------------------------------------------


def _windowed(shape, *, size, stride, dilation=None):
    whole = extents(size, dilation or (1,) * len(size))
    return (*shape[: len(shape) - len(size)], *out_sizes(shape, whole, stride), *size)


@linear(
    vjps=(lambda xp, g, y, x, **attrs: xp.fold(g, shape=x.shape, **attrs),),
    shape=_windowed, latex=r"\mathrm{windows}(#1)", dlatex=(r"\mathrm{fold}(#g)",), primitive=True, method=False,
    samples=(
        S((5,), size=(3,), stride=(1,)), S((2, 4, 5), size=(2, 3), stride=(2, 1)), S((7,), size=(2,), stride=(3,)),
        S((6, 5), size=(2, 3), stride=(1, 1), dilation=(3, 2)),
    ),
    lesson="17",
)
def windows(xp, x, *, size, stride, dilation=None):
    """Sliding windows over the last axes, shape (..., out..., size...)."""
    return xp.windows(x, size=size, stride=stride, dilation=dilation)


@linear(
    vjps=(lambda xp, g, y, x, *, shape, **attrs: xp.windows(g, **attrs),),
    shape=lambda g, *, shape, **_: shape, latex=r"\mathrm{fold}(#1)", dlatex=(r"\mathrm{windows}(#g)",),
    primitive=True, method=False,
    samples=(
        S((3, 3), shape=(5,), size=(3,), stride=(1,)),
        S((2, 2, 3, 2, 3), shape=(2, 4, 5), size=(2, 3), stride=(2, 1)),
        S((3, 1, 2, 3), shape=(6, 5), size=(2, 3), stride=(1, 1), dilation=(3, 2)),
    ),
)
def fold(xp, g, *, shape, size, stride, dilation=None):
    """Windows added back where they came from: the adjoint of `windows`."""
    return xp.fold(g, shape=shape, size=size, stride=stride, dilation=dilation)


def _spread_vjp(xp, g, y, *parts, size, stride, dilation, arg, **_):
    keys = places(g.shape, size, stride, dilation or (1,) * len(size))
    return xp.index(g, key=list(keys)[arg])


@linear(
    vjps=(_spread_vjp,), shape=lambda *_, shape, **__: shape, latex=r"\mathrm{spread}(#*)", dlatex=("#g[...]",),
    primitive=True, method=False,
    samples=(
        S((2, 2), (2, 2), shape=(2, 4), size=(2,), stride=(2,)),
        S((1, 2), (1, 2), (1, 2), (1, 2), shape=(2, 4), size=(2, 2), stride=(2, 2)),
        S((3,), (3,), (3,), shape=(5,), size=(3,), stride=(1,)),
        S((3, 1), (3, 1), (3, 1), (3, 1), shape=(5, 5), size=(2, 2), stride=(1, 2), dilation=(2, 3)),
    ),
)
def spread(xp, *parts, shape, size, stride, dilation=None):
    """`fold` of windows that are given place by place: one array for each place in a window, in row-major order."""
    return xp.spread(*parts, shape=shape, size=size, stride=stride, dilation=dilation)


# -- im2col -------------------------------------------------------------------------------------------
# P places of the output in all samples, K = c * k... elements under the kernel, G groups, c and o channels
# of the input and of the output per group.


def _options(name, w, stride, padding, dilation):
    """Stride, border and dilation, one per axis."""
    n = len(w) - 2
    stride, dilation = each(stride, n, f"{name}: stride", 1), each(dilation, n, f"{name}: dilation", 1)
    if not isinstance(padding, str):
        return stride, even(each(padding, n, f"{name}: padding", 0)), dilation
    if padding not in ("valid", "same"):
        raise HyperparameterError(f"{name}: padding must be int, 'valid' or 'same', got {padding!r}")
    if padding == "same" and set(stride) != {1}:
        raise HyperparameterError(f"{name}: padding='same' with stride {stride}", "a stride makes outputs smaller")
    missing = [e - 1 if padding == "same" else 0 for e in extents(w[2:], dilation)]
    return stride, tuple((m // 2, m - m // 2) for m in missing), dilation


def _batch(shape, dims):
    """Shape with a batch axis, added where there is none."""
    return shape if len(shape) == dims + 2 else (1, *shape)


def _columns(xp, x, w_shape, out, groups, stride, border, dilation):
    """What lies under the kernel at each place of the output, shape (G, P, K), elements ordered (k..., c)."""
    n, size = len(w_shape) - 2, w_shape[2:]
    x = xp.reshape(x, shape=_batch(x.shape, n))
    x = add_border(xp, xp.transpose(x, axes=(0, *range(2, n + 2), 1)), (*border, (0, 0)))
    x = xp.transpose(x, axes=(0, n + 1, *range(1, n + 1)))
    x = xp.reshape(x, shape=(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    win = xp.windows(x, size=size, stride=stride, dilation=dilation)
    win = xp.index(win, key=(..., *(slice(0, m) for m in out), *[slice(None)] * n))
    places, kernel = (0, *range(3, n + 3)), (*range(n + 3, 2 * n + 3), 2)
    rows, k = win.shape[0] * math.prod(out), math.prod(w_shape[1:])
    if w_shape[1] * size[-1] >= out[-1]:
        return xp.reshape(xp.transpose(win, axes=(1, *places, *kernel)), shape=(groups, rows, k))
    # Longer runs lie along the output: write the matrix transposed.
    win = xp.reshape(xp.transpose(win, axes=(1, *kernel, *places)), shape=(groups, k, rows))
    return xp.transpose(win, axes=(0, 2, 1))


def _by_group(xp, g, n, groups):
    """Array (n, channels, ...) as (G, P, channels of the group)."""
    g = xp.reshape(g, shape=_batch(g.shape, n))
    rows, channels = g.size // g.shape[1], g.shape[1]
    g = xp.reshape(xp.transpose(g, axes=(0, *range(2, n + 2), 1)), shape=(rows, groups, channels // groups))
    return xp.transpose(g, axes=(1, 0, 2))


def _kernels(xp, w, groups):
    """Weight as (k..., G, o, c): one matrix for each place in the kernel."""
    n = w.ndim - 2
    w = xp.reshape(w, shape=(groups, w.shape[0] // groups, *w.shape[1:]))
    return xp.transpose(w, axes=(*range(3, n + 3), 0, 1, 2))


def _matrix(xp, w, groups):
    """Weight as (G, K, o)."""
    k = xp.transpose(_kernels(xp, w, groups), axes=(w.ndim - 2, *range(w.ndim - 2), w.ndim, w.ndim - 1))
    return xp.reshape(k, shape=(groups, math.prod(w.shape[1:]), w.shape[0] // groups))


def _conv_to_input(xp, g, w, shape, groups, stride, border, dilation):
    """Adjoint of convolution in its input of the given shape: each place in the kernel sends back its share."""
    n, size = w.ndim - 2, w.shape[2:]
    batched, out = _batch(shape, n), _batch(g.shape, n)[2:]
    kernels = xp.reshape(_kernels(xp, w, groups), shape=(math.prod(size), groups, w.shape[0] // groups, w.shape[1]))
    win = xp.matmul(_by_group(xp, g, n, groups), kernels)
    win = xp.reshape(win, shape=(*size, groups, batched[0], *out, w.shape[1]))
    win = xp.transpose(win, axes=(n + 1, n, 2 * n + 2, *range(n + 2, 2 * n + 2), *range(n)))
    inside = (batched[0], groups, w.shape[1], *batched[2:])
    full = xp.fold(win, shape=padded(inside, border), size=size, stride=stride, dilation=dilation)
    return xp.reshape(drop_border(xp, full, inside, border), shape=shape)


def _conv_to_weight(xp, g, cols, w_shape, groups):
    """Adjoint of convolution in its weight."""
    n, o, c = len(w_shape) - 2, w_shape[0] // groups, w_shape[1]
    w = xp.matmul(xp.transpose(cols, axes=(0, 2, 1)), _by_group(xp, g, n, groups))
    w = xp.transpose(xp.reshape(w, shape=(groups, *w_shape[2:], c, o)), axes=(0, n + 2, n + 1, *range(1, n + 1)))
    return xp.reshape(w, shape=w_shape)


def _to_bias(xp, g, n):
    """Sum per channel, in float64 as all sums of narrow floats are; times ones, which is the fast way."""
    wide = xp.astype(_by_group(xp, g, n, 1)[0], dtype="float64")
    return xp.astype(xp.matmul(xp.ones(shape=wide.shape[:1], like=wide), wide), dtype=g.dtype.name)


def _add_per_channel(xp, y, b, run):
    """Matrices (G, P, o) plus the bias, which is laid out `run` times so that long rows are added."""
    groups, rows, o = y.shape
    b = xp.broadcast_to(xp.reshape(b, shape=(groups, 1, o)), shape=(groups, run, o))
    y = xp.reshape(y, shape=(groups, rows // run, run * o))
    y += xp.reshape(b, shape=(groups, 1, run * o))
    return y


def _bias_columns(xp, b, y_shape, n):
    """Bias in the shape of the output."""
    return xp.broadcast_to(xp.reshape(b, shape=(b.shape[0], *[1] * n)), shape=y_shape)


# -- convolution --------------------------------------------------------------------------------------


def _conv_shape(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    n = len(w) - 2
    if not 1 <= n <= 3 or len(x) not in (n + 1, n + 2):
        raise ShapeError(
            f"conv: input of shape {x} and weight of shape {w} do not fit",
            "weight (out, in, k...), input (n, in, ...) or (in, ...)",
        )
    stride, border, dilation = _options("conv", w, stride, padding, dilation)
    groups = positive_int(groups, "conv: groups")
    if x[-n - 1] != w[1] * groups:
        takes = w[1] if groups == 1 else f"{groups} groups of {w[1]}"
        has = f"the input of shape {x} has {x[-n - 1]} channels"
        raise ShapeError(f"conv: {has}, the weight of shape {w} takes {takes}")
    if w[0] % groups:
        raise ShapeError(f"conv: {w[0]} output channels do not split into {groups} groups")
    if b is not None and b != w[:1]:
        raise ShapeError(f"conv: bias of shape {b} for {w[0]} output channels")
    out = out_sizes(padded(x, border), extents(w[2:], dilation), stride)
    if min(out, default=1) < 1 or 0 in w[2:]:
        spread = "" if set(dilation) == {1} else f" with dilation {dilation}"
        raise ShapeError(f"conv: a kernel of {w[2:]}{spread} does not fit into {x[-n:]} with padding {padding}")
    return (*x[: -n - 1], w[0], *out)


def _checked(rule):
    """The shape rule as a check: NumPy would broadcast some of what it refuses."""

    def check(*arrays, **attrs):
        rule(*(None if a is None else a.shape for a in arrays), **attrs)

    return check


def _conv_vjp_x(xp, g, y, cols, x, w, b=None, *, stride, padding, dilation, groups):
    return _conv_to_input(xp, g, w, x.shape, groups, *_options("conv", w.shape, stride, padding, dilation))


def _named(name):
    """PyTorch's function with the number of dimensions in its name."""
    return lambda torch, x, w, b=None, **attrs: getattr(torch.nn.functional, f"{name}{w.ndim - 2}d")(x, w, b, **attrs)


@general(
    vjps=(
        _conv_vjp_x,
        lambda xp, g, y, cols, x, w, b=None, *, groups, **_: _conv_to_weight(xp, g, cols, w.shape, groups),
        lambda xp, g, y, cols, x, w, b=None, **_: _to_bias(xp, g, w.ndim - 2),
    ),
    jvps=(
        lambda xp, t, y, cols, x, w, b=None, **attrs: xp.conv(t, w, **attrs),
        lambda xp, t, y, cols, x, w, b=None, **attrs: xp.conv(x, t, **attrs),
        lambda xp, t, y, cols, x, w, b=None, **attrs: _bias_columns(xp, t, y.shape, w.ndim - 2),
    ),
    residuals=True, shape=_conv_shape, check=_checked(_conv_shape), prepare=tuples, exact=True, method=False,
    latex=r"#1 \star #2#?3{ + #3}", dlatex=(r"#g \ast #2", r"#1 \star #g", r"\sum #g"),
    samples=(
        S((1, 1, 2, 2), (1, 1, 2, 2), (1,)), S((2, 3, 5), (4, 3, 3), (4,), stride=2, padding=1), S((3, 6), (2, 3, 2)),
        S((2, 2, 4, 5), (3, 2, 2, 3), (3,), stride=(2, 1), padding=(0, 1)), S((2, 3, 2, 3), (2, 2, 2, 1, 2)),
        S((2, 4, 7), (6, 2, 2), (6,), groups=2, dilation=2, stride=2),
        S((1, 4, 4, 3), (2, 2, 2, 2), groups=2, padding="same"), S((1, 2, 2, 5), (1, 2, 1, 2), dilation=(1, 3)),
    ),
    torch=_named("conv"), lesson="17",
)
def conv(xp, x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Convolution (cross-correlation) in 1 to 3 dimensions.

    Parameters
    ----------
    x : array, shape (n, c_in, ...) or (c_in, ...)
    weight : array, shape (c_out, c_in / groups, k...)
    bias : array, shape (c_out,), optional
    stride, dilation : int or tuple of int
        Steps of the kernel, and of the elements within it.
    padding : int, tuple of int, "valid" or "same"
        Zeros on both sides: none, or so many that sizes stay.
    groups : int
        Groups of channels that do not see each other.

    Raises
    ------
    ShapeError, HyperparameterError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> float(tl.conv([[[1.0, 2.0], [3.0, 4.0]]], [[[[0.2, -0.1], [0.3, 0.4]]]], [0.05])[0, 0, 0])
    2.55
    """
    n = weight.ndim - 2
    stride, border, dilation = _options("conv", weight.shape, stride, padding, dilation)
    batch, *_ = _batch(x.shape, n)
    out = out_sizes(padded(x.shape, border), extents(weight.shape[2:], dilation), stride)
    cols = _columns(xp, x, weight.shape, out, groups, stride, border, dilation)
    y = xp.matmul(cols, _matrix(xp, weight, groups))
    if bias is not None:
        y = _add_per_channel(xp, y, bias, out[-1])
    y = xp.reshape(y, shape=(groups, batch, *out, weight.shape[0] // groups))
    y = xp.transpose(y, axes=(1, 0, n + 2, *range(2, n + 2)))
    return xp.reshape(y, shape=(*([batch] if x.ndim == n + 2 else []), weight.shape[0], *out)), cols


# -- transposed convolution ---------------------------------------------------------------------------


def _conv_transpose_shape(
    x, w, b=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    n = len(w) - 2
    if not 1 <= n <= 3 or len(x) not in (n + 1, n + 2) or x[-n - 1] != w[0]:
        raise ShapeError(
            f"conv_transpose: input of shape {x} and weight of shape {w} do not fit",
            "weight (in, out, k...), input (n, in, ...) or (in, ...)",
        )
    if isinstance(padding, str):
        raise HyperparameterError(f"conv_transpose: padding must be int, got {padding!r}")
    stride, border, dilation = _options("conv_transpose", w, stride, padding, dilation)
    extra = each(output_padding, n, "conv_transpose: output_padding", 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise HyperparameterError(
            f"conv_transpose: output_padding {extra} must be smaller than stride {stride} or dilation {dilation}"
        )
    if w[0] % positive_int(groups, "conv_transpose: groups"):
        raise ShapeError(f"conv_transpose: {w[0]} input channels do not split into {groups} groups")
    channels = w[1] * groups
    if b is not None and b != (channels,):
        raise ShapeError(f"conv_transpose: bias of shape {b} for {channels} output channels")
    whole = extents(w[2:], dilation)
    out = tuple(
        (m - 1) * s + k - p - q + e
        for m, s, k, (p, q), e in zip(x[-n:], stride, whole, border, extra, strict=True)
    )
    if min(out) < 1:
        raise ShapeError(f"conv_transpose: padding {padding} leaves nothing of the output")
    return (*x[: -n - 1], channels, *out)


def _back(xp, g, x, w, stride, padding, groups, dilation):
    """Adjoint of `conv_transpose` in x: a convolution, of which output_padding may make one place too many."""
    y = xp.conv(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return xp.index(y, key=tuple(slice(0, m) for m in x.shape))


def _conv_transpose_weight(xp, g, y, x, w, b=None, *, stride, padding, output_padding, groups, dilation):
    options = _options("conv_transpose", w.shape, stride, padding, dilation)
    cols = _columns(xp, g, w.shape, x.shape[2 - w.ndim :], groups, *options)
    return _conv_to_weight(xp, x, cols, w.shape, groups)


@general(
    vjps=(
        lambda xp, g, y, x, w, b=None, *, output_padding, **attrs: _back(xp, g, x, w, **attrs), _conv_transpose_weight,
        lambda xp, g, y, x, w, b=None, **_: _to_bias(xp, g, w.ndim - 2),
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
        S((2, 4, 3), (4, 1, 2), (2,), groups=2, stride=2, dilation=3, output_padding=2, padding=1),
        S((1, 1, 1, 2), (1, 2, 2, 1), stride=(2, 3), output_padding=(1, 2)),
    ),
    torch=_named("conv_transpose"), lesson="17",
)
def conv_transpose(xp, x, weight, bias=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv` as a layer, which makes inputs larger.

    Parameters
    ----------
    x : array, shape (n, c_in, ...) or (c_in, ...)
    weight : array, shape (c_in, c_out / groups, k...)
    bias : array, shape (c_out,), optional
    stride, padding, output_padding, dilation : int or tuple of int
        An axis of size m becomes (m - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1.
    groups : int

    Raises
    ------
    ShapeError, HyperparameterError
    """
    attrs = {"stride": stride, "padding": padding, "dilation": dilation}
    shape = _conv_transpose_shape(x.shape, weight.shape, output_padding=output_padding, groups=groups, **attrs)
    y = _conv_to_input(xp, x, weight, shape, groups, *_options("conv_transpose", weight.shape, **attrs))
    return y if bias is None else y + _bias_columns(xp, bias, shape, weight.ndim - 2)
