"""Sweeps: the same rows here, in threads and in processes, whatever is lost or stopped on the way."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import re
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors, schedules
from torchlean_nb.race.sweep import compute
from torchlean_nb.race.trial import Trial, run_trial
from torchlean_nb.trace.sweep import SweepTrace

SHAPES = [None, schedules.cosine(1.0, total=10)]
GRID = {"on": "moons_mlp", "lr": [0.3], "seeds": 2, "epochs": 1, "schedules": SHAPES, "curves": 5}
BOTH = ["sgd", "adam"]


@pytest.fixture(scope="module")
def serial():
    return tl.race.sweep(BOTH, **GRID)


class Here(Executor):
    """Does everything at once when the last of `count` orders has come, the last one first."""

    def __init__(self, count):
        self.count, self.orders = count, []

    def submit(self, f, /, *args, **kwargs):
        future = Future()
        self.orders.append((future, f, args))
        if len(self.orders) >= self.count:
            self.work()
        return future

    def work(self):
        while self.orders:
            future, f, args = self.orders.pop()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(f(*args))
                except KeyboardInterrupt as e:
                    future.set_exception(e)


class Forgets(Here):
    """Loses the first orders, and all of them when it has died."""

    def __init__(self, losses, lives=1 << 30, error=BrokenProcessPool):
        super().__init__(1)
        self.losses, self.lives, self.error = losses, lives, error

    def submit(self, f, /, *args, **kwargs):
        self.lives -= 1
        if self.lives < 0:
            raise self.error("closed")
        if self.losses:
            self.losses -= 1
            lost = Future()
            lost.set_exception(BrokenProcessPool("a worker is gone"))
            return lost
        return super().submit(f, *args)


def stops(seed):
    """A network of the tests whose third seed is Stop."""
    if seed == 2:
        raise KeyboardInterrupt
    return line(seed)


def breaks(seed):
    """A network of the tests whose second seed fails."""
    if seed == 1:
        raise ZeroDivisionError("no line")
    return line(seed)


def line(seed):
    x = np.linspace(-1, 1, 8)[:, None]
    return tl.nn.Linear(1, 1), "regression", (x, 3 * x)


LINE = {"lr": [0.1], "seeds": 4, "epochs": 2}


# -- the grid ------------------------------------------------------------------------------------
def test_the_rows_are_the_grid_in_order_and_each_is_its_trial(serial):
    expected = [(o, 0.3, s, seed) for o in BOTH for s in ("constant", repr(SHAPES[1])) for seed in (0, 1)]
    assert [*zip(*(serial[k] for k in ("optimizer", "lr", "schedule", "seed")), strict=True)] == expected
    for i in (0, 3, 7):
        row = serial.row(i)
        found = run_trial(Trial("moons_mlp", row["rule"], {"lr": row["lr"]}, SHAPES[row["schedule"] != "constant"],
                                row["seed"], 1))  # fmt: skip
        assert [row[k] for k in ("best", "final", "val_accuracy", "order_hash", "evaluations")] == [
            found.best, found.final, found.metrics["val_accuracy"], found.order_hash, found.evaluations]  # fmt: skip
        assert np.array_equal(serial.curves[i][1], found.curve)


def test_a_thousand_rates_on_a_surface_are_those_of_the_race():
    rates = np.geomspace(1e-4, 1, 1000)
    found = tl.race.sweep(["sgd", "adam"], on="rosenbrock", lr=rates, steps=100)
    track = tl.race([("adam", {"lr": rates})], on="rosenbrock", steps=100)["adam"]
    mine = found.select(optimizer="adam")
    assert np.array_equal(mine["lr"], rates) and np.array_equal(mine["ended"], track.ended)
    lived = track.ended < 0
    assert np.array_equal(mine["final"][lived], track.losses[-1, lived]) and np.isinf(mine["final"][~lived]).all()


def test_starts_and_seeds_are_axes_of_the_grid():
    found = tl.race.sweep("sgd", on=tl.surfaces.sphere.with_noise(1.0), lr=0.1, seeds=[3, 5], steps=9,
                          start=[(1, 1), (0, 2)])  # fmt: skip
    assert found["seed"].tolist() == [3, 3, 5, 5] and found["start_y"].tolist() == [1, 2, 1, 2]
    assert len({*found["final"].tolist()}) == 4


def test_a_rate_of_ones_own_stands_instead_of_the_grid():
    found = tl.race.sweep(["sgd", ("adam", {"lr": 0.5}), "bfgs", ("rmsprop", {"lr": [0.1, 0.2]})], on="sphere",
                          lr=[0.01, 0.02], schedules=SHAPES, steps=3)  # fmt: skip
    rates = {name: found.select(optimizer=name)["lr"].tolist() for name in dict.fromkeys(found["optimizer"])}
    assert rates.pop("bfgs") == pytest.approx([np.nan], nan_ok=True)
    assert rates == {"sgd": [0.01, 0.02] * 2, "adam lr=0.5": [0.5] * 2, "rmsprop": [0.1, 0.2] * 2}
    assert tl.race.sweep(["sgd", "adam"], on="sphere", steps=3)["lr"].tolist() == [0.001, 0.001]


@pytest.mark.parametrize(("given", "error", "says"), [
    ({"on": "digits"}, errors.UnknownNameError, "digits_mlp"), ({"optimizers": []}, errors.HyperparameterError, "no"),
    ({"lr": [0.1, 0.1]}, errors.HyperparameterError, "differ"), ({"lr": []}, errors.HyperparameterError, "lr"),
    ({"lr": -1.0}, errors.HyperparameterError, ">= 0"), ({"lr": "x"}, errors.HyperparameterError, "lr"),
    ({"seeds": 0}, errors.HyperparameterError, ">= 1"), ({"seeds": [1, 1]}, errors.HyperparameterError, "differ"),
    ({"steps": 0}, errors.HyperparameterError, "steps"), ({"epochs": 5}, errors.HyperparameterError, "steps=200"),
    ({"curves": -1}, errors.HyperparameterError, "curves"), ({"errors": "x"}, errors.HyperparameterError, "keep"),
    ({"schedules": [None, None]}, errors.HyperparameterError, "differ"),
    ({"schedules": {"mine": lambda k: 1.0}}, errors.HyperparameterError, "no schedule"),
    ({"optimizers": [("sgd", {"lr": lambda k: 0.1})]}, errors.CapabilityError, "schedules="),
    ({"optimizers": [("sgd", {"momentum": [0.1, 0.2]})]}, errors.CapabilityError, "array"),
    ({"optimizers": [tl.optim.lookahead(tl.optim.rules["sgd"])]}, errors.TorchLeanError, "name"),
    ({"start": [1, 2, 3]}, errors.ShapeError, "shape"), ({"executor": 3}, errors.CapabilityError, "takes no work"),
    ({"schedules": {}}, errors.HyperparameterError, "differ"), ({"results": "a\0b"}, errors.PathError, "null"),
    ({"results": "a" * 5000}, errors.PathError, "long"), ({"executor": Executor}, errors.CapabilityError, "no work"),
    ({"results": 3}, errors.PathError, "path"), ({"results": "."}, errors.PathError, "file"),
    ({"on": "moons_mlp", "start": (0, 0)}, errors.HyperparameterError, "no surface"),
])  # fmt: skip
def test_what_is_no_sweep_is_refused_before_anything_runs(given, error, says, monkeypatch):
    monkeypatch.setattr("torchlean_nb.race.sweep_crew.run_trials", lambda trials: pytest.fail("it ran"))
    with pytest.raises(error, match=says):
        tl.race.sweep(**{"optimizers": ["sgd"], "on": "sphere", **given})


# -- executors -----------------------------------------------------------------------------------
def test_the_order_in_which_trials_finish_is_not_seen(serial):
    assert tl.race.sweep(BOTH, **GRID, executor=Here(8)) == serial
    with ThreadPoolExecutor(3) as pool:
        found = tl.race.sweep(BOTH, **GRID, executor=pool)
    assert found == serial and found.to_json() == serial.to_json()


def test_work_that_is_lost_is_given_out_again(serial):
    assert tl.race.sweep(BOTH, **GRID, executor=Forgets(3)) == serial
    with pytest.raises(errors.ToolError, match="3 times"):
        tl.race.sweep(BOTH, **GRID, executor=Forgets(1000))


@pytest.mark.parametrize("error", [BrokenProcessPool, OSError])
def test_an_executor_that_is_dead_is_told_and_what_had_finished_is_kept(error, serial, tmp_path):
    file = tmp_path / "runs.jsonl"
    with pytest.raises(errors.ToolError, match="results=") as caught:
        tl.race.sweep(BOTH, **GRID, executor=Forgets(0, 5, error), results=file)
    left = caught.value.trace
    assert left.status == "broken" and len(left) == 5 == len(file.read_text().splitlines())
    assert tl.race.sweep(BOTH, **GRID, results=file) == serial


def test_processes_give_the_same_and_one_that_is_killed_loses_nothing(serial, tmp_path):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert tl.race.sweep(BOTH, **GRID, executor=pool, results=tmp_path / "runs.jsonl") == serial
        with pytest.raises(BrokenProcessPool):  # from here on the pool knows it
            pool.submit(signal.raise_signal, signal.SIGKILL).result()
        with pytest.raises(errors.ToolError, match="takes no more work"):
            tl.race.sweep(BOTH, **GRID, executor=pool)
        lines = len((tmp_path / "runs.jsonl").read_text().splitlines())
        assert tl.race.sweep(BOTH, **GRID, executor=pool, results=tmp_path / "runs.jsonl") == serial and lines == 8


def test_stop_gives_the_trials_that_had_finished():
    stop = tl.race.problem(stops)
    whole = tl.race.sweep("sgd", on=tl.race.problem(line), **LINE)
    found = tl.race.sweep(BOTH, on=stop, **LINE)
    assert found.status == "interrupted" and found.meta["planned"] == 8 and "2 of 8" in repr(found)
    assert np.array_equal(found["final"], whole["final"][:2])
    found = tl.race.sweep(BOTH, on=stop, **LINE, executor=Here(8))
    assert found.status == "interrupted" and found["seed"].tolist() == [0, 1, 3] * 2
    assert np.array_equal(found["final"][:3], whole["final"][[0, 1, 3]])


def test_stop_takes_back_what_has_not_begun():
    class Presses(Here):
        def submit(self, f, /, *args, **kwargs):
            future = super().submit(f, *args)
            futures.append(future)
            if len(futures) == 3:
                self.count = 1 << 30
                raise KeyboardInterrupt
            if len(futures) == 2:
                self.count = 1 << 30
            return future

    futures = []
    found = tl.race.sweep(BOTH, **GRID, executor=Presses(2))
    assert found.status == "interrupted" and len(found) == 2 and [f.cancelled() for f in futures[:2]] == [False] * 2


# -- failures ------------------------------------------------------------------------------------
def test_a_trial_that_fails_is_a_row_and_the_others_are_as_they_are(tmp_path):
    file, given = tmp_path / "runs.jsonl", {**LINE, "on": tl.race.problem(breaks)}
    found = tl.race.sweep("sgd", **given, results=file)
    assert found["status"] == ("finished", "failed", "finished", "finished")
    assert found["error"][1] == "ZeroDivisionError: no line" and np.isnan(found["final"][1])
    assert found.to_text().endswith("\n1 failed: ZeroDivisionError: no line")
    assert found.best()["failed"] == 1 and len(file.read_text().splitlines()) == 3
    with pytest.raises(ZeroDivisionError, match="no line"):
        tl.race.sweep("sgd", **given, errors="raise")
    with pytest.raises(ZeroDivisionError), ThreadPoolExecutor(2) as pool:
        tl.race.sweep("sgd", **given, errors="raise", executor=pool)
    assert SweepTrace.from_json(found.to_json()) == found


def test_one_of_many_paths_that_fails_is_one_row(monkeypatch):
    from torchlean_nb.race import sweep_surfaces as where

    whole = where.race

    def fails(trials):
        if any(t.hypers["lr"] == 0.2 for t in trials):
            raise errors.RuleError("not this one")
        return whole(trials)

    expected = tl.race.sweep("sgd", on="sphere", lr=[0.1, 0.3], steps=5)
    monkeypatch.setattr(where, "race", fails)
    found = tl.race.sweep("sgd", on="sphere", lr=[0.1, 0.2, 0.3], steps=5)
    assert found["status"] == ("finished", "failed", "finished") and "not this one" in found["error"][1]
    assert np.array_equal(found["final"][[0, 2]], expected["final"])


def test_what_cannot_be_sent_is_a_failure_that_says_so():
    class Pickles(Here):
        def submit(self, f, /, *args, **kwargs):
            future = Future()
            future.set_exception(AttributeError("Can't pickle local object"))
            return future

    found = tl.race.sweep("sgd", on="sphere", lr=[0.1, 0.2], executor=Pickles(1))
    assert found["status"] == ("failed", "failed") and "pickle" in found["error"][0]


# -- the file ------------------------------------------------------------------------------------
def test_a_sweep_goes_on_from_its_file_and_computes_only_what_is_missing(serial, tmp_path, monkeypatch):
    file = tmp_path / "new folder" / "runs.jsonl"
    first = {**GRID, "seeds": [1]}
    tl.race.sweep(BOTH, **first, results=file)
    before = file.read_bytes()
    assert tl.race.sweep(BOTH, **GRID, results=file) == serial
    after = file.read_bytes()
    assert after.startswith(before) and (before.count(b"\n"), after.count(b"\n")) == (4, 8)
    monkeypatch.setattr("torchlean_nb.race.sweep_crew.run_trials", lambda trials: pytest.fail("it was there"))
    assert tl.race.sweep(BOTH, **GRID, results=file) == serial and file.read_bytes() == after


def test_a_torn_line_is_passed_over_and_the_next_begins_on_a_line_of_its_own(serial, tmp_path):
    file = tmp_path / "runs.jsonl"
    tl.race.sweep(BOTH, **GRID, results=file)
    whole = file.read_bytes()
    for cut in (400, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert tl.race.sweep(BOTH, **GRID, results=file) == serial
        lines = file.read_bytes().splitlines()
        assert len([x for x in lines if x in whole.splitlines()]) == 8


def test_results_of_another_sweep_stay_and_are_told(tmp_path):
    file = tmp_path / "runs.jsonl"
    tl.race.sweep("sgd", on="sphere", lr=0.1, results=file)
    with pytest.warns(UserWarning, match="none of the 1 results in .* is of this sweep"):
        found = tl.race.sweep("adam", on="sphere", lr=0.1, results=file)
    assert len(file.read_text().splitlines()) == 2 and found == tl.race.sweep("adam", on="sphere", lr=0.1)


def test_another_version_of_the_toolkit_is_another_result(tmp_path, monkeypatch):
    file = tmp_path / "runs.jsonl"
    tl.race.sweep("sgd", on="sphere", lr=0.1, results=file)
    monkeypatch.setattr(tl, "__version__", "99")
    with pytest.warns(UserWarning, match="none"):
        tl.race.sweep("sgd", on="sphere", lr=0.1, results=file)
    assert len(file.read_text().splitlines()) == 2


def test_a_file_of_something_else_is_refused_and_stays_as_it_is(tmp_path):
    for text in ("a,b\n1,2\n", '{"format": "x"}\n', "[1]\nmore", "\x00\xff\n"):
        file = tmp_path / "file"
        file.write_text(text, encoding="latin-1")
        with pytest.raises(errors.LoadError, match="something else"):
            tl.race.sweep("sgd", on="sphere", results=file)
        assert file.read_text(encoding="latin-1") == text


def test_a_disk_that_takes_nothing_is_told_and_what_had_finished_is_kept(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(errors.ToolError, match="no space left"):
        tl.race.sweep("sgd", on="sphere", results=tmp_path / "runs.jsonl")


def test_outcomes_come_in_the_order_of_their_trials(tmp_path):
    trials = [Trial(on, "sgd", {"lr": lr}, budget=3) for lr in (0.1, 0.2) for on in ("moons_mlp", "sphere")]
    found = compute(trials, Here(3), tmp_path / "runs.jsonl")
    assert found == [run_trial(t) for t in trials] == compute(trials, results=tmp_path / "runs.jsonl")
    with pytest.raises(KeyboardInterrupt):
        compute([Trial(tl.race.problem(stops), "sgd", seed=2)])


# -- the trace -----------------------------------------------------------------------------------
def test_a_sweep_survives_json_and_refuses_what_is_none(serial, tmp_path):
    serial.write(tmp_path / "sweep.json")
    assert SweepTrace.read(tmp_path / "sweep.json") == serial == SweepTrace.from_json(serial.to_json())
    data = serial.to_dict()
    for broken in ({**data, "format": "x"}, {**data, "columns": 3}, {**data, "columns": {"lr": [1, 2]}},
                   {**data, "curves": [[]]}, {"format": data["format"]}):  # fmt: skip
        with pytest.raises(errors.TraceFormatError):
            SweepTrace.from_dict(broken)
    assert serial != SweepTrace.from_dict({**data, "curves": []}) and serial != 3
    with pytest.raises(ValueError, match="read-only"):
        serial["lr"][0] = 1.0


def test_the_best_setting_is_that_of_the_median_over_seeds(serial):
    for row in serial.ranking("final"):
        mine = serial.select(optimizer=row["optimizer"])
        medians = [np.median(mine.select(schedule=s)["final"]) for s in {*mine["schedule"]}]
        assert row["median"] == min(medians) and row["low"] <= row["median"] <= row["high"] and row["runs"] == 2
    best = serial.best("val_accuracy")
    assert best["median"] == max(r["median"] for r in serial.ranking("val_accuracy"))
    assert [len(serial.select(optimizer="sgd", lr=[0.01, 0.3], seed=1)), len(serial.select(status="failed"))] == [2, 0]
    with pytest.raises(errors.UnknownNameError):
        serial.select(optimiser="sgd")
    with pytest.raises(errors.HyperparameterError, match="column of numbers"):
        serial.best("optimizer")
    with pytest.raises(errors.HyperparameterError, match="none"):
        serial.select(seed=9).best()


def test_tables_hold_every_number(serial, tmp_path):
    rows = [*csv.DictReader(io.StringIO(serial.to_csv(tmp_path / "sweep.csv")))]
    assert [float(r["final"]) for r in rows] == serial["final"].tolist() and len(rows) == 8
    assert (tmp_path / "sweep.csv").read_text() == serial.to_csv()
    text = serial.to_text()
    assert [w.split()[0] for w in text.splitlines()] == ["optimizer", *(r["optimizer"] for r in serial.ranking())]


def test_names_are_text_wherever_they_go():
    found = tl.race.sweep({"=1+1\n<b>": "sgd"}, on="sphere", lr=0.1, schedules={"@x": SHAPES[1]}, steps=2)
    assert "\n'\"'=1+1" not in found.to_csv() and "'=1+1" in found.to_csv() and "'@x" in found.to_csv()
    assert len(found.to_text().splitlines()) == 2 and json.loads(found.to_json())["columns"]["optimizer"][0][0] == "="


def test_progress_is_shown_when_it_is_asked_for(capsys):
    tl.race.sweep("sgd", on="moons_mlp", lr=[0.1, 0.2], epochs=1, progress=True)
    assert "2/2" in capsys.readouterr().err
    tl.race.sweep("sgd", on="moons_mlp", lr=[0.1, 0.2], epochs=1)
    assert capsys.readouterr().err == ""


def test_the_page_on_sweeps_runs_as_pasted(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "pasted"}  # the block that starts processes has a test of its own above
    exec("\n".join(blocks), names)
    assert len(blocks) == 5 and len(names["found"]) == 8 and len(names["more"]) == 12
    assert len((tmp_path / "runs.jsonl").read_text().splitlines()) == 12
    assert SweepTrace.read(tmp_path / "sweep.json")["schedule"].count("constant") == 8
