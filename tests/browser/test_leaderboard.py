"""Leaderboard in a real Chromium: measures, places, hiding, fingerprints, keys, widths, and no network."""

from __future__ import annotations

import _fair
import pytest
from playwright.sync_api import expect

from torchlean_nb.trace import FairTrace, judging
from torchlean_nb.trace.contest import Contest

HOSTILE = "<img src=x onerror=alert(1)>"
WORDS = {"best": "best", "median": "median over rates", "steps": "time to target", "area": "area"}
TRACE = _fair.both()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fair")
    TRACE.to_html(folder / "both.html")
    _fair.both(fixed=True).to_html(folder / "rigged.html")
    FairTrace([_fair.network()]).to_html(folder / "one.html")
    _fair.both(first=HOSTILE).to_html(folder / "hostile.html")
    FairTrace([]).to_html(folder / "none.html")
    many = [_fair.entry(f"a rule with a long name {i}", _fair.grid(0.01), 0.01, 0.1, seed=i) for i in range(12)]
    names = [f"a problem with a long name {i}" for i in range(4)]
    contests = [Contest(n, "network", "epochs", range(6), (0, 1, 2), 1.0, many) for n in names]
    FairTrace(contests).to_html(folder / "many.html")
    return folder


@pytest.fixture
def page(watch, pages):
    return watch(pages / "both.html").page


def board(page):
    """Names and places as the table has them."""
    return page.eval_on_selector_all(
        ".tl-lb-board tbody tr",
        "rows => rows.map(r => [r.querySelector('.tl-lb-name').textContent,"
        " ...[...r.querySelectorAll('.tl-lb-place')].map(p => p.textContent)])",
    )


def test_the_board_has_the_places_of_every_measure(page):
    for metric in judging.METRICS:
        page.get_by_role("button", name=WORDS[metric], exact=True).click()
        seen = board(page)
        assert [row[0] for row in seen] == [*TRACE["rosenbrock"].ranking(metric)]
        for row in seen:
            assert [int(p.rstrip("=")) for p in row[1:]] == [c.ranking(metric)[row[0]] for c in TRACE.contests]
        expect(page.get_by_role("button", name=WORDS[metric], exact=True)).to_have_attribute("aria-pressed", "true")


def test_a_column_sorts_and_the_ranking_is_seen_to_change(page):
    assert [row[0] for row in board(page)] == [*TRACE["rosenbrock"].ranking()]
    page.get_by_role("button", name="digits_mlp").click()
    assert [row[0] for row in board(page)] == [*TRACE["digits_mlp"].ranking()] != [*TRACE["rosenbrock"].ranking()]
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("digits_mlp")
    expect(page.locator(".tl-narr")).to_contain_text("change places from rosenbrock to digits_mlp")


def test_a_contender_can_be_hidden_from_the_pictures_and_the_table(page):
    lines = page.locator('.tl-lb-panels g[data-c="0"] .cl')
    assert lines.first.is_visible()
    page.get_by_role("checkbox", name="Show sgd").uncheck()
    assert not lines.first.is_visible() and page.locator('.tl-lb-panels g[data-c="1"] .cl').first.is_visible()
    page.get_by_role("button", name="Table", exact=True).click()
    rows = page.locator(".tl-lb-twin tbody tr")
    assert rows.count() == 2 * 2 * 5 and "sgd" not in rows.all_inner_texts()[0]
    page.get_by_role("checkbox", name="Show sgd").check()
    assert rows.count() == 2 * 3 * 5


def test_who_is_hidden_does_not_stand_out_from_the_others(page):
    row = page.locator(".tl-lb-board tbody tr").first
    row.hover()
    assert page.locator(".tl-lb-panel .tl-lb-dim").count() > 0
    row.get_by_role("checkbox").click()
    assert page.locator(".tl-lb-panel .tl-lb-dim").count() == 0
    row.get_by_role("checkbox").click()
    assert page.locator(".tl-lb-panel .tl-lb-dim").count() > 0


def test_the_padlock_has_fingerprints(page):
    table = page.locator(".tl-lb-prints")
    assert not table.is_visible()
    page.get_by_role("button", name="fingerprints").click()
    cells = table.locator("tbody tr").first.locator("td").all_inner_texts()
    assert cells == ["rosenbrock", "0", _fair.STARTS[0], _fair.ORDERS[0]] and table.locator("tbody tr").count() == 6
    expect(page.get_by_role("button", name="fingerprints")).to_have_attribute("aria-expanded", "true")


def test_the_badge_is_there_when_somebody_fixed_a_rate(watch, pages):
    expect(watch(pages / "rigged.html").page.locator(".tl-lb-badge")).to_have_text(
        "not fair: digits_mlp: adam had 1 rate, others 5"
    )
    assert not watch(pages / "both.html").page.locator(".tl-lb-badge").is_visible()


def test_everything_can_be_done_with_keys_and_none_reaches_the_host(page):
    page.evaluate("window.seen=[]; document.addEventListener('keydown', e => window.seen.push(e.key))")
    page.locator(".tl").focus()
    chosen = page.locator(".tl-lb-board tr.tl-sel .tl-lb-name")
    order = [*TRACE["rosenbrock"].ranking()]
    expect(chosen).to_have_text(order[0])
    for key, name in (("ArrowDown", order[1]), ("ArrowDown", order[2]), ("ArrowDown", order[2]), ("ArrowUp", order[1])):
        page.keyboard.press(key)
        expect(chosen).to_have_text(name)
        expect(page.locator(".tl-narr")).to_contain_text(f"{name} is at place")
    page.keyboard.press("x")
    expect(page.get_by_role("checkbox", name=f"Show {order[1]}")).not_to_be_checked()
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="median over rates")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("digits_mlp")
    page.keyboard.press("t")
    assert page.locator(".tl-lb-twin").is_visible() and page.evaluate("window.seen") == []


def test_the_state_comes_back(watch, pages, tmp_path):
    path = tmp_path / "again.html"
    path.write_text(TRACE.show(state={"metric": "area", "off": ["adam"], "by": 1, "chosen": 2}).to_html())
    page = watch(path).page
    expect(page.get_by_role("button", name="area", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("checkbox", name="Show adam")).not_to_be_checked()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("digits_mlp")
    path.write_text(TRACE.show(state={"metric": "x", "off": "adam", "by": 9, "chosen": -1}).to_html())
    assert [row[0] for row in board(watch(path).page)] == [*TRACE["rosenbrock"].ranking()]


def test_hostile_names_are_text(watch, pages):
    page = watch(pages / "hostile.html").page
    assert page.locator("img").count() == 0
    assert page.locator(".tl-lb-name", has_text=HOSTILE).count() == 1


@pytest.mark.parametrize("width", [724, 480, 362])
@pytest.mark.parametrize("name", ["both", "rigged", "one", "many", "none"])
def test_nothing_is_wider_than_its_cell(watch, pages, width, name):
    page = watch(pages / f"{name}.html", width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if name == "none":
        expect(page.locator(".tl-narr")).to_have_text("There are no contenders.")
