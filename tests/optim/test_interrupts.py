"""Stop at random instructions of what changes an optimizer: everything is as before, or as after it."""

from __future__ import annotations

import pytest
from optim.interrupts import CASES, NEVER, Case, digest, fuzz, pressed, trained

# Three of each: 10,000 with python -m tests.optim.interrupts 10000.
TIMES = 12


@pytest.mark.parametrize("name", CASES)
def test_stop_at_any_instruction_tears_nothing(name):
    assert fuzz(TIMES, seed=len(name), names=[name]) == []


@pytest.mark.parametrize("name", ["restore", "fused restore", "load", "add", "SequentialLR step", "plateau step"])
def test_the_last_instructions_of_what_writes_in_several_places_tear_nothing(name):
    case = CASES[name]()
    before = digest(case.parts)
    length = NEVER - pressed(case.do, NEVER)
    allowed, outcomes = (before, digest(case.parts)), []
    for n in range(max(length - 60, 1), length + 1):
        case = CASES[name]()
        pressed(case.do, n)
        outcomes.append(allowed.index(digest(case.parts)))
    assert outcomes == sorted(outcomes)


def test_what_writes_twice_is_found_to_tear(monkeypatch):
    opt = trained("SGD")

    def twice():
        opt.zero_state()
        opt.param_groups[0]["lr"] = 7.0
        opt.zero_state()

    def make():
        opt.__dict__.update(vars(trained("SGD")))
        return Case(twice, (opt,))

    monkeypatch.setitem(CASES, "twice", make)
    assert any(why == "neither before nor after" for _, _, why in fuzz(60, names=["twice"]))
