"""Names are hostile text: whatever shows them, however it is written down, they are text only."""

from __future__ import annotations

import os

import pytest
from _hostile import KINDS, broken, harmless, outputs
from _payloads import PAYLOADS

# What draws the same thing shares the names: one takes every other name, one the rest. All: HOSTILE=all.
HALVES = {"stepper": 0, "table": 1, "leaderboard": 0, "fair trace": 1, "arena": 0, "race trace": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_only_text_however_it_is_written(kind):
    names = PAYLOADS[HALVES[kind] :: 2] if kind in HALVES and os.environ.get("HOSTILE") != "all" else PAYLOADS
    wrong = {ascii(name)[:40]: found for name in names if (found := broken(kind, name))}
    assert wrong == {}


def test_the_law_sees_a_name_that_is_more_than_text(monkeypatch):
    monkeypatch.setattr("torchlean_nb.escape._HTML", {})
    monkeypatch.setattr("torchlean_nb.escape._FORMULA", ("\0",))
    found = broken("graph trace", '<b onclick="x">y</b>') + broken("sweep trace", "=1+1")
    assert any(f.startswith("to_svg") for f in found) and any(f.startswith("to_csv") for f in found)


def test_every_way_of_writing_is_looked_at():
    seen = {way for kind in KINDS for way, _, _ in outputs(KINDS[kind]("w"))}
    assert seen >= {"to_svg", "to_html", "to_text", "__repr__", "to_csv", "to_json", "_repr_markdown_"}
    assert all(harmless(kind) for kind in KINDS)
