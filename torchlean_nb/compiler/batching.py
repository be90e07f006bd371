"""Batching: the same primitives with one more axis in front, so that many runs become one.

`RULES` has a rule for each primitive; `replay` runs the lines of a graph once more by them. Only what depends on a
batched argument gets the axis. A rule may leave its result in memory in any order: products of one matrix with
many become one product, and the axis in front is then a matter of looking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.compiler.lowering import Graph, Line, lower
from torchlean_nb.compiler.passes import drop_unused, share
from torchlean_nb.engine.tape import LEAVES
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.rows import OPS

Rule = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """One line to be batched.

    Parameters
    ----------
    line : Line
    n : int
        Length of the axis in front.
    on : tuple of bool
        Which arguments have it.
    shapes : tuple of tuple of int
        Of the arguments, without it.
    """

    line: Line
    n: int
    on: tuple[bool, ...]
    shapes: tuple[tuple[int, ...], ...]

    def level(self, k: int, x: Any, ndim: int) -> Any:
        """Argument `k` with ones behind the axis in front, so that it broadcasts against `ndim` axes."""
        ones = ndim - len(self.shapes[k])
        if not self.on[k] or ones <= 0:
            return x
        return do("reshape", x, shape=(self.n, *[1] * ones, *self.shapes[k]))

    def full(self, k: int, x: Any) -> Any:
        """Argument `k` with the axis in front, if only by looking at it `n` times."""
        return x if self.on[k] else do("broadcast_to", x, shape=(self.n, *self.shapes[k]))

    def result(self, y: Any) -> Any:
        """A result in its shape."""
        shape = (self.n, *self.line.shape)
        return y if y.shape == shape else do("reshape", y, shape=shape)


def do(name: str, *xs: Any, **attrs: Any) -> Any:
    """Apply a row to handles or arrays."""
    return OPS[name](*xs, **attrs)


def _behind(axis: Any, ndim: int) -> Any:
    """An axis, or several, counted behind the one in front; None means all of them."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    return axis % ndim + 1 if isinstance(axis, int | np.integer) else tuple(a % ndim + 1 for a in axis)


def _rows(c: Case, x: Any) -> Any:
    """One row of all elements for each run."""
    return do("reshape", x, shape=(c.n, int(np.prod(c.shapes[0], dtype=int))))


def _elementwise(c: Case, *xs: Any) -> Any:
    ndim = len(c.line.shape)
    return do(c.line.op, *[c.level(k, x, ndim) for k, x in enumerate(xs)], **c.line.attrs)


def _same(c: Case, *xs: Any) -> Any:
    """The op looks at its last axes only."""
    return do(c.line.op, *xs, **c.line.attrs)


def _parts(c: Case, *xs: Any) -> Any:
    return do(c.line.op, *[c.full(k, x) for k, x in enumerate(xs)], **c.line.attrs)


def _reduction(c: Case, x: Any) -> Any:
    axis = _behind(c.line.attrs["axis"], len(c.shapes[0]))
    return x if axis == () else do(c.line.op, x, axis=axis, keepdims=c.line.attrs["keepdims"])


def _one_axis(c: Case, x: Any) -> Any:
    attrs = dict(c.line.attrs)
    if attrs["axis"] is None:
        x, attrs["axis"] = _rows(c, x), 1
        attrs |= {"keepdims": False} if "keepdims" in attrs else {}
    else:
        attrs["axis"] = _behind(attrs["axis"], len(c.shapes[0]))
    return c.result(do(c.line.op, x, **attrs))


def _matmul(c: Case, a: Any, b: Any) -> Any:
    (one, two), (p, q) = c.on, map(len, c.shapes)
    if one and not two and p == q == 2:
        return _many_by_one(a, b)
    if two and not one and p <= 2 and q == 2:
        return _one_by_many(c, a, b)
    if one and not two and q <= 2:
        return do("matmul", a, b)
    if two and not one and p == 2 and q == 1:
        return do("matmul", b, do("transpose", a, axes=(1, 0)))
    lead = max(p, q, 2) - 2
    sides = ((a, (1, *c.shapes[0]) if p == 1 else c.shapes[0]), (b, (*c.shapes[1], 1) if q == 1 else c.shapes[1]))
    a, b = (
        do("reshape", x, shape=((c.n, *[1] * (lead + 2 - len(s)), *s) if on else s))
        for (x, s), on in zip(sides, c.on, strict=True)
    )
    return c.result(do("matmul", a, b))


def _many_by_one(a: Any, b: Any) -> Any:
    """Matrices (n, p, k) times one (k, m): their rows, as they lie in memory, are those of one matrix."""
    for order in ((0, 1, 2), (1, 0, 2)):
        seen, turned = _seen(a).transpose(order), order != (0, 1, 2)
        if _merges(seen, 0):
            x = do("transpose", a, axes=order) if turned else a
            rows = do("reshape", x, shape=(x.shape[0] * x.shape[1], x.shape[2]))
            y = do("reshape", do("matmul", rows, b), shape=(*x.shape[:2], b.shape[1]))
            return do("transpose", y, axes=order) if turned else y
    return do("matmul", a, b)


