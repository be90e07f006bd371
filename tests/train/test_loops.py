"""TorchLean's loops: what is printed when, which step has which rate, and what Stop leaves behind."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import schedules
from torchlean_nb.errors import EmptyError, HandleTypeError, ShapeError
from torchlean_nb.train import (
    LoaderTrainConfig,
    OptimizerConfig,
    TrainConfig,
    TrainReport,
    regression,
    train_dataset,
    train_loader,
    train_samples,
)
from torchlean_nb.train.loops import cycled

MODEL = tl.nn.Linear(1, 1)
SAMPLES = [([float(k)], [2.0 * k + 1]) for k in range(1, 6)]
DATA = tl.data.Dataset.from_samples(SAMPLES)
SGD, ADAM = OptimizerConfig.sgd(0.01), OptimizerConfig.adam(0.05)


def fresh():
    return regression(MODEL).instantiate(seed=6)


def by_hand(order, config, schedule=None):
    """Steps of a session over samples in an order, with the rate for the place in it; the runner it ends as."""
    runner = fresh().train_mode()
    opt = tl.optim.class_of(config.rule)(runner.net.parameters())
    for place, i in order:
        if schedule:
            opt.param_groups[0]["lr"] = schedule(place)
        x, y = SAMPLES[i]
        runner.session.step(opt, lambda x=x, y=y: tl.mse_loss(runner.net([x]), [y]))
    return runner


def weights(runner):
    return [v.tolist() for v in runner.get_params().values()]


# -- samples -----------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("schedule", [None, schedules.step_decay(0.02, size=2, gamma=0.5)])
@pytest.mark.parametrize("config", [SGD, ADAM])
def test_a_step_takes_the_next_samples_in_turn_and_updates_for_each(size, schedule, config):
    runner = fresh()
    report = train_samples(
        runner, TrainConfig(4, batch_size=size, optimizer=config, schedule=schedule, log_every=0), SAMPLES
    )
    want = by_hand([(k, (k * size + j) % 5) for k in range(4) for j in range(size)], config, schedule)
    assert weights(runner) == weights(want)
    assert report == TrainReport(fresh().mean_loss(SAMPLES), want.mean_loss(SAMPLES))


def test_each_sample_advances_the_optimizer():
    runner = fresh()
    opt = tl.optim.Adam(runner.net.parameters(), lr=0.05)
    train_samples(runner, TrainConfig(3, batch_size=4, optimizer=opt, log_every=0), SAMPLES)
    assert opt.state_dict()["steps"] == 12


@pytest.mark.parametrize(("every", "steps"), [(0, []), (1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (9, [0])])
def test_the_printed_loss_is_that_of_the_samples_after_their_updates(every, steps):
    lines, runner = [], fresh()
    train_samples(runner, TrainConfig(5, batch_size=2, optimizer=SGD, log_every=every), SAMPLES, log=lines.append)
    want = []
    for k in steps:
        there = by_hand([(None, (2 * j + i) % 5) for j in range(k + 1) for i in range(2)], SGD)
        want.append(f"step {k}: loss={there.mean_loss([SAMPLES[(2 * k + i) % 5] for i in range(2)]):.6f}")
    assert lines == want


def test_lines_are_printed_unless_someone_takes_them(capsys):
    train_samples(fresh(), TrainConfig(1, optimizer=SGD), SAMPLES)
    assert capsys.readouterr().out.startswith("step 0: loss=")
    train_samples(fresh(), TrainConfig(1, optimizer=SGD), SAMPLES, log=lambda line: None)
    assert capsys.readouterr().out == ""


def test_of_no_samples_nothing_is_learned():
    runner = fresh()
    assert train_samples(runner, TrainConfig(3), []) == TrainReport(0.0, 0.0)
    assert weights(runner) == weights(fresh())
    with pytest.raises(EmptyError, match=r"^Supervised\.train: empty sample cycle$"):
        cycled([], 0, 1, "Supervised.train")


def test_no_steps_change_no_weights_but_the_mode():
    runner = fresh()
    report = train_samples(runner, TrainConfig(0), SAMPLES)
    assert report.before == report.after > 0
    assert (weights(runner), runner.mode) == (weights(fresh()), "train")


def test_losses_before_and_after_are_those_of_train_mode():
    model = tl.nn.Sequential(tl.nn.Linear(1, 4), tl.nn.Dropout(0.5), tl.nn.Linear(4, 1))
    runner, other = (regression(model).instantiate(seed=6) for _ in range(2))
    report = train_samples(runner, TrainConfig(0), SAMPLES)
    assert report.before == report.after == other.train_mode().mean_loss(SAMPLES)
    assert report.before != other.eval_mode().mean_loss(SAMPLES)


def test_a_dataset_a_list_and_a_batch_train_alike():
    ends = []
    for data in (DATA, SAMPLES, (DATA.X, DATA.y)):
        runner = fresh()
        train_dataset(runner, TrainConfig(7, optimizer=ADAM, log_every=0), data)
        ends.append(weights(runner))
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize("bad", [[([1.0, 2.0], [1.0])], 5, (DATA.X, DATA.y[:2])])
def test_data_that_does_not_fit_changes_nothing(bad):
    runner = fresh()
    with pytest.raises((HandleTypeError, ShapeError)):
        train_samples(runner, TrainConfig(3), bad)
    assert (weights(runner), runner.mode) == (weights(fresh()), "eval")


class Stopped(Exception):
    """What a user's function raises in these tests."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stopped])
