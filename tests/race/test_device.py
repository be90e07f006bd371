"""Races on a device: the paths of the CPU, and one crossing for each contender."""

import _guard
import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.race.contenders import contenders
from torchlean_nb.surfaces import SURFACES

STARTS = np.random.default_rng(0).uniform(-1, 1, (50, 2))
ELEMENTWISE = [c.name for c in contenders([name for name in tl.optim.rules if not contenders([name])[0].alone])]


def both(*args, **options):
    return tl.race(*args, **options, lr=None), tl.race(*args, **options, lr=None, device="guard")


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_rule_goes_as_on_the_cpu(name):
    one, two = both([(name, {})], on="himmelblau", start=STARTS, steps=20)
    a, b = one.tracks[0], two.tracks[0]
    assert np.allclose(a.positions, b.positions, rtol=1e-9, atol=1e-12) and a.ended.tolist() == b.ended.tolist()


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
        tl.race(["adam"], on="rosenbrock", start=STARTS, steps=40, lr=None, device="guard")
    assert (seen.arrays_out, seen.items, seen.waits) == (3, 0, 0)  # positions, losses, where they ended


def test_what_a_device_cannot_do_is_said():
    with pytest.raises(errors.CapabilityError, match="bfgs cannot run on guard"):
        tl.race(["bfgs"], on="sphere", lr=None, device="guard")
    with pytest.raises(errors.HyperparameterError, match="engine='python' on guard"):
        tl.race(["sgd"], on="sphere", lr=None, device="guard", engine="python")
    with pytest.raises(errors.UnknownDeviceError, match="did you mean"):
        tl.race(["sgd"], on="sphere", device="guardd")
