"""Losses for classes: cross entropy of logits, negative log-likelihood of log-probabilities.

The class axis is axis 1, or axis 0 of a single unbatched row, as in PyTorch.
"""

from torchlean_nb.domains import INDEX, NONNEGATIVE, REAL, Arg, S, Sample, idx
from torchlean_nb.errors import DTypeError, EmptyError, HyperparameterError, ShapeError, quote
from torchlean_nb.ops._shapes import sum_to
from torchlean_nb.ops.indexing import check_indices
from torchlean_nb.ops.loss import REDUCTIONS
from torchlean_nb.rows import general, linear


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
    def shape(x, target, weight=None, *, reduction="mean", **_):
        labels = _labels(x, target, name)
        if weight not in (None, x[min(len(x) - 1, 1) :][:1]):
            raise ShapeError(f"{name}: weight of shape {weight} for {x[min(len(x) - 1, 1)]} classes")
        return labels if reduction == "none" else ()

    return shape


def _check(name, soft):
    fits = _shape(name)

    def check(x, target, weight=None, *, reduction="mean", label_smoothing=0.0, ignore_index=None):
        fits(x.shape, target.shape, None if weight is None else weight.shape)
        if reduction not in REDUCTIONS:
            raise HyperparameterError(f"{name}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
        if not 0 <= label_smoothing <= 1:
            raise HyperparameterError(f"{name}: label_smoothing must be in [0, 1], got {label_smoothing}")
        if ignore_index is not None and type(ignore_index) is not int:
            raise HyperparameterError(f"{name}: ignore_index must be an int, got {quote(ignore_index)}")
        if target.ndim < x.ndim:
            kept = None if ignore_index is None or target.dtype.kind not in "iu" else target != ignore_index
            check_indices(name, target if kept is None else target * kept, x.shape[_axis(x)], low=0, what="class")
            if kept is not None and x.size and reduction == "mean" and not kept.any().item():
                raise EmptyError(f"{name}: every label is ignored, so the mean has no value", None, 'reduction="sum"')
        elif not soft:
            raise ShapeError(f"{name}: target of shape {target.shape} for input of shape {x.shape}", "it takes labels")
        elif target.dtype.kind != "f" and target.dtype.kind != "O":
            raise DTypeError(f"{name}: a target shaped like the input holds probabilities, got {target.dtype}")
        if x.size == 0 and reduction == "mean":
            what = f"{name}: the mean over an empty batch, shape {x.shape}, has no value"
            raise EmptyError(what, None, 'reduction="sum"')

    return check


def _one_hot(xp, target, x, ignored=None):
    """Mask shaped like x, True at the labels that are not ignored."""
    n = x.ndim
    hot = xp.one_hot(target, num_classes=x.shape[_axis(x)])
    hot = hot if n < 3 else xp.transpose(hot, axes=(0, n - 1, *range(1, n - 1)))
    return hot if ignored is None else xp.greater(hot, ignored)


def _reduce(xp, v, x, reduction, share=None):
    """Losses of rows, with the class axis still there as size 1, reduced; `share` is what each adds to a divisor."""
    if reduction == "none":
        return xp.squeeze(v, axis=_axis(x))
    total = xp.sum(v)
    return total if reduction == "sum" else total / (v.size if share is None else xp.sum(share))


def _weight(xp, g, x, reduction, share=None):
    """Upstream gradient of each row's loss."""
    if reduction == "none":
        return xp.expand_dims(g, axis=_axis(x))
    if reduction == "sum":
        return g
    return g / (x.size // x.shape[_axis(x)] if share is None else xp.sum(share))


def _is_hard(x, target, label_smoothing):
    return target.ndim < x.ndim and not label_smoothing


def _along(xp, weight, x):
    """Weights of the classes, laid along their axis."""
    return xp.reshape(weight, shape=(*weight.shape, *[1] * (x.ndim - _axis(x) - 1)))


def _probabilities(xp, x, target, hot, label_smoothing):
    """What is expected of each class: rows of zeros where the label is ignored."""
    # Times ones in the number type of x: a mask times a Python float would be float64.
    q = target if hot is None else xp.ones(shape=x.shape, like=x) * hot
    if not label_smoothing:
        return q
    rows = 1 if hot is None else xp.sum(q, axis=_axis(x), keepdims=True)
    return q * xp.number(1 - label_smoothing) + rows * (xp.number(label_smoothing) / x.shape[_axis(x)])


def _cross_entropy_vjp(xp, g, y, saved, x, target, weight=None, *, reduction, label_smoothing, ignore_index):
    parts, hot, share = saved
    w = _weight(xp, g, x, reduction, share)
    if _is_hard(x, target, label_smoothing):
        others, rest, total, _ = parts
        return (others - hot * rest) * ((w if share is None else w * share) / total)
    logp, q = parts
    return (xp.exp(logp) * xp.sum(q, axis=_axis(x), keepdims=True) - q) * w


def _cross_entropy_jvp(xp, t, y, saved, x, target, weight=None, *, reduction, label_smoothing, ignore_index):
    axis, (parts, hot, share) = _axis(x), saved
    if _is_hard(x, target, label_smoothing):
        others, _, total, _ = parts
        apart = t - xp.sum(t * hot, axis=axis, keepdims=True)
        v = xp.sum(others * apart, axis=axis, keepdims=True) / total
        return _reduce(xp, v if share is None else v * share, x, reduction, share)
    logp, q = parts
    apart = xp.sum(xp.exp(logp) * t, axis=axis, keepdims=True) - t
    return _reduce(xp, xp.sum(q * apart, axis=axis, keepdims=True), x, reduction, share)


def _slope_of_target(xp, saved, x, weight, label_smoothing):
    slope = -saved[0][0] * xp.number(1 - label_smoothing)
    return slope if weight is None else slope * _along(xp, weight, x)


def _target_vjp(xp, g, y, saved, x, target, weight=None, *, reduction, label_smoothing, ignore_index):
    return _slope_of_target(xp, saved, x, weight, label_smoothing) * _weight(xp, g, x, reduction)


def _target_jvp(xp, t, y, saved, x, target, weight=None, *, reduction, label_smoothing, ignore_index):
    v = _slope_of_target(xp, saved, x, weight, label_smoothing) * t
    return _reduce(xp, xp.sum(v, axis=_axis(x), keepdims=True), x, reduction)


def _slope_of_weight(xp, y, saved, x, target, reduction, label_smoothing):
    """Of each entry's part in the sum of losses; that of a mean over labels has the weights in its divisor as well."""
    parts, hot, _ = saved
    if _is_hard(x, target, label_smoothing):
        slope = hot * parts[3]
    else:
        slope = -parts[0] * _probabilities(xp, x, target, hot, label_smoothing)
    return slope - hot * y if hot is not None and reduction == "mean" else slope


def _class_weight_vjp(xp, g, y, saved, x, target, weight, *, reduction, label_smoothing, ignore_index):
    slope = _slope_of_weight(xp, y, saved, x, target, reduction, label_smoothing)
    slope = slope * _weight(xp, g, x, reduction, saved[2])
    return xp.reshape(sum_to(xp, slope, _along(xp, weight, x).shape), shape=weight.shape)


def _class_weight_jvp(xp, t, y, saved, x, target, weight, *, reduction, label_smoothing, ignore_index):
    slope = _slope_of_weight(xp, y, saved, x, target, reduction, label_smoothing) * _along(xp, t, x)
    return _reduce(xp, xp.sum(slope, axis=_axis(x), keepdims=True), x, reduction, saved[2])


def _torch(torch, x, target, weight=None, *, ignore_index=None, reduction="mean", **given):
    """PyTorch's, which is not differentiable by the weights: there as the sum over classes that it is."""
    loss, ignored = torch.nn.functional.cross_entropy, -100 if ignore_index is None else ignore_index
    if weight is None:
        return loss(x, target, ignore_index=ignored, reduction=reduction, **given)
    alone = torch.eye(len(weight), dtype=x.dtype)
    rows = [loss(x, target, one, ignore_index=ignored, reduction="none", **given) for one in alone]
    rows = torch.stack(rows, -1) @ weight
    if reduction != "mean" or target.ndim == x.ndim:
        return rows if reduction == "none" else rows.sum() if reduction == "sum" else rows.mean()
    return rows.sum() / weight[target[target != ignored]].sum()


LOGITS = ((0.3, -1.0, 2.0), (0.1, 0.5, -0.7))
MIXED = ((0.2, 0.5, 0.3), (0.1, 0.1, 0.8))
LABELLED = (
    S((2, 3), idx(2, high=3)), S((3,), idx(high=3)), S((2, 3, 2), idx(2, 2, high=3), reduction="none"),
    S((4, 1), idx(4, high=1)), S((2, 3), idx(2, high=3), reduction="sum"),
)


@general(
    vjps=(_cross_entropy_vjp, _target_vjp, _class_weight_vjp),
    jvps=(_cross_entropy_jvp, _target_jvp, _class_weight_jvp), residuals=True,
    shape=_shape("cross_entropy"), check=_check("cross_entropy", soft=True), domain=(REAL, INDEX, NONNEGATIVE),
    method=False, latex=r"-\frac{1}{n} \sum #?3{#3[#2]\,}\ln \mathrm{softmax}(#1)_{#2}",
    dlatex=(
        r"\frac{1}{n}\,#g\,#?3{#3[#2]\,}(\mathrm{softmax}(#1) - \mathrm{onehot}(#2))",
        r"-\frac{1}{n}\,#g\,#?3{#3\,}\ln \mathrm{softmax}(#1)",
        r"-\frac{1}{n}\,#g \sum \mathrm{onehot}(#2) \odot (\ln \mathrm{softmax}(#1) + #y)",
    ),
    samples=(
        *LABELLED, S((2, 3), idx(2, high=3), label_smoothing=0.25),
        Sample((Arg((2, 3)), Arg((2, 3))), {}, values=(LOGITS, MIXED)),
        Sample(
            (Arg((2, 3)), Arg((2, 3))), {"label_smoothing": 0.25, "reduction": "none"}, values=(LOGITS, MIXED)
        ),
        S((4, 3), idx(4, high=3), (3,)), S((4, 3), idx(4, high=3), (3,), reduction="sum", label_smoothing=0.25),
        S((2, 3, 2), idx(2, 2, high=3), (3,), reduction="none"), S((3,), idx(high=3), (3,), reduction="sum"),
        S((6, 3), idx(6, high=3), (3,), ignore_index=1, label_smoothing=0.25),
        S((6, 3), idx(6, high=3), ignore_index=1),
        Sample((Arg((2, 3)), Arg((2, 3)), Arg((3,))), {}, values=(LOGITS, MIXED, (0.5, 2.0, 1.5))),
    ),
    torch=_torch, references=("Szegedy et al. 2016, arXiv 1512.00567 (label smoothing)",), lesson="06",
)
def cross_entropy(xp, x, target, weight=None, *, ignore_index=None, reduction="mean", label_smoothing=0.0):
    """Cross entropy of logits with integer labels or probabilities.

    Parameters
    ----------
    x : array, shape (n, c), (n, c, ...) or (c,)
        Logits; classes along axis 1.
    target : int array, shape (n,), (n, ...) or ()
        Labels, or probabilities in the shape of x, of which none is ignored.
    weight : array, shape (c,), optional
        Of each class. The mean over labels is divided by the sum of their weights, that over probabilities by their
        number.
    ignore_index : int, optional
        A label that counts as none. PyTorch ignores -100 unless told; here nothing is ignored unless told.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
        Share of probability spread over all classes.

    Raises
    ------
    IndexRangeError
        When a label is not a class.
    ShapeError, EmptyError
        The latter for the mean over nothing, or over ignored labels only.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> round(float(tl.cross_entropy([[2.0, 1.0, 0.0]], [0])), 6)
    0.407606
    >>> x = [[2.0, 1.0, 0.0], [0.0, 0.0, 5.0]]
    >>> round(float(tl.cross_entropy(x, [0, -1], [0.5, 1.0, 1.0], ignore_index=-1)), 6)
    0.407606
    """
    axis, labels, ignored, hot, share = _axis(x), target.ndim < x.ndim, None, None, None
    if labels and ignore_index is not None:
        ignored = xp.expand_dims(xp.equal(target, ignore_index), axis=axis)
        x = xp.where(ignored, 0, x)
    if labels:
        hot = _one_hot(xp, target, x, ignored)
    if labels and not (weight is None and ignored is None):
        each = xp.ones(shape=x.shape, like=x) if weight is None else _along(xp, weight, x)
        share = xp.sum(xp.where(hot, each, 0), axis=axis, keepdims=True)
    # Any number near the largest would do, so no derivative passes through it, nor through what is rounded away.
    top = xp.detach(xp.max(x, axis=axis, keepdims=True))
    z = x - top
    if not _is_hard(x, target, label_smoothing):
        logp = z - xp.log(xp.sum(xp.exp(z), axis=axis, keepdims=True))
        q = _probabilities(xp, x, target, hot, label_smoothing)
        q = q if weight is None else q * _along(xp, weight, x)
        loss = -xp.sum(q * logp, axis=axis, keepdims=True)
        return _reduce(xp, loss, x, reduction, share), ((logp, q), hot, share)
    # softmax minus one-hot would cancel for a confident true class; the sum of the others does not.
    mine = xp.sum(xp.where(hot, z, 0), axis=axis, keepdims=True)
    # What the subtraction rounded away, which the exponential would magnify.
    back, raw = z - x, xp.exp(z)
    lost = (x - (z - back)) - (top + back)
    e = raw * xp.detach(xp.where(xp.equal(raw, 0), 0, 1 + lost))
    others = e * xp.logical_not(hot)
    rest = xp.sum(others, axis=axis, keepdims=True)
    loss = xp.log1p(rest + xp.expm1(mine)) - mine
    total = rest + xp.sum(xp.where(hot, e, 0), axis=axis, keepdims=True)
    value = _reduce(xp, loss if share is None else loss * share, x, reduction, share)
    return value, ((others, rest, total, loss), hot, share)


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
