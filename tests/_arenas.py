"""Pages of the race arena: one whose kernel is a list of what was sent, and one as it is exported."""

from __future__ import annotations

import json
from functools import cache

import torchlean_nb as tl
from torchlean_nb import surfaces
from torchlean_nb.escape import json_for_script
from torchlean_nb.render.html import assets, page
from torchlean_nb.render.race_payload import race_payload

LIVE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>live</title>
<style>body{{margin:0;padding:12px;color-scheme:light dark;background:light-dark(#fff,#14171b)}}
{css}</style></head><body><div id="widget"></div>
<script type="module">{esm}
const data = {data}, heard = {{}};
window.sent = [];
window.tell = (name, value) => (heard[name] || []).forEach((fn) => fn(value));
const model = {{
  get: (k) => data[k],
  set: (k, v) => {{ data[k] = v; }},
  on: (name, fn) => (heard[name] = [...(heard[name] || []), fn]),
  off() {{}},
  save_changes() {{}},
  send: (m) => window.sent.push(m),
}};
widget.render({{ model, el: document.getElementById("widget") }});
</script></body></html>
"""
SIX = {
    "SGD": ("sgd", {"lr": 0.0015}), "Momentum": ("sgd", {"lr": 0.001, "momentum": 0.9}),
    "Nesterov": ("sgd", {"lr": 0.001, "momentum": 0.9, "nesterov": True}), "RMSprop": ("rmsprop", {"lr": 0.02}),
    "Adam": ("adam", {"lr": 0.2}), "L-BFGS": ("lbfgs", {}),
}  # fmt: skip
BOWL = {
    "SGD": ("sgd", {"lr": 2 / 101}), "Momentum": ("sgd", {"lr": 0.02, "momentum": 0.7}), "Adam": ("adam", {"lr": 0.2}),
}  # fmt: skip
RULES = [
    {"name": n, "label": lab, "group": g}
    for n, lab, g in (("sgd", "SGD", "descent"), ("adam", "Adam", "adaptive"), ("adamw", "AdamW", "adaptive"),
                      ("nadam", "NAdam", "adaptive"))
]  # fmt: skip

# What has no name, is too small to hit, or is wider than its place.
CHECKS = """() => {
  const seen = [...document.querySelectorAll(':is(.tl-rc-bar, .tl-rc-table, .tl-rc-rates, .tl-bar) :is(button, input, select, [tabindex="0"])')]
    .filter((e) => e.checkVisibility());
  const named = (e) => e.getAttribute('aria-label') || e.closest('label') || e.textContent.trim();
  const box = (e) => (e.type === 'checkbox' ? e.closest('label') : e).getBoundingClientRect();
  const wide = ['.tl-rc-bar', '.tl-rc-lock', '.tl-rc-table', '.tl-rc-rates', '.tl-bar'].map((q) => document.querySelector(q))
    .filter((e) => e.scrollWidth > e.clientWidth + 1);
  return {
    count: seen.length, page: document.documentElement.scrollWidth,
    nameless: seen.filter((e) => !named(e)).map((e) => e.outerHTML),
    small: seen.filter((e) => box(e).width < 23.9 || box(e).height < 23.9).map((e) => e.outerHTML),
    wide: wide.map((e) => e.className),
  };
}"""  # noqa: E501


@cache
def payload(case="rosenbrock"):
    """Payload of a race: six on Rosenbrock, three on a bowl, or many."""
    many = {f"n{i}": ("sgd", {"lr": 1e-4 * i}) for i in range(1, 16)}
    who = {"rosenbrock": SIX, "quadratic": BOWL, "many": many}[case]
    on = "quadratic" if case == "quadratic" else "rosenbrock"
    trace = tl.race(who, on=on, start=(-1.5, 2.0) if on == "rosenbrock" else None, steps=60)
    names = [{"name": n, "label": n.replace("_", " ")} for n in surfaces.SURFACES]
    return race_payload(trace, target=0.01, serial=1, surfaces=names, rules=RULES)


def open_live(watch, folder, case="rosenbrock", width=724, state=None, change=None, **options):
    """An arena whose kernel is a list of what was sent, with the network off; `change` edits its payload."""
    data = json.loads(json.dumps(payload(case)))
    if change:
        change(data)
    given = {"step": 30, "chosen": 1} | (state or {})
    esm, css = assets("RaceArena")
    traits = {"payload": data, "options": {"title": "Race"}, "state": given, "step": given["step"]}
    (folder / "live.html").write_text(LIVE.format(css=css, esm=esm, data=json_for_script(traits)), encoding="utf-8")
    opened = watch(folder / "live.html", width=width, **options).page
    opened.context.set_offline(True)
    return opened


def open_alone(watch, folder, case="rosenbrock", width=724, state=None, **options):
    """The page that is exported, with the network off."""
    given = {"step": 30, "chosen": 1} | (state or {})
    text = page("RaceArena", payload(case), options={"title": "Race"}, state=given, step=given["step"])
    (folder / "page.html").write_text(text, encoding="utf-8")
    opened = watch(folder / "page.html", width=width, **options).page
    opened.context.set_offline(True)
    return opened


def sent(page):
    """Edits sent so far, without what only the post office reads."""
    keep = page.evaluate("window.sent")
    assert all(m["kind"] == "edit" for m in keep)
    return [{k: v for k, v in m.items() if k not in ("kind", "serial", "tag")} for m in keep]


def answer(page, **what):
    """The kernel answers the last edit."""
    page.evaluate("(what) => tell('msg:custom', {kind: 'answer', serial: sent.at(-1).serial, ...what})", what)


def refuse(page, text):
    """The kernel refuses the last edit."""
    page.evaluate("(text) => tell('msg:custom', {kind: 'say', serial: sent.at(-1).serial, text})", text)


def typed(page, label, text):
    """Type into a field and press Enter; the field."""
    box = page.get_by_label(label, exact=True)
    box.fill(text)
    box.press("Enter")
    return box


def row(page, i):
    """Row of the i-th contender."""
    return page.locator(".tl-rc-table tbody tr:not(.tl-rc-more)").nth(i)
