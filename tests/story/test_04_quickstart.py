"""TorchLean's quickstart: a network learns a bent plane, and every number it publishes comes out."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl


def target(a, b):
    return 0.8 * np.maximum(a + b, 0) - 0.4 * np.maximum(b - a, 0) + 0.2


MODEL = tl.nn.Sequential(tl.nn.Linear(2, 8), tl.nn.ReLU(), tl.nn.Linear(8, 1))
GRID = tl.data.regression_grid(-1, 1, 5, target)
HELD_OUT = [[0.25, -0.75]]


@pytest.fixture
def runner():
    return tl.train.regression(MODEL).instantiate(seed=2026, init="torchlean")


def config(steps, **more):
    return tl.train.TrainConfig(steps, optimizer=tl.train.OptimizerConfig.adam(0.03), **more)


def near(value, expected, digits=10):
    return float(np.squeeze(value)) == pytest.approx(expected, rel=0.6 * 10.0 ** (1 - digits), abs=0)


def test_before_training(runner):
    assert runner.mode == "eval"
    assert runner.net.params["0.weight"].value[0].tolist() == [-0.337800521428135, 0.526946328318669]
    assert runner.mean_loss(GRID) == pytest.approx(0.7615300930487124, rel=1e-15)
    assert near(runner.predict(HELD_OUT), 0.04328323, 7)


def test_the_first_line_it_prints_is_the_loss_after_the_first_update(runner):
    lines = []
    tl.train.train_samples(runner, config(1), GRID, log=lines.append)
    assert lines == ["step 0: loss=0.000866"]
    assert near(runner.mean_loss(GRID[:1]), 0.0008655433, 7)


def test_twenty_steps(runner):
    report = tl.train.train_samples(runner, config(20, log_every=0), GRID)
    assert report.before == pytest.approx(0.7615300930487124, rel=1e-15)
    assert near(report.after, 0.4598764097)
    assert near(runner.predict([[0.0, 0.0]]), -0.1324602, 7)
    assert near(runner.predict(HELD_OUT), 0.01296711, 7)


def test_two_hundred_steps(runner):
    lines = []
    report = tl.train.train_samples(runner, config(200, log_every=50), GRID, log=lines.append)
    assert near(report.after, 0.0032336311, 8)
    assert near(runner.predict(HELD_OUT), 0.2102388, 7)
    assert [line.split(":")[0] for line in lines] == ["step 0", "step 50", "step 100", "step 150"]
    assert runner.mode == "train"
