"""Random ops: pure functions of an integer key, so that a replay draws the same numbers."""

import math

from torchlean_nb.domains import INDEX, REAL, Arg, Sample
from torchlean_nb.errors import DTypeError, HyperparameterError, ShapeError
from torchlean_nb.ops.logic import where
from torchlean_nb.ops.nonlinear import SELU_ALPHA, SELU_SCALE
from torchlean_nb.rows import constant, function, linear

KEY = INDEX


def check_key(name, key):
    """Refuse what is not one integer."""
    if key.dtype.kind not in "iu" or key.ndim:
        raise DTypeError(f"{name}: key must be one int, got {key.dtype} of shape {key.shape}", None, "s.draw_key()")


def check_rate(name, p):
    """Refuse a probability that leaves nothing, or is none."""
    if not 0 <= p < 1:
        raise HyperparameterError(f"{name} must be in [0, 1), got {p}")


def _check_dropout(x, key, *, p=0.5, whole_channels=False):
    check_rate("dropout: p", p)
    check_key("dropout", key)
    if whole_channels and x.ndim < 3:
        raise ShapeError(f"dropout: an input of shape {x.shape} has no axes behind (n, channels)")


def _keyed(*shapes, key=7, **attrs):
    return Sample((*map(Arg, shapes), Arg((), key + 1)), attrs)


@linear(
    vjps=(lambda xp, g, y, mask, x, key, *, p, **_: g * mask / xp.number(1 - p), None), residuals=True,
    shape=lambda x, key, **_: x, check=_check_dropout, domain=(REAL, KEY), method=False,
    latex=r"\frac{1}{1 - #{p}}\,m \odot #1", dlatex=(r"\frac{1}{1 - #{p}}\,m \odot #g", ""),
    samples=(
        _keyed((3, 4)), _keyed((5,), p=0.75), _keyed((), p=0), _keyed((2, 3, 2), whole_channels=True),
    ),
    references=(
        "Srivastava et al. 2014, Journal of Machine Learning Research 15", "Tompson et al. 2015, arXiv 1411.4280",
    ),
    lesson="19",
)
def dropout(xp, x, key, *, p=0.5, whole_channels=False):
    """Elements set to 0 with probability p, the others divided by 1 - p.

    Parameters
    ----------
    x : array, any shape; (n, c, ...) for whole channels
    key : int
        Which random mask; the same key gives the same mask.
    p : float in [0, 1)
    whole_channels : bool
        Whether all elements of a channel go together, as in PyTorch's ``dropout2d``.

    Raises
    ------
    HyperparameterError
        When p is outside [0, 1).
    ShapeError, DTypeError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.dropout([1.0, 1.0, 1.0, 1.0], 3, p=0.0).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    shape = (*x.shape[:2], *[1] * (x.ndim - 2)) if whole_channels else x.shape
    mask = xp.bernoulli(key, shape=shape, keep=1 - p)
    return x * mask / xp.number(1 - p), mask


@function
def alpha_dropout(x, key, p=0.5):
    """Elements set to the limit of SELU with probability p, then shifted and scaled to the old mean and variance.

    Parameters
    ----------
    x : Tensor or array
    key : int
    p : float in [0, 1)

    References
    ----------
    Klambauer et al. 2017, arXiv 1706.02515
    """
    check_rate("alpha_dropout: p", p)
    limit = -SELU_ALPHA * SELU_SCALE
    a = ((1 - p) * (1 + p * limit * limit)) ** -0.5
    kept = bernoulli_mask(key, shape=tuple(x.shape), keep=1 - p)
    return where(kept, x, limit) * a - a * limit * p


@constant(
    shape=lambda key, *, shape, keep: tuple(shape), check=lambda key, **_: check_key("bernoulli", key), domain=(KEY,),
    latex=r"\mathrm{Bernoulli}(#{keep})", primitive=True, method=False, samples=(_keyed(shape=(2, 3), keep=0.5),),
)
def bernoulli(xp, key, *, shape, keep):
    """Boolean mask, True with probability `keep`."""
    return xp.bernoulli(key, shape=shape, keep=keep)


@constant(
    shape=lambda key, *, shape: tuple(shape), check=lambda key, **_: check_key("uniform", key), domain=(KEY,),
    latex=r"\mathrm{Uniform}(0, 1)", primitive=True, method=False, samples=(_keyed(shape=(2, 3)),),
)
def uniform(xp, key, *, shape):
    """Uniform numbers in [0, 1), float64."""
    return xp.uniform(key, shape=shape)


@constant(
    shape=lambda key, *, shape: tuple(shape), check=lambda key, **_: check_key("rand_uniform", key), domain=(KEY,),
    latex=r"\mathrm{Uniform}(0, 1)", method=False, samples=(_keyed(shape=(4,)),), lesson="12",
)
def rand_uniform(xp, key, *, shape):
    """Uniform numbers in [0, 1) from a key, as TorchLean draws them."""
    return xp.uniform(key, shape=shape)


@constant(
    shape=lambda key, *, shape: tuple(shape), check=lambda key, **_: check_key("rand_normal", key), domain=(KEY,),
    latex=r"\mathrm{Normal}(0, 1)", method=False, samples=(_keyed(shape=(2, 3)),), lesson="12",
)
def rand_normal(xp, key, *, shape):
    """Normal numbers of mean 0 and variance 1 from a key, by the cosine of Box and Muller, as TorchLean draws them."""
    u = xp.uniform(key, shape=(*shape, 2))
    radius = xp.sqrt(-2 * xp.log(xp.maximum(u[..., 0], xp.number(1e-6))))
    return radius * xp.cos(u[..., 1] * xp.number(2 * math.pi))


def _check_mask(key, *, shape, keep=0.5):
    if not 0 <= keep <= 1:
        raise HyperparameterError(f"bernoulli_mask: keep must be in [0, 1], got {keep}")
    check_key("bernoulli_mask", key)


@constant(
    shape=lambda key, *, shape, keep=0.5: tuple(shape), check=_check_mask, domain=(KEY,),
    latex=r"\mathrm{Bernoulli}(#{keep})", method=False, samples=(_keyed(shape=(4,)),), lesson="19",
)
def bernoulli_mask(xp, key, *, shape, keep=0.5):
    """Boolean mask from a key, True with probability `keep`."""
    return xp.bernoulli(key, shape=shape, keep=keep)
