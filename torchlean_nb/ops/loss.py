"""Losses: a number to make small, from predictions and targets."""

import math

from torchlean_nb.domains import REAL, UNIT, S
from torchlean_nb.errors import DomainError, EmptyError, HyperparameterError, ShapeError
from torchlean_nb.rows import general

REDUCTIONS = ("mean", "sum", "none")

# -- losses that compare element by element -----------------------------------------------------------


def _reduce(xp, v, reduction):
    if reduction == "none":
        return v
    total = xp.sum(v)
    return total / v.size if reduction == "mean" else total / v.shape[0] if reduction == "batchmean" else total


def _weight(g, x, reduction):
    """Upstream gradient of each element's loss; a number still where all are alike."""
    return g / x.size if reduction == "mean" else g / x.shape[0] if reduction == "batchmean" else g


def _check_reduction(name, reduction, known=REDUCTIONS):
    if reduction not in known:
        raise HyperparameterError(f"{name}: reduction must be one of {', '.join(known)}, got {reduction!r}")


def _pair(name, known=REDUCTIONS):
    """Shape rule and check of a loss that compares arrays of one shape."""

    def shape(x, target, *, reduction="mean", **_):
        if x != target:
            raise ShapeError(
                f"{name}: prediction of shape {x} and target of shape {target} differ",
                "broadcasting one against the other would compare every pair", "reshape one of them",
            )
        return x if reduction == "none" else ()

    def check(x, target, *, reduction="mean", **_):
        _check_reduction(name, reduction, known)
        shape(x.shape, target.shape)
        if x.size == 0 and "mean" in reduction:
            what = f"{name}: the mean over an empty batch, shape {x.shape}, has no value"
            raise EmptyError(what, None, 'reduction="sum"')

    return {"shape": shape, "check": check}


def _slopes(*partials):
    """Rules from ``partial_i(xp, t, x, target, **attrs)``, t times the slope of one element's loss."""

    def vjp(partial):
        return lambda xp, g, y, x, target, *, reduction, **attrs: partial(
            xp, _weight(g, x, reduction), x, target, **attrs
        )

    def jvp(partial):
        return lambda xp, t, y, x, target, *, reduction, **attrs: _reduce(
            xp, partial(xp, t, x, target, **attrs), reduction
        )

    return {"vjps": tuple(map(vjp, partials)), "jvps": tuple(map(jvp, partials)), "method": False, "lesson": "06"}


PAIRS = (S((3,), (3,)), S((2, 3), (2, 3), reduction="sum"), S((2, 1), (2, 1), reduction="none"), S((), ()))


def _twice(t, x, target):
    d = x - target
    d *= t
    return d


@general(
    **_pair("mse_loss"),
    **_slopes(lambda xp, t, x, target: _twice(2 * t, x, target), lambda xp, t, x, target: _twice(-2 * t, x, target)),
    latex=r"\frac{1}{n} \sum (#1 - #2)^{2}", dlatex=(r"\frac{2}{n}\,#g\,(#1 - #2)", r"\frac{2}{n}\,#g\,(#2 - #1)"),
    samples=PAIRS,
    torch=lambda torch, x, t, *, reduction="mean": torch.nn.functional.mse_loss(x, t, reduction=reduction),
)
def mse_loss(xp, x, target, *, reduction="mean"):
    """Mean squared error.

    Parameters
    ----------
    x, target : array, one shape for both
        The target has a gradient too.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ShapeError
        When the shapes differ: nothing is broadcast.
    EmptyError
        For the mean of nothing.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> float(tl.mse_loss([1.0, 3.0], [0.0, 0.0]))
    5.0
    """
    d = x - target
    d *= d
    return _reduce(xp, d, reduction)


