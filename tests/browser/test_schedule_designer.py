"""The schedule designer in a real Chromium: a page on its own, and one whose kernel is this process."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from torchlean_nb import schedules as S
from torchlean_nb.escape import json_for_script
from torchlean_nb.render.html import assets
from torchlean_nb.widgets import ScheduleDesigner

LIVE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>live</title>
<style>body{{margin:0;padding:12px;color-scheme:light dark;background:light-dark(#fff,#14171b)}}
{css}</style></head><body><div id="widget"></div>
<script type="module">{esm}
const data = {data}, heard = {{}};
const tell = (name, value) => (heard[name] || []).forEach((fn) => fn(value));
const take = (answer) => {{
  answer.said.forEach((m) => tell("msg:custom", m));
  const old = {{ ...data }};
  Object.assign(data, answer.traits);
  for (const name of ["state", "payload"])
    if (JSON.stringify(old[name]) !== JSON.stringify(data[name])) tell("change:" + name);
}};
const model = {{
  get: (k) => data[k],
  set: (k, v) => {{ data[k] = v; }},
  on: (name, fn) => (heard[name] = [...(heard[name] || []), fn]),
  off() {{}},
  save_changes: () => window.kernel({{ state: data.state }}).then(take),
  send: (m) => {{ window.sent = (window.sent || 0) + 1; return window.kernel({{ message: m }}).then(take); }},
}};
window.took = take;
widget.render({{ model, el: document.getElementById("widget") }});
</script></body></html>
"""
KNOB = '.tl-sd-knob[aria-label="{}"]'


@pytest.fixture
def live(watch, tmp_path):
    """Opens a designer whose messages this process answers, as a kernel would."""

    def start(w, width=724, **options):
        said = []
        w.send = said.append

        def kernel(call):
            if "state" in call:
                w.set_state({"state": call["state"]})
            if "message" in call:
                w._asked(call["message"])
            answer = {"said": list(said), "traits": {"payload": w.payload, "state": w.state}}
            said.clear()
            return answer

        data = {"kind": w.kind, "payload": w.payload, "options": w.options, "state": w.state, "step": 0}
        esm, css = assets(w.kind)
        file = tmp_path / "live.html"
        file.write_text(LIVE.format(css=css, esm=esm, data=json_for_script(data)), encoding="utf-8")
        seen = watch(width=width, **options)
        seen.page.expose_function("kernel", kernel)
        seen.page.goto(file.as_uri())
        seen.page.wait_for_selector(".tl-sd-line")
        return seen.page

    return start


@pytest.fixture
def alone(watch, tmp_path):
    """Opens the page that `to_html` writes."""

    def start(w, width=724, **options):
        w.to_html(tmp_path / "page.html")
        page = watch(tmp_path / "page.html", width, **options).page
        page.wait_for_selector(".tl-sd-line")
        return page

    return start


def drag(page, knob, dx, dy, moves=6):
    """Press a knob, move it in small steps, let go."""
    box = page.locator(KNOB.format(knob)).locator("path").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, moves + 1):
        page.mouse.move(x + dx * i / moves, y + dy * i / moves)
    page.mouse.up()


def chip(page, name):
    """The button of a curve."""
    return page.locator(".tl-sd-chip").filter(has=page.get_by_text(name, exact=True)).locator("button").first


def settled(page, w, check):
    """Wait until Python has taken everything in."""
    for _ in range(1000):
        if check():
            return
        page.wait_for_timeout(30)
    raise AssertionError(f"{w.value!r} after 30 s; {page.locator('.tl-narr').inner_text()}")


def three():
    parts = S.join([S.linear_warmup(0.08, 30), S.cosine(0.08, total=120)], [30])
    named = {"cosine": S.warmup_cosine(0.1, 20, 200), "step": S.step_decay(0.1, 60, gamma=0.5), "mine": parts}
    return ScheduleDesigner(named, steps=200, state={"at": 57})


