"""Activation functions, with derivatives that stay accurate in the tails."""

from math import pi
from math import sqrt as _sqrt

from torchlean_nb.domains import S
from torchlean_nb.errors import HyperparameterError
from torchlean_nb.ops.elementary import gauss
from torchlean_nb.rows import elementwise

ONE = (S((3,)), S((2, 3)), S(()))
ROOT_HALF = _sqrt(0.5)
ROOT_2_OVER_PI = _sqrt(2 / pi)
ROOT_1_OVER_2PI = 1 / _sqrt(2 * pi)


def _bell(xp, x):
    """The slope of the sigmoid."""
    return xp.sech2(x / 2) / 4


@elementwise(
    # A row for the sake of second derivatives: pushed through its formula they would take a dozen steps.
    partials=(lambda xp, t, y, x: t * (-2 * y * xp.tanh(x)),),
    latex=r"\mathrm{sech}^{2} #1", dlatex=(r"-2\,\mathrm{sech}^{2} #1\,\tanh #1",), samples=ONE,
    torch=lambda torch, x: 1 / torch.cosh(x) ** 2,
)
def sech2(xp, x):
    """Squared hyperbolic secant, the slope of tanh: 1 - tanh(x)**2, accurate in both tails.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> float(tl.sech2(0.0)), float(tl.sech2(100.0)) > 0
    (1.0, True)
    """
    e = xp.abs(x)
    e *= -2
    e = xp.exp(e)
    d = e + 1
    d *= d
    e /= d
    e *= 4
    return e


@elementwise(
    partials=(lambda xp, t, y, x: t * xp.sech2(x),),
    latex=r"\tanh #1", dlatex=(r"1 - \tanh^{2} #1",), primitive=True, samples=ONE,
    numpy="tanh", torch=lambda torch, x: torch.tanh(x), lesson="01",
)
def tanh(xp, x):
    """Hyperbolic tangent."""
    return xp.tanh(x)


def _sigmoid(xp, x):
    # The exponential is of a number that is not positive, so nothing overflows; above 0 one is divided, below it.
    e = xp.abs(x)
    e *= -1
    e = xp.exp(e)
    y = xp.maximum(e, xp.sign(x))
    e += 1
    y /= e
    return y


@elementwise(
    partials=(lambda xp, t, y, x: t * _bell(xp, x),),
    latex=r"\sigma(#1)", dlatex=(r"\sigma(#1)(1 - \sigma(#1))",), samples=ONE,
    torch=lambda torch, x: torch.sigmoid(x), lesson="06",
)
def sigmoid(xp, x):
    """Logistic function 1 / (1 + exp(-x))."""
    return _sigmoid(xp, x)


@elementwise(
    partials=(lambda xp, t, y, x: t * xp.sigmoid(x),),
    latex=r"\ln(1 + e^{#1})", dlatex=(r"\sigma(#1)",), samples=ONE,
    torch=lambda torch, x: torch.logaddexp(x, torch.zeros_like(x)), lesson="07",
)
def softplus(xp, x):
    """Smooth ReLU, log(1 + exp(x)), without overflow."""
    return xp.logaddexp(x, 0)


@elementwise(
    partials=(lambda xp, t, y, x: t * xp.greater(y, 0),),
    latex=r"\max(0, #1)", dlatex=("[#1 > 0]",), exact=True, samples=ONE,
    torch=lambda torch, x: torch.relu(x), lesson="03",
)
def relu(xp, x):
    """Rectified linear unit; the slope at 0 is 0."""
    return xp.maximum(x, 0)


@elementwise(
    # At 0 the left slope, as in PyTorch.
    partials=(lambda xp, t, y, x, *, negative_slope: xp.where(xp.greater(x, 0), t, t * xp.number(negative_slope)),),
    latex=r"\max(0, #1) + #{negative_slope}\,\min(0, #1)", dlatex=(r"[#1 > 0] + #{negative_slope}\,[#1 \leq 0]",),
    samples=(S((4,)), S((2, 3), negative_slope=0.25)),
    torch=lambda torch, x, *, negative_slope=0.01: torch.nn.functional.leaky_relu(x, negative_slope),
)
def leaky_relu(xp, x, *, negative_slope=0.01):
    """ReLU with a small slope below 0."""
    return xp.where(xp.greater(x, 0), x, x * xp.number(negative_slope))


@elementwise(
    partials=(
        lambda xp, t, y, x, *, alpha: t * xp.where(
            xp.greater(x, 0), 1, xp.number(alpha) * xp.exp(xp.minimum(x, 0))
        ),
    ),
    latex=r"\max(0, #1) + #{alpha}(e^{\min(0, #1)} - 1)", dlatex=(r"[#1 > 0] + #{alpha}\,e^{#1}\,[#1 \leq 0]",),
    samples=(S((4,)), S((2, 3), alpha=0.5)),
    torch=lambda torch, x, *, alpha=1.0: torch.nn.functional.elu(x, alpha),
)
def elu(xp, x, *, alpha=1.0):
    """Exponential linear unit."""
    return xp.where(xp.greater(x, 0), x, xp.number(alpha) * xp.expm1(xp.minimum(x, 0)))


def _silu_partial(xp, t, y, x):
    return t * (xp.sigmoid(x) + x * _bell(xp, x))


@elementwise(
    partials=(_silu_partial,),
    latex=r"#1\,\sigma(#1)", dlatex=(r"\sigma(#1) + #1\,\sigma(#1)(1 - \sigma(#1))",), samples=ONE,
    torch=lambda torch, x: torch.nn.functional.silu(x),
)
def silu(xp, x):
    """Swish: x times its sigmoid."""
    return x * xp.sigmoid(x)


def _check_gelu(x, *, approximate):
    if approximate not in ("none", "tanh"):
        raise HyperparameterError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")


def _phi(xp, x):
    # With erfc rather than 1 + erf, which rounds to 0 where the normal distribution has become small.
    return xp.erfc(-(x * xp.number(ROOT_HALF))) / 2


def _gelu_inner(xp, x):
    u = x * x
    u += xp.number(1 / 0.044715)
    u *= x
    u *= xp.number(0.044715 * ROOT_2_OVER_PI)
    return u


def _gelu_partial(xp, t, y, saved, x, *, approximate):
    share, u = saved
    if approximate == "tanh":
        slope = x * x
        slope *= xp.number(1.5 * 0.044715 * ROOT_2_OVER_PI)
        slope += xp.number(ROOT_2_OVER_PI / 2)
        slope *= xp.sech2(u)
        slope *= x
        slope += share
        slope *= t
        return slope
    return t * (share + x * (xp.number(ROOT_1_OVER_2PI) * gauss(xp, x, 2)))


@elementwise(
    partials=(_gelu_partial,), residuals=True, check=_check_gelu,
    latex=r"#1\,\Phi(#1)", dlatex=(r"\Phi(#1) + #1\,\phi(#1)",),
    samples=(S((4,)), S((2, 3), approximate="tanh"), S(())),
    torch=lambda torch, x, *, approximate="none": torch.nn.functional.gelu(x, approximate=approximate),
    references=("Hendrycks and Gimpel 2016, arXiv 1606.08415",),
)
def gelu(xp, x, *, approximate="none"):
    """Gaussian error linear unit, exact or by tanh; TorchLean's is the tanh form."""
    if approximate == "tanh":
        u = _gelu_inner(xp, x)
        share = xp.sigmoid(2 * u)
        return x * share, (share, u)
    share = _phi(xp, x)
    return x * share, (share, None)
