"""The explorers of the lessons in a real Chromium: pages without a kernel, by mouse and by keys."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from torchlean_nb.widgets import GradientCloud, LossExplorer, ShapePuzzle

X = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, -1.0], [2.0, 1.0, 0.0], [-1.0, 1.0, 1.0]])
W = np.array([[0.5, -1.0], [1.0, 0.0], [0.0, 2.0]])
G = np.array([[1.0, -2.0], [0.0, 1.0], [-1.0, 0.5], [2.0, 0.0]])


def cloud():
    rng = np.random.default_rng(0)
    return GradientCloud({f"batch of {b}": rng.normal(0, 4 / b, (80, 2)) + 1 for b in (1, 4)}, limit=2.0)


MAKE = {"puzzle": lambda: ShapePuzzle(X, W, G), "losses": LossExplorer, "cloud": cloud}


@pytest.fixture
def opened(watch, tmp_path):
    """Opens the page of an explorer."""

    def start(name, **options):
        MAKE[name]().to_html(tmp_path / f"{name}.html")
        return watch(tmp_path / f"{name}.html", **options).page

    return start


def test_the_puzzle_is_solved_by_clicks_and_read_by_keys(opened):
    page = opened("puzzle")
    says = page.locator(".tl-narr")
    expect(says).to_contain_text("it is 4\u00d72, and W is 3\u00d72")
    page.get_by_role("button", name="Transpose the left factor").click()
    expect(says).to_contain_text("There is no such product")
    page.get_by_role("group", name="right factor").get_by_role("button", name="G").click()
    expect(says).to_contain_text("This is it: dW = X\u1d40 G")
    page.locator(".tl").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tl-xp-book tbody tr")).to_have_count(4)
    expect(page.locator(".tl-panel")).to_contain_text("entry [1, 1]")
    expect(page.locator(".tl-panel")).to_contain_text("nudging W[1, 1] says 3.5 \u2713 the same")
    page.get_by_role("button", name="dL/dX").click()
    expect(says).to_contain_text("and X is 4\u00d73")


def test_the_score_is_moved_by_keys_by_pointer_and_by_the_slider(opened):
    page = opened("losses")
    panel = page.locator(".tl-panel")
    expect(panel).to_contain_text("11010\u00d7")
    page.locator(".tl").focus()
    page.keyboard.press("]")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tl-count")).to_have_text("score z \u22129.1")
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="sizes on a log axis")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".tl-xp-title").nth(1)).to_have_text("size of the gradient")
    page.get_by_role("group", name="the truth is").get_by_role("button", name="0").click()
    expect(page.locator(".tl-narr")).to_contain_text("truth 0")
    page.get_by_role("slider", name="Step").fill("100")
    expect(page.locator(".tl-count")).to_have_text("score z 0")
    box = page.locator(".tl-xp-area").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 40)
    expect(page.locator(".tl-count")).to_have_text("score z 5")


def test_the_cloud_is_clipped_and_an_arrow_chosen(opened):
    page = opened("cloud")
    panel = page.locator(".tl-panel")
    expect(panel).not_to_contain_text("turned by")
    page.locator(".tl").focus()
    page.keyboard.press("c")
    expect(panel).to_contain_text("largest turn0\u00b0")
    page.keyboard.press("c")
    expect(page.locator("rect.tl-xp-fence")).to_have_count(1)
    before = page.locator(".tl-xp-choice b").inner_text()
    page.keyboard.press("ArrowUp")
    assert page.locator(".tl-xp-choice b").inner_text() != before
    page.keyboard.press("]")
    expect(panel).to_contain_text("gradient 2 of 80")
    page.locator(".tl-xp-point").nth(40).click(force=True)
    expect(panel).not_to_contain_text("gradient 2 of 80")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tl-count")).to_have_text("batch of 4")


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize(("width", "theme"), [(724, "light"), (724, "dark"), (480, "light")])
def test_nothing_is_cut_off(opened, name, width, theme):
    page = opened(name, width=width, theme=theme)
    wide = page.evaluate("[...document.querySelectorAll('.tl, .tl-in, .tl-narr, .tl-panel, .tl-xp-bar')]"
                         ".map(e => e.scrollWidth - e.clientWidth)")
    assert max(wide) <= 1
    nameless = page.evaluate("[...document.querySelectorAll('.tl button, .tl input')].filter(e =>"
                             " !(e.getAttribute('aria-label') || e.textContent || e.closest('label'))).length")
    assert nameless == 0
