"""The schedule designer without a browser: what it takes, what a hand may ask for, and its twins."""

from __future__ import annotations

import json
import os
import re
from xml.etree import ElementTree

import pytest
from _payloads import PAYLOADS

import torchlean_nb as tl
from torchlean_nb import schedules as S
from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError, UnknownNameError
from torchlean_nb.widgets import ScheduleDesigner

ROWS = [row for row in S.SCHEDULES.values() if row.builtin]


class Asked:
    """A designer, the edits a front end would send, and what it would hear."""

    def __init__(self, *args, **options):
        self.w, self.said, self.n = ScheduleDesigner(*args, **options), [], 0
        self.w.send = lambda m: self.said.append(m["text"])

    def __call__(self, do, **more):
        self.n += 1
        self.said.clear()
        self.w._asked({"kind": "edit", "serial": self.n, "do": do, "name": self.w.chosen, **more})
        assert self.w.payload["serial"] == self.n, "the front end waits for its answer"
        return self.w.value


@pytest.fixture
def asked():
    return Asked(S.warmup_cosine(0.1, warmup=20, total=200))


# -- what it is made from ----------------------------------------------------------------------
def test_undo_goes_back_to_the_curve_that_was_edited_whatever_was_said_to_be_chosen():
    w = ScheduleDesigner({"a": S.cosine(0.1, total=100), "b": S.constant(0.2)}, steps=120)
    before = w.schedules["b"]
    assert w.chosen == "a"
    w._asked({"kind": "edit", "serial": 1, "do": "set", "name": "b", "path": [], "hyper": "base", "text": "0.4"})
    assert w.chosen == "b" and w.value != before
    w._asked({"kind": "edit", "serial": 2, "do": "undo"})
    assert w.chosen == "b" and w.value == before


def test_it_begins_with_something_to_shape():
    w = ScheduleDesigner()
    assert w.value == w.schedule == S.warmup_cosine(0.1, warmup=20, total=200)
    assert w.axis == 250 and w.payload["entries"][0]["values"] == w.value.values(251)


def test_it_takes_one_several_and_its_own_plain_form():
    a, b = S.cosine(0.1, total=50), S.constant(0.2)
    assert list(ScheduleDesigner(a).schedules) == ["cosine"]
    assert list(ScheduleDesigner([a, b, a]).schedules) == ["cosine", "constant", "cosine 2"]
    w = ScheduleDesigner({"mine": a, "other": 2 * b}, steps=70)
    again = ScheduleDesigner(json.loads(json.dumps(w.to_dict())))
    assert again.schedules == w.schedules == {"mine": a, "other": 2 * b}
    assert again.axis == 70 and again.payload["entries"] == w.payload["entries"]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_every_row_can_be_shown_with_every_twin(row):
    for sample in row.samples:
        w = ScheduleDesigner(row(**sample))
        json.dumps(w.payload, allow_nan=False)
        space = w.functions()
        exec(w.to_code(), space)
        ks = w.payload["k"] or range(w.axis + 1)
        assert [space["schedule"](k) for k in ks] == w.payload["entries"][0]["values"] == [w.value(k) for k in ks]
        assert w.to_text().endswith(w.to_code()) and "torch" in w.to_torch().lower()
        assert len(w.payload["entries"][0]["values"]) <= 1001


@pytest.mark.parametrize("bad", [3, "cosine", S.cosine, abs, {"a": 0.1}, [S.constant(0.1), None]], ids=str)
def test_what_is_no_schedule_is_refused(bad):
    with pytest.raises(HyperparameterTypeError, match="not a schedule"):
        ScheduleDesigner(bad)


def test_bounds_are_said():
    with pytest.raises(HyperparameterError, match="7 schedules"):
        ScheduleDesigner([S.constant(0.1)] * 7)
    with pytest.raises(HyperparameterError, match="0 schedules"):
        ScheduleDesigner({})
    for bad in (0, 10**6, 2.5, True):
        with pytest.raises(HyperparameterError, match=r"(?s)steps=.*an int >= 1 and <= 100000"):
            ScheduleDesigner(steps=bad)
    w = ScheduleDesigner(S.step_decay(0.1, 30_000), steps=100_000)
    assert w.payload["note"] == "1,001 of 100,001 steps are drawn." in w.to_text()


