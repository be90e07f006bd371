"""ConfusionView: what it takes, what it says without a front end, and names that stay text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from _payloads import PAYLOADS

import torchlean_nb as tl
from torchlean_nb.errors import HandleTypeError, HyperparameterError, ShapeError, TorchLeanError
from torchlean_nb.render.html import assets
from torchlean_nb.trace import ConfusionMatrix
from torchlean_nb.widgets import ConfusionView

X = np.arange(12, dtype=float).reshape(4, 3)
TRUE, PREDICTED = [0, 0, 1, 1], [0, 1, 1, 1]


class Model:
    """Predicts what it is told to."""

    def predict_class(self, x):
        return np.array(PREDICTED)[: len(x)]


SAME = {
    "counts": lambda: ConfusionView([[1, 1], [0, 2]]),
    "matrix": lambda: ConfusionView(ConfusionMatrix.from_labels(TRUE, PREDICTED)),
    "labels": lambda: ConfusionView((TRUE, PREDICTED)),
    "arrays and samples": lambda: ConfusionView((np.array(TRUE), np.array(PREDICTED)), X),
    "whole floats": lambda: ConfusionView((np.array(TRUE, float), PREDICTED)),
    "model": lambda: ConfusionView(Model(), (X, TRUE)),
    "model and one-hot rows": lambda: ConfusionView(Model(), (X, np.eye(2)[TRUE])),
    "model and Dataset": lambda: ConfusionView(Model(), tl.data.Dataset(X, TRUE)),
    "show": lambda: ConfusionMatrix.from_labels(TRUE, PREDICTED).show(),
}


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_every_source_gives_the_same_matrix(make):
    view = make()
    assert view.matrix.counts.tolist() == [[1, 1], [0, 2]]
    assert view.payload["headline"] == "accuracy 75 %, 3 of 4 samples" and view.to_text().startswith("accuracy 75 %")


def test_a_dataset_gives_the_names_of_classes_and_columns():
    view = ConfusionView(Model(), tl.data.Dataset(X, TRUE, columns=["a", "b", "c"], classes=["cat", "dog"]))
    assert view.payload["labels"] == ["cat", "dog"] and view.payload["samples"]["columns"] == ["a", "b", "c"]
    assert ConfusionView(view.matrix, labels=["x", "y"]).payload["labels"] == ["x", "y"]


def test_a_runner_is_asked_for_its_classes():
    net = tl.nn.Linear(2, 3)
    runner = tl.train.classifier(net).instantiate(seed=0)
    x = np.random.default_rng(0).normal(size=(30, 2))
    true = np.argmax(runner.predict(x), axis=1)
    assert ConfusionView(runner, (x, true)).matrix.accuracy == 1


def test_flat_pictures_are_shown_as_pictures():
    view = ConfusionView((TRUE, PREDICTED), np.ones((4, 6)), image_shape=(2, 3))
    assert view.payload["samples"]["kind"] == "images"
    assert ConfusionView((TRUE, PREDICTED), X).payload["samples"]["kind"] == "rows"


@pytest.mark.parametrize(("make", "error"), [
    (lambda: ConfusionView(Model()), HandleTypeError), (lambda: ConfusionView(object()), HandleTypeError),
    (lambda: ConfusionView([[1, 2]]), TorchLeanError), (lambda: ConfusionView("matrix"), TorchLeanError),
    (lambda: ConfusionView([[1]], X), HyperparameterError), (lambda: ConfusionView((TRUE, [0])), ShapeError),
    (lambda: ConfusionView((TRUE, PREDICTED), X, image_shape=(2, 2)), ShapeError),
    (lambda: ConfusionView((TRUE, PREDICTED), X[:2]), ShapeError),
    (lambda: ConfusionView(Model(), (X, TRUE, TRUE)), ShapeError),
    (lambda: ConfusionView([[1]], normalise="all"), TorchLeanError),
    (lambda: ConfusionView(([0.5], [0])), TorchLeanError),
])  # fmt: skip
def test_what_is_no_confusion_is_refused(make, error):
    with pytest.raises(error):
        make()


def test_the_picture_and_the_text_follow_what_is_chosen():
    view = ConfusionView([[3, 1], [0, 2]])
    before = view.to_svg()
    assert view.cell == (0, 1) and view.normalise == "none"
    view.state = {"cell": [1, 1], "by": "row"}
    assert view.cell == (1, 1) and view.normalise == "row"
    assert view.to_svg() != before and "% of each true class" in view.to_text()
    view.state = {"cell": [9, 1], "by": "sideways"}
    assert view.cell == (0, 1) and view.normalise == "none"
    again = ConfusionView([[3, 1], [0, 2]], state=json.dumps({"cell": [1, 0], "by": "column"}))
    assert again.cell == (1, 0) and again.now["by"] == "column"


def test_a_matrix_writes_the_page_of_its_view(tmp_path):
    text = ConfusionMatrix([[3, 1], [0, 2]]).to_html(tmp_path / "m.html", title="Cats")
    assert text == (tmp_path / "m.html").read_text(encoding="utf-8") and "<title>Cats</title>" in text


def test_without_a_front_end_it_is_a_picture_and_words():
    still, _ = ConfusionView([[3, 1], [0, 2]])._repr_mimebundle_()
    assert still["image/svg+xml"].startswith("<svg") and "accuracy 83.3 %" in still["text/plain"]


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_names_add_nothing_to_the_page(name):
    view = ConfusionView((TRUE, PREDICTED), tl.data.Dataset(X, columns=[name, "b", "c"]), labels=[name, "b"])
    esm, css = assets("ConfusionView")
    text = view.to_html().replace(esm, "").replace(css, "")
    assert text.count("<") == ConfusionView((TRUE, PREDICTED)).to_html().replace(esm, "").replace(css, "").count("<")
    assert view.to_html() == view.to_html()


def test_digits_are_shown_as_pictures_because_their_columns_are_pixels():
    digits = tl.data.load_digits().take(40)
    view = ConfusionView((digits.y, digits.y), samples=digits)
    assert '"kind": "images"' in json.dumps(view.to_dict()) and '"width": 8' in json.dumps(view.to_dict())
    rows = ConfusionView((digits.y, digits.y), samples=tl.data.Dataset(digits.X, digits.y))
    assert '"kind": "images"' not in json.dumps(rows.to_dict())
