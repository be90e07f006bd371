"""The schedule designer on pages, for the browser: standing alone, and with this process as its kernel."""

from __future__ import annotations

from torchlean_nb import schedules as S
from torchlean_nb.escape import json_for_script
from torchlean_nb.render.html import assets
from torchlean_nb.widgets import ScheduleDesigner

LIVE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>live</title>
<style>body{{margin:0;padding:12px;color-scheme:light dark;background:light-dark(#fff,#14171b)}}
{css}</style></head><body><div id="widget"></div>
<script type="module">{esm}
const data = {data}, heard = {{}};
const tell = (name, value) => (heard[name] || []).forEach((fn) => fn(value));
const take = (answer) => {{
  answer.said.forEach((m) => tell("msg:custom", m));
  const old = {{ ...data }};
  Object.assign(data, answer.traits);
  for (const name of ["state", "payload"])
    if (JSON.stringify(old[name]) !== JSON.stringify(data[name])) tell("change:" + name);
}};
window.sent = window.unanswered = 0;
const tellPython = async (what) => {{
  window.unanswered += 1;
  take(await window.kernel(what));
  window.unanswered -= 1;
}};
const model = {{
  get: (k) => data[k],
  set: (k, v) => {{ data[k] = v; }},
  on: (name, fn) => (heard[name] = [...(heard[name] || []), fn]),
  off() {{}},
  save_changes: () => tellPython({{ state: data.state }}),
  send: (m) => {{ window.sent += 1; return tellPython({{ message: m }}); }},
}};
widget.render({{ model, el: document.getElementById("widget") }});
</script></body></html>
"""
KNOB = '.tl-sd-knob[aria-label="{}"]'


def answered(w):
    """What the kernel of a designer does with a message of its page."""
    said = []
    w.send = said.append

    def kernel(call):
        if "state" in call:
            w.set_state({"state": call["state"]})
        if "message" in call:
            w._asked(call["message"])
        answer = {"said": list(said), "traits": {"payload": w.payload, "state": w.state}}
        said.clear()
        return answer

    return kernel


def written_live(path, w):
    """A designer that calls ``kernel`` with its messages, and counts those without an answer."""
    data = {"kind": w.kind, "payload": w.payload, "options": w.options, "state": w.state, "step": 0}
    esm, css = assets(w.kind)
    path.write_text(LIVE.format(css=css, esm=esm, data=json_for_script(data)), encoding="utf-8")


def drag(page, knob, dx, dy, moves=6):
    """Press a knob, move it in small steps, let go."""
    box = page.locator(KNOB.format(knob)).locator("path").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, moves + 1):
        page.mouse.move(x + dx * i / moves, y + dy * i / moves)
    page.mouse.up()


def chip(page, name):
    """The button of a curve."""
    return page.locator(".tl-sd-chip").filter(has=page.get_by_text(name, exact=True)).locator("button").first


def three():
    parts = S.join([S.linear_warmup(0.08, 30), S.cosine(0.08, total=120)], [30])
    named = {"cosine": S.warmup_cosine(0.1, 20, 200), "step": S.step_decay(0.1, 60, gamma=0.5), "mine": parts}
    return ScheduleDesigner(named, steps=200, state={"at": 57})
