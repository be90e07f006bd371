"""Training by a compiled program: the bits of training on a tape."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import nn
from torchlean_nb.errors import DomainError, HandleTypeError

RNG = np.random.default_rng(0)
DIGITS = tl.data.load_digits().take(200)
IMAGES = tl.data.Dataset((DIGITS.X / 16).reshape(-1, 1, 8, 8), DIGITS.y)
LINE = tl.data.Dataset(RNG.normal(size=(60, 2)), RNG.normal(size=60))
WORDS = tl.data.Dataset(RNG.integers(0, 4, (64, 6)), RNG.integers(0, 4, 64))
CNN = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3),
    nn.Linear(64, 10),
)  # fmt: skip
MLP = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))
LSTM = nn.Sequential(nn.Embedding(4, 6), nn.LSTM(6, 8, batch_first=True), nn.Select(1, -1), nn.Linear(8, 4))
BLOCK = nn.Sequential(
    nn.Embedding(4, 8), nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True), nn.Select(1, 0),
    nn.Linear(8, 4),
)  # fmt: skip
PRELU = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Softplus(), nn.LayerNorm(4), nn.Linear(4, 1))
CASES = {
    "mlp": (MLP, "regression", LINE), "cnn": (CNN, "classification", IMAGES), "lstm": (LSTM, "classification", WORDS),
    "transformer": (BLOCK, "classification", WORDS), "norms": (PRELU, "huber", LINE),
}  # fmt: skip


def trained(name, backend, fit=None, **options):
    model, task, data = CASES[name]
    trainer = tl.Trainer(model, task, seed=3, backend=backend, **{"optimizer": "adam", **options})
    result = trainer.fit(data, progress=False, **{"epochs": 2, "batch_size": 16, **(fit or {})})
    return trainer, result


def same(one, other):
    """Whether two trainings left the same bits: curves, parameters, running statistics, streams."""
    (a, ra), (b, rb) = one, other
    curves = all(np.array_equal(ra.run[k].values, rb.run[k].values, equal_nan=True) for k in ra.run.names())
    arrays = a.runner.get_params(), b.runner.get_params()
    stream = a.runner.session.rng == b.runner.session.rng
    return curves and stream and all(np.array_equal(arrays[0][k], arrays[1][k]) for k in arrays[0])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", list(CASES))
def test_a_compiled_training_has_the_bits_of_an_eager_one(name, dtype):
    assert same(trained(name, "eager", dtype=dtype), trained(name, "compiled", dtype=dtype))


@pytest.mark.parametrize("fit", [
    {"update": "per_sample", "batch_size": 2, "epochs": None, "steps": 10}, {"accumulate": 2}, {"clip": 0.1},
    {"validation": 0.3, "early_stopping": 1},
])  # fmt: skip
def test_whatever_else_a_training_does_the_bits_stay(fit):
    assert same(trained("mlp", "eager", fit), trained("mlp", "compiled", fit))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lbfgs", "sophia", "sam"])
def test_every_kind_of_optimizer_takes_compiled_steps(optimizer):
    if optimizer == "sam":
        optimizer = tl.optim.sam("sgd")
    assert same(trained("mlp", "eager", optimizer=optimizer), trained("mlp", "compiled", optimizer=optimizer))


def test_single_steps_and_steppers_too():
    task, x, y = tl.train.regression(MLP), LINE.X[:8], LINE.y[:8]
    losses = []
    for backend in ("eager", "compiled"):
        runner = task.instantiate(backend=backend, seed=1)
        grads = runner.backward(x, y)
        stepper = runner.stepper("adam")
        losses.append([grads["0.weight"].tolist(), *(stepper.step(x, y) for _ in range(5))])
    assert losses[0] == losses[1]


def test_a_frozen_parameter_stays():
    runner = tl.train.regression(MLP).instantiate(backend="compiled", seed=1)
    frozen = runner.net.params["0.weight"]
    frozen.requires_grad = False
    before = frozen.value
    runner.step(tl.optim.SGD(runner.net.parameters(), lr=0.1), LINE.X, LINE.y)
    assert np.array_equal(frozen.value, before) and not runner.backward(LINE.X, LINE.y)["0.weight"].any()


@pytest.mark.parametrize("fit", [{}, {"accumulate": 2}, {"clip": 0.1}, {"clip": lambda g: list(g.values())}])
@pytest.mark.parametrize("fused", [False, "numpy"])
@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_nothing_moves_a_frozen_parameter_not_even_weight_decay(backend, fused, fit):
    trainer = tl.Trainer(
        MLP, "regression", lambda ps: tl.optim.AdamW(ps, lr=0.1, weight_decay=0.5, fused=fused), backend=backend
    )
    weight, bias = (trainer.runner.net.params[path] for path in ("0.weight", "0.bias"))
    weight.requires_grad = False
    before = weight.value.copy(), bias.value.copy()
    trainer.fit(LINE, epochs=1, batch_size=16, progress=False, **fit)
    trainer.runner.step(trainer.optimizer, LINE.X, LINE.y)
    assert np.array_equal(weight.value, before[0]) and not np.array_equal(bias.value, before[1])
    weight.requires_grad = True
    trainer.fit(LINE, epochs=1, batch_size=16, progress=False, **fit)
    assert not np.array_equal(weight.value, before[0])


def test_what_is_not_finite_is_told_as_the_session_tells_it():
    model = nn.Sequential(nn.Linear(2, 1))
    told = []
    for backend in ("eager", "compiled"):
        runner = tl.train.Task(model, lambda out, y: tl.log(out - 100.0).sum()).instantiate(backend=backend, seed=1)
        before = runner.get_params(), runner.session.rng
        with pytest.raises(DomainError, match="log") as e:
            runner.step(tl.optim.SGD(runner.net.parameters(), lr=0.1), LINE.X, LINE.y)
        told.append(str(e.value))
        assert all(np.array_equal(v, before[0][k]) for k, v in runner.get_params().items())
    assert told[0] == told[1]


def test_a_loss_that_looks_at_values_is_refused_with_what_to_do():
    runner = tl.train.Task(MLP, lambda out, y: (out * float(out.sum())).sum()).instantiate(backend="compiled")
    with pytest.raises(HandleTypeError, match="looks at a value"):
        runner.step(tl.optim.SGD(runner.net.parameters(), lr=0.1), LINE.X, LINE.y)


def test_one_program_serves_all_batches_of_a_shape():
    trainer, _ = trained("cnn", "compiled")
    assert len(trainer.runner._compiled._ready) == 2  # 200 rows are twelve batches of 16 and one of 8
    assert trainer.config()["backend"] == "compiled"