# -- with Python behind it ---------------------------------------------------------------------
def test_a_knob_is_dragged_and_the_schedule_follows(live):
    w = ScheduleDesigner(S.warmup_cosine(0.1, warmup=20, total=200), steps=200)
    page = live(w)
    line = page.locator(".tl-sd-main")
    before = line.get_attribute("d")
    drag(page, "end of warmup", 60, 40)
    settled(page, w, lambda: w.value.hypers["warmup"] > 35)
    now = w.value.hypers
    assert 50 < now["warmup"] < 80 and 0.06 < now["base"] < 0.095 and now["total"] == 200
    expect(page.locator(".tl-sd-code")).to_contain_text(f"base={now['base']!r}, warmup={now['warmup']}, total=200")
    expect(page.get_by_label("warmup", exact=False).nth(1)).to_be_visible()
    assert line.get_attribute("d") != before
    knob = page.locator(KNOB.format("end of warmup"))
    expect(knob).to_have_attribute("aria-valuetext", re.compile(rf"^step {now['warmup']}, lr "))
    page.get_by_role("button", name="Undo").click()
    settled(page, w, lambda: w.value == S.warmup_cosine(0.1, warmup=20, total=200))
    expect(line).to_have_attribute("d", before)


def test_of_a_fast_drag_only_the_latest_place_waits(live):
    w = ScheduleDesigner(S.cosine(0.1, total=150), steps=200)
    page = live(w)
    drag(page, "end", -120, -30, moves=60)
    settled(page, w, lambda: w.value.hypers["total"] < 100)
    assert page.evaluate("window.sent") <= 62
    assert w.payload["undo"] == 1


def test_arrow_keys_move_a_knob_and_do_not_reach_the_host(live):
    w = ScheduleDesigner(S.warmup_cosine(0.1, warmup=20, total=200), steps=200)
    page = live(w)
    page.evaluate("window.seen=[]; document.addEventListener('keydown', e => window.seen.push(e.key))")
    page.locator(KNOB.format("end of warmup")).focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        page.wait_for_timeout(60)
    settled(page, w, lambda: w.value.hypers["warmup"] == 31 and w.value.hypers["base"] > 0.1)
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
    settled(page, w, lambda: w.value.hypers["warmup"] == 45)
    field.fill("900")
    field.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("warmup must be < total, which is 200")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert w.value.hypers["warmup"] == 45
    field.fill("50")
    field.press("Enter")
    expect(page.locator(".tl-sd-refused")).to_be_hidden()
    settled(page, w, lambda: w.value.hypers["warmup"] == 50)
    slider = page.get_by_label("base, slider")
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    settled(page, w, lambda: w.value.hypers["base"] < 0.1)


def test_a_kind_is_chosen_and_parts_are_composed(live):
    w = ScheduleDesigner(S.cosine(0.1, total=100), steps=200)
    page = live(w)
    page.get_by_label("Kind of schedule").select_option("linear_warmup")
    settled(page, w, lambda: w.value.name == "linear_warmup")
    page.get_by_role("button", name="Then").click()
    settled(page, w, lambda: w.value.name == "join")
    page.get_by_role("button", name="constant").click()
    page.get_by_label("Kind of schedule").select_option("cosine")
    settled(page, w, lambda: w.value.hypers["parts"][1].name == "cosine")
    expect(page.locator(".tl-sd-parts button").last).to_have_attribute("aria-pressed", "true")
    boundary = w.value.hypers["boundaries"][0]
    page.locator(KNOB.format("boundary 1")).focus()
    page.keyboard.press("Shift+ArrowRight")
    settled(page, w, lambda: w.value.hypers["boundaries"] == (boundary + 10,))
    page.get_by_role("button", name="× c").click()
    settled(page, w, lambda: w.value.hypers["parts"][1].name == "scale")
    space = {}
    exec(page.locator(".tl-sd-code").inner_text(), space)
    assert space["schedule"] == w.value and space["schedule"].values(201) == w.value.values(201)
    page.get_by_role("button", name="join", exact=True).click()
    page.get_by_role("button", name="Remove", exact=True).click()
    settled(page, w, lambda: w.value.name == "linear_warmup")


