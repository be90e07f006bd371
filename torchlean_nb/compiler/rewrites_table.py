"""The table of rewrites: what people write, and the composite that is the same function.

These are more stable or shorter, but may change last digits, so they are made when asked for:
``tl.compile(f, x, rewrite=True)``. Together with those that keep all bits they are `REWRITES`.
"""

from __future__ import annotations

import math

import numpy as np

from torchlean_nb.compiler.rewrites import Rewrite
from torchlean_nb.compiler.rewrites_elementwise import ELEMENTWISE
from torchlean_nb.compiler.rewrites_exact import EXACT, MATRIX
from torchlean_nb.errors import ShapeError
from torchlean_nb.rows import lookup as op

VECTOR, LABELS = MATRIX[0], np.array([0, 2])
REDUCED = {"axis": -1, "keepdims": True}

sigmoid, softmax, log_softmax, layer_norm, rms_norm = map(
    op, ("sigmoid", "softmax", "log_softmax", "layer_norm", "rms_norm")
)
exp, log, sqrt, mean, sum_, max_ = map(op, ("exp", "log", "sqrt", "mean", "sum", "max"))


# -- softmax and its kin -----------------------------------------------------------------------------


def _exp_over_sum(x, *, axis=-1):
    return exp(x) / sum_(exp(x), axis=axis, keepdims=True)


def _shifted_exp_over_sum(x, *, axis=-1):
    e = exp(x - max_(x, axis=axis, keepdims=True))
    return e / sum_(e, axis=axis, keepdims=True)


def _shifted_log(x, *, axis=-1):
    z = x - max_(x, axis=axis, keepdims=True)
    return z - log(sum_(exp(z), axis=axis, keepdims=True))


def _shifted_logsumexp(x, *, axis=-1):
    top = max_(x, axis=axis, keepdims=True)
    return top + log(sum_(exp(x - top), axis=axis, keepdims=True))


def _only(ndim, *xs):
    """Where arrays have other numbers of axes the composite is another function."""
    for x in xs:
        if len(x.shape) != ndim:
            raise ShapeError(f"a pattern for {ndim} axes met an array of shape {x.shape}")


def _picked(x, target):
    _only(2, x)
    return sum_(op("one_hot")(target, num_classes=x.shape[-1]) * log_softmax(x, axis=1), axis=1)


def _expected(x, target):
    _only(2, x)
    return sum_(target * log_softmax(x, axis=1), axis=1)


def _expected_each(x, target):
    _only(2, x)
    return target * log_softmax(x, axis=1)


def _linear(x, w, b):
    _only(2, w), _only(1, b)
    return x @ w.T + b


# -- norms -------------------------------------------------------------------------------------------


def _standard(x, axis=-1, *, eps=1e-5):
    d = x - mean(x, axis=axis, keepdims=True)
    return d / sqrt(mean(d * d, axis=axis, keepdims=True) + eps)


def _standard_by_inverse(x, *, eps=1e-5):
    d = x - mean(x, **REDUCED)
    return d * (1 / sqrt(mean(d * d, **REDUCED) + eps))


def _standard_by_var(x, axis=-1, *, eps=1e-5):
    return (x - mean(x, axis=axis, keepdims=True)) / sqrt(op("var")(x, axis=axis, keepdims=True) + eps)


def _by_column(f):
    def columns(x, *, eps=1e-5):
        _only(2, x)
        return f(x, axis=0, eps=eps)

    return columns


def _affine(norm, axes=None):
    """A norm, times a vector, plus a vector."""

    def normed(x, w, b, *, eps=1e-5):
        _only(axes or len(x.shape), x), _only(1, w, b)
        return norm(x, eps=eps) * w + b

    return normed


def _weighted(x, w, *, eps=1e-6):
    _only(1, w)
    return rms_norm(x, eps=eps) * w


def _rms(x, *, eps=1e-6):
    return x / sqrt(mean(x * x, **REDUCED) + eps)


def _rms_by_inverse(x, *, eps=1e-6):
    return x * (1 / sqrt(mean(x * x, **REDUCED) + eps))


# -- attention ---------------------------------------------------------------------------------------


def _turned(k):
    return op("swapaxes")(k, axis1=-1, axis2=-2)


