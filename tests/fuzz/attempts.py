"""What must not work: ways to write into an array that is on show, and calls that are refused and change nothing."""

from __future__ import annotations

import copy
import pickle
import random
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

import torchlean_nb as tl
from tests._stop import Stop
from torchlean_nb.errors import TorchLeanError


# -- ways to write ----------------------------------------------------------------------------------
def _assign(a: Any) -> None:
    a[...] = 9


def _unlock(a: np.ndarray) -> None:
    a.setflags(write=True)
    a[...] = 9


def _buffer(a: np.ndarray) -> None:
    view = memoryview(a)
    view[(0,) * a.ndim] = 9.0


def _flat(a: np.ndarray) -> None:
    a.flat[0] = 9


def _shape(a: np.ndarray) -> None:
    a.shape = (-1, 1)  # allowed by NumPy on read-only arrays: it must be a view that gets it


def _resize(a: np.ndarray) -> None:
    a.resize((a.size + 3,), refcheck=False)


# `np.add.at` is not among them: NumPy (2.4) lets it write into read-only arrays of one axis.
ROUTES: dict[str, Callable[[np.ndarray], Any]] = {
    "a[...] = 9": _assign, "np.add(out=)": lambda a: np.add(a, 1, out=a), "np.copyto": lambda a: np.copyto(a, 9),
    "fill": lambda a: a.fill(9), "flat": _flat, "view": lambda a: _assign(a.view()), "T": lambda a: _assign(a.T),
    "bytes": lambda a: _assign(a.view(np.uint8) if a.ndim else a.reshape(1).view(np.uint8)),
    "reshape": lambda a: _assign(a.reshape(-1)), "real": lambda a: _assign(a.real), "slice": lambda a: _assign(a[...]),
    "asarray": lambda a: _assign(np.asarray(a)), "setflags": _unlock, "memoryview": _buffer, "shape": _shape,
    "sort": lambda a: a.sort(axis=-1), "partition": lambda a: a.partition(0, axis=-1), "resize": _resize,
    "byteswap": lambda a: a.byteswap(inplace=True), "put": lambda a: np.put(a, [0], 9),
    "place": lambda a: np.place(a, np.ones(a.shape, bool), [9]),
    "putmask": lambda a: np.putmask(a, np.ones(a.shape, bool), 9), "setfield": lambda a: a.setfield(9, np.float64),
    "strides": lambda a: _assign(np.lib.stride_tricks.as_strided(a, writeable=True)),
    "broadcast": lambda a: _assign(np.broadcast_to(a, a.shape)),
    "fill_diagonal": lambda a: np.fill_diagonal(a.reshape(-1, 1), 9),
    "shuffle": lambda a: np.random.default_rng(0).shuffle(a),
}  # fmt: skip


def shown(w: Any, r: random.Random) -> np.ndarray:
    """One of the arrays that the session hands out."""
    s, c = w.s, r.choice(w.cells)
    ways = [lambda: c.param.value, lambda: s.value(c.param)]
    if w.nodes:
        k = r.choice(w.nodes)
        ways += [lambda: k.handle.value, lambda: s.value(k.id), lambda: s.value(k.handle)]
    if w.swept is not None:
        g = w.swept[0]
        ways += [lambda: g[c.param], lambda: r.choice(g.dense), lambda: g.value, lambda: g[g.output]]
        if s._grads is g and g._tape is s.tape:
            ways.append(lambda: s.vjp(g.output, np.ones(s.value(g.output).shape), g.output))
    if w.opt is not None:
        states = w.opt.state_dict()["state"].values()
        slots = [a for state in states for a in state.values() if isinstance(a, np.ndarray)]
        ways += [lambda: r.choice(slots)] if slots else []
    return r.choice(ways)()


REFUSALS = (ValueError, TypeError, AttributeError, RuntimeError, IndexError, NotImplementedError, BufferError)


def changes(route: Callable[[np.ndarray], Any], a: np.ndarray) -> bool:
    """Whether a way to write is open."""
    before = a.tobytes()
    with suppress(*REFUSALS):
        route(a)
    return a.tobytes() != before


def write(w: Any, r: random.Random) -> None:
    """Try every way on one array that is on show, and write into an array that was handed in."""
    before = w.s.digest()
    a = shown(w, r)
    for route in ROUTES.values():
        with suppress(*REFUSALS):
            route(a)
    assert w.s.digest() == before, [name for name, route in ROUTES.items() if changes(route, a)]
    for a in w.owned[-4:]:
        if a.flags.writeable and a.dtype.kind == "f":
            a += r.choice((1.0, -1.0))
    assert w.s.digest() == before


# -- calls that are refused ----------------------------------------------------------------------------
def _raises(*_: Any) -> Any:
    raise RuntimeError("a hook of the user's")


def in_thread(action: Callable[[], Any]) -> None:
    caught = []

    def run() -> None:
        try:
            action()
        except TorchLeanError as e:
            caught.append(type(e)(str(e)))

    t = threading.Thread(target=run)
    t.start()
    t.join()
    raise caught.pop()


