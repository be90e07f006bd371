"""The table of kinks, point by point."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.laws import KINKS
from torchlean_nb.laws.kinks import table


@pytest.mark.parametrize("kink", KINKS, ids=lambda k: k.name)
def test_the_gradient_is_the_one_in_the_table(kink):
    assert np.array_equal(kink.measured(), kink.slope, equal_nan=True)


FINITE = [k for k in KINKS if k.order == 1 and np.isfinite(k.slope).all()]
# A forward sweep meets the infinite slope before it meets the 0.
INFINITY_FIRST = {"0 * sqrt at 0": [np.nan]}


@pytest.mark.parametrize("kink", FINITE, ids=lambda k: k.name)
def test_forward_sweeps_give_the_same(kink):
    assert np.array_equal(kink.pushed(), INFINITY_FIRST.get(kink.name, kink.slope), equal_nan=True)


@pytest.mark.parametrize("kink", [k for k in KINKS if k.torch], ids=lambda k: k.name)
def test_another_choice_than_pytorchs_has_a_reason(kink):
    assert kink.why
    assert not np.array_equal(kink.torch, kink.slope, equal_nan=True)


def test_the_table_can_be_read():
    lines = table().split("\n")
    assert len(lines) == len(KINKS) + 2
    assert "| 0 * sqrt at 0 | 0 | 0 | nan | nothing arrived" in table()
    assert {line.count("|") for line in lines} == {6}


def test_names_are_unique():
    assert len({k.name for k in KINKS}) == len(KINKS)


def test_a_session_that_raises_refuses_what_the_table_calls_infinite():
    s = tl.Session()
    root = tl.sqrt(s.param(0.0, name="x"))
    with pytest.raises(ArithmeticError, match="sqrt"):
        s.backward(root)