def _attention(q, k, v):
    return softmax((q @ _turned(k)) / math.sqrt(q.shape[-1]), axis=-1) @ v


def _attention_scaled(q, k, v, *, scale=0.5):
    return softmax((q @ _turned(k)) * scale, axis=-1) @ v


def _attention_query(q, k, v, *, scale=0.5):
    return softmax((q * scale) @ _turned(k), axis=-1) @ v


def _attention_masked(q, k, v, mask):
    return softmax((q @ _turned(k)) / math.sqrt(q.shape[-1]) + mask, axis=-1) @ v


def _attention_masked_scaled(q, k, v, mask, *, scale=0.5):
    return softmax((q @ _turned(k)) * scale + mask, axis=-1) @ v


# -- the table ---------------------------------------------------------------------------------------

def _conv(f):
    """A function of input, weight, bias and the options of a convolution."""

    def convolved(x, w, b, *, stride=1, padding=0, dilation=1, groups=1):
        return f(x, w, b, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups})

    return convolved


def _channels(w):
    return (w.shape[0], *[1] * (len(w.shape) - 2))


CLOSE = (
    *ELEMENTWISE,
    Rewrite(
        "linear", lambda x, w, b: op("linear")(x, w, b), (_linear,), (MATRIX, MATRIX, LABELS * 0.5),
        ulps=4, why="the gradient of the weights comes out as they lie in memory",
    ),
    Rewrite(
        "conv with bias", _conv(lambda x, w, b, how: op("conv")(x, w, b, **how)),
        (
            _conv(lambda x, w, b, how: op("conv")(x, w, **how) + op("reshape")(b, shape=(1, *_channels(w)))),
            _conv(lambda x, w, b, how: op("conv")(x, w, **how) + op("reshape")(b, shape=_channels(w))),
            _conv(lambda x, w, b, how: op("conv")(x, w, **how) + b[(slice(None), *[None] * (len(w.shape) - 2))]),
        ),
        (np.ones((1, 1, 3, 3)), np.ones((2, 1, 2, 2)), VECTOR[:2]), ulps=8, why="added where the product lies",
    ),
    Rewrite(
        "softmax", lambda x, *, axis: softmax(x, axis=axis), (_shifted_exp_over_sum, _exp_over_sum), (MATRIX,),
        ulps=128, why="no overflow, and a way back of four lines",
    ),
    Rewrite(
        "logsumexp", lambda x, *, axis, keepdims: op("logsumexp")(x, axis=axis, keepdims=keepdims),
        (lambda x, *, axis=-1, keepdims=True: log(sum_(exp(x), axis=axis, keepdims=keepdims)),), (MATRIX,), ulps=8,
        why="no overflow",
    ),
    Rewrite(
        "logsumexp, shifted", lambda x, *, axis: op("logsumexp")(x, axis=axis, keepdims=True),
        (_shifted_logsumexp,), (MATRIX,), ulps=16, why="a shorter way back",
    ),
    Rewrite(
        "log_softmax", lambda x, *, axis: log_softmax(x, axis=axis),
        (
            lambda x, *, axis=-1: log(softmax(x, axis=axis)), _shifted_log,
            lambda x, *, axis=-1: x - op("logsumexp")(x, axis=axis, keepdims=True),
        ),
        (MATRIX,), ulps=16, why="no logarithm of 0, where softmax has rounded to it",
    ),
    Rewrite(
        "cross_entropy of labels", lambda x, t: op("cross_entropy")(x, t),
        (
            lambda x, t: op("nll_loss")(log_softmax(x, axis=1), t), lambda x, t: -mean(_picked(x, t)),
            lambda x, t: mean(-_picked(x, t)),
        ),
        (MATRIX, LABELS), ulps=16, why="one line of arithmetic on the way back, without cancellation",
    ),
    Rewrite(
        "cross_entropy", lambda x, t: op("cross_entropy")(x, t),
        (
            lambda x, t: -mean(_expected(x, t)), lambda x, t: mean(-_expected(x, t)),
            lambda x, t: -sum_(_expected_each(x, t)) / x.shape[0],
            lambda x, t: -(sum_(_expected_each(x, t)) / x.shape[0]),
        ),
        (MATRIX, abs(MATRIX)), ulps=16, why="softmax minus target on the way back",
    ),
    Rewrite(
        "cross_entropy, summed", lambda x, t: op("cross_entropy")(x, t, reduction="sum"),
        (lambda x, t: -sum_(_expected_each(x, t)), lambda x, t: -sum_(_expected(x, t))), (MATRIX, abs(MATRIX)),
        ulps=16, why="softmax minus target on the way back",
    ),
    Rewrite(
        "bce_with_logits", lambda x, t: op("bce_with_logits")(x, t),
        (
            lambda x, t: -mean(t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x))),
            lambda x, t: mean(-(t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x)))),
            lambda x, t: mean(-t * log(sigmoid(x)) - (1 - t) * log(1 - sigmoid(x))),
        ),
        (MATRIX, abs(MATRIX) / 2), ulps=512, why="no logarithm of 0, and sigmoid minus target on the way back",
    ),
    Rewrite(
        "norm", lambda x, *, axis, keepdims: op("norm")(x, axis=axis, keepdims=keepdims),
        (lambda x, *, axis=-1, keepdims=True: sqrt(sum_(op("square")(x), axis=axis, keepdims=keepdims)),), (MATRIX,),
        ulps=8, why="its gradient at 0 is 0",
    ),
    Rewrite(
        "batch_norm", lambda x, *, eps: op("batch_norm")(x, eps=eps),
        (_by_column(_standard), _by_column(_standard_by_var)), (MATRIX,), ulps=64, why="a way back of one formula",
    ),
    Rewrite(
        "batch_norm with weight and bias", lambda x, w, b, *, eps: op("batch_norm")(x, w, b, eps=eps),
        (_affine(op("batch_norm"), 2),), (MATRIX, VECTOR, VECTOR), ulps=8,
        why="one node",
    ),
    Rewrite(
        "layer_norm", lambda x, *, eps: layer_norm(x, eps=eps),
        (_standard, _standard_by_inverse, _standard_by_var), (MATRIX,), ulps=64, why="a way back of one formula",
    ),
    Rewrite(
        "layer_norm with weight and bias", lambda x, w, b, *, eps: layer_norm(x, w, b, eps=eps),
        (_affine(layer_norm),), (MATRIX, VECTOR, VECTOR), ulps=4,
        why="one node",
    ),
    Rewrite(
        "rms_norm", lambda x, *, eps: rms_norm(x, eps=eps), (_rms, _rms_by_inverse), (MATRIX,), ulps=32,
        why="a way back of one formula",
    ),
    Rewrite(
        "rms_norm with weight", lambda x, w, *, eps: rms_norm(x, w, eps=eps),
        (_weighted,), (MATRIX, VECTOR), ulps=4, why="one node",
    ),
    Rewrite(
        "scaled_dot_product_attention", lambda q, k, v: op("scaled_dot_product_attention")(q, k, v),
        (_attention,), (MATRIX, MATRIX, MATRIX), ulps=64, why="one node, and a way back that keeps the weights",
    ),
    Rewrite(
        "scaled_dot_product_attention, scaled",
        lambda q, k, v, *, scale: op("scaled_dot_product_attention")(q, k, v, scale=scale),
        (_attention_scaled, _attention_query), (MATRIX, MATRIX, MATRIX), ulps=64,
        why="one node, and a way back that keeps the weights",
    ),
    Rewrite(
        "scaled_dot_product_attention with a mask",
        lambda q, k, v, mask: op("scaled_dot_product_attention")(q, k, v, mask),
        (_attention_masked,), (MATRIX, MATRIX, MATRIX, np.zeros((2, 2))), ulps=64,
        why="one node, and a way back that keeps the weights",
    ),
    Rewrite(
        "scaled_dot_product_attention with a mask, scaled",
        lambda q, k, v, mask, *, scale: op("scaled_dot_product_attention")(q, k, v, mask, scale=scale),
        (_attention_masked_scaled,), (MATRIX, MATRIX, MATRIX, np.zeros((2, 2))), ulps=64,
        why="one node, and a way back that keeps the weights",
    ),
)  # fmt: skip
REWRITES = (*EXACT, *CLOSE)
