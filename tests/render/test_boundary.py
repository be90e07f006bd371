"""Frames of a decision boundary in words, as a picture and as an animation."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from _payloads import PAYLOADS
from PIL import Image

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.render.boundary import BANDS, boundary_payload, boundary_text, outline, sentence
from torchlean_nb.render.boundary_svg import boundary_svg, field_rgba, marker
from torchlean_nb.trace.boundary import TOP, BoundaryTrace


def half(n=8, labels=("left", "right"), frames=3, cut=0.4, **changes):
    """Two classes, told apart by a vertical line; the model is surer farther from it."""
    x = (np.arange(n) + 0.5) / n
    sure = np.floor(126 * np.abs(x - cut)).astype(int)
    row = np.where(x > cut, 127 + sure, sure)
    fields = {
        "name": "half", "steps": [0, 1, 50][:frames], "loss": [0.9, 0.5, 0.1][:frames],
        "codes": np.broadcast_to(row, (frames, n, n)), "points": [[0.1, 0.5], [0.9, 0.5], [0.3, 0.2], [7.0, 0.0]],
        "targets": [0, 1, 1, 0], "guesses": [[0, 1, 0, 0]] * frames, "bounds": (0, 1, 0, 1), "labels": labels,
    }  # fmt: skip
    return BoundaryTrace(**fields | changes)


def slope(n=20):
    """Regression: the prediction rises from left to right."""
    codes = np.broadcast_to(np.round(np.linspace(0, TOP, n)), (1, n, n))
    return BoundaryTrace("slope", [3], [0.25], codes.astype(int), [[0.5, 0.5]], [2.0], [[1.5]], (0, 1, 0, 1),
                         scale=(1.0, 3.0))  # fmt: skip


def test_the_boundary_runs_where_the_classes_change():
    xs = [v for a, _, c, _ in outline(half(n=16), 0) for v in (a, c)]
    assert np.allclose(np.array(xs) / 16, 0.4, atol=0.01) and len(xs) == 2 * 15
    assert outline(half(cut=2.0), 0) == []


def test_lines_of_a_surface_are_at_equal_distances():
    xs = sorted({round(v, 6) for a, _, c, _ in outline(slope(), 0) for v in (a, c)})
    assert len(xs) == BANDS - 1
    assert np.allclose((np.array(xs) - 0.5) / 19, np.arange(1, BANDS) / BANDS, atol=0.005)


def test_three_classes_meet_in_a_point():
    codes = np.zeros((1, 2, 2), int)
    codes[0] = [[10, 85 + 10], [170 + 10, 170 + 10]]
    trace = BoundaryTrace("three", [0], [1.0], codes, [[0, 0]], [0], [[0]], (0, 1, 0, 1), tuple("abc"))
    lines = outline(trace, 0)
    assert len(lines) == 3 and len({(x, y) for _, _, x, y in lines}) == 1


def test_the_text_has_a_map_and_every_frame():
    lines = boundary_text(half()).splitlines()
    assert lines[0] == "half: After 50 updates the loss is 0.1; 3 of 4 points are on their side (75 %)."
    assert lines[1] == "The map: o left, x right" and lines[2:10] == ["oooxxxxx"] * 8
    assert [line.split() for line in lines[11:]] == [
        ["0", "0.9", "3", "of", "4"], ["1", "0.5", "3", "of", "4"], ["50", "0.1", "3", "of", "4"],
    ]  # fmt: skip
    assert sentence(half(), 0).startswith("Before the first update") and "After 1 update the" in sentence(half(), 1)


def test_the_text_of_a_surface_goes_from_low_to_high():
    lines = slope().to_text().splitlines()
    assert lines[1] == "The map: 1 is blank, 3 is @" and lines[2] == lines[3]
    assert list(dict.fromkeys(lines[2])) == list(" .:-=+*#%@")
    odd = BoundaryTrace("odd", [0], [np.nan], np.full((1, 2, 2), 255), [[0, 0]], [1.0], [[np.nan]], (0, 1, 0, 1))
    assert odd.to_text().splitlines()[2] == "??" and "nothing that is a number" in odd.to_text()


def test_the_picture_has_every_point_inside_and_marks_the_wrong_ones():
    root = ET.fromstring(boundary_svg(half()))
    space = "{http://www.w3.org/2000/svg}"
    marks = [p for p in root.iter(space + "path") if "fill:#" in (p.get("style") or "")]
    rings = [p for p in root.iter(space + "path") if p.get("class") == "ring"]
    assert len(marks) == 3 + 2 and len(rings) == 1  # the points inside and two of the legend
    assert "3 of 4 points" in root.get("aria-label") and boundary_svg(half()) == boundary_svg(half())
    ET.fromstring(boundary_svg(slope()))
    for frame in (-1, 3):
        with pytest.raises(HyperparameterError):
            boundary_svg(half(), frame)


def test_classes_differ_in_shape_too():
    shapes = {re.sub(r"[\d.\s-]+", "", marker(i, 0, 0, 4)) + str(len(marker(i, 0, 0, 4))) for i in range(6)}
    assert len(shapes) == 6


def test_the_field_is_stronger_where_the_model_is_surer_and_black_where_it_says_nothing():
    codes = half().codes.copy()
    codes[0, 0, 0] = 255
    rgba = field_rgba(half(codes=codes), 0)
    assert rgba[-1, 0].tolist() == [0, 0, 0, 255]
    assert (np.diff(rgba[0, :4, 3].astype(int)) <= 0).all() and (np.diff(rgba[0, 4:, 3].astype(int)) >= 0).all()


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_names_are_text(name):
    hostile = half(labels=(name, "b"), axes=(name, "y"), **{"name": name})
    tags = [[e.tag for e in ET.fromstring(boundary_svg(t)).iter()] for t in (half(axes=("a", "y")), hostile)]
    assert tags[0] == tags[1] or not name.strip()
    assert len(boundary_text(hostile).splitlines()) == len(boundary_text(half()).splitlines())


def test_the_payload_says_what_every_frame_shows():
    payload = boundary_payload(half(loss=[np.nan, np.inf, 0.5]))
    assert payload["loss"] == [None, None, 0.5] and len(payload["says"]) == 3 and payload["levels"] == 127


def test_the_animation_has_every_frame(tmp_path):
    half().to_gif(tmp_path / "half.gif", ms=50, hold=700)
    with Image.open(tmp_path / "half.gif") as gif:
        assert gif.n_frames == 3
        gif.seek(2)
        assert gif.info["duration"] == 700
        left, right = (gif.convert("RGB").getpixel((x, 60)) for x in (4, 310))
    assert left[2] > left[0] and right[0] > right[2]
    slope().to_gif(tmp_path / "slope.gif")
    before = (tmp_path / "half.gif").read_bytes()
    for path, options in (("half.png", {}), ("half.gif", {"ms": 1}), ("half.gif", {"hold": 0})):
        with pytest.raises(HyperparameterError):
            half().to_gif(tmp_path / path, **options)
    assert (tmp_path / "half.gif").read_bytes() == before
