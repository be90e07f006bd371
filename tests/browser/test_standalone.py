"""Self-contained pages in a real Chromium: mouse, keys, screen-reader names, themes, widths."""

from __future__ import annotations

import json
import re

import _traces
import pytest
from playwright.sync_api import expect

import torchlean_nb as tl
from torchlean_nb.render.html import html
from torchlean_nb.trace.graph import GraphTrace
from torchlean_nb.widgets import GradientLedger, TapeTable, TensorView


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """One page per widget."""
    import numpy as np

    folder = tmp_path_factory.mktemp("pages")
    html(_traces.two_layers(), folder / "stepper.html", step=0)
    html(_traces.scalar(), folder / "predict.html", step=4, predict=True)
    html(_traces.deep(40), folder / "deep.html", step=1)
    html(_traces.deep(100), folder / "folded.html", step=1)
    s = tl.Session()
    z = s.param([[1.0, 2.0, -1.0], [0.5, -0.3, 0.2]], name="z")
    html(s.trace(tl.cross_entropy(z, np.array([0, 1])), inside="all"), folder / "opened.html")
    w = s.param([[0.3, -0.2, 0.5], [0.1, 0.4, -0.6]], name="w")
    mixed = tl.cross_entropy(tl.linear(tl.tanh(z), w), np.array([0, 1])) + tl.mse_loss(tl.softmax(z @ w.T), np.eye(2))
    html(s.trace(mixed, inside="all"), folder / "mixed.html")
    html(_traces.named("<img src=x onerror=alert(1)>"), folder / "hostile.html")
    html(_traces.two_layers(), folder / "present.html", presentation=True)
    TapeTable(_traces.two_layers()).to_html(folder / "tape.html")
    GradientLedger(_traces.two_layers(), "W2").to_html(folder / "ledger.html")
    TensorView(np.random.default_rng(0).normal(size=(3, 20, 14)), "t").to_html(folder / "tensor.html")
    return folder


@pytest.fixture
def stepper(watch, pages):
    """The stepper at step 0."""
    return watch(pages / "stepper.html").page


def at(page, k):
    expect(page.locator(".tl")).to_have_attribute("data-step", str(k))


def count(page):
    return page.locator(".tl-count").inner_text()


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
    stepper.get_by_role("combobox", name="Speed").select_option("4")
    stepper.get_by_role("button", name="Play", exact=True).click()
    expect(stepper.locator(".tl-narr")).to_have_attribute("aria-live", "off")
    stepper.wait_for_function("+document.querySelector('.tl').dataset.step >= 2")
    stepper.get_by_role("button", name="Pause", exact=True).click()
    k = stepper.locator(".tl").get_attribute("data-step")
    stepper.wait_for_timeout(500)
    at(stepper, k)
    expect(stepper.locator(".tl-narr")).to_have_attribute("aria-live", "polite")
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


# -- predictions -------------------------------------------------------------------------------
def test_the_number_is_hidden_until_something_is_said(watch, pages):
    page = watch(pages / "predict.html").page
    page.locator(".tl").focus()
    page.keyboard.press("ArrowRight")
    at(page, 5)
    page.keyboard.press("ArrowRight")
    at(page, 5)
    expect(page.get_by_label("Your prediction")).to_be_focused()
    expect(page.locator(".tl-narr")).to_contain_text("Say it before it is shown")
    before = page.locator(".tl-scene .bwd[data-from='5']")
    assert before.evaluate("e => e.style.display") == "none"
    page.keyboard.type("six")
    page.keyboard.press("Enter")
    expect(page.locator(".tl-ask")).to_contain_text("Type a number")
    page.get_by_label("Your prediction").fill("1,005")
    page.keyboard.press("Enter")
    expect(page.locator(".tl-ask")).to_contain_text("✓ right: you said 1.005, 1 arrives at y.")
    assert before.evaluate("e => e.style.display") == ""


def test_predictions_need_no_mouse_and_keep_the_focus_inside(watch, pages):
    page = watch(pages / "predict.html").page
    page.locator(".tl").focus()
    for step, guess in ((5, "1"), (6, "1"), (7, "3")):
        page.keyboard.press("ArrowRight")
        at(page, step)
        page.keyboard.type(guess)
        expect(page.get_by_label("Your prediction")).to_have_value(guess)
        page.keyboard.press("Enter")
        expect(page.locator(".tl-ask")).to_contain_text(f"you said {guess}")
        assert page.evaluate("document.querySelector('.tl').contains(document.activeElement)")
    expect(page.locator(".tl-ask")).to_contain_text("3 of 3 right so far")


