"""Gallery in a browser: the slider, the knobs and the keys choose what is seen; nothing is asked of a kernel."""

from __future__ import annotations

import pytest
from _decks import deck
from playwright.sync_api import expect

from torchlean_nb.widgets import Gallery

pytestmark = pytest.mark.browser


@pytest.fixture
def page(tmp_path, watch):
    to = tmp_path / "gallery.html"
    Gallery(deck("side")).to_html(to)
    return watch(to).page


def test_slider_buttons_and_ticks_choose_the_picture(page):
    says, picture = page.locator(".tl-narr"), page.locator(".tl-ga-picture svg")
    expect(says).to_have_text("side at 101.")
    page.get_by_role("button", name="side", exact=True).click()
    expect(says).to_have_text("side at 111.")
    page.get_by_role("checkbox", name="side").click()
    expect(says).to_have_text("side at 110.")
    expect(page.get_by_role("checkbox", name="side")).not_to_be_checked()
    page.get_by_role("slider", name="side").fill("2")
    expect(says).to_have_text("side at 210.")
    expect(picture).to_have_attribute("aria-label", "side. side at 210.")
    expect(picture).to_contain_text("side 210")


def test_it_works_with_keys_alone(page):
    page.locator(".tl").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".tl-narr")).to_have_text("side at 201.")
    expect(page.get_by_role("slider", name="side")).to_have_attribute("aria-valuetext", "side c")
    page.get_by_role("checkbox", name="side").focus()
    page.keyboard.press("Space")
    expect(page.locator(".tl-narr")).to_have_text("side at 200.")


def test_the_table_stands_in_for_the_picture(page):
    page.locator(".tl").focus()
    page.keyboard.press("t")
    expect(page.locator(".tl-ga-picture")).to_be_hidden()
    expect(page.get_by_role("row")).to_have_text(["sidenumber", "side1", "b0"])
    page.keyboard.press("t")
    expect(page.locator(".tl-ga-picture svg")).to_be_visible()


def test_a_narrow_cell_shows_all_of_it(tmp_path, watch):
    to = tmp_path / "narrow.html"
    Gallery(deck("side"), state={"pick": [1, 0]}).to_html(to)
    page = watch(to, width=360, theme="dark").page
    expect(page.locator(".tl-narr")).to_have_text("side at 110.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
