"""What every algebraic op is, in words that NumPy understands over any numbers: the other side of the comparison.

Written from the documentation of the ops, not from their code; kinks as in the table of `torchlean_nb.laws.KINKS`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from tests.fuzz.numbers import boxed, plain

HALF = Fraction(1, 2)


def each(f: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A function of numbers as one of arrays, with broadcasting."""

    def run(*xs: Any, **options: Any) -> np.ndarray:
        n = max(len(xs), 1)
        return boxed(np.frompyfunc(lambda *v: f(*v, **options), n, 1)(*xs))

    return run


def folded(f: Callable[[list[Any]], Any]) -> Callable[..., np.ndarray]:
    """A function of a list of numbers as a reduction."""

    def run(x: np.ndarray, *, axis: Any = None, keepdims: bool = False) -> np.ndarray:
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = sorted(a % x.ndim for a in axes)
        rest = [a for a in range(x.ndim) if a not in axes]
        size = int(np.prod([x.shape[a] for a in axes], dtype=int))
        moved = x.transpose(*rest, *axes).reshape(*[x.shape[a] for a in rest], size)
        out = np.empty(moved.shape[:-1], object)
        for i in np.ndindex(out.shape):
            out[i] = f(list(moved[i]))
        return out.reshape([1 if a in axes else n for a, n in enumerate(x.shape)]) if keepdims else out

    return run


def larger(a: Any, b: Any) -> Any:
    return a if a > b else b if b > a else (a + b) * HALF


def smaller(a: Any, b: Any) -> Any:
    return -larger(-a, -b)


def clipped(x: Any, low: Any, high: Any) -> Any:
    """Flat at both bounds."""
    return x if low < x < high else low if x <= low else high


def clamped(x: Any, *, min: Any = None, max: Any = None) -> Any:
    """The gradient passes at both bounds."""
    return Fraction(min) if min is not None and x < min else Fraction(max) if max is not None and x > max else x


def power(x: Any, p: Any) -> Any:
    return reduce(lambda a, b: a * b, [x] * int(p), Fraction(1))


def total(xs: list[Any]) -> Any:
    return reduce(lambda a, b: a + b, xs, Fraction(0))


def largest(xs: list[Any]) -> Any:
    best = [x for x in xs if plain(x) == max(map(plain, xs))]
    return total(best) * Fraction(1, len(best))


def spread_of(xs: list[Any]) -> Any:
    mean = total(xs) * Fraction(1, len(xs))
    return total([(x - mean) * (x - mean) for x in xs]) * Fraction(1, len(xs))


def first_largest(xs: list[Any]) -> int:
    return [plain(x) for x in xs].index(max(map(plain, xs)))


def running(x: np.ndarray, *, axis: int | None = None) -> np.ndarray:
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    out = x.copy()
    for i in range(1, x.shape[axis]):
        now, before = ((slice(None),) * (axis % x.ndim) + (k,) for k in (i, i - 1))
        out[now] = out[now] + out[before]
    return out


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a1, b1 = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    y = folded(total)(each(lambda u, v: u * v)(a1[..., :, :, None], b1[..., None, :, :]), axis=-2)
    y = y[..., 0, :] if a.ndim == 1 else y
    return y[..., 0] if b.ndim == 1 else y


def contraction(*xs: np.ndarray, subscripts: str) -> np.ndarray:
    """The sum over all letters, place by place."""
    left, out = subscripts.split("->")
    terms = left.split(",")
    sizes = {c: n for t, x in zip(terms, xs, strict=True) for c, n in zip(t, x.shape, strict=True)}
    y = np.full([sizes[c] for c in out], Fraction(0), object)
    for place in itertools.product(*map(range, sizes.values())):
        at = dict(zip(sizes, place, strict=True))
        factors = [x[tuple(at[c] for c in t)] for t, x in zip(terms, xs, strict=True)]
        i = tuple(at[c] for c in out)
        y[i] = y[i] + reduce(lambda a, b: a * b, factors)
    return y