@pytest.mark.parametrize("bad", [{}, {"schedules": 3}, {"schedules": {"a": {"row": "cosine"}}},
                                 {"schedules": {"a": {"row": "cosin", "hypers": {}}}}])  # fmt: skip
def test_a_plain_form_that_is_none_is_refused(bad):
    with pytest.raises((HyperparameterError, HyperparameterTypeError, UnknownNameError)):
        ScheduleDesigner({"format": "torchlean_nb.schedules/1", **bad})


# -- value -------------------------------------------------------------------------------------
def test_the_value_is_observed_and_set():
    w, seen = ScheduleDesigner(S.constant(0.1), steps=10), []
    w.observe(lambda change: seen.append(change["new"]), "value")
    w.edit(base=0.2)
    w.value = S.cosine(0.3, total=8)
    w.value = S.cosine(0.3, total=8)
    assert seen == [S.constant(0.2), S.cosine(0.3, total=8)]
    assert w.payload["entries"][0]["values"] == w.value.values(11)
    with pytest.raises(HyperparameterTypeError, match="not a schedule"):
        w.value = 0.1
    with pytest.raises(HyperparameterError, match=r"cosine: total=0 is not allowed"):
        w.edit(total=0)
    assert w.value == S.cosine(0.3, total=8) == w.schedules["constant"], "what is refused changes nothing"


def test_choosing_another_curve_gives_its_schedule():
    w = ScheduleDesigner({"a": S.constant(0.1), "b": S.constant(0.2)})
    w.set_state({"state": {"chosen": "b", "off": ["a"], "at": 4}})
    assert w.value == S.constant(0.2) and list(w.shown) == ["b"] and "Step 4: b 0.2." in w.to_text()
    w.edit(base=0.4)
    assert w.schedules == {"a": S.constant(0.1), "b": S.constant(0.4)}
    again = ScheduleDesigner(w.to_dict(), state=w.now)
    assert again.value == S.constant(0.4)


def test_curves_are_added_and_removed():
    w = ScheduleDesigner({"a": S.constant(0.1)})
    w.add("b", S.cosine(0.1, total=9))
    assert w.chosen == "b" and w.value == S.cosine(0.1, total=9)
    with pytest.raises(HyperparameterError, match="already"):
        w.add("b", S.constant(0.1))
    w.remove("b")
    assert w.chosen == "a" and list(w.schedules) == ["a"]
    with pytest.raises(HyperparameterError, match="0 schedules"):
        w.remove("a")
    with pytest.raises(UnknownNameError, match="no schedule named 'c'"):
        w.remove("c")
    w.undo()
    assert list(w.schedules) == ["a", "b"]


# -- what the front end asks for ---------------------------------------------------------------
def test_typed_numbers_change_the_schedule_or_are_refused_in_the_words_of_the_row(asked):
    assert asked("set", path=[], hyper="warmup", text="50").hypers["warmup"] == 50 and asked.said == []
    for text, words in (("300", "must be < total, which is 200"), ("x", "must be an int >= 0"), ("-1", "int >= 0")):
        before = asked.w.value
        assert asked("set", path=[], hyper="warmup", text=text) is before
        assert words in asked.said[0] and f"warmup={text}" in asked.said[0].replace("'", "")


def test_a_knob_is_dragged_and_one_drag_is_one_change(asked):
    for k in (30, 40, 60):
        asked("move", path=[], knob="end of warmup", k=k, y=0.2, tag="drag 1")
    assert asked.w.value == S.warmup_cosine(0.2, warmup=60, total=200)
    asked("move", path=[], knob="end", k=150, y=0.01, tag="drag 2")
    assert asked.w.payload["undo"] == 2
    assert asked("undo") == S.warmup_cosine(0.2, warmup=60, total=200)
    assert asked("undo") == S.warmup_cosine(0.1, warmup=20, total=200)
    assert asked("undo") == S.warmup_cosine(0.1, warmup=20, total=200)


def test_a_move_goes_as_far_as_the_row_allows_and_says_so(asked):
    new = asked("move", path=[], knob="end", k=180, y=-0.05)
    assert (new.hypers["total"], new.hypers["minimum"]) == (180, 0.0)
    assert "minimum=-0.05 is not allowed" in asked.said[0]


