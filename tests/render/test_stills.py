"""Pictures of ledgers and arrays: every number that is there, names as text, the same bytes."""

from xml.etree import ElementTree

import numpy as np
import pytest
from _payloads import PAYLOADS
from _traces import fan_out, named, scalar, two_layers

from torchlean_nb import escape
from torchlean_nb.render.ledgers import ROWS, ledger_svg
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.stills import array_svg
from torchlean_nb.trace.ledger import Ledger

HOSTILE = pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
SHAPES = pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 4), (20, 9), (2, 3, 4, 5), (0,), (2, 0)], ids=str)


def texts(markup):
    return [e.text for e in ElementTree.fromstring(markup).iter() if e.tag.endswith("}text")]


def kinds(markup):
    return {(e.tag, tuple(sorted(e.keys()))) for e in ElementTree.fromstring(markup).iter()}


def test_a_ledger_shows_every_contribution_and_says_that_they_add_up():
    ledger = Ledger.of(scalar(), "x")
    said = texts(ledger_svg(ledger))
    for row in ledger.rows:
        assert fmt(row.contribution, 4, plus=True) in said
        assert fmt(row.total) in said
    assert "= gradient ✓ equal to the last bit" in said


def test_an_entry_can_be_chosen():
    ledger = Ledger.of(two_layers(), "W2")
    said = texts(ledger_svg(ledger, (2, 1)))
    assert fmt(ledger.grad[2, 1]) in said
    assert "Gradient of L by W2[2, 1]" in said


def test_what_has_not_come_in_is_not_shown():
    ledger = Ledger.of(scalar(), "x")
    said = texts(ledger_svg(ledger, arrived=1))
    assert "so far, 1 of 3 contributions in" in said
    assert fmt(ledger.grad) not in said
    assert said.count("?") == 4, "two in the rows, two at the arrows"


def test_a_row_that_is_not_counted_leaves_the_total():
    ledger = Ledger.of(scalar(), "x")
    said = texts(ledger_svg(ledger, without={1}))
    rest = float(ledger.grad) - float(ledger.rows[1].contribution)
    assert f"without 1 of 3 rows; the gradient is {fmt(ledger.grad)}" in said
    assert said[-1] == fmt(rest)


def test_a_long_ledger_says_what_the_other_rows_add():
    ledger = Ledger.of(fan_out(30), "w")
    said = texts(ledger_svg(ledger, (1,)))
    assert f"{30 - ROWS} more rows" in said
    assert fmt(ledger.grad[1]) in said


def test_a_ledger_of_the_output_has_the_seed_alone():
    assert "seed" in texts(ledger_svg(Ledger.of(scalar(), scalar().output)))


@SHAPES
def test_an_array_shows_the_numbers_of_its_window(shape):
    a = np.random.default_rng(0).normal(size=shape)
    markup = array_svg(a, "a", [("mean", "1")])
    said = texts(markup)
    if not a.size:
        assert "The array is empty." in said
    elif a.ndim == 0:
        assert fmt(a, 6) in said
    else:
        assert fmt(np.abs(a).max(), 3) in [t.removeprefix("−") for t in said]
        plane = a.shape[-2:]
        if max(plane) <= 8:
            assert markup.count('class="hv"') == np.prod(plane)


def test_a_window_is_that_of_the_entry():
    a = np.arange(400.0).reshape(20, 20)
    said = texts(array_svg(a, "a", entry=(9, 17)))
    assert "rows 8–15 of 20, columns 16–19 of 20" in said
    assert fmt(a[9, 17], 3) in said
    assert fmt(a[1, 1], 3) not in said


def test_negative_and_odd_entries_are_marked():
    markup = array_svg(np.array([1.0, -2.0, np.nan, np.inf, -np.inf]), "a")
    assert markup.count('class="hx"') == 2
    assert {"NaN", "∞", "−∞"} <= set(texts(markup))


@HOSTILE
def test_names_are_text_and_nothing_else(name):
    for draw in (lambda n: array_svg(np.ones((2, 2)), n), lambda n: ledger_svg(Ledger.of(named(n), 1))):
        markup = draw(name)
        assert kinds(markup) <= kinds(draw("n")) | kinds(draw("n" * 50))
        assert len(markup) < 20_000
    label = ElementTree.fromstring(array_svg(np.ones(1), name)).get("aria-label")
    assert label == escape.visible(f"Array {escape.visible(name)}")


@SHAPES
def test_bytes_are_the_same_for_the_same_numbers(shape):
    a = np.random.default_rng(1).normal(size=shape)
    assert array_svg(a, "a") == array_svg(a.copy(), "a")
    assert ledger_svg(Ledger.of(two_layers(), "W1")) == ledger_svg(Ledger.of(two_layers(), "W1"))
