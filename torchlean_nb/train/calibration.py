"""Metrics of probabilities: whether they order the samples, and are as sure as they are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import DataError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.train.metrics import classes_of, metric

_BINS = Hyper(15, low=1, kind="int")


def probabilities(output: Any) -> np.ndarray:
    """Probabilities of shape (n, classes) from logits: softmax, or the sigmoid of one logit per sample.

    Examples
    --------
    >>> probabilities([[0.0, 0.0]]).tolist(), probabilities([0.0]).tolist()
    ([[0.5, 0.5]], [[0.5, 0.5]])
    """
    z = np.asarray(host(output), float)
    if z.ndim < 2 or z.shape[1] == 1:
        z = np.stack([np.zeros(z.size), z.ravel()], 1)
    z = np.moveaxis(z, 1, -1).reshape(-1, z.shape[1])
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often samples of a confidence are right, bin by bin.

    Attributes
    ----------
    edges : array, shape (bins + 1,)
    counts : array, shape (bins,)
        Samples whose confidence is in ``(edges[i], edges[i + 1]]``; 0 belongs to the first.
    confidence, accuracy : array, shape (bins,)
        Means over the samples of a bin; NaN where there are none.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of accuracy and confidence, weighted by the counts."""
        gap = np.abs(self.accuracy - self.confidence)[self.counts > 0]
        return float((gap * self.counts[self.counts > 0]).sum() / self.counts.sum())


def reliability(output: Any, target: Any, bins: int = 15) -> Reliability:
    """Reliability curve of a classifier's predicted classes, with bins of equal width.

    References
    ----------
    Naeini, Cooper and Hauskrecht 2015, AAAI; Guo et al. 2017, arXiv 1706.04599.

    Examples
    --------
    >>> reliability([[0.0, 9.0], [0.0, 9.0]], [1, 0], bins=2).accuracy.tolist()
    [nan, 0.5]
    """
    bins = _BINS.check("reliability", "bins", bins)
    predicted, true, n = classes_of(output, target)
    p = probabilities(output)
    if p.shape != (len(true), n):
        raise ShapeError(f"reliability: outputs of shape {np.shape(host(output))}", "it needs a logit for each class")
    sure = p[np.arange(len(p)), predicted]
    edges = np.linspace(0.0, 1.0, bins + 1)
    at = np.searchsorted(edges[1:-1], sure)
    counts = np.bincount(at, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(at, w, bins) / counts for w in (sure, predicted == true)]
    return Reliability(edges, counts, *means)


@metric("classification", "min")
def calibration_error(output: Any, target: Any, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from accuracy, on average.

    Examples
    --------
    >>> round(calibration_error([[0.0, 99.0], [0.0, 99.0]], [1, 0]), 6)
    0.5
    """
    return reliability(output, target, bins).error


@metric("classification")
def auc(output: Any, target: Any) -> float:
    """Area under the ROC curve: the chance that a sample of a class scores higher than one that is not of it.

    With more than two classes, the mean over the classes, each against the rest (by probability).

    Raises
    ------
    DataError
        When a class has no sample, or all of them.

    References
    ----------
    Hanley and McNeil 1982, Radiology 143(1).

    Examples
    --------
    >>> auc([[0.0, 0.1], [0.0, 0.4], [0.0, 0.35], [0.0, 0.8]], [0, 0, 1, 1])
    0.75
    """
    _, true, n = classes_of(output, target)
    p = probabilities(output)
    if p.shape != (len(true), n):
        raise ShapeError(f"auc: outputs of shape {np.shape(host(output))}", "it needs a logit for each class")
    if n == 2:
        logits = np.asarray(host(output), float).reshape(len(true), -1)  # probabilities round large logits to 1
        return _area(logits[:, -1] - (logits[:, 0] if logits.shape[1] == 2 else 0.0), true == 1)
    return float(np.mean([_area(p[:, k], true == k) for k in range(n)]))


def _area(score: np.ndarray, own: np.ndarray) -> float:
    """Rank statistic of Mann and Whitney; equal scores count one half."""
    inside = int(own.sum())
    outside = len(own) - inside
    if not inside or not outside:
        raise DataError("auc: a class has no samples, or all of them", "there is nothing to rank", "more samples")
    _, at, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[at]
    return float((rank[own].sum() - inside * (inside + 1) / 2) / (inside * outside))
