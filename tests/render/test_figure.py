"""Matplotlib figures from the same layout, without global state, and files that never change."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from _traces import deep, empty, named, scalar, two_layers
from matplotlib.figure import Figure

from torchlean_nb.errors import HyperparameterError, PathError
from torchlean_nb.render.figure import figure, save


def words(fig):
    return [t.get_text() for t in fig.axes[0].texts]


def test_a_figure_shows_names_values_and_gradients():
    said = words(figure(scalar()))
    assert {"x", "y", "L", "12", "7"} <= set(said)


def test_a_figure_shows_its_step():
    assert "∇" not in words(figure(scalar(), step=3)) and "12" not in words(figure(scalar(), step=2))
    assert words(figure(scalar(), step=4)).count("∇") == 1
    with pytest.raises(HyperparameterError, match="outside"):
        figure(scalar(), step=99)


def test_figures_can_be_drawn_and_leave_no_global_state():
    for trace in (two_layers(), named("n"), empty(), deep(90)):
        fig = figure(trace)
        fig.canvas.draw()
        assert np.asarray(fig.canvas.buffer_rgba()).min() < 128, "something dark is on the page"
    assert "empty graph" in words(figure(empty()))


def test_a_figure_needs_no_pyplot():
    code = (
        "import sys; sys.path.insert(0, 'tests')\nfrom _traces import scalar\n"
        "from torchlean_nb.render.figure import figure\nfigure(scalar())\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_saved_files_are_the_same_bytes(tmp_path, suffix):
    a = save(two_layers(), tmp_path / f"a.{suffix}")
    b = save(figure(two_layers()), tmp_path / f"b.{suffix}")
    assert a.read_bytes() == b.read_bytes() and a.stat().st_size > 1000
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"a.{suffix}", f"b.{suffix}"]
    assert "svg.hashsalt" in matplotlib.rcParams and matplotlib.rcParams["svg.hashsalt"] is None


def test_options_reach_the_figure(tmp_path):
    wide = save(two_layers(), tmp_path / "wide.png", direction="LR")
    assert wide.read_bytes() != save(two_layers(), tmp_path / "tall.png").read_bytes()
    assert isinstance(figure(two_layers(), direction="LR"), Figure)


@pytest.mark.parametrize(("path", "error"), [
    ("../x.svg", PathError), ("x.jpg", HyperparameterError), ("x", HyperparameterError), ("con.svg", PathError),
    ("no/x.svg", FileNotFoundError),
])  # fmt: skip
def test_other_paths_are_refused(path, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        save(scalar(), path)
