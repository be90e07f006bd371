"""A hundred steps beside PyTorch, optax and pytorch_optimizer, from a recording: neither has to be installed.

``tests/oracle`` compares the recording with what the libraries do today, and says how it is made.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.updates import RULES

KEPT = json.loads((Path(__file__).parents[1] / "data" / "optim_runs.json").read_text(encoding="utf-8"))
RUNS = [
    pytest.param(run, id=f"{run['library']}-{run['rule']}-{i}") for i, run in enumerate(KEPT["runs"])
]  # fmt: skip


def numbers(texts, *shape):
    return np.array([float.fromhex(x) for x in texts]).reshape(*shape)


START = numbers(KEPT["start"], KEPT["shape"])
GRADIENTS = numbers(KEPT["gradients"], -1, *KEPT["shape"])
LOSSES = numbers(KEPT["losses"], -1)


@pytest.mark.parametrize("run", RUNS)
def test_a_run_is_the_recorded_one(run):
    opt = getattr(tl.optim, RULES[run["rule"]].class_name)({"w": START}, **run["given"])
    seen = []
    for t, (g, loss) in enumerate(zip(GRADIENTS, LOSSES, strict=True), 1):
        opt.step({"w": g}, float(loss))
        if t in KEPT["after"]:
            seen.append(opt.params["w"])
    theirs = numbers(run["values"], -1, *KEPT["shape"])
    assert np.abs(np.array(seen) - theirs).max() <= 1e-12 * np.abs(theirs).max()


def test_every_row_with_a_library_beside_it_is_recorded():
    recorded = {(run["library"], run["rule"]) for run in KEPT["runs"]}
    rows = [r for r in RULES.values() if r.builtin]
    assert {("torch", r.name) for r in rows if r.torch} <= recorded
    assert {("optax", r.name) for r in rows if r.optax} <= recorded
