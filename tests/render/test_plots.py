"""Plots of lessons: marks beside colours, words beside pictures, no global state."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.render.plots import contours, curves

HOSTILE = "<script>alert('$x^{')</script>\x00\u202e"


def bowl(x, y):
    return x**2 + 4 * y**2


def walks(n):
    return {f"path {k}": np.array([[1.0, 1.0], [0.5, -0.5 / (k + 1)], [0.1, 0.1]]) for k in range(n)}


def looks(picture):
    return [(p.get_color(), p.get_marker()) for p in picture.figure.axes[0].lines]


def test_paths_differ_in_more_than_colour_and_are_named():
    picture = contours(bowl, walks(7))
    assert len({mark for _, mark in looks(picture)}) == len({ink for ink, _ in looks(picture)}) == 7
    assert [t.get_text() for t in picture.figure.legends[0].get_texts()] == list(walks(7))


def test_a_point_alone_has_its_name_beside_it():
    ax = contours(bowl, {"start": (1, 1)} | walks(1)).figure.axes[0]
    assert [t.get_text() for t in ax.texts][-1:] == ["start"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["path 0"]
    assert contours(bowl, {"start": (1, 1)}).figure.axes[0].get_legend() is None


def test_colours_reach_the_file_as_they_are():
    drawn = Image.open(BytesIO(curves({f"{k}": [k, k + 1.0] for k in range(7)}).to_png())).convert("RGB")
    seen = {"#{:02X}{:02X}{:02X}".format(*rgb) for _, rgb in drawn.getcolors(10**6)}
    assert {"#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#FFFFFF"} <= seen


def test_words_say_where_a_path_begins_and_ends():
    said = contours(bowl, {"a": [[3.0, 1.0], [0.5, 0.25]], "start": (3.0, 1.0)}, title="bowl").to_text()
    assert said == (
        "bowl: contours over x and y, 2 paths\na: 2 points from (3, 1), value 13, to (0.5, 0.25), value 0.5\n"
        "start: at (3, 1), value 13"
    )


def test_words_say_how_a_curve_runs():
    said = curves({"a": [3.0, 1.0, 2.0], "b": ([10, 20], [5.0, np.inf])}, x="epoch", title="race").to_text()
    assert said == (
        "race: loss over epoch, 2 curves\na: 3 at 0, least 1 at 1, last 2 at 2\n"
        "b: 5 at 10, least 5 at 10, last 5 at 10, 1 not finite"
    )
    assert curves({"gone": [np.nan, np.inf]}).lines[1] == "gone: no finite value"


@pytest.mark.parametrize("log", ["", "x", "y", "xy"])
def test_axes_are_logarithmic_when_asked(log):
    ax = curves({"a": ([1, 10], [1.0, 0.1])}, log=log).figure.axes[0]
    assert (ax.get_xscale() == "log", ax.get_yscale() == "log") == ("x" in log, "y" in log)


def test_the_same_data_gives_the_same_bytes_and_no_pyplot():
    assert contours(bowl, walks(2)).to_png() == contours(bowl, walks(2)).to_png()
    code = (
        "import sys, torchlean_nb.render.plots as p; p.curves({'a': [1, 2]}).to_png()\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_words_are_the_alternative_text():
    picture = curves({"a < b": [1.0, 2.0]})
    html = picture._repr_html_()
    assert html.startswith("<img ") and 'alt="loss over step, 1 curve. a &lt; b: 1 at 0' in html
    assert repr(picture) == picture.to_text() and "data:image/png;base64," in html


def test_a_dark_notebook_shows_the_picture_dark():
    html = curves({"a": [1.0, 2.0]})._repr_html_()
    assert 'class="tl-plot"' in html and '[data-jp-theme-light="false"] .tl-plot' in html and "filter:invert" in html


def test_names_are_hostile_text():
    for picture in (curves({HOSTILE: [1.0, 2.0]}, x=HOSTILE, y=HOSTILE, title=HOSTILE),
                    contours(bowl, {HOSTILE: [[1, 1]]}, title=HOSTILE, names=(HOSTILE, HOSTILE))):  # fmt: skip
        html = picture._repr_html_()
        assert "<script" not in html and "\u202e" not in html and "\x00" not in picture.to_text()


def test_functions_with_holes_and_flat_ones_are_drawn():
    assert contours(lambda x, y: np.log(x) + y, {}, bounds=(-1, 1, 0, 1)).to_png()
    assert contours(lambda x, y: 3.0, {"a": [[0, 0]]}).to_png()
    assert contours(bowl, {"a": [[0, 0], [np.nan, 1]]}, levels=[1, 0.5], fill=True).to_png()
    assert len(curves({}).lines) == 1


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: contours(bowl, {}), HyperparameterError, "no path and no bounds"),
        (lambda: contours(bowl, {"a": [1.0, 2.0, 3.0]}), ShapeError, "'a' has shape"),
        (lambda: contours(bowl, {"a": [[np.nan, 1]]}), HyperparameterError, "no finite point"),
        (lambda: contours(bowl, {}, bounds=(1, 1, 0, 1)), HyperparameterError, "no area"),
        (lambda: curves({"a": ([1], [1, 2])}), ShapeError, "expected two of length n"),
        (lambda: curves({"a": [1]}, log="z"), HyperparameterError, "log="),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()
