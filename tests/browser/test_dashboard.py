"""TrainingDashboard in a real Chromium: scrubbing by mouse and keys, runs, switches, words, exports."""

from __future__ import annotations

import re

import pytest
from _dashboard_pages import chart, chip, two, widget, written
from playwright.sync_api import expect

from torchlean_nb.render.dashboard import html
from torchlean_nb.render.dashboard_words import sentence
from torchlean_nb.widgets import TrainingDashboard


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return written(tmp_path_factory.mktemp("dashboard"), "one", "two", "diverged")


@pytest.fixture
def one(watch, pages):
    return watch(pages / "one.html").page


@pytest.fixture
def both(watch, pages):
    return watch(pages / "two.html").page


# -- the cursor ----------------------------------------------------------------------------------
def test_all_panels_are_there_for_a_run_with_diagnostics(one):
    heads = one.locator(".tl-td-head > b").all_inner_texts()
    assert heads == ["loss", "gradient flow", "update ÷ weight", "learning rate", "activations"]
    expect(one.get_by_label("Series of this chart")).to_have_value("accuracy")
    expect(one.get_by_label("What the histogram is of")).to_have_value("gradient")


def test_keys_move_the_cursor_over_recorded_steps(one):
    expect(widget(one)).to_have_attribute("data-step", "199")
    widget(one).focus()
    for key, step in [("Home", 0), ("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10), ("End", 199)]:
        one.keyboard.press(key)
        expect(widget(one)).to_have_attribute("data-step", str(step))


def test_the_slider_has_the_same_keys(one):
    slider = one.get_by_role("slider", name="Step")
    slider.focus()
    for key, step in [("Home", 0), ("ArrowRight", 1), ("PageUp", 11), ("ArrowLeft", 10)]:
        one.keyboard.press(key)
        expect(widget(one)).to_have_attribute("data-step", str(step))
    expect(slider).to_have_attribute("aria-valuetext", "step 10 of 199, epoch 1")


def test_a_click_in_any_chart_moves_all_cursors(one):
    lines = chart(one, "update ÷ weight").locator(".tl-td-area")
    box = lines.bounding_box()
    one.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 20)
    step = int(widget(one).get_attribute("data-step"))
    assert 90 < step < 110
    cursors = one.locator(".tl-td-now")
    assert cursors.count() == 4
    expect(one.locator(".tl-narr")).to_contain_text(f"Step {step}, epoch {step // 25 + 1}:")


def test_a_drag_scrubs_and_the_pointer_alone_only_reads(one):
    box = chart(one, "loss").locator(".tl-td-area").bounding_box()
    at = lambda share: (box["x"] + box["width"] * share, box["y"] + 30)  # noqa: E731
    one.mouse.move(*at(0.32))
    expect(widget(one)).to_have_attribute("data-step", "199")
    expect(chart(one, "loss").locator(".tl-td-at")).to_contain_text("step 6")
    assert one.locator(".tl-td-hover").count() == 4
    one.mouse.down()
    for share in (0.35, 0.4, 0.5):
        one.mouse.move(*at(share))
    one.mouse.up()
    assert 90 < int(widget(one).get_attribute("data-step")) < 110
    one.mouse.move(5, 5)
    expect(one.locator(".tl-td-hover")).to_have_count(0)


def test_bars_and_histogram_follow_the_cursor(one):
    flow = chart(one, "gradient flow").locator(".tl-td-gi")
    assert flow.all_text_contents() == ["1.9", "0.2", "0.019"]
    widget(one).focus()
    one.keyboard.press("Home")
    assert flow.all_text_contents() == ["1", "0.1", "0.01"]
    expect(one.locator(".tl-td-panel", has=one.get_by_label("What the histogram is of"))).to_contain_text("step 0")
    expect(chart(one, "activations")).to_contain_text("0 %")


def test_play_moves_on_and_stops_at_the_end(one):
    one.get_by_role("slider", name="Step").fill("140")
    expect(widget(one)).to_have_attribute("data-step", "140")
    one.get_by_label("Speed").select_option("0.25")
    one.get_by_role("button", name="Play (Space)").or_(one.get_by_role("button", name="Play")).click()
    expect(one.get_by_role("button", name="Pause")).to_be_visible()
    one.get_by_label("Speed").select_option("4")
    expect(widget(one)).to_have_attribute("data-step", "199")
    expect(one.get_by_role("button", name="Pause")).to_have_count(0)


# -- runs and switches ---------------------------------------------------------------------------
def test_a_run_is_hidden_and_shown_again(both):
    loss = chart(both, "loss").locator(".tl-td-line")
    assert loss.count() == 6
    chip(both, "sgd").get_by_role("checkbox").uncheck()
    expect(loss).to_have_count(3)
    chip(both, "sgd").get_by_role("checkbox").check()
    expect(loss).to_have_count(6)


def test_the_chosen_run_is_that_of_the_layers(both):
    expect(both.locator(".tl-narr")).to_contain_text("run adam")
    chip(both, "sgd").get_by_role("button").click()
    expect(both.locator(".tl-narr")).to_contain_text("run sgd")
    expect(chart(both, "update ÷ weight").locator(".tl-td-sub")).to_contain_text("run sgd")
    widget(both).focus()
    both.keyboard.press("1")
    expect(chart(both, "update ÷ weight").locator(".tl-td-sub")).to_contain_text("run adam")


def test_behind_the_end_of_a_run_it_is_said_where_it_ended(both):
    chip(both, "sgd").get_by_role("button").click()
    expect(both.locator(".tl-narr")).to_contain_text("Step 199: run sgd ended at step 119, with loss")


def test_runs_differ_by_shape_as_well_as_colour(both):
    shapes = both.locator(".tl-td-chip .tl-td-mark").evaluate_all("all => all.map(e => e.getAttribute('d'))")
    hues = both.locator(".tl-td-chip .tl-td-mark").evaluate_all("all => all.map(e => getComputedStyle(e).fill)")
    assert len(set(shapes)) == len(set(hues)) == 2


def test_smoothing_and_log_redraw_the_curves(one):
    main = chart(one, "loss").locator(".tl-td-line").last
    before = main.get_attribute("d")
    one.get_by_role("slider", name="Smoothing").fill("0.9")
    assert main.get_attribute("d") != before
    assert chart(one, "loss").locator(".tl-td-line").count() == 3
    one.get_by_role("slider", name="Smoothing").fill("0")
    expect(chart(one, "loss").locator(".tl-td-line")).to_have_count(2)
    smoothless = chart(one, "loss").locator(".tl-td-line").last.get_attribute("d")
    widget(one).focus()
    one.keyboard.press("l")
    expect(one.get_by_label("log")).not_to_be_checked()
    assert chart(one, "loss").locator(".tl-td-line").last.get_attribute("d") != smoothless


def test_another_metric_and_another_layer_can_be_chosen(one):
    one.get_by_label("Series of this chart").select_option("grad_norm")
    expect(one.locator(".tl-narr")).to_contain_text("grad_norm")
    widget(one).focus()
    one.keyboard.press("ArrowDown")
    hist = one.locator(".tl-td-panel", has=one.get_by_label("What the histogram is of"))
    expect(hist).to_contain_text("0.bias")
    chart(one, "gradient flow").locator(".tl-td-row").nth(2).click()
    expect(hist).to_contain_text("2.weight")
    one.get_by_label("What the histogram is of").select_option("weight")
    expect(hist.locator("svg")).to_have_attribute("aria-label", re.compile("Histogram of the weight of 2.weight"))


def test_events_are_marked_and_said(one):
    assert chart(one, "loss").locator(".tl-td-flag").count() == 1
    box = chart(one, "loss").locator(".tl-td-area").bounding_box()
    one.mouse.move(box["x"] + 4 + (box["width"] - 8) * 50 / 200, box["y"] + 40)
    expect(chart(one, "loss").locator(".tl-td-at")).to_have_text("gradient of 2.weight is NaN, step skipped")


def test_a_run_that_ran_away_leaves_the_chart_and_the_others_stay_readable(watch, pages):
    page = watch(pages / "diverged.html").page
    expect(chip(page, "sgd, lr 3").locator(".tl-tag")).to_have_text("diverged")
    assert chart(page, "loss").locator(".tl-td-nan").count() == 1
    expect(chart(page, "gradient flow")).to_contain_text("not recorded for this run")
    other = chart(page, "loss").locator(".tl-td-line").nth(0).bounding_box()
    assert other["height"] > 40


# -- in words ------------------------------------------------------------------------------------
STATES = [{"at": 0}, {"at": 60}, {"at": 50}, {"chosen": "sgd"}, {"metric": "grad_norm"}]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_browser_and_python_say_the_same(watch, tmp_path, state):
    html(two(), tmp_path / "page.html", **state)
    page = watch(tmp_path / "page.html").page
    said = TrainingDashboard(two(), state=state)
    look = said.look
    expect(page.locator(".tl-narr")).to_have_text(sentence(look.run, look.k, look.metric, True))
    assert said.to_text().splitlines()[2] == sentence(look.run, look.k, look.metric, True)


def test_the_table_holds_the_numbers_and_marks_the_step(one):
    widget(one).focus()
    one.keyboard.press("t")
    table = one.get_by_role("table", name="Series at some steps")
    expect(table.locator("tr.tl-now td").first).to_have_text("199")
    assert table.get_by_role("columnheader").all_inner_texts() == [
        "step", "loss", "val_loss", "accuracy", "val_accuracy", "lr"]  # fmt: skip
    expect(one.get_by_role("table", name="layer at step 199")).to_contain_text("2.weight")
    expect(one.get_by_role("table", name="Events")).to_contain_text("step skipped")
    one.keyboard.press("Home")
    expect(table.locator("tr.tl-now td").first).to_have_text("0")


def test_the_sentence_is_live_for_screen_readers_and_charts_have_words(one):
    expect(one.locator(".tl-narr")).to_have_attribute("aria-live", "polite")
    labels = one.locator(".tl-td-svg").evaluate_all("all => all.map(e => e.getAttribute('aria-label'))")
    assert len(labels) == 7 and all(len(text) > 12 for text in labels)


def test_exports_are_whole_files(both, watch, tmp_path):
    for item, name in (("HTML page", "copy.html"), ("SVG of this step", "copy.svg")):
        both.get_by_role("button", name="Export").click()
        with both.expect_download() as download:
            both.get_by_role("menuitem", name=item).click()
        download.value.save_as(tmp_path / name)
    again = watch(tmp_path / "copy.html").page
    expect(again.locator(".tl-td-panel")).to_have_count(7)
    drawn = (tmp_path / "copy.svg").read_text()
    assert "var(" not in drawn and drawn.count("<svg") == 1 and "update ÷ weight" in drawn
    expect(both.locator(".tl-td-whole")).to_have_count(0)
