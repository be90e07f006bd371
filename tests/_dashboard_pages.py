"""Runs as dashboards on pages, for the browser: standing alone, and with a training played by the test."""

from __future__ import annotations

import re

import _dashboards
from _written import writer

from torchlean_nb.escape import json_for_script
from torchlean_nb.render.dashboard import html
from torchlean_nb.render.html import assets
from torchlean_nb.trace.run import RunTrace, Series
from torchlean_nb.widgets import TrainingDashboard

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


def many():
    layers = [f"block{j}.weight" for j in range(20)]
    return [_dashboards.run(f"run {i}", layers=layers) for i in range(8)]


PAGES = {
    "one": lambda: html(_dashboards.run()), "two": lambda: html(two()),
    "diverged": lambda: html([_dashboards.diverged(), _dashboards.run()]),
    "single": lambda: html(RunTrace("one", [Series("loss", [0], [2.0])])),
    "nothing": lambda: html(RunTrace("none")), "many": lambda: html(many()),
    "hostile": lambda: html(_dashboards.named("<img src=x onerror=alert(1)>")),
    "present": lambda: TrainingDashboard(two(), presentation=True).to_html(),
}  # fmt: skip
written = writer(PAGES)


def written_live(path, w):
    """A dashboard whose Python side the test plays: it sends with ``say`` and ``whole``, and hears in ``asked``."""
    data = {"kind": w.kind, "payload": w.payload, "options": w.options, "state": w.state, "step": 0}
    esm, css = assets(w.kind)
    path.write_text(LIVE.format(css=css, esm=esm, data=json_for_script(data)), encoding="utf-8")


def widget(page):
    return page.locator(".tl")


def chart(page, name):
    return page.locator(".tl-td-panel", has=page.locator(f".tl-td-head > b:text-is('{name}')"))


def chip(page, name):
    return page.locator(".tl-td-chip", has=page.locator(".tl-td-name", has_text=re.compile(f"^{re.escape(name)}$")))