def test_schedules_are_composed_and_taken_apart(asked):
    joined = asked("then", path=[])
    assert joined.name == "join" and joined.hypers["boundaries"] == (200,)
    changed = asked("row", path=["parts", 1], row="exponential_decay")
    assert [p.name for p in changed.hypers["parts"]] == ["warmup_cosine", "exponential_decay"]
    assert asked("move", path=[], knob="boundary 1", k=120, y=None).hypers["boundaries"] == (120,)
    assert asked("scale", path=[]).name == "scale"
    assert asked("set", path=[], hyper="c", text="0.5").hypers["c"] == 0.5
    assert asked("plus", path=["part", "parts", 0])(10) == 0.5 * S.warmup_cosine(0.1, 20, 200)(10)
    assert asked("drop", path=["part", "parts", 0, "second"]).hypers["part"] == changed.with_(boundaries=[120])
    assert asked("drop", path=[]).name == "join"
    assert asked("drop", path=["parts", 1]) == S.warmup_cosine(0.1, warmup=20, total=200)
    assert asked("drop", path=[]) == S.warmup_cosine(0.1, warmup=20, total=200)
    assert "nothing would be left" in asked.said[0]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_any_row_can_be_chosen_by_name(asked, row):
    new = asked("row", path=[], row=row.name)
    assert new.row is row and asked.said == [] and row.name in [r["row"] for r in asked.w.options["rows"]]
    space = asked.w.functions()
    exec(asked.w.to_code(), space)
    assert [space["schedule"](k) for k in range(251)] == asked.w.payload["entries"][0]["values"]


def test_curves_are_added_named_copied_and_removed_from_the_front_end(asked):
    asked("add", row="step_decay")
    asked("name", text="stairs")
    asked("copy")
    assert list(asked.w.schedules) == ["warmup_cosine", "stairs", "stairs 2"] and asked.w.chosen == "stairs 2"
    asked("name", text="stairs")
    assert "not a free name" in asked.said[0]
    asked("remove")
    assert list(asked.w.schedules) == ["warmup_cosine", "stairs"] and asked.w.value.name == "step_decay"
    asked("steps", text="60")
    assert asked.w.axis == 60 == len(asked.w.payload["entries"][1]["values"]) - 1
    asked("steps", text="0")
    assert "steps=0 is not allowed" in asked.said[0] and asked.w.axis == 60


@pytest.mark.parametrize("message", [
    {"do": "format the disk"}, {"do": None}, {}, {"do": "set"}, {"do": "set", "hyper": "nobody", "text": "1"},
    {"do": "move"}, {"do": "move", "knob": "end", "k": "x", "y": 1}, {"do": "move", "knob": "end", "k": 1e400, "y": 1},
    {"do": "set", "path": ["parts", 3], "hyper": "base", "text": "1"}, {"do": "set", "path": 7, "hyper": "base"},
    {"do": "row", "row": "__class__"}, {"do": "row", "row": None}, {"do": "add", "row": ["x"]}, {"do": "steps"},
    {"do": "then", "path": [{}]}, {"do": "set", "name": "nobody"}, {"do": "set", "hyper": ["base"], "text": "1"},
    {"do": "set", "hyper": "base", "text": {"a": 1}}, {"do": "name", "text": ""}, {"do": "drop", "path": ["base"]},
    {"do": "set", "hyper": "base", "text": True}, {"do": "move", "knob": "end", "k": 5, "y": True},
], ids=str)  # fmt: skip
def test_a_message_that_means_nothing_changes_nothing(asked, message):
    before = asked.w.schedules
    asked.w._asked({"kind": "edit", "serial": 7, "name": "warmup_cosine", **message})
    assert asked.w.schedules == before and asked.w.payload["serial"] == 7 and asked.said


def test_a_function_that_fails_can_be_looked_at_composed_and_left():
    def broken(k):
        raise RuntimeError("no rate today")

    asked = Asked(S.custom(broken), steps=10)
    assert asked.w.payload["entries"][0]["values"] == [None] * 11
    assert "broken" in asked.w.to_code() and "no value at step 0: no rate today" in asked.w.to_text()
    asked.w.to_svg()
    assert asked("then", path=[]).hypers["parts"][1] == S.constant(0.1)
    assert asked("row", path=["parts", 0], row="cosine").hypers["parts"][0].hypers["base"] == 0.1


