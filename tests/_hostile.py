"""Everything that shows names, with one name wherever a name can be, and everything it can be written as."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from xml.etree import ElementTree

import _dashboards
import _decks
import _fair
import _landscapes
import _programs
import _traces
import _views
import numpy as np

import torchlean_nb as tl
from torchlean_nb.render.html import assets
from torchlean_nb.trace.confusion import ConfusionMatrix
from torchlean_nb.trace.fair import FairTrace
from torchlean_nb.trace.ledger import Ledger
from torchlean_nb.trace.race import RaceTrace, Track
from torchlean_nb.trace.sweep import SweepTrace

# What a terminal obeys: control characters, turned text, halves of a character.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
FORMULA = re.compile(r"[ \u00a0]*[=+\-@\t\r\n]")
PLAIN = ("w", "", "n" * 50)


def race(name):
    """A race with a contender of this name, on a surface of this name."""
    track = Track(name, "sgd", [[[1.0], [2.0]], [[0.5], [1.0]]], [[5.0], [1.25]], None, {"lr": name})
    about = {"name": name, "label": name, "domain": (-2, 2, -2, 2), "goals": (), "lowest": 0.0, "latex": name}
    return RaceTrace(about, [0, 1], [track], {"dtype": name, "seed": name, "rates": name})


def sweep(name):
    """A sweep whose columns, optimizer, schedule and error have this name."""
    columns = {"optimizer": [name] * 2, "schedule": [name] * 2, "lr": [0.1, 0.2], "status": ["failed", "finished"]}
    columns |= {"best": [np.nan, 0.5], "error": [name, ""], f"of {name}": [name, name]}
    return SweepTrace({"name": name, "kind": name, "unit": name}, columns, (), {"status": name})


def fair(name):
    """A comparison on a surface of this name, with a contender of this name."""
    return FairTrace([_fair.surface(name, name)])


def op(name):
    """A row with this name and in its texts."""
    return replace(tl.ops["tanh"], name=name, references=(name,))


def surface(name):
    """A surface of this name."""
    return replace(tl.surfaces.SURFACES["sphere"], name=name, references=(name,))


TRACES = {
    "graph trace": _traces.named, "run trace": _dashboards.named, "race trace": race, "sweep trace": sweep,
    "fair trace": fair, "landscape trace": _landscapes.named, "program trace": _programs.named,
    "boundary trace": lambda n: _decks.film(n, n), "training log": lambda n: _dashboards.named(n).to_train_log(),
    "ledger table": lambda n: Ledger.of(_traces.named(n), 1),
    "confusion matrix": lambda n: ConfusionMatrix(((3, 1), (0, 2)), (n, "b")), "update": _views.update,
    "op": op, "surface": surface,
}  # fmt: skip
VIEWS = _views.MAKE | {
    "leaderboard": lambda n: tl.widgets.Leaderboard(fair(n), title=n),
    "dashboard": lambda n: tl.widgets.TrainingDashboard(_dashboards.named(n)),
    "arena": lambda n: race(n).show(),
}
KINDS = {**VIEWS, **TRACES}
# Ways to write a thing down, and what comes out.
WAYS = {
    "to_svg": "svg", "to_html": "html", "to_text": "words", "__repr__": "words", "to_csv": "csv", "to_json": "json",
    "_repr_html_": "html", "_repr_markdown_": "markdown", "card": "markdown",
}  # fmt: skip


class Tags(HTMLParser):
    """Elements of a page, each with its attributes."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attrs):
        """Of the start of an element."""
        self.found.add((tag, tuple(sorted(name for name, _ in attrs))))

    def handle_comment(self, data):
        """Of a comment."""
        self.found.add(("!--", data[:40]))

    handle_decl = unknown_decl = handle_pi = handle_comment


def in_svg(markup):
    """Every kind of element of a picture with its attributes."""
    try:
        return {(e.tag, tuple(sorted(e.keys()))) for e in ElementTree.fromstring(markup).iter()}
    except ElementTree.ParseError as e:
        return {("no XML", str(e))}


def in_html(markup):
    """Every kind of element of a page with its attributes, and the data in it read as JSON."""
    for kind in ("GraphStepper", "TrainingDashboard"):
        markup = markup.replace(assets(kind)[1], "")
    reader = Tags()
    reader.feed(markup)
    reader.close()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', markup, re.DOTALL)
    return reader.found | ({("data", ())} if data and json.loads(data[1]) else set())


def _packed(thing):
    """Whether a page is compressed, so that its title is all that could hold a tag; compressing takes long."""
    return isinstance(thing, tl.widgets.RaceArena) and "<" not in thing.title


def outputs(thing):
    """Pairs of a way and what a thing gives that way."""
    for way, sink in WAYS.items():
        method = getattr(thing, way, None)
        # The page of a trace is that of its widget, which is looked at itself.
        if method is not None and not (way == "to_html" and (hasattr(thing, "show") or _packed(thing))):
            yield way, sink, method()


def holds(sink, out):
    """What is in an output besides text: nothing of a name may be there."""
    if sink == "svg":
        return in_svg(out)
    if sink == "html":
        return in_html(out)
    if sink == "csv":
        rows = list(csv.reader(io.StringIO(out)))
        return {("columns", len(r)) for r in rows} | {("rows", len(rows))}
    if sink == "markdown":
        bare = re.sub(r"`[^`]*`", "", out)
        return set(re.findall(r"<[a-zA-Z!/]|\]\(|\]\[|!\[|(?m:^ *#)", bare))
    return set()


@cache
def harmless(kind):
    """By way of writing, what is in the output for names that are nothing but names."""
    found = {}
    for name in PLAIN:
        for way, sink, out in outputs(KINDS[kind](name)):
            found.setdefault(way, set()).update(holds(sink, out) if out else ())
    return found


def broken(kind, name):
    """What is wrong with the outputs of one kind of thing under a name; nothing, one hopes."""
    thing, wrong = KINDS[kind](name), []
    for way, sink, out in outputs(thing):
        foreign = holds(sink, out) - harmless(kind)[way] if out else set()
        if foreign:
            wrong.append(f"{way}: {sorted(map(str, foreign))[:3]}")
        if sink in ("svg", "words") and out and CONTROL.search(out):
            wrong.append(f"{way}: control character {CONTROL.search(out)[0]!a}")
        if sink == "words" and len(out) > 20_000:
            wrong.append(f"{way}: {len(out)} characters")
        if sink == "csv":
            cells = (c for row in csv.reader(io.StringIO(out)) for c in row if FORMULA.match(c))
            wrong += [f"{way}: cell {c[:30]!a}" for c in cells if not _is_number(c)]
        if sink == "json" and json.loads(json.dumps(json.loads(out), allow_nan=False)) != json.loads(out):
            wrong.append(f"{way}: not JSON")
    for plain in _plain(thing):
        if json.loads(json.dumps(plain, allow_nan=False)) != json.loads(json.dumps(plain)):
            wrong.append("plain data are not JSON")
    return wrong


def _is_number(cell):
    try:
        return float(cell) <= 0 or True
    except ValueError:
        return False


def _plain(thing):
    if hasattr(thing, "get_state"):
        yield {k: v for k, v in thing.get_state().items() if k in ("payload", "options", "state", "step")}
        yield thing.to_dict()
