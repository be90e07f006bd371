"""Faster rules, for programs that need not have the last digits of eager mode: ``tl.compile(f, ..., fast=True)``.

The rows of the toolkit keep their digits in the tails and add up float32 in float64. Here are the same functions with
fewer passes over the data: sums as float32 products with ones, slopes by way of the values. Value and gradient differ
from those of the rows by rounding: by at most `TOLERANCE` of the largest entry, in units of the number type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from torchlean_nb.compiler.lowering import Graph
from torchlean_nb.compiler.passes import drop_unused
from torchlean_nb.rows import OPS, Op

TOLERANCE = 64  # times the spacing of numbers at the largest entry
SPELLED = {"add": "({} + {})", "sub": "({} - {})", "mul": "({} * {})", "div": "({} / {})"}
TANH_SCALE, TANH_CUBE = 2 * math.sqrt(2 / math.pi), 0.044715


def rows_sum(xp: Any, x: Any) -> Any:
    """Sum over all axes but the last, as one product."""
    width = x.shape[-1]
    flat = xp.reshape(x, shape=(x.size // width, width)) if x.ndim != 2 else x
    return xp.matmul(xp.ones(shape=flat.shape[:1], like=flat), flat)


def last_sum(xp: Any, x: Any) -> Any:
    """Sum over the last axis, which stays with size 1, as one product."""
    return xp.matmul(x, xp.ones(shape=(x.shape[-1], 1), like=x))


def last_mean(xp: Any, x: Any) -> Any:
    """Mean over the last axis, which stays with size 1."""
    return xp.matmul(x, xp.ones(shape=(x.shape[-1], 1), like=x) / x.shape[-1])


def all_sum(xp: Any, x: Any) -> Any:
    """Sum of everything."""
    flat = xp.reshape(x, shape=(x.size,))
    return xp.matmul(xp.ones(shape=flat.shape, like=flat), flat)


def _tanh_slope(xp: Any, t: Any, y: Any, x: Any) -> Any:
    return t * (1 - y * y)


def _linear_bias(xp: Any, g: Any, y: Any, x: Any, w: Any, b: Any = None) -> Any:
    return rows_sum(xp, g) if g.ndim > 1 and g.size else OPS["linear"].rules[2](xp, g, y, x, w, b)


def _mse(xp: Any, x: Any, target: Any, *, reduction: Any = "mean") -> Any:
    if reduction == "none" or not x.size:
        return OPS["mse_loss"].forward(xp, x, target, reduction=reduction)
    d = xp.reshape(x - target, shape=(x.size,))
    total = xp.matmul(d, d)
    return total / x.size if reduction == "mean" else total


def _mse_slope(sign: int) -> Callable[..., Any]:
    def vjp(xp: Any, g: Any, y: Any, x: Any, target: Any, *, reduction: Any) -> Any:
        return (sign * 2 * (g / x.size if reduction == "mean" else g)) * (x - target)

    return vjp


def _is_hard(x: Any, target: Any, weight: Any, attrs: Any) -> bool:
    plain = weight is None and attrs["ignore_index"] is None and not attrs["label_smoothing"]
    return plain and x.ndim == 2 and target.ndim == 1 and attrs["reduction"] != "none" and x.size > 0


def _cross_entropy(
    xp: Any, x: Any, target: Any, weight: Any = None, *, ignore_index: Any = None, reduction: Any = "mean",
    label_smoothing: Any = 0.0,
) -> Any:  # fmt: skip
    attrs = {"ignore_index": ignore_index, "reduction": reduction, "label_smoothing": label_smoothing}
    if not _is_hard(x, target, weight, attrs):
        return OPS["cross_entropy"].forward(xp, x, target, weight, **attrs)
    z = x - xp.max(x, axis=-1, keepdims=True)
    hot = xp.astype(xp.one_hot(target, num_classes=x.shape[1]), dtype=x.dtype.name)
    e = xp.exp(z)
    total = last_sum(xp, e)
    flat = (x.size,)
    mine = xp.matmul(xp.reshape(z, shape=flat), xp.reshape(hot, shape=flat))
    loss = all_sum(xp, xp.log(total)) - mine
    return (loss / x.shape[0] if reduction == "mean" else loss), (e, total, hot)


def _cross_entropy_vjp(
    xp: Any, g: Any, y: Any, saved: Any, x: Any, target: Any, weight: Any = None, **attrs: Any
) -> Any:
    if not _is_hard(x, target, weight, attrs):
        return OPS["cross_entropy"].rules[0](xp, g, y, saved, x, target, weight, **attrs)
    e, total, hot = saved
    return (e / total - hot) * (g / x.shape[0] if attrs["reduction"] == "mean" else g)


def _narrow(x: Any, weight: Any, bias: Any, normalized_shape: Any) -> bool:
    """Whether a layer norm is over the last axis."""
    tail = (weight if weight is not None else bias).shape if weight is not None or bias is not None else None
    return x.ndim > 1 and x.size > 0 and len(normalized_shape or tail or (1,)) == 1


def _layer_norm(
    xp: Any, x: Any, weight: Any = None, bias: Any = None, *, normalized_shape: Any = None, eps: Any = 1e-5
) -> Any:
    if not _narrow(x, weight, bias, normalized_shape):
        return OPS["layer_norm"].forward(xp, x, weight, bias, normalized_shape=normalized_shape, eps=eps)
    d = x - last_mean(xp, x)
    inv = 1 / xp.sqrt(last_mean(xp, d * d) + xp.number(eps))
    hat = d * inv
    y = hat if weight is None else hat * weight
    return (y if bias is None else y + bias), (hat, inv, None, None)


def _norm_input(xp: Any, g: Any, y: Any, saved: Any, x: Any, weight: Any = None, bias: Any = None, **attrs: Any) -> Any:
    if not _narrow(x, weight, bias, attrs["normalized_shape"]):
        return OPS["layer_norm"].rules[0](xp, g, y, saved, x, weight, bias, **attrs)
    hat, inv = saved[:2]
    h = g if weight is None else g * weight
    return (h - hat * last_mean(xp, h * hat) - last_mean(xp, h)) * inv


def _norm_weight(
    xp: Any, g: Any, y: Any, saved: Any, x: Any, weight: Any = None, bias: Any = None, **attrs: Any
) -> Any:
    if not _narrow(x, weight, bias, attrs["normalized_shape"]):
        return OPS["layer_norm"].rules[1](xp, g, y, saved, x, weight, bias, **attrs)
    return rows_sum(xp, g * saved[0])


def _norm_bias(xp: Any, g: Any, y: Any, saved: Any, x: Any, weight: Any = None, bias: Any = None, **attrs: Any) -> Any:
    if not _narrow(x, weight, bias, attrs["normalized_shape"]):
        return OPS["layer_norm"].rules[2](xp, g, y, saved, x, weight, bias, **attrs)
    return rows_sum(xp, g)


def _logistic(xp: Any, x: Any) -> tuple[Any, Any]:
    """Square of x, and sigmoid of twice the inside of the tanh of gelu."""
    square = x * x
    inner = (square * xp.number(TANH_CUBE) + 1) * x * xp.number(-TANH_SCALE)
    return square, 1 / (xp.exp(inner) + 1)


def _gelu(xp: Any, x: Any, *, approximate: Any = "none") -> Any:
    if approximate != "tanh":
        return OPS["gelu"].run(xp, x, approximate=approximate)
    return x * _logistic(xp, x)[1]


def _gelu_slope(xp: Any, t: Any, y: Any, x: Any, *, approximate: Any) -> Any:
    if approximate != "tanh":
        row = OPS["gelu"]
        return row.rules[0](xp, t, y, row.forward(xp, x, approximate=approximate)[1], x, approximate=approximate)
    square, s = _logistic(xp, x)
    steep = (square * xp.number(3 * TANH_CUBE * TANH_SCALE) + xp.number(TANH_SCALE)) * y
    return t * (steep * (1 - s) + s)


def _attention(
    xp: Any, q: Any, k: Any, v: Any, attn_mask: Any = None, key: Any = None, *, dropout_p: Any = 0.0,
    is_causal: Any = False, scale: Any = None,
) -> Any:  # fmt: skip
    if attn_mask is not None or dropout_p or is_causal or not k.size:
        row, attrs = OPS["scaled_dot_product_attention"], {"dropout_p": dropout_p, "is_causal": is_causal}
        return row.forward(xp, q, k, v, attn_mask, key, scale=scale, **attrs)
    n = k.ndim
    turned = xp.transpose(k, axes=(*range(n - 2), n - 1, n - 2))
    s = xp.matmul(q, turned) * xp.number(1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    e = xp.exp(s - xp.max(s, axis=-1, keepdims=True))
    w = e / last_sum(xp, e)
    return xp.matmul(w, v), (w, None, {})


def _plain_attention(saved: Any, q: Any, k: Any, v: Any, mask: Any) -> bool:
    """Whether nothing was masked, dropped or broadcast."""
    lead = q.shape[:-2]
    return mask is None and saved[1] is None and lead == k.shape[:-2] == v.shape[:-2] and k.size > 0


def _attention_vjp(number: int) -> Callable[..., Any]:
    def vjp(
        xp: Any, g: Any, y: Any, saved: Any, q: Any, k: Any, v: Any, attn_mask: Any = None, key: Any = None, *,
        scale: Any, **attrs: Any,
    ) -> Any:  # fmt: skip
        if not _plain_attention(saved, q, k, v, attn_mask):
            rule = OPS["scaled_dot_product_attention"].rules[number]
            return rule(xp, g, y, saved, q, k, v, attn_mask, key, scale=scale, **attrs)
        n, w = q.ndim, saved[0]
        turn = (*range(n - 2), n - 1, n - 2)
        if number == 2:
            return xp.matmul(xp.transpose(w, axes=turn), g)
        dw = xp.matmul(g, xp.transpose(v, axes=turn))
        s = (dw - last_sum(xp, w * dw)) * w * xp.number(1 / math.sqrt(q.shape[-1]) if scale is None else scale)
        return xp.matmul(s, k) if number == 0 else xp.matmul(xp.transpose(s, axes=turn), q)

    return vjp


def _softmax(xp: Any, x: Any, *, axis: Any = -1) -> Any:
    if x.ndim == 0 or axis % x.ndim != x.ndim - 1 or not x.size:
        return OPS["softmax"].forward(xp, x, axis=axis)
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return e / last_sum(xp, e)


def _conv_bias(xp: Any, g: Any, y: Any, cols: Any, x: Any, w: Any, b: Any = None, **attrs: Any) -> Any:
    n = w.ndim - 2
    if g.ndim != n + 2 or not g.size:
        return OPS["conv"].rules[2](xp, g, y, cols, x, w, b, **attrs)
    last = xp.transpose(g, axes=(0, *range(2, n + 2), 1))
    return rows_sum(xp, xp.reshape(last, shape=(g.size // g.shape[1], g.shape[1])))


@cache
def faster() -> dict[str, Op]:
    """The rows that have faster rules, by name."""
    attention = OPS["scaled_dot_product_attention"]
    linear, norm, conv, entropy = (OPS[k] for k in ("linear", "layer_norm", "conv", "cross_entropy"))
    found = [
        OPS["tanh"].with_(partials=(_tanh_slope,)),
        linear.with_(vjps=(*linear.vjps[:2], _linear_bias)),
        conv.with_(vjps=(*conv.vjps[:2], _conv_bias)),
        OPS["mse_loss"].with_(forward=_mse, vjps=(_mse_slope(1), _mse_slope(-1))),
        entropy.with_(forward=_cross_entropy, vjps=(_cross_entropy_vjp, *entropy.vjps[1:])),
        norm.with_(forward=_layer_norm, vjps=(_norm_input, _norm_weight, _norm_bias)),
        OPS["gelu"].with_(forward=_gelu, partials=(_gelu_slope,), residuals=False),
        attention.with_(forward=_attention, vjps=(*map(_attention_vjp, range(3)), *attention.vjps[3:])),
        OPS["softmax"].with_(forward=_softmax),
    ]
    return {op.name: op for op in found}


def ending(graph: Graph) -> tuple[Graph, str, int]:
    """What is done to single numbers for the first result alone, as Python: a NumPy call costs more than that.

    Returns
    -------
    graph : Graph
        Its first results are the numbers the text is made from.
    text : str
        Such as ``{0} / 32.0``.
    count : int
        How many they are.
    """
    lines, (end, *others) = graph.lines, graph.outputs
    readers: dict[int, int] = {}
    for line in lines:
        for a in line.args:
            readers[a] = readers.get(a, 0) + 1
    leaves: list[int] = []

    def spell(i: int, alone: bool) -> str:
        line = lines[i]
        if line.op == "const" and not line.shape and math.isfinite(line.value):
            return repr(line.value.item())
        plain = line.op in SPELLED and not any(lines[a].shape for a in line.args)
        plain = plain and (line.op != "div" or bool(lines[line.args[1]].value))  # Python raises for zero
        if plain and not line.shape and alone and i not in others:
            return SPELLED[line.op].format(*[spell(a, readers[a] == 1) for a in line.args])
        if i not in leaves:
            leaves.append(i)
        return f"{{{leaves.index(i)}}}"

    text = spell(end, end not in readers)
    text = text[1:-1] if text.startswith("(") else text
    return drop_unused(Graph(lines, graph.inputs, (*leaves, *others))), text, len(leaves)
