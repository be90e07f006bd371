"""Metrics: numbers that say how good outputs are, one row each, pure functions of outputs and targets.

Outputs of classifiers are logits with the classes along axis 1, one logit per sample where there are two classes,
or integers, which are classes already. Targets are labels, or one-hot rows. A share of nothing is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.engine.data import check_name
from torchlean_nb.errors import (
    DTypeError,
    EmptyError,
    HyperparameterError,
    HyperparameterTypeError,
    IndexRangeError,
    ShapeError,
    UnknownNameError,
    did_you_mean,
    quote,
)
from torchlean_nb.hypers import Hyper
from torchlean_nb.trace.confusion import ConfusionMatrix

METRICS: dict[str, Metric] = {}
_TAKEN = ("loss", "lr", "epoch", "epoch_loss", "grad_norm")
Function = Callable[[Any, Any], float]


@dataclass(frozen=True)
class Metric:
    """A row of the table.

    Parameters
    ----------
    name : str
    f : callable
        ``f(output, target) -> float``.
    kind : {"classification", "regression", "custom"}
    mode : {"max", "min"}
        Which way is better.
    """

    name: str
    f: Function
    kind: str = "custom"
    mode: str = "max"

    def __call__(self, output: Any, target: Any) -> float:
        """Value for outputs and targets.

        Raises
        ------
        HyperparameterTypeError
            When a function of the user's gives something that is not a number.
        """
        value = self.f(output, target)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise HyperparameterTypeError(
                f"metric {quote(self.name)}: it gave {quote(value, 60)}, a {type(value).__name__}",
                "a metric is a function (output, target) -> number",
            ) from None


def metric(kind: str, mode: str = "max") -> Callable[[Function], Function]:
    """Make the function below a row of the table."""

    def add(f: Function) -> Function:
        METRICS[f.__name__] = Metric(f.__name__, f, kind, mode)
        return f

    return add


def metrics_of(what: Any) -> tuple[Metric, ...]:
    """Metrics from names, functions, rows, or a dict of them by name; one alone needs no list.

    Raises
    ------
    UnknownNameError, HyperparameterError, HyperparameterTypeError

    Examples
    --------
    >>> [m.name for m in metrics_of(["accuracy", "f1"])]
    ['accuracy', 'f1']
    >>> metrics_of({"bias": lambda output, target: (output - target).mean()})[0].name
    'bias'
    """
    if isinstance(what, str | Metric) or callable(what):
        what = (what,)
    if isinstance(what, Mapping):
        made = [replace(_one(f), name=str(name)) for name, f in what.items()]
    elif isinstance(what, Iterable):
        made = [_one(f) for f in what]
    else:
        raise HyperparameterTypeError(
            f"metrics={quote(what)} is a {type(what).__name__}", "names or functions (output, target) -> number",
            'metrics=["accuracy", "f1"]',
        )
    names = [m.name for m in made]
    twice = [n for i, n in enumerate(names) if n in names[:i]]
    if twice:
        raise HyperparameterError(f"metrics: two are called {quote(twice[0])}", None, "a dict gives names")
    taken = [n for n in names if check_name(n, "metric") in _TAKEN]
    if taken:
        raise HyperparameterError(f"metrics: {quote(taken[0])} is recorded already", None, "another name")
    return tuple(made)


def _one(what: Any) -> Metric:
    if isinstance(what, Metric):
        return what
    if isinstance(what, str):
        if what not in METRICS:
            raise UnknownNameError(f"there is no metric {quote(what)}", did_you_mean(what, METRICS))
        return METRICS[what]
    if not callable(what):
        raise HyperparameterTypeError(f"metric {quote(what)} is a {type(what).__name__}", "a name or a function")
    known = METRICS.get(getattr(what, "__name__", ""))
    return known if known and known.f is what else Metric(getattr(what, "__name__", type(what).__name__), what)


# -- what outputs and targets say -------------------------------------------------------------------


def classes_of(output: Any, target: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """Predicted classes, true classes and their number, for outputs and targets in any of their forms.

    Raises
    ------
    ShapeError, DTypeError, EmptyError, IndexRangeError

    Examples
    --------
    >>> classes_of([[0.1, 2.0], [3.0, 1.0]], [1, 1])
    (array([1, 0]), array([1, 1]), 2)
    """
    output, target = np.asarray(host(output)), np.asarray(host(target))
    if not output.size:
        raise EmptyError("metric: outputs of 0 samples", None, "at least one sample")
    if output.ndim >= 2 and output.shape[1] >= 2:
        count, predicted = output.shape[1], output.argmax(1)
        target = target.argmax(1) if target.shape == output.shape else target  # one-hot
    elif output.dtype.kind in "iub":
        predicted = output.astype(np.int64)
        count = int(max(predicted.max(), target.max() if target.size else 0)) + 1
    else:
        count, predicted = 2, (output > 0).astype(np.int64)
    predicted, target = predicted.ravel(), target.ravel()
    if predicted.shape != target.shape:
        raise ShapeError(
            f"metric: outputs of shape {output.shape} say {len(predicted)} classes, there are {len(target)} targets",
            "one label for each sample",
        )
    if target.dtype == np.int64:
        labels = target
    else:
        with np.errstate(invalid="ignore"):
            labels = target.astype(np.int64)
    if labels is not target and not (labels == target).all():
        raise DTypeError("metric: the targets are not labels 0, 1, 2, ...", None, '"mse" or "r2" for numbers')
    if int(labels.view(np.uint64).max()) >= count:  # a negative one is large
        wrong = labels[(labels < 0) | (labels >= count)][0]
        raise IndexRangeError(f"metric: label {wrong} is outside 0..{count - 1}", f"the outputs know {count} classes")
    return predicted, labels, count


def confusion_counts(output: Any, target: Any) -> np.ndarray:
    """How often samples of class `i` were taken for class `j`: array of shape (classes, classes).

    Examples
    --------
    >>> confusion_counts([0, 1, 1, 1], [0, 0, 1, 1]).tolist()
    [[1, 1], [0, 2]]
    """
    predicted, true, n = classes_of(output, target)
    return np.bincount(true * n + predicted, minlength=n * n).reshape(n, n)


def confusion_matrix(output: Any, target: Any, labels: Sequence[Any] = ()) -> ConfusionMatrix:
    """Confusion of outputs and targets, to be looked at.

    Parameters
    ----------
    output, target : array
    labels : sequence of str, optional
        Names of the classes.

    Examples
    --------
    >>> confusion_matrix([[2.0, 1.0], [0.0, 1.0]], [0, 0], labels=["cat", "dog"]).counts.tolist()
    [[1, 1], [0, 0]]
    """
    return ConfusionMatrix(confusion_counts(output, target), tuple(labels))


def _share(part: Any, whole: Any) -> np.ndarray:
    """Quotient, 0 where the whole is nothing."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)


