"""A race as frozen data: tables, files, pickles, and what it is shown as."""

from __future__ import annotations

import builtins
import csv
import io
import pickle

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import BackendError
from torchlean_nb.trace.race import RaceTrace

TWO = {"=cmd": ("sgd", {"lr": 0.1}), "adam": ("adam", {"lr": 0.1})}


@pytest.fixture(scope="module")
def race():
    return tl.race(TWO, on="sphere", steps=5)


def test_a_csv_gives_every_number_back_and_no_formula(race):
    rows = [*csv.DictReader(io.StringIO(race.to_csv()))]
    assert len(rows) == 2 * 6 and {r["contender"] for r in rows} == {"'=cmd", "adam"}
    losses = np.array([float(r["loss"]) for r in rows]).reshape(2, 6)
    assert (losses == np.stack([t.losses[:, 0] for t in race.tracks])).all()


def test_a_csv_is_also_written(race, tmp_path):
    assert (tmp_path / "r.csv").write_text("old")
    assert race.to_csv(tmp_path / "r.csv") == (tmp_path / "r.csv").read_text()


def test_a_frame_holds_every_path():
    pandas = pytest.importorskip("pandas")
    two = tl.race(["sgd"], on="sphere", start=[[1.0, 2.0], [2.0, 1.0]], steps=3)
    frame = two.to_frame()
    assert isinstance(frame, pandas.DataFrame) and frame.groupby("path").size().tolist() == [4, 4]
    assert frame[frame.path == 1].x.tolist() == two.tracks[0].positions[:, 0, 1].tolist()


def test_without_pandas_a_frame_says_what_to_do(race, monkeypatch):
    real = builtins.__import__
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    assert builtins.__import__ is real
    with pytest.raises(BackendError, match="to_csv") as e:
        race.to_frame()
    assert "pip install" in str(e.value)


def test_a_pickle_is_the_same_race_even_of_a_function_no_file_can_hold():
    race = tl.race(["sgd"], on=lambda x, y: x * x + y * y, steps=3)
    assert pickle.loads(pickle.dumps(race)) == race


def test_what_holds_the_surface_is_no_part_of_the_race(race):
    again = RaceTrace.from_json(race.to_json())
    assert race.source is not None and again.source is None and again == race


def test_rates_nobody_set_come_from_one_grid_unless_the_rows_own_are_asked_for():
    race = tl.race(["sgd", ("adam", {"lr": 0.2}), "lbfgs"], on="booth", steps=50)
    plain = tl.race(["sgd", ("adam", {"lr": 0.2}), "lbfgs"], on="booth", lr=None, steps=50)
    rates = [t.hypers["lr"] for t in race.tracks]
    assert rates[1:] == [0.2, 1.0] and rates[0] != plain.tracks[0].hypers["lr"]
    assert race.tracks[0].losses[-1, 0] < plain.tracks[0].losses[-1, 0]
    assert race.tracks[1:] == plain.tracks[1:]
    assert (race.meta["rates"], plain.meta["rates"]) == (
        "rates chosen by the same grid of 8, some set by hand", "rates set by hand")  # fmt: skip


def test_the_grid_is_really_the_best_of_its_rates():
    from torchlean_nb.race.rates import GRID

    found = tl.race(["momentum"], on="beale", lr="auto", steps=80).tracks[0]
    last = {}
    for lr in GRID:
        t = tl.race([("momentum", {"lr": lr})], on="beale", steps=80).tracks[0]
        if t.ended[0] < 0:
            last[lr] = np.median(t.losses[-8:, 0])
    assert found.hypers["lr"] == min(last, key=last.get)


def test_many_starts_are_one_race_with_rates_found_from_the_first():
    both = tl.race(["sgd"], on="booth", start=[[-8.0, 6.0], [1.0, 1.0]], lr="auto", steps=30)
    one = tl.race(["sgd"], on="booth", start=(-8.0, 6.0), lr="auto", steps=30)
    assert both.tracks[0].hypers == one.tracks[0].hypers and len(both.tracks[0]) == 2


def test_a_stop_while_rates_are_looked_for_leaves_nothing_torn(monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("torchlean_nb.race.rates.np.median", stopped)
    race = tl.race(["sgd"], on="booth", lr="auto", steps=5)
    assert (race.status, len(race), race.source[1]) == ("interrupted", 0, ())
    assert "no contender has finished" in race.to_text()


def test_a_notebook_shows_the_picture_and_the_words(race):
    bundle = race._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg") and "adam" in bundle["text/plain"]
    none = RaceTrace({"name": "sphere"}, [0, 1], [])
    assert [*none._repr_mimebundle_()] == ["text/plain"]
