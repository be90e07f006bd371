"""Races that numba compiles."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import surfaces
from torchlean_nb.race import contenders, native

pytestmark = pytest.mark.oracle
STARTS = np.random.default_rng(5).uniform(-2, 2, (9, 2))
RUN = """
import torchlean_nb as tl
from torchlean_nb.race import native
r = tl.race([("sgd", {"lr": 0.01})], on="booth", start=[[1.0, 2.0]], steps=5, engine="numba")
run, = native._ready.values()
print(sum(run.stats.cache_hits.values()), r.meta["compile_seconds"] > 0, r.tracks[0].final.tolist())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setenv(native.HOME, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.mark.parametrize(("name", "surface"), [("adam", "rosenbrock"), ("rprop", "ackley"), ("lion", "branin")])
def test_they_are_the_same_up_to_rounding_and_compiled_once(name, surface):
    what = [(name, {"lr": 0.002})]
    on = surfaces.surface_of(surface)
    text = native.text_of(contenders(what)[0], on, "d")
    assert text not in native._ready
    before = tl.race(what, on=on, start=STARTS, steps=50)
    a, b = (tl.race(what, on=on, start=STARTS, steps=50, every=7, engine=e).tracks[0] for e in ("numpy", "numba"))
    assert np.allclose(a.positions, b.positions, rtol=1e-9) and np.allclose(a.losses, b.losses, rtol=1e-8)
    assert text in native._ready and np.array_equal(a.ended, b.ended)
    assert tl.race(what, on=on, start=STARTS, steps=50) == before  # what was compiled meanwhile changes nothing
    other = [(name, {"lr": 0.004})]
    r = tl.race(other, on=on, start=STARTS, steps=50, engine="numba")
    assert "compile_seconds" not in r.meta
    assert np.allclose(r.tracks[0].final, tl.race(other, on=on, start=STARTS, steps=50, engine="numpy").tracks[0].final)


def test_a_path_that_runs_away_ends_at_the_same_step():
    what = [("sgd", {"lr": 0.02})]
    a, b = (tl.race(what, on="beale", start=STARTS, steps=50, engine=e).tracks[0] for e in ("numpy", "numba"))
    assert np.array_equal(a.ended, b.ended) and (a.ended >= 0).any() and (a.ended < 0).any()


def test_floats_of_half_the_width_stay_so():
    what = [("momentum", {"lr": 0.001})]
    a, b = (
        tl.race(what, on="himmelblau", start=STARTS, steps=20, engine=e, dtype="float32").tracks[0]
        for e in ("numpy", "numba")
    )
    assert b.positions.dtype == np.float32 and np.allclose(a.positions, b.positions, rtol=1e-4)


def test_the_next_process_finds_what_was_compiled(folder):
    env = {**os.environ, native.HOME: str(folder)}
    first, second = (
        subprocess.run([sys.executable, "-c", RUN], env=env, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    )
    assert first[0] == "0" and int(second[0]) > 0 and first[1:] == second[1:]
    for file in (folder / "__pycache__").glob("*.nbc"):
        file.write_bytes(b"broken")
    third = subprocess.run([sys.executable, "-c", RUN], env=env, capture_output=True, text=True, check=True)
    assert third.stdout.split()[1:] == first[1:]


@pytest.mark.parametrize("mode", ["", "shared", "file"])
def test_without_a_folder_of_ones_own_nothing_is_kept(folder, monkeypatch, mode):
    if mode == "":
        monkeypatch.setenv(native.HOME, "")
    elif mode == "shared":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        folder.write_text("in the way")
    assert native._folder() is None
    on = surfaces.sphere.with_numbers() if mode == "" else surfaces.parse(f"x**2 + y**2 + {len(mode)}*x")
    r = tl.race(["sgd"], on=on, start=STARTS, steps=3, engine="numba")
    assert r.tracks[0].losses[-1, 0] < r.tracks[0].losses[0, 0]
    assert not folder.is_dir() or not [*folder.iterdir()]
