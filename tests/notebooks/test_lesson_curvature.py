"""Lessons 15 and 16: answers known from paper, and what their pictures say is so."""

from __future__ import annotations

import numpy as np
import pytest

from torchlean_nb.lessons import check, muon_deck, newton_deck
from torchlean_nb.lessons.curvature import _level, rosenbrock


@pytest.mark.parametrize(("exercise", "answer"), [
    ("15.uphill", "rises"), ("15.sixth", 2.8), ("15.hill", -1 / 26), ("15.muon", 0.07), ("15.damp", 4),
    ("16.random", 2 / 5000), ("16.drop", 12.2**0.5), ("16.bent", 18 / 16), ("16.filter", [20**0.5, 80**0.5]),
    ("16.sharp", "normalised"),
])  # fmt: skip
def test_known_numbers_come_out(exercise, answer):
    assert check(exercise, answer)


def test_the_parabola_promises_what_newton_does_not_keep():
    deck = newton_deck()
    assert len(deck.frames) == 7
    assert "promises 0.515; the next value is 1412." in deck.at((1,)).says
    assert [row[1] for row in deck.at((0,)).rows[:4]] == ["24.2", "4.732", "1412", "0.05597"]


def test_lines_of_equal_height_are_of_equal_height():
    for height in (1.0, 20.0, 1600.0):
        line = _level(height)
        np.testing.assert_allclose(rosenbrock(line.T), height, rtol=1e-9)


def test_five_rounds_bring_all_singular_values_near_one_but_those_that_are_zero():
    deck = muon_deck()
    near = [int(deck.at((k,)).says.split()[3]) for k in range(6)]
    assert near == sorted(near) and (near[0], near[-1]) == (1, 29)
    assert "largest 1.2, smallest 0<" in deck.at((5,)).body