def test_curves_are_added_named_chosen_and_removed(live):
    w = ScheduleDesigner({"a": S.cosine(0.1, total=100)}, steps=120)
    page = live(w)
    page.get_by_label("Add a curve").select_option("step_decay")
    settled(page, w, lambda: w.chosen == "step_decay")
    name = page.get_by_label("Name of the curve")
    name.fill("<b>stairs</b>")
    name.press("Enter")
    settled(page, w, lambda: list(w.schedules) == ["a", "<b>stairs</b>"])
    assert page.locator(".tl b b, .tl-sd-chips b b").count() == 0
    chip(page, "a").click()
    settled(page, w, lambda: w.value == S.cosine(0.1, total=100))
    page.get_by_role("button", name="Remove <b>stairs</b>").click()
    settled(page, w, lambda: list(w.schedules) == ["a"])
    page.get_by_label("Add a curve").select_option("a copy of this one")
    settled(page, w, lambda: list(w.schedules) == ["a", "a 2"] and w.chosen == "a 2")
    steps = page.get_by_label("steps", exact=True)
    steps.fill("60")
    steps.press("Enter")
    settled(page, w, lambda: w.axis == 60)


def test_a_kernel_that_is_gone_is_said(live):
    w = ScheduleDesigner(S.cosine(0.1, total=100), steps=120)
    page = live(w)
    page.evaluate("() => { window.kernel = () => new Promise(() => {}); }")
    page.locator(KNOB.format("end")).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tl-narr")).to_contain_text("Python has not answered yet", timeout=8000)


# -- on its own --------------------------------------------------------------------------------
def test_without_a_kernel_it_scrubs_toggles_and_reads_out(alone):
    w = three()
    page = alone(w)
    said = page.locator(".tl-narr")
    expect(said).to_have_text("Step 57: cosine 0.089932, step 0.1, mine 0.070416.")
    page.locator(".tl").focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    expect(said).to_contain_text("Step 67:")
    page.keyboard.press("End")
    expect(said).to_contain_text("Step 200: cosine 0,")
    box = page.locator(".tl-sd-area").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 40)
    expect(said).to_contain_text("Step 100:")
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 40)
    expect(said).to_contain_text("Step 50:")
    page.mouse.move(5, 5)
    expect(said).to_contain_text("Step 100:")
    page.get_by_label("Show step").uncheck()
    expect(page.locator(".tl-sd-line")).to_have_count(2)
    expect(said).not_to_contain_text("step 0.")
    chip(page, "mine").click()
    expect(page.locator(".tl-sd-code")).to_contain_text("tl.schedules.join(")
    page.get_by_role("button", name="PyTorch").click()
    expect(page.locator(".tl-sd-code")).to_contain_text("LambdaLR")


def test_without_a_kernel_knobs_stand_still_and_say_why(alone):
    page = alone(three())
    expect(page.locator(".tl-sd-still")).to_have_text(
        "Knobs and fields need Python: run this in a notebook to change them."
    )
    knob = page.locator(KNOB.format("end of warmup"))
    expect(knob).to_have_attribute("aria-disabled", "true")
    assert knob.get_attribute("tabindex") is None
    assert page.locator(".tl-sd-field input:enabled, .tl-sd-field select:enabled").count() == 0


def test_a_log_axis_and_the_table(alone):
    page = alone(three())
    page.locator(".tl").focus()
    page.keyboard.press("l")
    expect(page.locator(".tl-sd-axes")).to_contain_text("lr, log")
    assert not re.search("NaN|Infinity", page.locator(".tl-sd-chart").inner_html())
    page.keyboard.press("t")
    rows = page.locator(".tl-sd-table tbody tr")
    expect(rows.first).to_contain_text("0")
    expect(page.locator(".tl-sd-table tr.tl-now td").first).to_have_text("57")
    assert rows.count() <= 40


