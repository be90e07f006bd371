"""Widgets without a browser: what is sent, how state is kept, and the twins in text and picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import _fair
import _programs
import _traces
import _views
import numpy as np
import pytest
from _decks import deck, film

import torchlean_nb as tl
from torchlean_nb.errors import HandleTypeError, HyperparameterError, UnknownNameError, UnknownNodeError
from torchlean_nb.trace.graph import GraphTrace
from torchlean_nb.trace.ledger import Ledger
from torchlean_nb.widgets import (
    GradientLedger,
    GraphStepper,
    ScheduleDesigner,
    TapeTable,
    TensorView,
    UpdateAnatomy,
    base,
)


def update(name="w"):
    """One step of AdamW."""
    opt = tl.optim.AdamW({name: np.array([1.0, -2.0, 0.5])}, lr=0.1)
    opt.step({name: np.array([0.3, -4.0, 0.02])})
    return opt.explain(name)


KINDS = {
    "anatomy": lambda **o: UpdateAnatomy(update(), **o),
    "stepper": lambda **o: GraphStepper(_traces.two_layers(), **o),
    "table": lambda **o: TapeTable(_traces.two_layers(), **o),
    "ledger": lambda **o: GradientLedger(_traces.two_layers(), "W2", **o),
    "schedules": lambda **o: ScheduleDesigner(tl.schedules.cosine(0.1, total=80), steps=100, **o),
    "tensor": lambda **o: TensorView(np.arange(24.0).reshape(2, 3, 4) - 7, "t", **o),
    "puzzle": lambda **o: tl.widgets.ShapePuzzle(np.arange(6.0).reshape(2, 3), np.eye(3), np.ones((2, 3)), **o),
    "losses": lambda **o: tl.widgets.LossExplorer(points=41, **o),
    "gallery": lambda **o: tl.widgets.Gallery(deck("side"), **o),
    "cloud": lambda **o: tl.widgets.GradientCloud({"a": np.eye(2), "b": np.ones((3, 2))}, **o),
    "confusion": lambda **o: tl.widgets.ConfusionView([[3, 1, 0], [0, 2, 1], [0, 0, 4]], **o),
    "program": lambda **o: tl.widgets.ProgramView(_programs.line(), **o),
    "leaderboard": lambda **o: tl.widgets.Leaderboard(_fair.both(), **o),
    "boundary": lambda **o: tl.widgets.DecisionBoundary(film(), **o),
}
EVERY = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


@pytest.fixture
def kernel(monkeypatch):
    """Display as inside a notebook kernel."""
    monkeypatch.delenv(base.STATIC_SWITCH, raising=False)
    monkeypatch.setattr(base, "_SHOWN", {})
    shell = SimpleNamespace(kernel=Kernel())
    monkeypatch.setattr(base, "get_ipython", lambda: shell)
    return shell.kernel


class Kernel:
    """What a kernel knows of the cell it runs."""

    def __init__(self):
        self.cell, self.run = "a", 0

    def get_parent(self):
        return {"header": {"msg_id": str(self.run)}, "metadata": {"cellId": self.cell} if self.cell else {}}


# -- state -------------------------------------------------------------------------------------
def test_the_step_stays_inside_the_sweep():
    w = GraphStepper(_traces.scalar())
    assert w.step == w.steps == 8
    w.step = 99
    assert w.step == 8
    w.step = -4
    assert w.step == 0


def test_what_the_front_end_sends_is_taken_in():
    w = GraphStepper(_traces.scalar())
    w.set_state({"step": 3})
    assert w.step == 3
    w.set_state({"state": {"step": 5, "pin": 1, "entry": [], "table": True, "speed": 2}})
    assert (w.step, w.state["pin"]) == (5, 1)


def test_a_state_can_be_pasted_back():
    w = GraphStepper(_traces.two_layers(), state={"step": 16, "pin": 5, "entry": [0, 1]})
    again = GraphStepper(_traces.two_layers(), state=json.dumps(w.now))
    assert again.now == w.now == {"step": 16, "pin": 5, "entry": [0, 1]}
    w.step = 3
    assert w.now["step"] == 3


@pytest.mark.parametrize("kind", ["stepper", "ledger", "losses", "gallery", "cloud", "boundary"])
def test_a_step_that_is_asked_for_wins_over_that_of_a_state(kind):
    make = KINDS[kind]
    last = make().steps
    for asked, kept, begins in ((0, last, 0), (last, 0, last), (None, 0, 0), (None, -3, 0), (99, 0, last), (0, "x", 0)):
        w = make(step=asked, state={"step": kept})
        assert w.step == w.state["step"] == w.now["step"] == begins, (asked, kept)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_which_step_wins_does_not_change_from_run_to_run(seed):
    """Traits are set in the order of a set of names, which changes from process to process."""
    code = "from torchlean_nb.widgets.base import View; w = View({}, steps=9, step=2, state={'step': 5}); print(w.now)"
    run = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True)
    assert run.stdout.decode().strip() == "{'step': 2}", run.stderr.decode()


@pytest.mark.parametrize("bad", ["x", 1.5, [1]])
def test_a_step_that_is_no_whole_number_is_refused(bad):
    with pytest.raises(HyperparameterError, match="step: expected a whole number"):
        GraphStepper(_traces.scalar(), step=bad)


@pytest.mark.parametrize("bad", ["{", "[1]", {"x": float("nan")}, {"x": object()}, {"x": "y" * 200_000}, 3])
def test_a_state_that_is_no_small_object_is_refused(bad):
    with pytest.raises((HyperparameterError, TypeError)):
        GraphStepper(_traces.scalar(), state=bad)


@EVERY
def test_unknown_controls_are_refused_by_name(make):
    assert make(controls=["help", "export"]).options["controls"] == ["help", "export"]
    with pytest.raises(UnknownNameError, match="scrubber"):
        make(controls=["scruber"])


@EVERY
def test_the_front_end_gets_its_code_and_its_data(make):
    state = make().get_state()
    assert {"kind", "payload", "options", "state", "_esm", "_css"} <= set(state)
    assert "export default widget" in state["_esm"]
    assert "<script" not in state["_esm"]  # a saved notebook keeps it in a script element, which would not end there
    assert ".tl-scene" in state["_css"]
    json.dumps({k: state[k] for k in ("payload", "options", "state")}, allow_nan=False)


def test_predictions_begin_at_the_seed():
    w = GraphStepper(_traces.scalar(), predict=True)
    assert (w.step, w.options["predict"]) == (4, True)
    w.step = 6
    assert repr(w) == "GraphStepper('x * x + x': step 6 of 8)", "the sentence would give the answer away"


# -- what it is made from ----------------------------------------------------------------------
def test_a_stepper_is_made_from_a_trace_its_json_a_ledger_or_a_session():
    s = tl.Session()
    x = s.param(3.0, name="x")
    trace = s.trace(x * x)
    for source in (trace, trace.to_dict(), Ledger.of(trace, "x"), s):
        assert GraphStepper(source).trace.to_json() == trace.to_json()
    s.backward(x)
    assert len(GraphStepper(s).trace) == 1, "after a backward it is that sweep which is shown"


@pytest.mark.parametrize("bad", [None, 3, "x", [1], {"format": "other"}, tl.Session()], ids=str)
def test_anything_else_is_refused(bad):
    with pytest.raises(HandleTypeError, match=r"session\.trace"):
        GraphStepper(bad)


def test_a_ledger_needs_a_node():
    with pytest.raises(UnknownNodeError):
        GradientLedger(_traces.scalar(), "nobody")
    with pytest.raises(TypeError, match="whose gradient"):
        GradientLedger(_traces.scalar())


def test_show_gives_a_stepper():
    s = tl.Session()
    x = s.param(3.0, name="x")
    assert isinstance(s.trace(x * x).show(step=1), GraphStepper)


@pytest.mark.parametrize("bad", [["a"], np.array([1j]), np.array([None])], ids=["text", "complex", "object"])
def test_a_tensor_view_takes_real_numbers_only(bad):
    with pytest.raises(TypeError, match="real number"):
        TensorView(bad)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (2, 0, 3), (3, 4), (2, 3, 4, 5)], ids=str)
def test_every_rank_has_a_view(shape):
    w = TensorView(np.ones(shape), "a")
    assert w.stats["entries"] == np.prod(shape)
    assert w.to_text().startswith("a\n")
    assert "<!doctype html>" in w.to_html()


def test_statistics_are_those_of_numpy():
    a = np.array([[3.0, -4.0, 0.0], [np.nan, np.inf, 1.0]])
    s = TensorView(a, "a").stats
    good = np.array([3.0, -4.0, 0.0, 1.0])
    assert (s["min"], s["max"], s["L1"], s["absmax"], s["NaN"], s["inf"]) == (-4, 3, 8, 4, 1, 1)
    assert s["mean"] == good.mean()
    assert s["std"] == good.std()
    assert s["L2"] == pytest.approx(np.linalg.norm(good), rel=1e-15)
    assert s["zeros"] == f"{100 / 6:.3g} %"


# -- displays ----------------------------------------------------------------------------------
@EVERY
def test_no_display_holds_a_memory_address(make, kernel):
    w = make()
    for text in (repr(w), w.to_text(), *map(str, w._repr_mimebundle_()[0].values())):
        assert "0x" not in text


@EVERY
def test_a_notebook_gets_the_view_and_its_twins(make, kernel):
    data, _ = make()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"].startswith(repr(make()))
    assert len(data["text/plain"].splitlines()) <= 40


@EVERY
def test_elsewhere_only_the_twins_are_shown(make, kernel, monkeypatch):
    monkeypatch.setenv(base.STATIC_SWITCH, "1")
    data, _ = make()._repr_mimebundle_()
    assert set(data) <= {"text/plain", "image/svg+xml"}
    monkeypatch.delenv(base.STATIC_SWITCH)
    monkeypatch.setattr(base, "get_ipython", lambda: None)
    assert make()._repr_mimebundle_()[0] == data


def test_running_a_cell_again_closes_what_it_showed_before(kernel):
    first, beside = KINDS["stepper"](), KINDS["table"]()
    for w in (first, beside, first):
        w._repr_mimebundle_()
    assert first.comm is not None
    assert beside.comm is not None
    kernel.run += 1
    second = KINDS["stepper"]()
    second._repr_mimebundle_()
    assert (first.comm, beside.comm) == (None, None)
    kernel.run, kernel.cell = kernel.run + 1, "b"
    second._repr_mimebundle_()
    kernel.run, kernel.cell = kernel.run + 1, "a"
    KINDS["stepper"]()._repr_mimebundle_()
    assert second.comm is not None, "it is still seen in the other cell"


def test_a_front_end_without_cell_names_closes_nothing(kernel):
    kernel.cell = None
    w = KINDS["stepper"]()
    for kernel.run in range(3):
        KINDS["stepper"]()._repr_mimebundle_()
    w._repr_mimebundle_()
    assert w.comm is not None


def test_the_picture_is_that_of_the_current_step():
    w = GraphStepper(_traces.two_layers(), step=3)
    early = w._repr_mimebundle_()[0]["image/svg+xml"]
    w.step = w.steps
    assert w._repr_mimebundle_()[0]["image/svg+xml"] != early
    assert early == GraphStepper(_traces.two_layers(), step=3).to_svg()


@EVERY
def test_every_widget_has_a_picture_and_words(make, kernel):
    w = make()
    data, _ = w._repr_mimebundle_()
    assert data["image/svg+xml"] == w.to_svg() == make().to_svg()
    assert data["image/svg+xml"].startswith('<svg class="tl-scene" xmlns=')
    assert data["text/plain"].startswith(repr(w))


def test_the_pictures_follow_what_was_chosen():
    ledger, tensor = KINDS["ledger"](), KINDS["tensor"]()
    whole, all_rows = tensor.to_svg(), ledger.to_svg()
    tensor.set_state({"state": {"entry": [0, 0, 1]}})
    assert "t[0, :, :]" in tensor.to_svg() != whole
    ledger.step = len(ledger.trace) + 1
    assert "so far, 0 of 2 contributions in" in ledger.to_svg()
    ledger.step = ledger.steps
    ledger.set_state({"state": {"entry": [2, 1], "off": [0]}})
    assert "W2[2, 1]" in ledger.to_svg() != all_rows
    assert "without 1 of 2 rows" in ledger.to_svg()
    for bad in ([9, 9], "x", [0], [None, None], 3):
        ledger.set_state({"state": {"entry": bad, "off": "0" if bad == "x" else None}})
        assert ledger.to_svg() == all_rows, "an entry that is not there is not asked for"


@EVERY
def test_the_same_input_gives_the_same_bytes(make, tmp_path):
    text = make().to_html(tmp_path / "page.html")
    assert text == make().to_html()
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text
    assert make().to_dict() == make().to_dict()


def test_the_plain_form_reads_back():
    t = _traces.two_layers()
    assert GraphTrace.from_dict(GraphStepper(t).to_dict()) == t
    assert GraphTrace.from_dict(TapeTable(t).to_dict()) == t


# -- bounds ------------------------------------------------------------------------------------
def test_large_graphs_are_folded_and_say_so():
    t = _traces.deep(200)
    w = GraphStepper(t)
    assert len(w.payload["trace"]["nodes"]) <= 300
    assert f"of {len(t):,} nodes" in w.payload["note"]
    assert len(w.payload["narration"]) == w.steps + 1


def test_of_large_arrays_a_corner_travels_with_the_true_shape():
    s = tl.Session()
    w = s.param(np.linspace(-3, 2, 40_000).reshape(200, 200), name="w")
    payload = GraphStepper(s.trace(tl.sum(w * w))).payload
    value = payload["trace"]["nodes"][0]["value"]
    assert value["shape"] == [200, 200]
    assert value["sent"] == [32, 32]
    assert value["top"] == 3.0
    assert len(json.dumps(payload)) < 500_000


def test_a_ledger_of_a_large_tape_sends_what_it_shows():
    t = _traces.deep(200)
    w = GradientLedger(t, "w3")
    assert len(w.payload["trace"]["nodes"]) < 20
    assert len(w.payload["paths"]) == len(w.ledger.rows)
    assert w.ledger.balanced


@pytest.mark.parametrize("n", [1, 5, 30])
def test_the_small_graph_has_every_contribution_or_says_how_many_are_folded(n):
    mini = GradientLedger(_traces.fan_out(n), "w").payload["mini"]
    own = [k for k in mini["links"] if k["arg"] >= 0]
    assert len(own) == min(n, 6) if n > 5 else len(own) == n
    for b in mini["boxes"]:
        assert 0 <= b["x"] <= b["x"] + b["w"] <= mini["width"]
        assert 0 <= b["y"] <= b["y"] + b["h"] <= mini["height"]


def test_an_empty_trace_is_a_widget_too():
    w = GraphStepper(_traces.empty())
    assert (w.steps, w.step) == (0, 0)
    assert "<!doctype html>" in w.to_html()


@pytest.mark.parametrize("kind", _views.MAKE)
def test_a_front_end_is_told_everything_at_once(kind, monkeypatch):
    told = []
    monkeypatch.setattr(base.View, "send_state", lambda self, key=None: told.append(key))
    _views.MAKE[kind]("w")
    # The styles come later; anywidget sends them by itself.
    assert set(told) <= {"_esm", "_css", "_anywidget_id"}
