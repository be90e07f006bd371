"""What a user makes, uses and drops: each function does all of it, and yields what must be dead afterwards.

``python -m tests.load.ends 20`` makes that many sessions with arrays of 32 MB, the collector of cycles off, and prints
by how much the largest memory of the process grew.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import torchlean_nb as tl
from tests.load.steps import _data, _net, resident

X = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
Life = Callable[[], Iterator[Any]]


def _session(backend: str = "eager", **options: Any) -> tuple[tl.Session, tl.Param]:
    s = tl.Session(backend=backend, **options)
    return s, s.param(np.full((3, 2), 0.5), name="w")


def _loss(s: tl.Session, w: tl.Param) -> tl.Tensor:
    return ((s.input(X) @ w).tanh() ** 2).sum()


def leaves() -> Iterator[Any]:
    """Everything a tape starts from."""
    s, w = _session()
    s.const(1.0), s.input(X), s.use(w), s.input_nat(3)
    yield from (s, s.tape, w.value)


def swept(backend: str, **options: Any) -> Iterator[Any]:
    """Tapes, gradients asked for in all ways, tangents."""
    s, w = _session(backend)
    for _ in range(3):
        s.reset_tape()
        y = _loss(s, w)
        g = s.backward(y, **options)
        assert list(g) == [w] and g[w] is not None and repr(g) and s.grads is g
        s.jvp(y, {w: np.ones((3, 2))})
    yield from (s, s.tape, g, w.value)


def stepped(backend: str, fused: Any, rule: str = "Adam") -> Iterator[Any]:
    """An optimizer's steps."""
    s, w = _session(backend)
    opt = getattr(tl.optim, rule)([w], lr=0.1, fused=fused)
    for _ in range(4):
        s.step(opt, lambda: _loss(s, w))
    yield from (s, s.tape, opt)


def averaged() -> Iterator[Any]:
    """Averages, a schedule, a range test."""
    s, w = _session()
    opt = tl.optim.SGD([w], lr=0.1)
    ema, scheduler = tl.optim.EMA(opt, decay=0.9), tl.optim.lr_scheduler.StepLR(opt, step_size=2)
    for _ in range(3):
        s.step(opt, lambda: _loss(s, w))
        scheduler.step()
    yield from (s, opt, ema)


def looked_at() -> Iterator[Any]:
    """Traces, ledgers and errors."""
    s, w = _session()
    y = _loss(s, w)
    s.trace(y, names={"y": y}, inside="all"), s.ledger("w", y), s.digest(), repr(s), s.params
    for wrong in (lambda: w @ w, lambda: s.node("v"), lambda: s.param(True), lambda: (w - 5.0).log()):
        with suppress(tl.errors.TorchLeanError):
            wrong()
    yield from (s, s.tape, w.value)


def saved() -> Iterator[Any]:
    """A file of a session."""
    s, w = _session()
    value = w.value
    with tempfile.TemporaryDirectory() as folder:
        tl.save(Path(folder) / "s.tlz", s)
    yield from (s, value)


def bound() -> Iterator[Any]:
    """A network in a session."""
    s = tl.Session()
    net = _net().bind(s, seed=0)
    s.backward(net(X).sum())
    net.predict(X)
    yield from (s, net)


def trained(backend: str) -> Iterator[Any]:
    """A trainer and its result."""
    t = tl.Trainer(_net(), task="classification", backend=backend)
    result = t.fit(_data(), steps=6, batch_size=8, progress=False)
    yield from (t, result, t.runner, t.runner.session)


def stepper() -> Iterator[Any]:
    """A training loop of one's own."""
    it = tl.train.Stepper(tl.Trainer(_net(), task="classification").runner, "adam")
    for _ in range(3):
        it.step(*_data())
    yield from (it, it.runner, it.runner.session)


def program() -> Iterator[Any]:
    """A function, compiled, for batches of two sizes."""
    f = tl.compile(lambda x: (x.tanh() * x).sum(), X)
    f(X), f(X[:2]), f.value_and_grad(X)
    yield f


LIVES: dict[str, Life] = {
    "leaves": leaves, "eager sweeps": partial(swept, "eager"), "compiled sweeps": partial(swept, "compiled"),
    "sweeps with a hook": partial(swept, "eager", hook=lambda i, g: 2 * g),
    **{f"steps, {b}, fused={f}": partial(stepped, b, f) for b in ("eager", "compiled") for f in (False, "numpy")},
    "averages": averaged, "traces and errors": looked_at, "a file": saved, "a bound network": bound,
    "an eager trainer": partial(trained, "eager"), "a compiled trainer": partial(trained, "compiled"),
    "a stepper": stepper, "a program": program,
}  # fmt: skip


def main(sessions: int = 20) -> float:
    """MiB that came while large sessions were made and dropped."""

    def one() -> float:
        s = tl.Session()
        w = s.param(np.ones(4_000_000), name="w")
        s.backward((w * w).sum())
        return resident()

    gc.disable()
    first = one()
    return max(one() for _ in range(sessions)) - first


if __name__ == "__main__":
    print(f"{main(int(sys.argv[1]) if sys.argv[1:] else 20):+.1f} MiB")
