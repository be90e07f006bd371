"""TorchLean's published training runs: every number it prints comes out, through one machinery."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.train import OptimizerConfig, TrainConfig, regression, train_samples


def mlp(hidden):
    return tl.nn.Sequential(tl.nn.Linear(2, hidden), tl.nn.ReLU(), tl.nn.Linear(hidden, 1))


def near(value, expected, digits):
    """Equal in so many significant digits."""
    return float(np.squeeze(value)) == pytest.approx(expected, rel=0.6 * 10.0 ** (1 - digits), abs=0)


# -- the quickstart: a network learns a bent plane ----------------------------------------------
GRID = tl.data.regression_grid(-1, 1, 5, lambda a, b: 0.8 * np.maximum(a + b, 0) - 0.4 * np.maximum(b - a, 0) + 0.2)
HELD_OUT = [[0.25, -0.75]]


@pytest.fixture
def runner():
    return regression(mlp(8)).instantiate(seed=2026, init="torchlean")


def quickstart(steps, **more):
    return TrainConfig(steps, optimizer=OptimizerConfig.adam(0.03), **more)


def test_before_training(runner):
    assert runner.mode == "eval"
    assert runner.net.params["0.weight"].value[0].tolist() == [-0.337800521428135, 0.526946328318669]
    assert runner.mean_loss(GRID) == pytest.approx(0.7615300930487124, rel=1e-15)
    assert near(runner.predict(HELD_OUT), 0.04328323, 7)


def test_the_first_line_it_prints_is_the_loss_after_the_first_update(runner):
    lines = []
    train_samples(runner, quickstart(1), GRID, log=lines.append)
    assert lines == ["step 0: loss=0.000866"]
    assert near(runner.mean_loss(GRID[:1]), 0.0008655433, 7)


def test_twenty_steps(runner):
    report = train_samples(runner, quickstart(20, log_every=0), GRID)
    assert report.before == pytest.approx(0.7615300930487124, rel=1e-15)
    assert near(report.after, 0.4598764097, 10)
    assert near(runner.predict([[0.0, 0.0]]), -0.1324602, 7)
    assert near(runner.predict(HELD_OUT), 0.01296711, 7)


def test_two_hundred_steps(runner):
    lines = []
    report = train_samples(runner, quickstart(200, log_every=50), GRID, log=lines.append)
    assert near(report.after, 0.0032336311, 8)
    assert near(runner.predict(HELD_OUT), 0.2102388, 7)
    assert [line.split(":")[0] for line in lines] == ["step 0", "step 50", "step 100", "step 150"]
    assert runner.mode == "train"


# -- its other runs, on the same rails ----------------------------------------------------------
def test_a_csv_file_in_minibatches_shuffled_once(tmp_path):
    path = tmp_path / "points.csv"
    grid = tl.data.regression_grid(-1, 1, 5, lambda a, b: 0.7 * a - 0.4 * b + 0.5 * a * b)
    rows = np.column_stack([grid.X, grid.y.astype(np.float32)])
    path.write_text("x1,x2,y\n" + "".join(f"{a!r},{b!r},{y!r}\n" for a, b, y in rows.tolist()))

    data = tl.data.read_csv(path, target="y")
    minibatches = list(tl.data.torchlean_loader(data, 5, shuffle=True, seed=2026, drop_last=True))

    runner = regression(mlp(8)).instantiate(seed=2026, init="torchlean")
    config = TrainConfig(5, optimizer=OptimizerConfig.adam(0.05), log_every=0)
    report = train_samples(runner, config, minibatches)
    assert near(report.before, 1.367492, 7)
    assert near(report.after, 0.323823, 6)


def test_a_hundred_units_by_plain_descent_and_what_they_can_do_near_a_point():
    data = tl.data.Dataset([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [2.0, -3.0, -1.0])
    runner = regression(mlp(100)).instantiate(seed=0, init="torchlean")
    report = train_samples(runner, TrainConfig(10, optimizer=OptimizerConfig.sgd(0.05), log_every=0), data)
    assert near(report.before, 4.751697, 7)
    assert near(report.after, 0.834089, 6)
    low, high = bounds(runner.get_params(), [1.0, 0.0], 0.05)
    assert near(low, 1.524955, 7)
    assert near(high, 1.826789, 7)


def test_a_network_whose_layers_are_seeded_by_their_number():
    runner = regression(mlp(3)).instantiate()
    first, second = (tl.nn.init.xavier_uniform(s, seed) for s, seed in (((3, 2), 0), ((1, 3), 2)))
    runner.set_params({"0.weight": first, "0.bias": np.zeros(3), "2.weight": second, "2.bias": np.zeros(1)})
    config = TrainConfig(3, optimizer=OptimizerConfig.sgd(0.1), log_every=0)
    report = train_samples(runner, config, [([0.5, 0.8], [1.0])])
    assert near(report.before, 1.239197, 7)
    assert near(report.after, 0.247518, 6)


# -- 40: interval bounds of the small network by hand -------------------------------------------
def bounds(params, centre, eps):
    """Least and largest output of linear, relu, linear for inputs at most `eps` away in each coordinate."""
    low, high = np.asarray(centre) - eps, np.asarray(centre) + eps
    for layer in ("0", "2"):
        w, b = params[f"{layer}.weight"], params[f"{layer}.bias"]
        up, down = tl.relu(w), tl.relu(-w)
        low, high = tl.matmul(up, low) - tl.matmul(down, high) + b, tl.matmul(up, high) - tl.matmul(down, low) + b
        if layer == "0":
            low, high = tl.relu(low), tl.relu(high)
    return low, high


def test_40_interval_bounds_of_the_small_network():
    weights = {"0.weight": [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], "0.bias": [0.1, 0.2, 0.3],
               "2.weight": [[0.7, 0.8, 0.9]], "2.bias": [0.4]}  # fmt: skip
    runner = regression(mlp(3)).instantiate()
    runner.set_params(weights)
    low, high = bounds(runner.get_params(), [0.5, 0.8], 0.1)
    assert [low.item(), high.item(), (low + high).item() / 2, (high - low).item() / 2] == pytest.approx(
        [1.904, 2.256, 2.08, 0.176], rel=1e-12
    )
    corners = [[0.5 + a, 0.8 + b] for a in (-0.1, 0, 0.1) for b in (-0.1, 0, 0.1)]
    assert all(low - 1e-12 <= y <= high + 1e-12 for y in runner.predict_batch(corners).ravel())


def test_40_slopes_of_exponentials():
    slopes = [lambda x: tl.exp(x), lambda x: tl.exp(-2 * x), lambda x: 0.8 * tl.exp(-2 * x) + 0.1]
    assert [float(tl.grad(f)(0.5)) for f in slopes] == pytest.approx(
        [1.6487212707, -0.7357588823, -0.5886071059], rel=1e-9
    )
