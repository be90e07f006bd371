"""Losses for classes: cross entropy of logits, negative log-likelihood of log-probabilities.

The class axis is axis 1, or axis 0 of a single unbatched row, as in PyTorch.
"""

from torchlean_nb.backend.reading import read
from torchlean_nb.domains import INDEX, REAL, Arg, S, Sample, idx
from torchlean_nb.errors import DTypeError, EmptyError, HyperparameterError, ShapeError
from torchlean_nb.ops.indexing import check_indices, take
from torchlean_nb.ops.logic import equal, logical_not, where
from torchlean_nb.ops.loss import REDUCTIONS
from torchlean_nb.ops.reduction import sum_
from torchlean_nb.ops.shape import broadcast_to, reshape
from torchlean_nb.rows import function, general, linear


def _axis(x):
    return min(x.ndim - 1, 1)


def _labels(x, target, name):
    """Shape of integer labels for inputs of shape `x`, or an error when `target` has another one."""
    labels = (*x[:1], *x[2:]) if len(x) > 1 else ()
    if not x or target not in (labels, x):
        raise ShapeError(
            f"{name}: input of shape {x} and target of shape {target} do not fit",
            f"one label per row has shape {labels}" if x else "the input needs a class axis",
        )
    return labels


def _shape(name):
    return lambda x, target, *, reduction="mean", **_: _labels(x, target, name) if reduction == "none" else ()