# -- classification -----------------------------------------------------------------------------------


@metric("classification")
def accuracy(output: Any, target: Any) -> float:
    """Share of samples whose class is right; of equal logits the first counts.

    Examples
    --------
    >>> accuracy([[0.1, 2.0], [3.0, 1.0]], [1, 1])
    0.5
    """
    predicted, true, _ = classes_of(output, target)
    return float(np.count_nonzero(predicted == true) / true.size)


def top_k_accuracy(output: Any, target: Any, k: int = 5) -> float:
    """Share of samples whose class is among the `k` with the largest logits; of equal ones the first count.

    Examples
    --------
    >>> top_k_accuracy([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]], [1, 0], k=2)
    0.5
    """
    k = Hyper(low=1, kind="int").check("top_k_accuracy", "k", k)
    output = np.asarray(host(output))
    _, true, n = classes_of(output, target)
    if output.ndim < 2 or output.shape[1] != n:
        raise ShapeError(f"top_k_accuracy: outputs of shape {output.shape}", "it needs a logit for each class")
    logits = np.moveaxis(output, 1, -1).reshape(-1, n)
    own = logits[np.arange(len(true)), true][:, None]
    before = (logits > own) | ((logits == own) & (np.arange(n) < true[:, None]))
    return float(np.mean(before.sum(1) < k))


@metric("classification")
def top_5_accuracy(output: Any, target: Any) -> float:
    """`top_k_accuracy` for `k` = 5."""
    return top_k_accuracy(output, target, 5)


_AVERAGE = Hyper("macro", kind="choice", choices=("macro", "micro", "weighted"), none=True)


