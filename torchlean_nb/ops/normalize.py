"""Softmax, and normalisation by mean and variance or by the root mean square."""

import math

from torchlean_nb.domains import S
from torchlean_nb.errors import DomainError, HyperparameterError, ShapeError
from torchlean_nb.ops._shapes import axes, positive_int, sum_to
from torchlean_nb.rows import general

# -- softmax ----------------------------------------------------------------------------------------


def _along(x, axis):
    """The axis, or no axis for a 0-d array, which counts as one class."""
    return axis if x.ndim else ()


def _same(name):
    return lambda shape, *, axis=-1: (axes(axis, len(shape), name) if shape else None, shape)[1]


def _softmax_vjp(xp, g, y, x, *, axis):
    return y * (g - xp.sum(y * g, axis=_along(x, axis), keepdims=True))


def _softmax_jvp(xp, t, y, x, *, axis):
    return y * t - y * xp.sum(y * t, axis=_along(x, axis), keepdims=True)


ALONG = (S((3,)), S((2, 3)), S((2, 3), axis=0), S((2, 1, 3), axis=1), S(()))


@general(
    vjps=(_softmax_vjp,), jvps=(_softmax_jvp,), shape=_same("softmax"),
    latex=r"\mathrm{softmax}(#1)", dlatex=(r"#y \odot (#g - \sum #g \odot #y)",), samples=ALONG,
    torch=lambda torch, x, *, axis=-1: torch.softmax(x, axis), lesson="06",
)
def softmax(xp, x, *, axis=-1):
    """Exponentials along an axis, divided by their sum; large inputs do not overflow.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.softmax([1000.0, 1000.0]).tolist()
    [0.5, 0.5]
    """
    along = _along(x, axis)
    e = xp.exp(x - xp.max(x, axis=along, keepdims=True))
    e /= xp.sum(e, axis=along, keepdims=True)
    return e


@general(
    vjps=(
        lambda xp, g, y, x, *, axis: g - xp.exp(y) * xp.sum(g, axis=_along(x, axis), keepdims=True),
    ),
    jvps=(
        lambda xp, t, y, x, *, axis: t - xp.sum(xp.exp(y) * t, axis=_along(x, axis), keepdims=True),
    ),
    shape=_same("log_softmax"), latex=r"\ln \mathrm{softmax}(#1)", dlatex=(r"#g - e^{#y} \sum #g",), samples=ALONG,
    torch=lambda torch, x, *, axis=-1: torch.log_softmax(x, axis), lesson="07",
)
def log_softmax(xp, x, *, axis=-1):
    """Logarithm of softmax, without overflow or rounding to log(0)."""
    along = _along(x, axis)
    z = x - xp.max(x, axis=along, keepdims=True)
    return z - xp.log(xp.sum(xp.exp(z), axis=along, keepdims=True))


# -- one scheme for all norms -------------------------------------------------------------------------
# Each norm is a plan ``plan(x.shape, p, **attrs) -> (view, over, affine)``: the shape under which x is
# looked at, the axes of that view whose elements are made comparable, and the shape in which weight
# and bias broadcast against x. `p` is the shape of weight or bias, None without them.


def _plan_layer(x, p, *, normalized_shape=None, **_):
    tail = x[-1:] if normalized_shape is None and p is None else tuple(normalized_shape or p)
    if not tail or x[len(x) - len(tail) :] != tail:
        raise ShapeError(f"norm: the last axes of shape {x} are not {tail}", "weight and bias have their shape")
    return x, tuple(range(len(x) - len(tail), len(x))), tail


def _plan_batch(x, p, **_):
    return x, (0, *range(2, len(x))), (x[1], *[1] * (len(x) - 2))


def _plan_instance(x, p, **_):
    return x, tuple(range(2, len(x))), (x[1], *[1] * (len(x) - 2))


