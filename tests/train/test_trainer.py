"""The Trainer as its users meet it: first runs, TorchLean's numbers, real networks, and what to do about mistakes."""

import numpy as np
import pytest
from _trainers import data, digest, fit, trainer

import torchlean_nb as tl
from torchlean_nb import errors as err


def adam(lr):
    return lambda params: tl.optim.Adam(params, lr=lr)


# -- TorchLean's quickstart --------------------------------------------------------------------------
GRID = tl.data.regression_grid(-1, 1, 5, lambda a, b: 0.8 * np.maximum(a + b, 0) - 0.4 * np.maximum(b - a, 0) + 0.2)


@pytest.mark.parametrize(("steps", "after", "held_out"), [
    (0, "0.76153009", "0.04328323"), (20, "0.45987641", "0.01296711"), (200, "0.0032336311", "0.2102388"),
])  # fmt: skip
def test_torchleans_quickstart_comes_out_to_every_digit(steps, after, held_out):
    net = tl.nn.Sequential(tl.nn.Linear(2, 8), tl.nn.ReLU(), tl.nn.Linear(8, 1))
    t = tl.Trainer(net, "regression", adam(0.03), seed=2026, init="torchlean")
    result = t.fit(GRID, steps=steps, update="per_sample", batch_size=1, shuffle=False, progress=False)
    assert result.report.before == pytest.approx(0.7615300930487124, rel=1e-15)
    assert f"{result.report.after:.{len(after) - 2}f}" == after
    assert f"{result.predict([[0.25, -0.75]]).item():.{len(held_out) - 2}f}" == held_out
    if steps:
        assert result.run["loss"].values[0] == pytest.approx(0.0008655433, abs=6e-11)  # after the update


def test_samples_one_by_one_equal_torchleans_loop():
    layers = tl.nn.Linear(3, 4), tl.nn.Tanh(), tl.nn.Linear(4, 2)
    t = tl.Trainer(tl.nn.Sequential(*layers), "classification", adam(0.05), lambda k: 0.1 / (k + 1), seed=2)
    result = t.fit(data(), steps=7, update="per_sample", batch_size=3, shuffle=False, progress=False)
    runner, lines = tl.train.classifier(tl.nn.Sequential(*layers)).instantiate(seed=2), []
    config = tl.train.TrainConfig(7, 3, adam(0.05), lambda k: 0.1 / (k + 1))
    report = tl.train.train_samples(runner, config, data(), log=lines.append)
    assert all((runner.get_params()[k] == v).all() for k, v in result.parameters.items())
    assert lines == [f"step {k}: loss={v:.6f}" for k, v in enumerate(result.run["loss"].values)]
    assert (result.report.before, result.report.after) == pytest.approx((report.before, report.after), rel=1e-14)


# -- networks that learn -----------------------------------------------------------------------------


def test_a_convolutional_network_reads_97_of_100_digits():
    train, test = tl.data.load_digits(images=True, test=0.25, standardise=True)
    net = tl.nn.Sequential(
        tl.nn.Conv2d(1, 16, 3, padding=1), tl.nn.ReLU(), tl.nn.MaxPool2d(2),
        tl.nn.Conv2d(16, 32, 3, padding=1), tl.nn.ReLU(), tl.nn.MaxPool2d(2), tl.nn.Flatten(), tl.nn.Linear(128, 10),
    )  # fmt: skip
    t = tl.Trainer(net, "classification", adam(3e-3), dtype="float32")
    result = t.fit(train, epochs=12, batch_size=32, validation=test, progress=False)
    assert result.metrics["val_accuracy"] >= 0.97
    assert result.metrics["val_accuracy"] == np.mean(result.predict_class(test.X) == test.y)


