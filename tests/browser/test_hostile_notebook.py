"""A notebook in which every name is an attack, opened in a real Chromium: everything is shown, and nothing runs."""

from __future__ import annotations

import os
import zlib
from functools import cache

import _hostile
import pytest
from _foreign import SEEN, WATCH
from _payloads import ATTACKS, PAYLOADS
from _waiting import drawn

import torchlean_nb as tl
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.escape import html, json_for_script
from torchlean_nb.lessons import check
from torchlean_nb.render.html import assets
from torchlean_nb.render.plots import contours
from torchlean_nb.surfaces._row import surface_of

nbconvert = pytest.importorskip("nbconvert", reason="nbconvert is not installed")

pytestmark = pytest.mark.browser
# A cell of a notebook: the widget from its state, then everything else that Python gave for it.
NOTEBOOK = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>notebook</title>
<style>{css}</style></head><body>{cells}
<script id="ours" type="module">{esm}
for (const [i, data] of {states}.entries()) {{
  const model = {{ get: (k) => data[k], set: (k, v) => {{ data[k] = v; }}, on() {{}}, off() {{}}, save_changes() {{}}, send() {{}} }};
  widget.render({{ model, el: document.getElementById("cell" + i) }});
}}
document.body.dataset.ready = "yes";
</script></body></html>
"""  # noqa: E501
HERE = ("file:", "data:image/", "blob:")


@cache
def static(kind, name):
    """What Python writes for one name, as a front end puts it on the page."""
    thing, out = _hostile.KINDS[kind](name), []
    for _, sink, text in _hostile.outputs(thing):
        if sink == "svg" and text:
            out.append(f"<div>{text}</div>")
        elif sink == "html" and not text.startswith("<!doctype"):
            out.append(text)
        elif sink == "markdown":
            out.append(nbconvert.filters.markdown2html(text))
        elif sink == "words":
            out.append(f"<pre>{html(text[:2000])}</pre>")
    return "".join(out)


def others(name):
    """Outputs that belong to no kind of trace: a graded answer, a picture with its words, an error."""
    out = [check("01.dw", name)._repr_html_()]
    if "<" in name or name in _hostile.PLAIN:
        out.append(contours(lambda x, y: x * y, {}, (-1, 1, -1, 1), title=name)._repr_html_())
    for attempt in (lambda: surface_of(name), lambda: tl.optim.row(name), lambda: check(name, 1)):
        try:
            attempt()
        except TorchLeanError as e:
            out.append(f"<pre>{html(e)}</pre>")
    return "".join(out)


SAID = {"traces": lambda name: "".join(static(kind, name) for kind in _hostile.TRACES), "others": others}


def notebook(kind, names):
    """Page of a notebook with a cell for each name."""
    states, cells, said = [], [], SAID.get(kind) or (lambda name: static(kind, name))
    for i, name in enumerate(names):
        if kind in _hostile.VIEWS:
            w = _hostile.VIEWS[kind](name)
            states.append({k: getattr(w, k) for k in ("kind", "payload", "options", "state", "step")})
        cells.append(f'<div id="cell{i}"></div>{said(name)}')
    esm, css = assets(states[0]["kind"]) if states else ("const widget = null;", "")
    return NOTEBOOK.format(css=css, esm=esm, states=json_for_script(states), cells="\n".join(cells))


@pytest.fixture(scope="module")
def book(browser, tmp_path_factory):
    """Open a page and say what is on it; dialogs, windows, requests and complaints are told as well."""
    folder = tmp_path_factory.mktemp("hostile")
    context = browser.new_context(viewport={"width": 724, "height": 900})
    context.add_init_script(WATCH)
    context.set_default_timeout(60_000)

    def opened(text, shot=None):
        page, told = context.new_page(), []
        page.on("dialog", lambda d: (told.append(f"dialog {d.message}"), d.dismiss()))
        page.on("popup", lambda p: told.append(f"window {p.url}"))
        page.on("pageerror", lambda e: told.append(f"error {e}"))
        page.on("console", lambda m: told.append(f"console {m.text}") if m.type in ("error", "warning") else None)
        page.on("request", lambda r: None if r.url.startswith(HERE) else told.append(f"request {r.url}"))
        (folder / "book.html").write_text(text, encoding="utf-8", errors="replace")
        page.goto((folder / "book.html").as_uri())
        page.wait_for_function("document.body.dataset.ready === 'yes' || document.querySelector('.tl')")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        drawn(page)
        if shot:
            page.screenshot(path=shot)
        seen = page.evaluate(SEEN, "body")
        page.close()
        return seen | {"told": told, "folder": folder.as_uri()}

    yield opened
    context.close()


def quiet(seen):
    """Nothing ran, nobody was asked, and there is nothing that could run."""
    assert (seen["told"], seen["ran"], seen["evil"]) == ([], [], [])
    assert seen["address"] == seen["folder"] + "/book.html"


@pytest.mark.parametrize("kind", [*_hostile.VIEWS, *SAID])
def test_a_notebook_of_attacks_shows_names_and_nothing_else(book, kind):
    # Each kind takes a third of the attacks; HOSTILE=all takes all there are.
    names = PAYLOADS if os.environ.get("HOSTILE") == "all" else ATTACKS[zlib.crc32(kind.encode()) % 3 :: 3]
    plain, hostile = book(notebook(kind, _hostile.PLAIN)), book(notebook(kind, names))
    quiet(plain)
    quiet(hostile)
    assert set(hostile["kinds"]) - set(plain["kinds"]) == set()


def test_exported_pages_of_attacks_stay_pages(book):
    names = [p for p in PAYLOADS if "<" in p]
    for i, kind in enumerate(("stepper", "schedules", "confusion", "dashboard", "arena", "leaderboard")):
        name = names[i % len(names)]
        seen = book(_hostile.VIEWS[kind](name).to_html())
        assert (seen["told"], seen["ran"]) == ([], []), (kind, name)


def test_an_attack_that_runs_is_noticed(book):
    seen = book(NOTEBOOK.format(css="", esm="", states="[]", cells="<img src=x onerror=alert(1)><b id=cookie>x</b>"))
    assert seen["ran"] == ["alert 1"] and len(seen["evil"]) == 2 and "id cookie" in seen["kinds"]