def test_stop_in_a_run_leaves_it_after_a_whole_step(error):
    def log(line):
        if line.startswith("step 2:"):
            raise error

    runner = fresh()
    opt = tl.optim.Adam(runner.net.parameters(), lr=0.05)
    with pytest.raises(error):
        train_samples(runner, TrainConfig(9, optimizer=opt), SAMPLES, log=log)
    assert weights(runner) == weights(by_hand([(None, i) for i in range(3)], ADAM))
    assert opt.state_dict()["steps"] == 3


def test_a_sample_that_fails_in_the_middle_leaves_the_steps_before_it():
    runner = fresh()
    with pytest.raises(ArithmeticError):
        runner.stepper(SGD).epoch_samples([*SAMPLES[:3], ([np.nan], [1.0])])
    assert weights(runner) == weights(by_hand([(None, i) for i in range(3)], SGD))


# -- loaders -----------------------------------------------------------------------------------
def loader(**more):
    return tl.data.torchlean_loader(DATA, 2, shuffle=True, seed=9, **more)


def rows_of(epochs):
    """Rows in the order a loader gives them."""
    source = loader()
    return [(e, int(x[0]) - 1) for e in range(epochs) for batch in source for x in batch[0]]


@pytest.mark.parametrize("schedule", [None, schedules.step_decay(0.02, size=1, gamma=0.5)])
@pytest.mark.parametrize("config", [SGD, ADAM])
def test_each_sample_of_a_batch_makes_an_update_and_the_rate_goes_by_epoch(config, schedule):
    runner, source = fresh(), loader()
    report, back = train_loader(
        runner, LoaderTrainConfig(3, optimizer=config, schedule=schedule, log_every=0), source
    )
    want = by_hand(rows_of(3), config, schedule)
    assert weights(runner) == weights(want)
    assert report == TrainReport(fresh().mean_loss(DATA), want.mean_loss(DATA))
    assert back is source and (back.epoch, back.batch) == (3, 0)


def test_two_runs_of_a_loader_are_one_long_one():
    once, twice, source = fresh(), fresh(), loader()
    opt = tl.optim.Adam(twice.net.parameters(), lr=0.05)
    train_loader(once, LoaderTrainConfig(3, optimizer=ADAM, log_every=0), loader())
    for epochs in (1, 2):
        _, source = train_loader(twice, LoaderTrainConfig(epochs, optimizer=opt, log_every=0), source)
    assert weights(once) == weights(twice)


@pytest.mark.parametrize("config", [ADAM, OptimizerConfig.momentum_sgd(0.01), OptimizerConfig.rmsprop(0.01)])
def test_steps_are_counted_anew_in_each_epoch(config):
    lines, runner = [], fresh()
    train_loader(runner, LoaderTrainConfig(2, optimizer=config, log_every=2), loader(), log=lines.append)
    assert [line.split(": loss")[0] for line in lines] == [f"step {e}:{k}" for e in range(2) for k in (0, 2, 4)]
    assert weights(runner) == weights(by_hand(rows_of(2), config))
    first = by_hand(rows_of(1)[:1], config)
    assert lines[0] == f"step 0:0: loss={first.mean_loss([SAMPLES[rows_of(1)[0][1]]]):.6f}"


@pytest.mark.parametrize("config", [SGD, OptimizerConfig.sgd(0.01, momentum=0.0), "sgd"])
def test_plain_descent_prints_nothing(config):
    lines = []
    train_loader(fresh(), LoaderTrainConfig(1, optimizer=config, log_every=1), loader(), log=lines.append)
    assert lines == []


def test_what_is_no_loader_is_refused():
    with pytest.raises(HandleTypeError, match=r"^Supervised\.trainLoader: Dataset is not a DataLoader"):
        train_loader(fresh(), LoaderTrainConfig(1), DATA)


def test_the_rate_of_a_ready_optimizer_stays_without_a_schedule_and_is_written_with_one():
    runner = fresh()
    opt = tl.optim.SGD(runner.net.parameters(), lr=0.03)
    train_samples(runner, TrainConfig(2, optimizer=opt, log_every=0), SAMPLES)
    assert opt.param_groups[0]["lr"] == 0.03
    train_samples(runner, TrainConfig(3, optimizer=opt, schedule=lambda k: 0.01 / (k + 1), log_every=0), SAMPLES)
    assert opt.param_groups[0]["lr"] == 0.01 / 3
    assert np.isfinite(runner.mean_loss(SAMPLES))