def test_a_transformer_block_learns_to_find_a_token_again():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 8, (2000, 6))
    again = tl.data.Dataset(tokens, (tokens[:, 1:] == tokens[:, :1]).any(1).astype(int))
    block = tl.nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    net = tl.nn.Sequential(tl.nn.Embedding(8, 16), block, tl.nn.Select(1, 0), tl.nn.Linear(16, 2))
    t = tl.Trainer(net, "classification", adam(5e-3), dtype="float32")
    result = t.fit(again, epochs=14, batch_size=50, validation=0.25, progress=False)
    assert result.metrics["val_accuracy"] > 0.93


def test_an_lstm_learns_to_remember_the_beginning():
    bits = np.random.default_rng(0).choice([-1.0, 1.0], (600, 12, 1))
    first = tl.data.Dataset(bits, (bits[:, 0, 0] > 0).astype(int))
    net = tl.nn.Sequential(tl.nn.LSTM(1, 12, batch_first=True), tl.nn.Select(1, -1), tl.nn.Linear(12, 2))
    t = tl.Trainer(net, "classification", adam(1e-2), dtype="float32")
    result = t.fit(first, epochs=14, batch_size=50, validation=200, clip=1.0, progress=False)
    assert result.metrics["val_accuracy"] == 1.0


def test_the_first_lines_of_a_beginner():
    net = tl.nn.Sequential(tl.nn.Linear(64, 16), tl.nn.ReLU(), tl.nn.Linear(16, 10))
    result = tl.Trainer(net, task="classification", optimizer="adam").fit(tl.data.load_digits(), epochs=2)
    assert result.report.after < result.report.before and result.metrics["accuracy"] > 0.5
    assert result.run.best("loss")[1] < 1.0


# -- mistakes ----------------------------------------------------------------------------------------
X, Y = np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 2


def regressor():
    return tl.Trainer(tl.nn.Linear(3, 1))


def classifier():
    return tl.Trainer(tl.nn.Linear(3, 2), "classification")


def nan(a):
    a = np.array(a, float)
    a[3] = np.nan
    return a


