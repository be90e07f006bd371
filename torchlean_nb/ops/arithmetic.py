"""Arithmetic between arrays: elementwise, broadcasting, one row each."""

from torchlean_nb.domains import NONZERO, POSITIVE, S
from torchlean_nb.rows import elementwise

PAIRS = (S((3,), (3,)), S((2, 3), (3,)), S((2, 1), (1, 3)), S((), (2,)))


@elementwise(
    partials=(lambda xp, t, y, a, b: t, lambda xp, t, y, a, b: t),
    latex="#1 + #2", dlatex=("1", "1"), exact=True, primitive=True, samples=PAIRS,
    numpy="add", torch=lambda torch, a, b: a + b, lesson="01",
)
def add(xp, a, b):
    """Sum of two arrays."""
    return xp.add(a, b)


@elementwise(
    partials=(lambda xp, t, y, a, b: t, lambda xp, t, y, a, b: -t),
    latex="#1 - #2", dlatex=("1", "-1"), exact=True, primitive=True, samples=PAIRS,
    numpy="subtract", torch=lambda torch, a, b: a - b, lesson="01",
)
def sub(xp, a, b):
    """Difference of two arrays."""
    return xp.sub(a, b)


@elementwise(
    partials=(lambda xp, t, y, a, b: t * b, lambda xp, t, y, a, b: t * a),
    latex=r"#1 \cdot #2", dlatex=("#2", "#1"), exact=True, primitive=True, samples=PAIRS,
    numpy="multiply", torch=lambda torch, a, b: a * b, lesson="01",
)
def mul(xp, a, b):
    """Product of two arrays, element by element."""
    return xp.mul(a, b)


@elementwise(
    partials=(lambda xp, t, y, a, b: t / b, lambda xp, t, y, a, b: -t * (y / b)),
    latex=r"\frac{#1}{#2}", dlatex=(r"\frac{1}{#2}", r"-\frac{#1}{#2^{2}}"), domain=(POSITIVE, NONZERO),
    primitive=True, samples=PAIRS, singular=True,
    numpy="true_divide", torch=lambda torch, a, b: a / b, lesson="01",
)
def div(xp, a, b):
    """Quotient of two arrays."""
    return xp.div(a, b)


@elementwise(
    partials=(lambda xp, t, y, x: -t,),
    latex="-#1", dlatex=("-1",), exact=True, primitive=True, samples=(S((3,)), S(())),
    numpy="negative", torch=lambda torch, x: -x, lesson="01",
)
def neg(xp, x):
    """Negation."""
    return xp.neg(x)


def _pow_base(xp, t, y, x, p):
    # At p = 0 the power is constant; without the mask 0 * 0**-1 would be NaN.
    slope = p * xp.pow(x, p - 1 + xp.equal(p, 0))
    return t * slope


def _pow_exponent(xp, t, y, x, p):
    # 0**p is flat in p for p >= 0, so log(0) must not be reached.
    at_zero = xp.equal(x, 0)
    return t * (y * xp.log(x + at_zero))


@elementwise(
    partials=(_pow_base, _pow_exponent),
    latex="#1^{#2}", dlatex=(r"#2\,#1^{#2-1}", r"#1^{#2}\,\ln #1"), domain=(POSITIVE, POSITIVE), primitive=True,
    samples=(S((3,), (3,)), S((2, 3), ()), S((2, 1), (3,))), singular=True,
    numpy="power", torch=lambda torch, x, p: torch.pow(x, p), lesson="01",
)
def pow_(xp, x, p):
    """Power; the gradient of the exponent needs a positive base."""
    return xp.pow(x, p)


def _share(first):
    """Subgradient of a maximum or minimum: ties share equally, so ``maximum(x, x)`` has slope 1."""

    def partial(xp, t, y, a, b):
        mine, other = (a, b) if first else (b, a)
        t = t * xp.equal(mine, y)
        return t - t * xp.equal(other, y) / 2

    return partial


@elementwise(
    partials=(_share(True), _share(False)),
    latex=r"\max(#1, #2)", dlatex=(r"[#1 \geq #2]", r"[#2 \geq #1]"), exact=True, primitive=True, samples=PAIRS,
    numpy="maximum", torch=lambda torch, a, b: torch.maximum(a, b), lesson="03",
)
def maximum(xp, a, b):
    """Larger of two arrays, element by element; ties share the gradient."""
    return xp.maximum(a, b)


@elementwise(
    partials=(_share(True), _share(False)),
    latex=r"\min(#1, #2)", dlatex=(r"[#1 \leq #2]", r"[#2 \leq #1]"), exact=True, primitive=True, samples=PAIRS,
    numpy="minimum", torch=lambda torch, a, b: torch.minimum(a, b), lesson="03",
)
def minimum(xp, a, b):
    """Smaller of two arrays, element by element; ties share the gradient."""
    return xp.minimum(a, b)


def _logaddexp_part(which):
    def partial(xp, t, y, a, b):
        return t * xp.sigmoid(a - b if which == 0 else b - a)

    return partial


@elementwise(
    partials=(_logaddexp_part(0), _logaddexp_part(1)),
    latex=r"\ln(e^{#1} + e^{#2})", dlatex=(r"\sigma(#1 - #2)", r"\sigma(#2 - #1)"), primitive=True,
    samples=PAIRS, numpy="logaddexp", torch=lambda torch, a, b: torch.logaddexp(a, b),
)
def logaddexp(xp, a, b):
    """Logarithm of the sum of two exponentials, without overflow."""
    return xp.logaddexp(a, b)


@elementwise(
    partials=(lambda xp, t, y, x, *, c: t * xp.number(c),),
    latex=r"#{c} \cdot #1", dlatex=("#{c}",), exact=True, samples=(S((3,), c=3), S((2, 2), c=-0.5)),
    torch=lambda torch, x, *, c: x * c,
)
def scale(xp, x, *, c):
    """Array times a constant number, which gets no gradient."""
    return x * xp.number(c)
