"""Stop at any moment: everything is as before or as after, and going on gives the bits of a run without a stop.

The table is `operations.py`; 10,000 stops: ``python -m tests.reliability.interrupts 10000``.
"""

from __future__ import annotations

import random
import signal
import threading

import pytest
from optim.interrupts import CASES, digest, trained
from reliability.interrupts import Operation, fuzz, known, shares, signalled, stopped
from reliability.operations import OPERATIONS

# A file that was opened, and not yet held when Stop came, is closed by Python, which then warns.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
SLOW = [name for name in OPERATIONS if name.startswith("fit") or name in ("race", "to_html", "load of a Trainer")]


@pytest.mark.parametrize("name", OPERATIONS)
def test_stop_at_any_instruction_tears_nothing(name):
    found = fuzz(name, 1 if name in SLOW else 2)
    assert found.torn == [] and found.stops


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals come to the main thread")
@pytest.mark.parametrize("name", ["backward", "fit", "save", "sweep", "optim: Adam step"])
def test_a_signal_from_the_system_tears_nothing(name):
    assert fuzz(name, 2, real=True).torn == []


@pytest.mark.parametrize("name", ["restore", "fused restore", "load", "add", "SequentialLR step", "plateau step"])
def test_the_last_instructions_of_what_writes_in_several_places_tear_nothing(name):
    make = OPERATIONS[f"optim: {name}"]
    facts = known(make)
    after = []
    for n in range(max(facts.instructions - 60, 1), facts.instructions + 1):
        came, before, wrong = stopped(make, facts, Fixed(n), False)
        assert came and not wrong
        after.append(not before)
    assert after == sorted(after)


class Fixed(random.Random):
    """Draws what it is told."""

    def __new__(cls, n):
        return super().__new__(cls)

    def __init__(self, n):
        self.n = n

    def randint(self, low, high):
        return self.n


def test_what_writes_twice_is_found_to_tear(monkeypatch):
    def make():
        opt = trained("SGD")

        def twice():
            opt.zero_state()
            opt.param_groups[0]["lr"] = 7.0
            opt.zero_state()

        return Operation(twice, lambda: digest((opt,)))

    monkeypatch.setitem(OPERATIONS, "twice", make)
    assert any("neither before nor after" in why for why in fuzz("twice", 60).torn)


def test_what_goes_another_way_afterwards_is_found(monkeypatch):
    def make():
        done = []

        def rest():
            done.append("once more")

        return Operation(lambda: trained("SGD", lr=7.0).zero_state() or done.append("once"), lambda: tuple(done), rest)

    monkeypatch.setitem(OPERATIONS, "forgets", make)
    assert any("another way afterwards" in why for why in fuzz("forgets", 20).torn)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals come to the main thread")
def test_a_stop_that_python_drops_is_none():
    done, pressed = [], threading.Event()

    class Long:
        def __del__(self):
            signal.raise_signal(signal.SIGALRM)  # the timer, at the worst moment
            while not pressed.is_set():
                pass

    def do():
        outer = signal.getsignal(signal.SIGINT)

        def late(number, frame):
            pressed.set()
            outer(number, frame)

        signal.signal(signal.SIGINT, late)
        Long()
        done.append("to the end")

    assert not signalled(do, 3600)
    assert done == ["to the end"] and pressed.is_set()


def test_the_long_form_spreads_its_stops_over_the_whole_table():
    rows = [*shares(1000)]
    assert sum(count for _, count, _ in rows) == 1000
    assert {name for name, *_ in rows} == {*OPERATIONS} >= {f"optim: {name}" for name in CASES}
