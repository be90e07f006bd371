"""Landscapes of a network that lives on a device: the numbers of the CPU, the data put there once."""

import _guard
import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.landscape.objective import Objective

MOONS = tl.data.moons(60)


def trained(device, *layers):
    net = tl.nn.Sequential(*layers or (tl.nn.Linear(2, 8), tl.nn.Tanh(), tl.nn.Linear(8, 2)))
    trainer = tl.Trainer(net, task="classification", optimizer="adam", schedule=0.1, device=device)
    path = tl.landscape.Trajectory()
    trainer.fit(MOONS, steps=12, callbacks=path, progress=False)
    return trainer, path


@pytest.fixture(scope="module")
def pair():
    return trained("cpu"), trained("guard")


def test_planes_are_the_same(pair):
    one, two = (tl.landscape(t, trajectory=path, points=7) for t, path in pair)
    for a, b in zip(one.planes, two.planes, strict=True):
        assert np.allclose(a.losses, b.losses, rtol=1e-9) and np.allclose(a.positions, b.positions, atol=1e-9)


def test_derivatives_and_accuracy_are_the_same(pair):
    one, two = (Objective(t) for (t, _) in pair)
    v = np.linspace(-1, 1, one.size)
    assert np.allclose(one.centre, two.centre, rtol=1e-12)
    assert np.allclose(one.gradient(one.centre), two.gradient(one.centre), rtol=1e-9, atol=1e-12)
    assert np.allclose(one.hvp(one.centre, v), two.hvp(one.centre, v), rtol=1e-9, atol=1e-12)
    assert one.both(one.centre) == pytest.approx(two.both(one.centre), rel=1e-12)


def test_an_evaluation_takes_the_vector_there_and_one_number_back(pair):
    at = Objective(pair[1][0], loss="cross_entropy")
    at.many(at.centre[None])  # the program is made
    with _guard.counting() as seen:
        at.many(np.tile(at.centre, (3, 1)))
    assert seen.arrays_in == len(at.shapes) and seen.arrays_out == 1


def test_buffers_and_lines_between_two_models():
    layers = tl.nn.Linear(2, 4), tl.nn.BatchNorm1d(4), tl.nn.ReLU(), tl.nn.Linear(4, 2)
    (one, _), (two, _) = trained("cpu", *layers), trained("guard", *layers)
    found = [tl.landscape.line(t, {k: np.zeros_like(v) for k, v in t.runner.get_params().items()}, MOONS, points=5)
             for t in (one, two)]  # fmt: skip
    assert np.allclose(found[0].losses, found[1].losses, rtol=1e-9)
