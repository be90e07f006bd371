"""Stepper: the same curve as a loop by hand, a counter of its own, and Stop at any moment."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from _stop import Stop
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb import schedules
from torchlean_nb.errors import HyperparameterError, NonFiniteError, ShapeError
from torchlean_nb.train import OptimizerConfig, TrainConfig, regression, train_samples

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 1))
DATA = tl.data.Dataset(X, Y)
MODEL = tl.nn.Sequential(tl.nn.Linear(2, 5), tl.nn.Tanh(), tl.nn.Dropout(0.2), tl.nn.Linear(5, 1))
DECAY = schedules.exponential_decay(0.1, gamma=0.9)
RULES = ["sgd", "adagrad", "rmsprop", "adam", "adamw", "adadelta", "nadam", "lion", "lars"]


def fresh(model=MODEL):
    return regression(model).instantiate(seed=4)


def values(runner):
    return {k: v.tobytes() for k, v in runner.get_params().items()}


def by_hand(name, epochs, schedule):
    s = tl.Session(seed=4)
    net = MODEL.bind(s, seed=4)
    opt, losses = tl.optim.class_of(tl.optim.rules[name])(net.parameters()), []
    for k in range(6 * epochs):
        i = k % 6
        if schedule:
            opt.param_groups[0]["lr"] = schedule(k)
        losses.append(s.step(opt, lambda i=i: tl.mse_loss(net(X[i : i + 1]), Y[i : i + 1])).loss)
    return losses, {k: v.tobytes() for k, v in net.state_dict().items()}


@pytest.mark.parametrize("schedule", [None, DECAY])
@pytest.mark.parametrize("name", RULES)
def test_stepper_loop_by_hand_and_train_samples_agree_to_the_last_bit(name, schedule):
    losses, end = by_hand(name, 2, schedule)
    stepping, looping = fresh(), fresh()
    stepper = stepping.stepper(name, schedule)
    assert [loss for _ in range(2) for loss in stepper.epoch_samples(DATA)] == losses
    train_samples(looping, TrainConfig(12, optimizer=name, schedule=schedule, log_every=1), DATA, log=lambda _: None)
    assert values(stepping) == values(looping) == end


def test_the_loss_is_the_one_before_the_update_and_the_counter_moves_the_rate():
    runner = fresh(tl.nn.Linear(2, 1))
    stepper = runner.stepper(OptimizerConfig.sgd(0.5), 0.1 * DECAY)
    assert (stepper.step_count, stepper.lr) == (0, 0.1 * DECAY(0))
    before = runner.mean_loss((X[:1], Y[:1]))
    assert stepper.step_sample(X[0], Y[0]) == before > runner.mean_loss((X[:1], Y[:1]))
    assert (stepper.step_count, stepper.lr) == (1, 0.1 * DECAY(1))
    assert stepper.optimizer.param_groups[0]["lr"] == 0.1 * DECAY(0)
    assert runner.mode == "train"


def test_a_rate_of_zero_is_a_rate():
    runner = fresh(tl.nn.Linear(2, 1))
    before = values(runner)
    runner.stepper(OptimizerConfig.sgd(0.5), 0.0).step(X, Y)
    assert values(runner) == before


def test_without_a_schedule_the_rate_is_the_optimizers():
    stepper = fresh().stepper(OptimizerConfig.sgd(0.5))
    assert stepper.lr == 0.5
    stepper.optimizer.param_groups[0]["lr"] = 0.25
    stepper.step(X, Y)
    assert (stepper.lr, stepper.optimizer.param_groups[0]["lr"]) == (0.25, 0.25)
    assert repr(stepper).startswith("Stepper at step 1, lr 0.25\nSGD, 4 parameters, 1 steps")


def test_a_batch_makes_one_update_by_its_mean():
    runner, other = fresh(tl.nn.Linear(2, 1)), fresh(tl.nn.Linear(2, 1))
    stepper = runner.stepper(OptimizerConfig.sgd(0.1))
    assert stepper.step(X, Y) == pytest.approx(other.mean_loss(DATA))
    g = other.backward(X, Y)
    want = other.get_params()["weight"] - 0.1 * g["weight"]
    assert (runner.get_params()["weight"] == want).all()
    assert stepper.step_count == 1


@settings(max_examples=20)
@given(st.integers(0, 8), st.integers(0, 8))
def test_a_run_may_be_cut_anywhere(a, b):
    whole, cut = fresh(), fresh()
    one, two = (r.stepper(OptimizerConfig.adam(0.1), DECAY) for r in (whole, cut))
    many = [(X[k % 6], Y[k % 6]) for k in range(a + b)]
    assert one.epoch_samples(many) == two.epoch_samples(many[:a]) + two.epoch_samples(many[a:])
    assert values(whole) == values(cut) and one.step_count == two.step_count == a + b


@pytest.mark.parametrize(
    ("x", "y", "error"),
    [(X[:, :1], Y, ShapeError), (X, Y[:2], ShapeError), (np.full_like(X, np.inf), Y, NonFiniteError)],
)
def test_a_step_that_fails_counts_for_nothing(x, y, error):
    runner = fresh()
    stepper = runner.stepper("adam", DECAY)
    stepper.step(X, Y)
    before = values(runner), str(stepper.optimizer.state_dict()), stepper.step_count, stepper.lr, runner.session._draws
    with pytest.raises(error):
        stepper.step(x, y)
    after = values(runner), str(stepper.optimizer.state_dict()), stepper.step_count, stepper.lr, runner.session._draws
    assert after == before


@pytest.mark.parametrize("rate", [None, "0.1", np.nan, -1.0, True])
def test_a_schedule_that_gives_no_rate_stops_before_the_step(rate):
    runner = fresh()
    stepper = runner.stepper("adam", lambda k: 0.1 if k < 2 else rate)
    stepper.step(X, Y)
    stepper.step(X, Y)
    before = values(runner)
    with pytest.raises(HyperparameterError, match="schedule at 2: lr="):
        stepper.step(X, Y)
    assert (values(runner), stepper.step_count, stepper.optimizer.param_groups[0]["lr"]) == (before, 2, 0.1)


@pytest.mark.parametrize("fused", [False, "numpy"])
def test_stop_at_any_instruction_leaves_counter_and_parameters_in_step(fused):
    def made():
        runner = fresh()
        return runner, runner.stepper(lambda params: tl.optim.Adam(params, lr=0.1, fused=fused), DECAY)

    def state(runner, stepper):
        return values(runner), stepper.step_count, stepper.optimizer.state_dict()["steps"], runner.session._draws

    def pressed(n):
        runner, stepper = made()
        stop = Stop(n)
        sys.settrace(stop)
        try:
            stepper.step(X, Y)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        return stop.left, runner, stepper

    start = state(*made())
    left, runner, stepper = pressed(10**9)
    length, possible = 10**9 - left, [start, state(runner, stepper)]
    stepper.step(X, Y)
    end, outcomes = state(runner, stepper), []
    for n in [*range(1, length - 120, 311), *range(length - 120, length + 1, 3)]:  # the update lies near the end
        _, runner, stepper = pressed(n)
        outcomes.append(possible.index(state(runner, stepper)))
        while stepper.step_count < 2:
            stepper.step(X, Y)
        assert state(runner, stepper) == end
    assert outcomes == sorted(outcomes) and set(outcomes[-41:]) == {0, 1}


@pytest.mark.parametrize("cut", [0, 1, 5])
@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_dropout_goes_on_where_it_was_in_a_stepper_loaded_from_a_file(backend, cut, tmp_path):
    def made(seed):
        return regression(MODEL).instantiate(seed=seed, backend=backend).stepper("adam", DECAY)

    whole, again = made(4), made(5)
    whole.epoch_samples(DATA.take(range(cut)) if cut else [])
    tl.save(tmp_path / "stepper.tl", whole)
    tl.load(tmp_path / "stepper.tl", into=again)
    assert again.epoch_samples(DATA) == whole.epoch_samples(DATA)
    assert values(again.runner) == values(whole.runner) and again.state_dict()["rng"] == whole.state_dict()["rng"]


def test_a_state_from_before_there_was_a_stream_in_it_leaves_the_stream_alone():
    whole, again = fresh().stepper("adam", DECAY), regression(MODEL).instantiate(seed=5).stepper("adam", DECAY)
    whole.epoch_samples(DATA)
    again.step(X, Y)
    stream = again.state_dict()["rng"]
    again.load_state_dict({k: v for k, v in whole.state_dict().items() if k != "rng"})
    assert (again.step_count, again.state_dict()["rng"]) == (6, stream) and values(again.runner) == values(whole.runner)


def test_a_stepper_goes_on_from_its_state_to_the_bit_and_a_wrong_one_changes_nothing():
    rate = tl.schedules.step_decay(0.1, size=2)
    make = lambda seed: tl.train.regression(tl.nn.Linear(2, 1)).instantiate(seed=seed).stepper("adam", rate)  # noqa: E731
    data = [([0.5, k], [k * 2.0]) for k in (1.0, 2.0, 3.0)]
    whole, again = make(1), make(2)
    whole.epoch_samples(data)
    state = whole.state_dict()
    again.load_state_dict(state)
    assert (again.step_count, again.lr) == (3, whole.lr)
    assert again.epoch_samples(data) == whole.epoch_samples(data)
    before = again.runner.net.state_dict()
    broken = {**state, "optimizer": {"state": 3}, "step": 1, "rng": {"seed": 9, "counter": 9, "draws": 9}}
    streams = [{**state, "rng": r} for r in (None, {}, {**state["rng"], "draws": 0.5}, {**state["rng"], "seed": 2**64})]
    for wrong in ({}, {**state, "step": -1}, {**state, "step": True}, {**state, "model": {}}, broken, *streams):
        with pytest.raises(tl.errors.TorchLeanError):
            again.load_state_dict(wrong)
        assert again.step_count == 6 and again.state_dict()["rng"] == state["rng"]
        assert all(np.array_equal(v, before[k]) for k, v in again.runner.net.state_dict().items())
