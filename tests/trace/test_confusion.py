"""ConfusionMatrix: counts, what follows from them, and TorchLean's JSON."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from torchlean_nb.errors import DTypeError, IndexRangeError, ShapeError, TraceFormatError, UnknownNameError
from torchlean_nb.trace import ConfusionMatrix

PAIRS = st.integers(2, 6).flatmap(
    lambda k: st.tuples(st.just(k), st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), max_size=40))
)


@given(PAIRS)
def test_counts_and_scores_are_those_of_scikit_learn(drawn):
    k, pairs = drawn
    true, predicted = np.array(pairs, dtype=int).reshape(-1, 2).T
    m = ConfusionMatrix.from_labels(true, predicted, classes=k)
    if not pairs:
        assert m.accuracy == 0 and not m.counts.any() and m.counts.shape == (k, k) and not m.f1.any()
        return
    assert np.array_equal(m.counts, confusion_matrix(true, predicted, labels=range(k)))
    p, r, f, s = precision_recall_fscore_support(true, predicted, labels=range(k), zero_division=0)
    assert np.allclose(m.precision, p) and np.allclose(m.recall, r) and np.allclose(m.f1, f)
    assert np.array_equal(m.support, s) and m.accuracy == np.mean(true == predicted)


def test_scores_are_exact_fractions_and_zero_of_nothing():
    m = ConfusionMatrix([[2, 1, 0], [0, 0, 0], [0, 3, 0]])
    assert m.precision.tolist() == [1, 0, 0] and m.recall.tolist() == [float(Fraction(2, 3)), 0, 0]
    assert m.f1.tolist() == [0.8, 0, 0] and m.predicted.tolist() == [2, 4, 0] and m.total == 6


def test_rows_and_columns_are_normalised():
    m = ConfusionMatrix([[3, 1], [0, 0]])
    assert m.normalise("row").tolist() == [[0.75, 0.25], [0, 0]]
    assert m.normalise("column").tolist() == [[1, 1], [0, 0]]
    assert m.normalise("none").tolist() == [[3, 1], [0, 0]]
    with pytest.raises(UnknownNameError):
        m.normalise("all")


def test_json_is_torchleans(tmp_path):
    m = ConfusionMatrix.from_json("[[1, 0], [2, 3]]", labels=["a", "b"])
    assert m.to_json() == "[[1,0],[2,3]]"
    m.write(tmp_path / "m.json")
    assert ConfusionMatrix.read(tmp_path / "m.json", "ab") == m
    assert ConfusionMatrix.from_json("[]").counts.shape == (0, 0)


@pytest.mark.parametrize(("text", "words"), [
    ("{}", "TrainLog JSON: confusion matrix expected array: array expected"),
    ("[1]", "Metric/artifact JSON: `confusion.counts` expected an array: array expected"),
    ("[[0.5]]", "Metric/artifact JSON: `confusion.counts` expected Nat entries: Natural number expected"),
    ("[[-1]]", "Metric/artifact JSON: `confusion.counts` expected Nat entries: Natural number expected"),
    ("[[true]]", "Metric/artifact JSON: `confusion.counts` expected Nat entries: Natural number expected"),
    ("[[", "TrainLog JSON: parse error"), ("[[1, 2]]", "confusion matrix: 1 rows and 2 columns"),
    ("[[1, 2], [3]]", "counts are not an array"), (f"[[{2**64}]]", "counts are not an array"),
])  # fmt: skip
def test_json_that_is_no_matrix_is_refused(text, words):
    with pytest.raises(TraceFormatError) as caught:
        ConfusionMatrix.from_json(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(("args", "error"), [
    (([0, 1], [0]), ShapeError), (([0.5], [0]), DTypeError), (([[0]], [[0]]), ShapeError),
    (([0, 2], [0, 1], ["a", "b"]), IndexRangeError), (([0, -1], [0, 1]), IndexRangeError),
])  # fmt: skip
def test_classes_that_do_not_fit_are_refused(args, error):
    with pytest.raises(error):
        ConfusionMatrix.from_labels(*args)


def test_counts_stay_what_they_are():
    given_counts = np.ones((2, 2), int)
    m = ConfusionMatrix(given_counts)
    given_counts[:] = 9
    assert m.counts.sum() == 4
    with pytest.raises(ValueError, match="read-only"):
        m.counts[0, 0] = 2
    with pytest.raises(TraceFormatError, match="3 labels for 2 classes"):
        ConfusionMatrix(m.counts, ["a", "b", "c"])
