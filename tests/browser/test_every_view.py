"""What holds for every view of the lessons and of the results: keys, names, a voice, zoom, quiet, and no network."""

from __future__ import annotations

import _fair
import _landscapes
import _programs
import numpy as np
import pytest
from _decks import deck, film
from playwright.sync_api import expect

from torchlean_nb.widgets import (
    ConfusionView,
    DecisionBoundary,
    Gallery,
    GradientCloud,
    LandscapeExplorer,
    Leaderboard,
    LossExplorer,
    ProgramView,
    ShapePuzzle,
)

pytestmark = pytest.mark.browser

X, W, G = np.arange(12.0).reshape(4, 3) - 5, np.arange(6.0).reshape(3, 2) - 2, np.ones((4, 2))


def far():
    """A cloud with points outside the picture, and long names."""
    rng = np.random.default_rng(0)
    points = {f"batch of {b}": np.vstack([rng.normal(0, 1 / b, (200, 2)), [[99.0, 0.0]]]) for b in (1, 4)}
    return GradientCloud(points, axes=("gradient of body mass", "gradient of the blood value"), word="all patients",
                         clip="value", limit=0.5)  # fmt: skip


# A view, and keys that make it say something new.
VIEWS = {
    "puzzle": (lambda: ShapePuzzle(X, W, G), ["ArrowRight"]),
    "losses": (LossExplorer, ["ArrowRight"]),
    "cloud": (far, ["ArrowRight"]),
    "gallery": (lambda: Gallery(deck("side")), ["ArrowRight"]),
    "confusion": (lambda: ConfusionView([[30, 1, 4], [0, 25, 2], [3, 0, 44]], labels=["a", "b", "c"]), ["ArrowDown"]),
    "program": (lambda: ProgramView(_programs.trace(), step=9), ["ArrowRight"]),
    "leaderboard": (lambda: Leaderboard(_fair.both()), ["ArrowDown"]),
    "landscape": (lambda: LandscapeExplorer(_landscapes.wave(), plane="pca"), ["ArrowLeft"]),
    "boundary": (lambda: DecisionBoundary(film()), ["Home"]),
}
EVERY = pytest.mark.parametrize("name", VIEWS)
# Names as a screen reader finds them, and whether the focus is seen.
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const labels = [...(e.labels || [])].map((l) => l.textContent).join("");
  return { name: (e.getAttribute("aria-label") || e.textContent.trim() || labels).trim(), tag: e.tagName,
           seen: getComputedStyle(e).outlineStyle !== "none" };
}"""
CONTROLS = """() => [...document.querySelectorAll(".tl button, .tl input, .tl select, .tl table[tabindex]")]
  .filter((e) => e.checkVisibility() && !e.disabled).length"""
# Text that is cut off without a sign of it, texts of a picture that lie on each other, or that are too small to read.
CLUMSY = """() => {
  const seen = (e) => e.checkVisibility() && e.getBoundingClientRect().width > 0, found = [];
  for (const e of document.querySelectorAll(".tl *")) {
    const css = getComputedStyle(e), more = e.scrollWidth - e.clientWidth;
    if (!seen(e) || e.closest("svg, .tl-sr, input, .tl-ga-picture") || !e.clientWidth || more <= 1) continue;
    const scrolls = e.querySelector(".tl-ga-picture") && css.overflowX === "auto";
    if (css.overflowX !== "visible" && css.textOverflow !== "ellipsis" && !scrolls) found.push(`cut: ${e.className}`);
  }
  for (const svg of document.querySelectorAll(".tl svg")) {
    const texts = [...svg.querySelectorAll("text")].filter(seen);
    for (const t of texts) {
      const m = t.getScreenCTM(), size = parseFloat(getComputedStyle(t).fontSize) * Math.hypot(m.a, m.b);
      if (size < 8) found.push(`${t.textContent} is ${size} pixels high`);
    }
    const boxes = texts.map((t) => [t.textContent, t.getBoundingClientRect()]);
    boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
      const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      if (wide > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 3) found.push(`${a} lies on ${b}`);
    }));
  }
  return found;
}"""


@pytest.fixture
def opened(watch, tmp_path):
    """Opens the page of a view; in the end it was quiet, and asked nobody for anything."""

    def start(name, **options):
        VIEWS[name][0]().to_html(tmp_path / f"{name}.html")
        return watch(tmp_path / f"{name}.html", **options).page

    return start


@EVERY
def test_every_control_is_reached_by_tab_has_a_name_and_shows_the_focus(opened, name):
    page, met = opened(name), []
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUSED)
        if here is None:
            break
        met.append(here)
    assert [m for m in met if not m["name"] or not m["seen"]] == []
    assert sum(m["tag"] != "DIV" for m in met) == page.evaluate(CONTROLS)


@EVERY
def test_what_a_key_does_is_told(opened, name):
    page = opened(name)
    heard = page.locator(".tl [aria-live=polite]")
    before = heard.all_inner_texts()
    page.locator(".tl").focus()
    for key in VIEWS[name][1]:
        page.keyboard.press(key)
    assert heard.all_inner_texts() != before
    page.keyboard.press("?")
    expect(page.locator(".tl-keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".tl-keys")).to_be_hidden()


@EVERY
@pytest.mark.parametrize(("width", "zoom"), [(724, 1), (480, 1), (362, 2)])
def test_nothing_is_cut_off_or_lies_on_something_else(opened, name, width, zoom):
    page = opened(name, width=width, device_scale_factor=zoom)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CLUMSY) == []


@EVERY
def test_nothing_moves_by_itself_where_motion_is_unwanted(opened, name):
    page = opened(name, reduced_motion="reduce")
    page.locator(".tl").focus()
    for key in VIEWS[name][1]:
        page.keyboard.press(key)
    assert page.evaluate("document.getAnimations().length") == 0