MISTAKES = {
    "neither steps nor epochs": (
        regressor, (X, Y), {"epochs": None}, err.HyperparameterError, "neither steps nor epochs(.|\n)*epochs=10"),
    "both": (regressor, (X, Y), {"steps": 1}, err.HyperparameterError, "steps=1 and epochs=1"),
    "steps below 0": (regressor, (X, Y), {"epochs": None, "steps": -1}, err.HyperparameterError, "steps=-1"),
    "half an epoch": (regressor, (X, Y), {"epochs": 0.5}, err.HyperparameterTypeError, "epochs=0.5 is a float"),
    "a batch of nothing": (regressor, (X, Y), {"batch_size": 0}, err.HyperparameterError, "batch_size=0"),
    "a batch larger than the data": (
        regressor, (X, Y), {"batch_size": 64}, err.HyperparameterError, "12 rows(.|\n)*batch_size=12"),
    "another update": (regressor, (X, Y), {"update": "batch"}, err.HyperparameterError, "update='batch'"),
    "accumulated samples": (
        regressor, (X, Y), {"update": "per_sample", "accumulate": 2}, err.HyperparameterError, "accumulate=2"),
    "a NaN among the inputs": (regressor, (nan(X), Y), {}, err.NonFiniteError, "X: NaN at row 3"),
    "a NaN among the targets": (regressor, (X, nan(Y)), {}, err.NonFiniteError, "y: NaN at row 3"),
    "no targets": (regressor, tl.data.Dataset(X), {}, err.DataError, "data has no targets"),
    "an array": (regressor, X, {}, err.HandleTypeError, r"data is a ndarray(.|\n)*fit\(\(X, y\)"),
    "a train and a test set": (
        regressor, (tl.data.Dataset(X, Y), tl.data.Dataset(X, Y)), {}, err.HandleTypeError, "validation=test"),
    "rows that do not match": (regressor, (X, Y[:5]), {}, err.ShapeError, "differ in rows: 12 and 5"),
    "no samples": (regressor, [], {}, err.HandleTypeError, "data is a list"),
    "inputs of another shape": (
        regressor, (X[:, :2], Y), {}, err.ShapeError, r"does not take samples of shape \(2,\)"),
    "digits for a convolution": (
        lambda: tl.Trainer(tl.nn.Conv2d(1, 2, 3)), (np.zeros((5, 64)), np.zeros(5)), {}, err.ShapeError,
        r"samples of shape \(64,\)(.|\n)*images=True"),
    "targets of another shape": (
        regressor, (X, X), {}, err.ShapeError, r"outputs have shape \(8, 1\), the targets \(8, 3\)"),
    "labels for numbers": (
        lambda: tl.Trainer(tl.nn.Linear(3, 2)), (X, Y), {}, err.ShapeError, 'task="classification"'),
    "numbers for labels": (
        classifier, (X, X[:, 0]), {}, err.DataError, r"row 0 is 0.12.*not a class(.|\n)*regression"),
    "too many classes": (
        classifier, (X, np.arange(12)), {}, err.DataError, r"row 2 is 2, .* knows 2 classes(.|\n)*12 outputs"),
    "classes from 1": (classifier, (X, Y + 1), {}, err.DataError, "knows 2 classes(.|\n)*y - 1"),
    "one output for two classes": (
        lambda: tl.Trainer(tl.nn.Linear(3, 1), "classification"), (X, Y), {}, err.DataError,
        "knows 1 class\n(.|\n)*bce_with_logits"),
    "words for labels": (
        classifier, (X, np.array(["no", "yes"])[Y]), {}, err.DTypeError, r"words, such as 'no'(.|\n)*np\.unique"),
    "words in a list": (classifier, (X, ["no", "yes"] * 6), {}, err.DTypeError, r"np\.unique"),
    "words as objects": (classifier, (X, np.array(["no", "yes"] * 6, object)), {}, err.DTypeError, r"np\.unique"),
    "rows of numbers": (regressor, (X[:, 0], Y), {}, err.ShapeError, r"X\.reshape\(-1, 1\)"),
    "a loss of every pair": (
        lambda: tl.Trainer(tl.nn.Linear(3, 1), lambda z, y: tl.mean((z - y) ** 2)), (X, X[:, 0]), {}, err.ShapeError,
        r"each output with every target(.|\n)*reshape\(-1, 1\)"),
    "Keras's split": (regressor, (X, Y), {"validation_split": 0.2}, err.HyperparameterTypeError, r"validation=0\.2"),
    "a name that is nearly right": (regressor, (X, Y), {"epoch": 2}, err.HyperparameterTypeError, "mean epochs"),
    "an option of the trainer": (
        regressor, (X, Y), {"seed": 2}, err.HyperparameterTypeError, r"Trainer\(\.\.\., seed="),
    "a class before the first": (classifier, (X, Y - 1), {}, err.DataError, "row 0 is -1(.|\n)*from 0"),
    "validation of another shape": (
        regressor, (X, Y), {"validation": (X[:, :2], Y)}, err.ShapeError, "samples of validation"),
    "everything held out": (regressor, (X, Y), {"validation": 12}, err.DataError, "leaves 0 rows to train"),
    "a share above 1": (regressor, (X, Y), {"validation": 1.5}, err.HyperparameterError, "test=1.5"),
    "a clip of 0": (regressor, (X, Y), {"clip": 0}, err.HyperparameterTypeError, "clip=0"),
    "an unknown metric": (regressor, (X, Y), {"metrics": "acuracy"}, err.UnknownNameError, "did you mean accuracy"),
    "patience below 0": (regressor, (X, Y), {"early_stopping": -1}, err.HyperparameterError, "patience=-1"),
    "a record of nothing": (regressor, (X, Y), {"record": 0}, err.HyperparameterError, "every=0"),
    "progress that is a word": (regressor, (X, Y), {"progress": "no"}, err.HyperparameterTypeError, "progress='no'"),
    "a time that is no number": (
        regressor, (X, Y), {"validate_every": "epoch"}, err.HyperparameterTypeError, "validate_every='epoch'"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_explained_and_changes_nothing(name):
    make, given, options, error, words = MISTAKES[name]
    t = make()
    before = digest(t)
    with pytest.raises(error, match=words):
        t.fit(given, **{"epochs": 1, "progress": False, **options})
    assert digest(t) == before and t.loader is None


MADE_WRONG = [
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), "regresion"), err.UnknownNameError, "did you mean regression"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), optimizer="adm"), err.UnknownNameError, "adam"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), optimizer=0.1), err.HyperparameterTypeError, "optimizer"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), optimizer="newton"), err.CapabilityError, "needs the hessian"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), optimizer=lambda ps: tl.optim.SAGA(ps, examples=3)), err.CapabilityError,
     "needs the examples"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), optimizer=tl.optim.LBFGS({"w": np.ones(2)})), err.CapabilityError, "LBFGS"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), optimizer=lambda ps: tl.optim.LBFGS({"w": np.ones(2)})),
     err.CapabilityError, "LBFGS"),
    (lambda: tl.Trainer(tl.nn.Linear), err.HandleTypeError, "model"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1).bind(tl.Session())), err.HandleTypeError, "init=net.state_dict"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), schedule="cosine"), err.HyperparameterTypeError, "schedule='cosine'"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), schedule=lambda x: None), err.HyperparameterTypeError, "neither"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), optimizer="nelder_mead", schedule=0.1), err.HyperparameterError,
     "NelderMead has no learning rate"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), schedule_per="batch"), err.HyperparameterError, "schedule_per='batch'"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), schedule=tl.optim.lr_scheduler.ExponentialLR(
        tl.optim.SGD({"w": [1.0]}), 0.9)), err.HyperparameterError, "another optimizer"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), dtype="int8"), err.DTypeError, "int8"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), nonfinite="ignore"), err.HyperparameterError, "ignore"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), seed=-1), err.HyperparameterError, "seed"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), lr=0.1), err.HyperparameterTypeError, r"schedule=0\.01"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), epochs=3), err.HyperparameterTypeError, r"trainer\.fit"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), backend="jit"), err.BackendError, "'eager' or 'compiled'"),
    (lambda: tl.Trainer([tl.nn.Linear(2, 1)]), err.HandleTypeError, "Sequential"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), tl.nn.MSELoss), err.HandleTypeError, r"MSELoss\(\)"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), schedule=tl.optim.lr_scheduler.StepLR), err.HyperparameterTypeError,
     "lambda opt"),
    (lambda: tl.Trainer(tl.nn.Linear(2, 1), optimizer=tl.optim.Adam({"w": [1.0]})),
     err.HyperparameterError, r"lambda params: tl\.optim\.Adam"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "words"), MADE_WRONG)