def _averaged(owner: str, average: str | None, output: Any, target: Any, rate: Callable[..., np.ndarray]) -> Any:
    """``rate(right, predicted, true)`` per class, put together."""
    average = _AVERAGE.check(owner, "average", average)
    counts = confusion_counts(output, target)
    right, predicted, true = np.diag(counts), counts.sum(0), counts.sum(1)
    if average == "micro":
        return float(rate(right.sum(), predicted.sum(), true.sum()))
    values = rate(right, predicted, true)
    if average is None:
        return values
    return float(values.mean() if average == "macro" else (values * true).sum() / true.sum())


@metric("classification")
def precision(output: Any, target: Any, average: str | None = "macro") -> Any:
    """Of the samples taken for a class, the share that is of it.

    Parameters
    ----------
    output, target : array
    average : {"macro", "micro", "weighted", None}
        Mean over the classes; over the samples; over the classes, weighted by their samples; or one value per class.

    Examples
    --------
    >>> precision([0, 1, 1, 1], [0, 0, 1, 1], average=None).round(3).tolist()
    [1.0, 0.667]
    """
    return _averaged("precision", average, output, target, lambda right, predicted, true: _share(right, predicted))


@metric("classification")
def recall(output: Any, target: Any, average: str | None = "macro") -> Any:
    """Of the samples of a class, the share that was taken for it; averages as in `precision`.

    Examples
    --------
    >>> recall([0, 1, 1, 1], [0, 0, 1, 1], average=None).tolist()
    [0.5, 1.0]
    """
    return _averaged("recall", average, output, target, lambda right, predicted, true: _share(right, true))


@metric("classification")
def f1(output: Any, target: Any, average: str | None = "macro") -> Any:
    """Harmonic mean of precision and recall; averages as in `precision`.

    Examples
    --------
    >>> round(f1([0, 1, 1, 1], [0, 0, 1, 1]), 4)
    0.7333
    """
    return _averaged("f1", average, output, target, lambda right, predicted, true: _share(2 * right, predicted + true))


# -- regression -----------------------------------------------------------------------------------------


def _columns(name: str, output: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and targets as float64 of shape (n, k)."""
    output, target = np.asarray(host(output), float), np.asarray(host(target), float)
    if output.shape != target.shape:
        raise ShapeError(f"{name}: outputs of shape {output.shape} and targets of shape {target.shape} differ")
    if not output.size:
        raise EmptyError(f"{name}: outputs of 0 samples", None, "at least one sample")
    return output.reshape(len(output), -1) if output.ndim else output.reshape(1, 1), target.reshape(
        len(target) if target.ndim else 1, -1
    )


@metric("regression", "min")
def mse(output: Any, target: Any) -> float:
    """Mean squared error."""
    y, t = _columns("mse", output, target)
    return float(np.mean((y - t) ** 2))


@metric("regression", "min")
def rmse(output: Any, target: Any) -> float:
    """Root of the mean squared error, over all columns."""
    y, t = _columns("rmse", output, target)
    return float(np.sqrt(np.mean((y - t) ** 2)))


@metric("regression", "min")
def mae(output: Any, target: Any) -> float:
    """Mean absolute error."""
    y, t = _columns("mae", output, target)
    return float(np.mean(np.abs(y - t)))


def _explained(rest: np.ndarray, total: np.ndarray) -> float:
    """``1 - rest / total`` per column, averaged; of a constant target 1 when nothing is left, else 0."""
    constant = np.where(rest == 0, 1.0, 0.0)
    return float(np.mean(np.where(total == 0, constant, 1 - rest / np.where(total == 0, 1.0, total))))


@metric("regression")
def r2(output: Any, target: Any) -> float:
    """Coefficient of determination: 1 is perfect, 0 as good as the mean of the targets.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).__round__(4)
    0.7857
    """
    y, t = _columns("r2", output, target)
    return _explained(((t - y) ** 2).sum(0), ((t - t.mean(0)) ** 2).sum(0))


@metric("regression")
def explained_variance(output: Any, target: Any) -> float:
    """As `r2`, but an error that is the same everywhere costs nothing."""
    y, t = _columns("explained_variance", output, target)
    return _explained((t - y).var(0), t.var(0))