def _check(name, soft):
    def check(x, target, *, reduction="mean", label_smoothing=0.0):
        labels = _labels(x.shape, target.shape, name)
        if reduction not in REDUCTIONS:
            raise HyperparameterError(f"{name}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
        if not 0 <= label_smoothing <= 1:
            raise HyperparameterError(f"{name}: label_smoothing must be in [0, 1], got {label_smoothing}")
        if target.shape == labels:
            check_indices(name, target, x.shape[_axis(x)], low=0, what="class")
        elif not soft:
            raise ShapeError(f"{name}: target of shape {target.shape} for input of shape {x.shape}", "it takes labels")
        elif target.dtype.kind != "f" and target.dtype.kind != "O":
            raise DTypeError(f"{name}: a target shaped like the input holds probabilities, got {target.dtype}")
        if x.size == 0 and reduction == "mean":
            what = f"{name}: the mean over an empty batch, shape {x.shape}, has no value"
            raise EmptyError(what, None, 'reduction="sum"')

    return check


def _one_hot(xp, target, x):
    """Mask shaped like x, True at the labels."""
    n = x.ndim
    hot = xp.one_hot(target, num_classes=x.shape[_axis(x)])
    return hot if n < 3 else xp.transpose(hot, axes=(0, n - 1, *range(1, n - 1)))


def _reduce(xp, v, x, reduction):
    """Losses of rows, with the class axis still there as size 1, reduced."""
    if reduction == "none":
        return xp.squeeze(v, axis=_axis(x))
    return xp.sum(v) / v.size if reduction == "mean" else xp.sum(v)


def _weight(xp, g, x, reduction):
    """Upstream gradient of each row's loss."""
    if reduction == "none":
        return xp.expand_dims(g, axis=_axis(x))
    return g / (x.size // x.shape[_axis(x)]) if reduction == "mean" else g


def _is_hard(x, target, label_smoothing):
    return target.ndim < x.ndim and not label_smoothing


def _probabilities(xp, x, target, label_smoothing):
    # Times ones in the number type of x: a mask times a Python float would be float64.
    q = target if target.ndim == x.ndim else xp.ones(shape=x.shape, like=x) * _one_hot(xp, target, x)
    if not label_smoothing:
        return q
    return q * xp.number(1 - label_smoothing) + xp.number(label_smoothing) / x.shape[_axis(x)]


def _cross_entropy_vjp(xp, g, y, saved, x, target, *, reduction, label_smoothing):
    w = _weight(xp, g, x, reduction)
    if _is_hard(x, target, label_smoothing):
        others, rest, total, hot = saved
        return (others - hot * rest) * (w / total)
    logp, q = saved
    return (xp.exp(logp) * xp.sum(q, axis=_axis(x), keepdims=True) - q) * w


def _cross_entropy_jvp(xp, t, y, saved, x, target, *, reduction, label_smoothing):
    axis = _axis(x)
    if _is_hard(x, target, label_smoothing):
        others, _, total, hot = saved
        apart = t - xp.sum(t * hot, axis=axis, keepdims=True)
        return _reduce(xp, xp.sum(others * apart, axis=axis, keepdims=True) / total, x, reduction)
    logp, q = saved
    apart = xp.sum(xp.exp(logp) * t, axis=axis, keepdims=True) - t
    return _reduce(xp, xp.sum(q * apart, axis=axis, keepdims=True), x, reduction)


def _target_vjp(xp, g, y, saved, x, target, *, reduction, label_smoothing):
    return -(saved[0] * xp.number(1 - label_smoothing)) * _weight(xp, g, x, reduction)


def _target_jvp(xp, t, y, saved, x, target, *, reduction, label_smoothing):
    v = xp.sum(saved[0] * t * xp.number(1 - label_smoothing), axis=_axis(x), keepdims=True)
    return _reduce(xp, -v, x, reduction)


LOGITS = ((0.3, -1.0, 2.0), (0.1, 0.5, -0.7))
MIXED = ((0.2, 0.5, 0.3), (0.1, 0.1, 0.8))
LABELLED = (
    S((2, 3), idx(2, high=3)), S((3,), idx(high=3)), S((2, 3, 2), idx(2, 2, high=3), reduction="none"),
    S((4, 1), idx(4, high=1)), S((2, 3), idx(2, high=3), reduction="sum"),
)


@general(
    vjps=(_cross_entropy_vjp, _target_vjp), jvps=(_cross_entropy_jvp, _target_jvp), residuals=True,
    shape=_shape("cross_entropy"), check=_check("cross_entropy", soft=True), domain=(REAL, INDEX), method=False,
    latex=r"-\frac{1}{n} \sum \ln \mathrm{softmax}(#1)_{#2}",
    dlatex=(
        r"\frac{1}{n}\,#g\,(\mathrm{softmax}(#1) - \mathrm{onehot}(#2))",
        r"-\frac{1}{n}\,#g\,\ln \mathrm{softmax}(#1)",
    ),
    samples=(
        *LABELLED, S((2, 3), idx(2, high=3), label_smoothing=0.25),
        Sample((Arg((2, 3)), Arg((2, 3))), {}, values=(LOGITS, MIXED)),
        Sample(
            (Arg((2, 3)), Arg((2, 3))), {"label_smoothing": 0.25, "reduction": "none"}, values=(LOGITS, MIXED)
        ),
    ),
    torch=lambda torch, x, t, *, reduction="mean", label_smoothing=0.0: torch.nn.functional.cross_entropy(
        x, t, reduction=reduction, label_smoothing=label_smoothing
    ),
    references=("Szegedy et al. 2016, arXiv 1512.00567 (label smoothing)",), lesson="06",
)
def cross_entropy(xp, x, target, *, reduction="mean", label_smoothing=0.0):
    """Cross entropy of logits with integer labels or probabilities.

    Parameters
    ----------
    x : array, shape (n, c), (n, c, ...) or (c,)
        Logits; classes along axis 1.
    target : int array, shape (n,), (n, ...) or ()
        Labels, or probabilities in the shape of x.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
        Share of probability spread over all classes.

    Raises
    ------
    IndexRangeError
        When a label is not a class.
    ShapeError, EmptyError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> round(float(tl.cross_entropy([[2.0, 1.0, 0.0]], [0])), 6)
    0.407606
    """
    axis = _axis(x)
    # Any number near the largest would do, so no derivative passes through it, nor through what is rounded away.
    top = xp.detach(xp.max(x, axis=axis, keepdims=True))
    z = x - top
    if not _is_hard(x, target, label_smoothing):
        logp = z - xp.log(xp.sum(xp.exp(z), axis=axis, keepdims=True))
        q = _probabilities(xp, x, target, label_smoothing)
        return _reduce(xp, -xp.sum(q * logp, axis=axis, keepdims=True), x, reduction), (logp, q)
    # softmax minus one-hot would cancel for a confident true class; the sum of the others does not.
    hot = _one_hot(xp, target, x)
    mine = xp.sum(xp.where(hot, z, 0), axis=axis, keepdims=True)
    # What the subtraction rounded away, which the exponential would magnify.
    back, raw = z - x, xp.exp(z)
    lost = (x - (z - back)) - (top + back)
    e = raw * xp.detach(xp.where(xp.equal(raw, 0), 0, 1 + lost))
    others = e * xp.logical_not(hot)
    rest = xp.sum(others, axis=axis, keepdims=True)
    loss = xp.log1p(rest + xp.expm1(mine)) - mine
    total = rest + xp.sum(xp.where(hot, e, 0), axis=axis, keepdims=True)
    return _reduce(xp, loss, x, reduction), (others, rest, total, hot)


@linear(
    vjps=(
        lambda xp, g, y, x, target, *, reduction: -(_one_hot(xp, target, x) * _weight(xp, g, x, reduction)), None,
    ),
    shape=_shape("nll_loss"), check=_check("nll_loss", soft=False), domain=(REAL, INDEX), method=False, exact=False,
    latex=r"-\frac{1}{n} \sum #1_{#2}", dlatex=(r"-\frac{1}{n}\,#g\,\mathrm{onehot}(#2)", ""), samples=LABELLED,
    torch=lambda torch, x, t, *, reduction="mean": torch.nn.functional.nll_loss(x, t, reduction=reduction), lesson="06",
)
def nll_loss(xp, x, target, *, reduction="mean"):
    """Negative log-likelihood of labels under log-probabilities, shapes as in `cross_entropy`."""
    picked = xp.sum(xp.where(_one_hot(xp, target, x), x, 0), axis=_axis(x), keepdims=True)
    return _reduce(xp, -picked, x, reduction)


@function
def weighted_cross_entropy(x, target, weight=None, *, ignore_index=None, reduction="mean", label_smoothing=0.0):
    """`cross_entropy` with a weight for each class, and without the labels that are to be ignored.

    Parameters
    ----------
    x : array, shape (n, c), (n, c, ...) or (c,)
        Logits; classes along axis 1.
    target : int array, shape (n,), (n, ...) or ()
        Labels, or probabilities in the shape of x, of which none is ignored.
    weight : array, shape (c,), optional
        The mean over labels is divided by the sum of their weights, that over probabilities by their number.
    ignore_index : int, optional
        A label that counts as none. PyTorch ignores -100 unless told; here nothing is ignored unless told.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float

    Raises
    ------
    IndexRangeError, ShapeError, EmptyError
        And a mean over ignored labels only is a division by zero.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> x = [[2.0, 1.0, 0.0], [0.0, 0.0, 5.0]]
    >>> round(float(tl.weighted_cross_entropy(x, [0, -1], ignore_index=-1)), 6)
    0.407606
    """
    if (weight is None and ignore_index is None) or reduction not in REDUCTIONS:
        return cross_entropy(x, target, reduction=reduction, label_smoothing=label_smoothing)
    axis, labels = min(len(x.shape) - 1, 1), len(target.shape) < len(x.shape)
    classes = x.shape[axis]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(f"weighted_cross_entropy: weight of shape {tuple(weight.shape)} for {classes} classes")
    kept = share = None
    if labels and ignore_index is not None:
        kept = where(logical_not(equal(target, ignore_index)), 1.0, 0.0)
        target = where(equal(target, ignore_index), target.dtype.type(0), target)
    if labels:  # what each row adds to the mean's divisor
        share = kept if weight is None else take(weight, target, axis=0)
        share = share if kept is None or weight is None else share * kept
    if weight is None or (labels and not label_smoothing):
        loss = cross_entropy(x, target, reduction="none", label_smoothing=label_smoothing)
        loss = loss if share is None else loss * share
    else:
        along = (classes, *[1] * (len(x.shape) - axis - 1))
        q = target
        if labels:
            column = reshape(target, (*target.shape[:axis], 1, *target.shape[axis:]))
            q = where(equal(column, reshape(read([*range(classes)], "classes"), along)), 1.0, 0.0)
        heavy = broadcast_to(reshape(weight, along), shape=tuple(x.shape))
        q = (q * (1 - label_smoothing) + label_smoothing / classes) * heavy
        loss = cross_entropy(x, q, reduction="none")
        loss = loss if kept is None else loss * kept
    if reduction == "none":
        return loss
    total = sum_(loss)
    return total if reduction == "sum" else total / (max(loss.size, 1) if share is None else sum_(share))
