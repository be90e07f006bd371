"""Reductions: sum, mean, variance, product, extremes and their kin, over any axes."""

import math

from torchlean_nb.domains import S
from torchlean_nb.errors import DomainError, HyperparameterError
from torchlean_nb.ops._shapes import axes, count, expand_back, not_empty, reduced
from torchlean_nb.rows import constant, general, linear

REDUCTIONS = (
    S(()), S((3,)), S((2, 3)), S((2, 3), axis=0), S((2, 3), axis=-1, keepdims=True), S((2, 1, 4), axis=(0, 2)),
    S((1, 4), axis=1), S((2, 3), axis=1), S((3, 2), axis=1, keepdims=True),
)


def _shape(name):
    return lambda shape, *, axis=None, keepdims=False, **_: reduced(shape, axis, keepdims, name)


def _needs_elements(name):
    return lambda x, *, axis=None, **_: not_empty(x.shape, axis, name)


@linear(
    vjps=(lambda xp, g, y, x, *, axis, keepdims: expand_back(xp, g, x.shape, axis, keepdims),),
    shape=_shape("sum"), latex=r"\sum #1", dlatex=(r"#g \cdot \mathbf{1}",), primitive=True, samples=REDUCTIONS,
    numpy="sum", torch=lambda torch, x, *, axis=None, keepdims=False: torch.sum(x, dim=axis, keepdim=keepdims),
    lesson="04",
)
def sum_(xp, x, *, axis=None, keepdims=False):
    """Sum of elements over given axes, or over all.

    Parameters
    ----------
    x : array, any shape
    axis : int, tuple of int, or None
    keepdims : bool
        Keep the reduced axes with size 1.

    Raises
    ------
    AxisError
        When an axis is not there.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.sum([[1.0, 2.0], [3.0, 4.0]], axis=0).tolist()
    [4.0, 6.0]
    """
    return xp.sum(x, axis=axis, keepdims=keepdims)


@linear(
    vjps=(
        lambda xp, g, y, x, *, axis, keepdims: expand_back(
            xp, g / count(x.shape, axis, "mean"), x.shape, axis, keepdims
        ),
    ),
    shape=_shape("mean"), check=_needs_elements("mean"), latex=r"\frac{1}{n} \sum #1",
    dlatex=(r"\frac{1}{n}\,#g \cdot \mathbf{1}",), exact=False, samples=REDUCTIONS,
    numpy="mean", torch=lambda torch, x, *, axis=None, keepdims=False: torch.mean(x, dim=axis, keepdim=keepdims),
    lesson="06",
)
def mean(xp, x, *, axis=None, keepdims=False):
    """Arithmetic mean over given axes, or over all; of no elements it is an EmptyError."""
    return xp.sum(x, axis=axis, keepdims=keepdims) / count(x.shape, axis, "mean")


def _needs_freedom(name):
    def check(x, *, axis=None, ddof=0, **_):
        not_empty(x.shape, axis, name)
        n = count(x.shape, axis, name)
        if not n - ddof > 0:
            raise DomainError(
                f"{name}: ddof={ddof} leaves nothing to divide by, there {'is' if n == 1 else 'are'} {n} "
                f"element{'' if n == 1 else 's'}", f"the sum of squares is divided by {n} - {ddof}", "ddof=0",
            )

    return check


def _deviations(xp, x, axis):
    return x - xp.sum(x, axis=axis, keepdims=True) / count(x.shape, axis, "var")


def _variance(xp, d, axis, ddof, keepdims):
    return xp.sum(d * d, axis=axis, keepdims=keepdims) / (count(d.shape, axis, "var") - ddof)


def _var_vjp(xp, g, y, d, x, *, axis, ddof, keepdims):
    return expand_back(xp, 2 * g / (count(x.shape, axis, "var") - ddof), x.shape, axis, keepdims) * d


def _var_jvp(xp, t, y, d, x, *, axis, ddof, keepdims):
    both = d * _deviations(xp, t, axis)
    return 2 * xp.sum(both, axis=axis, keepdims=keepdims) / (count(x.shape, axis, "var") - ddof)


SPREADS = (
    S((3,)), S((2, 3), axis=0), S((2, 3), axis=-1, keepdims=True, ddof=1), S((2, 1, 4), axis=(0, 2)), S((2, 3), axis=1),
)


