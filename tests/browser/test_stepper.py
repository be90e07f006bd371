"""The graph stepper on a page of its own, in a real Chromium: stepping, the drawing, and the panel beside it."""

from __future__ import annotations

import re

import pytest
from _graph_pages import at, count, written
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return written(tmp_path_factory.mktemp("pages"), "stepper", "mixed", "opened", "folded")


@pytest.fixture
def stepper(watch, pages):
    """The stepper at step 0."""
    return watch(pages / "stepper.html").page


# -- stepping ----------------------------------------------------------------------------------
def test_buttons_step_and_are_idempotent(stepper):
    stepper.get_by_role("button", name="Step (Right)").click()
    at(stepper, 1)
    stepper.get_by_role("button", name="Last (End)").click()
    stepper.get_by_role("button", name="Last (End)").click()
    at(stepper, 20)
    stepper.get_by_role("button", name="Step back (Left)").click()
    at(stepper, 19)
    stepper.get_by_role("button", name="First (Home)").click()
    at(stepper, 0)
    assert count(stepper) == "step 0 of 20"


def test_the_slider_scrubs(stepper):
    stepper.get_by_role("slider", name="Step").fill("16")
    at(stepper, 16)
    assert stepper.locator(".tl-scene .tl-node.now").get_attribute("data-node") == "4"
    assert stepper.locator(".tl-scene .tl-node.sender").get_attribute("data-node") == "6"


def test_keys_step_only_with_the_focus(stepper):
    stepper.keyboard.press("ArrowRight")
    at(stepper, 0)
    stepper.locator(".tl").focus()
    pressed = "ArrowRight ArrowRight ArrowLeft End Home End r".split()
    for key, step in zip(pressed, (1, 2, 1, 20, 0, 20, 0), strict=True):
        stepper.keyboard.press(key)
        at(stepper, step)


def test_handled_keys_do_not_reach_the_host(stepper):
    stepper.evaluate("window.seen=[]; document.addEventListener('keydown', e => window.seen.push(e.key))")
    stepper.locator(".tl").focus()
    for key in ("ArrowRight", "End", "t", "t", "?", "x", "Shift+Enter", "Control+ArrowRight"):
        stepper.keyboard.press(key)
    assert stepper.evaluate("window.seen") == ["x", "Shift", "Enter", "Control", "ArrowRight"]


