"""Gallery: the setting that is chosen is the frame that is told."""

from __future__ import annotations

import pytest
from _decks import deck

from torchlean_nb.errors import HandleTypeError, HyperparameterError
from torchlean_nb.render.lesson_deck import Deck, Frame, Knob
from torchlean_nb.widgets import Gallery


def test_it_begins_where_the_knobs_begin():
    w = Gallery(deck("side"))
    assert w.places == deck("side").start == (1, 0, 1)
    assert repr(w) == "Gallery('side': side: side, side: x, ticked: side. side at 101.)"
    assert Gallery(deck("side"), step=2).places == (2, 0, 1)


def test_the_slider_and_the_knobs_choose_the_frame():
    w = Gallery(deck("side"), state={"pick": [1, 0]})
    w.step = 2
    assert w.places == (2, 1, 0)
    assert "side at 210." in w.to_text() and "side at 210." in w.to_svg()
    assert w.to_text().splitlines()[-2:] == ["side       2", "b          1"]
    assert Gallery(deck("side"), state=w.now).places == (2, 1, 0)


@pytest.mark.parametrize("pick", [None, [], [1], [9, 0], [-1, 0], ["x", None], [True, 0], "11", {"0": 1}])
def test_a_state_from_elsewhere_falls_back_to_the_start(pick):
    assert Gallery(deck("side"), state={"pick": pick, "step": 0}).places == (0, 0, pick[1] if pick in (
        [9, 0], [-1, 0], [True, 0]) else 1)  # fmt: skip


def test_every_frame_travels_once():
    payload = Gallery(deck("side")).payload
    assert len(payload["frames"]) == 12
    assert payload["frames"]["2.1.0"]["says"] == "side at 210."


def test_a_deck_without_knobs_is_one_picture():
    w = Gallery(Deck("alone", (), {(): Frame("", "nothing to choose")}))
    assert (w.steps, w.places, list(w.payload["frames"])) == (0, (), [""])


def test_what_is_no_complete_deck_is_refused():
    with pytest.raises(HandleTypeError, match="expected a Deck, got dict"):
        Gallery({})
    with pytest.raises(HyperparameterError, match="2 settings, 1 of them without a frame"):
        Deck("half", (Knob("side", ("1", "2")),), {(0,): Frame("", "one")})
    with pytest.raises(HyperparameterError, match="slider must be the first"):
        Deck("late", (Knob("a", ("1",)), Knob("b", ("1",), kind="slide")), {(0, 0): Frame("", "one")})