def test_a_wrong_guess_and_an_open_one_are_shown_beside_the_truth(watch, pages):
    page = watch(pages / "predict.html").page
    page.get_by_role("slider", name="Step").fill("7")
    ask = page.locator(".tl-ask")
    expect(ask).to_contain_text("How much does y send to x?")
    expect(page.locator(".tl-book")).to_contain_text("?")
    page.get_by_role("button", name="Hint").click()
    expect(ask.locator("math")).to_be_visible()
    page.get_by_label("Your prediction").fill("-3")
    page.get_by_role("button", name="Check").click()
    expect(ask).to_contain_text("✗ not quite: you said −3, 3 arrives at x. The size is right, the sign")
    page.get_by_role("slider", name="Step").fill("8")
    page.get_by_role("button", name="I don’t know").click()
    expect(ask).to_contain_text("You left it open: 3 arrives at x. 0 of 2 right so far")


# -- twins -------------------------------------------------------------------------------------
def test_the_table_says_what_the_drawing_says(stepper):
    stepper.get_by_role("button", name="Table").click()
    table = stepper.get_by_role("table", name="Nodes of the tape")
    expect(table).to_be_visible()
    expect(stepper.locator(".tl-scene")).to_be_hidden()
    stepper.get_by_role("slider", name="Step").fill("13")
    cells = table.locator("tr[data-row='9']").inner_text().split("\t")
    assert cells == ["9", "L", "add", "ce, r", "scalar", "0.8488", "1"]
    assert table.locator("tr[data-row='4'] td").last.inner_text() == "not yet"
    assert table.locator("[aria-current=step]").evaluate_all("rs => rs.map(r => r.dataset.row)") == ["8"]
    stepper.locator(".tl").focus()
    stepper.keyboard.press("t")
    expect(stepper.locator(".tl-scene")).to_be_visible()


def test_everything_can_be_done_from_the_keyboard(stepper):
    for _ in range(60):
        stepper.keyboard.press("Tab")
        if stepper.evaluate("document.activeElement.getAttribute('aria-label')") == "Step (Right)":
            break
    stepper.keyboard.press("Enter")
    stepper.keyboard.press("Space")
    at(stepper, 2)
    stepper.keyboard.press("End")
    for _ in range(60):
        stepper.keyboard.press("Tab")
        if stepper.evaluate("document.activeElement.matches('.tl-scene [data-node]')"):
            break
    for _ in range(3):
        stepper.keyboard.press("ArrowUp")
    stepper.keyboard.press("Enter")
    expect(stepper.locator(".tl-panel .tl-link", has_text="unpin")).to_be_visible()
    stepper.keyboard.press("Escape")
    stepper.keyboard.press("?")
    expect(stepper.get_by_role("dialog", name="Help and keys")).to_be_visible()
    stepper.keyboard.press("Escape")
    expect(stepper.get_by_role("dialog", name="Help and keys")).to_be_hidden()


SAID = (
    'group "Two layers, one step"', 'group "Transport"', 'button "First (Home)"', 'button "Step back (Left)"',
    'button "Play"', 'button "Step (Right)"', 'button "Last (End)"', 'slider "Step"', 'combobox "Speed"',
    'button "Loop"', 'button "Table"', 'button "Export', 'button "Help and keys"', 'complementary "Details"',
    'grid "so far"', 'table "Ledger of W2[0, 1]"', 'button "W1, param, 2×3, value max|·| 0.79, gradient not yet"',
)  # fmt: skip


def test_a_screen_reader_is_told_every_name(stepper):
    stepper.get_by_role("slider", name="Step").fill("17")
    said = stepper.locator(".tl").aria_snapshot()
    for line in SAID:
        assert line in said, line
    assert not re.search(r"- (button|slider|combobox)\s*$", said, re.MULTILINE), "a control without a name"


def test_tab_stops_at_controls_and_at_one_node_and_never_at_a_formula(stepper):
    stepper.get_by_role("slider", name="Step").fill("17")
    met = []
    while not met or met[-1] != "BODY":
        stepper.keyboard.press("Tab")
        met.append(stepper.evaluate("document.activeElement.tagName"))
    assert met.count("g") == 1 and set(met) <= {"BUTTON", "INPUT", "SELECT", "TABLE", "g", "BODY", "DIV"}


