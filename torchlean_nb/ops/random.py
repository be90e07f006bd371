"""Random ops: pure functions of an integer key, so that a replay draws the same numbers."""

from torchlean_nb.domains import INDEX, REAL, Arg, Sample
from torchlean_nb.errors import DTypeError, HyperparameterError
from torchlean_nb.rows import constant, linear

KEY = INDEX


def _check_key(name, key):
    if key.dtype.kind not in "iu" or key.ndim:
        raise DTypeError(f"{name}: key must be one int, got {key.dtype} of shape {key.shape}", None, "s.draw_key()")


def _check_dropout(x, key, *, p=0.5):
    if not 0 <= p < 1:
        raise HyperparameterError(f"dropout: p must be in [0, 1), got {p}")
    _check_key("dropout", key)


def _keyed(*shapes, key=7, **attrs):
    return Sample((*map(Arg, shapes), Arg((), key + 1)), attrs)


@linear(
    vjps=(lambda xp, g, y, mask, x, key, *, p: g * mask / xp.number(1 - p), None), residuals=True,
    shape=lambda x, key, *, p=0.5: x, check=_check_dropout, domain=(REAL, KEY), method=False,
    latex=r"\frac{1}{1 - #{p}}\,m \odot #1", dlatex=(r"\frac{1}{1 - #{p}}\,m \odot #g", ""),
    samples=(_keyed((3, 4)), _keyed((5,), p=0.75), _keyed((), p=0)),
    references=("Srivastava et al. 2014, Journal of Machine Learning Research 15",), lesson="19",
)
def dropout(xp, x, key, *, p=0.5):
    """Elements set to 0 with probability p, the others divided by 1 - p.

    Parameters
    ----------
    x : array, any shape
    key : int
        Which random mask; the same key gives the same mask.
    p : float in [0, 1)

    Raises
    ------
    HyperparameterError
        When p is outside [0, 1).

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.dropout([1.0, 1.0, 1.0, 1.0], 3, p=0.0).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    mask = xp.bernoulli(key, shape=x.shape, keep=1 - p)
    return x * mask / xp.number(1 - p), mask


@constant(
    shape=lambda key, *, shape, keep: tuple(shape), check=lambda key, **_: _check_key("bernoulli", key), domain=(KEY,),
    latex=r"\mathrm{Bernoulli}(#{keep})", primitive=True, method=False, samples=(_keyed(shape=(2, 3), keep=0.5),),
)
def bernoulli(xp, key, *, shape, keep):
    """Boolean mask, True with probability `keep`."""
    return xp.bernoulli(key, shape=shape, keep=keep)


@constant(
    shape=lambda key, *, shape: tuple(shape), check=lambda key, **_: _check_key("uniform", key), domain=(KEY,),
    latex=r"\mathrm{Uniform}(0, 1)", primitive=True, method=False, samples=(_keyed(shape=(2, 3)),),
)
def uniform(xp, key, *, shape):
    """Uniform numbers in [0, 1), float64."""
    return xp.uniform(key, shape=shape)


@constant(
    shape=lambda key, *, shape: tuple(shape), check=lambda key, **_: _check_key("rand_uniform", key), domain=(KEY,),
    latex=r"\mathrm{Uniform}(0, 1)", method=False, samples=(_keyed(shape=(4,)),), lesson="12",
)
def rand_uniform(xp, key, *, shape):
    """Uniform numbers in [0, 1) from a key, as TorchLean draws them."""
    return xp.uniform(key, shape=shape)


def _check_mask(key, *, shape, keep=0.5):
    if not 0 <= keep <= 1:
        raise HyperparameterError(f"bernoulli_mask: keep must be in [0, 1], got {keep}")
    _check_key("bernoulli_mask", key)


@constant(
    shape=lambda key, *, shape, keep=0.5: tuple(shape), check=_check_mask, domain=(KEY,),
    latex=r"\mathrm{Bernoulli}(#{keep})", method=False, samples=(_keyed(shape=(4,)),), lesson="19",
)
def bernoulli_mask(xp, key, *, shape, keep=0.5):
    """Boolean mask from a key, True with probability `keep`."""
    return xp.bernoulli(key, shape=shape, keep=keep)