def _one_by_many(c: Case, a: Any, b: Any) -> Any:
    """One matrix or vector times matrices (n, k, m), side by side in memory as one (k, n * m)."""
    if not _merges(_seen(b).transpose(1, 0, 2), 1) and not _fixed(b):
        return do("matmul", a, b)
    k, m = c.shapes[1]
    y = do("matmul", a, do("reshape", do("transpose", b, axes=(1, 0, 2)), shape=(k, c.n * m)))
    if a.ndim == 1:
        return do("reshape", y, shape=(c.n, m))
    return do("transpose", do("reshape", y, shape=(a.shape[0], c.n, m)), axes=(1, 0, 2))


def _seen(x: Any) -> np.ndarray:
    """A value as NumPy has it; only its layout is of interest."""
    return x.tape.values[x.id] if isinstance(x, Ref) else x


def _fixed(x: Any) -> bool:
    """Whether it is made of constants only, so that its layout is free."""
    seen, todo = set(), [x.id] if isinstance(x, Ref) else []
    while todo:
        i = todo.pop()
        op, parents, _, _ = x.tape.records[i]
        if op in LEAVES and op != "const":
            return False
        seen.add(i)
        todo += [p for p in parents if p >= 0 and p not in seen]
    return True


def _merges(a: np.ndarray, i: int) -> bool:
    """Whether axes i and i + 1 are one in memory."""
    return a.shape[i] == 1 or a.shape[i + 1] == 1 or a.strides[i] == a.strides[i + 1] * a.shape[i + 1]


def _transpose(c: Case, x: Any) -> Any:
    ndim = len(c.shapes[0])
    axes = c.line.attrs["axes"]
    return do("transpose", x, axes=(0, *_behind(range(ndim)[::-1] if axes is None else axes, ndim)))


def _broadcast_to(c: Case, x: Any) -> Any:
    return do("broadcast_to", c.level(0, x, len(c.line.shape)), shape=(c.n, *c.line.shape))


def _concatenate(c: Case, *xs: Any) -> Any:
    axis = _behind(c.line.attrs["axis"], len(c.line.shape))
    return do("concatenate", *[c.full(k, x) for k, x in enumerate(xs)], axis=axis)


def _flip(c: Case, x: Any) -> Any:
    return do("flip", x, axis=_behind(c.line.attrs["axis"], len(c.shapes[0])))


def _key(key: Any) -> tuple[Any, ...]:
    return (slice(None), *(key if isinstance(key, tuple) else (key,)))


def _put_index(c: Case, g: Any) -> Any:
    return do("put_index", g, shape=(c.n, *c.line.attrs["shape"]), key=_key(c.line.attrs["key"]))


def _take(c: Case, x: Any, idx: Any) -> Any:
    axis, ndim = c.line.attrs["axis"], len(c.shapes[0])
    if all(c.on):
        return _each(c, x, idx)
    if axis is None:
        return do("take", _rows(c, x), idx, axis=1) if c.on[0] else do("take", x, idx)
    if c.on[0]:
        return do("take", x, idx, axis=_behind(axis, ndim))
    y, axis = do("take", x, idx, axis=axis), axis % ndim
    others = [i for i in range(y.ndim) if i != axis]
    return do("transpose", y, axes=(axis, *others))


def _put_take(c: Case, g: Any, idx: Any) -> Any:
    if c.on[1]:
        return _each(c, g, idx)
    axis = _behind(c.line.attrs["axis"], len(c.line.shape))
    return do("put_take", g, idx, axis=axis, size=c.line.attrs["size"])


def _along(c: Case, x: Any, idx: Any) -> Any:
    attrs = dict(c.line.attrs) | {"axis": _behind(c.line.attrs["axis"], len(c.line.shape))}
    return do(c.line.op, c.full(0, x), c.full(1, idx), **attrs)


def _fold(c: Case, g: Any) -> Any:
    return do("fold", g, **_whole(c))


def _spread(c: Case, *parts: Any) -> Any:
    return do("spread", *[c.full(k, x) for k, x in enumerate(parts)], **_whole(c))


def _whole(c: Case) -> dict[str, Any]:
    return dict(c.line.attrs) | {"shape": (c.n, *c.line.attrs["shape"])}


def _each(c: Case, *xs: Any) -> Any:
    """One line for each run, put together."""
    found = []
    for i in range(c.n):
        own = [do("index", x, key=i) if on else x for x, on in zip(xs, c.on, strict=True)]
        found.append(do("reshape", do(c.line.op, *own, **c.line.attrs), shape=(1, *c.line.shape)))
    return do("concatenate", *found, axis=0)


