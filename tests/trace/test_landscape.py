"""LandscapeTrace: what goes in comes out, and nonsense does not go in."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb.errors import TraceFormatError, UnknownNameError
from torchlean_nb.trace.landscape import LandscapeTrace, Line, Path, Plane, Rescaling


def a_plane(kind="pca", k=3, **changes):
    rng = np.random.default_rng(k)
    fields = {
        "kind": kind, "a": [-1.0, 0.0, 2.0], "b": [-1.0, 1.0], "losses": rng.normal(size=(2, 3)) ** 2,
        "positions": rng.normal(size=(k, 2)), "residuals": rng.random(k), "explained": 0.9 if k else np.nan,
        "shares": (0.6, 0.3), "lengths": (1.0, 2.0),
    }  # fmt: skip
    return Plane(**fields | changes)


def a_trace(**changes):
    fields = {
        "name": "digits", "planes": [a_plane(), a_plane("random")], "path": Path([0, 5, 9], [2.0, 1.0, np.inf]),
        "rescalings": [Rescaling(10.0, [-1.0, 1.0], [3.0, np.inf], [1.0, 2.0], 0.5)],
        "lines": [Line("a to b", [0.0, 1.0], [1.0, np.nan]), Line("c", [0.0, 1.0], [1.0, 2.0], [0.5, 1.0])],
        "spectrum": [0.9, 0.1], "meta": {"seed": 3},
    }  # fmt: skip
    return LandscapeTrace(**fields | changes)


def test_json_pickle_and_files_give_back_the_same_trace(tmp_path):
    trace = a_trace()
    trace.write(tmp_path / "landscape.json")
    assert LandscapeTrace.from_json(trace.to_json()) == trace == pickle.loads(pickle.dumps(trace))
    assert LandscapeTrace.read(tmp_path / "landscape.json") == trace != a_trace(name="other")
    assert LandscapeTrace("empty") == LandscapeTrace.from_json(LandscapeTrace("empty").to_json())


@given(st.text(max_size=8), st.floats(width=64), st.lists(st.floats(width=64), min_size=6, max_size=6))
def test_any_name_and_any_loss_survive(name, loss, grid):
    plane = a_plane(losses=np.reshape(grid, (2, 3)), explained=abs(loss) if abs(loss) <= 1 else np.nan)
    trace = a_trace(name=name, planes=[plane], lines=[Line(name, [0.0, 1.0], [loss, 0.0])])
    back = LandscapeTrace.from_json(trace.to_json())
    assert back == trace and back.name == back.lines[0].name == name


@pytest.mark.parametrize("changes", [
    {"kind": "flat"}, {"kind": None}, {"a": [0.0, 0.0, 1.0]}, {"a": [0.0, np.nan, 1.0]}, {"a": [0.0, 1.0]}, {"b": []},
    {"losses": np.zeros((3, 2))}, {"losses": ["x"]}, {"positions": np.zeros((3, 3))}, {"positions": np.zeros((2, 2))},
    {"residuals": [0.0]}, {"explained": "all"}, {"explained": 7.0}, {"shares": (1.0,)}, {"lengths": ()},
], ids=str)  # fmt: skip
def test_planes_that_do_not_fit_are_refused(changes):
    with pytest.raises(TraceFormatError):
        a_plane(**changes)


@pytest.mark.parametrize("changes", [
    {"planes": [a_plane(k=2)]}, {"path": None}, {"name": 3}, {"lines": [a_plane()]}, {"path": a_plane()},
    {"spectrum": "x"}, {"meta": {"seed": object()}},
], ids=lambda c: next(iter(c)))  # fmt: skip
def test_traces_that_do_not_fit_are_refused(changes):
    with pytest.raises(TraceFormatError):
        a_trace(**changes)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "torchlean_nb.landscape/1"}'])
def test_other_json_is_refused(text):
    with pytest.raises(TraceFormatError):
        LandscapeTrace.from_json(text)


def test_planes_are_found_by_kind_and_the_first_one_has_the_meter():
    trace = a_trace()
    assert [*trace] == ["pca", "random"] and trace["random"].kind == "random" and trace.explained_variance == 0.9
    assert np.isnan(LandscapeTrace("x").explained_variance) and trace.status == "finished"
    with pytest.raises(UnknownNameError, match="no plane"):
        trace["filter"]


def test_nobody_writes_into_a_trace():
    with pytest.raises(ValueError, match="read-only"):
        a_trace().planes[0].losses[0, 0] = 1.0
