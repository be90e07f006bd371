"""Sweeps on a real Dask cluster of two processes: nothing is lost with a worker, and the numbers are the same."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.race.sweep_results import Results

distributed = pytest.importorskip("distributed")
# What sockets and threads of a killed worker leave behind is not ours to judge.
LEFT = ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning", "pytest.PytestUnhandledThreadExceptionWarning")
pytestmark = [pytest.mark.timeout(240), *(pytest.mark.filterwarnings(f"ignore::{name}") for name in LEFT)]

TRIALS = 16


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
    gc.collect()  # what was left behind is found here, not in the middle of another test


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def grid(tmp_path):
    """A grid on the digits: the first two trials that begin are free, others tell who is at work and wait for `go`."""
    room = str(tmp_path)

    def digits(seed):
        import os
        import time
        from pathlib import Path

        from torchlean_nb.race.problems import digits_mlp

        go = Path(room) / "go"
        for ticket in (Path(room) / "ticket 1", Path(room) / "ticket 2"):
            try:
                ticket.touch(exist_ok=False)
                return digits_mlp(seed)
            except FileExistsError:
                continue
        while not go.exists():
            (Path(room) / f"pid {os.getpid()}").touch()
            time.sleep(0.01)
        return digits_mlp(seed)

    rates = {"lr": [0.01, 0.1], "seeds": 4, "epochs": 1, "schedules": [tl.schedules.cosine(1.0, total=43)]}
    return {"optimizers": ["sgd", "adam"], "on": tl.race.problem(digits, batch_size=32), "curves": 2, **rates}


@pytest.fixture
def ctrl_c():
    """The way Python hears Ctrl-C, also where these tests run in the background, which does not hear it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def lines(file):
    return file.read_text().splitlines() if file.exists() else []


def after_two(monkeypatch, act):
    """Do something as soon as two results are in the file, while the other trials wait."""
    whole = Results.add

    def add(results, found):
        whole(results, found)
        if len(lines(results.path)) == 2:
            act()

    monkeypatch.setattr(Results, "add", add)


def test_a_killed_worker_loses_no_result_and_the_numbers_are_the_same(client, grid, tmp_path, capsys, monkeypatch):
    client.wait_for_workers(2, timeout=200)
    workers = {*client.run(os.getpid).values()}
    assert len({*workers, os.getpid()}) == 3, "two processes beside this one"
    file, killed = tmp_path / "runs.jsonl", []

    def kill():
        while not (busy := [int(p.name.split()[1]) for p in tmp_path.glob("pid *")]):
            time.sleep(0.01)
        os.kill(busy[0], signal.SIGKILL)
        killed.append(busy[0])
        (tmp_path / "go").touch()

    after_two(monkeypatch, kill)
    found = tl.race.sweep(**grid, executor=client.get_executor(), results=file, progress=True)
    assert {*killed} < workers and killed[0] not in client.run(os.getpid).values(), "it was at work, and it is gone"
    assert f"{TRIALS}/{TRIALS}" in capsys.readouterr().err
    serial = tl.race.sweep(**grid)
    assert found == serial and found.to_json() == serial.to_json() and found.status == "finished"
    assert {*found["status"]} == {"finished"} and len(found) == TRIALS
    assert len({json.loads(line)["key"] for line in lines(file)}) == len(lines(file)) == TRIALS
    monkeypatch.setattr("torchlean_nb.race.sweep_crew.run_trials", lambda trials: pytest.fail("it was in the file"))
    assert tl.race.sweep(**grid, results=file) == serial


def test_stop_keeps_what_had_finished_and_another_call_goes_on_from_there(client, grid, tmp_path, monkeypatch, ctrl_c):
    client.wait_for_workers(2, timeout=200)
    file = tmp_path / "runs.jsonl"
    after_two(monkeypatch, ctrl_c)
    part = tl.race.sweep(**grid, executor=client.get_executor(), results=file)
    assert part.status == "interrupted" and part.meta["planned"] == TRIALS
    assert len(part) == 2 == len(lines(file))
    (tmp_path / "go").touch()
    serial, cut = tl.race.sweep(**grid), lines(file)
    where = [*zip(*(serial[k] for k in ("optimizer", "lr", "seed")), strict=True)]
    same = [where.index(key) for key in zip(*(part[k] for k in ("optimizer", "lr", "seed")), strict=True)]
    assert same == sorted(same) and np.array_equal(part["final"], serial["final"][same])
    assert tl.race.sweep(**grid, executor=client.get_executor(), results=file) == serial
    assert lines(file)[:2] == cut and len(lines(file)) == TRIALS


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
