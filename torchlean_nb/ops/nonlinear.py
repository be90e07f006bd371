"""More activation functions: clipped ones, smooth ones, and some that are made of rows."""

from torchlean_nb.domains import Arg, S, Sample
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.ops.activation import ONE, elu, sigmoid
from torchlean_nb.ops.getitem import getitem
from torchlean_nb.ops.logic import where
from torchlean_nb.ops.shape import broadcast_to, reshape
from torchlean_nb.rows import elementwise, function

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@elementwise(
    partials=(lambda xp, t, y, x: t * xp.greater(x, 0) * xp.greater(6, x),),
    latex=r"\min(6, \max(0, #1))", dlatex=("[0 < #1 < 6]",), exact=True,
    samples=(S((4,)), Sample((Arg((4,)),), {}, values=((-1.0, 0.5, 5.5, 7.0),))),
    torch=lambda torch, x: torch.nn.functional.relu6(x), references=("Krizhevsky 2010, CIFAR-10 report",), lesson="13",
)
def relu6(xp, x):
    """ReLU that stops at 6; flat at both bounds."""
    return xp.minimum(xp.maximum(x, 0), 6)


def _check_bounds(x, *, min_val, max_val):
    if not min_val < max_val:
        raise HyperparameterError(f"hardtanh: min_val={min_val} must be smaller than max_val={max_val}")


@elementwise(
    partials=(
        lambda xp, t, y, x, *, min_val, max_val: t
        * xp.greater(x, xp.number(min_val)) * xp.greater(xp.number(max_val), x),
    ),
    check=_check_bounds, latex=r"\min(#{max_val}, \max(#{min_val}, #1))", dlatex=(r"[#{min_val} < #1 < #{max_val}]",),
    exact=True, samples=(S((4,)), S((2, 3), min_val=-0.5, max_val=1.5)),
    torch=lambda torch, x, *, min_val=-1.0, max_val=1.0: torch.nn.functional.hardtanh(x, min_val, max_val),
)
def hardtanh(xp, x, *, min_val=-1.0, max_val=1.0):
    """The identity between two bounds, and flat at them and beyond."""
    return xp.minimum(xp.maximum(x, xp.number(min_val)), xp.number(max_val))


@elementwise(
    partials=(lambda xp, t, y, x: t / ((1 + xp.abs(x)) * (1 + xp.abs(x))),),
    latex=r"\frac{#1}{1 + |#1|}", dlatex=(r"\frac{1}{(1 + |#1|)^{2}}",), samples=ONE,
    torch=lambda torch, x: torch.nn.functional.softsign(x),
)
def softsign(xp, x):
    """x / (1 + abs(x)): like tanh, with heavier tails."""
    return x / (1 + xp.abs(x))


@elementwise(
    partials=(lambda xp, t, y, x: t * xp.sigmoid(-x),),
    latex=r"\ln \sigma(#1)", dlatex=(r"\sigma(-#1)",), samples=ONE,
    torch=lambda torch, x: torch.nn.functional.logsigmoid(x), lesson="06",
)
def log_sigmoid(xp, x):
    """Logarithm of the logistic function, without rounding to log(0)."""
    return -xp.logaddexp(-x, 0)


def _mish_parts(xp, x):
    """tanh(softplus(x)) and one minus it, as fractions of exp(-abs(x)), which does not overflow."""
    e = xp.exp(-xp.abs(x))
    up = xp.greater_equal(x, 0)
    top, rest = xp.where(up, 1 + 2 * e, e * (e + 2)), xp.where(up, 2 * e * e, 2)
    return top / (top + rest), rest / (top + rest)


def _mish_partial(xp, t, y, x):
    tanh, rest = _mish_parts(xp, x)
    return t * (tanh + x * (xp.sigmoid(x) * (rest * (1 + tanh))))


@elementwise(
    partials=(_mish_partial,), latex=r"#1 \tanh(\ln(1 + e^{#1}))", samples=ONE,
    dlatex=(r"\tanh(\ln(1 + e^{#1})) + #1\,\sigma(#1)(1 - \tanh^{2}(\ln(1 + e^{#1})))",),
    torch=lambda torch, x: torch.nn.functional.mish(x), references=("Misra 2019, arXiv 1908.08681",),
)
def mish(xp, x):
    """x * tanh(softplus(x))."""
    return x * _mish_parts(xp, x)[0]


# -- made of rows -------------------------------------------------------------------------------------


@function
def selu(x):
    """ELU with the slope and scale that keep mean 0 and variance 1 (Klambauer et al. 2017, arXiv 1706.02515).

    Parameters
    ----------
    x : Tensor or array, any shape
    """
    return elu(x, alpha=SELU_ALPHA) * SELU_SCALE


@function
def celu(x, alpha=1.0):
    """ELU with a slope that is continuous at 0 for every alpha (Barron 2017, arXiv 1704.07483).

    Parameters
    ----------
    x : Tensor or array, any shape
    alpha : float, not 0
    """
    return elu(x * (1 / alpha)) * alpha


@function
def hardsigmoid(x):
    """relu6(x + 3) / 6.

    Parameters
    ----------
    x : Tensor or array, any shape
    """
    return relu6(x + 3.0) * (1 / 6)


@function
def hardswish(x):
    """x * relu6(x + 3) / 6 (Howard et al. 2019, arXiv 1905.02244).

    Parameters
    ----------
    x : Tensor or array, any shape
    """
    return x * hardsigmoid(x)


@function
def prelu(x, weight):
    """ReLU whose slope below 0 is learned, one or one per channel (He et al. 2015, arXiv 1502.01852).

    Parameters
    ----------
    x : Tensor or array, shape (n, c, ...)
    weight : Tensor or array, shape (c,) or (1,)

    Raises
    ------
    ShapeError
    """
    shape, n = tuple(x.shape), weight.shape[0] if len(weight.shape) == 1 else 0
    if n != 1 and (len(shape) < 2 or n != shape[1]):
        raise ShapeError(f"prelu: a weight of shape {tuple(weight.shape)} for an input of shape {shape}",
                         "one slope, or one per channel on axis 1")  # fmt: skip
    slope = broadcast_to(reshape(weight, (n, *[1] * max(len(shape) - 2, 0))), shape=shape)
    return where(x > 0, x, slope * x)


@function
def glu(x, axis=-1):
    """The first half of an axis times the sigmoid of the second (Dauphin et al. 2017, arXiv 1612.08083).

    Parameters
    ----------
    x : Tensor or array
    axis : int
        Of even length.

    Raises
    ------
    ShapeError
    """
    shape = tuple(x.shape)
    i = range(len(shape))[axis]
    if shape[i] % 2:
        raise ShapeError(f"glu: axis {axis} of shape {shape} has no two halves", f"{shape[i]} is odd")
    lead, half = (slice(None),) * i, shape[i] // 2
    return getitem(x, (*lead, slice(0, half))) * sigmoid(getitem(x, (*lead, slice(half, None))))
