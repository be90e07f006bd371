"""The benchmarks run and compare like with like; how fast anything is decides no test."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks import networks, optimizers
from benchmarks.harness import Worker, machine, measure, ratio
from benchmarks.page import page, table

OURS = ["by hand, in place", "ours", "ours, fused, NumPy"]


@pytest.mark.parametrize("workload", optimizers.SIZES)
def test_our_contenders_compute_the_same(workload):
    ends = []
    for name in OURS + ["ours, fused, numba", "ours, fused, numba, in place"] * bool(find_spec("numba")):
        steps = optimizers.CONTENDERS[name](workload, optimizers.LR)
        steps(20)
        ends.append(steps.values())
    moved = np.abs(ends[0] - np.concatenate([p.ravel() for p in optimizers.arrays(workload)[0]]))
    assert moved.min() > 0
    for other in ends[1:]:
        assert np.abs(other - ends[0]).max() < 2e-6


@pytest.mark.parametrize("workload", networks.SIZES)
def test_networks_by_hand_and_ours_have_the_same_losses(workload):
    rate = networks.rates(workload)[0]
    want = np.array(networks.CONTENDERS["by hand"](workload, rate)(5))
    assert np.ptp(want) > 0.1
    for name in ("ours, compiled", "ours, eager", "ours, Trainer, compiled"):
        assert np.allclose(networks.CONTENDERS[name](workload, rate)(5), want, rtol=1e-5), name


def test_a_measurement_becomes_a_table_a_page_and_json():
    result = measure(optimizers, "W6a", rounds=2, seconds=0.001, only=[OURS[1], OURS[2]])
    assert result["missing"] == {} and ratio(result, OURS[1], OURS[1]) == 1
    assert all(c["median"] > 0 and len(c["times"]) == 2 for c in result["contenders"].values())
    assert table(result).count("\n") == 2
    whole = {"machine": machine(), "workloads": {"W6a": {"date": "2026-01-01", **result}}}
    assert json.loads(json.dumps(whole)) == whole and "| ours |" in page(whole)


def test_a_contender_that_computes_something_else_stops_everything(monkeypatch):
    class Wrong(Worker):
        def __init__(self, *args):
            super().__init__(*args)
            if self.name == "ours":
                self.hello["check"][1] *= 1.001

    monkeypatch.setattr("benchmarks.harness.Worker", Wrong)
    with pytest.raises(ValueError, match="W6a: ours"):
        measure(optimizers, "W6a", rounds=1, seconds=0.001, only=OURS[:2])


def test_a_contender_that_cannot_run_is_left_out_with_its_words(monkeypatch):
    monkeypatch.setitem(optimizers.CONTENDERS, "nobody", None)
    result = measure(optimizers, "W6a", rounds=1, seconds=0.001, only=["ours", "nobody"])
    assert [*result["contenders"]] == ["ours"] and "nobody" in result["missing"]["nobody"]
