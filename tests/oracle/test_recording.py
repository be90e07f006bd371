"""The recorded runs are what the libraries do today, and record every rule that has one of them beside it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from oracle.record_runs import AT, FILE, problem, runs, written
from oracle.test_optim_rules import optax

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
__all__ = ["optax"]
KEPT = json.loads(FILE.read_text(encoding="utf-8"))


def numbers(texts):
    return np.array([float.fromhex(x) for x in texts])


def test_the_problem_is_the_one_recorded():
    start, gradients, losses = problem()
    assert (KEPT["start"], KEPT["gradients"], KEPT["losses"]) == (written(start), written(gradients), written(losses))


def test_the_recording_is_what_the_libraries_do_today(optax):
    todays = list(runs())
    assert [(r["library"], r["rule"]) for r in KEPT["runs"]] == [(library, rule) for library, rule, *_ in todays]
    for kept, (library, rule, given, run) in zip(KEPT["runs"], todays, strict=True):
        assert kept["given"] == json.loads(json.dumps(given))
        was, now = numbers(kept["values"]), np.ravel(run()[[t - 1 for t in AT]])
        # Another processor may round a sum otherwise.
        assert np.abs(was - now).max() <= 1e-12 * np.abs(now).max(), (library, rule, given)
