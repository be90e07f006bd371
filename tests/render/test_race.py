"""Pictures of a race: what is on them, the same bytes for the same race, and names that are only names."""

from __future__ import annotations

import io
import json
import re
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytest
from _payloads import PAYLOADS
from PIL import Image

import torchlean_nb as tl
from torchlean_nb.errors import HyperparameterError, UnknownNameError
from torchlean_nb.hypers import Hyper
from torchlean_nb.render.race_code import coded, decoded, even
from torchlean_nb.render.race_knobs import ends, knobs
from torchlean_nb.render.race_labels import placed
from torchlean_nb.render.race_map import levels, surface_map, window
from torchlean_nb.render.race_payload import race_payload
from torchlean_nb.render.race_scene import scene, span
from torchlean_nb.surfaces import SURFACES
from torchlean_nb.trace.race import RaceTrace, Track

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


@cache
def valley():
    return tl.race({"plain": ("sgd", {"lr": 1e-3}), "wild": ("sgd", {"lr": 1.0}), "quick": ("bfgs", {})}, steps=60)


def labelled(name):
    """A small race with a contender of this name, on a surface of this name."""
    track = Track(name, "sgd", [[[1.0], [2.0]], [[0.5], [1.0]]], [[5.0], [1.25]], None, {"lr": name})
    about = {"name": name, "label": name, "domain": (-2, 2, -2, 2), "goals": (), "lowest": 0.0, "latex": name}
    return RaceTrace(about, [0, 1], [track], {"dtype": name, "seed": name, "rates": name})


# -- numbers as text -----------------------------------------------------------------------------
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e25])
def test_coded_numbers_come_back_within_their_precision(scale):
    v = scale * np.random.default_rng(0).standard_normal(300) * np.geomspace(1, 1e-12, 300)
    v[[3, 4, 5, 6]] = np.nan, np.inf, -np.inf, 0.0
    back = decoded(coded(v, 1e-3))
    assert np.array_equal(np.isfinite(back), np.isfinite(v)) and back[6] == 0.0
    assert np.array_equal(back[4:6], v[4:6])
    good = np.isfinite(v) & (v != 0)
    assert np.abs(back[good] / v[good] - 1).max() < 2e-3


def test_an_origin_keeps_its_neighbours_apart():
    v = 3.0 + np.array([0.0, 1e-14, -1e-9, 1.0])
    assert np.abs((decoded(coded(v, 1e-4, 3.0)) - 3.0)[2] + 1e-9) < 1e-12


def test_even_numbers_are_exact():
    steps = np.array([0, 7, 8, 1000, 999_999])
    assert decoded(even(steps, 1.0)).tolist() == steps.tolist()


# -- the map -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SURFACES)
def test_every_surface_has_a_map_with_its_start_and_minima_inside(name):
    s = SURFACES[name]
    seen = window(s.domain, np.array([s.start, *s.goals]))
    left, right, bottom, top = seen
    assert (right - left) * 0.75 == pytest.approx(top - bottom)
    for x, y in (s.start, *s.goals):
        assert left <= x <= right and bottom <= y <= top
    drawn = surface_map(s, seen, s.lowest)
    assert 2 <= len(drawn.levels) <= 12 and len(drawn.lines) == len(drawn.levels)
    assert len(drawn.fills) == len(drawn.levels) + 1
    assert not any(re.search(r"M[^Ml]*l?(M|$)", d) for d in (*drawn.lines, *drawn.fills)), "a move without a line"
    assert drawn.heights.min() >= 0 and drawn.heights.max() <= 1 and np.ptp(drawn.heights) > 0.3


def test_contour_lines_run_where_the_surface_has_their_level():
    s = SURFACES["booth"]
    drawn = surface_map(s, window(s.domain, np.array([s.start, *s.goals])), s.lowest)
    left, right, bottom, top = drawn.window
    for level, d in zip(drawn.levels, drawn.lines, strict=True):
        for part in filter(None, d.split("M")):
            text = part.replace("l", " ").replace("-", " -").split()
            points = np.cumsum(np.array(text, float).reshape(-1, 2), axis=0)
            x, y = left + points[:, 0] / 1000 * (right - left), top - points[:, 1] / 750 * (top - bottom)
            steep = np.hypot(*s.slope(x, y)) * (right - left) / 400
            assert (np.abs(s(x, y) - level) <= steep + 0.02 * level).all()


def test_levels_of_nothing_of_one_value_and_of_values_below_zero():
    assert levels(np.zeros(0), 0.0)[0] == levels(np.ones(9), 0.0)[0] == ()
    at, height = levels(np.linspace(-3, 3, 99), -np.inf)
    assert 0.0 in at and height(np.array([-3.0, 3.0, np.nan])).tolist() == [0.0, 1.0, 1.0]


