"""TorchLean's training logs: read and written as it does, in its words where it refuses."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb.errors import DataError, TraceFormatError
from torchlean_nb.trace import RunTrace, TrainLog
from torchlean_nb.trace import Series as RunSeries
from torchlean_nb.trace.experiment import Artifact, Curve, ExperimentLog, LogDestination, MetricHistory
from torchlean_nb.trace.train_log import RunInfo, Series

# As TorchLean writes it: keys sorted, numbers that are none as words, a line at the end.
FILE = """{"notes": ["dataset=auto-mpg", "seed=2026"],
 "series": [{"color": "#4e79a7", "name": "loss", "values": [0.761530093, 0.003233631, "NaN"]},
  {"color": "#f28e2b", "name": "accuracy", "values": ["-Infinity", 1, "Infinity"]}],
 "steps": [0, 50, 100],
 "title": "mlp"}
"""
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
LOGS = st.builds(
    TrainLog, TEXT, st.lists(st.integers(0, 10**20), max_size=4),
    st.lists(st.builds(Series, TEXT, st.lists(st.floats(width=64), max_size=4), TEXT), max_size=3),
    st.lists(TEXT, max_size=3),
)  # fmt: skip


def test_a_file_of_torchlean_is_read_and_written_back(tmp_path):
    (tmp_path / "a.json").write_text(FILE)
    log = TrainLog.read(tmp_path / "a.json")
    assert (log.title, log.steps, log.notes) == ("mlp", (0, 50, 100), ("dataset=auto-mpg", "seed=2026"))
    assert [s.name for s in log.series] == ["loss", "accuracy"] and log.series[0].color == "#4e79a7"
    assert np.array_equal(log.series[0].values, [0.761530093, 0.003233631, np.nan], equal_nan=True)
    assert log.series[1].values.tolist() == [-math.inf, 1.0, math.inf]
    log.write(tmp_path / "b.json")
    written = (tmp_path / "b.json").read_text()
    assert json.loads(written) == json.loads(FILE) and written.endswith("}\n")
    assert list(json.loads(written)) == sorted(json.loads(written))
    assert TrainLog.read(tmp_path / "b.json") == log


@given(LOGS)
def test_json_gives_back_the_same_log(log):
    assert TrainLog.from_json(log.to_json()) == log == TrainLog.from_json(log.to_json(pretty=True))


def test_what_is_left_out_has_torchleans_defaults():
    log = TrainLog.from_json('{"series": [{"name": "loss", "values": []}]}')
    assert log == TrainLog("Training", (), (Series("loss"),), ()) and log.series[0].color == "#0a7"


LENIENT = {
    "title": (3, "`title` expected String: String expected", "Training"),
    "steps": ([0, -1], "Metric/artifact JSON: `steps` expected Nat entries: Natural number expected", ()),
    "notes": ([1], "Metric/artifact JSON: `notes` expected String entries: String expected", ()),
}


@pytest.mark.parametrize("field", LENIENT)
def test_what_torchlean_forgives_is_forgiven_unless_strict(field):
    value, words, default = LENIENT[field]
    text = json.dumps(json.loads(FILE) | {field: value})
    assert getattr(TrainLog.from_json(text), field) == default
    with pytest.raises(TraceFormatError) as caught:
        TrainLog.from_json(text, strict=True)
    assert words in str(caught.value)


@pytest.mark.parametrize("value", [[0, 1.5], "0", [True], [None], {"a": 1}])
def test_steps_that_are_none_are_forgotten(value):
    assert TrainLog.from_json(json.dumps({"steps": value})).steps == ()


def test_strict_reading_refuses_ragged_series():
    text = json.dumps({"steps": [0, 1], "series": [{"name": "loss", "values": [1]}]})
    assert TrainLog.from_json(text).series[0].values.tolist() == [1]
    with pytest.raises(TraceFormatError, match="'loss' has 1 values for 2 steps"):
        TrainLog.from_json(text, strict=True)


REFUSED = [
    ("[]", "TrainLog JSON: train log expected object: object expected"),
    ('{"series": {}}', "TrainLog JSON: `series` expected array: array expected"),
    ('{"series": [1]}', "TrainLog JSON: series expected object: object expected"),
    ('{"series": [{"values": []}]}', "TrainLog JSON: series missing field `name`."),
    ('{"series": [{"name": "a"}]}', "TrainLog JSON: series missing field `values`."),
    ('{"series": [{"name": 1, "values": []}]}', "TrainLog JSON: series.name expected String: String expected"),
    ('{"series": [{"name": "a", "values": [], "color": 1}]}',
     "TrainLog JSON: series.color expected String: String expected"),
    ('{"series": [{"name": "a", "values": 1}]}', "TrainLog JSON: `series(a).values` expected an array: array expected"),
    ('{"series": [{"name": "a", "values": [null]}]}', "Metric JSON: `series(a).values` expected a number."),
    ('{"series": [{"name": "a", "values": [true]}]}', "Metric JSON: `series(a).values` expected a number."),
    ('{"series": [{"name": "a", "values": ["nan"]}]}',
     "Metric JSON: `series(a).values` expected a number, got string `nan`."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_refusals_are_in_torchleans_words(text, words):
    with pytest.raises(TraceFormatError) as caught:
        TrainLog.from_json(text)
    assert str(caught.value) == words


@pytest.mark.parametrize("text", ["", "{", "[" * 99_999, '{"series": [{"name": "a", "values": [NaN]}]}', b"\xff", None])
def test_what_is_no_json_is_a_parse_error(text):
    with pytest.raises(TraceFormatError, match="TrainLog JSON: parse error"):
        TrainLog.from_json(text)


def test_numbers_in_words_are_numbers():
    text = '{"series": [{"name": "a", "values": ["1.5", "-2e3", " 7 ", 1e999, 10]}]}'
    assert TrainLog.from_json(text).series[0].values.tolist() == [1.5, -2000, 7, math.inf, 10]
    for word in ("1_000", "0x1", "inf", "١", "01", "1.", ""):
        with pytest.raises(TraceFormatError):
            TrainLog.from_json(json.dumps({"series": [{"name": "a", "values": [word]}]}))


def test_a_run_becomes_a_log_and_a_log_a_run():
    run = RunTrace("moons", [
        RunSeries("loss", [0, 1, 2], [3.0, 2.0, np.inf]), RunSeries("val_loss", [2], [0.5]),
        RunSeries("grad_norm/w", [0], [1.0]),
    ], meta={"seed": 0, "optimizer": "Adam"})  # fmt: skip
    log = run.to_train_log()
    assert log.steps == (0, 1, 2) and [s.name for s in log.series] == ["loss", "val_loss"]
    assert np.array_equal(log.series[1].values, [np.nan, np.nan, 0.5], equal_nan=True)
    assert log.notes == ("project=torchlean", "run_name=moons", "config.seed=0", "config.optimizer=Adam")
    assert run.to_train_log(["grad_norm/w"]).steps == (0,)
    back = TrainLog.from_json(FILE).to_run()
    assert back["loss"].steps.tolist() == [0, 50, 100]
    assert back.to_train_log() == TrainLog.from_json(FILE)
    assert TrainLog("t", (), (Series("a", [1, 2]),)).to_run()["a"].steps.tolist() == [0, 1]


@pytest.mark.parametrize("log", [
    TrainLog("t", (0, 0), (Series("a", [1, 2]),)), TrainLog("t", (0,), (Series("a", [1, 2]),)),
    TrainLog("t", (), (Series("a"), Series("a"))),
])  # fmt: skip
def test_a_log_that_is_no_run_says_so(log):
    with pytest.raises(TraceFormatError):
        log.to_run()


def test_a_log_says_what_is_in_it():
    lines = TrainLog.from_json(FILE).to_text().splitlines()
    assert lines[0] == "'mlp': 101 steps, finished" and lines[-2:] == ["'dataset=auto-mpg'", "'seed=2026'"]
    assert lines[2].split() == ["loss", "3", "0.76153", "NaN", "0.0032336", "0.76153"]


def test_before_and_after_is_a_log_of_two_points():
    log = TrainLog.before_after_loss("t", 200, 0.7, 0.1, ["seed=0"])
    assert log == TrainLog("t", (0, 200), (Series("loss", [0.7, 0.1], "#4e79a7"),), ("seed=0",))


def test_a_row_of_another_length_raises_and_is_dropped_only_on_request():
    history = MetricHistory.empty([("loss", "#1"), ("accuracy", "#2")]).push(0, [1.0, 0.5])
    with pytest.raises(DataError, match="a row of 1 values for 2 metrics"):
        history.push(1, [0.5])
    assert history.push(1, [0.5], ragged="ignore") is history
    log = history.push(5, [0.5, 0.6]).to_train_log("t", ["n"])
    assert log == TrainLog("t", (0, 5), (Series("loss", [1, 0.5], "#1"), Series("accuracy", [0.5, 0.6], "#2")), ("n",))


def test_an_experiment_tells_everything_in_its_notes():
    info = RunInfo(name="mlp", run_id="r1", group="g", tags=("a", "b"), config=(("lr", "0.1"), ("seed", "0")))
    experiment = ExperimentLog(info, artifacts=(Artifact("model", "m.json", "weights", "best"), Artifact("x", "y", "")))
    experiment = experiment.log(0, "loss", 1.0).log(0, "accuracy", 0.5).log(2, "accuracy", 0.75).log(2, "accuracy", 0.8)
    log = experiment.to_train_log()
    assert log.title == "mlp" and ExperimentLog().to_train_log().title == "Training"
    assert experiment.to_train_log("other").title == "other"
    assert log.notes == (
        "project=torchlean", "run_name=mlp", "run_id=r1", "group=g", "tags=a,b", "config.lr=0.1", "config.seed=0",
        "artifact.model=m.json kind=weights desc=best", "artifact.x=y",
    )  # fmt: skip
    assert log.steps == (0, 2) and log.series[1].values.tolist() == [0.5, 0.8]
    assert np.array_equal(log.series[0].values, [1.0, np.nan], equal_nan=True)


def test_a_curve_grows_by_new_curves():
    curve = Curve()
    longer = curve.push(0, 2.0).push(3, math.nan)
    assert curve == Curve() and longer.to_train_log("t", "loss").to_json() == (
        '{"notes":[],"series":[{"color":"#4e79a7","name":"loss","values":[2.0,"NaN"]}],"steps":[0,3],"title":"t"}'
    )


@pytest.mark.parametrize("word", ["false", "off", "none", "no", "disabled", " OFF ", "None\n"])
def test_words_that_switch_logging_off(word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    destination = LogDestination.parse(word)
    destination.write(TrainLog())
    assert not destination.enabled and not list(tmp_path.iterdir())


def test_any_other_word_is_a_path(tmp_path):
    LogDestination.parse(str(tmp_path / "offline.json")).write(ExperimentLog().log(0, "loss", 1.0))
    assert TrainLog.read(tmp_path / "offline.json").series[0].values.tolist() == [1.0]
