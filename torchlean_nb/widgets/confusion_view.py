"""ConfusionView: what a classifier took for what, and the samples behind every number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.data import Dataset
from torchlean_nb.errors import HandleTypeError, HyperparameterError, ShapeError
from torchlean_nb.render.confusion import confusion_payload, confusion_svg, confusion_text, headline
from torchlean_nb.render.confusion_samples import cell_samples
from torchlean_nb.trace.confusion import NORMALISE, ConfusionMatrix
from torchlean_nb.widgets.base import View, inside


class ConfusionView(View):
    """Counts by true and predicted class, shares by row or column, scores per class, and samples of a chosen cell.

    Parameters
    ----------
    source : TrainResult, Runner, ConfusionMatrix, array_like of shape (k, k), or tuple (true, predicted)
        Something with ``predict_class`` is asked about `samples`.
    samples : Dataset, tuple (x, y), or array_like of shape (n, ...), optional
        Inputs and true classes for something that predicts; the inputs alone where both kinds of classes are given.
        Inputs of shape ``(h, w)`` are shown as pictures.
    labels : sequence of str, optional
        Names of the classes. Of more than 40 classes the first 40 are shown.
    image_shape : tuple of int, optional
        Shape of one input that is a flat picture, ``(8, 8)``; found out where the columns are called
        ``pixel_0_0``, ``pixel_0_1``, ...
    normalise : {"none", "row", "column"}
        What is shown at first.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    HandleTypeError, ShapeError, IndexRangeError, TraceFormatError

    Examples
    --------
    >>> ConfusionView(([0, 0, 1, 1], [0, 1, 1, 1]), labels=["cat", "dog"])
    ConfusionView('Confusion': 2 classes, accuracy 75 %, 3 of 4 samples)
    """

    def __init__(
        self,
        source: Any,
        samples: Any = None,
        *,
        labels: Sequence[Any] = (),
        image_shape: tuple[int, ...] | None = None,
        normalise: str = "none",
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        self.matrix, found = _read(source, samples, tuple(labels), image_shape)
        self.matrix.normalise(normalise)
        super().__init__(
            confusion_payload(self.matrix, found), controls=controls, presentation=presentation, state=state,
            title=title or "Confusion", by=normalise,
        )

    @property
    def normalise(self) -> str:
        """What is shown now: ``"none"``, ``"row"`` or ``"column"``."""
        chosen = self.state.get("by")
        return chosen if chosen in NORMALISE else self.options["by"]

    @property
    def cell(self) -> tuple[int, int]:
        """True and predicted class of the cell that is chosen."""
        shape = (len(self.payload["labels"]),) * 2
        return inside(self.state.get("cell"), shape) or tuple(self.payload["start"])

    def describe(self) -> str:
        """Classes and accuracy."""
        return f"{len(self.matrix.labels)} classes, {headline(self.matrix)}"

    def to_svg(self) -> str:
        """Picture of what is shown now."""
        return confusion_svg(self.matrix, self.normalise, self.cell)

    def to_text(self) -> str:
        """Counts or shares, and the scores of every class."""
        return confusion_text(self.matrix, self.normalise)


def _read(
    source: Any, samples: Any, labels: tuple[Any, ...], image_shape: tuple[int, ...] | None
) -> tuple[ConfusionMatrix, dict[str, Any] | None]:
    x, y, columns = _inputs(samples)
    if isinstance(source, ConfusionMatrix):
        matrix = ConfusionMatrix(source.counts, labels) if labels else source
        return matrix, _no_samples(x)
    if callable(getattr(source, "predict_class", None)):
        if y is None:
            raise HandleTypeError(
                f"ConfusionView: {type(source).__name__} predicts, but of what?", None, "ConfusionView(result, (x, y))"
            )
        labels = labels or (isinstance(samples, Dataset) and samples.classes) or ()
        true = np.asarray(host(y))
        true = true.argmax(axis=1) if true.ndim == 2 and true.shape[1] > 1 else true.reshape(-1)
        predicted = np.asarray(source.predict_class(x)).reshape(-1)
    elif isinstance(source, tuple) and len(source) == 2 and all(np.ndim(host(a)) == 1 for a in source):
        true, predicted = source
    else:
        try:
            return ConfusionMatrix(source, labels), _no_samples(x)
        except TypeError as e:
            raise HandleTypeError(
                f"ConfusionView: a {type(source).__name__} is neither a matrix nor a model", None,
                "ConfusionView(result, (x, y)), or ConfusionView((true, predicted))",
            ) from e
    true, predicted = (a.astype(np.int64) if a.dtype.kind == "f" and (a % 1 == 0).all() else a
                       for a in (np.asarray(host(a)) for a in (true, predicted)))  # fmt: skip
    matrix = ConfusionMatrix.from_labels(true, predicted, labels)
    if x is None:
        return matrix, None
    image_shape = image_shape or (_pixels(columns) if x.ndim == 2 else None)
    if image_shape is not None:
        if int(np.prod(image_shape)) * len(x) != x.size:
            raise ShapeError(f"ConfusionView: image_shape {image_shape} for inputs of shape {x.shape[1:]}")
        x = x.reshape(len(x), *image_shape)
    return matrix, cell_samples(x, np.asarray(true), np.asarray(predicted), columns)


def _pixels(columns: Sequence[str] | None) -> tuple[int, int] | None:
    """Height and width of a flat picture whose columns are named after its pixels, row by row."""
    last = re.fullmatch(r"pixel_(\d{1,4})_(\d{1,4})", columns[-1]) if columns else None
    h, w = (int(last[1]) + 1, int(last[2]) + 1) if last else (0, 0)
    named = h * w == len(columns or ()) and all(c == f"pixel_{i // w}_{i % w}" for i, c in enumerate(columns or ()))
    return (h, w) if last and named else None


def _inputs(samples: Any) -> tuple[np.ndarray | None, Any, Sequence[str] | None]:
    """Inputs, true classes where there are some, and names of the columns."""
    if samples is None:
        return None, None, None
    if isinstance(samples, Dataset):
        x, y, *_ = (*samples.arrays, None)
        return x, y, samples.columns
    if isinstance(samples, tuple):
        if len(samples) != 2:
            raise ShapeError(f"ConfusionView: samples are a tuple of {len(samples)}", None, "samples=(x, y)")
        return np.asarray(host(samples[0])), np.asarray(host(samples[1])), None
    return np.asarray(host(samples)), None, None


def _no_samples(x: Any) -> None:
    if x is not None:
        raise HyperparameterError(
            "ConfusionView: a matrix of counts does not say which sample belongs to which cell", None,
            "ConfusionView((true, predicted), samples=x)",
        )
