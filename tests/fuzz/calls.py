"""Calls of every algebraic op that fit what is there: which arguments, which options. Chosen by one random number."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

Shape = tuple[int, ...]
SHAPES: tuple[Shape, ...] = ((), (1,), (2,), (3,), (4,), (2, 2), (2, 3), (3, 2), (1, 3), (2, 1), (2, 2, 2),
                            (1, 2, 3), (0,), (2, 0))  # fmt: skip


def whole(r: random.Random, shape: Shape) -> np.ndarray:
    """Small integers, now and then halves."""
    unit = r.choice((1.0, 1.0, 0.5))
    return np.array([r.randint(-3, 3) * unit for _ in range(int(np.prod(shape)))], dtype=float).reshape(shape)


class Draw:
    """Arguments for one call: things that are there, or new arrays."""

    def __init__(self, r: random.Random, pool: list[Any]):
        self.r, self.pool = r, pool

    def any(self, ok: Callable[[Shape], bool] = lambda shape: True) -> Any:
        """Something whose shape is right; recent things are more likely."""
        fit = [x for x in self.pool if ok(x.shape)]
        if fit and self.r.random() < 0.9:
            return fit[-1 - int(len(fit) * self.r.random() ** 2)]
        return whole(self.r, self.r.choice([s for s in SHAPES if ok(s)]))

    def of(self, shape: Shape) -> Any:
        """Something of this shape."""
        fit = [x for x in self.pool if x.shape == shape]
        return self.r.choice(fit) if fit and self.r.random() < 0.7 else whole(self.r, shape)

    def partner(self, shape: Shape) -> Any:
        """Something that broadcasts with this shape."""
        fit = [x for x in self.pool if _broadcast(shape, x.shape)]
        if fit and self.r.random() < 0.8:
            return self.r.choice(fit)
        return whole(self.r, tuple(self.r.choice((n, n, 1)) for n in shape)[self.r.choice((0, 0, len(shape))) :])

    def axis(self, x: Any) -> int:
        return self.r.randrange(-len(x.shape), len(x.shape))

    def some(self, x: Any) -> Any:
        """One axis, several, or all."""
        n = len(x.shape)
        if not n or self.r.random() < 0.4:
            return None
        k = self.r.randint(1, n)
        return self.axis(x) if k == 1 else tuple(self.r.sample(range(n), k))

    def indices(self, size: int, shape: Shape) -> np.ndarray:
        return np.array([self.r.randrange(size) for _ in range(int(np.prod(shape)))], dtype=int).reshape(shape)


def _broadcast(a: Shape, b: Shape) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a), reversed(b), strict=False))


def full(shape: Shape) -> bool:
    return 0 not in shape


def ranked(low: int, high: int = 9) -> Callable[[Shape], bool]:
    return lambda s: low <= len(s) <= high and 0 not in s


Made = tuple[tuple[Any, ...], dict[str, Any]]


def one(d: Draw) -> Made:
    return (d.any(),), {}


def two(d: Draw) -> Made:
    a = d.any()
    pair = (a, d.partner(a.shape))
    return pair if d.r.random() < 0.5 else pair[::-1], {}


def powers_of_two(d: Draw, shape: Shape) -> np.ndarray:
    return np.array([d.r.choice((1, 2, -2, 4, 0.5)) for _ in range(int(np.prod(shape)))], dtype=float).reshape(shape)


def divided(d: Draw) -> Made:
    a = d.any()
    return (a, powers_of_two(d, d.r.choice((a.shape, ())))), {}


def reduced(ok: Callable[[Shape], bool], binary: bool = False) -> Callable[[Draw], Made]:
    def make(d: Draw) -> Made:
        x = d.any(lambda s: ok(s) and (not binary or int(np.prod(s)) in (1, 2, 4, 8)))
        return (x,), {"axis": d.some(x), "keepdims": d.r.random() < 0.3}

    return make


def along(options: Callable[[Draw, Any], dict[str, Any]], low: int = 1) -> Callable[[Draw], Made]:
    def make(d: Draw) -> Made:
        x = d.any(ranked(low))
        return (x,), options(d, x)

    return make


def reshaped(d: Draw) -> Made:
    x = d.any(full)
    n = int(np.prod(x.shape))
    k = d.r.choice([k for k in range(1, n + 1) if n % k == 0])
    return (x,), {"shape": d.r.choice([(n,), (k, n // k), (-1, k), (1, n, 1)])}


def widened(d: Draw) -> Made:
    x = d.any(lambda s: len(s) < 3)
    return (x,), {"shape": (d.r.randint(1, 2), *(d.r.randint(1, 3) if n == 1 else n for n in x.shape))}


def joined(d: Draw) -> Made:
    x = d.any(ranked(1))
    return (*(d.of(x.shape) for _ in range(d.r.randint(0, 2))), x), {"axis": d.axis(x)}


def looked_up(d: Draw) -> Made:
    x = d.any(ranked(1))
    n = x.shape[0]
    key = d.r.choice((
        d.r.randrange(-n, n), slice(None, None, -1), slice(d.r.randrange(n), None), (..., 0), None, (None, ..., -1),
        d.indices(n, (2,)), d.indices(n, (2, 2)), np.arange(n) % 2 == 0, ([0, 0, n - 1],), slice(1, 1),
    ))  # fmt: skip
    return (x,), {"key": key}


def put_back(d: Draw) -> Made:
    key, shape = d.r.choice(((slice(1, 3), (2,)), ((..., 0), (3,)), ((slice(None, None, -1), 1), (4,))))
    return (d.of(shape),), {"shape": (4,) if isinstance(key, slice) else (*shape, 2), "key": key}


def taken(d: Draw) -> Made:
    x = d.any(ranked(1))
    axis = d.r.choice((None, d.axis(x)))
    size = int(np.prod(x.shape)) if axis is None else x.shape[axis]
    return (x, d.indices(size, d.r.choice(((), (2,), (3,), (2, 2))))), {"axis": axis}


def put_taken(d: Draw) -> Made:
    x = d.any(ranked(1, 2))
    return (x, d.indices(4, x.shape[-1:])), {"axis": len(x.shape) - 1, "size": 4}


def gathered(low: int = 1) -> Callable[[Draw], Made]:
    def make(d: Draw) -> Made:
        x = d.any(ranked(low))
        a = d.r.randrange(len(x.shape))
        return (x, d.indices(x.shape[a], (*x.shape[:a], d.r.randint(1, 3), *x.shape[a + 1 :]))), {"axis": a}

    return make


def put_along(d: Draw) -> Made:
    x = d.any(ranked(1, 2))
    return (x, d.indices(3, x.shape)), {"axis": d.r.randrange(len(x.shape)), "size": 3}


def scattered(d: Draw) -> Made:
    (x, i), how = gathered()(d)
    return (x, i, d.of(i.shape)), how


def multiplied(d: Draw) -> Made:
    a = d.any(ranked(1))
    n, k = a.shape[-1], d.r.randint(1, 3)
    b = d.of(d.r.choice([(n,), (n, k)] + ([(*a.shape[:-2], n, k)] if len(a.shape) > 2 else [])))
    return (a, b), {}


def batched(d: Draw) -> Made:
    a = d.any(ranked(3, 3))
    return (a, d.of((a.shape[0], a.shape[2], 2))), {}


def vectors(same: bool) -> Callable[[Draw], Made]:
    def make(d: Draw) -> Made:
        a = d.any(ranked(1, 1))
        return (a, d.of(a.shape) if same else d.any(ranked(1, 1))), {}

    return make


def affine(d: Draw) -> Made:
    x, k = d.any(ranked(1)), d.r.randint(1, 3)
    return (x, d.of((k, x.shape[-1])), *([d.of((k,))] if d.r.random() < 0.6 else [])), {}


def contracted(d: Draw) -> Made:
    text = d.r.choice(("ij,jk->ik", "ij,kj->ik", "ii->i", "ij->ji", "ij,ij->", "i,j->ij", "ij,i->j", "ij->", "i,i,i->"))
    sizes = {c: d.r.randint(1, 3) for c in "ijk"}
    return tuple(d.of(tuple(sizes[c] for c in t)) for t in text.split("->")[0].split(",")), {"subscripts": text}


def convolved(d: Draw) -> Made:
    g, n = d.r.choice((1, 1, 2)), d.r.choice((1, 1, 2))
    x = d.of((d.r.randint(1, 2), g, *(4,) * n)[-n - 2 :])
    w = d.of((g * d.r.randint(1, 2), 1, *(2,) * n))
    how = {"stride": d.r.randint(1, 2), "padding": d.r.randint(0, 1), "dilation": d.r.randint(1, 2), "groups": g}
    return (x, w, *([d.of((w.shape[0],))] if d.r.random() < 0.5 else [])), how


def deconvolved(d: Draw) -> Made:
    ci, co = d.r.randint(1, 2), d.r.randint(1, 2)
    x, w = d.of((1, ci, 3)), d.of((ci, co, 2))
    how = {"stride": d.r.randint(1, 2), "padding": d.r.randint(0, 1)}
    return (x, w, *([d.of((co,))] if d.r.random() < 0.5 else [])), how


def pooled(d: Draw) -> Made:
    x = d.of(d.r.choice(((1, 1, 4), (1, 2, 4), (2, 1, 4))))
    return (x,), {"kernel_size": (2,), "stride": d.r.choice((None, (1,)))}


def windowed(d: Draw) -> Made:
    return (d.any(lambda s: bool(s) and s[-1] >= 3),), {"size": (2,), "stride": (d.r.randint(1, 2),)}


def unwindowed(d: Draw) -> Made:
    return (d.of((3, 2)),), {"shape": (4,), "size": (2,), "stride": (1,)}


def spread(d: Draw) -> Made:
    return (d.of((3,)), d.of((3,))), {"shape": (4,), "size": (2,), "stride": (1,)}


def labelled(d: Draw) -> Made:
    x = d.of((d.r.choice((1, 2)), 3))
    return (x, d.indices(3, x.shape[:1])), {"reduction": d.r.choice(("mean", "sum"))}


def compared(d: Draw) -> Made:
    x = d.any(lambda s: int(np.prod(s)) in (1, 2, 4, 8))
    return (x, d.of(x.shape)), {"reduction": d.r.choice(("mean", "sum", "none"))}


def selected(d: Draw) -> Made:
    a = d.any()
    return (np.array(d.indices(2, a.shape), bool), a, d.partner(a.shape)), {}


CALLS: dict[str, Callable[[Draw], Made]] = {
    **dict.fromkeys("neg abs sign square relu relu6 hardtanh identity detach".split(), one),
    **dict.fromkeys("add sub mul maximum minimum greater greater_equal equal".split(), two),
    "div": divided, "inv": lambda d: ((powers_of_two(d, (2,)),), {}),
    "pow": lambda d: ((d.any(), float(d.r.randint(0, 3))), {}),
    "scale": lambda d: ((d.any(),), {"c": d.r.choice((2, -1, 0.5))}),
    "clamp": lambda d: ((d.any(),), d.r.choice(({"min": -1}, {"max": 2}, {"min": -1, "max": 1}))),
    "leaky_relu": lambda d: ((d.any(),), {"negative_slope": 0.25}), "where": selected,
    "sum": reduced(lambda s: True), "mean": reduced(full, True), "var": reduced(full, True), "prod": reduced(full),
    "max": reduced(full), "min": reduced(full), "cumsum": along(lambda d, x: {"axis": d.r.choice((None, d.axis(x)))}),
    "argmax": along(lambda d, x: {"axis": d.r.choice((None, d.axis(x)))}),
    "argsort": along(lambda d, x: {"axis": d.axis(x)}),
    "matmul": multiplied, "bmm": batched, "dot": vectors(True), "outer": vectors(False), "linear": affine,
    "einsum": contracted, "reshape": reshaped, "flatten": along(lambda d, x: {}),
    "squeeze": lambda d: ((d.any(),), {}), "expand_dims": along(lambda d, x: {"axis": d.axis(x)}),
    "unsqueeze": along(lambda d, x: {"axis": d.axis(x)}),
    "swapaxes": along(lambda d, x: {"axis1": d.axis(x), "axis2": d.axis(x)}),
    "flip": along(lambda d, x: {"axis": d.r.choice((None, d.axis(x)))}),
    "roll": along(lambda d, x: {"shift": d.r.randint(-3, 3), "axis": d.r.choice((None, d.axis(x)))}),
    "broadcast_to": widened, "transpose": one,
    "permute": along(lambda d, x: {"axes": tuple(d.r.sample(range(len(x.shape)), len(x.shape)))}),
    "concatenate": joined, "stack": joined,
    "pad": along(lambda d, x: {"pad_width": tuple((d.r.randint(0, 1), d.r.randint(0, 1)) for _ in x.shape),
                               "constant_values": d.r.randint(0, 2)}),
    "getitem": looked_up, "index": along(lambda d, x: {"key": (slice(None, None, -1), ...)}), "put_index": put_back,
    "take": taken, "put_take": put_taken, "take_along": gathered(), "put_along": put_along, "gather": gathered(),
    "scatter_add": scattered,
    "index_select": lambda d: ((x := d.any(ranked(1)), d.indices(x.shape[0], (2,))), {"axis": 0}),
    "gather_rows": lambda d: ((x := d.any(ranked(2, 2)), d.indices(x.shape[0], (2,))), {}),
    "embedding": lambda d: ((d.indices(2, (3,)), d.any(lambda s: len(s) == 2 and s[0] >= 2 and s[1])), {}),
    "one_hot": lambda d: ((d.indices(3, (2,)),), {"num_classes": 3}),
    "windows": windowed, "spread": spread, "nll_loss": labelled,
    "fold": unwindowed, "conv": convolved, "conv_transpose": deconvolved, "max_pool": pooled,
    "avg_pool": pooled, **dict.fromkeys("mse_loss l1_loss huber_loss hinge".split(), compared),
}  # fmt: skip
NAMES = tuple(CALLS)