def test_the_cosine_of_the_lesson_is_read_off():
    text = ScheduleDesigner(S.cosine(1.0, total=100), steps=100).to_text()
    for k, rate in ((25, "0.853553"), (50, "0.5"), (75, "0.146447")):
        assert re.search(rf"^ *{k} +{rate}$", text, re.MULTILINE)


def test_other_messages_are_not_for_it(asked):
    payload = asked.w.payload
    for message in (None, 3, "x", {"kind": "open"}, []):
        asked.w._asked(message)
    assert asked.w.payload is payload


# -- pictures and words ------------------------------------------------------------------------
def test_the_twins_say_what_is_drawn():
    w = ScheduleDesigner({"a": S.cosine(0.1, total=40), "b": S.constant(0.05)}, state={"at": 20, "off": ["b"]})
    text = w.to_text()
    assert "a = cosine(base=0.1, total=40, minimum=0.0)" in text and "Step 20: a 0.05." in text and " b" not in text
    assert re.search(r"^ *20 +0\.05$", text, re.MULTILINE)
    assert w.to_svg().count('class="c0 ch"') == 1 and 'class="c1' not in w.to_svg()
    data, _ = w._repr_mimebundle_()
    assert data["image/svg+xml"] == w.to_svg() and data["text/plain"].startswith(repr(w))


def test_momentum_is_drawn_in_a_picture_of_its_own():
    w = ScheduleDesigner({"lr": S.one_cycle_lr(0.1, total=50), "m": S.one_cycle_momentum(total=50)})
    assert [e["unit"] for e in w.payload["entries"]] == ["lr", "momentum"]
    assert "not drawn here: m" in w.to_svg()
    w.set_state({"state": {"chosen": "m", "log": True}})
    assert "not drawn here: lr" in w.to_svg() and 'class="c1 ch"' in w.to_svg()
    everything_off = ScheduleDesigner(state={"off": ["warmup_cosine"]})
    ElementTree.fromstring(everything_off.to_svg())
    assert everything_off.to_text() and everything_off.plot().axes


def test_the_figure_has_a_line_for_every_curve():
    w = ScheduleDesigner({"a": S.cosine(0.1, total=40), "_b$": S.constant(0.05)}, state={"log": True})
    ax = w.plot().axes[0]
    assert [line.get_ydata()[3] for line in ax.lines] == [w.schedules["a"](3), 0.05]
    assert ax.get_yscale() == "log" and ax.get_ylabel() == "lr" and len(ax.get_legend().texts) == 2
    assert w.plot(ax) is ax.figure
    ax.figure.savefig(os.devnull, format="svg")


def test_the_page_holds_what_it_needs_and_no_list_of_rows(tmp_path):
    w = ScheduleDesigner({"a": S.cosine(0.1, total=40)})
    text = w.to_html(tmp_path / "p.html")
    assert (tmp_path / "p.html").read_text(encoding="utf-8") == text == w.to_html()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert "rows" not in data["options"] and data["payload"]["entries"][0]["values"] == w.value.values(51)
    assert len(text) < 120_000


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_hostile_names_stay_text(name):
    w = ScheduleDesigner({name: S.constant(0.1)}, steps=5, title=name)
    plain = ScheduleDesigner({"w": S.constant(0.1)}, steps=5, title="w")
    page = w.to_html()
    assert page.count("<script") == plain.to_html().count("<script") and page.count("<img") == 0
    assert {e.tag for e in ElementTree.fromstring(w.to_svg()).iter()} == {
        e.tag for e in ElementTree.fromstring(plain.to_svg()).iter()}
    assert "\n" not in repr(w) and len(w.chosen) <= 40
    exec(w.to_code(), {})


def test_it_is_offered_by_the_front_door():
    assert tl.widgets.ScheduleDesigner is ScheduleDesigner


def test_a_look_that_crossed_a_change_does_not_choose_another_curve():
    w = ScheduleDesigner({"a": S.cosine(0.1, total=100)}, steps=120)
    w.add("b", S.linear(0.1, total=100))
    old = dict(w.state)
    w.remove("b")
    w.add("c", S.cosine(0.2, total=50))
    w.set_state({"state": {**old, "log": True}})
    assert (w.chosen, w.value, w.state["log"]) == ("c", S.cosine(0.2, total=50), True)
