"""Elementary functions of one array, with derivatives that stay accurate in the tails."""

from math import pi
from math import sqrt as _sqrt

from torchlean_nb.domains import ABOVE_MINUS_ONE, NONNEGATIVE, NONZERO, POSITIVE, S
from torchlean_nb.errors import HyperparameterError
from torchlean_nb.rows import elementwise

ONE = (S((3,)), S((2, 3)), S(()))
TWO_OVER_ROOT_PI = 2 / _sqrt(pi)


@elementwise(
    partials=(lambda xp, t, y, x: t * xp.sign(x),),
    latex="|#1|", dlatex=(r"\mathrm{sign}(#1)",), exact=True, primitive=True, samples=ONE,
    numpy="absolute", torch=lambda torch, x: torch.abs(x), lesson="03",
)
def abs_(xp, x):
    """Absolute value; the slope at 0 is 0."""
    return xp.abs(x)


@elementwise(
    partials=(lambda xp, t, y, x: 0 * t,),
    latex=r"\mathrm{sign}(#1)", dlatex=("0",), exact=True, primitive=True, samples=ONE,
    numpy="sign", torch=lambda torch, x: torch.sign(x),
)
def sign(xp, x):
    """Sign: -1, 0 or 1; flat everywhere."""
    return xp.sign(x)


@elementwise(
    # sqrt has no derivative to pass at 0 other than inf; a zero cotangent stays zero (singular).
    partials=(lambda xp, t, y, x: t / (2 * y),),
    latex=r"\sqrt{#1}", dlatex=(r"\frac{1}{2\sqrt{#1}}",), domain=(NONNEGATIVE,), primitive=True, samples=ONE,
    singular=True, numpy="sqrt", torch=lambda torch, x: torch.sqrt(x),
)
def sqrt(xp, x):
    """Square root."""
    return xp.sqrt(x)


@elementwise(
    partials=(lambda xp, t, y, x: t * (2 * x),),
    latex="#1^{2}", dlatex=(r"2\,#1",), exact=True, samples=ONE,
    numpy="square", torch=lambda torch, x: torch.square(x), lesson="01",
)
def square(xp, x):
    """Square."""
    return x * x


@elementwise(
    partials=(lambda xp, t, y, x: t * y,),
    latex="e^{#1}", dlatex=("e^{#1}",), primitive=True, samples=ONE,
    numpy="exp", torch=lambda torch, x: torch.exp(x), lesson="01",
)
def exp(xp, x):
    """Exponential; its slope is its own value, the output slot of the tape."""
    return xp.exp(x)


@elementwise(
    # exp(x) again rather than y + 1, which loses all digits for very negative x.
    partials=(lambda xp, t, y, x: t * xp.exp(x),),
    latex="e^{#1} - 1", dlatex=("e^{#1}",), primitive=True, samples=ONE,
    numpy="expm1", torch=lambda torch, x: torch.expm1(x),
)
def expm1(xp, x):
    """Exponential minus one, accurate near 0."""
    return xp.expm1(x)


@elementwise(
    partials=(lambda xp, t, y, x: t / x,),
    latex=r"\ln #1", dlatex=(r"\frac{1}{#1}",), domain=(POSITIVE,), primitive=True, samples=ONE, singular=True,
    numpy="log", torch=lambda torch, x: torch.log(x), lesson="01",
)
def log(xp, x):
    """Natural logarithm."""
    return xp.log(x)


@elementwise(
    partials=(lambda xp, t, y, x: t / (1 + x),),
    latex=r"\ln(1 + #1)", dlatex=(r"\frac{1}{1 + #1}",), domain=(ABOVE_MINUS_ONE,), primitive=True, samples=ONE,
    singular=True, numpy="log1p", torch=lambda torch, x: torch.log1p(x),
)
def log1p(xp, x):
    """Logarithm of one plus x, accurate near 0."""
    return xp.log1p(x)


@elementwise(
    partials=(lambda xp, t, y, x, *, eps: t * (xp.sigmoid(x) / (xp.softplus(x) + xp.number(eps))),),
    latex=r"\ln(\mathrm{softplus}(#1) + #{eps})",
    dlatex=(r"\frac{\sigma(#1)}{\mathrm{softplus}(#1) + #{eps}}",), samples=(S((3,)), S((2, 2), eps=1e-3)),
    torch=lambda torch, x, *, eps=1e-6: torch.log(torch.nn.functional.softplus(x) + eps),
    references=("TorchLean safe_log",),
)
def safe_log(xp, x, *, eps=1e-6):
    """TorchLean's logarithm for any real: ``log(softplus(x) + eps)``, which is not ``log(x + eps)``."""
    return xp.log(xp.softplus(x) + xp.number(eps))


@elementwise(
    partials=(lambda xp, t, y, x: t * xp.cos(x),),
    latex=r"\sin #1", dlatex=(r"\cos #1",), primitive=True, samples=ONE,
    numpy="sin", torch=lambda torch, x: torch.sin(x), lesson="01",
)
def sin(xp, x):
    """Sine of an angle in radians."""
    return xp.sin(x)


