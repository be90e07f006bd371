"""A notebook in which every name is an attack, in a real JupyterLab: run, opened again without a kernel, exported."""

from __future__ import annotations

import json
import os

import pytest
from _foreign import SEEN, WATCH
from _hostile import TRACES, VIEWS
from _lab import run
from _payloads import ATTACKS
from _waiting import grown, until

nbconvert = pytest.importorskip("nbconvert", reason="nbconvert is not installed")
pytestmark = pytest.mark.timeout(600)

ALL = os.environ.get("HOSTILE") == "all"
SHARES = {"widgets": len(VIEWS), "traces": len(TRACES), "typed": 10}
SETUP = "import _hostile_cells as cells\nfrom _payloads import ATTACKS"
# Text into every field, and keys that make a widget do something.
TYPE = """([within, text]) => {
  for (const box of document.querySelectorAll(within + " .tl input[type=text]:not([readonly])")) {
    box.value = text;
    for (const event of [new Event("input", { bubbles: true }), new Event("change", { bubbles: true })])
      box.dispatchEvent(event);
  }
  for (const widget of document.querySelectorAll(within + " .tl"))
    for (const key of ["ArrowLeft", "ArrowRight", "Enter", "t", "?"])
      widget.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}"""
OPEN = """(path) => window.jupyterapp.commands.execute("docmanager:open", { path, factory: "Notebook",
  kernelPreference: { shouldStart: false, canStart: false, autoStartDefault: false } }).then(async (panel) => {
    await panel.context.ready;
    await panel.revealed;
    return [panel.id, panel.sessionContext.session === null, [...panel.content.model.cells].every((c) => c.trusted)];
  })"""
ITS_OWN = ("/api/", "/kernelspecs/", "/lsp/", "/lab/api/", "/lab/extensions/", "/static/", "/lab/tree/attacks.ipynb")
EXPORTER = nbconvert.HTMLExporter(require_js_url="", mathjax_url="", jupyter_widgets_base_url="")
ITS_SCRIPTS = (
    '<script type="application/vnd.jupyter.widget-view+json">\n{"model_id": ',
    "<script type=\"text/javascript\">\nvar element = document.getElementById('",
)
# What it would look like: markup from a name by Python, and by a widget.
LEAKS = (
    "import torchlean_nb as tl\nfrom torchlean_nb import escape\nfrom torchlean_nb.render.plots import curves",
    "escape.html = str\ncurves({'\"><img src=x onerror=alert(2)>': [1.0, 2.0]})",
    "View = tl.widgets.TensorView\nView._esm = View._esm.replace('textContent', 'innerHTML')\n"
    "View([[1.0]], '<img src=x onerror=alert(3)>')",
)
CELL = ".jp-Cell:nth-child({} of .jp-Cell) .jp-OutputArea-output"
VIEW = '[data-mime-type="application/vnd.jupyter.widget-view+json"]'
DRAWN = f"(within) => [...document.querySelectorAll(within + ' {VIEW}')].every((o) => o.querySelector('.tl'))"


def sources():
    """Cells under harmless names and then, in the same order, under attacks: each kind takes a share of them."""
    plain, hostile, first = [], [], 0
    for what, share in SHARES.items():
        first, last = (0, len(ATTACKS)) if ALL else (first, first + share)
        plain.append(f"cells.{what}((['w', 'n' * 50] * 99)[:{last - first}])")
        hostile.append(f"cells.{what}(ATTACKS[{first}:{last}])")
        first = last
    return [SETUP, *plain, *hostile]


def compare(page, root=""):
    """Nothing ran; and cells under attack hold the elements, and as many formulas, as those under harmless names."""
    for i, what in enumerate(SHARES, start=2):
        def looked(i=i):
            return [page.evaluate(SEEN, f"{root} {CELL.format(at)}") for at in (i, i + len(SHARES))]

        # Formulas are typeset one after the other.
        until(page, lambda looked=looked: len({seen["formulas"] for seen in looked()}) == 1)
        plain, hostile = looked()
        assert (plain["ran"], plain["evil"], hostile["evil"]) == ([], [], []), what
        assert root or plain["kinds"], what
        assert set(hostile["kinds"]) - set(plain["kinds"]) == set(), what


def test_a_notebook_of_attacks_runs_nothing_of_theirs(lab, watch):
    seen, told = watch(width=1200, reduced_motion="reduce"), []
    page = seen.page
    page.add_init_script(WATCH)
    page.on("dialog", lambda d: (told.append(f"dialog {d.message}"), d.dismiss()))
    page.on("popup", lambda p: told.append(f"window {p.url}"))
    page.set_default_timeout(180_000)
    lab.open(page, "attacks", *sources())
    run(page)
    page.wait_for_function(DRAWN, arg="", timeout=90_000)
    for at, text in ((2, "w"), (2 + len(SHARES), "<img src=x onerror=alert(1)>")):
        page.evaluate(TYPE, [CELL.format(at), text])
    grown(page)
    compare(page)

    run(page, "docmanager:save")
    book = json.loads((lab.folder / "attacks.ipynb").read_text("utf-8"))
    assert [cell["execution_count"] for cell in book["cells"]] == list(range(1, len(book["cells"]) + 1))
    (lab.folder / "same.ipynb").write_bytes((lab.folder / "attacks.ipynb").read_bytes())
    book["metadata"]["by"] = "others"
    (lab.folder / "other.ipynb").write_text(json.dumps(book), "utf-8")
    for name, trusted in (("same", True), ("other", False)):
        panel, *said = page.evaluate(OPEN, f"{name}.ipynb")
        assert said == [True, trusted]
        outputs = page.locator(f"[id='{panel}'] .jp-OutputArea-output")
        outputs.nth(2 * sum(SHARES.values()) - 1).wait_for(state="attached")
        grown(page, f"[id='{panel}']")
        # Without a kernel JupyterLab says of a widget that it is loading; all else is there.
        compare(page, f"[id='{panel}']")
    (lab.folder / "attacks.html").write_text(EXPORTER.from_filename(lab.folder / "attacks.ipynb")[0], "utf-8")
    page.goto((lab.folder / "attacks.html").as_uri())
    seen_there = page.evaluate(SEEN, ".jp-OutputArea-output")
    assert (seen_there["ran"], [e for e in seen_there["evil"] if not e.startswith(ITS_SCRIPTS)]) == ([], [])
    asked = {u.removeprefix(lab.address).split("?")[0] for u in seen.requests if u.startswith(lab.address)}
    assert {u for u in asked if not u.startswith(ITS_OWN)} == set()
    assert told == []
    seen.errors[:] = [e for e in seen.errors if e.startswith("widget:")]  # JupyterLab has warnings of its own

def test_a_name_that_leaks_is_noticed(lab, watch):
    seen = watch(width=1200, reduced_motion="reduce")
    page = seen.page
    page.set_default_timeout(180_000)
    page.add_init_script(WATCH)
    lab.open(page, "leaks", *LEAKS)
    run(page)
    page.wait_for_function(DRAWN, arg="")
    page.wait_for_function("window.ran.length > 1")
    for cell, said in ((2, "alert 2"), (3, "alert 3")):
        found = page.evaluate(SEEN, CELL.format(cell))
        assert found["evil"] and said in found["ran"]
    seen.errors.clear()
