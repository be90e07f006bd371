"""The schedule designer in a real Chromium with Python behind it: this process answers, as a kernel would."""

from __future__ import annotations

import re

import pytest
from _designer_pages import KNOB, answered, chip, drag, written_live
from _waiting import until
from playwright.sync_api import expect

from torchlean_nb import schedules as S
from torchlean_nb.widgets import ScheduleDesigner


@pytest.fixture
def live(watch, tmp_path):
    """Opens a designer whose messages this process answers."""

    def start(w, width=724, **options):
        written_live(tmp_path / "live.html", w)
        page = watch(width=width, **options).page
        page.expose_function("kernel", answered(w))
        page.goto((tmp_path / "live.html").as_uri())
        page.wait_for_selector(".tl-sd-line")
        return page

    return start


def at_rest(page):
    """Wait until Python has answered everything."""
    page.wait_for_function("window.unanswered === 0")


def test_a_knob_is_dragged_and_the_schedule_follows(live):
    w = ScheduleDesigner(S.warmup_cosine(0.1, warmup=20, total=200), steps=200)
    page = live(w)
    line = page.locator(".tl-sd-main")
    before = line.get_attribute("d")
    drag(page, "end of warmup", 60, 40)
    at_rest(page)
    now = w.value.hypers
    assert 50 < now["warmup"] < 80 and 0.06 < now["base"] < 0.095 and now["total"] == 200
    expect(page.locator(".tl-sd-code")).to_contain_text(f"base={now['base']!r}, warmup={now['warmup']}, total=200")
    expect(page.get_by_label("warmup", exact=False).nth(1)).to_be_visible()
    assert line.get_attribute("d") != before
    knob = page.locator(KNOB.format("end of warmup"))
    expect(knob).to_have_attribute("aria-valuetext", re.compile(rf"^step {now['warmup']}, lr "))
    page.get_by_role("button", name="Undo").click()
    at_rest(page)
    assert w.value == S.warmup_cosine(0.1, warmup=20, total=200)
    expect(line).to_have_attribute("d", before)


def test_of_a_fast_drag_only_the_latest_place_waits(live):
    w = ScheduleDesigner(S.cosine(0.1, total=150), steps=200)
    page = live(w)
    drag(page, "end", -120, -30, moves=60)
    at_rest(page)
    assert w.value.hypers["total"] < 100
    assert page.evaluate("window.sent") <= 62
    assert w.payload["undo"] == 1


def test_arrow_keys_move_a_knob_and_do_not_reach_the_host(live):
    w = ScheduleDesigner(S.warmup_cosine(0.1, warmup=20, total=200), steps=200)
    page = live(w)
    page.evaluate("window.seen=[]; document.addEventListener('keydown', e => window.seen.push(e.key))")
    page.locator(KNOB.format("end of warmup")).focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        at_rest(page)
    assert w.value.hypers["warmup"] == 31 and w.value.hypers["base"] > 0.1
    assert page.evaluate("window.seen") == ["Shift"]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "end of warmup"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.value") == "31"


def test_typed_numbers_are_taken_or_refused_in_words(live):
    w = ScheduleDesigner(S.warmup_cosine(0.1, warmup=20, total=200), steps=200)
    page = live(w)
    field = page.locator(".tl-sd-field", has_text="warmup").locator("input[type=text]")
    field.fill("45")
    field.press("Enter")
    at_rest(page)
    assert w.value.hypers["warmup"] == 45
    field.fill("900")
    field.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("warmup must be < total, which is 200")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert w.value.hypers["warmup"] == 45
    field.fill("50")
    field.press("Enter")
    expect(page.locator(".tl-sd-refused")).to_be_hidden()
    at_rest(page)
    assert w.value.hypers["warmup"] == 50
    slider = page.get_by_label("base, slider")
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    at_rest(page)
    assert w.value.hypers["base"] < 0.1


def test_a_kind_is_chosen_and_parts_are_composed(live):
    w = ScheduleDesigner(S.cosine(0.1, total=100), steps=200)
    page = live(w)
    page.get_by_label("Kind of schedule").select_option("linear_warmup")
    at_rest(page)
    assert w.value.name == "linear_warmup"
    page.get_by_role("button", name="Then").click()
    at_rest(page)
    assert w.value.name == "join"
    page.get_by_role("button", name="constant").click()
    page.get_by_label("Kind of schedule").select_option("cosine")
    at_rest(page)
    assert w.value.hypers["parts"][1].name == "cosine"
    expect(page.locator(".tl-sd-parts button").last).to_have_attribute("aria-pressed", "true")
    boundary = w.value.hypers["boundaries"][0]
    page.locator(KNOB.format("boundary 1")).focus()
    page.keyboard.press("Shift+ArrowRight")
    at_rest(page)
    assert w.value.hypers["boundaries"] == (boundary + 10,)
    page.get_by_role("button", name="× c").click()
    at_rest(page)
    assert w.value.hypers["parts"][1].name == "scale"
    space = {}
    exec(page.locator(".tl-sd-code").inner_text(), space)
    assert space["schedule"] == w.value and space["schedule"].values(201) == w.value.values(201)
    page.get_by_role("button", name="join", exact=True).click()
    page.get_by_role("button", name="Remove", exact=True).click()
    at_rest(page)
    assert w.value.name == "linear_warmup"


