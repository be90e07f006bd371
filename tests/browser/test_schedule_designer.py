"""The schedule designer in a real Chromium, as a page on its own."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from _designer_pages import KNOB, chip, three
from playwright.sync_api import expect

from torchlean_nb import schedules as S
from torchlean_nb.widgets import ScheduleDesigner


@pytest.fixture
def alone(watch, tmp_path):
    """Opens the page that `to_html` writes."""

    def start(w, width=724, **options):
        w.to_html(tmp_path / "page.html")
        page = watch(tmp_path / "page.html", width, **options).page
        page.wait_for_selector(".tl-sd-line")
        return page

    return start


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


def test_a_long_name_ends_in_dots_before_the_edge(alone):
    page = alone(ScheduleDesigner(S.warmup_cosine(0.1, warmup=20, total=200), steps=200), 350)
    name, chart = page.locator(".tl-sd-ends text"), page.locator(".tl-sd-chart").bounding_box()
    box = name.bounding_box()
    assert name.text_content().endswith("…") and box["x"] + box["width"] <= chart["x"] + chart["width"]


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
