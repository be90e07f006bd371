"""Train for a long time with the collector of cycles switched off: ``python -m tests.load.steps 10000 [part of name]``.

Nothing may be left over that only the collector finds, and memory must not grow: what a step makes dies when the step
is over.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import torchlean_nb as tl
from torchlean_nb.laws.rules_known import GIVEN
from torchlean_nb.laws.rules_trial import step, trials
from torchlean_nb.train.observe import Recorder
from torchlean_nb.updates import RULES

LIMIT = 1.0  # MiB
WARM = 60  # steps until programs are made and buffers are there
SELDOM = 10**6
Run = Callable[[int], object]


def _net() -> tl.nn.Sequential:
    return tl.nn.Sequential(tl.nn.Linear(3, 4), tl.nn.Tanh(), tl.nn.Linear(4, 2))


def _data() -> tuple[np.ndarray, np.ndarray]:
    r = np.random.default_rng(0)
    return r.normal(size=(40, 3)), r.integers(0, 2, 40)


def session(backend: str) -> Run:
    """``Session.step`` with Adam."""
    s = tl.Session(backend=backend)
    w, b, x = s.param(np.ones((3, 2)), name="w"), s.param(np.zeros(2), name="b"), np.ones((5, 3))
    opt = tl.optim.Adam([w, b], lr=1e-3)

    def run(steps: int) -> None:
        for _ in range(steps):
            s.step(opt, lambda: ((s.input(x) @ w + b).tanh() ** 2).sum())

    return run


def trainer(record: object) -> Run:
    """``Trainer.fit``. What is recorded is kept, and is no leak: it grows up to the limits of the recorder."""
    t, data = tl.Trainer(_net(), task="classification"), _data()
    return lambda steps: t.fit(data, steps=steps, batch_size=8, progress=False, record=record)


def stepper() -> Run:
    """A training loop of one's own."""
    it, (x, y) = tl.train.Stepper(tl.Trainer(_net(), task="classification").runner, "adam"), _data()

    def run(steps: int) -> None:
        for _ in range(steps):
            it.step(x, y)

    return run


def race() -> Run:
    """Races of ten steps, as many as there are steps for."""

    def run(steps: int) -> None:
        for _ in range(steps // 10):
            tl.race(["sgd", "adam"], on="rosenbrock", steps=10)

    return run


def rule(name: str) -> Run:
    """One row of an optimizer alone, with what it asks for."""
    trial = trials(RULES[name], GIVEN.get(name))[0]
    opt = trial.make()
    there = trial.gradients(7)
    gradients = [*there, *({k: -v for k, v in g.items()} for g in there)]  # forth and back: nothing runs away

    def run(steps: int) -> None:
        for k in range(steps):
            step(opt, gradients[k % 14])

    return run


KINDS: dict[str, Callable[[], Run]] = {
    "eager": partial(session, "eager"), "compiled": partial(session, "compiled"),
    "trainer": lambda: trainer(Recorder(every=1000, diagnostics_every=SELDOM, histograms_every=SELDOM)),
    "trainer that records": partial(trainer, 5), "stepper": stepper, "race": race,
    **{f"rule {r.name}": partial(rule, r.name) for r in RULES.values() if r.builtin},
}  # fmt: skip


def resident() -> float:
    """MiB of this process; 0 where the system does not say."""
    where = Path("/proc/self/statm")
    return int(where.read_text().split()[1]) / 256 if where.exists() else 0.0


def left(make: Callable[[], Run], steps: int, warm: int = WARM) -> tuple[int, float]:
    """Objects that only the collector found after `steps` steps, and MiB that came."""
    run = make()
    run(warm)
    gc.freeze()  # what there is by now is not looked at again
    gc.disable()
    try:
        before = resident()
        run(steps)
        return gc.collect(), resident() - before
    finally:
        gc.enable()
        gc.unfreeze()


def main(steps: int = 10_000, part: str = "") -> int:
    """Print a table; the number of rows that leave something."""
    bad = 0
    for name, make in KINDS.items():
        if part in name:
            cyclic, grown = left(make, steps, max(WARM, steps // 10))
            bad += cyclic > 0 or grown > LIMIT
            print(f"{name:28} {cyclic:6} cyclic objects  {grown:+7.2f} MiB", flush=True)
    print(f"{bad} of them leave something")
    return bad


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(main(int(words[0]) if words else 10_000, *words[1:2]) > 0)
