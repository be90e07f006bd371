"""UpdateAnatomy in a real Chromium: scrubbing, terms and coordinates by mouse and keys, what-ifs, widths."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

import torchlean_nb as tl
from torchlean_nb.widgets import UpdateAnatomy

GRADS = ([0.42, 0.05, 0.0021, -0.3], [0.36, -0.42, 0.0020, 0.25], [0.31, -4.2, 0.0025, -0.12])
OVERFLOW = "() => [document.documentElement.scrollWidth, innerWidth]"
FONT = "() => Math.min(...[...document.querySelectorAll('.ua-v, .ua-term span, .ua-fo b')]" \
       ".map(e => parseFloat(getComputedStyle(e).fontSize)))"


def three_steps(name="w"):
    opt = tl.optim.AdamW({name: np.array([0.8, -1.2, 0.05, 3.0])}, lr=0.01, weight_decay=0.1)
    out = []
    for g in GRADS:
        opt.step({name: np.array(g)})
        out.append(opt.explain(0))
    return out


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anatomy")
    UpdateAnatomy(three_steps()).to_html(folder / "adamw.html")
    UpdateAnatomy(three_steps("<img src=x onerror=alert(1)>")).to_html(folder / "hostile.html")
    rng = np.random.default_rng(0)
    opt = tl.optim.Adam({"W": rng.normal(size=(20, 30)).astype(np.float32)}, lr=0.1)
    opt.step({"W": rng.normal(size=(20, 30)).astype(np.float32)})
    UpdateAnatomy(opt, schedule=tl.schedules.cosine(0.1, total=10)).to_html(folder / "large.html")
    opt = tl.optim.SGD({"w": 1.0}, lr=0.1)
    opt.step({"w": 2.0})
    UpdateAnatomy(opt).to_html(folder / "number.html")
    return folder


@pytest.fixture
def page(watch, pages):
    return watch(pages / "adamw.html").page


def row(page, title):
    name = page.locator(".ua-term > span", has_text=re.compile(f"^{re.escape(title)}$"))
    return page.locator(".ua-row", has=name).first


def numbers(page, title):
    return [t.replace("−", "-") for t in row(page, title).locator(".ua-v").all_inner_texts()]


def test_the_rows_stand_in_order_with_their_numbers(page):
    titles = page.locator(".ua-row .ua-term > span").all_inner_texts()
    assert titles == [
        "raw gradient", "first moment", "√ second moment", "÷ bias correction", "√ ÷ bias correction", "direction",
        "+ decay", "× learning rate", "= actual step",
    ]  # fmt: skip
    delta = three_steps()[-1].delta
    assert np.allclose([float(t) for t in numbers(page, "= actual step")], delta, atol=5e-5)
    blocks = page.locator(".ua-blk b").all_inner_texts()
    assert blocks == ["1 · How large, how steady", "2 · A direction", "3 · The step"]
    expect(page.locator(".tl-narr")).to_contain_text("✓ bit for bit")


def test_formulas_have_the_numbers_of_the_chosen_coordinate(page):
    first = row(page, "first moment").locator(".ua-math")
    expect(first).to_have_text("0.9·0.0738+0.1·0.31")
    page.get_by_role("button", name="w[1]").click()
    expect(first).to_have_text("0.9·(−0.0375)+0.1·(−4.2)")
    expect(page.locator(".ua-head .ua-fo")).to_have_text("for w[1], with the numbers")


def test_scrubbing_shows_another_step(page):
    expect(page.locator(".tl-count")).to_have_text("t = 3 of 3")
    page.locator(".tl").focus()
    page.keyboard.press("Home")
    expect(page.locator(".tl-count")).to_have_text("t = 1 of 3")
    assert numbers(page, "raw gradient") == ["0.42", "0.05", "0.0021", "-0.3"]
    assert numbers(page, "direction") == ["1.000", "1.000", "1.000", "-1.000"]
    page.keyboard.press("ArrowRight")
    assert numbers(page, "raw gradient") == ["0.36", "-0.42", "0.002", "0.25"]


def test_rows_are_kept_when_the_step_changes(page):
    page.evaluate("document.querySelectorAll('.ua-row, .ua-bar').forEach(e => e.kept = true)")
    page.get_by_role("slider", name="Step").fill("0")
    assert page.evaluate("[...document.querySelectorAll('.ua-row, .ua-bar')].every(e => e.kept)")


def test_arrow_keys_go_through_the_terms_with_the_focus(page):
    page.locator(".tl").focus()
    for title in ("raw gradient", "first moment", "second moment"):
        page.keyboard.press("ArrowDown")
        expect(page.locator(".ua-about .tl-h2")).to_contain_text(title)
        assert page.evaluate("document.activeElement.classList.contains('ua-now')")
    expect(page.locator(".ua-about")).to_contain_text("drawn is its root")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".ua-about")).to_contain_text("0.9·0.0738+0.1·0.31 = 0.09742")
    page.keyboard.press("Escape")
    expect(page.locator(".ua-about .tl-h2")).to_contain_text("= actual step")


def test_keys_choose_the_coordinate_and_do_not_reach_the_host(page):
    page.evaluate("window.seen=[]; document.addEventListener('keydown', e => window.seen.push(e.key))")
    page.locator(".tl").focus()
    for key, name in (("]", "w[1]"), ("]", "w[2]"), ("[", "w[1]"), ("[", "w[0]"), ("[", "w[3]")):
        page.keyboard.press(key)
        expect(page.locator(".ua-head button[aria-pressed=true]")).to_contain_text(name)
    page.keyboard.press("ArrowDown")
    assert page.evaluate("window.seen") == []


def test_what_ifs_are_outlines_that_can_be_switched(page):
    assert page.locator(".ua-gk").all_inner_texts() == [
        "no bias correction", "L2 in the gradient instead of decoupled decay",
    ]  # fmt: skip
    fin = row(page, "= actual step")
    assert fin.locator(".ua-shadow.ua-past").count() >= 2
    page.get_by_role("checkbox", name="no bias correction").uncheck()
    page.get_by_role("checkbox", name="no decay").check()
    assert page.locator(".ua-gk").all_inner_texts()[-1] == "no decay"
    e = three_steps()[-1]
    said = fin.locator(".ua-vs").last.locator("span").last.inner_text().replace("−", "-")
    assert float(said) == pytest.approx(e.without(weight_decay=0.0)[0], abs=5e-5)


def test_bars_are_as_long_as_their_numbers(page):
    boxes = [b.bounding_box() for b in row(page, "direction").locator(".ua-bar").all()]
    values = [abs(float(t)) for t in numbers(page, "direction")]
    ratios = [b["width"] / v for b, v in zip(boxes, values, strict=True)]
    assert max(ratios) / min(ratios) < 1.1
    middle = [c.bounding_box() for c in row(page, "direction").locator(".ua-cell").all()]
    for b, cell, said in zip(boxes, middle, numbers(page, "direction"), strict=True):
        centre = cell["x"] + cell["width"] / 2
        assert (b["x"] + b["width"] / 2 > centre) == (not said.startswith("-"))


def test_the_plane_follows_two_coordinates(page):
    plane = page.locator(".ua-plane")
    step = three_steps()[-1].delta
    assert plane.get_attribute("aria-label").startswith("In the plane of w[0] and w[1]")
    assert plane.locator(".ua-ghost").count() == 2
    page.get_by_role("combobox", name="Second coordinate").select_option("3")
    said = plane.get_attribute("aria-label").replace("−", "-")
    found = [float(v) for v in re.findall(r"-?\d*\.\d+(?:e-\d+)?", said)]
    assert np.allclose(found, [step[0], step[3]], rtol=5e-3)


def test_a_typed_index_shows_another_coordinate(watch, pages):
    page = watch(pages / "large.html").page
    before = page.locator(".ua-head button").count()
    page.locator(".tl").focus()
    page.keyboard.press("c")
    page.keyboard.type("0, 0")
    page.keyboard.press("Enter")
    expect(page.locator(".ua-head button[aria-pressed=true]")).to_contain_text("W[0, 0]")
    assert page.locator(".ua-head button").count() == before + 1
    field = page.get_by_role("textbox", name="Index of a coordinate")
    for typed, said in (("99, 1", "There is no entry"), ("x", "There is no entry"), ("7, 7", "did not travel")):
        field.fill(typed)
        field.press("Enter")
        expect(page.locator(".tl-narr")).to_contain_text(said)


def test_a_notebook_sends_the_coordinate_that_is_missing(watch, pages, tmp_path):
    rng = np.random.default_rng(0)
    opt = tl.optim.Adam({"W": rng.normal(size=(20, 30))}, lr=0.1)
    opt.step({"W": rng.normal(size=(20, 30))})
    w = UpdateAnatomy(opt)
    text = w.to_html()
    w.send_coordinate([7, 7])
    more = json.dumps(w.payload).replace("<", "\\u003c")
    # What a kernel does: it hears the message, and its payload changes.
    live = """standalone = (doc) => {
      const data = JSON.parse(doc.getElementById("data").textContent), heard = {};
      const model = { get: (k) => data[k], set: (k, v) => { data[k] = v; }, save_changes() {}, off() {},
        on: (name, fn) => { heard[name] = fn; },
        send: (m) => { window.sent = m; data.payload = MORE; heard["change:payload"](); } };
      widget.render({ model, el: doc.getElementById("widget") });
    };
    standalone(document);""".replace("MORE", more)
    head, _, tail = text.rpartition("standalone(document);")
    path = tmp_path / "live.html"
    path.write_text(head.replace("export function standalone(", "export let standalone; function alone(") + live + tail,
                    encoding="utf-8")
    page = watch(path).page
    field = page.get_by_role("textbox", name="Index of a coordinate")
    field.fill("7, 7")
    field.press("Enter")
    expect(page.locator(".ua-head button[aria-pressed=true]")).to_contain_text("W[7, 7]")
    assert page.evaluate("window.sent") == {"kind": "coordinate", "index": 217}


def test_a_large_parameter_has_histograms_and_a_schedule_its_curve(watch, pages):
    page = watch(pages / "large.html").page
    assert page.locator(".ua-hist").count() >= 6
    expect(page.locator(".ua-head .ua-all")).to_have_text("all 600")
    assert page.locator(".ua-curve").count() == 1
    assert row(page, "× schedule").locator(".ua-one").inner_text().startswith("0.1")


def test_a_single_number_has_no_plane_and_no_transport(watch, pages):
    page = watch(pages / "number.html").page
    assert page.locator(".ua-plane").is_hidden()
    assert page.locator(".tl-tr").count() == 0
    assert numbers(page, "= actual step") == ["-0.200"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [350, 480, 724, 960])
@pytest.mark.parametrize("name", ["adamw", "large"])
def test_every_width_is_laid_out_without_overflow(watch, pages, name, width, theme):
    page = watch(pages / f"{name}.html", width, theme).page
    wide, inner = page.evaluate(OVERFLOW)
    assert wide <= inner
    assert page.evaluate(FONT) >= 10.5
    for cell in page.locator(".ua-head button").all():
        box, entry = cell.bounding_box(), cell.locator(".ua-of span").last.bounding_box()
        assert box["width"] > 20
        assert box["x"] <= entry["x"] and entry["x"] + entry["width"] <= box["x"] + box["width"], "which entry it is"


def test_text_has_enough_contrast_in_both_themes(watch, pages):
    for theme in ("light", "dark"):
        page = watch(pages / "adamw.html", 724, theme).page
        colours = page.evaluate("""() => ['.ua-v', '.ua-term small', '.ua-fo b', '.ua-blk span'].map(q => {
            const e = document.querySelector(q); let b = e;
            while (b && /rgba|\\//.test(getComputedStyle(b).backgroundColor)) b = b.parentElement;
            return [getComputedStyle(e).color, getComputedStyle(b).backgroundColor]; })""")
        for pair in colours:
            light = [luminance(c) for c in pair]
            assert (max(light) + 0.05) / (min(light) + 0.05) >= 4.5, pair


def luminance(colour):
    channels = [float(v) for v in re.findall(r"[\d.]+", colour)][:3]
    scale = 255 if max(channels) > 1 or "rgb" in colour else 1
    lin = [c / scale / 12.92 if c / scale <= 0.03928 else ((c / scale + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]


def test_screen_readers_hear_a_table(page):
    table = page.get_by_role("table", name="Terms of AdamW for w")
    assert table.get_by_role("columnheader").count() == 6
    assert table.get_by_role("rowheader").count() == 9
    expect(page.get_by_role("group", name="What if")).to_be_visible()


def test_a_hostile_name_is_text(watch, pages):
    page = watch(pages / "hostile.html").page
    assert page.locator("img").count() == 0
    expect(page.locator(".ua-head button").first).to_contain_text("<img src=x")
    wide, inner = page.evaluate(OVERFLOW)
    assert wide <= inner


def test_the_exported_page_is_the_same_widget(page, watch, tmp_path):
    page.get_by_role("button", name="w[2]").click()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="HTML page").click()
    copy = tmp_path / "copy.html"
    download.value.save_as(copy)
    again = watch(copy).page
    expect(again.locator(".ua-row .ua-term > span")).to_have_count(9)
