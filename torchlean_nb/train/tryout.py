"""A look at the data before training: what does not fit is said before anything changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.data import Dataset
from torchlean_nb.errors import DataError, DomainError, NonScalarError, ShapeError, TorchLeanError
from torchlean_nb.train.evaluate import measured
from torchlean_nb.train.feed import pair

FEW = 8  # rows


def try_out(runner: Any, data: Dataset) -> None:
    """Let the model and the loss see one batch, so that what does not fit is said before anything changes.

    Raises
    ------
    ShapeError, DTypeError, IndexRangeError, NonScalarError
        In the words of the op that does not fit, with what the data is.
    """
    x, y = pair(tuple(a[:FEW] for a in data.arrays))
    output = _output(runner, x, data)
    loss = runner.task.loss
    if loss.name in ("cross_entropy", "nll"):
        _check_labels(loss.name, output, data.y)
    try:
        with np.errstate(all="ignore"):
            value = loss(output, y)
    except TorchLeanError as e:
        if not isinstance(e, ShapeError):
            raise
        raise type(e)(
            f"fit: for a batch of {len(y)} the outputs have shape {output.shape}, the targets {y.shape}",
            str(e).replace("\n", " "), f"outputs and targets that {loss.name} can compare: another last layer, or "
            'y.reshape(-1, 1), or task="classification" for labels',
        ) from e  # fmt: skip
    if getattr(value, "shape", None) != ():
        raise NonScalarError(
            f"fit: the loss {loss.name} has shape {getattr(value, 'shape', None)}", "it must be one number", "its mean"
        )
    if loss.prepare is None and output.shape == (*y.shape, 1) and y.dtype.kind == "f":
        _refuse_all_pairs(loss, output, y, float(value))


def try_small(runner: Any, data: Dataset, batch_size: int) -> None:
    """Let the model see one row in train mode, where some batch has only one: batch norm cannot learn from it.

    Raises
    ------
    DomainError
    """
    if batch_size > 1 and len(data) % batch_size != 1:
        return
    try:
        measured(runner, [pair(tuple(a[:1] for a in data.arrays))], (), "train")
    except DomainError as e:
        last = f"the last batch of {len(data)} rows, {batch_size} at a time, is a single row"
        raise DomainError(
            f"fit: {last if batch_size > 1 else 'a batch of a single row'}", str(e).replace("\n", " "),
            f"drop_last=True, or another batch_size than {batch_size}",
        ) from e


def _output(runner: Any, x: Any, data: Dataset) -> np.ndarray:
    try:
        return runner.predict(x)
    except TorchLeanError as e:
        error = type(e) if isinstance(e, ShapeError) else ShapeError
        shapes = [a.shape[1:] for a in data.arrays[:-1]]
        hint = "tl.nn.Flatten, tl.nn.Unflatten, or load_digits(images=True) bring them into shape"
        if shapes == [()]:
            hint = "X.reshape(-1, 1) for samples of one number"
        elif len(shapes) == 1 and len(shapes[0]) == 1:
            hint = f"a first layer for {shapes[0][0]} features; {hint}"
        raise error(
            f"fit: the model does not take samples of shape {', '.join(map(str, shapes))}",
            str(e).replace("\n", " "), hint,
        ) from e


def _refuse_all_pairs(loss: Any, output: np.ndarray, y: np.ndarray, value: float) -> None:
    """Find a loss of one's own that broadcasts a column against a row, and so compares every pair."""
    try:
        with np.errstate(all="ignore"):
            turned, other = float(loss(output, np.roll(y, 1, axis=0))), float(loss(output, 2 * y + 1))
    except TorchLeanError:
        return
    same = abs(turned - value) <= 1e-5 * abs(value)
    if same and other != value and np.ptp(y) > 0 and np.ptp(output) > 1e-3 * np.abs(output).max():
        raise ShapeError(
            f"fit: the loss {loss.name} compares each output with every target",
            f"outputs of shape {output.shape} and targets of shape {y.shape} are broadcast to every pair",
            "output[:, 0], or targets y.reshape(-1, 1)",
        )


def _check_labels(name: str, output: np.ndarray, y: np.ndarray) -> None:
    """Say what is wrong with labels before the op meets them in some batch."""
    if output.ndim < 2 or y.shape[1:] == output.shape[1:]:
        return
    classes = output.shape[1]
    with np.errstate(invalid="ignore"):
        whole = y.astype(np.int64)
    wrong = np.argwhere(whole != y)
    if len(wrong):
        raise DataError(
            f"fit: the target of row {wrong[0][0]} is {y[tuple(wrong[0])]}, which is not a class",
            f"{name} takes labels 0, 1, ..., {classes - 1} or one-hot rows",
            'tl.data.labels(y), or task="regression" for numbers',
        )
    wrong = np.argwhere((whole < 0) | (whole >= classes))
    if len(wrong):
        label = whole[tuple(wrong[0])]
        enough = f"a last layer with {int(whole.max()) + 1} outputs" if label >= 0 else "labels from 0"
        if whole.min() >= 1:
            enough = "labels from 0: y - 1"
        elif classes == 1:
            enough += ', or task="bce_with_logits" for one output'
        raise DataError(
            f"fit: the target of row {wrong[0][0]} is {label}, but the model knows {classes} class"
            + "es" * (classes != 1), f"labels are 0..{classes - 1}", enough,
        )
