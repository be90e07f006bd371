"""Histories of a million steps are drawn with a thousand points, and what stands out is among them."""

import json
import re

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.render.plots import MOST, curves
from torchlean_nb.trace.race import RaceTrace, Track
from torchlean_nb.trace.run import RunTrace, Series

STEPS, SPIKE, PIT, HOLE = 200_000, 77_777, 155_555, 33_333
POINTS, BYTES = 1001, 1_000_000


@pytest.fixture(scope="module")
def losses():
    """Noise that falls, with one spike, one pit and one NaN in it."""
    rng = np.random.default_rng(0)
    v = np.exp(-np.arange(STEPS) / 4e4) + 0.05 * rng.random(STEPS)
    v[[SPIKE, PIT, HOLE]] = 9.0, -3.0, np.nan
    return v


@pytest.fixture(scope="module")
def run(losses):
    return RunTrace("long", [Series(k, np.arange(STEPS), losses * f) for k, f in (("loss", 1), ("lr", 0.1))])


@pytest.fixture(scope="module")
def race(losses):
    """Two contenders, each step recorded."""
    short, k = tl.race(["sgd", "adam"], on="rosenbrock", steps=3), np.arange(STEPS)
    where = np.stack([1 - np.cos(k / 1e4) / (1 + k), 1 - np.sin(k / 1e4) / (1 + k)], axis=1)[:, :, None]
    tracks = [Track(n, n, where, losses[:, None]) for n in ("sgd", "adam")]
    return RaceTrace(short.surface, k, tracks, short.meta, short.source)


def test_a_dashboard_is_sent_few_points_and_those_that_matter(run):
    payload = run.show().payload
    text = json.dumps(payload)
    assert len(text) < BYTES / 4
    lines = list(payload["runs"][0]["series"].values())
    assert len(lines) == 2
    for s in lines:
        steps = np.cumsum(s["k"])
        assert len(steps) <= POINTS and {0, SPIKE, PIT, HOLE, STEPS - 1} <= set(steps.tolist())
    for page in (run.to_html(), run.to_svg()):
        assert len(page) < BYTES
        assert all(len(re.findall(r"[ML ]-?[\d.]+", d)) < 12 * POINTS for d in re.findall(r' d="([^"]*)"', page))


@pytest.mark.parametrize("increasing", [True, False])
def test_a_curve_in_a_lesson_keeps_extremes_and_gaps(losses, increasing):
    xs = np.arange(STEPS) if increasing else np.arange(STEPS) % 7
    picture = curves({"a": (xs, losses)}, log="")
    drawn = picture.figure.axes[0].lines[0].get_xydata()
    if not increasing:
        assert len(drawn) == STEPS, "what is not a history is not thinned"
        return
    assert len(drawn) <= MOST
    assert {SPIKE, PIT, HOLE, 0, STEPS - 1} <= set(drawn[:, 0].astype(int))
    assert np.isnan(drawn[:, 1]).sum() == 1 and "1 not finite" in picture.to_text()
    assert "least -3 at 1.556e+05" in picture.to_text()


def test_a_figure_of_a_run_is_thinned(run):
    assert max(len(line.get_xdata()) for ax in run.plot().axes for line in ax.lines) <= POINTS


def test_a_race_is_not_run_again_to_be_shown(race):
    view = race.show()
    assert len(json.dumps(view.payload)) < BYTES / 4
    assert "without momentum" in view.payload["tracks"][0]["note"]
    for page in (view.to_html(), race.to_svg()):
        assert len(page) < BYTES


def boxes(picture):
    """The box around each way and curve of a picture of a race, and its number of points."""
    for d in re.findall(r'<path [^>]*way[^>]* d="([^"]*)"', picture):
        points = np.array(re.findall(r"[ML](\S+) ([^LMh]+)", d), float)
        yield [*points.min(axis=0), *points.max(axis=0)], len(points)


def part(race, steps, copies=1):
    """The first steps of a race, its contenders under several names."""
    tracks = [
        Track(f"{t.name}{k}", t.rule, t.positions[:steps], t.losses[:steps]) for k in range(copies) for t in race.tracks
    ]
    return RaceTrace(race.surface, race.steps[:steps], tracks, race.meta)


def test_a_picture_of_a_race_reaches_as_far_as_one_of_all_points(race, monkeypatch):
    short = part(race, 50_000)
    few = list(boxes(short.to_svg()))
    monkeypatch.setattr("torchlean_nb.render.race_svg._POINTS", 10**6)
    monkeypatch.setattr("torchlean_nb.render.race_svg._ALL", 10**9)
    whole = list(boxes(short.to_svg()))
    assert len(few) == len(whole) == 6 * 2
    assert max(n for _, n in few) in range(500, POINTS) and max(n for _, n in whole) > POINTS
    for (a, _), (b, _) in zip(few, whole, strict=True):
        assert np.abs(np.subtract(a, b)).max() < 0.11  # pixels


def test_a_figure_of_a_race_reaches_as_far_as_its_records(race, losses):
    where, curves = ([line for line in ax.lines if len(line.get_xdata()) > 20] for ax in race.plot().axes)
    assert len(curves) == 2 and where
    for line in curves:
        y = line.get_ydata()
        assert len(y) <= 2000 and SPIKE in line.get_xdata() and y[line.get_xdata() == SPIKE] == np.nanmax(losses)
    for line in where:
        drawn, all_of = line.get_xydata(), race.tracks[0].positions[:, :, 0]
        assert len(drawn) <= 2000
        assert np.allclose([drawn.min(axis=0), drawn.max(axis=0)], [all_of.min(axis=0), all_of.max(axis=0)], atol=1e-3)


def test_a_picture_of_many_contenders_stays_below_a_megabyte(race):
    page = part(race, 20_000, copies=14).to_svg()
    assert len(page) < BYTES and "and 4 more" in page and sum(n for _, n in boxes(page)) > 24 * 500


def test_records_of_a_race_that_are_drawn_hold_the_extremes(race):
    from torchlean_nb.render.race_payload import records

    kept = records(race)
    assert len(kept) <= POINTS and {0, HOLE, SPIKE, PIT, STEPS - 1} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()


def test_texts_and_reprs_are_short(run, race):
    for said in (repr(run), repr(race), run.to_text(), race.to_text()):
        assert len(said.splitlines()) <= 40
