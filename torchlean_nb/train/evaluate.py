"""Evaluation: loss and metrics of a whole data set, without a tape and without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from torchlean_nb.data import Dataset
from torchlean_nb.errors import DataError
from torchlean_nb.train.feed import Pair, pair
from torchlean_nb.train.metrics import Metric

ROWS = 256


def evaluate(
    runner: Any, data: Dataset, metrics: Iterable[Metric] = (), *, batch_size: int = ROWS
) -> dict[str, float]:
    """Mean loss, and metrics of all outputs together, in eval mode.

    Parameters
    ----------
    runner : Runner
    data : Dataset
    metrics : iterable of Metric
    batch_size : int
        Rows that go through the model together.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> runner = tl.train.regression(tl.nn.Linear(1, 1)).instantiate()
    >>> runner.net.load_state_dict({"weight": [[2.0]], "bias": [0.0]})
    >>> evaluate(runner, tl.data.Dataset([[1.0], [2.0]], [[2.0], [5.0]]))
    {'loss': 0.5}
    """
    pairs = [pair(batch) for batch in data.batches(batch_size)]
    return measured(runner, pairs, tuple(metrics), "eval")


def measured(runner: Any, pairs: list[Pair], metrics: tuple[Metric, ...], mode: str) -> dict[str, float]:
    """Mean loss over the rows of some batches, and metrics, in a mode; mode and random stream stay as they are."""
    session, net = runner.session, runner.net
    before = net.training, replace(session.rng), session._draws
    try:
        net.train(mode == "train")
        outputs = [runner.predict(x) for x, _ in pairs]
    finally:
        session.rng, session._draws = before[1:]
        net.train(before[0])
    with np.errstate(all="ignore"):
        losses = [float(runner.task.loss(o, y)) * len(y) for o, (_, y) in zip(outputs, pairs, strict=True)]
    found = {"loss": sum(losses) / sum(len(y) for _, y in pairs)}
    if metrics:
        output, target = np.concatenate(outputs), np.concatenate([y for _, y in pairs])
        found |= judged(runner.task.loss, metrics, output, target)
    return found


def judged(
    loss: Any, metrics: tuple[Metric, ...], output: np.ndarray, target: np.ndarray, lenient: bool = False
) -> dict[str, float]:
    """Metrics of outputs, which become logits, and targets, which become labels, where a loss has them otherwise.

    What has no value for such data, as the area under the curve of a batch of one class, is left out if `lenient`.
    """
    found = {}
    for m in metrics:
        try:
            found[m.name] = _judged(loss, m, output, target)
        except DataError:
            if not lenient:
                raise
    return found


def _judged(loss: Any, m: Metric, output: np.ndarray, target: np.ndarray) -> float:
    if m.kind != "classification" and output.shape == (*target.shape, 1):
        return m(output, target[..., None])
    if m.kind == "classification" and loss.cuts is not None:
        # One number tells two classes apart, maybe for several questions at once.
        with np.errstate(divide="ignore"):
            logit = np.log(output / (1 - output)) if loss.cuts[0] else output
        return m(logit.ravel(), np.ravel(loss.true_classes(output, target)))
    return m(output, target)