@general(
    vjps=(_var_vjp,), jvps=(_var_jvp,), residuals=True, shape=_shape("var"), check=_needs_freedom("var"),
    latex=r"\frac{1}{n} \sum (#1 - \overline{#1})^{2}", dlatex=(r"\frac{2}{n}\,#g \cdot (#1 - \overline{#1})",),
    samples=SPREADS, numpy="var",
    torch=lambda torch, x, *, axis=None, ddof=0, keepdims=False: torch.var(
        x, dim=axis, correction=ddof, keepdim=keepdims
    ),
    lesson="14",
)
def var(xp, x, *, axis=None, ddof=0, keepdims=False):
    """Variance over given axes; divided by n - ddof, with ddof=0 as in NumPy.

    Raises
    ------
    DomainError
        When ddof is not smaller than the number of elements.
    """
    d = _deviations(xp, x, axis)
    return _variance(xp, d, axis, ddof, keepdims), d


def _nonzero(xp, y):
    """A divisor that is 1 where `y` is 0."""
    return y + xp.equal(y, 0)


def _std_vjp(xp, g, y, d, x, *, axis, ddof, keepdims):
    slope = g / (_nonzero(xp, y) * (count(x.shape, axis, "std") - ddof))
    return expand_back(xp, slope, x.shape, axis, keepdims) * d


def _std_jvp(xp, t, y, d, x, *, axis, ddof, keepdims):
    both = xp.sum(d * _deviations(xp, t, axis), axis=axis, keepdims=keepdims)
    return both / (_nonzero(xp, y) * (count(x.shape, axis, "std") - ddof))


@general(
    vjps=(_std_vjp,), jvps=(_std_jvp,), residuals=True, shape=_shape("std"), check=_needs_freedom("std"),
    latex=r"\sqrt{\frac{1}{n} \sum (#1 - \overline{#1})^{2}}", dlatex=(r"#g \cdot \frac{#1 - \overline{#1}}{n\,#y}",),
    samples=SPREADS, numpy="std",
    torch=lambda torch, x, *, axis=None, ddof=0, keepdims=False: torch.std(
        x, dim=axis, correction=ddof, keepdim=keepdims
    ),
    lesson="14",
)
def std(xp, x, *, axis=None, ddof=0, keepdims=False):
    """Standard deviation over given axes; where it is 0 so is its gradient."""
    d = _deviations(xp, x, axis)
    return xp.sqrt(_variance(xp, d, axis, ddof, keepdims)), d


def _to_rows(xp, x, axis):
    """Reduced axes joined into one last axis: shape (kept..., n)."""
    gone = axes(axis, x.ndim, "prod")
    kept = tuple(i for i in range(x.ndim) if i not in gone)
    shape = (*(x.shape[i] for i in kept), count(x.shape, axis, "prod"))
    return xp.reshape(xp.transpose(x, axes=kept + gone), shape=shape)


def _from_rows(xp, rows, shape, axis):
    gone = axes(axis, len(shape), "prod")
    order = (*(i for i in range(len(shape)) if i not in gone), *gone)
    back = tuple(order.index(i) for i in range(len(shape)))
    return xp.transpose(xp.reshape(rows, shape=tuple(shape[i] for i in order)), axes=back)


def _others(xp, x):
    """Product of all other elements of the last axis, by halves: no division, so zeros are exact."""
    n = x.shape[-1]
    if n < 2:
        return xp.ones(shape=x.shape, like=x)
    h = n // 2
    a, b, odd = x[..., :h], x[..., h : 2 * h], x[..., 2 * h :]
    o = _others(xp, xp.concatenate(a * b, odd, axis=-1))
    return xp.concatenate(o[..., :h] * b, o[..., :h] * a, o[..., h:], axis=-1)


def _prod_slopes(xp, x, axis):
    return _from_rows(xp, _others(xp, _to_rows(xp, x, axis)), x.shape, axis)


