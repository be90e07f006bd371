"""Loops for numba, run as the Python they are: their numbers are those of the arrays."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors, surfaces
from torchlean_nb.race import contenders, native
from torchlean_nb.race.engine import limit_of
from torchlean_nb.race.programs import table
from torchlean_nb.updates import RULES

STARTS = np.random.default_rng(5).uniform(-2, 2, (5, 2))
CROWD = [r.name for r in RULES.values() if r.builtin and r.scope == "element" and not r.needs]
PLAIN = [n for n in surfaces.available() if not surfaces.surface_of(n).noise]


def loop(what, on, steps=8, every=3):
    """Positions, losses and ends of the loop's paths."""
    (c,), surface = contenders([what]), surfaces.surface_of(on)
    exec(native.text_of(c, surface, "d"), space := {})
    n, count = len(STARTS), len(range(0, steps, every)) + 1
    places, losses, ended = np.full((count, 2, n), np.nan), np.full((count, n), np.nan), np.full(n, -1)
    begin, points = native.starts(c, surface, "d"), np.ascontiguousarray(STARTS.T)
    with np.errstate(all="ignore"):
        space["run"](points, table(c, steps, "d")[0], every, limit_of(surface), begin, places, losses, ended)
    return places, losses, ended


def same(what, on):
    places, losses, ended = loop(what, on)
    want = tl.race([what], on=on, start=STARTS, steps=8, every=3, engine="numpy", lr=None).tracks[0]
    return (np.allclose(places, want.positions, rtol=1e-9, atol=1e-13) and np.array_equal(ended, want.ended)
            and np.allclose(losses, want.losses, rtol=1e-8, atol=1e-13))  # fmt: skip


def test_every_rule_that_has_a_loop_takes_the_steps_of_the_arrays(monkeypatch):
    monkeypatch.setattr(native, "BLOCK", 2)
    without = []
    for name in CROWD:
        try:
            assert same(name, "beale"), name
        except errors.CapabilityError:
            without.append(name)
    assert len(without) < len(CROWD) / 3


@pytest.mark.parametrize("lr", [0.003, 0.3])
def test_every_surface_gives_the_paths_of_the_arrays_and_those_that_run_away_end(lr):
    assert all(same(("momentum", {"lr": lr}), on) for on in PLAIN)


# Names that the loop, NumPy's passes and Python have themselves.
@pytest.mark.parametrize("slot", ["x", "k", "old", "fine", "limit", "np", "abs", "add", "copyto", "range"])
def test_a_slot_may_be_called_as_anything_is(slot):
    @tl.extend.update_rule(hypers={"lr": tl.extend.Hyper(0.01, r"\eta", 0.0)}, slots={slot: tl.extend.Slot()})
    def oddly_named(xp, g, p, s, h, t):
        """Heavy ball."""
        v = 0.5 * getattr(s, slot) + g
        return {slot: v, "delta": -h.lr * v}

    try:
        want = tl.race([("sgd", {"lr": 0.01, "momentum": 0.5})], on="beale", start=STARTS, steps=8, every=3)
        for engine in ("numpy", "auto"):
            r = tl.race(["oddly_named"], on="beale", start=STARTS[:3], steps=8, every=3, lr=None, engine=engine)
            assert np.allclose(r.tracks[0].positions, want.tracks[0].positions[..., :3], rtol=1e-12)
        try:
            assert np.allclose(loop("oddly_named", "beale")[0], want.tracks[0].positions, rtol=1e-12)
        except errors.CapabilityError:
            assert slot in ("add", "copyto")
    finally:
        del tl.optim.rules["oddly_named"]
