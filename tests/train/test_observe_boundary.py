"""BoundaryRecorder: the frames are what the model says, there are few of them, and the run does not notice."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import CapabilityError, HyperparameterError, ShapeError
from torchlean_nb.train import BoundaryRecorder, Trainer

MOONS = tl.data.moons(60, noise=0.1)


def a_trainer(out=2, task="classification", data=MOONS, extra=(), **options):
    net = tl.nn.Sequential(tl.nn.Linear(2, 6), tl.nn.Tanh(), *extra, tl.nn.Linear(6, out))
    return Trainer(net, task=task, optimizer="adam", schedule=0.05, seed=1, **options), data


def fit(trainer, data, seen=None, steps=20, **options):
    return trainer.fit(data, steps=steps, batch_size=16, callbacks=seen or (), progress=False, **options)


@pytest.mark.parametrize("extra", [(), (tl.nn.Dropout(0.5),), (tl.nn.BatchNorm1d(6),)], ids=lambda e: str(e))
def test_looking_changes_no_bit_of_the_run(extra):
    (watched, data), (alone, _) = a_trainer(extra=extra), a_trainer(extra=extra)
    a, b = fit(watched, data, BoundaryRecorder(resolution=8)), fit(alone, data)
    assert a.run["loss"].values.tobytes() == b.run["loss"].values.tobytes() and a.metrics == b.metrics
    for path, value in b.parameters.items():
        assert value.tobytes() == a.parameters[path].tobytes()
    assert watched.runner.session.rng == alone.runner.session.rng


def test_the_last_frame_is_what_the_model_says():
    trainer, data = a_trainer()
    seen = BoundaryRecorder(resolution=12, bounds=(-2, 3, -1, 2))
    result = fit(trainer, data, seen)
    trace = seen.trace("m")
    assert trace.steps.tolist() == list(range(21)) and trace.labels == ("upper", "lower")
    xs, ys = -2 + 5 * (np.arange(12) + 0.5) / 12, -1 + 3 * (np.arange(12) + 0.5) / 12
    for r, y in enumerate(ys):
        z = result.predict(np.stack([xs, np.full(12, y)], axis=1))
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        assert np.array_equal(trace.codes[-1, r] // 127, z.argmax(axis=1))
        assert np.abs(trace.codes[-1, r] % 127 - 127 * (2 * p.max(axis=1) - 1)).max() < 1 + 1e-6
    assert np.array_equal(trace.guesses[-1], result.predict_class(data.X))
    assert trace.loss[-1] == pytest.approx(result.report.after) and trace.loss[0] == pytest.approx(result.report.before)
    assert trace.accuracy(20) == result.metrics["accuracy"]


def test_the_surface_of_a_regression_is_its_prediction():
    data = tl.data.regression_grid()
    trainer, data = a_trainer(1, "regression", data)
    seen = BoundaryRecorder(resolution=9)
    result = fit(trainer, data, seen)
    trace = seen.trace()
    assert trace.classes == 0 and np.allclose(trace.guesses[-1], result.predict(data.X).ravel())
    left, right, bottom, top = trace.bounds
    low, high = trace.scale
    middle = result.predict([[(left + right) / 2, (bottom + top) / 2]]).item()
    assert low + trace.codes[-1, 4, 4] / 254 * (high - low) == pytest.approx(middle, abs=(high - low) / 250)


@pytest.mark.parametrize(("loss", "low"), [("bce_with_logits", 0), ("hinge", -1)])
def test_two_classes_told_apart_by_one_number(loss, low):
    y = np.where(MOONS.arrays[1] == 1, 1, low)
    trainer, data = a_trainer(1, loss, tl.data.Dataset(MOONS.X, y))
    seen = BoundaryRecorder(resolution=8)
    result = fit(trainer, data, seen, steps=60)
    trace = seen.trace()
    assert trace.classes == 2 and set(trace.targets) == {0, 1}
    assert np.array_equal(trace.guesses[-1], (result.predict(data.X).ravel() > 0)) and trace.accuracy(-1) > 0.8


def test_one_hot_targets_are_classes():
    trainer, data = a_trainer(2, data=tl.data.Dataset(MOONS.X, np.eye(2)[MOONS.arrays[1]]))
    seen = BoundaryRecorder(resolution=8)
    fit(trainer, data, seen, steps=2)
    assert np.array_equal(seen.trace().targets, MOONS.arrays[1])


@pytest.mark.parametrize("frames", [4, 7])
def test_frames_stay_few_and_even(frames):
    trainer, data = a_trainer()
    seen = BoundaryRecorder(resolution=8, frames=frames)
    fit(trainer, data, seen, steps=100)
    steps = seen.trace().steps
    assert frames / 2 - 1 < len(steps) <= frames and steps[0] == 0 and steps[-1] == 100
    assert len(set(np.diff(steps)[:-1])) == 1


def test_training_on_is_one_film():
    trainer, data = a_trainer()
    seen = BoundaryRecorder(resolution=8)
    fit(trainer, data, seen, steps=5)
    fit(trainer, data, seen, steps=5)
    assert seen.trace().steps.tolist() == list(range(11))


def test_steps_that_were_undone_are_not_in_the_film():
    trainer, data = a_trainer()
    seen = BoundaryRecorder(resolution=8)

    def stop(moment):
        if moment.step == 6:
            raise KeyboardInterrupt

    result = fit(trainer, data, [seen, stop])
    trace = seen.trace()
    assert result.stopped == "interrupted" and trace.steps[-1] == trainer.step == result.steps
    assert np.array_equal(trace.guesses[-1], result.predict_class(data.X))


def test_numbers_that_are_none_are_said():
    trainer, data = a_trainer()
    seen = BoundaryRecorder(data, resolution=8)
    state = trainer.runner.get_params()
    trainer.runner.session.nonfinite = "ieee"
    trainer.runner.net.load_state_dict(state | {"2.bias": np.array([np.inf, np.inf])})
    seen.look(trainer.runner, 0)
    trace = seen.trace()
    assert (trace.codes == 255).all() and np.isnan(trace.guesses).all() and trace.accuracy(0) == 0


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_looking_asks_in_eval_mode_and_leaves_the_mode(mode):
    trainer, data = a_trainer(extra=(tl.nn.Dropout(0.9),))
    runner = trainer.runner
    runner.mode = mode
    seen = BoundaryRecorder(data, resolution=8)
    seen.look(runner, 0)
    seen.look(runner, 1)
    trace = seen.trace()
    assert runner.mode == mode and np.array_equal(trace.codes[0], trace.codes[1])


def test_of_many_points_some_are_shown():
    trainer, data = a_trainer(data=tl.data.moons(1000))
    seen = BoundaryRecorder(resolution=8)
    fit(trainer, data, seen, steps=1)
    assert len(seen.trace().points) == 400


def test_what_cannot_be_drawn_is_refused_before_anything_is_learned():
    trainer = Trainer(tl.nn.Linear(3, 2), task="classification")
    before = trainer.runner.get_params()
    x, y = np.ones((16, 2)), np.zeros(16, int)
    with pytest.raises(ShapeError, match="two numbers per sample"):
        fit(trainer, (np.ones((16, 3)), y), BoundaryRecorder())
    assert all(np.array_equal(v, before[k]) for k, v in trainer.runner.get_params().items()) and trainer.step == 0
    with pytest.raises(CapabilityError, match="one number each"):
        fit(Trainer(tl.nn.Linear(2, 2)), (x, x), BoundaryRecorder())
    with pytest.raises(CapabilityError, match="2 to 20"):
        fit(Trainer(tl.nn.Linear(2, 21), task="classification"), (x, y), BoundaryRecorder())
    for nothing in (lambda: BoundaryRecorder().trace(), lambda: BoundaryRecorder().look(trainer.runner, 0)):
        with pytest.raises(CapabilityError):
            nothing()
    for options in ({"frames": 2}, {"resolution": 0}, {"every": 0.5}):
        with pytest.raises(HyperparameterError):
            BoundaryRecorder(**options)
