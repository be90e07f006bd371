"""LandscapeExplorer: what it takes, what it remembers, what it says without a front end."""

from __future__ import annotations

import json

import pytest
from _landscapes import STEPS, named, wave

from torchlean_nb.errors import HandleTypeError, HyperparameterError, TraceFormatError, UnknownNameError
from torchlean_nb.trace.landscape import LandscapeTrace
from torchlean_nb.widgets import LandscapeExplorer


def test_it_begins_at_the_end_of_the_path_in_the_plane_asked_for():
    view = LandscapeExplorer(wave(), plane="pca")
    assert (view.step, view.plane, view.title) == (STEPS, 1, "wave")
    assert view.describe() == view.meter == "This plane explains 97.3 % of the path."
    assert view.says.startswith("After 480 updates the loss is 0.6117")
    view.step = 0
    assert view.says.startswith("Before the first update the loss is 4.06")
    assert LandscapeExplorer(wave(), plane=-1).plane == 2
    assert LandscapeExplorer(wave(), step=3).now == {"plane": 0, "step": 3}


def test_a_trace_its_plain_form_and_its_json_show_the_same():
    trace = wave()
    payload = LandscapeExplorer(trace).payload
    assert payload == LandscapeExplorer(trace.to_dict()).payload == LandscapeExplorer(trace.to_json()).payload
    assert trace.show(plane="pca").now == LandscapeExplorer(trace, plane="pca").now


def test_what_is_no_landscape_is_refused():
    for wrong, error in (
        (None, HandleTypeError), (3, HandleTypeError), ({}, TraceFormatError), ("{}", TraceFormatError),
        ("no json", TraceFormatError), (LandscapeTrace("empty"), TraceFormatError),
    ):  # fmt: skip
        with pytest.raises(error):
            LandscapeExplorer(wrong)
    for wrong, error in (("pcb", UnknownNameError), (7, HyperparameterError)):
        with pytest.raises(error):
            LandscapeExplorer(wave(), plane=wrong)


def test_the_state_of_one_explorer_opens_another_where_it_was():
    first = LandscapeExplorer(wave(), state={"plane": 2, "step": 9, "view": "off", "cursor": [0.5, 0.25]})
    again = LandscapeExplorer(wave(), state=json.dumps(first.now))
    assert again.now == first.now and again.plane == 2 and again.step == 9
    assert again.to_svg() == first.to_svg() == wave().to_svg(plane=2, step=9)
    assert LandscapeExplorer(wave(), plane=1, state={"plane": 2}).plane == 2
    for odd in (99, -1, "pca", None, True, 1.5):
        assert LandscapeExplorer(wave(), state={"plane": odd}).plane == 0


def test_the_meter_is_said_whatever_is_hidden():
    for controls in ([], ["narration"], None):
        view = LandscapeExplorer(wave(), controls=controls)
        still, _ = view._repr_mimebundle_()
        assert "This plane explains 11.5 % of the path: most of the path is outside" in still["text/plain"]
        assert view.meter in still["image/svg+xml"]
        assert view.payload["planes"][0]["says"] == view.meter


def test_without_planes_it_shows_the_lines():
    only = LandscapeExplorer(LandscapeTrace("two ends", lines=wave().lines))
    assert only.describe() == "There is no plane, only lines." and only.says == ""
    assert "start to end" in only.to_text() and "start to end" in only.to_svg()
    with pytest.raises(HyperparameterError):
        LandscapeExplorer(LandscapeTrace("two ends", lines=wave().lines), step="x")


def test_the_page_is_one_file_with_all_that_is_needed(tmp_path):
    page = LandscapeExplorer(wave()).to_html(tmp_path / "wave.html")
    assert page == (tmp_path / "wave.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http://www.w3.org", "") and len(page) < 180_000


def test_hostile_names_stay_text():
    name = "</script><script>alert(1)</script>"
    view = LandscapeExplorer(named(name))
    assert name not in view.to_html() and name not in view.to_svg()
    assert view.title.startswith("</script>")
