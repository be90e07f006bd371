"""Attention: weighted means whose weights are a softmax of scores, and rotary positions."""

import math

from torchlean_nb.domains import MASK, REAL, S
from torchlean_nb.errors import DTypeError, HyperparameterError, ShapeError
from torchlean_nb.ops._shapes import broadcast, positive_int, sum_to
from torchlean_nb.ops.linalg import matmul, turned
from torchlean_nb.ops.shape import reshape, swapaxes
from torchlean_nb.rows import function, general, linear


def _scaled(xp, s, q, scale):
    """Scores times the scale, by default divided by the root of the head size."""
    return s * xp.number(1 / math.sqrt(q.shape[-1]) if scale is None else scale)


def _causal(xp, s):
    """Mask that allows each row the columns up to its own number."""
    ones = xp.ones(shape=s.shape[-2:], like=s)
    return xp.greater_equal(xp.cumsum(ones, axis=0), xp.cumsum(ones, axis=1))


def _attended(q, k, v, mask=None, **_):
    if min(map(len, (q, k, v))) < 2 or q[-1] != k[-1] or k[-2] != v[-2]:
        raise ShapeError(
            f"scaled_dot_product_attention: q {q}, k {k} and v {v} do not fit",
            "q (..., n, d), k (..., m, d), v (..., m, e)",
        )
    scores = (*broadcast(q[:-2], k[:-2], v[:-2], name="scaled_dot_product_attention"), q[-2], k[-2])
    if mask is not None:
        broadcast(scores, mask, name="scaled_dot_product_attention, mask")
    return (*scores[:-1], v[-1])


def _check(q, k, v, mask=None, **_):
    if mask is not None and mask.dtype.kind != "b":
        raise DTypeError(
            f"scaled_dot_product_attention: the mask must be bool, got {mask.dtype}", "True stands for allowed", "m > 0"
        )
    _attended(q.shape, k.shape, v.shape, None if mask is None else mask.shape)


def _scores_vjp(xp, g, w, q, v, scale):
    """What the scores receive: the pull-back of softmax."""
    dw = xp.matmul(g, turned(xp, v))
    return _scaled(xp, w * (dw - xp.sum(w * dw, axis=-1, keepdims=True)), q, scale)


def _scores_jvp(xp, ds, w, q, v, scale):
    """What a change of the scores does to the value: the push-forward of softmax."""
    ds = _scaled(xp, ds, q, scale)
    return xp.matmul(w * ds - w * xp.sum(w * ds, axis=-1, keepdims=True), v)


@general(
    vjps=(
        lambda xp, g, y, w, q, k, v, mask=None, *, is_causal, scale: sum_to(
            xp, xp.matmul(_scores_vjp(xp, g, w, q, v, scale), k), q.shape
        ),
        lambda xp, g, y, w, q, k, v, mask=None, *, is_causal, scale: sum_to(
            xp, xp.matmul(turned(xp, _scores_vjp(xp, g, w, q, v, scale)), q), k.shape
        ),
        lambda xp, g, y, w, q, k, v, mask=None, *, is_causal, scale: sum_to(xp, xp.matmul(turned(xp, w), g), v.shape),
        None,
    ),
    jvps=(
        lambda xp, t, y, w, q, k, v, mask=None, *, is_causal, scale: _scores_jvp(
            xp, xp.matmul(t, turned(xp, k)), w, q, v, scale
        ),
        lambda xp, t, y, w, q, k, v, mask=None, *, is_causal, scale: _scores_jvp(
            xp, xp.matmul(q, turned(xp, t)), w, q, v, scale
        ),
        lambda xp, t, y, w, q, k, v, mask=None, *, is_causal, scale: xp.matmul(w, t),
        None,
    ),
    residuals=True, shape=_attended, check=_check, domain=(REAL, REAL, REAL, MASK), method=False,
    latex=r"\mathrm{softmax}(\frac{#1\,#2^{\top}}{\sqrt{d}})\,#3",
    dlatex=(r"\frac{1}{\sqrt{d}}\,H\,#2", r"\frac{1}{\sqrt{d}}\,H^{\top}\,#1", r"A^{\top}\,#g", ""),
    samples=(
        S((3, 2), (4, 2), (4, 5)), S((2, 3, 4), (2, 3, 4), (2, 3, 4), is_causal=True),
        S((2, 3, 2), (2, 4, 2), (2, 4, 1), (3, 4)), S((2, 3, 2), (4, 2), (4, 3), scale=0.5),
    ),
    torch=lambda torch, q, k, v, mask=None, *, is_causal=False, scale=None: _plain(
        torch, q, k, v, mask, is_causal, scale
    ),
    references=("Vaswani et al. 2017, arXiv 1706.03762",), lesson="18",
)
def scaled_dot_product_attention(xp, q, k, v, mask=None, *, is_causal=False, scale=None):
    """Rows of v averaged with the weights softmax(q k' / sqrt(d)).

    Parameters
    ----------
    q : array, shape (..., n, d)
    k : array, shape (..., m, d)
    v : array, shape (..., m, e)
    mask : bool array, shape (..., n, m), optional
        True where a row may look; a row that may look nowhere gets 0.
    is_causal : bool
        Each row may look at itself and what comes before.
    scale : float, optional
        Instead of 1 / sqrt(d).

    Raises
    ------
    ShapeError, DTypeError
    """
    s = _scaled(xp, xp.matmul(q, turned(xp, k)), q, scale)
    if is_causal:
        s = xp.where(_causal(xp, s), s, -math.inf)
    if mask is not None:
        s = xp.where(mask, s, -math.inf)
    top = xp.max(s, axis=-1, keepdims=True)
    e = xp.exp(s - xp.where(xp.equal(top, -math.inf), 0, top))
    total = xp.sum(e, axis=-1, keepdims=True)
    w = e / (total + xp.equal(total, 0))
    return xp.matmul(w, v), w


