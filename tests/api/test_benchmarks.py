"""The benchmarks run and compare like with like; how fast anything is decides no test."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks import networks, optimizers, page, races, scalars, second_order, starts
from benchmarks.__main__ import QUICK, WORKLOADS
from benchmarks.goals import GOALS, Goal
from benchmarks.harness import agree, measure, ratio
from benchmarks.turns import Steps, of

ROOT = Path(__file__).parents[2]
OURS = ["by hand, in place", "ours", "ours, fused, NumPy"]
NUMBA = bool(find_spec("numba"))


def result(**times: list[float]) -> dict:
    """A measurement with these times."""
    there = {k: {"median": sorted(t)[1], "best": min(t), "first": 0.5, "peak": 50.0, "times": t}
             for k, t in times.items()}  # fmt: skip
    return {"title": "Nothing", "missing": {"nobody": "ImportError: no"}, "rounds": 3, "reference": "hand",
            "at_once": 1, "date": "2026-01-01", "contenders": there}  # fmt: skip


# -- who takes part computes the same ---------------------------------------------------------------


@pytest.mark.parametrize("workload", optimizers.SIZES)
def test_our_contenders_compute_the_same(workload):
    ends = []
    for name in OURS + ["ours, fused, numba", "ours, fused, numba, in place"] * (NUMBA and workload == "W6a"):
        steps = optimizers.CONTENDERS[name](workload, optimizers.LR)
        steps(3 if workload == "W6b" else 20)
        ends.append(steps.values())
    moved = np.abs(ends[0] - np.concatenate([p.ravel() for p in optimizers.arrays(workload)[0]]))
    assert moved.min() > 0
    for other in ends[1:]:
        assert np.abs(other - ends[0]).max() < 2e-6


@pytest.mark.parametrize("workload", networks.SIZES)
def test_networks_by_hand_and_ours_have_the_same_losses(workload):
    rate = networks.rates(workload)[0]
    there = networks.contenders(workload)
    want = np.array(there["by hand"](workload, rate)(5))
    assert np.ptp(want) > 0.1
    for name in there:
        if name.startswith("ours") and "numba" not in name:
            assert np.allclose(there[name](workload, rate)(5), want, rtol=1e-5), name


@pytest.mark.parametrize("workload", ["W7a", "W7c", "W7d", "W7f", "W8a", "W8b", "W9a", "W9b"])
def test_what_is_written_by_hand_and_ours_compute_the_same(workload, monkeypatch):
    rule, n, steps = races.RACES.get(workload, ("", 0, 0))
    monkeypatch.setattr(scalars, "LONG", 100)
    monkeypatch.setitem(races.RACES, workload, (rule, min(n, 50), min(steps, 50)))
    found = {k: make for k, make in WORKLOADS[workload].contenders(workload).items() if k.startswith(("by", "ours"))}
    found = [make(workload, 0.0) for k, make in found.items() if "numba" not in k]
    for steps in found:
        steps(1)
    want = found[0].values()
    assert len(found) > 1 and np.isfinite(want).all() and np.ptp(want) > 0.1
    for other in found[1:]:
        assert np.allclose(other.values(), want, rtol=1e-4, atol=1e-4)


def test_a_program_is_built_each_time_and_gives_gradients():
    steps = scalars.building("W8c", 0.0)
    steps(1)
    by_hand = scalars.by_hand("W8a", 0.0)
    by_hand(1)
    assert np.allclose(steps.values(), by_hand.values())


def test_a_first_step_is_said_with_its_loss_and_its_memory():
    said = starts.first("ours, compiled")
    want = networks.contenders("W2")["by hand"]("W2", 1e-3)(1)
    assert said["values"] == pytest.approx(want) and said["seconds"] > 0 and said["peak"] > 10


def test_every_workload_has_what_the_harness_asks_for():
    assert sum(len(m.SIZES) for m in {*WORKLOADS.values()}) == len(WORKLOADS) and set(QUICK) <= set(WORKLOADS)
    for name, module in WORKLOADS.items():
        there = module.contenders(name)
        assert module.TITLES[name] and (getattr(module, "REFERENCES", {}).get(name) or module.REFERENCE) in there, name
        assert {*module.QUICK, *module.SLOW} <= {c for w in module.SIZES for c in module.contenders(w)}
        assert any(c in there for c in module.QUICK) or name not in QUICK


# -- measuring ----------------------------------------------------------------------------------------


def test_a_measurement_becomes_json_and_says_who_was_left_out():
    found = measure(optimizers, "W6a", rounds=2, seconds=0.001, only=[OURS[1], "nobody", OURS[2]], at_once=3)
    assert "nobody" in found["missing"]["nobody"] and [*found["contenders"]] == [OURS[1], OURS[2]]
    assert all(c["median"] > 0 and len(c["times"]) == 2 and c["peak"] > 10 for c in found["contenders"].values())
    assert json.loads(json.dumps(found)) == found and ratio(found, OURS[1], OURS[1]) == 1
    assert page.table(found).count("\n") == 3


def test_a_contender_that_computes_something_else_stops_everything(monkeypatch):
    class Wrong:
        def __init__(self, module, workload, contender, seconds):
            self.name, self.closed = contender, False
            everybody.append(self)

        def meet(self):
            self.hello = {"check": [1.0, 2.0 + 0.001 * (self.name == "ours")], "scale": 1, "first": 0.0}
            return self

        def close(self):
            self.closed = True

    everybody: list[Wrong] = []
    monkeypatch.setattr("benchmarks.harness.Worker", Wrong)
    with pytest.raises(ValueError, match="W6a: ours"):
        measure(optimizers, "W6a", rounds=1, seconds=0.001, only=OURS[:2])
    assert [w.closed for w in everybody] == [True, True]


def test_numbers_agree_when_they_are_as_many_and_close():
    one = {"check": [1.0, 2.0, 3.0], "scale": 1}
    assert agree(one, {"check": [1.0, 2.0, 3.0001], "scale": 1})
    assert not agree(one, {"check": [1.0, 2.0, 3.01], "scale": 1})
    assert not agree(one, {"check": [1.0, 2.0], "scale": 1}) and not agree({**one, "check": []}, {**one, "check": []})
    assert agree(one, {"check": [1.0, 2.0], "scale": 100}) and not agree(one, {"check": [1.0, 2.1], "scale": 100})
    assert not agree(one, {"check": [float("nan"), 2.0, 3.0], "scale": 1})


def test_steps_leave_sums_and_a_part_of_the_work_its_first_numbers():
    counted = []
    steps = of(lambda: counted.append(1) or np.array([1.0, 2.0, 4.0]))
    steps(3)
    assert len(counted) == 3 and steps.summary() == [1.0, 2.0, 4.0, 7.0, 21.0]
    assert Steps(lambda: None, lambda: np.array([1.0, 2.0, 4.0]), scale=10).summary() == [1.0, 2.0]


# -- summing up ---------------------------------------------------------------------------------------


def test_a_ratio_is_the_median_of_those_within_a_round():
    noisy = result(hand=[1.0, 10.0, 2.0], ours=[2.0, 20.0, 3.0])
    assert ratio(noisy, "ours", "hand") == 2.0 and ratio(noisy, "hand", "ours") == 0.5


def test_goals_are_read_from_measurements():
    there = {"W1": result(hand=[1.0, 1.0, 1.0], ours=[2e-3, 2e-3, 2e-3], torch=[1.0, 1.0, 1.0])}
    most, least = Goal("G", "W1", "ours", 0.002, "hand"), Goal("G", "W1", "ours", 501, "torch", "per / time")
    assert most.value(there) == 0.002 and most.met(0.002) and not most.met(0.0021)
    assert least.value(there) == 500 and not least.met(500) and least.met(501)
    assert Goal("G", "W1", "ours", 1, kind="seconds").value(there) == 2e-3
    assert Goal("G", "W1", "ours", 60, kind="MB").value(there) == 50.0
    assert Goal("G", "W1", "ours", 1, "somebody").value(there) is None
    assert Goal("G", "W9", "ours", 1).value(there) is None


def test_every_goal_is_about_a_contender_that_takes_part():
    assert {g.group for g in GOALS} == {*(f"G{k}" for k in range(1, 10)), "ahead"}
    for g in GOALS:
        there = WORKLOADS[g.workload].contenders(g.workload)
        assert g.who in there and (not g.per or g.per in there), g
    assert len({(g.words, g.bound) for g in GOALS}) == len(GOALS)


def test_the_page_shows_goals_met_missed_and_not_measured(monkeypatch):
    goals = (Goal("G1", "W1", "ours", 3, "hand"), Goal("G2", "W1", "ours", 1e-3, kind="seconds"),
             Goal("G3", "W2", "ours", 60, kind="MB"))  # fmt: skip
    monkeypatch.setattr(page, "GOALS", goals)
    machine = {"python": "3", "cpu": "one", "cores": 1, "packages": {"numpy": "2"}}
    there = {"W1": result(hand=[1.0, 1.0, 1.0], ours=[2.0, 2.0, 2.0])}
    text = page.page({"machine": machine, "workloads": there})
    assert "1 of the 2 goals that were measured are met; there are 3." in text
    assert "| G1 | W1: ours / hand | at most 3 | 2 | yes |" in text
    assert "| G2 | W1: ours | at most 1 ms | 2 s | **no** |" in text
    assert "| G3 | W2: ours, peak memory | at most 60 MB |  | not measured |" in text
    assert "| ours | 2 s | 2 |  | 0.50 | 50 |" in text and "- nobody: ImportError: no" in text


def test_the_page_in_docs_is_what_the_kept_results_give():
    last = max((ROOT / "benchmarks" / "results").glob("*.json"), key=lambda p: [*map(int, p.stem.split("."))])
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert text == page.page(json.loads(last.read_text(encoding="utf-8")))


def test_times_have_units():
    assert [page.time(t) for t in (1.5e-6, 2.346e-3, 12.0)] == ["1.5 us", "2.35 ms", "12 s"]


def test_small_workloads_are_what_their_titles_say():
    x, w, neurons = scalars.numbers()
    assert 4 * len(neurons) + 10 + 9 + 1 == 1_000 and len(x) + len(w) == 30
    assert len(second_order.small()[0]) == 20
