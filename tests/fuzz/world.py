"""What else happens to a session: steps of an optimizer, Stop, files, frozen parameters; the oracle keeps up."""

from __future__ import annotations

import random
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import torchlean_nb as tl
from tests.fuzz.calls import whole
from tests.fuzz.numbers import boxed, fractions, small
from tests.fuzz.recording import Act, Cell, Recording, Skip, now, same
from torchlean_nb.errors import CheckpointError


class World(Recording):
    """A session with an optimizer and a file."""

    # -- training ----------------------------------------------------------------------------
    def make_optimizer(self, r: random.Random) -> None:
        if not any(c.param.requires_grad for c in self.cells):
            raise Skip
        self.rates = (r.choice((Fraction(1), Fraction(1, 2))), r.choice((Fraction(0), Fraction(1, 2))))
        lr, m = map(float, self.rates)
        self.opt_cells = list(self.cells)
        self.opt = tl.optim.SGD([c.param for c in self.opt_cells], lr=lr, momentum=m)
        for c in self.cells:
            c.momentum = None

    def planned(self, swept: dict[Cell, np.ndarray]) -> dict[Cell, tuple[np.ndarray, np.ndarray]]:
        """Parameters and momenta after a step."""
        lr, m = self.rates
        plan = {}
        for c in self.opt_cells:
            if c in swept and c.param.requires_grad:
                v = swept[c] if c.momentum is None else boxed(c.momentum * m + swept[c])
                plan[c] = (boxed(c.exact - v * lr), v)
                if not small(plan[c][0]) or not small(v):
                    raise Skip
        return plan

    def step(self, r: random.Random, act: Act = now) -> None:
        if self.swept is None:
            raise Skip
        if self.opt is None or r.random() < 0.1:
            self.make_optimizer(r)
        g, swept = self.swept
        plan = self.planned(swept)
        self.wanted = [(c, *plan.get(c, (c.exact, c.momentum))) for c in self.cells]
        act(lambda: self.opt.step(g))
        self.commit(plan)

    def commit(self, plan: dict[Cell, tuple[np.ndarray, np.ndarray]]) -> None:
        for c, (x, v) in plan.items():
            c.exact, c.momentum = x, v
        self.check_params()

    def check_params(self) -> None:
        for c in self.cells:
            assert same(c.param.value, c.exact), (c.param, c.exact)
            assert not c.param.value.flags.writeable
        self.check_slots()

    def rebuild(self) -> None:
        """Record the script once more on an empty tape, as far as the numbers stay small."""
        script = self.script
        self.forget()
        for entry in script:
            if self.add(entry) is None:
                break

    def again(self, r: random.Random) -> None:
        """A reset, and the same once more: what a compiled session runs by its program."""
        self.s.reset_tape()
        self.rebuild()
        if r.random() < 0.7:
            self.backward(r)

    def train(self, r: random.Random) -> None:
        """``s.step``: fresh tape, loss, sweep, update."""
        self.target(r, scalar=True)
        if self.opt is None:
            self.make_optimizer(r)
        plan = []

        def build() -> tl.Tensor:
            self.rebuild()
            out, exact, _ = self.target(r, scalar=True)
            bar = self.sweep(out, exact)
            swept = {k.cell: np.full(k.shape, Fraction(0), object) for k in self.nodes if k.cell and k.id <= out.id}
            swept |= {k.cell: bar[i] for i, k in enumerate(self.nodes) if k.cell and i in bar}
            plan.extend((self.planned(swept), out, bar))
            return out.handle

        report = self.s.step(self.opt, build)
        after, out, bar = plan
        assert Fraction(report.loss) == out.exact.item() and report.gradients is self.s.grads
        self.commit(after)
        self.compare(report.gradients, out, bar)

    def forget(self) -> None:
        self.script, self.made, self.nodes = [], [], []

    # -- what happens around ---------------------------------------------------------------------
    def reset(self) -> None:
        self.stale = [k.handle for k in self.nodes[-3:]]
        self.s.reset_tape()
        self.forget()

    def set_param(self, r: random.Random, act: Act = now) -> None:
        c = r.choice(self.cells)
        a = whole(r, c.shape)
        self.wanted = [(k, fractions(a) if k is c else k.exact, k.momentum) for k in self.cells]
        act(lambda: c.param.set(a))
        c.exact = fractions(a)
        a += 1.0

    def interrupted(self, r: random.Random, act: Act) -> None:
        """Stop at some instruction: what was asked for has happened, or nothing has."""
        self.wanted, self.asked = [(c, c.exact, c.momentum) for c in self.cells], None
        what, last, opt = r.choice(("record", "backward", "step", "set", "load")), self.s._grads, self.opt
        cells = self.wanted
        try:
            if what == "record":
                self.add(self.draw_call(r), act)
            else:
                {"backward": self.backward, "step": self.step, "set": self.set_param, "load": self.load}[what](r, act)
        except KeyboardInterrupt:
            if self.opt is not opt:  # a new one, which has no momenta yet
                cells = [(c, x, None) for c, x, _ in cells]
            self.settle(cells, last)

    def settle(self, cells: list[tuple[Cell, Any, Any]], last: Any) -> None:
        """Find out which of the two it was."""
        if self.s._grads is not last:  # published: then it is whole
            self.compare(self.s._grads, *self.asked)
        new, old = (all(same(c.param.value, x) for c, x, _ in some) for some in (self.wanted, cells))
        assert new or old
        for c, x, v in cells if old else self.wanted:
            c.exact, c.momentum = x, v
        self.check_slots()

    def check_slots(self) -> None:
        """The optimizer's momenta, which change when the parameters do."""
        if self.opt is not None and self.rates[1]:
            state = self.opt.state_dict()["state"]
            for i, c in enumerate(self.opt_cells):
                got = state.get(i, {}).get("buf")
                assert (got is None) == (c.momentum is None)
                assert got is None or same(got, c.momentum)

    def freeze(self, r: random.Random) -> None:
        p = r.choice(self.cells).param
        p.requires_grad = not p.requires_grad

    def look(self) -> None:
        """Every value, compared with the oracle; ids in order; nothing can be written to."""
        s = self.s
        for k in self.nodes:
            if k.usable:
                assert same(k.handle.value, k.exact), (k.handle, k.exact)
            assert not k.handle.value.flags.writeable and s.value(k.id) is not None
        for n in s.tape:
            assert all(p < n.id for p in n.parents)
        assert len(s.tape) == len(s.tape.values)
        self.check_params()
        if self.swept is not None:
            for c, want in self.swept[1].items():
                assert same(self.swept[0][c.param], want)

    def save(self, folder: Path) -> None:
        path = folder / f"{id(self)}.tl"
        what = {"s": self.s} | ({"o": self.opt} if self.opt is not None else {})
        tl.save(path, what)
        self.saved = (path, self.opt, [(c, c.exact, c.momentum) for c in self.cells])

    def load(self, r: Any = None, act: Act = now) -> None:
        if self.saved is None:
            raise Skip
        path, opt, cells = self.saved
        what = {"s": self.s} | ({"o": opt} if opt is not None else {})
        if len(cells) != len(self.cells):
            before = self.s.digest()
            try:
                tl.load(path, into=what)
            except CheckpointError:
                assert self.s.digest() == before
                raise Skip from None
            raise AssertionError("a checkpoint of other parameters was taken")
        self.wanted = [(c, x, v if opt is self.opt else c.momentum) for c, x, v in cells]
        act(lambda: tl.load(path, into=what))
        for c, x, v in cells:
            c.exact, c.momentum = x, v if opt is self.opt else c.momentum
        self.check_params()


def scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz"))
