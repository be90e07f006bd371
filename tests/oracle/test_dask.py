"""Sweeps on a real Dask cluster of two processes: nothing is lost with a worker, and the numbers are the same."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import torchlean_nb as tl

distributed = pytest.importorskip("distributed")
# What sockets and threads of a killed worker leave behind is not ours to judge.
LEFT = ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning", "pytest.PytestUnhandledThreadExceptionWarning")
pytestmark = [pytest.mark.timeout(300), *(pytest.mark.filterwarnings(f"ignore::{name}") for name in LEFT)]

GRID = {"optimizers": ["sgd", "adam"], "on": "digits_mlp", "lr": [0.003, 0.03, 0.3], "seeds": 2, "epochs": 1,
        "schedules": [None, tl.schedules.cosine(1.0, total=43)], "curves": 4}  # fmt: skip
TRIALS = 24


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    import dask

    settings = {
        "temporary-directory": str(tmp_path_factory.mktemp("dask")), "distributed.comm.timeouts.connect": "30s",
        "distributed.worker.daemon": True,
    }  # fmt: skip
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client
        workers = {*client.run(os.getpid).values()}
    stop = time.monotonic() + 20
    while any(map(lives, workers)) and time.monotonic() < stop:
        time.sleep(0.05)
    assert not any(map(lives, workers)), "a worker outlived its cluster"


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def serial():
    return tl.race.sweep(**GRID)


def lines(file):
    return file.read_text().splitlines() if file.exists() else []


def when(file, count, act, seen):
    """In a thread: do something as soon as so many results are in the file."""

    def wait():
        stop = time.monotonic() + 200
        while len(lines(file)) < count and time.monotonic() < stop:
            time.sleep(0.005)
        seen.append(len(lines(file)))
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_killed_worker_loses_no_result_and_the_numbers_are_the_same(client, serial, tmp_path, capsys, monkeypatch):
    client.wait_for_workers(2, timeout=200)
    before = client.run(os.getpid)
    victim = min(before.values())
    assert len({*before.values(), os.getpid()}) == 3, "two processes beside this one"
    file, seen = tmp_path / "runs.jsonl", []
    killer = when(file, 4, lambda: os.kill(victim, signal.SIGKILL), seen)
    found = tl.race.sweep(**GRID, executor=client.get_executor(), results=file, progress=True)
    killer.join()
    assert 4 <= seen[0] < TRIALS, "it was killed in the middle"
    assert victim not in client.run(os.getpid).values()
    assert found == serial and found.to_json() == serial.to_json() and found.status == "finished"
    assert {*found["status"]} == {"finished"} and len(found) == TRIALS
    assert f"{TRIALS}/{TRIALS}" in capsys.readouterr().err
    assert len({json.loads(line)["key"] for line in lines(file)}) == len(lines(file)) == TRIALS
    monkeypatch.setattr("torchlean_nb.race.sweep_crew.run_trials", lambda trials: pytest.fail("it was in the file"))
    assert tl.race.sweep(**GRID, results=file) == serial


def test_stop_keeps_what_had_finished_and_another_call_goes_on_from_there(client, serial, tmp_path):
    client.wait_for_workers(2, timeout=200)
    file, seen = tmp_path / "runs.jsonl", []
    presses = when(file, 4, lambda: os.kill(os.getpid(), signal.SIGINT), seen)
    part = tl.race.sweep(**GRID, executor=client.get_executor(), results=file)
    presses.join()
    assert part.status == "interrupted" and 4 <= len(part) < TRIALS
    rows = [[serial.row(i)[k] for k in ("optimizer", "lr", "schedule", "seed")] for i in range(TRIALS)]
    where = [rows.index([part.row(i)[k] for k in ("optimizer", "lr", "schedule", "seed")]) for i in range(len(part))]
    assert where == sorted(where) and np.array_equal(part["final"], serial["final"][where])
    cut = lines(file)
    assert tl.race.sweep(**GRID, executor=client.get_executor(), results=file) == serial
    assert lines(file)[: len(cut)] == cut and len(lines(file)) == TRIALS


def test_a_problem_of_a_notebook_travels_and_its_failures_come_back(client):
    slope = 3.0

    def line(seed):
        if seed == 1:
            raise ZeroDivisionError("no line")
        x = np.linspace(-1, 1, 8)[:, None]
        return tl.nn.Linear(1, 1), "regression", (x, slope * x)

    given = {"on": tl.race.problem(line), "lr": [0.1, 0.5], "seeds": 3, "epochs": 2}
    found = tl.race.sweep(["sgd"], **given, executor=client.get_executor())
    assert found == tl.race.sweep(["sgd"], **given) and found["status"].count("failed") == 2
    on_a_surface = {"on": lambda x, y: x * x + slope * y * y, "lr": np.geomspace(1e-3, 1, 700), "steps": 30}
    assert tl.race.sweep(["adam"], **on_a_surface, executor=client.get_executor()) == tl.race.sweep(
        ["adam"], **on_a_surface)  # fmt: skip


def test_the_page_on_sweeps_runs_as_pasted(client, tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text(encoding="utf-8")
    grid = re.search(r"^grid = .*$", page, re.MULTILINE).group()
    here, there = re.findall(r"```python dask.*?\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__", "tl": tl}
    exec(grid, names)
    serial = tl.race.sweep(**names["grid"])
    exec(here.replace("n_workers=2", "n_workers=1"), names)
    assert names["found"] == serial
    exec(there.replace("tcp://scheduler:8786", client.scheduler.address), names)
    assert names["found"] == serial and len(lines(tmp_path / "remote.jsonl")) == 8
    names["client"].close()