@general(
    vjps=(
        lambda xp, g, y, x, *, axis, keepdims: expand_back(xp, g, x.shape, axis, keepdims) * _prod_slopes(xp, x, axis),
    ),
    jvps=(
        lambda xp, t, y, x, *, axis, keepdims: xp.sum(t * _prod_slopes(xp, x, axis), axis=axis, keepdims=keepdims),
    ),
    shape=_shape("prod"), latex=r"\prod #1", dlatex=(r"#g \cdot \prod_{j \neq i} #1_{j}",), primitive=True, exact=True,
    numpy="prod",
    samples=(
        S(()), S((3,)), S((5,)), S((2, 3), axis=0), S((2, 1, 4), axis=(0, 2), keepdims=True), S((2, 3), axis=1),
        S((2, 3), axis=1, keepdims=True),
    ),
    torch=lambda torch, x, *, axis=None, keepdims=False: _torch_prod(torch, x, axis, keepdims),
)
def prod(xp, x, *, axis=None, keepdims=False):
    """Product of elements; the gradient is exact also where some are 0."""
    return xp.prod(x, axis=axis, keepdims=keepdims)


def _torch_prod(torch, x, axis, keepdims):
    for a in sorted(axes(axis, x.ndim, "prod"), reverse=True):
        x = torch.prod(x, dim=a, keepdim=keepdims)
    return x


def _winners(xp, x, y, axis, keepdims):
    """1 where an element is the extreme one, and how many share that, both in the number type of x."""
    if not keepdims:
        gone = axes(axis, x.ndim, "max")
        y = xp.reshape(y, shape=tuple(1 if i in gone else n for i, n in enumerate(x.shape)))
    won = xp.ones(shape=x.shape, like=x) * xp.equal(x, y)
    return won, xp.sum(won, axis=axis, keepdims=True)


def _extreme_vjp(xp, g, y, x, *, axis, keepdims):
    won, ties = _winners(xp, x, y, axis, keepdims)
    return won * (expand_back(xp, g, x.shape, axis, keepdims) / ties)


def _extreme_jvp(xp, t, y, x, *, axis, keepdims):
    won, ties = _winners(xp, x, y, axis, keepdims)
    return xp.sum(t * won / ties, axis=axis, keepdims=keepdims)


@general(
    vjps=(_extreme_vjp,), jvps=(_extreme_jvp,), shape=_shape("max"), check=_needs_elements("max"),
    latex=r"\max #1", dlatex=(r"#g \cdot [#1 = #y]",), primitive=True, samples=REDUCTIONS, numpy="max",
    torch=lambda torch, x, *, axis=None, keepdims=False: torch.amax(
        x, dim=() if axis is None else axis, keepdim=keepdims
    ),
    lesson="03",
)
def max_(xp, x, *, axis=None, keepdims=False):
    """Largest element; equal ones share the gradient."""
    return xp.max(x, axis=axis, keepdims=keepdims)


@general(
    vjps=(_extreme_vjp,), jvps=(_extreme_jvp,), shape=_shape("min"), check=_needs_elements("min"),
    latex=r"\min #1", dlatex=(r"#g \cdot [#1 = #y]",), primitive=True, samples=REDUCTIONS, numpy="min",
    torch=lambda torch, x, *, axis=None, keepdims=False: torch.amin(
        x, dim=() if axis is None else axis, keepdim=keepdims
    ),
    lesson="03",
)
def min_(xp, x, *, axis=None, keepdims=False):
    """Smallest element; equal ones share the gradient."""
    return xp.min(x, axis=axis, keepdims=keepdims)


@general(
    vjps=(lambda xp, g, y, p, x, *, axis, keepdims: expand_back(xp, g, x.shape, axis, keepdims) * p,),
    jvps=(lambda xp, t, y, p, x, *, axis, keepdims: xp.sum(p * t, axis=axis, keepdims=keepdims),),
    residuals=True, shape=_shape("logsumexp"), check=_needs_elements("logsumexp"),
    latex=r"\ln \sum e^{#1}", dlatex=(r"#g \cdot e^{#1 - #y}",), samples=REDUCTIONS,
    torch=lambda torch, x, *, axis=None, keepdims=False: torch.logsumexp(
        x, dim=tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims
    ),
    lesson="07",
)
def logsumexp(xp, x, *, axis=None, keepdims=False):
    """Logarithm of a sum of exponentials, without overflow.

    Where all elements are -inf the value is -inf and the gradient 0.
    """
    top = xp.max(x, axis=axis, keepdims=True)
    finite = xp.logical_not(xp.equal(xp.abs(top), math.inf))
    e = xp.exp(x - xp.where(finite, top, 0))
    total = _nonzero(xp, xp.sum(e, axis=axis, keepdims=True))
    y = xp.log(total) + top
    p = xp.where(finite, e / total, 0)
    return y if keepdims else xp.reshape(y, shape=reduced(x.shape, axis, False, "logsumexp")), p