def scattered(g: np.ndarray, where: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers added into zeros at flat places."""
    out = np.full(shape, Fraction(0), object)
    flat = out.reshape(-1)
    for v, i in zip(g.ravel(), where.ravel().tolist(), strict=True):
        flat[i] = flat[i] + v
    return out


def places(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(int(np.prod(shape, dtype=int))).reshape(shape)


def windows_of(x: np.ndarray, *, size: Any, stride: Any, dilation: Any = None) -> np.ndarray:
    n, dilation = len(size), dilation or (1,) * len(size)
    outs = [
        (m - (k - 1) * d - 1) // s + 1 for m, k, s, d in zip(x.shape[-n:], size, stride, dilation, strict=True)
    ]
    y = np.empty((*x.shape[:-n], *outs, *size), x.dtype)
    for o in np.ndindex(*outs):
        for k in np.ndindex(*size):
            at = tuple(i * s + j * d for i, s, j, d in zip(o, stride, k, dilation, strict=True))
            y[(..., *o, *k)] = x[(..., *at)]
    return y


def padded(x: np.ndarray, widths: Any, value: Any = 0) -> np.ndarray:
    y = np.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], Fraction(value), object)
    y[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    return y


def convolution(
    x: np.ndarray, w: np.ndarray, b: Any = None, *, stride: int = 1, padding: int = 0, dilation: int = 1,
    groups: int = 1,
) -> np.ndarray:  # fmt: skip
    n, co, cg = w.ndim - 2, w.shape[0], w.shape[1]
    x = padded(x, [(0, 0)] * 2 + [(padding, padding)] * n)
    seen = windows_of(x, size=w.shape[2:], stride=(stride,) * n, dilation=(dilation,) * n)
    out = seen.shape[2 : 2 + n]
    y = np.empty((x.shape[0], co, *out), object)
    for i in np.ndindex(y.shape):
        first = i[1] // (co // groups) * cg
        patch = seen[(i[0], slice(first, first + cg), *i[2:])]
        y[i] = total([u * v for u, v in zip(patch.ravel(), w[i[1]].ravel(), strict=True)])
        y[i] = y[i] if b is None else y[i] + b[i[1]]
    return y


def transposed(x: np.ndarray, w: np.ndarray, b: Any = None, *, stride: int = 1, padding: int = 0) -> np.ndarray:
    n, k = w.ndim - 2, w.shape[2:]
    y = np.full((x.shape[0], w.shape[1], *[(m - 1) * stride + q for m, q in zip(x.shape[2:], k, strict=True)]),
                Fraction(0), object)  # fmt: skip
    for i in np.ndindex(x.shape):
        for o in range(w.shape[1]):
            for q in np.ndindex(*k):
                at = (i[0], o, *[m * stride + r for m, r in zip(i[2:], q, strict=True)])
                y[at] = y[at] + x[i] * w[(i[1], o, *q)]
    y = y[(..., *(slice(padding, m - padding) for m in y.shape[2:]))]
    return y if b is None else each(lambda u, v: u + v)(y, b.reshape(-1, *(1,) * n))


def pooled(choose: Callable[[list[Any]], Any]) -> Callable[..., np.ndarray]:
    def run(x: np.ndarray, *, kernel_size: tuple[int, ...], stride: Any = None) -> np.ndarray:
        n = len(kernel_size)
        seen = windows_of(x, size=kernel_size, stride=stride or kernel_size)
        return folded(choose)(seen, axis=tuple(range(-n, 0)))

    return run


def loss(f: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def run(x: np.ndarray, t: np.ndarray, *, reduction: str = "mean", **options: Any) -> np.ndarray:
        y = each(f)(x, t, **options)
        if reduction == "none":
            return y
        return boxed(total(list(y.ravel())) * (Fraction(1, y.size) if reduction == "mean" else 1))

    return run


def magnitude(d: Any) -> Any:
    return d if d > 0 else -d if d < 0 else Fraction(0)


def huber(x: Any, t: Any, *, delta: int = 1) -> Any:
    d = magnitude(x - t)
    return d * d * HALF if d <= delta else delta * (d - delta * HALF)


def margin(x: Any, t: Any, *, margin: int = 1) -> Any:
    gap = margin - x * t
    return gap if gap > 0 else Fraction(0)


def chosen(c: Any, a: Any, b: Any) -> Any:
    return a if c else b


def linear(x: np.ndarray, w: np.ndarray, b: Any = None) -> np.ndarray:
    y = product(x, w.T)
    return y if b is None else each(lambda u, v: u + v)(y, b)


FORMULAS: dict[str, Callable[..., np.ndarray]] = {
    "add": each(lambda a, b: a + b), "sub": each(lambda a, b: a - b), "mul": each(lambda a, b: a * b),
    "div": each(lambda a, b: a / b), "neg": each(lambda x: -x), "abs": each(magnitude),
    "sign": each(lambda x: Fraction((x > 0) - (x < 0))), "square": each(lambda x: x * x), "pow": each(power),
    "inv": each(lambda x: Fraction(1) / x), "scale": each(lambda x, *, c: x * c), "clamp": each(clamped),
    "relu": each(lambda x: x if x > 0 else Fraction(0)), "relu6": each(lambda x: clipped(x, Fraction(0), Fraction(6))),
    "hardtanh": each(lambda x: clipped(x, Fraction(-1), Fraction(1))),
    "leaky_relu": each(lambda x, *, negative_slope: x if x > 0 else x * Fraction(negative_slope)),
    "maximum": each(larger), "minimum": each(smaller), "where": each(chosen), "identity": lambda x: x,
    "detach": each(plain), "greater": each(lambda a, b: a > b), "greater_equal": each(lambda a, b: a >= b),
    "equal": each(lambda a, b: a == b),
    "sum": folded(total), "mean": folded(lambda xs: total(xs) * Fraction(1, len(xs))),
    "prod": folded(lambda xs: reduce(lambda a, b: a * b, xs, Fraction(1))), "max": folded(largest),
    "min": folded(lambda xs: -largest([-x for x in xs])), "var": folded(spread_of), "cumsum": running,
    "argmax": folded(first_largest),
    "argsort": lambda x, *, axis: np.argsort(each(plain)(x), axis=axis, kind="stable"),
    "matmul": product, "bmm": product, "dot": product, "outer": lambda a, b: product(a[:, None], b[None]),
    "linear": linear, "einsum": contraction,
    "reshape": lambda x, *, shape: x.reshape(shape), "flatten": lambda x: x.reshape(-1),
    "squeeze": lambda x, *, axis=None: x.squeeze(axis), "expand_dims": lambda x, *, axis: np.expand_dims(x, axis),
    "unsqueeze": lambda x, *, axis: np.expand_dims(x, axis),
    "swapaxes": lambda x, *, axis1, axis2: x.swapaxes(axis1, axis2), "flip": lambda x, *, axis=None: np.flip(x, axis),
    "roll": lambda x, *, shift, axis=None: np.roll(x, shift, axis),
    "broadcast_to": lambda x, *, shape: np.broadcast_to(x, shape).copy(),
    "transpose": lambda x, *, axes=None: x.transpose(axes), "permute": lambda x, *, axes: x.transpose(axes),
    "concatenate": lambda *xs, axis=0: np.concatenate(xs, axis), "stack": lambda *xs, axis=0: np.stack(xs, axis),
    "pad": lambda x, *, pad_width, constant_values=0: padded(x, pad_width, constant_values),
    "getitem": lambda x, *, key: boxed(x[key]), "index": lambda x, *, key: boxed(x[key]),
    "put_index": lambda g, *, shape, key: scattered(g, np.asarray(places(shape)[key]), shape),
    "take": lambda x, i, *, axis=None: boxed(x.take(i, axis)),
    "put_take": lambda g, i, *, axis, size: scattered(
        g, places(t := (*g.shape[:axis], size, *g.shape[axis + i.ndim :])).take(i, axis), t),
    "take_along": lambda x, i, *, axis: np.take_along_axis(x, i, axis),
    "put_along": lambda g, i, *, axis, size: scattered(
        g, np.take_along_axis(places(t := (*g.shape[:axis], size, *g.shape[axis + 1 :])), i, axis), t),
    "gather": lambda x, i, *, axis: np.take_along_axis(x, i, axis),
    "scatter_add": lambda x, i, v, *, axis: x + scattered(v, np.take_along_axis(places(x.shape), i, axis), x.shape),
    "index_select": lambda x, i, *, axis: x.take(i, axis), "gather_rows": lambda x, i: x.take(i, 0),
    "embedding": lambda i, w: w.take(i, 0),
    "one_hot": lambda i, *, num_classes: i[..., None] == np.arange(num_classes),
    "windows": windows_of, "spread": lambda *xs, shape, **how: scattered(
        np.stack(xs, -1), windows_of(places(shape), **how), shape),
    "nll_loss": lambda x, t, *, reduction: FORMULAS[reduction](-x[np.arange(len(t)), t]),
    "fold": lambda g, *, shape, **how: scattered(g, windows_of(places(shape), **how), shape),
    "conv": convolution, "conv_transpose": transposed, "max_pool": pooled(lambda xs: xs[first_largest(xs)]),
    "avg_pool": pooled(lambda xs: total(xs) * Fraction(1, len(xs))),
    "mse_loss": loss(lambda x, t: (x - t) * (x - t)), "l1_loss": loss(lambda x, t: magnitude(x - t)),
    "huber_loss": loss(huber), "hinge": loss(margin),
}  # fmt: skip
