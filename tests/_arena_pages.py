"""Races of six classics as pages, for the browser: standing alone, and with a kernel played by the test."""

from __future__ import annotations

import torchlean_nb as tl
from torchlean_nb.escape import json_for_script
from torchlean_nb.render.html import assets, page
from torchlean_nb.render.race_payload import race_payload

SIX = {
    "SGD": ("sgd", {"lr": 1.5e-3}), "Momentum": ("momentum", {"lr": 1e-3}), "Nesterov": ("nesterov", {"lr": 1e-3}),
    "RMSprop": ("rmsprop", {"lr": 0.02}), "Adam": ("adam", {"lr": 0.2}), "L-BFGS": ("lbfgs", {}),
}  # fmt: skip
LIVE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>live</title>
<style>body{{margin:0;padding:12px}}{css}</style></head><body><div id="widget"></div>
<script type="module">{esm}
const data = {data}, heard = {{}};
window.asked = [];
const model = {{
  get: (k) => data[k], set: (k, v) => {{ data[k] = v; }}, off() {{}},
  save_changes() {{ window.saved = data.step; }},
  on: (name, fn) => (heard[name] = [...(heard[name] || []), fn]), send: (m) => window.asked.push(m),
}};
window.say = (m) => heard["msg:custom"].forEach((fn) => fn(m));
window.state = (v, serial = data.payload.serial) => {{
  Object.assign(data, {{ state: v, payload: {{ ...data.payload, serial }} }});
  heard["change:state"].forEach((fn) => fn());
}};
window.whole = (p) => {{ data.payload = p; heard["change:payload"].forEach((fn) => fn()); }};
widget.render({{ model, el: document.getElementById("widget") }});
</script></body></html>
"""


def raced(what=SIX, on="rosenbrock", start=(-1.5, 2.0), steps=200, **more):
    return tl.race(what, on=on, start=start, steps=steps, **more)


def written(path, trace, target=0.01, state=None, **options):
    state = {"step": 60} | (state or {})
    options = {"title": "Optimizer race", **options}
    text = page("RaceArena", race_payload(trace, target=target), options=options, state=state, step=state["step"])
    path.write_text(text, encoding="utf-8")


def written_live(path):
    """The six on a page whose messages to Python pile up in ``window.asked``."""
    esm, css = assets("RaceArena")
    data = {"kind": "RaceArena", "payload": race_payload(raced(), target=0.01, serial=1), "options": {"title": "Race"},
            "state": {"step": 60}, "step": 60}  # fmt: skip
    path.write_text(LIVE.format(css=css, esm=esm, data=json_for_script(data)), encoding="utf-8")


def from_there(start, serial):
    """Payload of the six from another start."""
    return race_payload(raced(start=tuple(start)), target=0.01, serial=serial)


def sentence(page):
    return page.locator(".tl-narr").inner_text()


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
