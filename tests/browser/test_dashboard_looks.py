"""TrainingDashboard in a real Chromium: widths, contrast, focus, and names and states that may be anything."""

from __future__ import annotations

import re

import _dashboards
import pytest
from _dashboard_pages import PAGES, two, widget, written
from playwright.sync_api import expect

from torchlean_nb.render.dashboard import html
from torchlean_nb.trace.run import RunTrace, Series

OVERFLOW = "() => [document.documentElement.scrollWidth, innerWidth]"
SMALLEST = "() => Math.min(...[...document.querySelectorAll('.tl-td text, .tl-td span, .tl-td b, .tl-td button')]" \
           ".filter(e => e.textContent && e.checkVisibility()).map(e => parseFloat(getComputedStyle(e).fontSize)))"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return written(tmp_path_factory.mktemp("dashboard"), *PAGES)


@pytest.fixture
def one(watch, pages):
    return watch(pages / "one.html").page


@pytest.mark.parametrize("width", [350, 480, 724, 1100])
@pytest.mark.parametrize("name", ["one", "two", "diverged", "single", "many", "hostile"])
def test_nothing_is_wider_than_its_cell_or_too_small(watch, pages, name, width):
    page = watch(pages / f"{name}.html", width).page
    wide, inner = page.evaluate(OVERFLOW)
    assert wide <= inner
    assert page.evaluate(SMALLEST) >= 10.5
    for svg in page.locator(".tl-td-grid .tl-td-svg").all():
        drawn, box = svg.get_attribute("viewBox").split(), svg.bounding_box()
        assert abs(float(drawn[2]) - box["width"]) <= 1.5, "a chart is drawn at its own size, never scaled"


@pytest.mark.parametrize("name", ["one", "two"])
def test_it_fits_a_cell(watch, pages, name):
    assert 300 < watch(pages / f"{name}.html").page.locator(".tl").bounding_box()["height"] <= 650


def test_presentation_is_larger_and_still_fits(watch, pages):
    page = watch(pages / "present.html", 1100).page
    wide, inner = page.evaluate(OVERFLOW)
    assert wide <= inner
    assert page.locator(".tl-td-head b").first.bounding_box()["height"] > 18


def test_a_run_without_anything_says_so(watch, pages):
    page = watch(pages / "nothing.html").page
    expect(page.locator(".tl-stage")).to_have_text("Nothing was recorded.")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast(watch, pages, theme):
    page = watch(pages / "two.html", 724, theme).page
    kinds = [".tl-td-head b", ".tl-td-sub", ".tl-td-at", ".tl-td-chip .tl-meta", ".tl-narr", ".tl-count",
             ".tl-td-track b", ".tl-td-axes text", ".tl-td-ends text", ".tl-td-gi", ".tl-td-name"]  # fmt: skip
    found = page.evaluate("""(kinds) => kinds.map(q => {
        const e = document.querySelector(q), look = getComputedStyle(e); let b = e.parentElement;
        while (b && /rgba\\(0, 0, 0, 0|transparent/.test(getComputedStyle(b).backgroundColor)) b = b.parentElement;
        const ink = e instanceof SVGElement ? look.fill : look.color;
        return [q, ink, getComputedStyle(b).backgroundColor]; })""", kinds)
    for kind, ink, ground in found:
        light = sorted(map(luminance, (ink, ground)))
        assert (light[1] + 0.05) / (light[0] + 0.05) >= 4.5, (kind, ink, ground)


def luminance(colour):
    channels = [float(v) for v in re.findall(r"[\d.]+", colour)][:3]
    scale = 1 if "srgb" in colour else 255
    lin = [c / scale / 12.92 if c / scale <= 0.03928 else ((c / scale + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]


def test_focus_is_visible_on_every_control(one):
    seen = set()
    for _ in range(24):
        one.keyboard.press("Tab")
        look = one.evaluate("""() => { const e = document.activeElement, s = getComputedStyle(e);
            if (e === document.body) return [];
            return [e.getAttribute('aria-label') || e.textContent, s.outlineStyle, s.outlineWidth]; }""")
        if look:
            seen.add(look[0])
            assert look[1] == "solid" and look[2] == "2px", look
    assert {"Step", "Smoothing", "Series of this chart", "What the histogram is of"} <= seen


def test_a_hostile_name_is_text(watch, pages):
    page = watch(pages / "hostile.html").page
    assert page.locator("img").count() == 0
    expect(page.locator(".tl-td-name").first).to_contain_text("<img src=x")
    widget(page).focus()
    page.keyboard.press("t")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString", "val_", "val_val_loss", "/", "a/b"])
def test_names_that_mean_something_to_javascript_are_names(watch, tmp_path, name):
    k = [0, 1, 2]
    series = [Series("loss", k, [3, 2, 1]), Series(name, k, [1, 2, 3]), Series("dead/" + name, k, [0, 0, 1])]
    with_it = RunTrace(name, series)
    html([with_it, _dashboards.run(), RunTrace(name)], tmp_path / "odd.html", metric=name)
    page = watch(tmp_path / "odd.html").page
    for key in ("t", "Home", "ArrowRight", "t", "2", "3", "ArrowDown", "1", "l"):
        widget(page).press(key)
    expect(page.locator(".tl-err")).to_be_hidden()
    expect(page.locator(".tl-narr")).to_contain_text("Step")


ODD = [{"at": "x"}, {"at": -5}, {"off": 3}, {"off": ["adam", "sgd"]}, {"smooth": "a"}, {"smooth": 99}, {"log": 7},
       {"metric": []}, {"chosen": 1}, {"layer": {}}, {"what": "__proto__"}, {"speed": "fast"}]  # fmt: skip


@pytest.mark.parametrize("state", ODD, ids=str)
def test_a_state_from_elsewhere_does_no_harm(watch, tmp_path, state):
    html(two(), tmp_path / "odd.html", **state)
    page = watch(tmp_path / "odd.html").page
    for key in ("Home", "ArrowRight", "t", "t", "l"):
        widget(page).press(key)
    expect(page.locator(".tl-err")).to_be_hidden()
    expect(page.locator(".tl-narr")).to_contain_text("Step 1")
