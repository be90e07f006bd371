"""Metrics: the numbers of scikit-learn, whatever form outputs and targets come in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import calibration as sk_calibration
from sklearn import metrics as sk

from torchlean_nb import errors as err
from torchlean_nb.train import calibration, metrics
from torchlean_nb.train.metrics import METRICS, Metric, metrics_of

SEEDS = range(6)


def classified(seed, n=40, classes=4, missing=False):
    """Logits of an imperfect classifier, its classes and the labels."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes - missing, n)
    logits = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[true]
    return logits, logits.argmax(1), true


def regressed(seed, columns):
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(30, columns)) if columns else rng.normal(size=30)
    return t + 0.5 * rng.normal(size=t.shape), t


CLASSIFIED = {
    "accuracy": lambda p, t, n: sk.accuracy_score(t, p),
    "precision": lambda p, t, n: sk.precision_score(t, p, labels=range(n), average="macro", zero_division=0),
    "recall": lambda p, t, n: sk.recall_score(t, p, labels=range(n), average="macro", zero_division=0),
    "f1": lambda p, t, n: sk.f1_score(t, p, labels=range(n), average="macro", zero_division=0),
}
REGRESSED = {
    "mse": sk.mean_squared_error,
    "rmse": lambda t, y: np.sqrt(sk.mean_squared_error(t, y)),
    "mae": sk.mean_absolute_error,
    "r2": sk.r2_score,
    "explained_variance": sk.explained_variance_score,
}
SCORED = {
    "auc": lambda z, t: sk.roc_auc_score(t, calibration.probabilities(z), multi_class="ovr"),
    "top_5_accuracy": lambda z, t: sk.top_k_accuracy_score(t, z, k=5, labels=range(z.shape[1])),
}


def test_every_row_of_the_table_is_compared_with_scikit_learn():
    assert set(METRICS) == {*CLASSIFIED, *REGRESSED, *SCORED, "calibration_error"}


@pytest.mark.parametrize("missing", [False, True], ids=["all classes", "a class without samples"])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CLASSIFIED)
def test_classes_are_judged_as_scikit_learn_does(name, seed, missing):
    logits, predicted, true = classified(seed, missing=missing)
    expected = CLASSIFIED[name](predicted, true, 4)
    assert METRICS[name](logits, true) == pytest.approx(expected, rel=1e-14)
    assert METRICS[name](logits, np.eye(4)[true]) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_averages_over_classes_are_those_of_scikit_learn(name, average):
    _, predicted, true = classified(3, classes=6, missing=True)
    theirs = getattr(sk, f"{name}_score")(true, predicted, labels=range(6), average=average, zero_division=0)
    ours = getattr(metrics, name)(np.eye(6)[predicted], true, average=average)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SCORED)