def test_play_runs_to_the_end_and_pressing_it_twice_stops(stepper):
    stepper.get_by_role("button", name="Play", exact=True).click()
    expect(stepper.locator(".tl-narr")).to_have_attribute("aria-live", "off")
    stepper.wait_for_function("+document.querySelector('.tl').dataset.step >= 1")
    stepper.get_by_role("button", name="Pause", exact=True).click()
    k = stepper.locator(".tl").get_attribute("data-step")
    stepper.wait_for_timeout(500)
    at(stepper, k)
    expect(stepper.locator(".tl-narr")).to_have_attribute("aria-live", "polite")
    stepper.get_by_role("combobox", name="Speed").select_option("4")
    stepper.get_by_role("slider", name="Step").fill("19")
    stepper.get_by_role("button", name="Play", exact=True).click()
    at(stepper, 20)
    expect(stepper.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_only_what_has_happened_is_seen(stepper):
    shown = "() => [...document.querySelectorAll('.tl-scene .bwd')].filter(e => e.style.display !== 'none').length"
    assert stepper.evaluate(shown) == 0
    stepper.get_by_role("slider", name="Step").fill("12")
    assert stepper.evaluate(shown) == 1
    stepper.get_by_role("slider", name="Step").fill("20")
    assert stepper.evaluate(shown) == 9


def test_a_step_changes_the_drawing_and_does_not_replace_it(stepper):
    stepper.evaluate("document.querySelectorAll('.tl-scene *').forEach(e => e.kept = true)")
    stepper.get_by_role("slider", name="Step").fill("20")
    assert stepper.evaluate("[...document.querySelectorAll('.tl-scene *')].every(e => e.kept)")


# -- the panel ---------------------------------------------------------------------------------
def test_two_contributions_visibly_add(stepper):
    stepper.get_by_role("slider", name="Step").fill("17")
    panel = stepper.locator(".tl-panel")
    expect(panel).to_contain_text("W2receives from z")
    expect(panel.locator("math").first).to_contain_text("W2+=")
    products = "(−0.042)·0.125 + 0.707·(−0.0825) + (−0.377)·(−0.145) + 0.482·0.156"
    expect(panel).to_contain_text(f"[0, 1]: {products} = 0.06654")
    rows = panel.locator(".tl-book tbody tr")
    assert [re.sub(r"\s+", " ", r).strip() for r in rows.last.all_inner_texts()] == ["= gradient ✓ 2 of 2 in 0.188"]


@pytest.mark.parametrize("width", [740, 480])
def test_nothing_in_the_panel_overlaps_or_is_cut(watch, pages, width):
    page = watch(pages / "mixed.html", width).page
    slider = page.get_by_role("slider", name="Step")
    boxes = """() => [...document.querySelectorAll('.tl-three .tl-map:not([hidden]) .tl-lab')].map(e => {
        const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })"""
    cut = """() => [...document.querySelectorAll('.tl-factor math')].filter(m => {
        const m_ = m.getBoundingClientRect(), c = m.closest('td').getBoundingClientRect();
        return m_.left < c.left || (m_.right > c.right && m.parentElement.scrollWidth <= m.parentElement.clientWidth);
    }).length"""
    seen = 0
    for step in range(int(slider.get_attribute("max")) + 1):
        slider.fill(str(step))
        found = page.evaluate(boxes)
        seen += len(found)
        for i, (l1, t1, r1, b1) in enumerate(found):
            assert not any(l1 < r2 and l2 < r1 and t1 < b2 and t2 < b1 for l2, t2, r2, b2 in found[:i]), step
        assert page.evaluate(cut) == 0, step
    assert seen > 20


def test_an_elementwise_op_is_said_with_the_numbers_of_the_entry(watch, pages):
    page = watch(pages / "opened.html").page
    page.get_by_role("slider", name="Step").fill("6")
    line = page.locator(".tl-panel .tl-num").first
    expect(line).to_have_text("[0, 2]: (−1) − 2 = −3")
    page.get_by_role("gridcell", name="−0.80").click()
    expect(line).to_have_text("[1, 1]: (−0.3) − 0.5 = −0.8")
    page.get_by_role("slider", name="Step").fill("4")
    expect(line).to_be_hidden()


def test_the_entry_is_chosen_with_arrows_inside_a_map(stepper):
    stepper.get_by_role("slider", name="Step").fill("17")
    stepper.get_by_role("gridcell", name="0.07", exact=True).click()
    grid = stepper.get_by_role("grid", name="so far")
    grid.focus()
    stepper.keyboard.press("ArrowDown")
    stepper.keyboard.press("ArrowDown")
    at(stepper, 17)
    expect(stepper.locator(".tl-book .tl-lab")).to_have_text("Ledger of W2[2, 1]")
    assert stepper.evaluate("document.activeElement.className").startswith("tl-heat"), "the focus stays in the map"


def test_a_click_pins_a_node_and_escape_lets_go(stepper):
    stepper.get_by_role("slider", name="Step").fill("20")
    stepper.locator(".tl-scene [data-node='5'] text").first.click()
    head = stepper.locator(".tl-panel .tl-h2")
    expect(head).to_have_text("W2")
    stepper.locator(".tl").press("ArrowLeft")
    expect(head).to_have_text("W2")
    stepper.keyboard.press("Escape")
    expect(head).to_have_text("W1")


def test_hovering_lights_the_path(stepper):
    stepper.get_by_role("slider", name="Step").fill("20")
    stepper.locator(".tl-scene [data-node='4'] text").first.hover()
    lit = stepper.evaluate("[...document.querySelectorAll('.tl-node.lit')].map(e => +e.dataset.node)")
    assert sorted(lit) == [4, 6, 7, 9]


def test_a_page_without_a_kernel_says_that_a_box_needs_one(watch, pages):
    page = watch(pages / "folded.html").page
    box = page.locator(".tl-scene .fold").first
    says = "needs a running kernel"
    box.dblclick()
    expect(page.locator(".tl-narr")).to_contain_text(says)
    page.get_by_role("slider", name="Step").fill("3")
    expect(page.locator(".tl-head .tl-meta")).to_have_text("4 nodes in one box")
    expect(page.locator(".tl-narr")).not_to_contain_text(says)
    page.evaluate("window.seen=[]; document.addEventListener('keydown', e => window.seen.push(e.key))")
    box.focus()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".tl-narr")).to_contain_text(says)
    page.locator(".tl-scene .tl-node:not(.fold)").first.focus()
    page.keyboard.press("Shift+Enter")
    assert page.evaluate("window.seen") == ["Shift", "Shift", "Enter"], "where nothing opens the notebook gets the key"


def test_search_finds_and_pins(stepper):
    stepper.locator(".tl").focus()
    stepper.keyboard.press("/")
    stepper.get_by_role("searchbox", name="Search nodes").fill("cross")
    stepper.keyboard.press("Enter")
    expect(stepper.locator(".tl-panel .tl-h2")).to_have_text("ce")
    stepper.keyboard.press("g")
    expect(stepper.locator(".tl-scene")).to_have_class(re.compile("no-grad"))


def test_a_stepper_that_is_made_where_nothing_is_shown_does_not_ask_where_it_lies(watch, pages, tmp_path):
    # As Firefox does, where Chromium gives a box of zeros.
    firefox = """<style id="hides">svg { display: none !important }</style><script>
        const box = SVGGraphicsElement.prototype.getBBox;
        SVGGraphicsElement.prototype.getBBox = function () {
            if (!this.getClientRects().length) throw new DOMException("NS_ERROR_FAILURE");
            return box.call(this);
        };</script>"""
    hidden = tmp_path / "hidden.html"
    text = (pages / "stepper.html").read_text(encoding="utf-8")
    hidden.write_text(text.replace("<head>", f"<head>{firefox}", 1), encoding="utf-8")
    page = watch(hidden).page
    page.evaluate("document.getElementById('hides').remove()")
    page.get_by_role("button", name="Step (Right)").click()
    at(page, 1)
