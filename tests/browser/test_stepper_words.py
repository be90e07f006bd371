"""The graph stepper in a real Chromium: predictions, the table, the keyboard, screen readers, files."""

from __future__ import annotations

import re

import _traces
import pytest
from _graph_pages import SMALLEST, at, written
from playwright.sync_api import expect

from torchlean_nb.trace.graph import GraphTrace


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return written(tmp_path_factory.mktemp("pages"), "stepper", "predict")


@pytest.fixture
def stepper(watch, pages):
    """The stepper at step 0."""
    return watch(pages / "stepper.html").page


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
