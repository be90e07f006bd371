"""ConfusionView in a real Chromium: choosing cells by mouse and keys, shares, samples, widths."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from torchlean_nb.render.confusion import cell_text
from torchlean_nb.widgets import ConfusionView

TRUE = np.repeat([0, 1, 2], [10, 20, 30])
PREDICTED = np.where(np.arange(60) % 7 == 0, 0, TRUE)
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("confusion")
    images = np.zeros((60, 4, 4))
    images[:, 0, 0], images[:, 1, 1] = np.arange(60), 59
    ConfusionView((TRUE, PREDICTED), images, labels=["cat", "dog", "owl"]).to_html(folder / "images.html")
    ConfusionView((TRUE, PREDICTED), np.arange(180.0).reshape(60, 3)).to_html(folder / "rows.html")
    ConfusionView((TRUE, PREDICTED), np.zeros((60, 2)), labels=[HOSTILE, "b", "c"]).to_html(folder / "hostile.html")
    rng = np.random.default_rng(0)
    ConfusionView(rng.integers(0, 9, (45, 45)), labels=[f"class {i}" for i in range(45)]).to_html(folder / "many.html")
    ConfusionView([]).to_html(folder / "none.html")
    return folder


@pytest.fixture
def page(watch, pages):
    return watch(pages / "images.html").page


def numbers(page):
    return page.locator(".cf-grid td").all_inner_texts()


def test_the_cells_have_the_counts_and_the_shares(page):
    m = ConfusionView((TRUE, PREDICTED)).matrix
    for word, by in (("Counts", "none"), ("% of true", "row"), ("% of predicted", "column")):
        page.get_by_role("button", name=word, exact=True).click()
        assert numbers(page) == [cell_text(v, by) if v else "·" for v in m.normalise(by).ravel().tolist()]
        expect(page.get_by_role("button", name=word, exact=True)).to_have_attribute("aria-pressed", "true")


def test_a_click_shows_the_samples_of_a_cell(page):
    page.locator(".cf-grid td").nth(3).click()
    wrong = [i for i in range(60) if TRUE[i] == 1 and PREDICTED[i] == 0]
    assert page.locator(".cf-shelf figcaption").all_inner_texts() == [f"#{i}" for i in wrong]
    expect(page.locator(".tl-narr")).to_contain_text(f"Of 20 samples of dog, {len(wrong)} (15 %) were taken for cat.")
    shown = page.evaluate("document.querySelector('.cf-thumb').getContext('2d').getImageData(0, 0, 1, 1).data[0]")
    assert shown == round(255 * wrong[0] / 59)
    page.locator(".cf-grid td").nth(1).click()
    expect(page.locator(".cf-shelf")).to_have_count(0)
    expect(page.locator(".tl-narr")).to_contain_text("Of 10 samples of cat, 0 (0 %) were taken for dog")


def test_keys_move_the_cell_and_do_not_reach_the_host(page):
    page.evaluate("window.seen=[]; document.addEventListener('keydown', e => window.seen.push(e.key))")
    page.locator(".tl").focus()
    chosen = page.locator(".cf-grid td[aria-selected=true]")
    start = (int(chosen.get_attribute("data-i")), int(chosen.get_attribute("data-j")))
    assert start == (2, 0)
    for key, cell in (("ArrowUp", "1,0"), ("ArrowRight", "1,1"), ("ArrowDown", "2,1"), ("ArrowDown", "2,1")):
        page.keyboard.press(key)
        assert chosen.evaluate("e => `${e.dataset.i},${e.dataset.j}`") == cell
    page.keyboard.press("n")
    expect(page.get_by_role("button", name="% of true")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("window.seen") == []


def test_rows_of_numbers_are_shown_as_a_table(watch, pages):
    page = watch(pages / "rows.html").page
    page.locator(".cf-grid td").nth(3).click()
    first = int(np.flatnonzero((TRUE == 1) & (PREDICTED == 0))[0])
    cells = page.locator(".cf-rows tbody tr").first.locator("td").all_inner_texts()
    assert cells == [f"#{first}", *(str(3 * first + c) for c in range(3))]


def test_hostile_labels_are_text(watch, pages):
    page = watch(pages / "hostile.html").page
    assert page.locator("img").count() == 0
    expect(page.locator(".cf-scores td").first).to_have_text(HOSTILE)


@pytest.mark.parametrize("width", [724, 480, 362])
@pytest.mark.parametrize("name", ["images", "rows", "many", "none"])
def test_nothing_is_wider_than_its_cell(watch, pages, width, name):
    page = watch(pages / f"{name}.html", width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if name == "many":
        expect(page.locator(".tl-stage")).to_contain_text("40 of 45 classes are shown")
        assert page.locator(".cf-grid td").count() == 1600
    if name == "none":
        expect(page.locator(".tl-narr")).to_have_text("There are no classes.")