def _plan_group(x, p, *, num_groups, **_):
    view = (x[0], num_groups, x[1] // num_groups, *x[2:])
    return view, tuple(range(2, len(view))), (x[1], *[1] * (len(x) - 2))


def _mean(xp, x, over):
    return xp.sum(x, axis=over, keepdims=True) / math.prod(x.shape[i] for i in over)


def _laid(plan, x, weight, bias, attrs):
    given = weight if weight is not None else bias
    return plan(x.shape, None if given is None else given.shape, **attrs)


def _forward(xp, plan, x, weight, bias, center, eps, **attrs):
    """Value, and ``(xhat, inv, mean, var)`` in the shape of the view (mean is None without centring)."""
    view, over, affine = _laid(plan, x, weight, bias, attrs)
    d = xp.reshape(x, shape=view)
    mean = _mean(xp, d, over) if center else None
    d = d - mean if center else d
    var = _mean(xp, d * d, over)
    inv = 1 / xp.sqrt(var + xp.number(eps))
    xhat = d * inv
    y = xp.reshape(xhat, shape=x.shape)
    if weight is None:
        return y if bias is None else y + xp.reshape(bias, shape=affine), (xhat, inv, mean, var)
    y = y * xp.reshape(weight, shape=affine)
    if bias is not None:
        y += xp.reshape(bias, shape=affine)
    return y, (xhat, inv, mean, var)


def _rules(plan, center, n):
    """Derivative rules of a norm with `n` arguments out of x, weight, bias."""

    def x_vjp(xp, g, y, saved, x, weight=None, bias=None, **attrs):
        view, over, affine = _laid(plan, x, weight, bias, attrs)
        xhat, inv, _, _ = saved
        h = xp.reshape(g if weight is None else g * xp.reshape(weight, shape=affine), shape=view)
        rest = h - xhat * _mean(xp, h * xhat, over)
        if center:
            rest -= _mean(xp, h, over)
        rest *= inv
        return xp.reshape(rest, shape=x.shape)

    def x_jvp(xp, t, y, saved, x, weight=None, bias=None, **attrs):
        view, over, affine = _laid(plan, x, weight, bias, attrs)
        xhat, inv, _, _ = saved
        d = xp.reshape(t, shape=view)
        d = (d - _mean(xp, d, over) if center else d) * inv
        turn = xp.reshape(d - xhat * _mean(xp, d * xhat, over), shape=x.shape)
        return turn if weight is None else turn * xp.reshape(weight, shape=affine)

    def weight_vjp(xp, g, y, saved, x, weight, bias=None, **attrs):
        affine = _laid(plan, x, weight, bias, attrs)[2]
        xhat = xp.reshape(saved[0], shape=x.shape)
        return xp.reshape(sum_to(xp, g * xhat, affine), shape=weight.shape)

    def weight_jvp(xp, t, y, saved, x, weight, bias=None, **attrs):
        affine = _laid(plan, x, weight, bias, attrs)[2]
        return xp.reshape(saved[0], shape=x.shape) * xp.reshape(t, shape=affine)

    def bias_vjp(xp, g, y, saved, x, weight, bias, **attrs):
        affine = _laid(plan, x, weight, bias, attrs)[2]
        return xp.reshape(sum_to(xp, g, affine), shape=bias.shape)

    def bias_jvp(xp, t, y, saved, x, weight, bias, **attrs):
        affine = _laid(plan, x, weight, bias, attrs)[2]
        return xp.broadcast_to(xp.reshape(t, shape=affine), shape=x.shape)

    vjps, jvps = (x_vjp, weight_vjp, bias_vjp), (x_jvp, weight_jvp, bias_jvp)
    return {"vjps": vjps[:n], "jvps": jvps[:n], "residuals": True, "method": False}


STANDARD = r"\frac{#1 - \overline{#1}}{\sqrt{\mathrm{var}(#1) + #{eps}}} #?2{ \odot #2}#?3{ + #3}"
PULLED = r"\frac{1}{s}(h - \overline{h} - z \odot \overline{h \odot z}), h = #g#?2{ \odot #2}"
DSTANDARD = (PULLED, r"\sum #g \odot z", r"\sum #g")


def _weights(name, plan):
    """Shape rule; as a check it also refuses weights that would merely broadcast."""

    def shape(x, weight=None, bias=None, **attrs):
        for p in {p: None for p in (weight, bias) if p is not None} or (None,):
            affine = plan(x, p, **attrs)[2]
            if p is not None and math.prod(affine) != math.prod(p):
                raise ShapeError(f"{name}: weight or bias of shape {p} for an input of shape {x}")
        return x

    return shape


def _check(name, plan, many=False):
    rule = _weights(name, plan)

    def check(x, weight=None, bias=None, *, eps, **attrs):
        if not eps >= 0:
            raise HyperparameterError(f"{name}: eps must be >= 0, got {eps}")
        if plan is not _plan_layer and x.ndim < 2:
            raise ShapeError(f"{name}: an input of shape {x.shape} has no channels", None, "shape (n, channels, ...)")
        rule(x.shape, *(None if p is None else p.shape for p in (weight, bias)), **attrs)
        if not many:
            return
        view, over, _ = _laid(plan, x, weight, bias, attrs)
        if math.prod(view[i] for i in over) < 2:
            raise DomainError(
                f"{name}: {name.replace('_', '')} needs more than 1 element per channel, input of shape {x.shape}",
                "the variance of one number is 0, so the output would be constant", "a larger batch",
            )

    return check


def _move_normalized_shape(args, kwargs):
    """PyTorch's ``layer_norm(x, normalized_shape, weight, bias)`` as well as ``layer_norm(x, weight, bias)``."""
    if len(args) > 1 and (isinstance(args[1], int) or (isinstance(args[1], tuple) and isinstance(args[1][0], int))):
        args, kwargs = (args[0], *args[2:]), {**kwargs, "normalized_shape": args[1]}
    tail = kwargs.get("normalized_shape")
    if tail is not None:
        kwargs["normalized_shape"] = (tail,) if isinstance(tail, int) else tuple(tail)
    return args, kwargs


@general(
    **_rules(_plan_layer, True, 3), shape=_weights("layer_norm", _plan_layer), check=_check("layer_norm", _plan_layer),
    prepare=_move_normalized_shape, latex=STANDARD, dlatex=DSTANDARD,
    samples=(
        S((2, 4), (4,), (4,)), S((2, 1, 3), (3,)), S((3,)), S((2, 3, 4), (3, 4), (3, 4), eps=1e-3),
        S((2, 3, 4), normalized_shape=(3, 4)),
    ),
    torch=lambda torch, x, w=None, b=None, *, normalized_shape=None, eps=1e-5: torch.nn.functional.layer_norm(
        x, normalized_shape or (x.shape[-1:] if w is None else w.shape), w, b, eps
    ),
    references=("Ba, Kiros and Hinton 2016, arXiv 1607.06450",), lesson="14",
)
def layer_norm(xp, x, weight=None, bias=None, *, normalized_shape=None, eps=1e-5):
    """Mean 0 and variance 1 over the last axes, then times weight plus bias.

    Parameters
    ----------
    x : array, shape (..., d)
    weight, bias : array, shape (d,), optional
        With more axes they say how many of the last axes are normalised together.
    normalized_shape : tuple of int, optional
        The same without weight and bias.
    eps : float
        Added to the variance. TorchLean's default is 1e-6.
    """
    return _forward(xp, _plan_layer, x, weight, bias, True, eps, normalized_shape=normalized_shape)


@general(
    **_rules(_plan_layer, False, 2), shape=_weights("rms_norm", _plan_layer), check=_check("rms_norm", _plan_layer),
    prepare=_move_normalized_shape, latex=r"\frac{#1}{\sqrt{\overline{#1^{2}} + #{eps}}}#?2{ \odot #2}",
    dlatex=(r"\frac{1}{s}(h - z \odot \overline{h \odot z}), h = #g#?2{ \odot #2}", r"\sum #g \odot z"),
    samples=(S((2, 4), (4,)), S((2, 1, 3)), S((3,), (3,), eps=1e-3), S((2, 3, 4), (3, 4))),
    torch=lambda torch, x, w=None, *, normalized_shape=None, eps=1e-6: torch.nn.functional.rms_norm(
        x, normalized_shape or (x.shape[-1:] if w is None else w.shape), w, eps
    ),
    references=("Zhang and Sennrich 2019, arXiv 1910.07467",), lesson="14",
)
def rms_norm(xp, x, weight=None, *, normalized_shape=None, eps=1e-6):
    """Root mean square 1 over the last axes, then times weight; the mean stays."""
    return _forward(xp, _plan_layer, x, weight, None, False, eps, normalized_shape=normalized_shape)


CHANNELS = (S((4, 3), (3,), (3,)), S((2, 3, 2, 2), (3,), (3,)), S((3, 1, 2), (1,)), S((3, 2)))


@general(
    **_rules(_plan_batch, True, 3), shape=_weights("batch_norm", _plan_batch),
    check=_check("batch_norm", _plan_batch, many=True), latex=STANDARD, dlatex=DSTANDARD, samples=CHANNELS,
    torch=lambda torch, x, w=None, b=None, *, eps=1e-5: torch.nn.functional.batch_norm(
        x, None, None, w, b, training=True, eps=eps
    ),
    references=("Ioffe and Szegedy 2015, arXiv 1502.03167",), lesson="14",
)
def batch_norm(xp, x, weight=None, bias=None, *, eps=1e-5):
    """Mean 0 and variance 1 per channel (axis 1) over the batch, as in training.

    The residuals hold mean and variance of the batch, for running statistics.

    Parameters
    ----------
    x : array, shape (n, c, ...)
    weight, bias : array, shape (c,), optional

    Raises
    ------
    DomainError
        When there is only one number per channel.
    """
    return _forward(xp, _plan_batch, x, weight, bias, True, eps)


@general(
    **_rules(_plan_instance, True, 3), shape=_weights("instance_norm", _plan_instance),
    check=_check("instance_norm", _plan_instance, many=True), latex=STANDARD, dlatex=DSTANDARD,
    samples=(S((2, 3, 4), (3,), (3,)), S((2, 1, 2, 2))),
    torch=lambda torch, x, w=None, b=None, *, eps=1e-5: torch.nn.functional.instance_norm(
        x, weight=w, bias=b, eps=eps
    ),
    references=("Ulyanov, Vedaldi and Lempitsky 2016, arXiv 1607.08022",), lesson="14",
)
def instance_norm(xp, x, weight=None, bias=None, *, eps=1e-5):
    """Mean 0 and variance 1 per sample and channel, shape (n, c, ...)."""
    return _forward(xp, _plan_instance, x, weight, bias, True, eps)


def _check_groups(x, weight=None, bias=None, *, num_groups, eps):
    if x.ndim < 2 or x.shape[1] % positive_int(num_groups, "group_norm: num_groups"):
        raise ShapeError(f"group_norm: channels of shape {x.shape} do not split into {num_groups} groups")
    _check("group_norm", _plan_group)(x, weight, bias, num_groups=num_groups, eps=eps)


def _groups_second(args, kwargs):
    """PyTorch's ``group_norm(x, num_groups, weight, bias)``."""
    if len(args) > 1 and isinstance(args[1], int):
        args, kwargs = (args[0], *args[2:]), {**kwargs, "num_groups": args[1]}
    return args, kwargs


@general(
    **_rules(_plan_group, True, 3), shape=_weights("group_norm", _plan_group), check=_check_groups,
    prepare=_groups_second, latex=STANDARD, dlatex=DSTANDARD,
    samples=(S((2, 4, 3), (4,), (4,), num_groups=2), S((2, 4), num_groups=1), S((1, 2, 2, 2), (2,), num_groups=2)),
    torch=lambda torch, x, w=None, b=None, *, num_groups, eps=1e-5: torch.nn.functional.group_norm(
        x, num_groups, w, b, eps
    ),
    references=("Wu and He 2018, arXiv 1803.08494",), lesson="14",
)
def group_norm(xp, x, weight=None, bias=None, *, num_groups, eps=1e-5):
    """Mean 0 and variance 1 per sample and group of channels, shape (n, c, ...)."""
    return _forward(xp, _plan_group, x, weight, bias, True, eps, num_groups=num_groups)
