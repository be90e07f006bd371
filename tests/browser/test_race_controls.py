"""The controls of the race arena in a real Chromium: what they send to Python, and what works without it."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from _arenas import CHECKS, SIX, answer, open_alone, open_live, payload, refuse, row, sent, typed
from playwright.sync_api import expect

import torchlean_nb as tl


@pytest.fixture
def live(watch, tmp_path):
    return partial(open_live, watch, tmp_path)


@pytest.fixture
def alone(watch, tmp_path):
    return partial(open_alone, watch, tmp_path)


def test_what_is_typed_into_a_field_is_sent(live):
    page = live()
    cases = [
        ("Start as x, y", "\u22121, 1.5", {"do": "start", "at": [-1, 1.5]}),
        ("Steps", "400", {"do": "steps", "text": "400"}),
        ("Target loss", "1e-3", {"do": "target", "text": "0.001"}),
        ("Target loss", "", {"do": "target", "text": ""}),
        ("Noise of the gradients, standard deviation", "0.5", {"do": "noise", "value": 0.5}),
        ("Seed", "7", {"do": "seed", "value": 7}),
    ]
    for i, (label, text, edit) in enumerate(cases):
        typed(page, label, text)
        assert sent(page)[i:] == [edit]
        answer(page)


def test_nonsense_is_refused_in_words_and_the_field_goes_back(live):
    page = live()
    noise = "Noise of the gradients, standard deviation"
    for label, text in [("Start as x, y", "here"), ("Target loss", "soon"), (noise, "-1"), ("Seed", "x")]:
        box = page.get_by_label(label, exact=True)
        before = box.input_value()
        typed(page, label, text)
        expect(page.get_by_role("alert").filter(has_text=f"\u201c{text}\u201d")).to_be_visible()
        expect(box).to_have_value(before)
    assert sent(page) == []


def test_the_three_resets_are_three_things(live):
    page = live()
    page.get_by_role("button", name="Rewind").click()
    expect(page.locator(".tl-count b")).to_have_text("0")
    assert sent(page) == []
    page.get_by_role("button", name="New seed").click()
    answer(page)
    page.get_by_role("button", name="Defaults").click()
    assert sent(page) == [{"do": "seed", "value": 1}, {"do": "defaults"}]
    titles = [page.get_by_role("button", name=n).get_attribute("title") for n in ("Rewind", "New seed", "Defaults")]
    assert len(set(titles)) == 3 and all(len(t) > 30 for t in titles)


def test_a_surface_is_chosen_and_a_formula_of_ones_own_is_sent_by_enter(live):
    page = live()
    choose = page.get_by_label("Surface", exact=True)
    choose.select_option("beale")
    assert sent(page) == [{"do": "surface", "name": "beale"}]
    answer(page)
    expect(choose).to_have_value("rosenbrock")  # the answer brought no other surface
    box = page.get_by_label("Formula in x and y")
    expect(box).to_be_hidden()
    choose.select_option("=")
    expect(box).to_be_focused()
    typed(page, "Formula in x and y", " x**2 + oops ")
    assert sent(page)[1:] == [{"do": "surface", "text": "x**2 + oops"}]
    refuse(page, "surface: there is no 'oops'")
    expect(page.locator(".tl-rc-own [role=alert]")).to_have_text("surface: there is no 'oops'")
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(box).to_have_value("x**2 + oops")
    expect(page.locator(".tl-ra-said")).to_be_hidden()
    typed(page, "Formula in x and y", "")
    expect(page.locator(".tl-rc-own [role=alert]")).to_be_hidden()


def test_the_numbers_of_a_surface_are_sliders_too(live):
    page = live("quadratic")
    slider = page.get_by_label("condition, slider")
    expect(slider).to_have_attribute("aria-valuetext", "100")
    slider.press("ArrowRight")
    assert sent(page) == [{"do": "number", "name": "condition", "value": 110}]
    answer(page)
    typed(page, "angle", "30")
    assert sent(page)[1:] == [{"do": "number", "name": "angle", "value": 30}]


def test_a_slider_moves_by_keys_in_round_ratios_and_its_number_follows_at_once(live):
    page = live()
    slider, box = page.get_by_label("SGD: lr, slider"), page.get_by_label("SGD: lr", exact=True)
    expect(box).to_have_value("0.0015")
    slider.press("ArrowRight")
    values = [float(box.input_value())]
    for _ in range(5):
        slider.press("ArrowRight")
        values.append(float(box.input_value()))
        assert slider.get_attribute("aria-valuetext") == box.input_value()
    ratios = np.divide(values[1:], values[:-1])
    assert ratios.min() > 1.02 and ratios.max() < 1.2
    # One edit is under way; of the others only the last one follows.
    assert sent(page) == [{"do": "hyper", "index": 0, "name": "lr", "value": values[0]}]
    answer(page)
    assert [m["value"] for m in sent(page)] == [values[0], values[-1]]
    expect(box).to_have_value(str(values[-1]))  # an answer to the first does not pull it back


def test_of_a_drag_only_the_latest_waits_and_a_refusal_brings_back_the_truth(live):
    page = live()
    slider, box = page.get_by_label("Adam: beta1, slider"), page.get_by_label("Adam: beta1", exact=True)
    at = slider.bounding_box()
    y = at["y"] + at["height"] / 2
    page.mouse.move(at["x"] + 52, y)
    page.mouse.down()
    for dx in range(50, 8, -3):
        page.mouse.move(at["x"] + dx, y)
    last = float(box.input_value())
    page.mouse.up()
    first = sent(page)
    assert len(first) == 1 and last < 0.4 < first[0]["value"]
    answer(page)
    assert [m["value"] for m in sent(page)][1:] == [last]
    refuse(page, "adam: beta1 is not to be had")
    expect(box).to_have_value("0.9")
    expect(page.get_by_role("alert").filter(has_text="not to be had")).to_be_visible()


def test_a_number_is_typed_and_what_is_none_goes_back(live):
    page = live()
    typed(page, "Momentum: lr", "2e\u22123")
    assert sent(page) == [{"do": "hyper", "index": 1, "name": "lr", "value": 0.002}]
    answer(page)
    box = typed(page, "Momentum: momentum", "much")
    expect(box).to_have_value("0.9")
    assert len(sent(page)) == 1


def test_more_opens_the_other_numbers_switches_and_choices(live):
    def add_choice(data):
        knobs = data["tracks"][0]["knobs"]
        knobs.append({"name": "pick", "symbol": "p", "kind": "choice", "value": None, "choices": [None, "a", "b"],
                      "low": 0, "high": 0, "log": False})  # fmt: skip

    page = live(change=add_choice)
    more = page.get_by_role("button", name="More of SGD")
    expect(more).to_have_attribute("aria-expanded", "false")
    more.press("Enter")
    expect(more).to_have_attribute("aria-expanded", "true")
    page.get_by_label("SGD: nesterov").check()
    answer(page)
    page.get_by_label("SGD: pick").select_option("a")
    answer(page)
    page.get_by_label("SGD: weight_decay, slider").press("ArrowRight")
    *before, last = [(m["name"], m["value"]) for m in sent(page)]
    assert before == [("nesterov", True), ("pick", "a")]
    assert last[0] == "weight_decay" and 0 < last[1] <= 0.01
    more.click()
    expect(page.get_by_label("SGD: nesterov")).to_be_hidden()


def test_a_contender_is_chosen_switched_off_and_removed(live):
    page = live()
    row(page, 4).get_by_role("button", name="Adam", exact=True).click()
    expect(row(page, 4)).to_have_attribute("aria-current", "true")
    expect(row(page, 1)).to_have_attribute("aria-current", "false")
    page.get_by_label("RMSprop on").press("Space")
    expect(page.get_by_label("RMSprop on")).not_to_be_checked()
    expect(row(page, 3)).to_have_class("tl-rc-off")
    assert sent(page) == []
    page.get_by_role("button", name="Remove Nesterov").click()
    assert sent(page) == [{"do": "remove", "index": 2}]
    left = payload()["tracks"][:2] + payload()["tracks"][3:]
    answer(page, payload=payload() | {"tracks": left})
    expect(row(page, 2).get_by_role("button", name="RMSprop", exact=True)).to_be_focused()
    expect(page.locator(".tl-rc-table tbody tr:not(.tl-rc-more)")).to_have_count(5)


@pytest.mark.parametrize("how", ["double click", "Enter", "F2"])
def test_a_contender_is_renamed(live, how):
    page = live()
    name = row(page, 1).get_by_role("button", name="Momentum", exact=True)
    name.dblclick() if how == "double click" else name.press(how)
    box = page.get_by_label("New name of Momentum")
    expect(box).to_be_focused()
    box.press("Escape")
    expect(name).to_be_focused()
    name.dblclick() if how == "double click" else name.press(how)
    box.fill("<b>heavy</b>")
    box.press("Enter")
    assert sent(page) == [{"do": "rename", "index": 1, "name": "<b>heavy</b>"}]


def test_names_that_users_typed_stay_text(live):
    evil = '<img src=x onerror="window.hit=1">'

    def rename(data):
        data["tracks"][1]["name"] = data["surface"]["label"] = evil
        data["surface"]["text"] = data["tracks"][1]["status"] = evil
        data["unequal"] = [evil]
        data["equal"] = [evil]

    page = live(change=rename, state={"table": True})
    page.get_by_role("button", name=f"More of {evil}").click()
    expect(row(page, 1)).to_contain_text(evil)
    expect(page.locator(".tl-rc-twin caption").first).to_contain_text(evil)
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hit") is None


def test_a_contender_is_added_from_a_list_that_is_searched(live):
    page = live()
    add = page.get_by_role("button", name="+ Add")
    add.press("Enter")
    search = page.get_by_role("combobox", name="Search the rules")
    expect(search).to_be_focused()
    search.press("Escape")
    expect(search).to_be_hidden()
    expect(add).to_be_focused()
    add.click()
    search.type("adam")
    options = page.get_by_role("listbox", name="Rules").get_by_role("option")
    expect(options).to_have_count(3)
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    search.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    search.press("Enter")
    assert sent(page) == [{"do": "add", "rule": "adamw"}]
    expect(search).to_be_hidden()
    answer(page)
    add.click()
    options.filter(has_text="NAdam").click()
    assert sent(page)[1:] == [{"do": "add", "rule": "nadam"}]
    add.click()
    search.fill("nobody")
    search.press("Enter")
    expect(page.get_by_text("No rule of this name")).to_be_visible()
    assert len(sent(page)) == 2


def test_the_padlock_lists_what_is_equal_and_the_badge_what_is_not(live):
    page = live(change=lambda data: data.update(unequal=["one", "two"]))
    equal = page.get_by_role("list", name="Equal for all contenders")
    expect(equal.get_by_role("listitem")).to_have_text(payload()["equal"])
    badge = page.locator(".tl-rc-warn")
    expect(badge).to_have_text("not equal: one; two")
    answer_of = payload() | {"equal": [], "unequal": [f"u{i}" for i in range(9)]}
    page.get_by_role("button", name="Defaults").click()
    answer(page, payload=answer_of)
    expect(page.locator(".tl-rc-lock")).to_contain_text("nothing is equal")
    expect(badge).to_contain_text("not equal: u0; u1; u2")
    badge.get_by_role("button", name="and 6 more").click()
    expect(badge).to_have_text("not equal: u0; u1; u2; u3; u4; u5; u6; u7; u8")


def test_the_table_twin_says_where_everyone_is(alone):
    page = alone(state={"step": 0})
    page.locator(".tl").focus()
    page.keyboard.press("t")
    first, second = page.locator(".tl-rc-twin table").all()
    expect(first.locator("caption")).to_have_text("At step 0 on Rosenbrock")
    expect(first.get_by_role("rowheader")).to_have_text(["SGD", "Momentum", "Nesterov", "RMSprop", "Adam", "L-BFGS"])
    cells = first.get_by_role("row").nth(5).get_by_role("cell").all_inner_texts()
    assert cells[:4] == ["\u22121.500", "2.000", "12.5", "2.69"]
    page.locator(".tl").focus()
    page.keyboard.press("End")
    expect(first.locator("caption")).to_have_text("At step 60 on Rosenbrock")
    steps = second.locator("th[scope=rowgroup]").all_inner_texts()
    assert steps[0] == "0" and steps[-1] == "60" and 10 <= len(steps) <= 15
    page.get_by_label("Adam on").uncheck()
    expect(first.get_by_role("rowheader")).to_have_count(5)
    assert page.evaluate("[...document.querySelectorAll('.tl-rc-twin th')].every((t) => t.scope)")
    page.get_by_role("button", name="Map", exact=True).click()
    expect(page.locator(".tl-rc-twin")).to_be_hidden()


def test_without_python_fields_are_shown_but_still_and_one_sentence_says_so(alone):
    page = alone()
    expect(page.get_by_text("Grey fields need Python")).to_be_visible()
    for label in ("Surface", "Start as x, y", "Steps", "Seed", "SGD: lr", "SGD: lr, slider", "a, slider"):
        expect(page.get_by_label(label, exact=True)).to_be_disabled()
    for name in ("New seed", "Defaults"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    for name in ("+ Add", "Remove SGD"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.get_by_role("button", name="Rewind").click()
    expect(page.locator(".tl-count b")).to_have_text("0")
    page.get_by_role("button", name="Rates").click()
    expect(page.locator(".tl-rc-rates")).to_be_visible()
    page.get_by_role("button", name="More of SGD").click()
    expect(page.get_by_label("SGD: nesterov")).to_be_disabled()
    page.get_by_label("Adam on").press("Space")
    expect(page.get_by_label("Adam on")).not_to_be_checked()


def test_without_python_another_target_is_looked_up_in_the_losses(alone):
    page = alone()
    reach = row(page, 1).locator(".tl-rc-reach")
    expect(reach).to_have_text("not in 60")
    trace = tl.race(SIX, on="rosenbrock", start=(-1.5, 2.0), steps=60)
    typed(page, "Target loss", "5")
    for i, found in enumerate(trace.steps_to(5.0).values()):
        expect(row(page, i).locator(".tl-rc-reach")).to_have_text(str(found[0]) if found[0] >= 0 else "not in 60")
    typed(page, "Target loss", "")
    expect(reach).to_have_text("no target")


def test_the_whole_state_is_copied_and_pasted_back(alone):
    page = alone()
    page.get_by_role("button", name="Export").click()
    page.get_by_role("menuitem", name="State: copy or paste").click()
    text = page.get_by_label("State as JSON")
    expect(text).to_be_focused()
    state = json.loads(text.input_value())
    assert (state["step"], state["chosen"], state["view"]) == (30, 1, "map")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator(".tl-rc-state [role=status]")).to_contain_text("opied")
    text.fill(json.dumps(state | {"step": 12, "chosen": 4, "off": ["SGD"], "race": {"surface": {"name": "beale"}}}))
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".tl-rc-state [role=status]")).to_contain_text("takes Python")
    expect(page.locator(".tl-count b")).to_have_text("12")
    expect(row(page, 4)).to_have_attribute("aria-current", "true")
    expect(page.get_by_label("SGD on")).not_to_be_checked()
    text.fill("{")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".tl-rc-state [role=status]")).to_contain_text("not JSON")
    text.press("Escape")
    expect(text).to_be_hidden()


def test_the_race_of_a_pasted_state_is_asked_for(live):
    page = live()
    page.get_by_role("button", name="Export").click()
    page.get_by_role("menuitem", name="State: copy or paste").click()
    race = {"surface": {"name": "beale"}, "steps": 50}
    page.get_by_label("State as JSON").fill(json.dumps({"step": 9, "race": race}))
    page.get_by_role("button", name="Apply").click()
    assert sent(page) == [{"do": "race", "race": race}]
    expect(page.locator(".tl-count b")).to_have_text("9")
    expect(page.locator(".tl-rc-state [role=status]")).to_contain_text("Python is asked for the race")


@pytest.mark.parametrize("width", [724, 480, 362])
def test_everything_fits_has_a_name_and_is_large_enough_to_hit(live, width):
    page = live("quadratic", width=width)
    for more in page.get_by_role("button", name="More of").all():
        more.click()
    for view in ("Map", "Rates", "Table"):
        page.get_by_role("button", name=view, exact=True).click()
        found = page.evaluate(CHECKS)
        assert found.pop("count") > 40
        assert found == {"page": width, "nameless": [], "small": [], "wide": []}


def test_a_long_table_scrolls_inside_under_its_head(live):
    page = live("many")
    table = page.locator(".tl-rc-table")
    assert table.evaluate("(e) => e.scrollHeight > e.clientHeight + 20 && e.clientHeight < 400")
    head = page.get_by_role("columnheader", name="best loss")
    before = head.bounding_box()["y"]
    table.evaluate("(e) => e.scrollTo(0, 90)")
    assert abs(head.bounding_box()["y"] - before) < 1


def test_moving_through_the_steps_leaves_the_controls_alone(live):
    page = live()
    page.evaluate("window.boxes = [...document.querySelectorAll('.tl-rc-table input, .tl-rc-bar input')]")
    page.locator(".tl").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("window.boxes.every((b) => b.isConnected)")
    assert sent(page) == []