def test_a_trainer_that_cannot_be_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("rate", [-1.0, float("nan"), None, "0.1"])
def test_a_rate_that_is_none_ends_the_training_before_that_step(rate):
    t, two = trainer("sgd", lambda k: rate if k == 2 else 0.1), trainer("sgd", lambda k: 0.1)
    with pytest.raises(err.HyperparameterError, match="schedule at 2"):
        fit(t, 4)
    fit(two, 2)
    assert t.step == 2 and all((two.runner.get_params()[k] == v).all() for k, v in t.runner.get_params().items())


def test_a_loss_that_is_no_number_is_refused():
    t = tl.Trainer(tl.nn.Linear(3, 1), lambda output, target: output * 2)
    with pytest.raises(err.NonScalarError, match="its mean"):
        t.fit((X, Y), epochs=1, progress=False)


def test_a_loss_of_ones_own_trains():
    def loss(output, target):
        return tl.mean(tl.abs(output - target[:, None]))

    t = tl.Trainer(tl.nn.Linear(3, 1), loss, adam(0.05))
    result = t.fit((X, X[:, 0]), epochs=100, progress=False, metrics="mae")
    assert result.metrics["loss"] == pytest.approx(result.metrics["mae"])
    assert result.metrics["loss"] < 0.05


def test_one_number_per_row_meets_a_column():
    rows, columns = regressor(), regressor()
    for t, y in ((rows, X[:, 0]), (columns, X[:, :1])):
        t.fit((X, y), epochs=2, progress=False, shuffle=False)
    assert all((columns.runner.get_params()[k] == v).all() for k, v in rows.runner.get_params().items())