@pytest.mark.parametrize("width", [350, 480, 700, 960])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_leaves_its_cell(alone, width, theme):
    page = alone(three(), width + 24, theme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width + 24
    cut = """() => [...document.querySelectorAll('.tl-sd button, .tl-sd-field label, .tl-sd-chart text')].filter(e => {
      const r = e.getBoundingClientRect(), all = document.querySelector('.tl').getBoundingClientRect();
      return r.width && (r.left < all.left - 1 || r.right > all.right + 1); }).map(e => e.textContent)"""
    assert page.evaluate(cut) == []
    small = """() => Math.min(...[...document.querySelectorAll('.tl-sd-chart text')].map(e => {
      const m = e.getScreenCTM(); return parseFloat(getComputedStyle(e).fontSize) * m.a; }))"""
    assert page.evaluate(small) >= 10.4, "type is laid out anew, not shrunk"


def test_the_labels_at_the_ends_do_not_overlap(alone):
    page = alone(three())
    tops = sorted(b["y"] for b in (t.bounding_box() for t in page.locator(".tl-sd-ends text").all()))
    assert all(b - a >= 11 for a, b in pairwise(tops))


def test_everything_has_a_name_for_the_screen_reader(alone):
    page = alone(three())
    area = page.locator(".tl-sd-area")
    expect(area).to_have_attribute("aria-valuenow", "57")
    expect(area).to_have_attribute("aria-valuetext", "Step 57: cosine 0.089932, step 0.1, mine 0.070416.")
    nameless = """() => [...document.querySelectorAll('.tl button, .tl input, .tl select')].filter(e =>
      !(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length))).length"""
    assert page.evaluate(nameless) == 0


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "\u202egnp"])
def test_a_hostile_name_stays_text(alone, name):
    page = alone(ScheduleDesigner({name: S.cosine(0.1, total=9)}, title=name))
    assert page.locator(".tl img, .tl script").count() == 0
    page.get_by_role("button", name="Table").click()
    assert page.locator(".tl img, .tl script").count() == 0


def test_the_exported_page_and_picture_are_those_on_the_screen(alone, tmp_path):
    page = alone(three())
    for item, check in (("HTML page", "<!doctype html>"), ("SVG", "<?xml"), ("JSON", '{"steps"')):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as got:
            page.get_by_role("menuitem", name=re.compile(item)).click()
        text = Path(got.value.path()).read_text(encoding="utf-8")
        assert text.startswith(check)
        page.keyboard.press("Escape")
    assert json.loads(text)["entries"][0]["name"] == "cosine"


def test_the_code_is_copied(alone):
    page = alone(three())
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name=re.compile("Copied|Selected"))).to_be_visible()


def test_a_state_from_elsewhere_may_say_anything(alone):
    for at in ("x", -5, 10**6, 3.5, None):
        page = alone(ScheduleDesigner(S.cosine(0.1, total=40), state={
            "at": at, "off": 3, "path": {"a": 1}, "chosen": ["x"], "tab": 7, "log": "yes"}))  # fmt: skip
        assert "NaN" not in page.locator(".tl").inner_text()


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
    settled(page, w, lambda: w.value.hypers["total"] < 140 and w.value.hypers["minimum"] > 0)
    page.wait_for_timeout(100)
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
        settled(page, w, lambda: w.value == made)

    def changed_from(made):
        settled(page, w, lambda: w.value != made)

    def moved_or_refused(made):
        settled(page, w, lambda: w.value != made or page.locator(".tl-sd-refused").inner_text())
        return w.value != made

    for name in [r.name for r in S.SCHEDULES.values() if r.builtin]:
        page.get_by_label("Add a curve").select_option(name)
        settled(page, w, lambda: len(w.schedules) == 2)
        made = w.schedules[w.chosen]
        assert made.name == name
        expect(page.get_by_label("Kind of schedule")).to_have_value(name)
        for width in (740, 350):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(fits, timeout=10_000)  # after a resize a formula is set anew
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
        sliders = page.locator(".tl-sd-field input[type=range]")
        if sliders.count():
            sliders.first.press("PageUp" if sliders.first.input_value() == "0" else "PageDown")
            if moved_or_refused(made):
                back_to(made)
        page.get_by_role("button", name="Then").click()
        changed_from(made)
        assert w.value.name == "join"
        back_to(made)
        log.click()
        assert not re.search("NaN|Infinity", page.locator(".tl-sd-chart").inner_html()), name
        log.click()
        page.get_by_role("button", name=f"Remove {w.chosen}", exact=True).click()
        settled(page, w, lambda: list(w.schedules) == ["a"])
    assert w.value == first
