"""Races, sweeps and fair comparisons on a device: the numbers of the CPU, and one crossing for all contenders."""

import pickle

import _guard
import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.race.contenders import contenders
from torchlean_nb.race.sweep import compute
from torchlean_nb.race.trial import Trial
from torchlean_nb.surfaces import SURFACES

STARTS = np.random.default_rng(0).uniform(-1, 1, (50, 2))
NAMES = tl.race.applicable("himmelblau")


def both(*args, **options):
    return tl.race(*args, **options, lr=None), tl.race(*args, **options, lr=None, device="guard")


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_goes_as_on_the_cpu(name):
    few = 3 if contenders([name])[0].alone else len(STARTS)
    one, two = both([name], on="himmelblau", start=STARTS[:few], steps=6 if few == 3 else 20)
    a, b = one.tracks[0], two.tracks[0]
    assert np.allclose(a.positions, b.positions, rtol=1e-9, atol=1e-12) and a.ended.tolist() == b.ended.tolist()
    assert a.evaluations.tolist() == b.evaluations.tolist()


@pytest.mark.parametrize("name", sorted(SURFACES))
def test_every_surface_is_the_same(name):
    one, two = both(["sgd", "adam"], on=name, start=STARTS, steps=10, dtype="float64")
    for a, b in zip(one.tracks, two.tracks, strict=True):
        assert np.allclose(a.losses, b.losses, rtol=1e-9, atol=1e-9, equal_nan=True)
        assert a.evaluations.tolist() == b.evaluations.tolist()


def test_paths_that_leave_end_at_the_same_step():
    one, two = both([("sgd", {"lr": 0.5})], on="rosenbrock", start=STARTS, steps=30)
    assert (one.tracks[0].ended >= 0).any() and one.tracks[0].ended.tolist() == two.tracks[0].ended.tolist()


def test_a_function_and_a_rate_for_each_path():
    rates = np.geomspace(1e-3, 0.3, len(STARTS))
    one, two = both([("sgd", {"lr": rates})], on=lambda x, y: x**2 + tl.sin(3 * y), start=STARTS, steps=25)
    assert np.allclose(one.tracks[0].losses, two.tracks[0].losses, rtol=1e-12, atol=1e-12)


def test_the_record_crosses_once():
    with _guard.counting() as seen:
        tl.race(["adam", "sgd", "lion"], on="rosenbrock", start=STARTS, steps=40, lr=None, device="guard")
    assert (seen.arrays_out, seen.items, seen.waits) == (3, 0, 0)  # positions, losses, where they ended
    assert seen.arrays_in <= 3  # the starts


def test_noise_is_the_same_and_paths_that_leave_end_among_others():
    on = tl.surfaces.rosenbrock.with_noise(0.1)
    one, two = both(["adam", ("sgd", {"lr": 0.5}), "momo"], on=on, start=STARTS[:3], steps=12)
    for a, b in zip(one.tracks, two.tracks, strict=True):
        assert np.allclose(a.positions, b.positions, rtol=1e-9, atol=1e-12) and a.ended.tolist() == b.ended.tolist()
    assert (one.tracks[1].ended >= 0).all() and (one.tracks[0].ended < 0).all()


def table(found):
    """Columns of a sweep."""
    return [
        repr(list(found[name])) for name in ("optimizer", "lr", "seed", "status", "ended", "evaluations", "init_hash")
    ]


@pytest.mark.parametrize("name", ["rosenbrock", "noisy_sphere"])
def test_a_sweep_has_the_outcomes_of_the_cpu(name):
    grid = {"lr": [1e-3, 0.03, 5.0], "schedules": [None, tl.schedules.cosine(1.0, total=20)], "seeds": 2, "steps": 20}
    one, two = (tl.race.sweep(["sgd", "adam", "momo", "bfgs"], on=name, **grid, curves=9, progress=False, device=where)
                for where in ("cpu", "guard"))  # fmt: skip
    assert table(one) == table(two) and np.allclose(one["best"], two["best"], rtol=1e-9, equal_nan=True)
    assert two.meta["device"] == "guard" and "device" not in one.meta
    for a, b in zip(one.curves, two.curves, strict=True):
        assert np.allclose(a[1], b[1], rtol=1e-9)


def test_a_fair_comparison_has_the_ranks_and_losses_of_the_cpu():
    made = [tl.race.fair(["sgd", "adam"], on=["sphere", "moons_mlp"], points=2, seeds=1, steps=15, epochs=1,
                         progress=False, device=where) for where in ("cpu", "guard")]  # fmt: skip
    for p in ("sphere", "moons_mlp"):
        a, b = (found[p] for found in made)
        assert a.ranking() == b.ranking()
        for e, f in zip(a.entries, b.entries, strict=True):
            assert np.allclose(e.curves, f.curves, rtol=1e-9, equal_nan=True)
            assert (e.evaluations == f.evaluations).all() and e.starts == f.starts


def test_a_trial_of_a_device_is_another_one_and_travels_with_it(tmp_path):
    here, there = (Trial("sphere", "sgd", {"lr": 0.1}, budget=3, device=name) for name in (None, "guard"))
    assert here.device == "cpu" and "device" not in here.to_dict() and here.key != there.key
    assert pickle.loads(pickle.dumps(there)).device == "guard" and Trial.from_dict(there.to_dict()) == there
    compute([here], results=tmp_path / "runs")
    with _guard.counting() as seen:
        compute([here, there, there], results=tmp_path / "runs")
    assert seen.arrays_out == 3  # one race of two paths


def test_what_a_device_cannot_do_is_said():
    for call in (tl.race.sweep, tl.race.fair):
        with pytest.raises(errors.UnknownDeviceError, match="did you mean"):
            call(["sgd"], on="sphere", device="guardd")
    with pytest.raises(errors.HyperparameterError, match="engine='python' on guard"):
        tl.race(["sgd"], on="sphere", lr=None, device="guard", engine="python")
    with pytest.raises(errors.UnknownDeviceError, match="did you mean"):
        tl.race(["sgd"], on="sphere", device="guardd")
