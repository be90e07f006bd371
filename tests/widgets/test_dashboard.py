"""TrainingDashboard from Python: as a callback, for loops of one's own, what it sends, and what it leaves behind."""

from __future__ import annotations

import json
from types import SimpleNamespace

import _dashboards
import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances

import torchlean_nb as tl
from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError
from torchlean_nb.render.dashboard_live import INTERVAL, SHARE, Feed
from torchlean_nb.render.dashboard_words import curve_of
from torchlean_nb.trace.run import RunTrace
from torchlean_nb.train.observe import Recorder
from torchlean_nb.widgets import TrainingDashboard, base


class Clock:
    """Time that goes on only when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def live():
    """A live dashboard on a clock of ours, and the messages it sends."""
    w, clock, sent = TrainingDashboard(), Clock(), []
    w._feed = Feed(clock)
    w.send = sent.append
    return w, clock, sent


def said(w):
    """The sentence of the step, which follows the line of each run."""
    return w.to_text().splitlines()[len(w.runs)]


def trainer(optimizer="adam"):
    model = tl.nn.Sequential(tl.nn.Linear(2, 8), tl.nn.ReLU(), tl.nn.Linear(8, 2))
    return tl.Trainer(model, task="classification", optimizer=optimizer, seed=1)


def fit(t, callbacks, **options):
    return t.fit(tl.data.moons(), batch_size=20, progress=False, callbacks=callbacks, **{"steps": 30} | options)


# -- frozen --------------------------------------------------------------------------------------
def test_it_takes_runs_results_and_names():
    result = fit(trainer(), [])
    assert "1 run, step 29 of 29" in repr(TrainingDashboard(result))
    w = TrainingDashboard({"a": result, "b": _dashboards.run()})
    assert list(w.runs) == ["a", "b"] and w.runs["a"] is result.run
    assert repr(result.run.show()) == repr(TrainingDashboard(result.run))
    for wrong in (3, "run", [3], {"a": None}):
        with pytest.raises(HyperparameterTypeError, match="is not a run"):
            TrainingDashboard(wrong)
    with pytest.raises(HyperparameterTypeError, match="nothing to show"):
        TrainingDashboard(live=False)
    with pytest.raises(HyperparameterError, match="at most 8"):
        TrainingDashboard([_dashboards.run()] * 9)


def test_the_state_decides_what_the_twins_show():
    runs = [_dashboards.run(), _dashboards.run("sgd")]
    w = TrainingDashboard(runs, state={"at": 60, "chosen": "sgd", "off": ["adam"]})
    assert "run sgd" in said(w) and said(w).startswith("Step 60,")
    assert "adam" not in w.to_svg()
    before = w.to_svg()
    w.state = {"at": 90, "chosen": "sgd", "off": ["adam"]}
    assert w.to_svg() != before
    assert json.loads(json.dumps(w.now))["at"] == 90


ODD = [{"at": "x"}, {"at": -5}, {"off": 3}, {"smooth": "a"}, {"log": 7}, {"metric": []}, {"chosen": 1}]


@pytest.mark.parametrize("state", ODD, ids=str)
def test_a_state_from_elsewhere_does_no_harm(state):
    w = TrainingDashboard(_dashboards.run(), state=state)
    assert w.to_text() and w.to_svg().startswith("<svg")


def test_the_bundle_has_a_picture_and_words(monkeypatch):
    data, _ = TrainingDashboard(_dashboards.run())._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/svg+xml"}
    assert data["text/plain"].splitlines()[0] == "TrainingDashboard('Training': 1 run, step 199 of 199)"
    assert len(data["text/plain"].splitlines()) <= 40


# -- while a training runs -----------------------------------------------------------------------
def test_a_fit_writes_into_it_and_leaves_a_frozen_picture():
    w, t = TrainingDashboard(), trainer()
    result = fit(t, [w], epochs=None)
    run = w.payload["runs"][0]
    assert curve_of(run["series"]["loss"]).k == list(range(30))
    np.testing.assert_allclose(curve_of(run["series"]["loss"]).v, result.run["loss"].values, rtol=1e-5)
    assert run["status"] == "finished" and run["name"] == "adam"
    assert w.runs["adam"]["loss"].values.tolist() == result.run["loss"].values.tolist()


def test_looking_on_changes_nothing_in_the_run():
    alone, watched = fit(trainer(), []), fit(trainer(), [TrainingDashboard()])
    assert alone.run == watched.run


def test_a_second_fit_of_a_trainer_goes_on_and_one_of_another_is_a_new_run():
    w, t = TrainingDashboard(), trainer()
    fit(t, [w])
    fit(t, [w])
    fit(trainer("sgd"), [w], steps=5)
    fit(trainer("sgd"), [w], steps=5)
    assert {name: len(r["loss"]) for name, r in w.runs.items()} == {"adam": 60, "sgd": 5, "sgd (2)": 5}


def test_of_too_many_runs_the_oldest_leaves():
    w = TrainingDashboard()
    for i in range(10):
        w.update(_dashboards.run(steps=3), "finished", name=f"run {i}")
    assert list(w.runs) == [f"run {i}" for i in range(2, 10)]


def test_a_loop_of_ones_own_needs_only_a_recorder(live):
    w, clock, _ = live
    recorder = Recorder(every=1)
    for k in range(20):
        recorder.record(k, {"loss": 1.0 / (k + 1)})
        w.update(recorder, name="mine")
        clock.now += 0.05
    w.update(recorder, "finished")
    assert w.runs["mine"].status == "finished" and len(w.runs["mine"]["loss"]) == 20
    with pytest.raises(HyperparameterTypeError, match="neither a Recorder nor a run"):
        w.update(3, force=True)


def test_at_most_ten_updates_a_second(live):
    w, clock, sent = live
    whole = []
    w.observe(lambda change: whole.append(change), "payload")
    for k in range(1, 2001):
        w.update(_dashboards.run(steps=k, layers=(), units=()))
        clock.now += 1e-3
    assert 15 <= len(sent) + len(whole) <= 21


def test_only_what_is_new_is_sent(live):
    w, clock, sent = live
    for k in (10, 25, 60, 61):
        w.update(_dashboards.run(steps=k))
        clock.now += 0.2
    news = [m["runs"][0] for m in sent]
    assert [m["rev"] for m in sent] == [2, 3, 4]
    assert [curve_of(n["series"]["loss"]).k for n in news] == [list(range(10, 25)), list(range(25, 60)), [60]]
    assert [curve_of(n["params"][0]["grad_norm"]).k for n in news] == [[10, 20], [30, 40, 50], [60]]
    assert "events" not in news[0] and news[1]["events"][0][:2] == [50, "skipped"]
    assert len(json.dumps(news[-1])) < 2_000
    assert said(w).startswith("Step 60,")


def test_the_whole_comes_ever_more_rarely(live):
    w, clock, _ = live
    whole = []
    w.observe(lambda change: whole.append(clock.now - 100), "payload")
    for k in range(1, 400):
        w.update(_dashboards.run(steps=k, layers=(), units=()))
        clock.now += 0.2
    assert 4 <= len(whole) <= 8
    gaps = np.diff(whole)
    assert (gaps[1:] >= gaps[:-1] - 0.5).all()


def test_slow_updates_become_rare():
    clock = Clock()
    feed = Feed(clock)
    started = clock()
    clock.now += 0.5
    feed.rest(started)
    assert not feed.due()
    clock.now += 0.5 / SHARE - 0.1
    assert not feed.due()
    clock.now += 0.2
    assert feed.due()
    feed.rest(clock())
    clock.now += INTERVAL
    assert feed.due()


def test_a_burst_of_steps_is_thinned(live):
    w, clock, sent = live
    w.update(_dashboards.run(steps=2))
    clock.now += 0.2
    w.update(_dashboards.run(steps=5000))
    assert len(sent[0]["runs"][0]["series"]["loss"]["v"]) <= 100


def test_a_browser_that_is_behind_gets_the_whole(live):
    w, clock, _ = live
    w.update(_dashboards.run(steps=5))
    clock.now += 0.2
    w.update(_dashboards.run(steps=9))
    resent = []
    w.send_state = lambda key=None, **_: resent.append(key)
    w._asked({"kind": "hello", "rev": 2})
    assert resent == []
    w._asked({"kind": "hello", "rev": 0})
    assert resent == ["payload"] and w.payload["rev"] == 2
    assert len(w.payload["runs"][0]["series"]["loss"]["v"]) == 9
    w._asked("nonsense")


def test_a_planned_length_is_the_axis_until_the_end(live):
    _, clock, _ = live
    w = TrainingDashboard(planned=500)
    w._feed = Feed(clock)
    w.update(_dashboards.run(steps=5))
    assert w.payload["runs"][0]["planned"] == 500
    w.update(_dashboards.run(steps=7), "diverged")
    assert w.payload["runs"][0]["planned"] is None and w.payload["runs"][0]["status"] == "diverged"


def test_running_a_cell_again_does_not_pile_up_widgets(monkeypatch):
    """A hundred runs of one cell leave as many live widgets as one."""
    class Kernel:
        cell, count = "c1", 0

        def get_parent(self):
            return {"metadata": {"cellId": self.cell}, "header": {"msg_id": str(self.count)}}

    shell = type("Shell", (), {"kernel": Kernel()})()
    monkeypatch.setattr(base, "live", lambda: True)
    monkeypatch.setattr(base, "get_ipython", lambda: shell)
    monkeypatch.setattr(base, "_SHOWN", {})
    base._SHOWN.clear()
    counts = []
    for i in range(100):
        shell.kernel.count = i
        base._retire(TrainingDashboard(_dashboards.run(steps=3)))
        counts.append(len(_instances))
    assert counts[-1] == counts[1] > 0


def test_a_fit_in_a_notebook_shows_it_once(monkeypatch):
    from torchlean_nb.widgets import training_dashboard as module

    shown, updated = [], []

    def display(what, display_id):
        shown.append(what)
        return SimpleNamespace(update=lambda again: updated.append(said(again)))

    monkeypatch.setattr(module, "live", lambda: True)
    monkeypatch.setattr(module, "display", display)
    w = TrainingDashboard()
    fit(trainer(), [w], steps=3)
    assert shown == [w]
    assert len(updated) == 1 and updated[0].startswith("Step 2")
    shown.clear()
    w.cells.add("c1")
    fit(trainer(), [w], steps=3)
    assert shown == []


def test_a_run_that_counts_its_steps_grows(live):
    w, clock, _ = live
    for k in (5, 9):
        w.update(_dashboards.run(steps=k, planned=3), meta={"seed": 1})
        clock.now += 0.2
    assert w.look.span == 9 and w.runs["adam"].meta["seed"] == 1
    w.update(RunTrace("adam", w.runs["adam"].series, meta={"steps": 12}), "finished")
    assert w.payload["runs"][0]["steps"] == 12


def test_a_run_trace_is_not_changed_by_being_shown():
    run = _dashboards.run()
    before = run.to_json()
    TrainingDashboard(run).update(run, "diverged", force=True)
    assert run.to_json() == before == RunTrace.from_json(before).to_json()