def test_inputs_and_targets_may_be_two_arguments():
    one, two = regressor(), regressor()
    one.fit(X, Y, epochs=2, progress=False)
    two.fit((X, Y), epochs=2, progress=False)
    assert digest(one) == digest(two) and one.evaluate(X, Y) == two.evaluate((X, Y))


@pytest.mark.parametrize(("criterion", "name"), [
    (tl.nn.MSELoss(), "mse"), (tl.nn.HuberLoss(), "huber"), (tl.nn.BCEWithLogitsLoss(), "bce_with_logits"),
])  # fmt: skip
def test_pytorchs_losses_are_those_of_the_table(criterion, name):
    one, two = (tl.Trainer(tl.nn.Linear(3, 1), task) for task in (criterion, name))
    results = [t.fit(X, Y, epochs=2, progress=False) for t in (one, two)]
    assert digest(one) == digest(two) and results[0].metrics == results[1].metrics


def test_rare_classes_may_count_more_under_both_backends():
    weights, losses = np.array([1.0, 5.0]), []
    for backend in ("eager", "compiled"):
        t = tl.Trainer(tl.nn.Linear(3, 2), tl.nn.CrossEntropyLoss(weight=weights), backend=backend)
        losses.append(t.fit(X, Y, epochs=3, progress=False).report.after)
    z = t.predict(X)
    each = np.log(np.exp(z).sum(1)) - z[np.arange(12), Y]
    assert losses[0] == losses[1] == pytest.approx(np.average(each, weights=weights[Y]))


def test_a_trainer_begins_with_the_arrays_of_another():
    first = trainer()
    fit(first, 3)
    again = trainer(init=first.runner.net.state_dict())
    assert np.array_equal(again.predict(X), first.predict(X)) and again.step == 0
    counts = {"1.num_batches_tracked": np.array(7)}  # an integer in PyTorch
    assert trainer(init=counts).runner.get_params()["1.num_batches_tracked"] == 7.0
    with pytest.raises(err.ShapeError, match=r"0\.bias has shape \(4,\)"):
        trainer(init={"0.bias": np.zeros(3)})


def test_few_rows_are_one_batch():
    assert regressor().fit((X, Y), epochs=3, progress=False).steps == 3


def test_a_batch_norm_is_told_of_a_last_batch_of_one_row_before_the_first_step():
    t = trainer()
    before = digest(t)
    with pytest.raises(err.DomainError, match=r"9 rows, 4 at a time, is a single row(.|\n)*drop_last=True"):
        t.fit(data(9), epochs=1, batch_size=4, progress=False)
    with pytest.raises(err.DomainError, match="a batch of a single row"):
        t.fit(data(9), epochs=1, update="per_sample", progress=False)
    assert digest(t) == before
    assert t.fit(data(9), epochs=1, batch_size=4, drop_last=True, progress=False).steps == 2


def test_a_trainer_shows_what_it_is():
    t = trainer(schedule=tl.schedules.cosine(0.1, total=10))
    fit(t, 2)
    assert repr(t).startswith("Trainer: cross_entropy, adam, schedule cosine(")
    assert t.run.meta["batch_size"] == 4 and t.run.meta["update"] == "per_batch" and t.run.steps == 2
