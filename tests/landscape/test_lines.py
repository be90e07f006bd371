"""The way between two solutions, and what rescaling does to pictures but not to the loss."""

from __future__ import annotations

import numpy as np
import pytest
from _surveys import MOONS, trained

import torchlean_nb as tl
from torchlean_nb.errors import CapabilityError, HandleTypeError, HyperparameterError, ShapeError, UnknownNameError
from torchlean_nb.landscape import Objective, line, rescalings
from torchlean_nb.landscape.lines import rescaled
from torchlean_nb.trace.landscape import LandscapeTrace


def test_both_ends_of_a_line_are_the_models_as_they_are():
    for norm in ((), (tl.nn.BatchNorm1d(6),)):
        (one, _), (two, _) = trained(norm=norm), trained(seed=1, norm=norm)
        found = line(one, two, points=7, name="a")
        ends = [t.evaluate(MOONS) for t in (one, two)]
        for i, said in zip((1, 5), ends, strict=True):
            assert found.losses[i] == pytest.approx(said["loss"], rel=1e-12)
            assert found.accuracy[i] == said["accuracy"] and found.at[i] == pytest.approx(float(i == 5))


def test_the_other_end_may_be_arrays_by_path():
    (one, _), (two, _) = trained(), trained(seed=1)
    assert line(one, two.runner.net.state_dict(), points=3) == line(one, two, points=3)
    with pytest.raises(ShapeError, match="is missing"):
        line(one, {}, points=3)
    with pytest.raises(HandleTypeError):
        line(one, 3, MOONS, points=3)


@pytest.mark.parametrize("layers", [
    (tl.nn.Linear(2, 6), tl.nn.ReLU(), tl.nn.Linear(6, 2)),
    (tl.nn.Linear(2, 5), tl.nn.LeakyReLU(0.1), tl.nn.Dropout(0.5), tl.nn.Linear(5, 2)),
    (tl.nn.Unflatten(1, (1, 1, 2)), tl.nn.Conv2d(1, 3, 1), tl.nn.ReLU(), tl.nn.Flatten(), tl.nn.Linear(6, 2)),
], ids=["mlp", "leaky", "cnn"])  # fmt: skip
def test_rescaling_moves_neither_the_loss_nor_the_normalised_line(layers):
    bound = tl.nn.Sequential(*layers).bind(tl.Session(), seed=0)
    one, *others = rescalings(bound, MOONS, (1, 0.1, 10, 1000), loss="cross_entropy", points=5)
    for r in others:
        assert r.loss == pytest.approx(one.loss, rel=1e-12)
        np.testing.assert_allclose(r.normalised, one.normalised, rtol=1e-9)
        assert abs(r.raw - one.raw).max() > 0.01
    assert one.raw[2] == one.normalised[2] == one.loss and one.at.tolist() == [-1, -0.5, 0, 0.5, 1]


def test_the_layer_can_be_chosen_and_only_two_layers_change():
    model = tl.nn.Sequential(
        tl.nn.Linear(2, 4), tl.nn.ReLU(), tl.nn.Linear(4, 4), tl.nn.ReLU(), tl.nn.Linear(4, 2)
    ).bind(tl.Session(), seed=0)
    at = Objective(model, MOONS, loss="cross_entropy")
    assert rescalings(at, factors=(3,), layer="2", points=3) != rescalings(at, factors=(3,), points=3)
    parts = dict(zip(at.shapes, at.split(rescaled(at, "2", "4", 4.0) / at.centre), strict=True))
    assert {k: float(v.flat[0]) for k, v in parts.items()} == {
        "0.weight": 1, "0.bias": 1, "2.weight": 4, "2.bias": 4, "4.weight": 0.25, "4.bias": 1}  # fmt: skip
    with pytest.raises(UnknownNameError, match="cannot be multiplied"):
        rescalings(at, layer="4")


@pytest.mark.parametrize("layers", [
    (tl.nn.Linear(2, 2),), (tl.nn.Linear(2, 4), tl.nn.Tanh(), tl.nn.Linear(4, 2)),
    (tl.nn.Linear(2, 4), tl.nn.ReLU(), tl.nn.Tanh(), tl.nn.Linear(4, 2)),
], ids=["one layer", "tanh", "relu and tanh"])  # fmt: skip
def test_a_model_that_cannot_be_rescaled_says_so(layers):
    with pytest.raises(CapabilityError):
        rescalings(tl.nn.Sequential(*layers).bind(tl.Session(), seed=0), MOONS, (2,), loss="cross_entropy", points=2)


@pytest.mark.parametrize("options", [{"factors": (-1,)}, {"factors": 0}, {"factors": "ab"}, {"seed": 1.5}], ids=str)
def test_factors_are_positive_numbers(options):
    with pytest.raises(HyperparameterError):
        rescalings(trained()[0], **options)


def test_a_line_that_was_stopped_has_holes(monkeypatch):
    (one, _), (two, _) = trained(), trained(seed=1)
    whole, once, calls = line(one, two, points=5), Objective.both, []

    def counted(self, at):
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return once(self, at)

    monkeypatch.setattr(Objective, "both", counted)
    found = line(one, two, points=5)
    assert np.isnan(found.losses).tolist() == [False] * 3 + [True] * 2
    assert (found.losses[:3] == whole.losses[:3]).all() and (found.accuracy[:3] == whole.accuracy[:3]).all()
    with pytest.raises(KeyboardInterrupt):
        line(one, two, points=5)
    assert "stopped" in LandscapeTrace("stopped", lines=[found]).to_text()
