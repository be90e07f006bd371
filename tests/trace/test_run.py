"""RunTrace: what goes in comes out, to the last bit, and nonsense does not go in."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb.errors import TraceFormatError, UnknownNameError
from torchlean_nb.trace import Event, Histogram, RunTrace, Series

FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64)


def a_run() -> RunTrace:
    return RunTrace(
        "moons <b>",
        [
            Series("loss", [0, 1, 2, 3], [2.0, np.nan, -np.inf, 0.1]),
            Series("accuracy", [0, 3], [0.5, 0.75]),
            Series("grad_norm/0.weight", [0, 2], [1.0, -0.0]),
            Series("long", np.arange(5000), np.linspace(0, 1, 5000)),
            Series("empty", [], []),
        ],
        [Histogram(2, "0.weight", "weight", [-1.0, 0.0, 1.0], [3, 0])],
        [Event(3, "stop", "the validation loss rose")],
        {"steps": 4, "status": "stopped early", "best": float("inf"), "betas": (0.9, 0.999), "none": None},
    )


@st.composite
def runs(draw: st.DrawFn) -> RunTrace:
    names = draw(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=4))
    series = []
    for name in names:
        steps = sorted(draw(st.sets(st.integers(0, 2**62), max_size=6)))
        series.append(Series(name, steps, draw(st.lists(FLOATS, min_size=len(steps), max_size=len(steps)))))
    words = st.text(max_size=8)
    events = draw(st.lists(st.builds(Event, st.integers(0, 9), words, words), max_size=3))
    meta = draw(st.dictionaries(words, st.none() | st.booleans() | st.integers() | FLOATS | words, max_size=3))
    return RunTrace(draw(words), series, (), events, meta)


@given(runs())
def test_json_gives_back_the_same_run(run):
    back = RunTrace.from_json(run.to_json())
    assert back == run and back.to_json() == run.to_json()


def test_non_finite_numbers_and_long_series_survive_json():
    run = RunTrace.from_json(a_run().to_json())
    assert np.isnan(run["loss"].values[1]) and run["loss"].values[2] == -np.inf
    assert np.signbit(run["grad_norm/0.weight"].values[1])
    assert np.array_equal(run["long"].values, np.linspace(0, 1, 5000))
    assert run.meta["best"] == "Infinity" and run.meta["betas"] == (0.9, 0.999)


@pytest.mark.parametrize("n", [1, 5000])
def test_every_nan_is_the_same_nan(n):
    odd = np.array([0xFFF8_0000_0000_0123] * n, dtype=np.uint64).view(np.float64)
    assert RunTrace("r", [Series("a", range(n), odd)]) == RunTrace("r", [Series("a", range(n), [np.nan] * n)])


def test_copies_and_pickles_are_equal():
    run = a_run()
    assert pickle.loads(pickle.dumps(run)) == run == copy.deepcopy(run)


@pytest.mark.parametrize("change", ["value", "step", "name", "event", "meta", "histogram", "sign of zero"])
def test_any_change_is_seen(change):
    d = a_run().to_dict()
    if change == "value":
        d["series"][0]["values"]["data"][0] = np.nextafter(2.0, 3)
    if change == "step":
        d["series"][0]["steps"]["data"][3] = 9
    if change == "name":
        d["name"] = "other"
    if change == "event":
        d["events"][0]["text"] = ""
    if change == "meta":
        d["meta"]["steps"] = 5
    if change == "histogram":
        d["histograms"][0]["counts"]["data"][0] = 4
    if change == "sign of zero":
        d["series"][2]["values"]["data"][1] = 0.0
    assert RunTrace.from_dict(d) != a_run()


def test_what_was_handed_over_can_change_without_changing_the_run():
    steps, values, meta = np.arange(3), np.ones(3), {"list": [1]}
    run = RunTrace("r", [Series("loss", steps, values)], meta=meta)
    values[:], meta["list"][0] = 7, 9
    assert run["loss"].values.tolist() == [1, 1, 1] and run.meta["list"] == (1,)
    with pytest.raises(ValueError, match="read-only"):
        run["loss"].values[0] = 2
    with pytest.raises(TypeError):
        run.meta["list"] = ()
    with pytest.raises(TypeError):
        run.series["loss"] = None


BAD_SERIES = {
    "lengths differ": ("a", [0, 1], [1.0]),
    "steps repeat": ("a", [0, 0], [1.0, 2.0]),
    "steps go back": ("a", [1, 0], [1.0, 2.0]),
    "before zero": ("a", [-1, 0], [1.0, 2.0]),
    "half a step": ("a", [0.0, 0.5], [1.0, 2.0]),
    "words": ("a", [0], ["much"]),
    "complex": ("a", [0], [1j]),
    "a table": ("a", [0], [[1.0]]),
    "ragged": ("a", [0], [[1.0], [1.0, 2.0]]),
    "no name": ("", [0], [1.0]),
    "name not text": (3, [0], [1.0]),
    "steps beyond int64": ("a", [2**63], [1.0]),
}


@pytest.mark.parametrize("case", BAD_SERIES)
def test_a_series_that_cannot_be_is_refused(case):
    with pytest.raises(TraceFormatError):
        Series(*BAD_SERIES[case])


@pytest.mark.parametrize("args", [
    (0, "w", "weights", [0, 1], [1]), (-1, "w", "weight", [0, 1], [1]), (0, "w", "weight", [0, 1], [1, 2]),
    (0, "w", "weight", [0, 0], [1]), (0, "w", "weight", [0, np.inf], [1]), (0, "w", "weight", [0, 1], [-1]),
    (0, "w", "weight", [0], []), (True, "w", "weight", [0, 1], [1]), (0, None, "weight", [0, 1], [1]),
])  # fmt: skip
def test_a_histogram_that_cannot_be_is_refused(args):
    with pytest.raises(TraceFormatError):
        Histogram(*args)


def test_two_series_of_one_name_are_refused():
    s = Series("loss", [0], [1.0])
    for series in ([s, s], {"other": s}, ["loss"]):
        with pytest.raises(TraceFormatError):
            RunTrace("r", series)


def _broken() -> dict[str, str]:
    whole = a_run().to_dict()
    out = {"nothing": "", "half": a_run().to_json()[:-9], "a list": "[]", "other format": '{"format":"x/1"}'}
    out["deep"] = "[" * 99_999
    for key in whole:
        for value in (None, 3, [3], {"a": 1}, "x"):
            if not (key in ("meta",) and value == {"a": 1}) and not (key == "name" and value == "x"):
                out[f"{key}={value}"] = json.dumps(whole | {key: value})
        out[f"without {key}"] = json.dumps({k: v for k, v in whole.items() if k != key})
    return out


@pytest.mark.parametrize("case", _broken())
def test_json_that_is_no_run_is_refused(case):
    with pytest.raises(TraceFormatError):
        RunTrace.from_json(_broken()[case])


def test_last_and_best_know_what_is_better():
    run = a_run()
    assert run.last("accuracy") == 0.75 and np.isnan(run.last("empty"))
    assert run.best("loss") == (2, -np.inf) and run.best("accuracy") == (3, 0.75)
    assert run.best("accuracy", "min") == (0, 0.5)
    tie = RunTrace("r", [Series("loss", [3, 5, 7], [2.0, 1.0, 1.0])])
    assert tie.best("loss") == (5, 1.0)
    for name, mode in (("empty", None), ("los", None), ("loss", "least")):
        with pytest.raises(UnknownNameError):
            run.best(name, mode)


def test_series_of_layers_are_found_by_what_they_are():
    assert list(a_run().under("grad_norm")) == ["0.weight"] and a_run().names()[0] == "loss" and "loss" in a_run()


def test_a_missing_series_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean loss"):
        _ = a_run()["los"]


def test_the_number_of_steps_is_what_is_said_or_what_was_recorded():
    assert a_run().steps == 4
    assert RunTrace("r", [Series("loss", [0, 6], [1, 2])]).steps == 7 and RunTrace("r").steps == 0


def test_csv_has_a_row_per_step_and_exact_numbers(tmp_path):
    run = RunTrace("r", [Series("loss", [0, 2], [0.1, np.nan]), Series("=1+1", [1], [1 / 3])])
    text = run.to_csv(tmp_path / "run.csv")
    assert text == "step,loss,'=1+1\n0,0.1,\n1,,0.3333333333333333\n2,nan,\n"
    assert (tmp_path / "run.csv").read_text() == text


def test_text_says_from_where_to_where_and_what_happened():
    lines = a_run().to_text().splitlines()
    assert lines[0] == "'moons <b>': 4 steps, stopped early"
    assert lines[2].split() == ["loss", "4", "2", "0.1", "−∞", "2"]
    assert "step 3: stop. the validation loss rose" in lines


def test_text_of_hostile_names_stays_on_its_lines():
    run = RunTrace("a\nb\u202e", [Series("x\r\n\x1b[31m", [0], [np.nan])], events=[Event(0, "k\n", "t\n")])
    assert len(run.to_text().splitlines()) == 4 and "\x1b" not in run.to_text()
