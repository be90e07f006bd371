"""Attention: weighted means whose weights are a softmax of scores, and rotary positions."""

import math

from torchlean_nb.backend.reading import read
from torchlean_nb.domains import INDEX, MASK, REAL, Arg, S, Sample
from torchlean_nb.errors import CapabilityError, DTypeError, HyperparameterError, ShapeError
from torchlean_nb.ops._shapes import broadcast, positive_int, sum_to
from torchlean_nb.ops.linalg import matmul, turned
from torchlean_nb.ops.random import bernoulli_mask, check_key, check_rate
from torchlean_nb.ops.shape import broadcast_to, reshape, stack, swapaxes
from torchlean_nb.rows import function, general, linear


def _scaled(xp, s, q, scale):
    """Scores, fresh ones, times the scale, by default divided by the root of the head size."""
    s *= xp.number(1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    return s


FLOAT_MASK = (
    ((0.3, -1.0), (2.0, 0.4)), ((0.1, 0.5), (-0.7, 1.0), (0.2, 0.9)), ((1.0,), (-2.0,), (0.5,)), ((0.5, -1.5, 0.2),),
)


def _causal(xp, s):
    """Mask that allows each row the columns up to its own number."""
    ones = xp.ones(shape=s.shape[-2:], like=s)
    return xp.greater_equal(xp.cumsum(ones, axis=0), xp.cumsum(ones, axis=1))


def _attended(q, k, v, attn_mask=None, key=None, **_):
    if min(map(len, (q, k, v))) < 2 or q[-1] != k[-1] or k[-2] != v[-2]:
        raise ShapeError(
            f"scaled_dot_product_attention: q {q}, k {k} and v {v} do not fit",
            "q (..., n, d), k (..., m, d), v (..., m, e)",
        )
    scores = (*broadcast(q[:-2], k[:-2], v[:-2], name="scaled_dot_product_attention"), q[-2], k[-2])
    if attn_mask is not None and broadcast(scores, attn_mask, name="scaled_dot_product_attention, mask") != scores:
        raise ShapeError(f"scaled_dot_product_attention: a mask of shape {attn_mask} for scores of shape {scores}")
    return (*scores[:-1], v[-1])


def _check(q, k, v, attn_mask=None, key=None, *, dropout_p=0.0, **_):
    if attn_mask is not None and attn_mask.dtype.kind not in "bfO":
        raise DTypeError(
            f"scaled_dot_product_attention: the mask must be bool or float, got {attn_mask.dtype}",
            "True stands for allowed; numbers are added to the scores", "m > 0",
        )
    if dropout_p:
        check_rate("scaled_dot_product_attention: dropout_p", dropout_p)
        if key is None:
            raise CapabilityError("scaled_dot_product_attention: dropout_p needs a key", None, "s.draw_key()")
        check_key("scaled_dot_product_attention", key)
    _attended(q.shape, k.shape, v.shape, None if attn_mask is None else attn_mask.shape)


def _shared(q, x, name):
    """Every head of keys or values once for each of the heads of q that share it."""
    if min(len(q.shape), len(x.shape)) < 3 or q.shape[-3] % x.shape[-3]:
        raise ShapeError(
            f"scaled_dot_product_attention: {name} {tuple(x.shape)} cannot be shared by heads of q {tuple(q.shape)}",
            "axis -3 counts heads, those of q are a multiple of the others",
        )
    *front, heads, steps, width = x.shape
    each = (*front, heads, q.shape[-3] // heads, steps, width)
    x = broadcast_to(reshape(x, (*front, heads, 1, steps, width)), shape=each)
    return reshape(x, (*front, q.shape[-3], steps, width))


def _names(args, kwargs):
    """The mask by any of its names: True means that a row may look there; and heads that share keys and values."""
    if "enable_gqa" in kwargs:
        kwargs = dict(kwargs)
        grouped, given = kwargs.pop("enable_gqa"), dict(zip("qkv", args, strict=False))
        given |= {n: kwargs.pop(n) for n in "qkv" if n in kwargs}
        if grouped and len(given) == 3:
            q, k, v = (a if hasattr(a, "shape") else read(a, f"scaled_dot_product_attention: {n}")
                       for n, a in ((n, given[n]) for n in "qkv"))  # fmt: skip
            given = {"q": q, "k": _shared(q, k, "k"), "v": _shared(q, v, "v")}
        args = (*given.values(), *args[3:])
    for name in ("mask", "allow"):
        if name in kwargs:
            kwargs = {**{k: v for k, v in kwargs.items() if k != name}, "attn_mask": kwargs[name]}
    return args, kwargs


def _scores_vjp(xp, g, saved, v):
    """What the scores receive: the pull-back of softmax."""
    w, kept, _ = saved
    dw = _kept(xp.matmul(g, turned(xp, v)), kept)
    dw -= xp.sum(w * dw, axis=-1, keepdims=True)
    dw *= w
    return dw


def _products_vjp(xp, g, saved, q, v, scale):
    """What the products of q and k receive: worked out by the rule of q and found again by that of k."""
    *_, kept = saved
    of, made = kept.get("last", (None, None))
    if of is not g:
        made = _scaled(xp, _scores_vjp(xp, g, saved, v), q, scale)
        kept["last"] = g, made
    return made


def _scores_jvp(xp, ds, saved, v):
    """What a change of the scores does to the value: the push-forward of softmax."""
    w, kept, _ = saved
    return xp.matmul(_kept(w * ds - w * xp.sum(w * ds, axis=-1, keepdims=True), kept), v)


def _kept(w, kept, *_):
    """Weights after dropout."""
    return w if kept is None else w * kept


def _vjp(rule):
    return lambda xp, g, y, saved, q, k, v, attn_mask=None, key=None, *, scale, **_: rule(
        xp, g, saved, q, k, v, attn_mask, scale
    )


@general(
    vjps=(
        _vjp(lambda xp, g, saved, q, k, v, mask, scale: sum_to(
            xp, xp.matmul(_products_vjp(xp, g, saved, q, v, scale), k), q.shape
        )),
        _vjp(lambda xp, g, saved, q, k, v, mask, scale: sum_to(
            xp, xp.matmul(turned(xp, _products_vjp(xp, g, saved, q, v, scale)), q), k.shape
        )),
        _vjp(lambda xp, g, saved, q, k, v, mask, scale: sum_to(xp, xp.matmul(turned(xp, _kept(*saved)), g), v.shape)),
        _vjp(lambda xp, g, saved, q, k, v, mask, scale: sum_to(xp, _scores_vjp(xp, g, saved, v), mask.shape)),
        None,
    ),
    jvps=(
        _vjp(lambda xp, t, saved, q, k, v, mask, scale: _scores_jvp(
            xp, _scaled(xp, xp.matmul(t, turned(xp, k)), q, scale), saved, v
        )),
        _vjp(lambda xp, t, saved, q, k, v, mask, scale: _scores_jvp(
            xp, _scaled(xp, xp.matmul(q, turned(xp, t)), q, scale), saved, v
        )),
        _vjp(lambda xp, t, saved, q, k, v, mask, scale: xp.matmul(_kept(*saved), t)),
        _vjp(lambda xp, t, saved, q, k, v, mask, scale: _scores_jvp(xp, t, saved, v)),
        None,
    ),
    residuals=True, shape=_attended, check=_check, prepare=_names, domain=(REAL, REAL, REAL, MASK, INDEX),
    method=False, latex=r"\mathrm{softmax}(\frac{#1\,#2^{\top}}{\sqrt{d}})\,#3",
    dlatex=(
        r"\frac{1}{\sqrt{d}}\,H\,#2", r"\frac{1}{\sqrt{d}}\,H^{\top}\,#1", r"A^{\top}\,#g", "H", "",
    ),
    samples=(
        S((3, 2), (4, 2), (4, 5)), S((2, 3, 4), (2, 3, 4), (2, 3, 4), is_causal=True),
        S((2, 3, 2), (2, 4, 2), (2, 4, 1), (3, 4)), S((2, 3, 2), (4, 2), (4, 3), scale=0.5),
        Sample((Arg((2, 2)), Arg((3, 2)), Arg((3, 1)), Arg((1, 3))), {}, values=FLOAT_MASK),
        Sample((Arg((3, 2)), Arg((2, 2)), Arg((2, 2)), Arg((3, 2)), Arg((), 8)), {"dropout_p": 0.5}),
    ),
    torch=lambda torch, q, k, v, mask=None, key=None, *, is_causal=False, scale=None, dropout_p=0.0: _plain(
        torch, q, k, v, mask, key, is_causal, scale, dropout_p
    ),
    references=("Vaswani et al. 2017, arXiv 1706.03762",), lesson="18",
)
def scaled_dot_product_attention(
    xp, q, k, v, attn_mask=None, key=None, *, dropout_p=0.0, is_causal=False, scale=None
):
    """Rows of v averaged with the weights softmax(q k' / sqrt(d)).

    Parameters
    ----------
    q : array, shape (..., n, d)
    k : array, shape (..., m, d)
    v : array, shape (..., m, e)
    attn_mask : bool or float array, shape (..., n, m), optional
        True where a row may look, so that a row that may look nowhere gets 0; or numbers to be added to
        the scores. It may also be called `mask` or `allow`.
    key : int, optional
        Which random mask, when there is dropout.
    dropout_p : float in [0, 1)
        With this probability a weight is 0; the others are divided by 1 - p.
    is_causal : bool
        Each row may look at itself and what comes before.
    scale : float, optional
        Instead of 1 / sqrt(d).
    enable_gqa : bool
        Whether heads of q share those of k and v, axis -3 being that of heads: k and v are then repeated, node by
        node (Ainslie et al. 2023, arXiv 2305.13245).

    Raises
    ------
    ShapeError, DTypeError, HyperparameterError, CapabilityError
    """
    s = _scaled(xp, xp.matmul(q, turned(xp, k)), q, scale)
    if attn_mask is not None:
        s = xp.where(attn_mask, s, -math.inf) if attn_mask.dtype.kind == "b" else s + attn_mask
    if is_causal:
        s = xp.where(_causal(xp, s), s, -math.inf)
    top = xp.max(s, axis=-1, keepdims=True)
    s -= xp.where(xp.equal(top, -math.inf), 0, top)
    w = xp.exp(s)
    total = xp.sum(w, axis=-1, keepdims=True)
    w /= total + xp.equal(total, 0)
    kept = None
    if dropout_p:
        ones = xp.ones(shape=w.shape, like=w)
        kept = ones * xp.bernoulli(key, shape=w.shape, keep=1 - dropout_p) / xp.number(1 - dropout_p)
    return xp.matmul(_kept(w, kept), v), (w, kept, {})


def _plain(torch, q, k, v, mask, key, is_causal, scale, dropout_p):
    """The oracle step by step: PyTorch's fused kernel has other conventions for masked rows."""
    s = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    s, allowed = (s, mask) if mask is None or mask.dtype == torch.bool else (s + mask, None)
    allowed = torch.ones(s.shape, dtype=torch.bool) if allowed is None else allowed.expand(s.shape)
    allowed = torch.tril(allowed) if is_causal else allowed
    w = torch.softmax(s.masked_fill(~allowed, -1e300), -1) * allowed
    kept = torch.tensor(bernoulli_mask(int(key), shape=tuple(w.shape), keep=1 - dropout_p)) if dropout_p else 1
    return (w * kept / (1 - dropout_p)) @ v


@function
def multi_head_attention(x, wq, wk, wv, wo, mask=None, *, num_heads, is_causal=False):
    """Self-attention in several heads, node by node: (heads of) x wq, x wk, x wv, attention, then wo.

    As in TorchLean: no biases, and True in the mask stands for allowed. A row that may look nowhere gets 0.

    Parameters
    ----------
    x : Tensor, shape (..., n, d)
    wq, wk, wv : Tensor, shape (d, num_heads * h)
    wo : Tensor, shape (num_heads * h, d)
    mask : bool array, shape (n, n), optional
    """
    width = wq.shape[-1]
    if width % positive_int(num_heads, "multi_head_attention: num_heads"):
        raise ShapeError(f"multi_head_attention: {width} columns do not split into {num_heads} heads")

    def heads(w):
        h = matmul(x, w)
        return swapaxes(reshape(h, (*h.shape[:-1], num_heads, w.shape[-1] // num_heads)), -3, -2)

    out = scaled_dot_product_attention(*map(heads, (wq, wk, wv)), mask, is_causal=is_causal)
    out = swapaxes(out, -3, -2)
    return matmul(reshape(out, (*out.shape[:-2], out.shape[-2] * out.shape[-1])), wo)


def _angles(xp, x, base, start):
    """Cosine and sine of position times frequency, shape (n, d // 2)."""
    n, half = x.shape[-2], x.shape[-1] // 2
    place = xp.cumsum(xp.ones(shape=(n, 1), like=x), axis=0) + (start - 1)
    number = xp.cumsum(xp.ones(shape=(1, half), like=x), axis=1) - 1
    angle = place * xp.exp(number * xp.number(-2 * math.log(base) / x.shape[-1]))
    return xp.cos(angle), xp.sin(angle)


def _rotated(xp, x, cos, sin, interleaved):
    """Pairs of entries turned by their angles: neighbours, or one from each half. An odd last entry stays."""
    half = x.shape[-1] // 2
    even = xp.index(x, key=(..., slice(0, 2 * half)))
    split = (half, 2) if interleaved else (2, half)
    pairs = xp.reshape(even, shape=(*x.shape[:-1], *split))
    axis = -1 if interleaved else -2
    a, b = (xp.index(pairs, key=(..., i) if interleaved else (..., i, slice(None))) for i in (0, 1))
    turned = xp.stack(a * cos - b * sin, b * cos + a * sin, axis=axis)
    turned = xp.reshape(turned, shape=even.shape)
    return turned if x.shape[-1] % 2 == 0 else xp.concatenate(turned, x[..., 2 * half :], axis=-1)


def _rope_vjp(xp, g, y, x, *, base, start_pos, interleaved):
    cos, sin = _angles(xp, x, base, start_pos)
    return _rotated(xp, g, cos, -sin, interleaved)


def _check_rope(x, *, base, start_pos, interleaved):
    if x.ndim < 2 or x.shape[-1] < 2:
        raise ShapeError(
            f"rope: shape {x.shape}, at least 2 entries and positions before them are needed", None, "(n, d)"
        )
    if not 1 < base < math.inf:
        raise HyperparameterError(f"rope: base must be > 1, got {base}")
    positive_int(start_pos, "rope: start_pos", 0)


@linear(
    vjps=(_rope_vjp,), shape=lambda x, **_: x, check=_check_rope, exact=False, method=False,
    latex=r"R(#1)", dlatex=(r"R^{\top}(#g)",), lesson="18",
    samples=(
        S((3, 4)), S((2, 5, 2), start_pos=3), S((1, 6), base=100.0), S((2, 5)), S((3, 4), interleaved=False),
        S((2, 2, 7), interleaved=False, start_pos=1),
    ),
    references=("Su et al. 2021, arXiv 2104.09864",),
)
def rope(xp, x, *, base=10000.0, start_pos=0, interleaved=True):
    """Rotary positions: pair i of row p turned by the angle p * base**(-2 i / d).

    Parameters
    ----------
    x : array, shape (..., n, d)
        When d is odd the last entry belongs to no pair and stays.
    base : float > 1
    start_pos : int
        Position of the first row, for rows that continue a sequence.
    interleaved : bool
        Whether pairs are neighbours, or entry i and entry i + d / 2.
    """
    return _rotated(xp, x, *_angles(xp, x, base, start_pos), interleaved)


@function
def sinusoidal_positions(length, dim, base=10000.0):
    """One row per position: sines in the even columns, cosines in the odd ones.

    Parameters
    ----------
    length, dim : int
    base : float > 1

    Returns
    -------
    array, shape (length, dim)

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.sinusoidal_positions(2, 3).round(4).tolist()
    [[0.0, 1.0, 0.0], [0.8415, 0.5403, 0.0022]]
    """
    positive_int(length, "sinusoidal_positions: length"), positive_int(dim, "sinusoidal_positions: dim")
    rows = [[p * base ** (-2 * (i // 2) / dim) for i in range(dim)] for p in range(length)]
    return stack([[(math.cos if i % 2 else math.sin)(a) for i, a in enumerate(row)] for row in rows], axis=0)