def test_labels_keep_apart_where_there_is_room():
    spots = placed([(200.0, 150.0, 60.0)] * 6, 404, 303)
    assert len({(x, y) for x, y, _ in spots}) == 6


def test_an_axis_ignores_who_ran_away():
    assert span([np.array([10.0, 1e30]), np.array([10.0, 0.02])]) == (0.01, 10.0, True)
    assert span([np.array([np.nan])])[2] and not span([np.array([-1.0, 2.0])])[2]


# -- knobs ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", tl.race.applicable())
def test_every_slider_of_every_rule_stays_where_the_row_allows(name):
    row = tl.optim.row(name)
    values = {k: h.default for k, h in row.hypers.items()}
    for knob in knobs(row.hypers, values):
        h = row.hypers[knob["name"]]
        if knob["kind"] in ("float", "int"):
            assert knob["low"] <= knob["value"] <= knob["high"] and knob["low"] < knob["high"]
            kind = int if knob["kind"] == "int" else float
            for end in (knob["low"], knob["high"]):
                h.check(name, knob["name"], kind(end))
            assert not knob["log"] or knob["low"] > 0


def test_a_slider_reaches_a_value_far_from_the_usual():
    h = Hyper(1e-3, low=0.0, log=True)
    assert ends(h, 50.0)[1] >= 50.0 and ends(h, 1e-9)[0] <= 1e-9 and ends(h, 0.0)[:1] == (0.0,)


# -- what is sent ----------------------------------------------------------------------------------
def test_the_payload_is_json_and_says_what_became_of_everyone():
    race = valley()
    p = race_payload(race, target=0.01)
    assert json.loads(json.dumps(p, allow_nan=False)) == json.loads(json.dumps(p))
    plain, wild, quick = p["tracks"]
    assert plain["status"] == "ran" and plain["toTarget"] == -1 and plain["evaluations"] == 60
    assert wild["status"].startswith("diverged at ") and wild["ended"] == race["wild"].ended[0]
    assert quick["status"] == f"converged at {quick['converged']}" and 0 < quick["toTarget"] <= quick["converged"]
    assert quick["evaluations"] >= quick["converged"]
    assert np.abs(decoded(quick["loss"])[:5] / race["quick"].losses[:5, 0] - 1).max() < 1e-3
    assert any("quick takes" in text for text in p["unequal"]) and "60 steps" in p["equal"]


def test_the_slopes_sent_are_those_of_the_surface():
    race = valley()
    t = race_payload(race)["tracks"][0]
    x, y = race.tracks[0].positions[:, :, 0].T
    gx, gy = SURFACES["rosenbrock"].slope(x, y)
    assert np.allclose(decoded(t["gx"]), gx, rtol=5e-3, atol=1e-9) and np.allclose(decoded(t["gy"]), gy, rtol=5e-3)


def test_with_noise_the_gradient_that_was_used_is_sent_and_called_so():
    race = tl.race([("sgd", {"lr": 1e-3})], on="noisy_rosenbrock", steps=20)
    t, used = race_payload(race)["tracks"][0], -np.diff(race.tracks[0].positions[:, 0, 0]) / 1e-3
    assert t["noisy"] and np.allclose(decoded(t["gx"])[:-1], used, rtol=5e-3)
    assert not race_payload(valley())["tracks"][0]["noisy"]


@pytest.mark.parametrize("quadratic", [True, False])
def test_places_are_exact_near_where_a_path_goes_though_nobody_knows_a_minimum(quadratic):
    def f(x, y):
        return (x - 1) ** 2 + (y - 2) ** 2 + (0 if quadratic else (x - 1) ** 4)

    race = tl.race([("sgd", {"lr": 0.1})], on=f, start=(0.5, 0.5), steps=40)
    x, there = race.tracks[0].positions[:, 0, 0], decoded(race_payload(race)["tracks"][0]["x"])
    goal = 1.0 if quadratic else x[-1]
    assert np.allclose(there - goal, x - goal, rtol=1e-3, atol=1e-14) and abs(x[-1] - 1) < 1e-3


def test_a_start_outside_of_the_domain_is_on_the_map_and_one_far_away_changes_nothing():
    def seen(at):
        return race_payload(tl.race([("sgd", {"lr": 1e-9})], start=at, steps=3))["surface"]["domain"]

    left, right, bottom, top = seen((30.0, -20.0))
    assert left < -2 < 30 < right and bottom < -20 < 3 < top
    assert seen((1e300, 0.0)) == seen((1e200, 0.0)) and seen((1e300, 0.0))[1] <= 2


