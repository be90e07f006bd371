"""Self-contained pages in a real Chromium: widths, themes, contrast, other widgets than the stepper, robustness."""

from __future__ import annotations

import json
import re

import pytest
from _graph_pages import PAGES, SMALLEST, written
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return written(tmp_path_factory.mktemp("pages"), *PAGES)


@pytest.fixture
def stepper(watch, pages):
    """The stepper at step 0."""
    return watch(pages / "stepper.html").page


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