def test_a_small_graph_is_not_shrunk_where_there_is_room_for_it(watch, pages):
    page = watch(pages / "predict.html", width=350).page
    assert page.evaluate(SMALLEST) >= 10


def test_exports_are_files_that_work(stepper, tmp_path, watch):
    stepper.get_by_role("slider", name="Step").fill("17")
    got = {}
    for label in ("SVG of this step", "HTML page, works offline", "JSON"):
        stepper.get_by_role("button", name="Export").click()
        with stepper.expect_download() as d:
            stepper.get_by_role("menuitem", name=label).click()
        got[label] = tmp_path / d.value.suggested_filename
        d.value.save_as(got[label])
    svg = got["SVG of this step"].read_text(encoding="utf-8")
    assert svg.startswith("<?xml")
    assert "var(" not in svg
    assert "display: none" not in svg
    assert GraphTrace.from_json(got["JSON"].read_text(encoding="utf-8")) == _traces.two_layers()
    again = watch(got["HTML page, works offline"]).page
    at(again, 17)
    again.locator(".tl").press("ArrowRight")
    at(again, 18)


def test_the_exported_picture_opens_by_itself(stepper, tmp_path, watch):
    stepper.get_by_role("button", name="Export").click()
    with stepper.expect_download() as d:
        stepper.get_by_role("menuitem", name="SVG of this step").click()
    path = tmp_path / "graph.svg"
    d.value.save_as(path)
    page = watch().page
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.tagName") == "svg"


# -- looks -------------------------------------------------------------------------------------
SMALLEST = """() => Math.min(99, ...[...document.querySelectorAll('.tl-node text')].map(
    t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a))"""


