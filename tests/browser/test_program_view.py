"""ProgramView in a real Chromium: stepping with keys and mouse, folding, the source, the passes, widths and themes."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import _programs
import pytest
from playwright.sync_api import expect

from torchlean_nb.render.program_words import groups
from torchlean_nb.trace.program import PassTrace
from torchlean_nb.widgets import ProgramView

pytestmark = pytest.mark.browser

PASSES = (
    PassTrace("share", "3 lines become 2", 3, 2, ((" ", "%1 = exp(x)  # float64"), ("-", "%2 = exp(x)  # the same"))),
    PassTrace("fold constants", "2 lines stay 2", 2, 2, (("-", "%3 = div(1, 4)"), ("+", "%3 = const 0.25"))),
)  # fmt: skip
OVERFLOW = "() => [document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    t = replace(_programs.trace(), passes=PASSES)
    timed = tuple(replace(x, seconds=1e-6 * (1 + i)) for i, x in enumerate(t.lines))
    ProgramView(t, step=0).to_html(folder / "mlp.html")
    ProgramView(replace(t, lines=timed), step=3).to_html(folder / "timed.html")
    ProgramView(_programs.line()).to_html(folder / "line.html")
    ProgramView(_programs.named("<img src=x onerror=alert(1)>")).to_html(folder / "hostile.html")
    return folder


@pytest.fixture
def page(watch, pages):
    found = watch(pages / "mlp.html").page
    found.locator(".tl").focus()
    return found


def now(page):
    return page.locator(".pv-row.pv-now")


N = len(_programs.trace().ran)
FORWARD = sum(x.way == "forward" for x in _programs.trace().steps)
LOSS = next(steps for origin, steps in groups(_programs.trace()) if origin.startswith("cross_entropy"))


def label(k):
    """What the listing calls step k."""
    return _programs.trace().lines[_programs.trace().ran[k - 1]].label or f"%{k}"


# -- stepping ----------------------------------------------------------------------------------
def test_a_key_runs_one_line_and_everything_follows(page):
    expect(page.locator(".tl-narr")).to_contain_text("Nothing has run yet")
    page.keyboard.press("ArrowRight")
    expect(now(page)).to_have_count(1)
    expect(now(page)).to_contain_text(f"{label(1)} = matmul(x, W1)")
    expect(now(page).locator("code")).to_have_text("x.dot(W1, t0)")
    expect(page.locator(".pv-title")).to_have_text(f"{label(1)} = matmul(x, W1)")
    expect(page.locator(".tl-heat td")).to_have_count(12)
    expect(page.locator(".pv-chip.pv-written")).to_have_text(f"t0{label(1)}")
    expect(page.locator(".tl-narr")).to_contain_text("is written into t0")
    assert now(page).get_attribute("aria-current") == "step"
    page.keyboard.press("ArrowRight")
    expect(now(page)).to_contain_text(f"{label(2)} = add")
    page.keyboard.press("ArrowLeft")
    expect(now(page)).to_contain_text(f"{label(1)} = matmul")
    page.keyboard.press("End")
    expect(page.locator(".tl-count")).to_have_text(f"step {N} of {N}")
    page.keyboard.press("r")
    expect(now(page)).to_have_count(0)


def test_the_values_are_those_of_the_run(page):
    page.keyboard.press("ArrowRight")
    shown = [float(t.replace("−", "-")) for t in page.locator(".tl-heat td").all_inner_texts()]
    assert shown == pytest.approx(_programs.trace().steps[0].value.ravel().tolist(), abs=6e-3)


def test_the_same_buttons_as_in_the_stepper_move_it(page):
    for name in ("Step (Right)", "Step (Right)", "Step back (Left)"):
        page.get_by_role("button", name=name).click()
    expect(page.locator(".tl-count")).to_have_text(f"step 1 of {N}")
    page.get_by_role("slider", name="Step").fill("21")
    expect(page.locator(".tl-count")).to_have_text(f"step 21 of {N}")
    assert page.locator(".tl-seg").all_inner_texts() == ["forward", "backward"]
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".tl-count")).not_to_have_text(f"step 21 of {N}")  # it may be beyond 22 when we look


def test_up_and_down_go_over_a_whole_op(page):
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    expect(page.locator(".tl-count")).to_have_text(f"step {FORWARD} of {N}")
    expect(page.locator(".tl-narr")).to_contain_text("This is the value.")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".tl-count")).to_have_text(f"step 4 of {N}")


def test_a_click_on_a_line_goes_there_and_enter_does_too(page):
    page.locator(".pv-row[data-step='3']").click()
    expect(page.locator(".tl-count")).to_have_text(f"step 3 of {N}")
    page.locator(".pv-row[data-step='2']").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".tl-count")).to_have_text(f"step 2 of {N}")


def test_lanes_light_up_and_fade(page):
    free = page.locator(".pv-chip.pv-free").count()
    page.keyboard.press("ArrowRight")
    assert page.locator(".pv-chip.pv-free").count() == free - 1
    assert page.locator(".pv-write").count() > 0 and page.locator(".pv-names .pv-written").inner_text() == "t0"
    page.keyboard.press("End")
    held = page.locator(".pv-chip:not(.pv-free):not([hidden])").all_inner_texts()
    assert len(held) >= 4, "the four results stay"
    assert f"{_programs.trace().live[-1]} bytes held" in page.locator(".pv-sum").inner_text()


def test_keys_do_not_reach_the_host(page):
    page.evaluate("window.seen=[]; document.addEventListener('keydown', e => window.seen.push(e.key))")
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "f", "v", "]", "[", "v", "Home", " ", " "):
        page.keyboard.press(key)
    assert page.evaluate("window.seen") == []


# -- folding, source, passes -------------------------------------------------------------------
def test_composites_fold_and_say_where_one_is(page):
    whole = page.locator(".pv-line:visible").count()
    first = page.locator(".pv-group").first
    assert first.get_attribute("aria-expanded") == "false", "the long ones begin folded"
    first.click()
    assert page.locator(".pv-line:visible").count() == whole + len(LOSS)
    page.keyboard.press("f")
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Fold all")).to_be_visible()
    expect(page.locator(".pv-line:visible")).to_have_count(N)
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Unfold all")).to_be_visible()
    page.get_by_role("slider", name="Step").fill("10")
    expect(now(page)).to_contain_text("cross_entropy")
    expect(now(page)).to_contain_text(f"{label(10)} = sub")
    now(page).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pv-line.pv-now")).to_be_visible()


def test_the_current_line_is_always_in_view(page):
    page.keyboard.press("f")
    page.keyboard.press("f")
    for k in (N, 1, 30):
        page.get_by_role("slider", name="Step").fill(str(k))
        page.wait_for_function("""() => { const r = document.querySelector('.pv-now').getBoundingClientRect(),
          v = document.querySelector('.tl-stage').getBoundingClientRect();
          return r.top >= v.top && r.bottom <= v.bottom + 1; }""")


def test_the_source_marks_the_same_line(page):
    page.keyboard.press("v")
    page.get_by_role("slider", name="Step").fill("3")
    expect(page.locator(".pv-text .pv-now code")).to_have_text(re.compile(r"tanh\(t0, t1\)"))
    rows = page.locator(".pv-text code").all_inner_texts()
    assert [r.rstrip() for r in rows] == [r.rstrip() for r in _programs.trace().source.split("\n")]
    page.locator(".pv-text li", has_text="x.dot(W1, t0)").click()
    expect(page.locator(".tl-count")).to_have_text(f"step 1 of {N}")


def test_passes_are_paged(page):
    page.keyboard.press("]")
    expect(page.locator(".pv-pager b")).to_have_text("fold constants")
    page.keyboard.press("[")
    expect(page.locator(".pv-pager b")).to_have_text("share")
    expect(page.locator(".pv-gone")).to_have_text(re.compile(r"−%2 = exp\(x\)"))
    expect(page.locator(".tl-narr")).to_have_text("Pass 1 of 2, share: 3 lines become 2.")
    expect(page.get_by_role("button", name="Pass before")).to_be_disabled()
    page.get_by_role("button", name="Next pass").click()
    assert page.locator(".pv-new i").get_attribute("aria-label") == "new"
    page.get_by_role("button", name="Lines").click()
    expect(page.locator(".pv-passes")).to_be_hidden()


def test_time_is_shown_where_it_was_measured(watch, pages):
    page = watch(pages / "timed.html").page
    before = page.locator(".pv-line .pv-cost").all_inner_texts()
    page.get_by_role("button", name="bytes").click()
    after = page.locator(".pv-line .pv-cost").all_inner_texts()
    assert before[0] == "208 B" and after[0] == "6 µs"
    assert watch(pages / "line.html").page.get_by_role("button", name="bytes").count() == 0


# -- everybody ---------------------------------------------------------------------------------
def test_a_screen_reader_hears_rows_levels_and_the_step(page):
    grid = page.get_by_role("treegrid", name="Lines of the program")
    assert grid.get_by_role("columnheader").count() == 5
    page.keyboard.press("ArrowRight")
    assert page.locator(".tl-narr").get_attribute("aria-live") == "polite"
    levels = {r.get_attribute("aria-level") for r in page.locator(".pv-row[data-step]").all()}
    assert levels == {"1", "2"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [362, 480, 724, 960])
@pytest.mark.parametrize("view", ["lines", "source", "passes"])
def test_every_width_is_laid_out_without_overflow(watch, pages, width, theme, view):
    page = watch(pages / "mlp.html", width, theme).page
    page.locator(".tl").focus()
    for key in ("ArrowDown", "ArrowDown", *["v"] * ["lines", "source", "passes"].index(view)):
        page.keyboard.press(key)
    wide, inner = page.evaluate(OVERFLOW)
    assert wide <= inner
    if width == 724:
        assert page.locator(".tl").bounding_box()["height"] <= 650


def test_text_has_enough_contrast_in_both_themes(watch, pages):
    for theme in ("light", "dark"):
        page = watch(pages / "mlp.html", 724, theme).page
        page.get_by_role("slider", name="Step").fill("2")
        for colours in page.evaluate(COLOURS):
            a, b = sorted((luminance(c) for c in colours), reverse=True)
            assert (a + 0.05) / (b + 0.05) >= 4.5, colours


COLOURS = """() => ['.pv-now .pv-expr', '.pv-now .pv-src', '.pv-todo .pv-expr', '.pv-todo .pv-src',
    '.pv-group .tl-meta', '.pv-chip.pv-written', '.pv-chip.pv-free', '.pv-head .pv-expr'].map(q => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const paint = (v) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = v; canvas.fillRect(0, 0, 1, 1);
                         return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const e = document.querySelector(q);
  let b = e;
  while (b && paint(getComputedStyle(b).backgroundColor)[3] < 255) b = b.parentElement;
  return [paint(getComputedStyle(e).color), paint(getComputedStyle(b).backgroundColor)]; })"""


def luminance(rgba):
    lin = [c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgba[:3]]
    return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]


def test_hostile_names_are_text(watch, pages):
    page = watch(pages / "hostile.html").page
    for view in ("Source", "Passes", "Lines"):
        page.get_by_role("button", name=view).click()
        assert page.locator("img").count() == 0
    assert "<img src=x" in page.locator(".pv-row").nth(1).inner_text()
    wide, inner = page.evaluate(OVERFLOW)
    assert wide <= inner


def test_a_state_of_another_program_does_no_harm(watch, tmp_path):
    state = {"view": "nothing", "folded": ["x"], "page": 99, "cost": 3, "entry": [7, 7, 7], "step": 2}
    ProgramView(_programs.line(), state=json.dumps(state)).to_html(tmp_path / "odd.html")
    page = watch(tmp_path / "odd.html").page
    expect(now(page)).to_contain_text("add(")


def test_the_exported_page_is_the_same_view(page, watch, tmp_path):
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="HTML page").click()
    download.value.save_as(tmp_path / "copy.html")
    again = watch(tmp_path / "copy.html").page
    expect(again.locator(".pv-row[data-step]")).to_have_count(N)