def test_orders_of_scores_are_judged_as_scikit_learn_does(name, seed):
    logits, _, true = classified(seed, n=60, classes=7)
    assert METRICS[name](logits, true) == pytest.approx(SCORED[name](logits, true), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_area_of_two_classes_counts_equal_scores_half(seed):
    rng = np.random.default_rng(seed)
    score, true = rng.integers(0, 5, 40).astype(float), rng.integers(0, 2, 40)
    expected = sk.roc_auc_score(true, score)
    assert calibration.auc(score, true) == pytest.approx(expected, rel=1e-13)
    assert calibration.auc(score[:, None], true) == pytest.approx(expected, rel=1e-13)
    assert calibration.auc(np.stack([-score, score], 1), true) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("columns", [0, 1, 3])
@pytest.mark.parametrize("name", REGRESSED)
def test_numbers_are_judged_as_scikit_learn_does(name, columns):
    y, t = regressed(columns, columns)
    assert METRICS[name](y, t) == pytest.approx(REGRESSED[name](t, y), rel=1e-12)


@pytest.mark.parametrize("name", ["r2", "explained_variance"])
@pytest.mark.parametrize("y", [[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]], ids=["right", "wrong"])
def test_of_a_constant_target_everything_or_nothing_is_explained(name, y):
    assert METRICS[name](y, [2.0, 2.0, 2.0]) == REGRESSED[name]([2.0, 2.0, 2.0], y)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reliability_curve_is_that_of_scikit_learn(seed):
    logits, predicted, true = classified(seed, n=200)
    curve = calibration.reliability(logits, true, bins=10)
    sure = calibration.probabilities(logits).max(1)
    share, mean = sk_calibration.calibration_curve(predicted == true, sure, n_bins=10)
    filled = curve.counts > 0
    np.testing.assert_allclose(curve.accuracy[filled], share, rtol=1e-13)
    np.testing.assert_allclose(curve.confidence[filled], mean, rtol=1e-13)
    assert curve.counts.sum() == 200
    weights = curve.counts[filled] / 200
    assert METRICS["calibration_error"].f(logits, true, 10) == pytest.approx((weights * abs(share - mean)).sum())


def test_a_classifier_that_says_what_is_true_is_calibrated():
    # 3 of 4 samples right at a confidence of 3/4.
    logits = np.log([[3.0, 1.0]] * 4)
    assert calibration.calibration_error(logits, [0, 0, 0, 1]) == pytest.approx(0.0, abs=1e-15)


@given(st.integers(2, 6), st.integers(1, 30), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_counts_of_the_confusion_add_up(classes, n, seed):
    logits, predicted, true = classified(seed, n=n, classes=classes)
    counts = metrics.confusion_counts(logits, true)
    assert counts.sum() == n and np.trace(counts) == (predicted == true).sum()
    assert (counts == sk.confusion_matrix(true, predicted, labels=range(classes))).all()
    assert metrics.f1(logits, true, "micro") == pytest.approx(metrics.accuracy(logits, true))


def test_classes_may_be_given_in_many_forms():
    true = np.array([0, 1, 1])
    for output in ([0, 1, 0], [-2.0, 0.5, -0.1], [[-2.0], [0.5], [-0.1]], [[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]]):
        for target in (true, true[:, None], true.astype(float)):
            assert metrics.accuracy(output, target) == pytest.approx(2 / 3)


def test_every_place_of_a_sequence_is_a_sample():
    logits = np.random.default_rng(0).normal(size=(5, 3, 4))
    true = np.random.default_rng(1).integers(0, 3, (5, 4))
    assert metrics.accuracy(logits, true) == np.mean(logits.argmax(1) == true)
    assert metrics.top_k_accuracy(logits, true, 1) == metrics.accuracy(logits, true)
    assert metrics.top_k_accuracy(logits, true, 3) == 1.0


BAD = [
    (metrics.accuracy, ([[1.0, 2.0]], [2]), err.IndexRangeError, "label 2 is outside 0..1"),
    (metrics.accuracy, ([[1.0, 2.0]], [0.5]), err.DTypeError, "not labels"),
    (metrics.accuracy, ([[1.0, 2.0]], [0, 1]), err.ShapeError, "1 classes, there are 2 targets"),
    (metrics.accuracy, (np.zeros((0, 2)), []), err.EmptyError, "0 samples"),
    (metrics.f1, ([0, 1], [0, 1], "mean"), err.HyperparameterError, "average"),
    (metrics.top_k_accuracy, ([0, 1], [0, 1], 1), err.ShapeError, "a logit for each class"),
    (metrics.top_k_accuracy, ([[0.0, 1.0]], [1], 0), err.HyperparameterError, "k=0"),
    (metrics.r2, ([1.0, 2.0], [[1.0], [2.0]]), err.ShapeError, r"\(2,\) and targets of shape \(2, 1\)"),
    (metrics.mae, ([], []), err.EmptyError, "0 samples"),
    (calibration.auc, ([0.1, 0.2], [1, 1]), err.DataError, "nothing to rank"),
    (calibration.reliability, ([[0.0, 1.0]], [1], 0), err.HyperparameterError, "bins=0"),
    (metrics_of, (["acuracy"],), err.UnknownNameError, "did you mean accuracy"),
    (metrics_of, ([3],), err.HyperparameterTypeError, "a name or a function"),
    (metrics_of, (3,), err.HyperparameterTypeError, "metrics=3"),
    (metrics_of, ({"loss": "mse"},), err.HyperparameterError, "'loss' is recorded already"),
    (metrics_of, ({"": "mse"},), err.NameError_, "must not be empty"),
    (metrics_of, ({"a\nb": "mse"},), err.NameError_, "control character"),
    (metrics_of, (["mse", "mse"],), err.HyperparameterError, "two are called 'mse'"),
]


@pytest.mark.parametrize(("f", "args", "error", "words"), BAD)
def test_what_cannot_be_judged_is_refused_in_words(f, args, error, words):
    with pytest.raises(error, match=words):
        f(*args)


def test_metrics_are_given_by_name_function_or_both():
    def bias(output, target):
        return np.mean(output - target)

    named = metrics_of(["mse", bias, metrics.mae])
    assert [m.name for m in named] == ["mse", "bias", "mae"] and named[2].mode == "min"
    assert named[1](np.array([3.0]), np.array([1.0])) == 2.0
    assert [m.name for m in metrics_of("r2")] == ["r2"] == [m.name for m in metrics_of(METRICS["r2"])]
    assert metrics_of({"wrong": bias})[0] == Metric("wrong", bias)


def test_a_metric_that_gives_no_number_is_named():
    with pytest.raises(err.HyperparameterTypeError, match="metric 'rows'"):
        metrics_of({"rows": lambda output, target: output})[0](np.zeros(2), np.zeros(2))