def test_long_races_are_thinned_and_say_so():
    p = race_payload(tl.race([("sgd", {"lr": 1e-3})], on="sphere", steps=3000))
    count = len(decoded(p["steps"]))
    assert 990 < count <= 1001 and f"{count} of 3001" in p["tracks"][0]["note"]
    assert decoded(p["steps"])[[0, -1]].tolist() == [0, 3000]


def test_quadratics_have_axes_and_others_none():
    quadratic = race_payload(tl.race("sgd", on="quadratic", steps=5))["surface"]["eigen"]
    assert quadratic["values"] == pytest.approx([1.0, 100.0]) and quadratic["centre"] == pytest.approx([0, 0])
    assert race_payload(valley())["surface"]["eigen"] is None


def test_a_race_from_a_file_is_drawn_from_its_plain_data():
    race = RaceTrace.from_json(valley().to_json())
    assert race_payload(race) == race_payload(valley())
    assert race.to_svg() == valley().to_svg()


def test_a_function_that_is_gone_leaves_the_paths():
    race = tl.race(["sgd"], on=lambda x, y: x * x + y * y, steps=5)
    assert len(race_payload(race)["surface"]["contours"]["levels"]) > 2
    gone = RaceTrace.from_json(race.to_json())
    assert race_payload(gone)["surface"]["contours"]["levels"] == []
    assert gone.to_svg().count("mark") > 0 and "sgd" in gone.to_text().lower()


# -- pictures --------------------------------------------------------------------------------------
def test_every_form_is_the_same_bytes_twice(tmp_path):
    race = tl.race(["sgd", "adam"], on="booth", steps=20)
    for form in (race.to_text, race.to_svg, race.to_html):
        assert form(step=9) == form(step=9)
    for name in ("png", "gif"):
        for i in (1, 2):
            getattr(race, f"to_{name}")(tmp_path / f"{i}.{name}")
        assert (tmp_path / f"1.{name}").read_bytes() == (tmp_path / f"2.{name}").read_bytes()


def test_the_picture_of_a_step_shows_who_is_switched_on_at_that_step():
    svg = valley().to_svg(step=30, on=["plain", "quick"])
    root = ElementTree.fromstring(svg)
    said = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "step 30 of 60" in said and said.count("quick") == 2 and "wild" not in said
    assert "quick leads" in root.get("aria-label")


def test_themes_write_their_colours_out():
    race = valley()
    assert "prefers-color-scheme" in race.to_svg() and "prefers-color-scheme" not in race.to_svg(theme="dark")
    assert "#14171b" in race.to_svg(theme="dark") and "#14171b" not in race.to_svg(theme="light")


@pytest.mark.parametrize("options", [{"step": -1}, {"step": 61}, {"step": True}, {"theme": "blue"}, {"target": "low"}])
def test_what_cannot_be_shown_is_refused(options):
    with pytest.raises(HyperparameterError):
        valley().to_svg(**options)


def test_an_unknown_contender_and_an_empty_race_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="quick"):
        valley().to_svg(on=["quik"])
    with pytest.raises(HyperparameterError, match="nothing to show"):
        RaceTrace({"name": "sphere"}, [0, 1], []).to_svg()
    with pytest.raises(HyperparameterError):
        valley().to_gif(tmp_path / "race.png")
    with pytest.raises(HyperparameterError):
        valley().to_gif(tmp_path / "race.gif", frames=1)
    assert [*tmp_path.iterdir()] == []


def test_the_sentence_knows_leaders_ties_and_the_lost():
    both = tl.race({"a": ("sgd", {"lr": 0.1}), "b": ("sgd", {"lr": 0.1})}, on="sphere", steps=3)
    assert scene(both).sentence().startswith("At step 3 all stand at loss ")
    lost = tl.race([("sgd", {"lr": 99.0})], on="rosenbrock", steps=9)
    ended = int(lost.tracks[0].ended[0])
    assert "leads" in scene(lost, ended).sentence() and "diverged" in scene(lost, ended + 1).sentence()
    assert scene(lost, 9).head(0) == scene(lost, ended).head(0) == ended
    assert scene(lost).sentence().startswith("At step 9 every contender has diverged")
    assert scene(both, on=[]).sentence() == "At step 3 no contender is switched on."
    said = scene(valley(), 60).sentence()
    assert said.startswith("At step 60 quick leads with loss ") and "target reached by quick at" in said