@general(
    **_pair("l1_loss"),
    **_slopes(lambda xp, t, x, target: t * xp.sign(x - target), lambda xp, t, x, target: t * xp.sign(target - x)),
    latex=r"\frac{1}{n} \sum |#1 - #2|",
    dlatex=(r"\frac{1}{n}\,#g\,\mathrm{sign}(#1 - #2)", r"\frac{1}{n}\,#g\,\mathrm{sign}(#2 - #1)"), samples=PAIRS,
    torch=lambda torch, x, t, *, reduction="mean": torch.nn.functional.l1_loss(x, t, reduction=reduction),
)
def l1_loss(xp, x, target, *, reduction="mean"):
    """Mean absolute error; its slope at 0 is 0."""
    return _reduce(xp, xp.abs(x - target), reduction)


def _clipped(xp, d, delta):
    delta = xp.number(delta)
    return xp.maximum(xp.minimum(d, delta), -delta)


_huber = _pair("huber_loss")


def _check_huber(x, target, *, delta=1.0, **attrs):
    if not 0 < delta < math.inf:
        raise HyperparameterError(f"huber_loss: delta must be > 0, got {delta}")
    _huber["check"](x, target, **attrs)


@general(
    shape=_huber["shape"], check=_check_huber,
    **_slopes(
        lambda xp, t, x, target, *, delta: t * _clipped(xp, x - target, delta),
        lambda xp, t, x, target, *, delta: t * _clipped(xp, target - x, delta),
    ),
    latex=r"\frac{1}{n} \sum h_{#{delta}}(#1 - #2)",
    dlatex=(r"\frac{1}{n}\,#g\,\mathrm{clip}(#1 - #2)", r"\frac{1}{n}\,#g\,\mathrm{clip}(#2 - #1)"),
    samples=(*PAIRS, S((2, 3), (2, 3), delta=0.5)), references=("Huber 1964, Annals of Mathematical Statistics 35(1)",),
    torch=lambda torch, x, t, *, reduction="mean", delta=1.0: torch.nn.functional.huber_loss(
        x, t, reduction=reduction, delta=delta
    ),
)
def huber_loss(xp, x, target, *, reduction="mean", delta=1.0):
    """Squared error up to delta, absolute error beyond: d**2 / 2, then delta * (abs(d) - delta / 2)."""
    size = xp.abs(x - target)
    near = xp.minimum(size, xp.number(delta))
    return _reduce(xp, near * (size - near / 2), reduction)


@general(
    **_pair("bce_with_logits"),
    **_slopes(
        # Each half keeps its digits where the other one is 1.
        lambda xp, t, x, target: t * ((1 - target) * xp.sigmoid(x) - target * xp.sigmoid(-x)),
        lambda xp, t, x, target: -t * x,
    ),
    latex=r"\frac{1}{n} \sum \ln(1 + e^{#1}) - #2\,#1",
    dlatex=(r"\frac{1}{n}\,#g\,(\sigma(#1) - #2)", r"-\frac{1}{n}\,#g\,#1"),
    domain=(REAL, UNIT), samples=PAIRS,
    torch=lambda torch, x, t, *, reduction="mean": torch.nn.functional.binary_cross_entropy_with_logits(
        x, t, reduction=reduction
    ),
)
def bce_with_logits(xp, x, target, *, reduction="mean"):
    """Binary cross entropy of logits, finite for all of them."""
    return _reduce(xp, xp.maximum(x, 0) - x * target + xp.log1p(xp.exp(-xp.abs(x))), reduction)


def _log_clamped(xp, p):
    """Logarithm, -100 from there down, as in PyTorch."""
    zero = xp.equal(p, 0)
    return xp.where(zero, -100, xp.maximum(xp.log(p + zero), -100))


def _log1p_clamped(xp, p):
    """``log(1 - p)``, -100 from there down."""
    one = xp.equal(p, 1)
    return xp.where(one, -100, xp.maximum(xp.log1p(one - p), -100))


_bce = _pair("bce")


def _check_bce(x, target, **attrs):
    _bce["check"](x, target, **attrs)
    for what, v in (("probability", x), ("target", target)):
        known = not getattr(v, "unknown", False)
        if known and v.size and not ((v >= 0) & (v <= 1)).all().item():
            raise DomainError(f"bce: a {what} lies outside [0, 1]", None, "bce_with_logits takes any number")


