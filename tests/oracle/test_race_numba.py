"""Races that numba compiles."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import surfaces
from torchlean_nb.race import contenders, loops

pytestmark = pytest.mark.oracle
STARTS = np.random.default_rng(5).uniform(-2, 2, (9, 2))


@pytest.mark.parametrize(("name", "surface"), [("adam", "rosenbrock"), ("sgd", "ackley"), ("lion", "branin")])
def test_they_are_the_same_up_to_rounding_and_known_to_be_compiled(name, surface):
    pytest.importorskip("numba")
    what = [(name, {"lr": 0.002})]
    c, on = contenders(what)[0], surfaces.surface_of(surface)
    assert not loops.is_compiled(c, on)
    a, b = (tl.race(what, on=on, start=STARTS, steps=50, every=7, engine=e).tracks[0] for e in ("numpy", "numba"))
    assert np.allclose(a.positions, b.positions, rtol=1e-9) and np.allclose(a.losses, b.losses, rtol=1e-8)
    assert loops.is_compiled(c, on) and np.array_equal(a.ended, b.ended)


def test_a_path_that_runs_away_ends_at_the_same_step():
    pytest.importorskip("numba")
    what = [("sgd", {"lr": 0.02})]
    a, b = (tl.race(what, on="beale", start=STARTS, steps=50, engine=e).tracks[0] for e in ("numpy", "numba"))
    assert np.array_equal(a.ended, b.ended) and (a.ended >= 0).any() and (a.ended < 0).any()
