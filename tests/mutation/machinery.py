"""Mutants of what all rules share: the sweeps, broadcasting, and the primitives that come in adjoint pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import torchlean_nb as tl
from tests.mutation.reach import complaint, kink
from tests.mutation.surgery import Mutant, Source
from torchlean_nb.errors import RuleError, ShapeError
from torchlean_nb.laws import check_adjoint, check_gradients
from torchlean_nb.rows import Op

# File and functions; the messages of errors are not derivatives and are left alone.
PARTS = {
    "engine/recorder.py": ("unbroadcast",),
    "engine/reverse.py": ("Recorded.value", "Recorded.saved", "given", "_pull", "_sweep", "between"),
    "engine/forward.py": ("push", "advance", "_partial", "_jvp", "_open"),
    "backend/windows.py": ("windows", "fold"),
    "backend/namespace.py": (
        "ArrayNamespace.put_index", "ArrayNamespace.put_take", "ArrayNamespace.take_along", "ArrayNamespace.put_along",
    ),
}
ROWS = (
    "add", "mul", "div", "where", "sqrt", "sum", "max", "concatenate", "transpose", "take", "put_take", "take_along",
    "put_along", "index", "windows", "fold", "linear", "scatter_add", "var", "dropout", "matmul",
)
RNG = np.random.default_rng(13)
A, B, C = RNG.normal(size=(2, 3)), RNG.normal(size=(3,)), RNG.normal(size=())
# A row that has no JVP of its own: a forward sweep has to open it.
COMPOSITE = Op(
    name="composite", forward=lambda xp, x, w, b=None: x * w * w if b is None else x * w * w + b,
    vjps=(
        lambda xp, g, y, x, w, b=None: g * w * w, lambda xp, g, y, x, w, b=None: 2 * g * x * w,
        lambda xp, g, y, x, w, b=None: g,
    ),
)


# A row of any number of arguments: a rule for the first, and one for all others, told by `arg` which is meant.
VARIADIC = Op(
    name="variadic", forward=lambda xp, first, *xs: 5 * first + sum((i + 2) * x * x for i, x in enumerate(xs)),
    vjps=(lambda xp, g, y, *xs, arg: 5 * g, lambda xp, g, y, *xs, arg: 2 * (arg + 1) * g * xs[arg]),
    jvps=(lambda xp, t, y, *xs, arg: 5 * t, lambda xp, t, y, *xs, arg: 2 * (arg + 1) * t * xs[arg]),
)
SQUARES = Op(
    name="squares", forward=lambda xp, *xs: sum((i + 1) * x * x for i, x in enumerate(xs)),
    vjps=(lambda xp, g, y, *xs, arg: 2 * (arg + 1) * g * xs[arg],),
    jvps=(lambda xp, t, y, *xs, arg: 2 * (arg + 1) * t * xs[arg],),
)
# Slopes that are plain numbers.
FLAT = Op(name="flat", forward=lambda xp, x: x * 0, kind="elementwise", partials=(lambda xp, t, y, x: 0,))
FLAT_TOO = Op(
    name="flat_too", forward=lambda xp, x: x * 0, vjps=(lambda xp, g, y, x: 0,), jvps=(lambda xp, t, y, x: 0,)
)


def row(vjp: Callable[..., Any]) -> Op:
    """The identity with another rule."""
    return Op(name="odd", forward=lambda xp, x: x + 0, vjps=(vjp,))


FUNCTIONS: tuple[tuple[Callable[..., Any], tuple[Any, ...]], ...] = (
    (lambda a, b, c: (a * b + c) * a, (A, B, C)),
    (lambda a: a * a + a + tl.sum(a * 2), (B,)),
    (lambda a: a * 2 + tl.ops["detach"](a) * 0, (A,)),
    (lambda a, b: a + 0 * tl.sum(tl.exp(b)), (A, B)),
    (lambda a: tl.concatenate([a, np.ones((2, 1)), a], axis=1), (A,)),
    (lambda a: tl.take(a, np.array([0, 2, 2]), axis=1) * tl.max(a), (A,)),
    (lambda a, w: tl.linear(a, w, None) * 2, (A, RNG.normal(size=(4, 3)))),
    (lambda a: tl.where(a > 0, a, a * a), (A,)),
    (lambda a: COMPOSITE(a, tl.sum(a)) + COMPOSITE(a, a), (A,)),
    (lambda a, b: COMPOSITE(a, b, None), (A, B)),
    (lambda a, b: COMPOSITE(a, a, b), (A, B)),
    (lambda a: tl.grad(lambda z: tl.sum(COMPOSITE(z, z) * z))(a), (B,)),
    (lambda a: tl.jvp(lambda z: COMPOSITE(z, z, z), (a,), (a,))[1], (B,)),
    (lambda a, b, c: VARIADIC(a, b, c) * a, (B, B + 1, B - 1)),
    (lambda a, b, c: SQUARES(a, b, c) * a, (B, B + 1, B - 1)),
    (lambda a: FLAT(a) + FLAT_TOO(a) + a, (B,)),
    (lambda a: FLAT(a) + a, (A,)),
    (lambda a, b: a * tl.exp(b) + b, (RNG.normal(size=(2, 3, 2)), RNG.normal(size=(3, 1)))),
    (lambda a, b: a * b, (RNG.normal(size=(2, 1, 3)), RNG.normal(size=(1, 1)))),
    (lambda a, b: tl.broadcast_to(b, shape=(2, 3)) * tl.reshape(a, shape=(3, 2)).T, (A, B)),
)
# Derivatives of derivatives through exp and sqrt, whose values are rounded before they become fractions.
IN_FLOATS = (
    (lambda a: tl.jvp(lambda z: tl.var(z * a) * z, (a * 2,), (np.ones(3),))[1], (B,)),
    (lambda a: tl.grad(lambda z: tl.sum(tl.softmax(z) * tl.std(z)))(a), (B,)),
)


def functions() -> str | None:
    """Gradients of some small functions against finite differences and in fractions."""
    for i, (f, args) in enumerate((*FUNCTIONS, *IN_FLOATS)):
        if not check_gradients(f, args, raises=False) or not (i >= len(FUNCTIONS) or check_adjoint(f, args)):
            return f"function {i}"
    return None


def sweeps() -> str | None:
    """What a session says about reached nodes, order and sums."""
    s = tl.Session()
    w, x, unused = s.param(B, name="w"), s.input(B + 1, name="x"), s.param(2.0, name="unused")
    late, row_of_one = s.param(3.0, name="late"), s.param([[2.0]], name="row_of_one")
    y = w * x + s.detach(w) * w
    s.use(unused)
    out = tl.sum(y)
    g, trace, ledger = s.backward(out), s.trace(out), s.ledger(w, out)
    # Nodes: 0 x, 1 w, 2 w * x, 3 detach, 4 detach * w, 5 their sum, 6 unused, 7 out.
    right = (
        np.array_equal(g[w], x.value + w.value) and not g[unused].any() and not g[x].any()
        and g.reached == {1, 2, 4, 5, 7} and ledger.balanced
        and np.array_equal(sum(np.asarray(r.contribution) for r in ledger.rows), g[w])
        and [(e.child, e.parent, e.arg) for e in trace.edges] == [(7, 5, 0), (5, 2, 0), (5, 4, 1), (4, 1, 1), (2, 1, 0)]
    )
    # A leaf that is recorded after ops that still wait for their turn, and one that is copied along one axis only.
    g = s.backward(tl.sum(w * x * late))
    right = right and np.array_equal(g[w], 3 * x.value) and g[late] == (w.value * x.value).sum()
    edges = s.trace(tl.sum(row_of_one * s.const(np.ones((3, 1))))).into(s.use(row_of_one).id)
    right = right and [e.summed for e in edges] == [(0,)]
    slopes = tl.jvp(tl.sqrt, (np.array([0.0, 4.0]),), (np.array([0.0, 1.0]),))[1]
    return None if right and np.array_equal(slopes, [0.0, 0.25]) else "a session's sweep"


def complaints() -> str | None:
    """Rules that return nonsense are refused, a plain number is taken for what it is."""
    nonsense = (lambda xp, g, y, x: None, lambda xp, g, y, x: (g, g), lambda xp, g, y, x: xp.sum(g, axis=0)[:, None])
    for wrong in map(row, nonsense):
        try:
            tl.grad(lambda z, op=wrong: tl.sum(op(z)))(A)
        except (RuleError, ShapeError):
            continue
        return "a rule that returns nonsense was accepted"
    flat = [tl.grad(lambda z: tl.sum(row(lambda xp, g, y, x: 0.0)(z)))(a) for a in (A, B)]
    right = all(f.shape == a.shape and not f.any() for f, a in zip(flat, (A, B), strict=True))
    return None if right else "a rule that returns a number"


def check() -> str | None:
    """First thing that is wrong, None when nothing is."""
    steps = (sweeps, complaints, functions, *(lambda op=tl.ops[name]: complaint(op) for name in ROWS), kink)
    for step in steps:
        try:
            found = step()
        except Exception as e:
            found = f"{type(e).__name__}: {e}"
        if found:
            return found
    return None


def mutants(package: Path) -> Iterator[tuple[Source, Mutant, Callable[[], str | None]]]:
    """Wrong versions of the shared parts."""
    assert check() is None, check()
    for file, names in PARTS.items():
        source = Source(package / file)
        wanted = {c for c in source.codes if c.co_qualname in names or c.co_qualname.split(".<locals>")[0] in names}
        for mutant in source.mutants(wanted):
            yield source, mutant, check