def _plain(torch, q, k, v, mask, is_causal, scale):
    """The oracle step by step: PyTorch's fused kernel has other conventions for masked rows."""
    s = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    allowed = torch.ones(s.shape, dtype=torch.bool) if mask is None else mask.expand(s.shape)
    allowed = torch.tril(allowed) if is_causal else allowed
    w = torch.softmax(s.masked_fill(~allowed, -1e300), -1) * allowed
    return w @ v


@function
def multi_head_attention(x, wq, wk, wv, wo, mask=None, *, num_heads, is_causal=False):
    """Self-attention in several heads, node by node: (heads of) x wq, x wk, x wv, attention, then wo.

    As in TorchLean: no biases, and True in the mask stands for allowed.

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
    """Cosine and sine of position times frequency, shape (n, d / 2)."""
    n, half = x.shape[-2], x.shape[-1] // 2
    place = xp.cumsum(xp.ones(shape=(n, 1), like=x), axis=0) + (start - 1)
    number = xp.cumsum(xp.ones(shape=(1, half), like=x), axis=1) - 1
    angle = place * xp.exp(number * xp.number(-math.log(base) / half))
    return xp.cos(angle), xp.sin(angle)


def _rotated(xp, x, cos, sin):
    """Pairs of neighbouring entries turned by their angles."""
    pairs = xp.reshape(x, shape=(*x.shape[:-1], x.shape[-1] // 2, 2))
    a, b = pairs[..., 0], pairs[..., 1]
    turned = xp.stack(a * cos - b * sin, b * cos + a * sin, axis=-1)
    return xp.reshape(turned, shape=x.shape)


def _rope_vjp(xp, g, y, x, *, base, start):
    cos, sin = _angles(xp, x, base, start)
    return _rotated(xp, g, cos, -sin)


def _check_rope(x, *, base, start):
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ShapeError(f"rope: shape {x.shape}, the last axis must be even and positions before it", None, "(n, 2 k)")
    if not 1 < base < math.inf:
        raise HyperparameterError(f"rope: base must be > 1, got {base}")
    positive_int(start, "rope: start", 0)


@linear(
    vjps=(_rope_vjp,), shape=lambda x, **_: x, check=_check_rope, exact=False, method=False,
    latex=r"R(#1)", dlatex=(r"R^{\top}(#g)",), samples=(S((3, 4)), S((2, 5, 2), start=3), S((1, 6), base=100.0)),
    references=("Su et al. 2021, arXiv 2104.09864",), lesson="18",
)
def rope(xp, x, *, base=10000.0, start=0):
    """Rotary positions: pair i of row p turned by the angle p * base**(-2 i / d).

    Parameters
    ----------
    x : array, shape (..., n, d)
        Pairs are neighbours; d is even.
    start : int
        Position of the first row.
    """
    return _rotated(xp, x, *_angles(xp, x, base, start))