@elementwise(
    partials=(lambda xp, t, y, x: -t * xp.sin(x),),
    latex=r"\cos #1", dlatex=(r"-\sin #1",), primitive=True, samples=ONE,
    numpy="cos", torch=lambda torch, x: torch.cos(x),
)
def cos(xp, x):
    """Cosine of an angle in radians."""
    return xp.cos(x)


@elementwise(
    partials=(lambda xp, t, y, x: t * (1 + y * y),),
    latex=r"\tan #1", dlatex=(r"1 + \tan^{2} #1",), primitive=True, samples=(S((3,)),),
    domain=(NONZERO,), numpy="tan", torch=lambda torch, x: torch.tan(x),
)
def tan(xp, x):
    """Tangent of an angle in radians."""
    return xp.tan(x)


@elementwise(
    partials=(lambda xp, t, y, x: t / (1 + x * x),),
    latex=r"\arctan #1", dlatex=(r"\frac{1}{1 + #1^{2}}",), primitive=True, samples=ONE,
    numpy="arctan", torch=lambda torch, x: torch.arctan(x),
)
def arctan(xp, x):
    """Inverse tangent, in radians."""
    return xp.arctan(x)


@elementwise(
    partials=(lambda xp, t, y, x: t * xp.cosh(x),),
    latex=r"\sinh #1", dlatex=(r"\cosh #1",), primitive=True, samples=ONE,
    numpy="sinh", torch=lambda torch, x: torch.sinh(x),
)
def sinh(xp, x):
    """Hyperbolic sine."""
    return xp.sinh(x)


@elementwise(
    partials=(lambda xp, t, y, x: t * xp.sinh(x),),
    latex=r"\cosh #1", dlatex=(r"\sinh #1",), primitive=True, samples=ONE,
    numpy="cosh", torch=lambda torch, x: torch.cosh(x),
)
def cosh(xp, x):
    """Hyperbolic cosine."""
    return xp.cosh(x)


SPLIT = {2: 2**6 + 1, 4: 2**12 + 1, 8: 2**27 + 1}


def gauss(xp, x, n):
    """``exp(-x**2 / n)``; exp would magnify the rounding of x**2, so the square is taken in two parts."""
    x = xp.maximum(xp.minimum(x, 50), -50)
    c = x * SPLIT[x.dtype.itemsize]
    h = c - (c - x)  # x to half its digits: its square is exact
    return xp.exp(-(h * h) / n) * xp.exp(-(x - h) * (x + h) / n)


def _erf_slope(xp, x):
    return xp.number(TWO_OVER_ROOT_PI) * gauss(xp, x, 1)


@elementwise(
    partials=(lambda xp, t, y, x: t * _erf_slope(xp, x),),
    latex=r"\mathrm{erf}(#1)", dlatex=(r"\frac{2}{\sqrt{\pi}}\,e^{-#1^{2}}",), primitive=True, samples=ONE,
    torch=lambda torch, x: torch.erf(x),
)
def erf(xp, x):
    """Error function."""
    return xp.erf(x)


@elementwise(
    partials=(lambda xp, t, y, x: -t * _erf_slope(xp, x),),
    latex=r"\mathrm{erfc}(#1)", dlatex=(r"-\frac{2}{\sqrt{\pi}}\,e^{-#1^{2}}",), primitive=True, samples=ONE,
    torch=lambda torch, x: torch.erfc(x),
)
def erfc(xp, x):
    """One minus the error function, accurate where that is tiny."""
    return xp.erfc(x)


@elementwise(
    partials=(lambda xp, t, y, x: -t * (y * y),),
    latex=r"\frac{1}{#1}", dlatex=(r"-\frac{1}{#1^{2}}",), domain=(NONZERO,), samples=ONE, singular=True,
    numpy="reciprocal", torch=lambda torch, x: torch.reciprocal(x),
)
def inv(xp, x):
    """Reciprocal."""
    return 1 / x


def _check_clamp(x, *, min, max):
    if min is not None and max is not None and min > max:
        raise HyperparameterError(f"clamp: lo must not exceed hi, got min={min} and max={max}")


def _clamp_partial(xp, t, y, x, *, min, max):
    # At a bound the gradient passes, as in PyTorch; outside it is zero.
    if min is not None:
        t = t * xp.greater_equal(x, xp.number(min))
    if max is not None:
        t = t * xp.greater_equal(xp.number(max), x)
    return t


@elementwise(
    partials=(_clamp_partial,), check=_check_clamp,
    latex=r"\min(#{max}, \max(#{min}, #1))", dlatex=(r"[#{min} \leq #1 \leq #{max}]",), exact=True,
    samples=(S((4,), min=-1, max=1), S((2, 3), min=0), S((3,), max=1), S((3,), min=-0.5, max=1.25)),
    torch=lambda torch, x, *, min=None, max=None: torch.clamp(x, min, max), lesson="03",
)
def clamp(xp, x, *, min=None, max=None):
    """Values limited to an interval; the gradient passes at the bounds and stops outside."""
    if min is not None:
        x = xp.maximum(x, xp.number(min))
    if max is not None:
        x = xp.minimum(x, xp.number(max))
    return x
