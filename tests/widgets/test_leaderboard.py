"""Leaderboard: what is sent, what it says without a front end, and names that stay text."""

from __future__ import annotations

import json

import _fair
import pytest
from _payloads import PAYLOADS

from torchlean_nb.errors import HandleTypeError, HyperparameterError, UnknownNameError
from torchlean_nb.render.html import assets
from torchlean_nb.trace import FairTrace, judging
from torchlean_nb.trace.contest import Contest
from torchlean_nb.widgets import Leaderboard


def test_the_cells_are_in_the_order_of_the_places():
    trace = _fair.both()
    p = trace.show().payload
    for metric in judging.METRICS:
        for k, c in enumerate(trace.contests):
            cells = {name: row[k] for name, row in zip(p["names"], p["cells"][metric], strict=True)}
            assert sorted(cells, key=lambda name: cells[name][0]) == [*c.ranking(metric)]
            assert {n: int(cell[1].rstrip("=")) for n, cell in cells.items()} == c.ranking(metric)


def test_a_race_that_is_not_fair_says_so_everywhere():
    rigged, honest = _fair.both(fixed=True).show(), _fair.both().show()
    assert rigged.payload["unfair"] == ["digits_mlp: adam had 1 rate, others 5"] and not honest.payload["unfair"]
    assert "not fair" in repr(rigged) and "not fair" not in repr(honest)
    assert "not fair: adam had 1 rate" in rigged.to_text()
    assert "rates: 5 each" not in [text for text, _ in rigged.payload["equal"]]


def test_fingerprints_are_there_for_every_problem_and_seed():
    p = _fair.both().show().payload
    assert [row[2:] for row in p["prints"]] == [*map(list, zip(_fair.STARTS, _fair.ORDERS, strict=True))] * 2
    c = _fair.network()
    stranger = _fair.entry("stranger", _fair.grid(0.01), 0.01, 0.1, orders=("zzz", *_fair.ORDERS[1:]))
    c = Contest(c.problem, c.kind, c.unit, c.at, c.seeds, c.target, [*c.entries, stranger])
    odd = FairTrace([c]).show().payload
    assert odd["prints"][0][3] == f"{_fair.ORDERS[0]} ≠ zzz" and "≠" not in odd["prints"][1][3]
    assert any("order of the data" in text for text in odd["unfair"])


def test_a_surface_has_no_order_of_data_and_that_is_not_held_against_the_networks():
    c = _fair.surface()
    entries = [_fair.entry(e.name, e.rates, 1e-3, 1.0, orders=()) for e in c.entries]
    c = Contest(c.problem, c.kind, c.unit, c.at, c.seeds, c.target, entries)
    chips = dict(FairTrace([c, _fair.network()]).show().payload["equal"])
    assert chips["order of the data"] == " ".join(_fair.ORDERS) and "first parameters" in chips


def test_the_table_twin_has_every_rate_of_everybody():
    p = _fair.both().show().payload
    assert len(p["twin"]["best"]) == 2 * 3 * 5
    row = next(r for r in p["twin"]["best"] if r[0] == "rosenbrock" and r[1] == 1 and r[2] == "0.01")
    assert row[3:] == ["∞", "∞", "∞", "0 of 3"]


def test_the_picture_and_the_text_follow_the_metric():
    view = Leaderboard(_fair.both(), metric="steps")
    assert view.metric == "steps" and "epochs to 0.3" in view.to_text() and "steps to 0.9" in view.to_svg()
    view.state = {"metric": "area"}
    assert view.metric == "area" and "mean loss on the way" in view.to_svg()
    view.state = {"metric": 3}
    assert view.metric == "steps"
    assert Leaderboard(_fair.both(), state=json.dumps({"metric": "median"})).metric == "median"


@pytest.mark.parametrize(("make", "error"), [
    (lambda: Leaderboard({}), HandleTypeError), (lambda: Leaderboard(_fair.both(), metric="bset"), UnknownNameError),
    (lambda: Leaderboard(_fair.both(), controls=["panle"]), UnknownNameError),
    (lambda: Leaderboard(_fair.both(), metric=["best"]), UnknownNameError),
    (lambda: _fair.network().values(["best"]), UnknownNameError),
    (lambda: _fair.network().ranking({}), UnknownNameError),
    (lambda: Leaderboard(_fair.both(), state="{"), HyperparameterError),
])  # fmt: skip
def test_what_cannot_be_shown_is_refused(make, error):
    with pytest.raises(error):
        make()


def test_without_a_front_end_it_is_a_picture_and_words(tmp_path):
    still, _ = _fair.both().show(title="Cats")._repr_mimebundle_()
    assert still["image/svg+xml"].startswith("<svg") and "place  contender" in still["text/plain"]
    text = _fair.both().to_html(tmp_path / "f.html", title="Cats")
    assert text == (tmp_path / "f.html").read_text(encoding="utf-8") and "<title>Cats</title>" in text
    assert "http" not in text.replace("http://www.w3.org", "")


def test_a_page_of_two_problems_is_small():
    assert len(_fair.both().to_html()) < 120_000


@pytest.mark.parametrize("name", PAYLOADS[::6], ids=[ascii(p)[:30] for p in PAYLOADS[::6]])
def test_names_add_nothing_to_the_page(name):
    esm, css = assets("Leaderboard")
    plain, hostile = (FairTrace([_fair.network(first=n)]).to_html().replace(esm, "").replace(css, "")
                      for n in ("a", name))  # fmt: skip
    assert plain.count("<") == hostile.count("<")


def test_one_contender_is_one():
    alone = FairTrace([Contest("p", "network", "epochs", range(6), (0, 1, 2), 1.0, [
        _fair.entry("sgd", _fair.grid(0.01), 0.01, 0.1)])])  # fmt: skip
    assert "1 contender on p" in repr(Leaderboard(alone))


def test_places_that_were_looked_up_stay_what_they_are():
    c = _fair.network()
    first = c.ranking()
    first.clear()
    assert len(c.ranking()) == 3 and c.ranking() is not c.ranking()
