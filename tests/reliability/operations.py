"""The table of operations that are stopped, fresh at every call."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _trainers import data, digest, fit, trainer
from optim.interrupts import CASES
from optim.interrupts import digest as of_parts
from reliability.interrupts import Operation

import torchlean_nb as tl
from torchlean_nb.train.observe import Recorder

_KEPT = tempfile.TemporaryDirectory(prefix="stops")
FOLDER = Path(_KEPT.name)
STEPS, START = 3, np.array([[1.0, 2.0], [-0.5, 0.3]])
LR = tl.optim.lr_scheduler


# -- a session ---------------------------------------------------------------------------------
class World:
    """A session with a recorded loss; what is done in it is one method each."""

    def __init__(self, backend: str, rounds: int = 0):
        self.s = tl.Session(seed=0, backend=backend)
        self.w = self.s.param(START, name="w")
        for _ in range(rounds):  # a compiled session computes by a program from the second time on
            self.loss(), self.s.backward(self.y), self.s.reset_tape()
        self.loss()

    def loss(self) -> None:
        self.x = self.s.input(np.eye(2), name="x")
        self.y = ((self.x @ self.w) ** 2.0).sum()

    def whole(self) -> Any:
        """Everything but the tape, which only grows by whole nodes: then a gradient tells."""
        s = self.s
        assert all(p < node.id for node in s.tape for p in node.parents)
        assert len(s.tape) == len(s.tape.values) == len(s.tape.needs)
        return [(k, p.value.tobytes()) for k, p in s.params.items()], repr(s.rng), s._draws

    def gradient(self) -> Any:
        """What the session computes from here: a new op, and the whole loss anew."""
        z = (self.x * self.x).named("z")
        assert self.s.tape[z.id].op == "mul" and z.id == len(self.s.tape) - 1
        return self.s.backward(self.y)[self.w].tobytes(), z.value.tobytes()


def in_session(act: Callable[[World], Any], backend: str = "eager", rounds: int = 0) -> Callable[[], Operation]:
    def make() -> Operation:
        world, gradients = World(backend, rounds), []

        def state() -> Any:
            return world.whole(), tuple(gradients)

        def rest() -> None:
            if not gradients:
                gradients.append(world.gradient())
                world.s.reset_tape()
                world.loss()
                gradients.append(world.gradient())

        return Operation(lambda: act(world), state, rest)

    return make


def reset(backend: str) -> Callable[[], Operation]:
    """The tape is dropped, and the same is recorded on the new one."""

    def make() -> Operation:
        world, seen = World(backend, 2), []

        def rest() -> None:
            world.s.reset_tape()
            world.loss()
            seen.append(world.gradient())

        return Operation(world.s.reset_tape, lambda: (world.whole(), tuple(seen)), rest)

    return make


def cells() -> Operation:
    """Integer cells and the tape are reset together or not at all."""
    s = tl.Session()
    s.input_nat(3), s.input([1.0])
    return Operation(s.reset_tape, lambda: (len(s._cells), len(s.tape), repr(s.rng)))


def stepping(backend: str, fused: Any) -> Callable[[], Operation]:
    def make() -> Operation:
        world = World(backend)
        opt = tl.optim.Adam([world.w], lr=0.1, fused=fused)
        world.s.step(opt, lambda: (world.w * world.w).sum())
        return Operation(lambda: world.s.step(opt, lambda: (world.w * world.w).sum()), lambda: of_parts((opt,)))

    return make


# -- trainings ---------------------------------------------------------------------------------
def averaged(t: Any) -> dict[str, Any]:
    t.ema = tl.optim.EMA(t.runner.net.parameters(), decay=0.5)
    return {"callbacks": lambda moment: t.ema.update()}


def plateau(opt: Any) -> Any:
    return LR.ReduceLROnPlateau(opt, patience=0)


FITS: dict[str, tuple[dict[str, Any], Callable[[Any], dict[str, Any]]]] = {
    "fit": ({}, lambda t: {}),
    "fit, validation, plateau": ({"schedule": plateau}, lambda t: {"validation": 3, "metrics": "f1"}),
    "fit, one cycle": ({"schedule": lambda o: LR.OneCycleLR(o, 0.1, 9)}, lambda t: {}),
    "fit, EMA": ({}, averaged),
    "fit, recorder": ({}, lambda t: {"record": t.recorder}),
    "fit, accumulate, clip": ({}, lambda t: {"batch_size": 2, "accumulate": 2, "clip": 0.5}),
    "fit, per sample": ({"norm": tl.nn.LayerNorm(4)}, lambda t: {"update": "per_sample", "batch_size": 2}),
    "fit, compiled": ({"backend": "compiled"}, lambda t: {}),
    "fit, compiled, fused": (
        {"backend": "compiled", "optimizer": lambda ps: tl.optim.Adam(ps, lr=0.1, fused="numpy")}, lambda t: {},
    ),
    "fit, fused": ({"optimizer": lambda ps: tl.optim.Adam(ps, lr=0.1, fused="numpy")}, lambda t: {}),
}  # fmt: skip


def fitting(name: str) -> Callable[[], Operation]:
    options, more = FITS[name]

    def made(steps: int) -> tuple[Any, dict[str, Any]]:
        t = trainer(**options)
        t.recorder, t.ema = Recorder(diagnostics_every=2, histograms_every=3), None
        given = more(t)
        if steps:
            fit(t, steps, **given)
        return t, given

    def seen(t: Any) -> Any:
        return t.step, digest(t), t.ema and of_parts((t.ema,))

    def make() -> Operation:
        t, given = made(1)  # before the first fit there is no loader, whose place is in the state
        return Operation(
            lambda: fit(t, STEPS - 1, **given), lambda: seen(t), lambda: fit(t, STEPS - t.step, **given),
            lambda: [seen(made(k)[0]) for k in range(1, STEPS + 1)],
        )  # fmt: skip

    return make


def taken_up(way: str) -> Callable[[], Operation]:
    saved = trainer()
    fit(saved, 2)
    state, file = saved.state_dict(), FOLDER / "trainer.tl"
    tl.save(file, saved)

    def make() -> Operation:
        t = trainer()
        do = {"dict": lambda: t.load_state_dict(state), "file": lambda: tl.load(file, into=t)}[way]
        return Operation(do, lambda: digest(t))

    return make


# -- files -------------------------------------------------------------------------------------
def writing(write: Callable[[Path, int], Any], suffix: str) -> Callable[[], Operation]:
    """A file is the old one or the new one, and alone."""

    def make() -> Operation:
        folder = FOLDER / "file"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path = folder / f"x{suffix}"
        write(path, 1)
        return Operation(lambda: write(path, 2), lambda: [(p.name, p.read_bytes()) for p in sorted(folder.iterdir())])

    return make


def loading() -> Operation:
    """Two things from one file."""
    file = FOLDER / "pair.tl"
    s = tl.Session(seed=1)
    w = s.param(START, name="w")
    opt = tl.optim.Adam([w], lr=0.1)
    if not file.exists():
        s.step(opt, lambda: (w * w).sum())
        tl.save(file, {"session": s, "optimizer": opt})
        return loading()
    into = {"session": s, "optimizer": opt}
    return Operation(lambda: tl.load(file, into=into), lambda: (of_parts((opt,)), s.digest()))


GRAPH = (lambda s: s.trace(s.param(2.0) * 3.0))(tl.Session())


def net_of(n: int) -> Any:
    return tl.nn.Linear(3, 2).bind(tl.Session(), seed=n)


WRITERS: dict[str, tuple[Callable[[Path, int], Any], str]] = {
    "save": (lambda p, n: tl.save(p, {"n": n, "w": np.full(30, n)}), ".tl"),
    "paramio.save": (lambda p, n: tl.saving.paramio.save(p, net_of(n)), ".json"),
    "write_csv": (lambda p, n: tl.data.write_csv(p, np.full((5, 2), float(n)), overwrite=True), ".csv"),
    "trace.write": (lambda p, n: tl.trace.RunTrace(f"run {n}").write(p), ".json"),
    "to_html": (lambda p, n: GRAPH.to_html(p, title=f"page {n}"), ".html"),
}


# -- what is pure: stopped, it gives less or nothing, and once more the whole --------------------
def pure(run: Callable[[], Any]) -> Callable[[], Operation]:
    def make() -> Operation:
        found: list[Any] = []
        return Operation(run, lambda: tuple(found), lambda: found.append(run()))

    return make


def bowl(x: Any) -> Any:
    return ((x - 1.0) ** 2).sum()


def compiled_call() -> Callable[[], Operation]:
    p = tl.compile(lambda w, x: ((w * x) ** 2).sum(), START, START)

    def run() -> Any:
        value, slope = p.value_and_grad(START, START * 2.0)
        return float(value), slope.tobytes(), float(p(START, START))

    return pure(run)


def train_step(fused: Any) -> Callable[[], Operation]:
    def make() -> Operation:
        opt = tl.optim.Adam({"w": START}, lr=0.1, fused=fused)
        step = tl.compile(lambda x, w: ((w * x) ** 2).sum(), START, START, argnums=1).train_step(opt)
        step(START)
        return Operation(lambda: step(2.0 * START), lambda: of_parts((opt,)))

    return make


def batches() -> Operation:
    loader = tl.data.DataLoader(data(), 4, seed=1)
    loader.next_batch()
    return Operation(loader.next_batch, lambda: repr(loader.state_dict()))


def swept() -> Operation:
    """A sweep with a file: what had finished is in the file, and the rest is added."""
    file = FOLDER / "runs.jsonl"
    file.unlink(missing_ok=True)
    found: list[Any] = []

    def run() -> Any:
        return tl.race.sweep(["sgd", "adam"], "rosenbrock", [1e-3, 1e-2], steps=3, results=file, progress=False)

    return Operation(run, lambda: tuple(found), lambda: found.append(run().to_json()))


def raced() -> Any:
    return tl.race.run(["sgd", "lbfgs"], "rosenbrock", START, 4, engine="numpy", progress=False)


OPERATIONS: dict[str, Callable[[], Operation]] = {
    "op with a constant": in_session(lambda o: o.x * 3.0), "composite": in_session(lambda o: tl.softmax(o.x)),
    "input": in_session(lambda o: o.s.input([1.0, 2.0], name="more")),
    "backward": in_session(lambda o: o.s.backward(o.y)),
    "trace": in_session(lambda o: o.s.trace(o.y)), "reset_tape": reset("eager"), "reset of cells": cells,
    "compiled session: loss": in_session(lambda o: o.loss(), "compiled", 2),
    "compiled session: backward": in_session(lambda o: o.s.backward(o.y), "compiled", 2),
    "compiled session: first backward": in_session(lambda o: o.s.backward(o.y), "compiled"),
    "compiled session: reset_tape": reset("compiled"),
    "session step": stepping("eager", False), "compiled session step": stepping("compiled", False),
    "compiled fused session step": stepping("compiled", "numpy"),
    **{name: fitting(name) for name in FITS}, "Trainer.load_state_dict": taken_up("dict"),
    "load of a Trainer": taken_up("file"), "load": loading,
    **{name: writing(*row) for name, row in WRITERS.items()},
    "compile": pure(lambda: tl.compile(bowl, START)(START).tobytes()), "program": compiled_call(),
    "train_step": train_step(False), "fused train_step": train_step("numpy"), "next_batch": batches,
    "minimize": pure(lambda: tl.minimize(bowl, START, steps=3).points.tobytes()),
    "grad": pure(lambda: tl.grad(bowl)(START).tobytes()), "hessian": pure(lambda: tl.hessian(bowl)(START).tobytes()),
    "race": pure(raced), "sweep": swept,
    **{f"optim: {name}": lambda name=name: Operation(*(lambda c: (c.do, lambda: of_parts(c.parts)))(CASES[name]()))
       for name in CASES},
}  # fmt: skip