NAN, RAGGED = float("nan"), [[1.0], [1.0, 2.0]]
ON_SESSION: tuple[Callable[[Any], Any], ...] = (
    lambda s: s.value(10**6), lambda s: s.value("nobody"), lambda s: s.value(1.5), lambda s: s.value(None),
    lambda s: s.param(["a"]), lambda s: s.param([1.0, NAN]), lambda s: s.param(RAGGED), lambda s: s.param([1j]),
    lambda s: s.param(1.0, name=""), lambda s: s.param(1.0, name="a\0b"), lambda s: s.param([object()]),
    lambda s: s.input([float("inf")]), lambda s: s.const("x"), lambda s: s.const(10**400), lambda s: s.use(3),
    lambda s: s.seed(-1), lambda s: s.seed("x"), lambda s: s.call("no_such_op", 1), lambda s: s.add(1, 2),
    lambda s: s.tape[10**6], lambda s: s.tape["x"], lambda s: s.backward(10**6), lambda s: s.backward("nobody"),
    lambda s: s.input_nat(-1), lambda s: s.input_nat(1.5), lambda s: pickle.dumps(s), lambda s: s.ledger("nobody"),
    lambda s: s.trace(10**6), lambda s: in_thread(lambda: s.const(1.0) + 1.0), lambda s: s.scope("").__enter__(),
)  # fmt: skip
ON_VALUE: tuple[Callable[[Any, Any], Any], ...] = (
    lambda s, x: tl.reshape(x, shape=(7, 11)), lambda s, x: tl.sum(x, axis=9), lambda s, x: tl.sum(x, axis="x"),
    lambda s, x: x @ np.ones((41, 2)), lambda s, x: tl.take(x, [10**6]), lambda s, x: tl.take(x, [0.5]),
    lambda s, x: tl.concatenate(x, np.ones((9, 9, 9, 9))), lambda s, x: x / 0.0,
    lambda s, x: tl.add(x, [NAN]), lambda s, x: tl.add(x, "x"),
    lambda s, x: tl.add(x, None),
    lambda s, x: np.add(x, 1, out=np.zeros(3)), lambda s, x: np.asarray(x), lambda s, x: np.fft.fft(x),
    lambda s, x: bool(x), lambda s, x: copy.deepcopy(x), lambda s, x: pickle.dumps(x), lambda s, x: tl.permute(x, (9,)),
    lambda s, x: s.backward(x, seed=np.ones((13, 17))), lambda s, x: s.backward(x, seed=np.full(x.shape, NAN)),
    lambda s, x: s.backward(x, np.ones(x.shape), hook=_raises), lambda s, x: s.jvp(x, {x: np.ones((13, 17))}),
    lambda s, x: s.backward(x, np.ones(x.shape), hook=lambda i, g: np.ones((13, 17))), lambda s, x: x[10**6],
    lambda s, x: tl.einsum("abcdefghijk->", x), lambda s, x: tl.conv(x, np.ones((1, 1, *[2] * 9))), lambda s, x: x[0.5],
)  # fmt: skip


def digest(w: Any) -> tuple[str, str]:
    return w.s.digest(), "" if w.opt is None else str(w.opt.state_dict())


def prepared(s: Any, x: Any) -> list[Callable[[], Any]]:
    """Calls that are wrong for their numbers alone."""
    zero = tl.scale(x, c=0)
    below, flat, huge = zero - 1.0, tl.detach(x), zero + 1e6
    return [
        lambda: tl.log(zero), lambda: tl.inv(zero), lambda: tl.sqrt(below), lambda: tl.exp(huge),
        lambda: tl.pow(zero, -1.0), lambda: s.backward(flat, np.ones(x.shape)), lambda: tl.div(x, zero),
    ]  # fmt: skip


def bad_calls(w: Any, other: Any, r: random.Random) -> list[Callable[[], Any]]:
    s, c = w.s, r.choice(w.cells)
    acts: list[Callable[[], Any]] = [lambda f=f: f(s) for f in ON_SESSION]
    full = [k.handle for k in w.nodes if k.usable and k.exact.size]
    if full:
        h = r.choice(full)
        acts += [lambda f=f: f(s, h) for f in ON_VALUE] + prepared(s, h)
        acts += [lambda: other.s.backward(h), lambda: other.s.value(h), lambda: other.s.const(1.0) + h]
    acts += [lambda a=a: c.param.set(a) for a in (np.ones((13, 17)), NAN, "x", None, RAGGED)]
    acts += [lambda: other.s.use(c.param), lambda: c.param + other.cells[0].param, lambda: copy.deepcopy(c.param)]
    acts += [lambda h=h, f=f: f(h) for h in w.stale for f in (lambda h: h + 1, s.backward, float, s.value)]
    if w.opt is not None:
        p = w.opt_cells[0].param
        acts += [
            lambda: w.opt.step({p: np.ones((13, 17))}), lambda: w.opt.step({p: np.full(p.shape, NAN)}),
            lambda: w.opt.step("x"), lambda: w.opt.load_state_dict({}), lambda: tl.optim.SGD([p], lr=-1.0),
            lambda: tl.optim.SGD([p, p], lr=1.0),
        ]  # fmt: skip
    return acts


def _where(act: Any) -> str:
    """The call in this file, by line and column."""
    f = next((x for x in act.__defaults__ or () if callable(x) and hasattr(x, "__code__")), act)
    return f"line {f.__code__.co_firstlineno}, column {max(p[2] or 0 for p in f.__code__.co_positions())}"


def refused(w: Any, other: Any, r: random.Random) -> None:
    """Calls that cannot be answered: one of our errors, and everything is as it was."""
    for act in r.sample(bad_calls(w, other, r), 3):
        before = digest(w)
        try:
            act()
        except TorchLeanError:
            pass
        else:
            raise AssertionError(f"a bad call was answered: {_where(act)}")
        assert digest(w) == before, _where(act)


def stopped(n: int) -> Callable[[Callable[[], Any]], Any]:
    """Run with Stop pressed at the n-th instruction of the toolkit."""

    def act(f: Callable[[], Any]) -> Any:
        before = sys.gettrace()
        sys.settrace(Stop(n))
        try:
            return f()
        finally:
            sys.settrace(before)

    return act