def _check_norm(x, *, ord=2, axis=None, **_):
    if ord not in (1, 2):
        raise HyperparameterError(f"norm: ord must be 1 or 2, got {ord!r}", None, "max(abs(x)) for the largest entry")
    axes(axis, x.ndim, "norm")


def _norm_slopes(xp, y, x, ord, axis, keepdims):
    if ord == 1:
        return xp.sign(x)
    return x / expand_back(xp, _nonzero(xp, y), x.shape, axis, keepdims)


@general(
    vjps=(
        lambda xp, g, y, x, *, ord, axis, keepdims: expand_back(xp, g, x.shape, axis, keepdims)
        * _norm_slopes(xp, y, x, ord, axis, keepdims),
    ),
    jvps=(
        lambda xp, t, y, x, *, ord, axis, keepdims: xp.sum(
            t * _norm_slopes(xp, y, x, ord, axis, keepdims), axis=axis, keepdims=keepdims
        ),
    ),
    shape=_shape("norm"), check=_check_norm, latex=r"\|#1\|_{#{ord}}", dlatex=(r"#g \cdot \frac{#1}{\|#1\|}",),
    samples=(S((3,)), S((2, 3)), S((2, 3), axis=1), S((2, 3), ord=1, axis=0, keepdims=True), S(()),
             S((3, 2), axis=1, keepdims=True)),
    torch=lambda torch, x, *, ord=2, axis=None, keepdims=False: torch.linalg.vector_norm(
        x, ord=ord, dim=axis, keepdim=keepdims
    ),
)
def norm(xp, x, *, ord=2, axis=None, keepdims=False):
    """Euclidean norm (ord=2) or sum of magnitudes (ord=1); the gradient at 0 is 0."""
    if ord == 1:
        return xp.sum(xp.abs(x), axis=axis, keepdims=keepdims)
    return xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims))


def _cumsum_vjp(xp, g, y, x, *, axis):
    along = 0 if axis is None else axis
    back = xp.flip(xp.cumsum(xp.flip(g, axis=along), axis=along), axis=along)
    return xp.reshape(back, shape=x.shape) if axis is None else back


def _cumsum_shape(shape, *, axis=None):
    axes(axis, len(shape), "cumsum")
    return (math.prod(shape),) if axis is None else shape


@linear(
    vjps=(_cumsum_vjp,), shape=_cumsum_shape, latex=r"\mathrm{cumsum}(#1)", dlatex=(r"\sum_{j \geq i} #g_{j}",),
    primitive=True, samples=(S((4,), axis=0), S((2, 3), axis=-1), S((2, 3)), S((2, 1), axis=1)), numpy="cumsum",
    torch=lambda torch, x, *, axis=None: torch.cumsum(x.reshape(-1) if axis is None else x, axis or 0),
)
def cumsum(xp, x, *, axis=None):
    """Running sum along an axis, or over the flattened array."""
    return xp.cumsum(x, axis=axis)


@constant(
    shape=_shape("argmax"), check=_needs_elements("argmax"), latex=r"\mathrm{argmax}(#1)", primitive=True,
    samples=(S((4,)), S((2, 3), axis=1), S((2, 3)), S((2, 3), axis=0, keepdims=True)), numpy="argmax",
    torch=lambda torch, x, *, axis=None, keepdims=False: torch.argmax(x, dim=axis, keepdim=keepdims),
)
def argmax(xp, x, *, axis=None, keepdims=False):
    """Index of the first largest element, an integer without gradient."""
    return xp.argmax(x, axis=axis, keepdims=keepdims)


def _argsort_shape(shape, *, axis=-1):
    axes(axis, len(shape), "argsort")
    return shape


@constant(
    shape=_argsort_shape, latex=r"\mathrm{argsort}(#1)", primitive=True,
    samples=(S((4,)), S((2, 3), axis=0)), numpy="argsort",
    torch=lambda torch, x, *, axis=-1: torch.argsort(x, dim=axis, stable=True),
)
def argsort(xp, x, *, axis=-1):
    """Indices that sort along an axis, equal elements in order; integers without gradient."""
    return xp.argsort(x, axis=axis)
