"""Landscapes in pictures and words: the ground is where the numbers are, and the meter cannot be missed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytest
from _landscapes import STEPS, holed, named, wave
from _payloads import PAYLOADS
from matplotlib.path import Path as Outline
from matplotlib.text import Text

from torchlean_nb.errors import CapabilityError, HyperparameterError, HyperparameterTypeError, UnknownNameError
from torchlean_nb.escape import visible
from torchlean_nb.render.landscape_ground import BOX, Ground, bilinear
from torchlean_nb.render.landscape_payload import MOST_CELLS, MOST_POINTS, landscape_payload, shown
from torchlean_nb.render.landscape_words import choose, meter, percent
from torchlean_nb.trace.landscape import LandscapeTrace, Path, Plane

KINDS = ("random", "pca", "filter-normalised")


def bowl(low=0.5, kind="random", n=41, reach=2.0, **fields):
    """A plane whose loss is known everywhere: ``low + a^2 + 4 b^2``."""
    at = np.linspace(-reach, reach, n)
    return Plane(kind, at, at, low + at**2 + 4 * at[:, None] ** 2, **fields)


def points(d):
    """Points of path data whose steps are relative, shape (n, 2), one array for each line."""
    out = []
    for line in re.findall(r"M([^M]*)", d):
        moves = np.array([float(v) for v in re.findall(r"-?\d+", line)]).reshape(-1, 2)
        out.append(np.cumsum(moves, axis=0))
    return out


def shapes(markup):
    """Every kind of element with its attributes."""
    return {(e.tag, tuple(sorted(e.keys()))) for e in ElementTree.fromstring(markup).iter()}


@cache
def harmless():
    """Elements of the picture of a name that is nothing but a name."""
    return shapes(named("n").to_svg())


def test_contours_run_where_the_loss_is_what_they_say():
    ground = Ground(bowl())
    assert len(ground.levels) > 8
    for level, d in zip(ground.levels, ground.lines(), strict=True):
        for x, y in np.concatenate(points(d)):
            a, b = -2 + 4 * x / BOX, 2 - 4 * y / ground.tall
            assert 0.5 + a * a + 4 * b * b == pytest.approx(level, rel=0.04, abs=0.02)


def test_every_point_is_shaded_by_the_band_its_loss_is_in():
    ground, rng = Ground(bowl()), np.random.default_rng(0)
    bands = []
    for d in ground.fills():
        loops = [p for p in points(d.replace("z", "")) if len(p) > 2]
        bands.append([Outline(np.vstack([p, p[:1]])) for p in loops])
    for a, b in rng.uniform(-1.95, 1.95, (40, 2)):
        x, y = ground.spot(np.array(a), np.array(b))
        loss = 0.5 + a * a + 4 * b * b
        near = min(abs(loss / level - 1) for level in ground.levels)
        if near < 0.05:
            continue
        # Inside of an odd number of loops is inside.
        inside = [i for i, loops in enumerate(bands) if sum(p.contains_point((x, y)) for p in loops) % 2]
        below = sum(level < loss for level in ground.levels)
        assert inside == ([below - 1] if below else [])


def test_levels_are_about_a_dozen_round_losses_over_any_number_of_decades():
    some = ((1, 1.5), (1, 3.9), (0.6, 5), (0.6, 40), (0.5, 200), (1e-3, 5), (0, 7), (-3, 8), (2.3, 4.85e5), (1e-8, 1))
    for low, high in some:
        plane = Plane("random", [0, 1], [0, 1], [[low, high], [low, high]])
        levels = Ground(plane).levels
        assert 5 <= len(levels) <= 14, (low, high, levels)
        assert all(low < v < high and float(f"{v:.3g}") == v for v in levels)
        assert np.all(np.diff(levels) > 0)


def test_a_flat_or_empty_loss_has_no_contours_and_is_still_drawn():
    for value in (1.0, 0.0, np.nan, np.inf):
        plane = Plane("random", [0, 1, 2], [0, 1], np.full((2, 3), value))
        ground = Ground(plane)
        assert ground.levels == [] and ground.lines() == [] and ground.marks() == []
        trace = LandscapeTrace("flat", [plane])
        assert "<svg" in trace.to_svg() and trace.to_text() and trace.plot() is not None
        json.dumps(landscape_payload(trace), allow_nan=False)


def test_both_directions_have_one_scale_or_the_stretch_is_said():
    square = Ground(bowl(lengths=[3.0, 3.0]))
    assert square.tall == BOX and square.stretch == 1
    assert square.unit == pytest.approx(BOX / 12)
    wide = Ground(bowl(lengths=[4.0, 1.0]))
    assert wide.stretch > 1.2
    trace = LandscapeTrace("wide", [bowl(lengths=[4.0, 1.0])])
    assert f"drawn {wide.stretch:g} times as long" in trace.to_svg()
    assert landscape_payload(trace)["planes"][0]["stretch"] == wide.stretch


def test_values_between_the_points_are_those_of_the_cell():
    plane = bowl()
    for i, j in ((0, 0), (40, 40), (3, 17)):
        assert bilinear(plane, plane.a[j], plane.b[i]) == pytest.approx(plane.losses[i, j], abs=1e-12)
    assert bilinear(plane, 0.05, 0.1) == pytest.approx(plane.losses[20:23, 20:22][1].mean(), abs=1e-12)
    assert np.isnan(bilinear(plane, 2.1, 0)) and np.isnan(bilinear(plane, 0, np.nan))
    lost = holed().planes[0]
    assert np.isnan(bilinear(lost, lost.a[2], lost.b[1] * 0.99)) and np.isnan(bilinear(lost, lost.a[15], lost.b[12]))


def test_holes_are_the_cells_with_a_corner_that_is_no_number():
    lost = holed()
    assert Ground(lost.planes[0]).holes().count("M") == 4 * 5 + 4
    assert Ground(wave().planes[0]).holes() == ""
    assert "21 of 441 points of the grid have no number" in lost.to_svg()
    assert landscape_payload(lost)["planes"][0]["lost"] == 21
    assert re.search(r"PCA \*.* 21 +97\.3 %", lost.to_text())


@pytest.mark.parametrize(("share", "level", "words"), [
    (1.0, "fine", "explains 100 % of the path."), (0.9931, "fine", "explains 99.3 % of the path."),
    (0.9, "part", "a part of the path is outside"), (0.3, "low", "most of the path is outside"),
    (0.0004, "low", "0.04 % of the path: the path is almost entirely outside this picture"),
    (0.0, "low", "explains 0 % of the path: the path is almost entirely outside this picture"),
])  # fmt: skip
def test_the_meter_says_how_much_is_outside(share, level, words):
    said = meter(bowl(positions=[[0, 0]], residuals=[1.0], explained=share))
    assert said[0] == level and words in said[1]


def test_without_a_path_the_meter_says_that_there_is_none():
    assert meter(bowl()) == ("none", "No path was recorded: this plane explains nothing of where the training went.")
    still = bowl(positions=[[0, 0]], residuals=[0.0])
    assert meter(still) == ("none", "How much of the path this plane explains cannot be told.")
    bare = wave(every=False)
    for said in (bare.to_text(), bare.to_svg()):
        assert "No path was recorded" in said


def test_only_the_whole_is_a_hundred_per_cent():
    assert [percent(v) for v in (1.0, 0.9999, 0.999999, 0.5, 0.01, 0.00044, 0.0)] == [
        "100 %", "99.99 %", "99.9999 %", "50 %", "1 %", "0.044 %", "0 %"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_twin_carries_the_meter_of_its_plane(kind):
    trace = wave()
    said = meter(trace[kind])[1]
    assert said in trace.to_text(plane=kind)
    picture = ElementTree.fromstring(trace.to_svg(plane=kind))
    assert said in picture.get("aria-label")
    texts = " ".join(e.text for e in picture.iter() if e.tag.endswith("text") and e.text)
    assert said.replace(":", "").replace(" ", "") in texts.replace("⚠ ", "").replace(":", "").replace(" ", "")
    figure = trace.plot(plane=kind)
    assert said.replace(" ", "") in figure.axes[0].get_title(loc="left").replace("\n", "").replace(" ", "")
    assert said in [p["says"] for p in landscape_payload(trace)["planes"]]


def test_the_ring_is_as_large_as_the_distance_from_the_plane():
    trace = wave()
    for step in (0, 7, STEPS):
        plane = trace["pca"]
        ground = Ground(plane)
        picture = trace.to_svg(plane="pca", step=step)
        rings = re.findall(r'stroke:#CC79A7;stroke-width:2" cx="\S+ cy="\S+ r="([\d.]+)"', picture)
        scale = min(320 / BOX, 360 / ground.tall)
        assert float(rings[0]) == pytest.approx(plane.residuals[step] * ground.unit * scale, abs=0.06)


def test_the_text_has_the_path_beside_what_the_plane_says():
    trace = wave()
    said = trace.to_text(plane="pca", step=3)
    assert said.splitlines()[2].startswith("After 30 updates the loss is 0.9552; the plane says 0.9678 there")
    for row in ("loss here", "start to end", "principal components of the path: 86.2 %, 11.1 %"):
        assert row in said
    assert said.count("0.611698") == 7  # rescaling changes nothing at the centre


def test_pictures_are_the_same_bytes_every_time():
    for trace in (wave(), holed(), named("a")):
        assert trace.to_svg() == trace.to_svg() == LandscapeTrace.from_json(trace.to_json()).to_svg()
        assert landscape_payload(trace) == landscape_payload(trace)


def test_long_paths_and_fine_grids_are_thinned_and_it_is_said():
    k = 2500
    t = np.linspace(1, 0, k)
    plane = bowl(n=301, positions=np.stack([t, t**2], axis=1), residuals=t, explained=0.99)
    trace, note = shown(LandscapeTrace("long", [plane], Path(np.arange(k), t)))
    assert len(trace.path.steps) == MOST_POINTS and trace.path.steps[[0, -1]].tolist() == [0, k - 1]
    assert note == "Of 2500 points of the path every 2.5th is shown, 1000 in all."
    sent = landscape_payload(trace, note)
    assert sent["planes"][0]["z"]["shape"] == [MOST_CELLS, MOST_CELLS] and sent["note"] == note
    assert sent["planes"][0]["points"] == [301, 301]
    assert sent["planes"][0]["a"]["data"][0] == -2 and sent["planes"][0]["a"]["data"][-1] == 2
    assert len(json.dumps(sent)) < 300_000
    assert shown(wave()) == (wave(), "")


def test_the_payload_is_small_and_says_what_the_trace_says():
    sent = landscape_payload(wave())
    assert len(json.dumps(sent, allow_nan=False)) < 60_000
    assert [p["label"] for p in sent["planes"]] == ["random", "PCA", "filter-normalised"]
    assert sent["best"] == percent(float(wave().spectrum[:2].sum()))
    twice = LandscapeTrace("t", [wave()["random"], wave()["random"]], wave().path)
    assert [p["label"] for p in landscape_payload(twice)["planes"]] == ["random 1", "random 2"]


def test_planes_that_are_not_there_are_refused_by_every_twin():
    trace = wave()
    for wrong, error in (("pcb", UnknownNameError), (3, HyperparameterError), (1.5, HyperparameterTypeError)):
        for render in (trace.to_text, trace.to_svg, trace.plot):
            with pytest.raises(error):
                render(plane=wrong)
    with pytest.raises(CapabilityError):
        choose(replace(trace, planes=()), 0)


def test_lines_alone_are_drawn_too():
    only = replace(wave(), planes=(), path=None, spectrum=())
    assert "start to end" in only.to_text() and "start to end" in only.to_svg()
    titles = [ax.get_title(loc="left") for ax in only.plot().axes]
    assert titles[:2] == ["one layer times c, the next divided by c", "start to end"]


def test_a_path_that_left_all_numbers_is_drawn_as_far_as_it_goes():
    lost = wave()["pca"]
    positions, residuals = lost.positions.copy(), lost.residuals.copy()
    positions[20:], residuals[20:] = np.nan, np.nan
    losses = wave().path.losses.copy()
    losses[20:] = np.inf
    plane = replace(lost, positions=positions, residuals=residuals)
    trace = LandscapeTrace("lost", [plane], Path(wave().path.steps, losses))
    assert "the loss is ∞; the plane has no number there" in trace.to_text()
    assert "and the path has left all numbers" in trace.to_text(step=20)
    for step in (5, 40):
        assert not re.search(r'<(?!svg)[^>]*="[^"]*(nan|inf)', trace.to_svg(step=step), re.IGNORECASE)
    json.dumps(landscape_payload(trace), allow_nan=False)
    trace.plot()


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_a_name_is_only_text_in_every_twin(name):
    trace = named(name)
    picture = trace.to_svg()
    assert shapes(picture) <= harmless()
    said = trace.to_text() + picture
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", said)
    assert len(said) < 20_000 and len(json.dumps(landscape_payload(trace))) < 10_000


@pytest.mark.parametrize("name", ["$x_1$", r"$\href{javascript:alert(1)}{x}$", "a\x00b", "\u202egnp.exe"])
def test_a_name_in_a_figure_is_not_typeset(name):
    found = [t for t in named(name).plot().findobj(Text) if visible(name) in t.get_text()]
    assert len(found) == 3 and not any(t.get_parse_math() for t in found)