def test_curves_are_added_named_chosen_and_removed(live):
    w = ScheduleDesigner({"a": S.cosine(0.1, total=100)}, steps=120)
    page = live(w)
    page.get_by_label("Add a curve").select_option("step_decay")
    at_rest(page)
    assert w.chosen == "step_decay"
    name = page.get_by_label("Name of the curve")
    name.fill("<b>stairs</b>")
    name.press("Enter")
    at_rest(page)
    assert list(w.schedules) == ["a", "<b>stairs</b>"]
    assert page.locator(".tl b b, .tl-sd-chips b b").count() == 0
    chip(page, "a").click()
    until(page, lambda: w.value == S.cosine(0.1, total=100))  # told when the hand rests
    page.get_by_role("button", name="Remove <b>stairs</b>").click()
    at_rest(page)
    assert list(w.schedules) == ["a"]
    page.get_by_label("Add a curve").select_option("a copy of this one")
    at_rest(page)
    assert list(w.schedules) == ["a", "a 2"] and w.chosen == "a 2"
    steps = page.get_by_label("steps", exact=True)
    steps.fill("60")
    steps.press("Enter")
    at_rest(page)
    assert w.axis == 60


def test_a_kernel_that_is_gone_is_said(live):
    w = ScheduleDesigner(S.cosine(0.1, total=100), steps=120)
    page = live(w)
    page.evaluate("() => { window.kernel = () => new Promise(() => {}); }")
    page.locator(KNOB.format("end")).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tl-narr")).to_contain_text("Python has not answered yet")


@pytest.mark.parametrize("big", [False, True], ids=["plain", "presentation"])
def test_the_knob_stays_under_the_pointer(live, big):
    w = ScheduleDesigner(S.cosine(0.1, total=150), steps=200, presentation=big)
    page = live(w, 960)
    shape = page.locator(KNOB.format("end")).locator("path")

    def middle():
        box = shape.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    x, y = middle()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 90, y - 50, steps=8)
    at_rest(page)
    assert w.value.hypers["total"] < 140 and w.value.hypers["minimum"] > 0
    there = middle()
    page.mouse.up()
    assert there == pytest.approx((x - 90, y - 50), abs=5)


def test_every_schedule_goes_through_the_edits_and_its_formula_stays_in_its_panel(live):
    first = S.cosine(0.1, total=100)
    w = ScheduleDesigner({"a": first}, steps=120)
    page = live(w, 350)
    undo, log = page.get_by_role("button", name="Undo"), page.get_by_label("log", exact=True)
    fits = """() => [...document.querySelectorAll('.tl-sd .tl-f:not([hidden])')].every(e =>
      e.scrollWidth <= e.clientWidth || parseFloat(getComputedStyle(e.firstElementChild).fontSize) <= 10.25)"""

    def back_to(made):
        undo.click()
        at_rest(page)
        assert w.value == made

    for name in [r.name for r in S.SCHEDULES.values() if r.builtin]:
        page.get_by_label("Add a curve").select_option(name)
        at_rest(page)
        assert len(w.schedules) == 2
        made = w.schedules[w.chosen]
        assert made.name == name
        expect(page.get_by_label("Kind of schedule")).to_have_value(name)
        for width in (740, 350):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(fits)  # after a resize a formula is set anew
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
        sliders = page.locator(".tl-sd-field input[type=range]")
        if sliders.count():
            sliders.first.press("PageUp" if sliders.first.input_value() == "0" else "PageDown")
            at_rest(page)
            if w.value != made:  # or the edit was refused
                back_to(made)
        page.get_by_role("button", name="Then").click()
        at_rest(page)
        assert w.value.name == "join"
        back_to(made)
        log.click()
        assert not re.search("NaN|Infinity", page.locator(".tl-sd-chart").inner_html()), name
        log.click()
        page.get_by_role("button", name=f"Remove {w.chosen}", exact=True).click()
        at_rest(page)
        assert list(w.schedules) == ["a"]
    assert w.value == first
