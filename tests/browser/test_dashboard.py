"""TrainingDashboard in a real Chromium: scrubbing by mouse and keys, runs, switches, live updates, widths, contrast."""

from __future__ import annotations

import re

import _dashboards
import numpy as np
import pytest
from playwright.sync_api import expect

from torchlean_nb.escape import json_for_script
from torchlean_nb.render.dashboard import html
from torchlean_nb.render.dashboard_live import Feed
from torchlean_nb.render.dashboard_words import sentence
from torchlean_nb.render.html import assets
from torchlean_nb.trace.run import RunTrace, Series
from torchlean_nb.widgets import TrainingDashboard

OVERFLOW = "() => [document.documentElement.scrollWidth, innerWidth]"
SMALLEST = "() => Math.min(...[...document.querySelectorAll('.tl-td text, .tl-td span, .tl-td b, .tl-td button')]" \
           ".filter(e => e.textContent && e.checkVisibility()).map(e => parseFloat(getComputedStyle(e).fontSize)))"
LIVE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>live</title>
<style>body{{margin:0;padding:12px}}{css}</style></head><body><div id="widget"></div>
<script type="module">{esm}
const data = {data}, heard = {{}};
const tell = (name, value) => (heard[name] || []).forEach((fn) => fn(value));
window.asked = [];
const model = {{
  get: (k) => data[k], set: (k, v) => {{ data[k] = v; }}, off() {{}}, save_changes() {{}},
  on: (name, fn) => (heard[name] = [...(heard[name] || []), fn]), send: (m) => window.asked.push(m),
}};
window.say = (m) => tell("msg:custom", m);
window.whole = (p) => {{ data.payload = p; tell("change:payload"); }};
widget.render({{ model, el: document.getElementById("widget") }});
</script></body></html>
"""


def two():
    return [_dashboards.run(), _dashboards.run("sgd", 120, 3.0)]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboard")
    html(_dashboards.run(), folder / "one.html")
    html(two(), folder / "two.html")
    html([_dashboards.diverged(), _dashboards.run()], folder / "diverged.html")
    html(RunTrace("one", [Series("loss", [0], [2.0])]), folder / "single.html")
    html(RunTrace("none"), folder / "nothing.html")
    html([_dashboards.run(f"run {i}", layers=[f"block{j}.weight" for j in range(20)]) for i in range(8)],
         folder / "many.html")  # fmt: skip
    html(_dashboards.named("<img src=x onerror=alert(1)>"), folder / "hostile.html")
    TrainingDashboard(two(), presentation=True).to_html(folder / "present.html")
    return folder


@pytest.fixture
def one(watch, pages):
    return watch(pages / "one.html").page


@pytest.fixture
def both(watch, pages):
    return watch(pages / "two.html").page


def widget(page):
    return page.locator(".tl")


def chart(page, name):
    return page.locator(".tl-td-panel", has=page.locator(f".tl-td-head > b:text-is('{name}')"))


def chip(page, name):
    return page.locator(".tl-td-chip", has=page.locator(".tl-td-name", has_text=re.compile(f"^{re.escape(name)}$")))


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
    one.get_by_label("Speed").select_option("4")
    one.get_by_role("button", name="Play (Space)").or_(one.get_by_role("button", name="Play")).click()
    expect(one.get_by_role("button", name="Pause")).to_be_visible()
    expect(widget(one)).to_have_attribute("data-step", "199", timeout=15_000)
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


# -- looks ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [350, 480, 724, 1100])
@pytest.mark.parametrize("name", ["one", "two", "diverged", "single", "many", "hostile"])
def test_nothing_is_wider_than_its_cell_or_too_small(watch, pages, name, width):
    page = watch(pages / f"{name}.html", width).page
    wide, inner = page.evaluate(OVERFLOW)
    assert wide <= inner
    assert page.evaluate(SMALLEST) >= 10.5
    for svg in page.locator(".tl-td-grid .tl-td-svg").all():
        drawn, box = svg.get_attribute("viewBox").split(), svg.bounding_box()
        assert abs(float(drawn[2]) - box["width"]) <= 1.5, "a chart is drawn at its own size, never scaled"


@pytest.mark.parametrize("name", ["one", "two"])
def test_it_fits_a_cell(watch, pages, name):
    assert 300 < watch(pages / f"{name}.html").page.locator(".tl").bounding_box()["height"] <= 650


def test_presentation_is_larger_and_still_fits(watch, pages):
    page = watch(pages / "present.html", 1100).page
    wide, inner = page.evaluate(OVERFLOW)
    assert wide <= inner
    assert page.locator(".tl-td-head b").first.bounding_box()["height"] > 18


def test_a_run_without_anything_says_so(watch, pages):
    page = watch(pages / "nothing.html").page
    expect(page.locator(".tl-stage")).to_have_text("Nothing was recorded.")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast(watch, pages, theme):
    page = watch(pages / "two.html", 724, theme).page
    kinds = [".tl-td-head b", ".tl-td-sub", ".tl-td-at", ".tl-td-chip .tl-meta", ".tl-narr", ".tl-count",
             ".tl-td-track b", ".tl-td-axes text", ".tl-td-ends text", ".tl-td-gi", ".tl-td-name"]  # fmt: skip
    found = page.evaluate("""(kinds) => kinds.map(q => {
        const e = document.querySelector(q), look = getComputedStyle(e); let b = e.parentElement;
        while (b && /rgba\\(0, 0, 0, 0|transparent/.test(getComputedStyle(b).backgroundColor)) b = b.parentElement;
        const ink = e instanceof SVGElement ? look.fill : look.color;
        return [q, ink, getComputedStyle(b).backgroundColor]; })""", kinds)
    for kind, ink, ground in found:
        light = sorted(map(luminance, (ink, ground)))
        assert (light[1] + 0.05) / (light[0] + 0.05) >= 4.5, (kind, ink, ground)


def luminance(colour):
    channels = [float(v) for v in re.findall(r"[\d.]+", colour)][:3]
    scale = 1 if "srgb" in colour else 255
    lin = [c / scale / 12.92 if c / scale <= 0.03928 else ((c / scale + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]


def test_focus_is_visible_on_every_control(one):
    seen = set()
    for _ in range(24):
        one.keyboard.press("Tab")
        look = one.evaluate("""() => { const e = document.activeElement, s = getComputedStyle(e);
            if (e === document.body) return [];
            return [e.getAttribute('aria-label') || e.textContent, s.outlineStyle, s.outlineWidth]; }""")
        if look:
            seen.add(look[0])
            assert look[1] == "solid" and look[2] == "2px", look
    assert {"Step", "Smoothing", "Series of this chart", "What the histogram is of"} <= seen


def test_a_hostile_name_is_text(watch, pages):
    page = watch(pages / "hostile.html").page
    assert page.locator("img").count() == 0
    expect(page.locator(".tl-td-name").first).to_contain_text("<img src=x")
    widget(page).focus()
    page.keyboard.press("t")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString", "val_", "val_val_loss", "/", "a/b"])
def test_names_that_mean_something_to_javascript_are_names(watch, tmp_path, name):
    k = [0, 1, 2]
    series = [Series("loss", k, [3, 2, 1]), Series(name, k, [1, 2, 3]), Series("dead/" + name, k, [0, 0, 1])]
    with_it = RunTrace(name, series)
    html([with_it, _dashboards.run(), RunTrace(name)], tmp_path / "odd.html", metric=name)
    page = watch(tmp_path / "odd.html").page
    for key in ("t", "Home", "ArrowRight", "t", "2", "3", "ArrowDown", "1", "l"):
        widget(page).press(key)
    expect(page.locator(".tl-err")).to_be_hidden()
    expect(page.locator(".tl-narr")).to_contain_text("Step")


ODD = [{"at": "x"}, {"at": -5}, {"off": 3}, {"off": ["adam", "sgd"]}, {"smooth": "a"}, {"smooth": 99}, {"log": 7},
       {"metric": []}, {"chosen": 1}, {"layer": {}}, {"what": "__proto__"}, {"speed": "fast"}]  # fmt: skip


@pytest.mark.parametrize("state", ODD, ids=str)
def test_a_state_from_elsewhere_does_no_harm(watch, tmp_path, state):
    html(two(), tmp_path / "odd.html", **state)
    page = watch(tmp_path / "odd.html").page
    for key in ("Home", "ArrowRight", "t", "t", "l"):
        widget(page).press(key)
    expect(page.locator(".tl-err")).to_be_hidden()
    expect(page.locator(".tl-narr")).to_contain_text("Step 1")


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


# -- while a training runs -----------------------------------------------------------------------
@pytest.fixture
def running(watch, tmp_path):
    """A dashboard whose Python side is this process: `step(n)` records n further steps and sends what is new."""
    told, now = [], [100.0]
    w = TrainingDashboard(planned=400)
    w._feed = Feed(lambda: now[0])
    w.send = lambda m: told.append(m)
    data = {"kind": w.kind, "payload": w.payload, "options": w.options, "state": w.state, "step": 0}
    esm, css = assets(w.kind)
    file = tmp_path / "live.html"
    file.write_text(LIVE.format(css=css, esm=esm, data=json_for_script(data)), encoding="utf-8")
    page = watch(file).page

    def show(steps, status="running", after=0.2):
        now[0] += after
        before = w.payload
        w.update(_dashboards.run("live", steps), status)
        if w.payload is not before:
            page.evaluate("p => whole(p)", w.payload)
        for m in told:
            page.evaluate("m => say(m)", m)
        return [told.pop() for _ in list(told)]

    return page, show


def test_a_running_training_is_drawn_as_it_comes(running):
    page, show = running
    expect(page.locator(".tl-stage")).to_contain_text("Waiting for the first step.")
    show(5)
    expect(widget(page)).to_have_attribute("data-step", "4")
    expect(page.locator(".tl-tag")).to_have_text("running")
    expect(page.locator(".tl-td-todo")).to_be_visible()
    sent = show(60)
    assert len(sent) == 1 and sent[0]["runs"][0]["series"]["loss"]["k"] == [5, 1]
    expect(widget(page)).to_have_attribute("data-step", "59")
    expect(page.locator(".tl-narr")).to_contain_text("Step 59, epoch 3: loss")
    expect(page.locator(".tl-narr")).to_have_attribute("aria-live", "off")
    widget(page).focus()
    page.keyboard.press("Home")
    show(120)
    expect(widget(page)).to_have_attribute("data-step", "0")
    page.keyboard.press("End")
    expect(widget(page)).to_have_attribute("data-step", "119")
    show(400, "finished")
    expect(widget(page)).to_have_attribute("data-step", "399")
    expect(page.locator(".tl-tag")).to_be_hidden()
    expect(page.locator(".tl-td-todo")).to_be_hidden()


def test_a_browser_that_missed_a_message_waits_for_the_whole(running):
    page, show = running
    show(5)
    show(10)
    page.evaluate("say({kind: 'more', rev: 99, runs: [{i: 0, series: {loss: {k: [50], v: [7]}}}]})")
    page.wait_for_timeout(100)
    expect(widget(page)).to_have_attribute("data-step", "9")
    show(30, after=5)
    expect(widget(page)).to_have_attribute("data-step", "29")


def test_a_browser_that_comes_later_says_what_it_has(running):
    page, _ = running
    assert page.evaluate("asked") == [{"kind": "hello", "rev": 0}]


def test_a_million_steps_are_drawn_at_once(watch, tmp_path):
    n = 10**6
    k = np.arange(n)
    noise = np.random.default_rng(0).random(n)
    long = RunTrace("long", [Series("loss", k, np.exp(-k / 2e5) + 0.1 * noise), Series("lr", k, 1 - k / n)])
    text = html(long, tmp_path / "long.html")
    assert len(text) < 1_000_000
    page = watch(tmp_path / "long.html").page
    expect(page.locator(".tl-count")).to_contain_text("999999")
    widget(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(widget(page)).not_to_have_attribute("data-step", "0")
