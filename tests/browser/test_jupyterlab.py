"""One run in a real JupyterLab: the widget comes up, steps, keeps its keys, and asks nobody outside."""

from __future__ import annotations

import re

import pytest
from _lab import answers, run
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(600)

CELL = """\
import torchlean_nb as tl
from torchlean_nb.widgets import GraphStepper
s = tl.Session()
x = s.param(3.0, name="x")
w = GraphStepper(s.trace(x * x + x), step=0)
w"""
COMPOSITE = """\
z = s.param([[1.0, 2.0, -1.0]], name="z")
v = s.show(tl.cross_entropy(z, [0]).named("L"), step=1)
v"""
DESIGNER = """\
import torchlean_nb as tl
d = tl.widgets.ScheduleDesigner(tl.schedules.warmup_cosine(0.1, warmup=20, total=200), steps=200)
d"""
TRAIN = """\
import time
from pathlib import Path
import torchlean_nb as tl
from torchlean_nb.train.observe import Recorder
from ipywidgets.widgets.widget import _instances
import numpy as np

def trainer():
    model = tl.nn.Sequential(tl.nn.Linear(2, 16), tl.nn.ReLU(), tl.nn.Linear(16, 2))
    return tl.Trainer(model, task="classification", optimizer="adam", schedule=0.01)"""
FIT = """\
dash = tl.widgets.TrainingDashboard(planned=600)
fitted = trainer().fit(tl.data.moons(), steps=600, batch_size=20, validation=0.2, progress=False,
                       callbacks=[dash, lambda moment: Path("seen").exists() or time.sleep(0.1)])"""
ALIVE = "print('alive', len(_instances), dash)"


def test_the_widget_steps_in_jupyterlab(lab, watch):
    seen = watch(width=1200)
    page = seen.page
    lab.open(page, "one", CELL, "print('step', w.step, w.state)", COMPOSITE)
    run(page)
    widget = page.locator(".tl").first
    expect(widget).to_have_attribute("data-step", "0")
    expect(page.locator(".jp-OutputArea-output").nth(1)).to_contain_text("step 0")

    widget.get_by_role("button", name="Step (Right)").click()
    cell = page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex")
    widget.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "End"):
        page.keyboard.press(key)
    expect(widget).to_have_attribute("data-step", "8")
    assert page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex") == cell
    widget.get_by_role("slider", name="Step").fill("7")

    answers(page, 1, lambda printed: "step 7" in printed)

    second = page.locator(".tl").last
    expect(second.locator(".tl-node")).to_have_count(3)
    second.locator(".tl-node", has_text="cross_entropy").dblclick()
    expect(second.locator(".tl-node", has_text="log1p")).to_have_count(1)
    expect(second).to_have_attribute("data-step", "1")
    second.locator(".tl-node", has_text="log1p").focus()
    page.keyboard.press("Shift+Enter")
    expect(second.locator(".tl-narr")).to_contain_text("only what the session recorded can be opened")
    expect(second.get_by_role("button", name="Close L")).to_be_visible()
    second.focus()
    page.keyboard.press("Backspace")
    expect(second.locator(".tl-node")).to_have_count(3)
    expect(second.get_by_role("button", name="Close L")).to_have_count(0)
    expect(second).to_be_focused()

    signs = widget.locator(".tl-legend")
    expect(signs).to_have_text("parameteroperationvalue∇ gradientnegative")
    widget.focus()
    page.keyboard.press("t")
    expect(signs).to_be_hidden()

    light = page.evaluate("getComputedStyle(document.querySelector('.tl')).colorScheme")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    assert (light, page.evaluate("getComputedStyle(document.querySelector('.tl')).colorScheme")) == ("light", "dark")
    seen.errors[:] = [e for e in seen.errors if "widget" in e]  # JupyterLab has warnings of its own


def test_a_knob_is_dragged_in_jupyterlab_and_the_kernel_follows(lab, watch):
    seen = watch(width=1300)
    page = seen.page
    lab.open(page, "designer", DESIGNER, "print(d.value)")
    run(page)
    knob = page.locator('.tl-sd-knob[aria-label="end of warmup"]')
    expect(knob).to_have_attribute("aria-valuetext", "step 20, lr 0.1")

    box = knob.locator("path").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, 9):
        page.mouse.move(x + 8 * i, y + 4 * i)
    page.mouse.up()
    code = page.locator(".tl-sd-code")
    expect(code).not_to_contain_text("warmup=20,")
    answers(page, 1, lambda printed: code.inner_text().split("warmup_cosine(")[-1].rstrip(")") in printed)

    field = page.locator(".tl-sd-field", has_text="warmup").locator("input[type=text]")
    field.fill("500")
    field.press("Enter")
    expect(page.locator(".tl-sd-refused")).to_contain_text("warmup must be < total, which is 200")
    field.fill("33")
    field.press("Enter")
    expect(knob).to_have_attribute("aria-valuetext", re.compile("^step 33,"))
    seen.errors[:] = [e for e in seen.errors if "widget" in e]  # JupyterLab has warnings of its own


def test_a_fit_is_followed_and_its_picture_stays(lab, watch):
    seen = watch(width=1300)
    page = seen.page
    lab.open(page, "dashboard", TRAIN, FIT, ALIVE)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    widget = page.locator(".tl-td")
    expect(widget).to_have_count(1, timeout=60_000)
    tag = widget.locator(".tl-tag")
    expect(tag).to_have_text("running")
    # It moves while the kernel is busy, and needs no answer from it.
    for _ in range(4):
        now = widget.get_attribute("data-step")
        expect(widget).not_to_have_attribute("data-step", now)
    expect(tag).to_have_text("running")
    (lab.folder / "seen").touch()  # now the rest goes fast
    expect(widget).to_have_attribute("data-step", "599", timeout=60_000)
    expect(widget.locator(".tl-narr")).to_contain_text("Step 599")
    expect(widget.locator(".tl-td-panel")).to_have_count(7)
    alive = page.locator(".jp-OutputArea-output", has_text="alive")
    expect(alive).to_contain_text("1 run, step 599 of 599")

    counts = [int(re.search(r"alive (\d+)", alive.inner_text())[1])]
    for _ in range(2):
        run(page, "notebook:run-cell", 1)
        run(page, "notebook:run-cell", 2)
        expect(widget).to_have_count(1)
        counts.append(int(re.search(r"alive (\d+)", alive.inner_text())[1]))
    assert counts[0] == counts[1] == counts[2]

    widget.focus()
    page.keyboard.press("Home")
    expect(widget).to_have_attribute("data-step", "0")
    seen.errors[:] = [e for e in seen.errors if "widget" in e]  # JupyterLab has warnings of its own
