"""A session driven at random beside an oracle in fractions: every value and gradient equal, nothing ever half done."""

from __future__ import annotations

import gc
import os
import random
import shutil
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.fuzz import attempts
from tests.fuzz.calls import NAMES, SHAPES, whole
from tests.fuzz.numbers import TooLargeError
from tests.fuzz.recording import Skip
from tests.fuzz.world import World, scratch

RUNS, STEPS = (int(os.environ.get(f"FUZZ_{n}", m)) for n, m in (("RUNS", 50), ("STEPS", 50)))
N = st.integers(0, 2**32 - 1)
WHICH = st.integers(0, 1)


def cyclic_garbage():
    """What of ours only the collector can free, since the collector was stopped; it goes on from here."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    ours = [x for x in gc.garbage if isinstance(x, np.ndarray) or type(x).__module__.startswith("torchlean_nb")]
    found = [x if isinstance(x, BaseException) else type(x) for x in ours]
    del ours
    gc.garbage.clear()
    gc.unfreeze()
    gc.enable()
    return found


class Machine(RuleBasedStateMachine):
    """Two sessions, taken in turns."""

    backends = ("eager", "eager")

    def __init__(self):
        super().__init__()
        gc.disable()
        gc.freeze()
        self.folder = scratch()
        self.worlds = []

    @initialize(n=N)
    def begin(self, n):
        self.worlds = [World(b, n % 1000) for b in self.backends]

    def tried(self, f):
        with suppress(Skip, TooLargeError):
            f()

    @rule(w=WHICH, n=N)
    def record(self, w, n):
        w = self.worlds[w]
        r = random.Random(n)
        for _ in range(r.randint(3, 8)):
            w.add(w.draw_call(r))

    @rule(w=WHICH, n=N)
    def leaf(self, w, n):
        r = random.Random(n)
        w = self.worlds[w]
        w.new_param(r) if r.random() < 0.4 else w.new_leaf(r)

    @rule(w=WHICH, n=N)
    def backward(self, w, n):
        w, r = self.worlds[w], random.Random(n)
        for _ in range(r.randint(1, 4)):
            for _ in range(r.randint(1, 5)):
                w.add(w.draw_call(r))
            if r.random() < 0.7:
                w.tie()
            self.tried(lambda: w.backward(r))

    @rule(w=WHICH, n=N)
    def push(self, w, n):
        self.tried(lambda: self.worlds[w].push(random.Random(n)))

    @rule(w=WHICH, n=N)
    def step(self, w, n):
        self.tried(lambda: self.worlds[w].step(random.Random(n)))

    @rule(w=WHICH, n=N)
    def train(self, w, n):
        self.tried(lambda: self.worlds[w].train(random.Random(n)))

    @rule(w=WHICH, n=N)
    def again(self, w, n):
        self.tried(lambda: self.worlds[w].again(random.Random(n)))

    @rule(w=WHICH, n=N)
    def set_param(self, w, n):
        self.worlds[w].set_param(random.Random(n))

    @rule(w=WHICH, n=N)
    def freeze(self, w, n):
        self.worlds[w].freeze(random.Random(n))

    @rule(w=WHICH)
    def reset(self, w):
        self.worlds[w].reset()

    @rule(w=WHICH)
    def look(self, w):
        self.worlds[w].look()

    @rule(w=WHICH, n=N)
    def save(self, w, n):
        if n % 3 == 0:  # a file that survives a power cut takes its time
            self.worlds[w].save(self.folder)

    @rule(w=WHICH)
    def load(self, w):
        self.tried(self.worlds[w].load)

    @rule(w=WHICH, n=N)
    def write(self, w, n):
        attempts.write(self.worlds[w], random.Random(n))

    @rule(w=WHICH, n=N)
    def refused(self, w, n):
        attempts.refused(self.worlds[w], self.worlds[1 - w], random.Random(n))

    @rule(w=WHICH, n=N, at=st.integers(1, 2000))
    def interrupted(self, w, n, at):
        self.tried(lambda: self.worlds[w].interrupted(random.Random(n), attempts.stopped(at)))

    def teardown(self):
        fine = sys.exc_info()[0] is None
        cycles = cyclic_garbage()
        shutil.rmtree(self.folder)
        if fine:
            for w in self.worlds:
                w.look()
            assert not cycles or "compiled" in self.backends, cycles  # a compiler makes some, once per program


class CompiledMachine(Machine):
    """One of the two computes by programs."""

    backends = ("compiled", "eager")


@pytest.mark.parametrize("name", NAMES)
def test_every_algebraic_row_agrees_with_the_oracle(name):
    r, compared = random.Random(name), 0
    while compared < 8:
        w = World("eager", r.randrange(1000))
        for kind in ("trained", "trained", "trained", "input"):
            w.add(("leaf", whole(r, r.choice(SHAPES)), kind))
        with suppress(Skip, TooLargeError):
            if (k := w.add(w.draw_call(r, name))) is not None:
                compared += 1
                if k.needs:
                    w.backward(r)
        w.look()


def run(machine, runs, steps):
    run_state_machine_as_test(machine, settings=settings(
        max_examples=runs, stateful_step_count=steps, deadline=None, database=None, report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck)))


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a file that was opened, and not yet held when Stop came
@pytest.mark.parametrize("machine", [Machine, CompiledMachine], ids=["eager", "compiled"])
def test_a_session_agrees_with_the_oracle(machine):
    run(machine, RUNS, STEPS)
