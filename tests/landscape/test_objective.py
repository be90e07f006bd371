"""The loss as a function of one vector: the values of the trainer, their derivatives, every kind of model."""

from __future__ import annotations

import numpy as np
import pytest
from _surveys import MOONS, fitted, net, quadratic, trained

import torchlean_nb as tl
from torchlean_nb.errors import CapabilityError, HandleTypeError, HyperparameterError, NonScalarError, ShapeError
from torchlean_nb.landscape import Objective


def test_at_the_model_it_is_what_the_trainer_evaluates():
    trainer, _ = trained()
    at, said = Objective(trainer), trainer.evaluate(MOONS)
    assert at.both(at.centre) == pytest.approx((said["loss"], said["accuracy"]), rel=1e-12)
    assert at.size == 32 and at.rows == 64 and at(at.centre) == pytest.approx(at.both(at.centre)[0])


@pytest.mark.parametrize("batch", [1, 7, 64, 1000])
def test_batches_change_nothing_but_rounding(batch):
    trainer, _ = trained()
    whole, cut = Objective(trainer), Objective(trainer, batch=batch)
    v = np.random.default_rng(0).standard_normal(whole.size)
    assert cut.both(v) == pytest.approx(whole.both(v), rel=1e-12)
    np.testing.assert_allclose(cut.hvp(v, v), whole.hvp(v, v), atol=1e-12)
    np.testing.assert_allclose(cut.gradient(v), whole.gradient(v), atol=1e-12)


@pytest.mark.parametrize("batch", [9, 4096])
@pytest.mark.parametrize("norm", [(), (tl.nn.BatchNorm1d(6),)], ids=["plain", "batch norm"])
def test_many_vectors_together_are_each_of_them_alone(batch, norm):
    at = Objective(trained(norm=norm)[0], batch=batch)
    points = at.centre + np.random.default_rng(0).standard_normal((150, at.size))
    assert at.lanes == 64
    np.testing.assert_allclose(at.many(points), [at(p) for p in points], rtol=1e-12)
    assert at.many(points[:0]).shape == (0,)


def test_what_cannot_be_batched_goes_one_by_one(monkeypatch):
    at = Objective(trained()[0])
    monkeypatch.setattr(Objective, "_wide", None)
    assert at.lanes == 1 and at.many(at.centre[None]).tolist() == [at(at.centre)]


def test_large_arrays_leave_room_for_few_vectors(monkeypatch):
    monkeypatch.setattr("torchlean_nb.landscape.objective.WORDS", 64 * 6 * 5)
    assert Objective(trained()[0]).lanes == 5


def test_gradient_and_hessian_are_those_of_the_values():
    at, rng = Objective(trained()[0]), np.random.default_rng(3)
    v = rng.standard_normal(at.size)
    slope = (at(at.centre + 1e-6 * v) - at(at.centre - 1e-6 * v)) / 2e-6
    bend = (at.gradient(at.centre + 1e-6 * v) - at.gradient(at.centre - 1e-6 * v)) / 2e-6
    assert at.gradient(at.centre) @ v == pytest.approx(slope, rel=1e-6)
    np.testing.assert_allclose(at.hvp(at.centre, v), bend, rtol=1e-5, atol=1e-7)


def test_the_hessian_of_a_quadratic_loss_is_its_matrix():
    matrix = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
    at = quadratic(matrix)
    np.testing.assert_allclose([at.hvp(at.centre, e) for e in np.eye(3)], matrix, atol=1e-12)


def test_every_kind_of_model_gives_the_same_loss():
    trainer, _ = fitted()
    result = trainer.fit(MOONS, steps=1, batch_size=64, progress=False)
    models = [(trainer, None), (result, None), (trainer.runner, None), (trainer.runner.net, "cross_entropy")]
    losses = [Objective(m, MOONS, loss=loss)(Objective(trainer).centre) for m, loss in models]
    assert len(set(losses)) == 1


def test_a_result_is_what_the_model_was_then():
    trainer, _ = fitted(seed=4)
    result = trainer.fit(MOONS, steps=2, progress=False)
    then = Objective(trainer).centre
    trainer.fit(MOONS, steps=5, progress=False)
    assert (Objective(result, MOONS).centre == then).all() and (Objective(trainer).centre != then).any()


def test_frozen_parameters_and_buffers_stay_out_of_the_vector():
    trainer, _ = trained(norm=(tl.nn.BatchNorm1d(6),))
    at = Objective(trainer)
    assert {"1.running_mean", "1.running_var"} <= set(at.rest) and "1.weight" in at.shapes
    s = tl.Session()
    bound = net().bind(s, seed=0)
    bound.params["0.weight"].requires_grad = False
    assert "0.weight" in Objective(bound, MOONS, loss="cross_entropy").rest


def test_regression_has_no_accuracy():
    bound = tl.nn.Linear(2, 1).bind(tl.Session(), seed=0)
    at = Objective(bound, ([[1.0, 2.0]], [3.0]), loss="regression")
    assert np.isnan(at.both(at.centre)[1])
    with pytest.raises(CapabilityError, match="no classes"):
        at.accuracy(at.centre)


def test_a_network_that_reads_ids_is_fine():
    bound = tl.nn.Sequential(tl.nn.Embedding(5, 3), tl.nn.Flatten(), tl.nn.Linear(6, 2)).bind(tl.Session(), seed=0)
    at = Objective(bound, (np.array([[0, 1], [4, 2]]), np.array([0, 1])), loss="cross_entropy")
    assert np.isfinite(at(at.centre)) and at.size == 15 + 14


@pytest.mark.parametrize(("model", "data", "options", "error"), [
    (tl.nn.Linear(2, 2), MOONS, {}, HandleTypeError), ("adam", MOONS, {}, HandleTypeError),
    (None, MOONS, {}, CapabilityError), (None, None, {"loss": "cross_entropy"}, CapabilityError),
    (None, MOONS, {"loss": "cross_entropy", "batch": 0}, HyperparameterError),
], ids=["layer", "text", "no loss", "no data", "no rows"])  # fmt: skip
def test_what_cannot_be_looked_at_is_refused(model, data, options, error):
    with pytest.raises(error):
        Objective(net().bind(tl.Session(), seed=0) if model is None else model, data, **options)


def test_vectors_that_do_not_fit_and_losses_that_are_no_number_are_refused():
    at = Objective(trained()[0])
    with pytest.raises(ShapeError, match="32 parameters"):
        at(np.zeros(31))
    with pytest.raises(HandleTypeError, match="no vector"):
        at.gradient("centre")
    with pytest.raises(ShapeError, match="is missing"):
        at.join({})
    many = Objective(net().bind(tl.Session(), seed=0), MOONS, loss=lambda out, y: out)
    with pytest.raises(NonScalarError, match="must be a number"):
        many(many.centre)
