"""What a fit gives: words, numbers, and the model as it was at the end."""

import json

import numpy as np
from _trainers import data, fit, trainer

import torchlean_nb as tl


def test_a_result_is_words_numbers_and_a_model():
    t = trainer()
    result = fit(t, 3, validation=3)
    before, after = result.report.before, result.report.after
    assert result.to_text().splitlines()[0] == f"steps=3 loss0={before:.6g} loss1={after:.6g}"
    assert list(result.metrics) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert repr(result) == result.to_text() == result._repr_mimebundle_()["text/plain"]
    assert json.loads(result.run.to_json())["meta"]["status"] == "finished"
    assert np.array_equal(result.predict(data().X), t.predict(data().X))
    assert result.predict_class(data().X[0][None]).shape == (1,)


def test_a_result_says_what_was_taken_for_what():
    t = trainer()
    result = fit(t, 3)
    named = tl.data.Dataset(data().X, data().y, classes=["no", "yes"])
    matrix = result.confusion(named)
    assert matrix.labels == ("no", "yes") and matrix.total == 10
    assert matrix.accuracy == result.metrics["accuracy"]
    assert (matrix.counts == tl.train.metrics.confusion_matrix(result.predict(named.X), named.y).counts).all()
    one = tl.Trainer(tl.nn.Linear(3, 1), "hinge").fit((data().X, 2 * data().y - 1), steps=1, progress=False)
    assert one.confusion((data().X, 2 * data().y - 1)).accuracy == one.metrics["accuracy"]


def test_a_result_predicts_as_at_its_end_whatever_comes_later():
    t = trainer()
    result = fit(t, 2)
    before = result.predict(data().X)
    fit(t, 3)
    assert np.array_equal(result.predict(data().X), before) and not np.array_equal(t.predict(data().X), before)


def test_hostile_names_are_escaped():
    t = trainer()
    result = fit(t, 2, metrics={"<script>alert(1)</script>": lambda output, target: 0.0})
    html = result._repr_mimebundle_()["text/html"]
    assert "<script>" not in html and "<svg" in html and "&lt;script&gt;" in html
