"""The rate map of the race arena in a real Chromium."""

from __future__ import annotations

from functools import partial

import pytest
from _arenas import answer, open_alone, open_live, sent
from playwright.sync_api import expect


@pytest.fixture
def live(watch, tmp_path):
    return partial(open_live, watch, tmp_path)


@pytest.fixture
def alone(watch, tmp_path):
    return partial(open_alone, watch, tmp_path)


def test_the_rate_map_marks_the_best_and_sets_what_is_pointed_at(live):
    page = live("quadratic", state={"view": "rates"})
    pad = page.locator(".tl-rc-ratemap")
    expect(pad).to_contain_text("\u03b1 = 0.0331, \u03b2 = 0.669")
    expect(pad).to_contain_text("best: 0.818 a step")
    reading = page.locator(".tl-rc-reading")
    expect(reading).to_contain_text("Momentum at \u03b1 = 0.02, \u03b2 = 0.7: a step leaves 0.915 of the dist")
    expect(reading).to_contain_text("25.9 steps gain a digit")
    page.get_by_role("button", name="Take the best").click()
    answer(page)
    assert sent(page) == [
        {"do": "hyper", "index": 1, "name": "lr", "value": pytest.approx(4 / 121)},
        {"do": "hyper", "index": 1, "name": "momentum", "value": pytest.approx((9 / 11) ** 2)},
    ]
    answer(page)
    pad.press("ArrowRight")
    pad.press("ArrowUp")
    answer(page)
    assert [(m["name"], m["value"]) for m in sent(page)[2:]] == [("lr", 0.022), ("momentum", 0.71)]
    answer(page)
    box = pad.bounding_box()
    pad.hover(position={"x": box["width"] - 30, "y": box["height"] * 0.6})
    expect(reading).to_contain_text("diverges")
    pad.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.5})
    answer(page)
    lr, momentum = (m["value"] for m in sent(page)[4:])
    assert 1e-3 < lr < 0.02 and 0.4 < momentum < 0.7


def test_the_rate_map_of_a_rule_without_momentum_has_its_own_best(live):
    def plain(data):
        track = data["tracks"][0]
        track["rule"], track["knobs"] = "sgd", [k for k in track["knobs"] if k["name"] == "lr"]

    page = live("quadratic", state={"view": "rates", "chosen": 0}, change=plain)
    pad = page.locator(".tl-rc-ratemap")
    expect(pad).to_contain_text("\u03b1 = 0.0198, \u03b2 = 0")
    expect(pad).to_contain_text("best: 0.98 a step")
    pad.click(position={"x": 200, "y": 100})
    assert sent(page) == []


def test_without_python_the_rate_map_is_read_by_keys(alone):
    page = alone("quadratic", state={"view": "rates"})
    pad, reading = page.locator(".tl-rc-ratemap"), page.locator(".tl-rc-reading")
    for _ in range(30):
        pad.press("Shift+ArrowDown")
    pad.press("ArrowLeft")
    expect(reading).to_contain_text("\u03b1 = 0.018, \u03b2 = 0: a step leaves 0.982 of the distance, 127 steps")
    expect(page.locator(".tl-count b")).to_have_text("30")
    expect(page.get_by_role("button", name="Take the best")).to_be_hidden()
    pad.click(position={"x": 150, "y": 100})
    expect(page.get_by_role("alert").filter(has_text="needs Python")).to_be_visible()


def test_where_there_is_no_rate_map_it_says_why(live):
    page = live(state={"view": "rates"})
    expect(page.locator(".tl-rc-rates")).to_contain_text("the Hessian of this surface changes from place to place")
    expect(page.locator(".tl-rc-ratemap")).to_have_count(0)

    def saddle(data):
        data["surface"]["eigen"]["values"] = [-2, 2]

    page = live("quadratic", state={"view": "rates"}, change=saddle)
    expect(page.locator(".tl-rc-rates")).to_contain_text("along a direction of curvature \u22122")
    page = live("quadratic", state={"view": "rates", "chosen": 2})
    expect(page.locator(".tl-rc-rates")).to_contain_text("Adam has no constant rate and momentum")
