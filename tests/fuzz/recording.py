"""A session that records and differentiates, and what the oracle knows of it, in fractions."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

import torchlean_nb as tl
from tests.fuzz.calls import CALLS, NAMES, SHAPES, Draw, whole
from tests.fuzz.formulas import FORMULAS
from tests.fuzz.numbers import ROOM, TooLargeError, binary, boxed, floats, fractions, pulled, small

SIGNS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
         "matmul": operator.matmul, "neg": operator.neg, "getitem": lambda x, key: x[key]}  # fmt: skip


KINDS = dict.fromkeys(("greater", "greater_equal", "equal", "one_hot"), bool) | {"argmax": int, "argsort": int}
Act = Callable[[Callable[[], Any]], Any]


def now(f: Callable[[], Any]) -> Any:
    return f()


class Skip(Exception):
    """What was drawn is left out."""


@dataclass(eq=False)
class Cell:
    """A parameter: its value, and the oracle's leaf for it on this tape."""

    param: tl.Param
    exact: np.ndarray
    momentum: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.exact.shape


@dataclass(eq=False)
class Known:
    """A recorded value: its handle, its number on the tape, and how it came about."""

    handle: tl.Tensor
    exact: np.ndarray
    needs: bool
    parents: tuple[Any, ...] = ()
    xs: list[Any] = field(default_factory=list)
    f: Callable[..., Any] | None = None
    cell: Cell | None = None
    usable: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        return self.exact.shape

    @property
    def id(self) -> int:
        return self.handle.id


def inner(a: np.ndarray, b: np.ndarray) -> Fraction:
    return sum((x * y for x, y in zip(a.ravel(), b.ravel(), strict=True)), Fraction(0))


def typed(a: np.ndarray, kind: type | None) -> np.ndarray:
    """Truths and indices as NumPy has them; fractions stay."""
    return a.astype(kind) if kind else a


def same(got: Any, want: np.ndarray) -> bool:
    """Equality with the oracle, shape and number type included."""
    want = floats(want) if want.dtype == object else want
    return got.shape == want.shape and got.dtype == want.dtype and np.array_equal(got, want)