RULES: dict[str, Rule] = {
    **{name: _elementwise for name, op in OPS.items() if op.primitive and op.kind == "elementwise"},
    **dict.fromkeys(("greater", "greater_equal", "equal", "logical_not", "where"), _elementwise),
    **dict.fromkeys(("sum", "prod", "max", "min"), _reduction),
    **dict.fromkeys(("argmax", "argsort", "cumsum"), _one_axis),
    **dict.fromkeys(("astype", "one_hot", "windows"), _same),
    **dict.fromkeys(("take_along", "put_along"), _along),
    **dict.fromkeys(("bernoulli", "uniform"), _each),
    "matmul": _matmul,
    "reshape": lambda c, x: do("reshape", x, shape=(c.n, *c.line.shape)),
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "concatenate": _concatenate,
    "flip": _flip,
    "index": lambda c, x: do("index", x, key=_key(c.line.attrs["key"])),
    "put_index": _put_index,
    "take": _take,
    "put_take": _put_take,
    "fold": _fold,
    "spread": _spread,
}


@dataclass(frozen=True)
class Scaled:
    """What has the axis in front, and what it is yet to be multiplied by, which has not."""

    base: Any
    by: Any

    def whole(self) -> Any:
        """The product."""
        return do("mul", self.base, self.by)


def _whole_of(x: Any) -> Any:
    return x.whole() if isinstance(x, Scaled) else x


def _gathered(c: Case, xs: Sequence[Any]) -> Scaled | None:
    """Factors without the axis in front are multiplied with each other first: ``(x a) b`` is ``x (a b)``."""
    op = c.line.op
    parts = [(x.base, x.by) if isinstance(x, Scaled) else (x, None) for x in xs]
    k = c.on.index(True)
    base, by = parts[k]
    if c.line.shape != c.shapes[k]:
        return None
    if op == "neg" and by is not None:
        return Scaled(base, do("neg", by))
    if len(xs) == 2 and not all(c.on) and (op == "mul" or (op == "div" and k == 0)):
        if by is None:
            return Scaled(base, xs[1]) if k == 0 and op == "mul" else Scaled(base, xs[0]) if op == "mul" else None
        return Scaled(base, do(op, by, xs[1 - k]))
    if op in ("add", "sub") and all(c.on) and None not in (by, parts[1][1]) and base is parts[1][0]:
        return Scaled(base, do(op, by, parts[1][1]))
    return None


def replay(
    graph: Graph, args: Sequence[Any], on: Sequence[bool], n: int, gather: bool = False
) -> list[tuple[Any, bool]]:
    """Run the lines of a graph, some of its inputs with an axis of length `n` in front.

    Parameters
    ----------
    graph : Graph
        Of primitives, made for inputs without the axis.
    args : sequence of handles or arrays
    on : sequence of bool
        Which of them have the axis.
    n : int
    gather : bool
        Multiply factors without the axis with each other first. That is less work, and rounds otherwise: each
        factor moves a result by an ulp at most. Otherwise only products of matrices add up in another order.

    Returns
    -------
    list of (result, bool)
        Whether the result has the axis: it has not when it depends on none that does.
    """
    value: dict[int, Any] = {-1: None}
    has: dict[int, bool] = {-1: False}
    tape = next((a.tape for a in args if isinstance(a, Ref)), None)

    def constant(a: Any) -> Any:  # of the type it is, not of that of the tape
        return a if tape is None or isinstance(a, Ref) else tape.leaf("const", tape.put(a))

    given = dict(zip(graph.inputs, zip(map(constant, args), on, strict=True), strict=True))
    for i, line in enumerate(graph.lines):
        if i in given:
            value[i], has[i] = given[i]
            continue
        if line.op == "const":
            value[i], has[i] = constant(line.value), False
            continue
        xs, which = [value[a] for a in line.args], tuple([has[a] for a in line.args])
        has[i] = any(which)
        if not has[i]:
            value[i] = do(line.op, *xs, **line.attrs)
            continue
        case = Case(line, n, which, tuple([graph.lines[a].shape if a >= 0 else () for a in line.args]))
        value[i] = _gathered(case, xs) if gather else None
        if value[i] is None:
            value[i] = RULES.get(line.op, _each)(case, *map(_whole_of, xs))
    return [(_whole_of(value[i]), has[i]) for i in graph.outputs]


def full(y: Any, has: bool, n: int) -> Any:
    """A result of `replay` with the axis in front, if only by looking at it `n` times."""
    return y if has else do("broadcast_to", y, shape=(n, *y.shape))


def straight(f: Callable[..., Any], args: Sequence[np.ndarray], there: bool = False) -> tuple[Graph, bool]:
    """Primitives of a function at arguments of these shapes and types, and whether it returned a tuple."""
    kinds = {a.dtype.name for a in args if a.dtype.kind == "f"}
    graph, several = lower(f, args, None, kinds.pop() if len(kinds) == 1 else "float64", there=there)
    return drop_unused(share(drop_unused(graph))), several
