"""Every update rule on the device: the CPU's numbers step by step, and nothing crosses on the way."""

from __future__ import annotations

import _guard
import numpy as np
import pytest
from guard.there import device, same_numbers
from optim.exceptions import GIVEN

from torchlean_nb.backend.devices import is_array
from torchlean_nb.laws.rules_trial import VALUE, bent, trials
from torchlean_nb.updates import RULES

KEPT = {"mechanic": 1}  # a column of constants crosses once and stays
HALF = {"project": lambda xp, g: 0.5 * g, "lift": lambda xp, s: 2.0 * s}  # the user's own functions

TRIALS = [
    pytest.param(trial, dtype, id=f"{rule.name}-{trial}-{dtype}")
    for rule in RULES.values() if rule.builtin
    for trial in trials(rule, HALF if rule.name == "projected_sgd" else GIVEN.get(rule.name))
    for dtype in ("float64", "float32")
]  # fmt: skip


def stepped(trial, name, dtype, put):
    """Terms of three steps from the start, of the first parameter."""
    p, slots, found = put(trial.start(dtype)[name]), None, []
    for t, grads in enumerate(trial.gradients(3, dtype), 1):
        g, h = put(grads[name]), trial.hypers()
        h.value, h.curvature = VALUE, bent(g)
        slots = trial.rule.start(p, h) if slots is None else slots
        with np.errstate(all="ignore"):
            terms = trial.rule.terms(g, p, slots, h, t)
        found.append(terms)
        slots, p = {k: terms[k] for k in slots}, p + terms["delta"]
    return found


@pytest.mark.parametrize(("trial", "dtype"), TRIALS)
def test_a_rule_has_the_numbers_of_the_cpu_and_nothing_crosses(trial, dtype):
    there = device()
    for name in trial.shapes:
        want = stepped(trial, name, dtype, lambda a: a)
        with _guard.counting() as seen:
            got = stepped(trial, name, dtype, lambda a: there.put(np.array(a)))
        assert (seen.arrays_out, seen.waits, seen.items) == (0, 0, 0), seen
        sent = seen.arrays_in - 4  # but a parameter and three gradients
        assert 0 <= sent <= KEPT.get(trial.rule.name, 0), seen
        for t, (on, off) in enumerate(zip(got, want, strict=True), 1):
            assert list(on) == list(off)
            for k in off:
                if is_array(off[k]) or isinstance(off[k], np.generic):
                    same_numbers(f"{k} of step {t}", on[k], off[k], seen)
                else:
                    assert on[k] == off[k]