class Recording:
    """One session, driven by random numbers and compared with fractions."""

    def __init__(self, backend: str, seed: int):
        self.s = tl.Session(backend=backend, seed=seed)
        self.cells: list[Cell] = []
        self.nodes: list[Known] = []
        self.script: list[tuple[Any, ...]] = []  # what was recorded since the reset, so that it can be once more
        self.made: list[Known] = []  # by each entry of the script
        self.owned: list[np.ndarray] = []
        self.swept: tuple[Any, dict[Cell, np.ndarray]] | None = None
        self.opt: Any = None
        self.opt_cells: list[Cell] = []
        self.rates = (Fraction(1), Fraction(0))
        self.stale: list[Any] = []
        self.saved: Any = None
        self.new_param(random.Random(seed))

    # -- leaves ------------------------------------------------------------------------------
    def new_param(self, r: random.Random) -> None:
        a = whole(r, r.choice(SHAPES[:12]))
        p = self.s.param(a, name=f"p{len(self.cells)}" if r.random() < 0.7 else None)
        self.owned.append(a)
        self.cells.append(Cell(p, fractions(a)))

    def new_leaf(self, r: random.Random) -> None:
        a, kind = whole(r, r.choice(SHAPES)), r.choice(("const", "input", "trained"))
        self.add(("leaf", a, kind))

    def add(self, entry: tuple[Any, ...], act: Act = now) -> Known | None:
        """Record what an entry of the script says, and note the entry; None when floats might round."""
        known = self.leaf(*entry[1:]) if entry[0] == "leaf" else self.record(entry, act)
        if known is not None:
            self.script.append(entry)
            self.made.append(known)
        return known

    def leaf(self, a: np.ndarray, kind: str = "input") -> Known:
        s, a = self.s, a.copy()
        h = s.const(a) if kind == "const" else s.input(a, requires_grad=kind == "trained")
        exact = fractions(a) if a.dtype.kind == "f" else a.copy()
        self.nodes.append(Known(h, exact, kind == "trained", usable=a.dtype.kind == "f"))
        self.owned.append(a)
        return self.nodes[-1]

    def leaf_of(self, cell: Cell) -> Known:
        """The leaf that a use of the parameter now means."""
        h = self.s.use(cell.param)
        for k in self.nodes:
            if k.cell is cell and k.id == h.id:
                assert same(h.value, k.exact)
                return k
        needs = h.requires_grad
        assert needs == (cell.param.requires_grad)
        self.nodes.append(Known(h, cell.exact, needs, cell=cell))
        return self.nodes[-1]

    # -- recording ---------------------------------------------------------------------------
    def pool(self) -> list[Any]:
        return [*self.cells, *(k for k in self.made if k.usable)]

    def draw_call(self, r: random.Random, name: str | None = None) -> tuple[Any, ...]:
        name = name or r.choice(NAMES)
        args, attrs = CALLS[name](Draw(r, self.pool()))
        if not any(isinstance(a, Known | Cell) for a in args):
            args = (self.add(("leaf", args[0], "input")), *args[1:])
        quiet, route = r.random() < 0.05, r.randrange(4)
        places = [self.made.index(a) if isinstance(a, Known) else a for a in args]
        return name, places, attrs, quiet, route

    def record(self, call: tuple[Any, ...], act: Act = now) -> Known | None:
        """Make one call, in one of the ways there are to write it, and compare its value."""
        name, places, attrs, quiet, route = call
        args = [self.made[a] if isinstance(a, int) else a for a in places]
        xs = [self.exact_of(a) for a in args]
        f = lambda *v: FORMULAS[name](*v, **attrs)  # noqa: E731
        try:
            want = typed(boxed(f(*xs)), KINDS.get(name))
        except ZeroDivisionError:  # the user has changed a divisor since
            return None
        if want.size > 40 or (want.dtype == object and not small(want)):
            return None
        parents = tuple(self.leaf_of(a) if isinstance(a, Cell) else a if isinstance(a, Known) else None for a in args)
        given = [a.param if isinstance(a, Cell) else a.handle if isinstance(a, Known) else a for a in args]
        self.owned += [a for a in given if isinstance(a, np.ndarray)]
        if quiet:
            with self.s.no_grad():
                h = act(lambda: self.call(name, given, attrs, route))
        else:
            h = act(lambda: self.call(name, given, attrs, route))
        usable = want.dtype == object
        needs = not quiet and tl.ops.get(name, tl.ops["index"]).kind != "constant" and any(
            p is not None and p.needs for p in parents
        )
        known = Known(h, want, needs, parents, xs, f, usable=usable)
        assert h.id == len(self.s.tape) - 1 and h.requires_grad == needs, (name, attrs)
        assert usable or not want.size or same(h.value, want), (name, given, attrs, h.value, want)
        self.nodes.append(known)
        return known

    def exact_of(self, a: Any) -> Any:
        if isinstance(a, Known | Cell):
            return a.exact
        return fractions(a) if isinstance(a, float) or a.dtype.kind == "f" else a

    def call(self, name: str, args: list[Any], attrs: dict[str, Any], route: int) -> Any:
        first = args[0]
        if route == 0 and name in SIGNS and isinstance(first, tl.Tensor | tl.Param):
            return SIGNS[name](*args, *attrs.values())
        if route == 1 and name in tl.ops:
            return getattr(self.s, name)(*args, **attrs)
        if route == 2 and isinstance(first, tl.Tensor | tl.Param) and name in tl.ops and hasattr(type(first), name):
            method = getattr(first, name)
            if callable(method) and name not in ("transpose",):
                return method(*args[1:], **attrs)
        return getattr(tl, name)(*args, **attrs)

    def tie(self) -> None:
        """One number that the latest values all go into, so that a sweep from it reaches many rows."""
        used = {id(p) for k in self.nodes for p in k.parents}
        ends = [i for i, k in enumerate(self.made) if k.needs and k.usable and id(k) not in used][-6:]
        total = None
        for i in ends:
            if self.add(("sum", [i], {"axis": None, "keepdims": False}, False, 3)) is not None:
                last = len(self.made) - 1
                joined = total is not None and self.add(("add", [total, last], {}, False, 0)) is not None
                total = len(self.made) - 1 if joined or total is None else total

    # -- sweeping ----------------------------------------------------------------------------
    def sweep(self, out: Known, seed: np.ndarray) -> dict[int, np.ndarray]:
        """Exact gradients by place in `nodes`; what is missing was not reached."""
        place = {id(k): i for i, k in enumerate(self.nodes)}
        bar = {place[id(out)]: seed}
        for i in range(place[id(out)], -1, -1):
            k = self.nodes[i]
            if i not in bar or k.f is None or not k.needs:
                continue
            wanted = [p is not None and p.needs for p in k.parents]
            for p, part in zip(k.parents, pulled(k.f, k.xs, wanted, bar[i]), strict=True):
                if part is not None:
                    j = place[id(p)]
                    bar[j] = boxed(bar[j] + part) if j in bar else part
        if any(abs(x) * binary(x) > ROOM for g in bar.values() for x in g.ravel()):
            raise TooLargeError
        return bar

    def target(self, r: random.Random, scalar: bool = False) -> tuple[Known, np.ndarray, Any]:
        """Something to differentiate, its exact seed and the seed to be passed."""
        fit = [k for k in self.nodes if k.needs and k.f is not None and (not scalar or k.shape == ())]
        if not fit:
            raise Skip
        out = fit[-1 - int(len(fit) * r.random() ** 2)]
        seed = whole(r, out.shape)
        if out.shape == () and (scalar or r.random() < 0.8):
            return out, boxed(Fraction(1)), None
        return out, fractions(seed), seed

    def backward(self, r: random.Random, act: Act = now) -> None:
        out, exact, seed = self.target(r)
        bar = self.sweep(out, exact)
        self.asked = (out, bar)
        g = act(lambda: self.s.backward(out.handle, seed))
        assert self.s.grads is g and g.output == out.id
        self.compare(g, out, bar)

    def compare(self, g: Any, out: Known, bar: dict[int, np.ndarray]) -> None:
        swept = {}
        for i, k in enumerate(self.nodes):
            want = bar[i] if i in bar else np.full(k.shape, Fraction(0), object)
            if k.id <= out.id and k.cell is not None:
                swept[k.cell] = want
            if k.usable:
                assert same(g[k.handle], want), (k.handle, g[k.handle], want, out.handle)
        for cell in self.cells:
            want = swept.get(cell)
            assert same(g[cell.param], np.zeros(cell.shape) if want is None else want)
        self.swept = (g, swept)

    def push(self, r: random.Random) -> None:
        """The derivative along directions, which is the gradient read the other way."""
        out, exact, _ = self.target(r)
        if any(k.f is not None and not k.needs for k in self.nodes if k.id <= out.id):
            raise Skip  # as in PyTorch, `no_grad` is about gradients: tangents pass
        bar = self.sweep(out, exact)
        along, total = {}, Fraction(0)
        for i, k in enumerate(self.nodes):
            if k.f is None and k.needs and k.id <= out.id:
                v = whole(r, k.shape)
                along[k.id] = v
                total += inner(bar[i], fractions(v)) if i in bar else 0
        t = self.s.jvp(out.handle, along)
        assert t.shape == out.shape and inner(fractions(t), exact) == total, (out.handle.node, t, exact, total)
