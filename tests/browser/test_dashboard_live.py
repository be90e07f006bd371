"""TrainingDashboard in a real Chromium while a training runs, and after a long one."""

from __future__ import annotations

import _dashboards
import numpy as np
import pytest
from _dashboard_pages import widget, written_live
from _waiting import drawn
from playwright.sync_api import expect

from torchlean_nb.render.dashboard import html
from torchlean_nb.render.dashboard_live import Feed
from torchlean_nb.trace.run import RunTrace, Series
from torchlean_nb.widgets import TrainingDashboard


@pytest.fixture
def running(watch, tmp_path):
    """A dashboard whose Python side is this process: `step(n)` records n further steps and sends what is new."""
    told, now = [], [100.0]
    w = TrainingDashboard(planned=400)
    w._feed = Feed(lambda: now[0])
    w.send = lambda m: told.append(m)
    written_live(tmp_path / "live.html", w)
    page = watch(tmp_path / "live.html").page

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
    drawn(page)
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