def test_the_animation_ends_where_the_race_does(tmp_path):
    race = tl.race({"a": ("sgd", {"lr": 0.05}), "b": ("adam", {"lr": 0.3})}, on="booth", steps=40)
    race.to_gif(tmp_path / "race.gif", frames=10, ms=50, hold=900)
    with Image.open(tmp_path / "race.gif") as film:
        assert film.n_frames == 10 and film.info["duration"] == 50
        first = np.asarray(film.convert("RGB"), int)
        film.seek(9)
        assert film.info["duration"] == 900
        last = np.asarray(film.convert("RGB"), int)
    assert first.shape == last.shape == (382, 480, 3)
    seen = scene(race)
    (u,), (v,) = (a[-1:] * 480 / 1000 for a in seen.way(1))
    orange = np.abs(last[int(v), int(u)] - [0xE6, 0x9F, 0x00]).max()
    assert orange < 24 and np.abs(first[int(v), int(u)] - [0xE6, 0x9F, 0x00]).max() > 60


def test_a_figure_is_for_papers_and_takes_axes():
    from matplotlib.figure import Figure

    fig = valley().plot(step=40)
    assert [ax.get_xlabel() for ax in fig.axes] == ["x", "step"] and fig.axes[1].get_yscale() == "log"
    assert [t.get_text() for t in fig.axes[1].get_legend().get_texts()] == ["plain", "wild", "quick"]
    ax = Figure().add_subplot()
    assert valley().plot(ax=ax) is ax.figure and len(ax.figure.axes) == 1 and ax.get_legend() is not None
    with pytest.raises(HyperparameterError):
        valley().plot(ax="here")


@pytest.mark.parametrize("name", ["noisy", "float32", "many", "far"])
def test_odd_races_have_pictures(name, tmp_path):
    race = {
        "noisy": lambda: tl.race(["sgd"], on=SURFACES["sphere"].with_noise(1.0), steps=9),
        "float32": lambda: tl.race(["adam"], on="saddle", dtype="float32", steps=9),
        "many": lambda: tl.race({f"c{i}": ("sgd", {"lr": 10.0**-i}) for i in range(9)}, steps=9),
        "far": lambda: tl.race([("sgd", {"lr": np.array([0.1, 0.2])})], on="sphere", start=(1e5, 1e5), steps=9),
    }[name]()  # fmt: skip
    ElementTree.fromstring(race.to_svg())
    assert race.to_text() and race.to_html().startswith("<!doctype html>")
    race.to_gif(tmp_path / "r.gif", frames=3)
    fig = race.plot()
    fig.set_layout_engine("none")
    fig.savefig(io.BytesIO(), dpi=40)


def test_of_many_contenders_a_picture_shows_the_best_and_counts_the_others():
    race = tl.race({f"c{i}": ("sgd", {"lr": 0.3 / (i + 1)}) for i in range(30)}, on="sphere", steps=9)
    said = [e.text for e in ElementTree.fromstring(race.to_svg()).iter("{http://www.w3.org/2000/svg}text")]
    assert "and 6 more, whose losses were higher" in said and "c0" in said and "c29" not in said


def test_many_that_ask_often_are_counted_not_listed():
    names = ["bfgs", "dfp", "sr1", "nelder_mead", "coordinate_search"]
    unequal = race_payload(tl.race(names, on="booth", steps=9))["unequal"]
    assert len(unequal) == 5 and unequal[3] == "2 more take more than one"


# -- names -----------------------------------------------------------------------------------------
def shapes(markup):
    """Every kind of element with its attributes."""
    return {(e.tag, tuple(sorted(e.keys()))) for e in ElementTree.fromstring(markup).iter()}


@cache
def harmless():
    """Elements of a picture with names that are nothing but names."""
    return set().union(*(shapes(labelled(n).to_svg()) for n in ("w", "", "n" * 50)))


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_a_name_is_only_text(name):
    race = labelled(name)
    svg, text = race.to_svg(), race.to_text()
    assert shapes(svg) <= harmless() and len(svg) < 50_000 and len(text) < 5_000
    assert not CONTROL.search(svg + text), ascii(CONTROL.search(svg + text))
    payload = race_payload(race)
    assert not CONTROL.search(json.dumps([payload["tracks"], payload["surface"]["label"]], ensure_ascii=False))
    assert len(json.dumps(payload)) < 50_000


@pytest.mark.parametrize("name", ["$\\href{x}{y}$", "_hidden", "\x1b[2J", "日本語", ""])
def test_a_figure_reads_no_name_as_a_formula_and_leaves_none_out(name):
    fig = tl.race({name or "x": "sgd", "b": "adam"}, on="sphere", steps=3).plot()
    assert len(fig.axes[1].get_legend().get_texts()) == 2
    assert not any(t.get_parse_math() for t in fig.axes[1].get_legend().get_texts())
