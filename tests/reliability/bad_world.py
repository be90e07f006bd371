"""A day's work in the middle: what the rows of bad_inputs.csv are done to, and a digest of all of it."""

from __future__ import annotations

import ast
import copy
import operator
import pickle
import sys
from collections.abc import Callable
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import numpy as np

import torchlean_nb as tl
from tests._stop import Stop
from tests.datasets.recipes import SCOPE
from tests.reliability import bad_engine, bad_files, bad_shown, bad_training
from torchlean_nb import errors
from torchlean_nb.saving.things import is_thing, state_of

WORDS = {
    **SCOPE, **{name: getattr(tl.data, name) for name in tl.data.__all__}, **bad_engine.WORDS, **bad_files.WORDS,
    **bad_training.WORDS, **bad_shown.WORDS, "tl": tl, "np": np, "copy": copy, "pickle": pickle,
    "operator": operator, "nan": float("nan"),
    "inf": float("inf"), "errors": errors, "save": tl.save, "load": tl.load, "SimpleNamespace": SimpleNamespace,
}  # fmt: skip


def contents(folder: Any) -> dict[Any, Any]:
    """Every file below a folder, with its bytes; of a large one its size."""
    return {p: _inside(p) for p in sorted(folder.rglob("*"))}


def _inside(path: Any) -> Any:
    if not path.is_file():
        return None
    return path.read_bytes() if path.stat().st_size < 10**7 else path.stat().st_size


class World(bad_files.Files, bad_training.Training, bad_engine.Engine, bad_shown.Shown):
    """Sessions with tapes and gradients, a network, optimizers, a schedule, batches, random streams, files."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch, self.it = folder, monkeypatch, None
        self.path, self.kept_file = folder / "input", folder / "run.tl"
        s = self.s = tl.Session(seed=1)
        self.w, self.b = s.param([1.0, 2.0], name="w"), s.param([3.0], name="b")
        self.frozen = s.param([1.0], name="frozen", requires_grad=False)
        self.zero = s.param([0.0, 1.0], name="z")
        self.x, self.v = s.input(np.arange(6.0).reshape(2, 3), name="x"), s.input([1.0, 2.0, 3.0], name="v")
        self.image, self.kernel = s.input(np.ones((1, 1, 4, 4))), s.input(np.ones((1, 1, 2, 2)))
        self.opt, self.gone = tl.optim.Adam([self.w], lr=0.1), (self.w * 2).sum()
        self.opt.step({"w": [1.0, 1.0]})
        self.net = tl.nn.Linear(2, 3, bias=False).bind(tl.Session(seed=4), seed=0)
        self.adam = tl.optim.Adam(self.net.parameters(), lr=0.1)
        self.adam.step([np.ones((3, 2))])
        self.scheduler = tl.optim.lr_scheduler.StepLR(self.adam, 2)
        self.scheduler.step()
        self.ds = tl.data.Dataset([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0], [8.0, 9.0]], [0, 1, 0, 1, 0])
        self.loader = tl.data.DataLoader(self.ds, 2, seed=3)
        self.lcg_loader = tl.data.DataLoader(self.ds, 2, seed=3, order="torchlean")
        self.loader.next_batch(), self.lcg_loader.next_batch()
        self.numbers = np.random.default_rng(3)
        self.numbers.normal(), s.draw_key()
        self.other = tl.Session(seed=2)
        self.other_x, self.other_w = self.other.input([1.0]), self.other.param([1.0], name="w")
        self.loss = (self.w * self.w).sum().named("loss")
        s.backward(self.loss)
        self.sessions = [s, self.other, self.net.session]
        self.fakes: list[tuple[Any, str]] = []
        self.everything = {"s": self.net.session, "opt": self.adam, "scheduler": self.scheduler,
                           "loader": self.loader, "numbers": self.numbers}  # fmt: skip

    def digest(self) -> str:
        """SHA-256 of all of it: values, tapes, gradients, slots, schedules, streams, and what the row was given."""
        things = [self.opt, self.lcg_loader, *self.everything.values(), *([self.it] if is_thing(self.it) else [])]
        sessions = [x.digest() for x in self.sessions]
        data = [a.tobytes() for a in self.ds.arrays]
        return sha256(repr((sessions, data, [state_of(x) for x in things])).encode()).hexdigest()

    def settle(self) -> tuple[Any, ...]:
        """Everything as it is now."""
        self.fakes = [(fake, str(fake.param_groups)) for fake, _ in self.fakes]
        return self.state()

    def state(self) -> tuple[Any, ...]:
        """What a refused input leaves alone."""
        touched = [str(fake.param_groups) for fake, as_made in self.fakes if str(fake.param_groups) != as_made]
        return self.digest(), contents(self.folder), sorted(self.folder.parent.iterdir()), touched

    def run(self, code: str) -> Callable[[], Any]:
        """The code of a row, ready to be run; what it names is looked up now."""
        tree = ast.parse(code, mode="eval")
        named = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        names = WORDS | {n: getattr(self, n) for n in named.intersection(dir(self))}
        return lambda: eval(compile(tree, code, "eval"), names)

    def torn(self, do: Callable[[], Any], undo: Callable[[], Any]) -> int:
        """Press Stop at many instructions: how often that left something between before and after."""
        old, torn, n = self.digest(), 0, 1
        do()
        new = self.digest()
        while True:
            undo()
            trace = sys.gettrace()
            sys.settrace(Stop(n))
            try:
                do()
                break
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(trace)
            torn += self.digest() not in (old, new)
            n += 1 + n // 20
        assert n > 20
        return torn

    def give(self, code: str) -> None:
        """Run what a row needs beforehand: bytes become the input file, a number the size of it."""
        self.it = self.run(code)() if code else None
        if isinstance(self.it, int):
            with self.path.open("wb") as f:
                f.truncate(self.it)
        elif isinstance(self.it, bytes):
            self.path.write_bytes(self.it)
