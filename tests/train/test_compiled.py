"""Training by a compiled program: the bits of training on a tape."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import nn
from torchlean_nb.errors import DomainError, HandleTypeError
from torchlean_nb.train.compiled import CompiledLoss

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


HOST = tl.get_default_device().kind == "cpu"  # elsewhere a program and the optimizer's own kernel follow each other


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


# -- with a fused optimizer each step is one straight line ------------------------------------------


def fused(name, **options):
    return lambda params: getattr(tl.optim, name)(params, fused="numpy", **options)


@pytest.fixture
def straight(monkeypatch):
    """What `CompiledLoss.update` gave."""
    found, update = [], CompiledLoss.update

    def noted(self, *args):
        found.append(None)
        found[-1] = update(self, *args)
        return found[-1]

    monkeypatch.setattr(CompiledLoss, "update", noted)
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", list(CASES))
def test_a_fused_optimizer_leaves_the_bits_of_an_eager_training(name, dtype, straight):
    options = {"optimizer": fused("AdamW", lr=0.01), "dtype": dtype}
    compiled = trained(name, "compiled", **options)
    assert len(straight) == (compiled[0].step if HOST else 0) and None not in straight
    assert same(trained(name, "eager", **options), compiled)


def backwards(params):
    """Two groups, the last parameters first."""
    groups = [{"params": params[2:], "lr": 0.05}, {"params": params[:2]}]
    return tl.optim.SGD(groups, lr=0.1, momentum=0.9, fused="numpy")


@pytest.mark.parametrize("fit", [
    {"update": "per_sample", "batch_size": 2, "epochs": None, "steps": 10}, {"accumulate": 2}, {"clip": 0.1},
    {"validation": 0.3, "early_stopping": 1}, {"shuffle": False, "drop_last": True}, {"metrics": "mae"},
])  # fmt: skip
@pytest.mark.parametrize("optimizer", [fused("Adam"), backwards], ids=["one group", "two groups"])
def test_whatever_else_a_fused_training_does_the_bits_stay(fit, optimizer):
    schedule = tl.schedules.cosine(0.1, total=20)
    one, other = (trained("mlp", b, fit, optimizer=optimizer, schedule=schedule) for b in ("eager", "compiled"))
    assert same(one, other)


@pytest.mark.parametrize("policy", ["raise", "skip", "ieee"])
@pytest.mark.parametrize("rule", ["SGD", "Adam", "Lion"])
def test_numbers_that_are_not_finite_end_in_the_same_way(rule, policy):
    X = np.where(np.arange(60)[:, None] == 40, 1e200, LINE.X)
    data = tl.data.Dataset(X, LINE.y)
    ends = []
    for backend in ("eager", "compiled"):
        model = tl.nn.Sequential(tl.nn.Linear(2, 4), tl.nn.BatchNorm1d(4), tl.nn.Dropout(0.2), tl.nn.Linear(4, 1))
        trainer = tl.Trainer(model, optimizer=fused(rule, lr=0.01), seed=1, backend=backend, nonfinite=policy)
        result = trainer.fit(data, epochs=2, batch_size=10, progress=False)
        arrays = {k: v.tobytes() for k, v in trainer.runner.get_params().items()}
        ends.append((result.stopped, result.reason, trainer.step, arrays, repr(trainer.runner.session.rng)))
    assert ends[0] == ends[1]


def test_a_gradient_that_is_not_finite_stops_a_rule_that_would_not_notice():
    def root(output, target):
        return tl.sum(tl.sqrt(tl.relu(output - output)))  # 0, with an infinite slope times 0

    ends = []
    for backend in ("eager", "compiled"):
        trainer = tl.Trainer(MLP, root, fused("Lion", lr=0.01), seed=1, backend=backend)
        before = trainer.runner.get_params()
        result = trainer.fit(LINE, steps=2, progress=False)
        assert all(np.array_equal(before[k], v) for k, v in trainer.runner.get_params().items())
        ends.append((result.stopped, result.reason, trainer.step))
    assert ends[0] == ends[1]
    assert ends[0][0] == "diverged"


def test_a_parameter_that_is_frozen_on_the_way_stays(straight):
    ends = []
    for backend in ("eager", "compiled"):
        trainer = tl.Trainer(MLP, optimizer=fused("AdamW", lr=0.1, weight_decay=0.5), seed=1, backend=backend)
        first = trainer.runner.net.params["0.weight"]

        def freeze(moment, first=first):
            first.requires_grad = moment.step < 2

        trainer.fit(LINE, steps=3, progress=False, callbacks=freeze)
        held = first.value.copy()
        trainer.fit(LINE, steps=3, progress=False)
        assert np.array_equal(held, first.value)
        ends.append({k: v.tobytes() for k, v in trainer.runner.get_params().items()})
    assert ends[0] == ends[1]
    assert straight.count(None) == (3 if HOST else 0)


def test_diagnostics_see_the_gradients_of_their_step():
    runs = [trained("mlp", b, {"record": 1}, optimizer=fused("Adam"))[1].run for b in ("eager", "compiled")]
    assert "grad_norm/0.weight" in runs[0]
    for name in runs[0].names():
        assert np.array_equal(runs[0][name].values, runs[1][name].values)
    assert all(a.counts.tolist() == b.counts.tolist() for a, b in zip(*(r.histograms for r in runs), strict=True))