@general(
    shape=_bce["shape"], check=_check_bce,
    **_slopes(
        lambda xp, t, x, target: t * ((x - target) / xp.maximum(x * (1 - x), xp.number(1e-12))),
        lambda xp, t, x, target: t * (_log1p_clamped(xp, x) - _log_clamped(xp, x)),
    ),
    latex=r"-\frac{1}{n} \sum #2 \ln #1 + (1 - #2) \ln(1 - #1)",
    dlatex=(r"\frac{1}{n}\,#g\,\frac{#1 - #2}{#1 (1 - #1)}", r"\frac{1}{n}\,#g\,\ln \frac{1 - #1}{#1}"),
    domain=(UNIT, UNIT), samples=PAIRS,
    torch=lambda torch, x, t, *, reduction="mean": torch.nn.functional.binary_cross_entropy(x, t, reduction=reduction),
)
def bce(xp, x, target, *, reduction="mean"):
    """Binary cross entropy of probabilities; logarithms stop at -100, as in PyTorch.

    TorchLean's function of that name is another one and may be negative.
    """
    return _reduce(xp, -(target * _log_clamped(xp, x) + (1 - target) * _log1p_clamped(xp, x)), reduction)


KL_REDUCTIONS = (*REDUCTIONS, "batchmean")


def _log_or_one(xp, p):
    """Logarithm, and 0 at 0: 0 log 0 counts as 0."""
    return xp.log(p + xp.equal(p, 0))


def _kl_target(xp, t, x, target, *, log_target):
    if log_target:
        return t * (xp.exp(target) * (target - x + 1))
    return t * (_log_or_one(xp, target) - x + 1)


@general(
    **_pair("kl_div", KL_REDUCTIONS),
    **_slopes(lambda xp, t, x, target, *, log_target: -t * (xp.exp(target) if log_target else target), _kl_target),
    latex=r"\frac{1}{n} \sum #2\,(\ln #2 - #1)",
    dlatex=(r"-\frac{1}{n}\,#g\,#2", r"\frac{1}{n}\,#g\,(\ln #2 - #1 + 1)"),
    domain=(REAL, UNIT),
    samples=(*PAIRS, S((2, 3), (2, 3), reduction="batchmean"), S((3,), (3,), log_target=True, reduction="sum")),
    torch=lambda torch, x, t, *, reduction="mean", log_target=False: _torch_reduce(
        torch.nn.functional.kl_div(x, t, reduction="none", log_target=log_target), reduction
    ),
)
def kl_div(xp, x, target, *, reduction="mean", log_target=False):
    """Kullback-Leibler divergence of probabilities from log-probabilities x.

    The divergence proper is ``reduction="batchmean"``; "mean" divides by the number of elements.
    """
    v = xp.exp(target) * (target - x) if log_target else target * (_log_or_one(xp, target) - x)
    return _reduce(xp, v, reduction)


@general(
    **_pair("hinge"),
    **_slopes(
        lambda xp, t, x, target, *, margin: -t * target * xp.greater(xp.number(margin) - x * target, 0),
        lambda xp, t, x, target, *, margin: -t * x * xp.greater(xp.number(margin) - x * target, 0),
    ),
    latex=r"\frac{1}{n} \sum \max(0, #{margin} - #1\,#2)",
    dlatex=(r"-\frac{1}{n}\,#g\,#2\,[#1\,#2 < #{margin}]", r"-\frac{1}{n}\,#g\,#1\,[#1\,#2 < #{margin}]"),
    samples=(*PAIRS, S((2, 3), (2, 3), margin=1.5)),
    torch=lambda torch, x, t, *, reduction="mean", margin=1: _torch_reduce(
        torch.clamp(margin - x * t, min=0), reduction
    ),
)
def hinge(xp, x, target, *, reduction="mean", margin=1):
    """Hinge loss of scores against targets -1 and 1; the slope at the kink is 0."""
    return _reduce(xp, xp.maximum(xp.number(margin) - x * target, 0), reduction)


def _torch_reduce(v, reduction):
    total = v if reduction == "none" else v.sum()
    return total / v.numel() if reduction == "mean" else total / v.shape[0] if reduction == "batchmean" else total