@pytest.mark.parametrize("name", ["stepper", "predict", "deep", "tape", "ledger", "tensor", "present"])
@pytest.mark.parametrize("width", [1000, 724, 650, 480, 350])
def test_nothing_is_wider_than_its_cell(watch, pages, name, width):
    page = watch(pages / f"{name}.html", width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    panel, stage = (page.locator(c).bounding_box() for c in (".tl-panel", ".tl-stage"))
    if name != "present":
        below = width < 664 or name == "tape"  # a table takes the whole width
        assert (panel["y"] >= stage["y"] + stage["height"] - 1) == below
    assert page.evaluate(SMALLEST) >= 8.5


def test_a_wide_cell_is_of_handy_height(watch, pages):
    page = watch(pages / "stepper.html").page
    for k in range(21):
        page.get_by_role("slider", name="Step").fill(str(k))
        assert 400 <= page.locator(".tl").bounding_box()["height"] <= 650


@pytest.mark.parametrize(("theme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_theme_of_the_system(watch, pages, theme, dark):
    page = watch(pages / "stepper.html", theme=theme).page
    assert is_dark(page) == dark


HOSTS = {
    "JupyterLab": "document.body.dataset.jpThemeLight = '{}'",
    "VS Code": "document.body.className = 'vscode-{}'",
    "Colab": "document.documentElement.setAttribute('theme', '{}')",
    "data-theme": "document.documentElement.dataset.theme = '{}'",
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_of_the_host_wins_over_that_of_the_system(watch, pages, host, system):
    page = watch(pages / "stepper.html", theme=system).page
    for dark in (True, False):
        word = str(not dark).lower() if host == "JupyterLab" else "dark" if dark else "light"
        page.evaluate(HOSTS[host].format(word))
        assert is_dark(page) == dark


def is_dark(page):
    colour = page.evaluate("getComputedStyle(document.querySelector('.tl')).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) < 384


CONTRASTS = """() => {
  const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = c => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = c;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => [.2126, .7152, .0722].reduce((a, w, i) => a + w * linear(c[i] / 255), 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c[3] > 250) return c;
    }
    return [255, 255, 255];
  };
  const texts = '.tl button, .tl td, .tl th, .tl p, .tl span, .tl b, .tl-h1, .tl-h2';
  return [...document.querySelectorAll(texts)]
    .filter(e => e.offsetParent && e.textContent.trim() && !e.closest('svg, .tl-seg, math'))
    .map(e => [light(rgb(getComputedStyle(e).color)), light(ground(e)), e.className + ': ' + e.textContent])
    .map(([a, b, text]) => [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), text]);
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast(watch, pages, theme):
    page = watch(pages / "stepper.html", theme=theme).page
    page.get_by_role("slider", name="Step").fill("17")
    ratios = page.evaluate(CONTRASTS)
    assert len(ratios) > 50
    assert [r for r in ratios if r[0] < 4.5] == []


def test_the_focus_is_seen(stepper):
    stepper.locator(".tl").focus()
    stepper.keyboard.press("Tab")
    assert stepper.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_nothing_moves_for_those_who_asked_for_stillness(watch, pages):
    page = watch(pages / "stepper.html", reduced_motion="reduce").page
    page.get_by_role("slider", name="Step").fill("17")
    assert page.evaluate("document.getAnimations().length") == 0


# -- the other widgets -------------------------------------------------------------------------
def test_unticking_a_row_shows_the_total_without_it(watch, pages):
    page = watch(pages / "ledger.html").page
    total = page.locator(".tl-total")
    expect(total).to_contain_text("✓ equal to the last bit")
    page.get_by_role("checkbox", name="through r").uncheck()
    expect(total).to_contain_text("−0.1210 off gradient 0.1875")
    expect(page.locator(".tl-narr")).to_have_text("Without the unticked row the total is 0.0665 instead of 0.1875.")
    page.get_by_role("slider", name="Step").fill("16")
    expect(total).to_contain_text("1 of 2 contributions in")


def test_the_tape_can_be_sorted_and_filtered(watch, pages):
    page = watch(pages / "tape.html").page
    page.get_by_role("button", name="value").click()
    assert page.locator("th[aria-sort=ascending]").inner_text() == "value ↑"
    page.get_by_role("searchbox", name="Filter nodes").fill("param")
    expect(page.get_by_role("status").first).to_have_text("3 of 10 nodes")
    page.locator("tr[data-row='5']").click()
    expect(page.locator(".tl-narr")).to_have_text("W2 is node 5: param.")
    expect(page.locator(".tl-book .tl-lab")).to_contain_text("Ledger of W2")


def test_an_array_can_be_looked_through(watch, pages):
    page = watch(pages / "tensor.html").page
    page.get_by_role("slider", name="Slice along axis 0").fill("2")
    expect(page.locator(".tl-map .tl-lab")).to_have_text("t[2, :, :]")
    page.get_by_role("button", name="Later columns").click()
    expect(page.locator(".tl-axes")).to_contain_text("columns 10–13 of 14")
    page.get_by_role("grid").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tl-stage [role=status]")).to_contain_text("t[2, ")


# -- robustness --------------------------------------------------------------------------------
def test_a_hostile_name_is_shown_and_does_nothing(watch, pages):
    page = watch(pages / "hostile.html").page
    page.on("dialog", lambda d: pytest.fail("a script ran"))
    page.get_by_role("button", name="Table").click()
    for k in (1, 5, 9):
        page.get_by_role("slider", name="Step").fill(str(k))
    assert page.locator("img").count() == 0
    expect(page.locator(".tl-h1")).to_have_text("<img src=x onerror=alert(1)>")


def test_what_goes_wrong_is_said_in_the_widget(watch, pages, tmp_path):
    broken = (pages / "stepper.html").read_text(encoding="utf-8").replace('"einsum"', '"x"')
    data = re.search(r'id="data">(.*?)</script>', broken, re.DOTALL)[1]
    spoiled = json.loads(data)
    spoiled["payload"]["formulas"]["edges"] = []
    path = tmp_path / "broken.html"
    path.write_text(broken.replace(data, json.dumps(spoiled).replace("<", "\\u003c")), encoding="utf-8")
    seen = watch(path)
    seen.page.get_by_role("slider", name="Step").fill("15")
    expect(seen.page.get_by_role("alert")).to_contain_text("Something went wrong here")
    assert [e for e in seen.errors if not e.startswith("widget:")] == []
    seen.errors.clear()


def test_a_large_drawing_scrolls_to_where_it_happens(watch, pages):
    page = watch(pages / "deep.html").page
    stage = page.locator(".tl-stage")
    assert stage.evaluate("e => e.scrollTop") == 0
    page.get_by_role("slider", name="Step").fill("150")
    page.wait_for_function("document.querySelector('.tl-stage').scrollTop > 0")
    page.locator(".tl").focus()
    page.keyboard.press("f")
    assert stage.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
