"""Losses by name: what they compare, what they predict, and how a target is brought into their form.

Each is written with ops, so it runs on Tensors, which record it, and on plain arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from torchlean_nb import nn
from torchlean_nb.backend.devices import host
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.errors import (
    CapabilityError,
    DataError,
    DTypeError,
    HandleTypeError,
    ShapeError,
    UnknownNameError,
    did_you_mean,
    quote,
)
from torchlean_nb.ops.classify import cross_entropy, nll_loss
from torchlean_nb.ops.loss import bce, bce_with_logits, hinge, huber_loss, kl_div, l1_loss, mse_loss

KINDS = ("regression", "classification", "custom")


def as_column(output: Any, target: Any) -> Any:
    """Target as floats in the shape of the output: one number per row meets an output with one column."""
    if isinstance(target, Ref):
        return target
    target = _numbers(target).astype(output.dtype, copy=False)
    return target[..., None] if output.shape == (*target.shape, 1) else target


def as_labels(output: Any, target: Any) -> Any:
    """Target as integer labels, or as probabilities where it has the shape of the output (one-hot).

    Raises
    ------
    DataError
        For a label that is not whole.
    """
    if isinstance(target, Ref):
        return target
    target = _numbers(target)
    if target.shape == output.shape:
        return target.astype(output.dtype, copy=False)
    if target.shape == (*output.shape[:1], 1):
        target = target[:, 0]
    if target.dtype.kind in "fb":
        with np.errstate(invalid="ignore"):
            whole = target.astype(np.int64)
        wrong = np.argwhere(whole != target)
        if len(wrong):
            raise DataError(f"labels: expected an integer class label, got {target[tuple(wrong[0])]}")
        return whole
    return target


def _numbers(target: Any) -> np.ndarray:
    try:
        a = np.asarray(host(target))
    except ValueError:
        raise ShapeError("target: its rows differ in length") from None
    if a.dtype.kind not in "fiub":
        raise DTypeError(
            f"target: dtype {a.dtype.name} cannot be compared with an output", None, "numbers; 0, 1, 2, ... for classes"
        )
    return a


@dataclass(frozen=True)
class Loss:
    """A loss: callable as ``loss(output, target)``, a scalar.

    Parameters
    ----------
    name : str
    f : callable
    kind : {"regression", "classification", "custom"}
    prepare : callable or None
        ``prepare(output, target)`` brings a target into the form that `f` takes.
    cuts : (float, float) or None
        Of two classes told apart by one number: above which output, and above which target, the second begins.
        None when the largest output wins.

    Examples
    --------
    >>> LOSSES["mse"]([[1.0], [2.0]], [1.0, 4.0]).item()
    2.0
    >>> one, two = LOSSES["cross_entropy"]([[2.0, 0.0]], [0]), LOSSES["cross_entropy"]([[2.0, 0.0]], [[1, 0]])
    >>> round(one.item(), 12) == round(two.item(), 12)
    True
    """

    name: str
    f: Callable[..., Any]
    kind: str = "custom"
    prepare: Callable[[Any, Any], Any] | None = None
    cuts: tuple[float, float] | None = None

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss, of Tensors or of arrays."""
        if self.prepare is None:
            return self.f(output, target)
        output = output if hasattr(output, "dtype") else np.asarray(output, dtype=float)
        return self.f(output, self.prepare(output, target))

    def with_options(self, **options: Any) -> Loss:
        """The same loss with options of its op: ``LOSSES["huber"].with_options(delta=2.0)``."""
        return replace(self, f=partial(self.f, **options))

    def classes(self, output: np.ndarray) -> np.ndarray | None:
        """Predicted classes: by the cut, or the largest output, the first of several; None of no classes.

        Raises
        ------
        CapabilityError
            When the output is one number per row and no cut tells classes apart.
        """
        if self.cuts:
            return _above(output, self.cuts[0])
        axis = min(output.ndim - 1, 1)
        if output.ndim == 0 or (output.shape[axis] == 1 and self.kind != "classification"):
            raise CapabilityError(
                f"{self.name}: an output of shape {output.shape} names no class", None, "tl.train.classifier(model)"
            )
        return np.argmax(output, axis) if output.shape[axis] else None

    def true_classes(self, output: np.ndarray, target: Any) -> np.ndarray:
        """Classes that a target means: labels, or the largest entry of a one-hot row."""
        if self.cuts:
            return _above(as_column(output, target), self.cuts[1])
        target = as_labels(output, target)
        return np.argmax(target, min(output.ndim - 1, 1)) if target.shape == output.shape else target


def _above(numbers: np.ndarray, cut: float) -> np.ndarray:
    above = (numbers > cut).astype(np.int64)
    return above[..., 0] if above.ndim and above.shape[-1] == 1 else above


def _rows(*rows: Loss) -> dict[str, Loss]:
    return {row.name: row for row in rows}


LOSSES = _rows(
    Loss("mse", mse_loss, "regression", as_column),
    Loss("l1", l1_loss, "regression", as_column),
    Loss("huber", huber_loss, "regression", as_column),
    Loss("cross_entropy", cross_entropy, "classification", as_labels),
    Loss("nll", nll_loss, "classification", as_labels),
    Loss("bce_with_logits", bce_with_logits, "classification", as_column, (0.0, 0.5)),
    Loss("bce", bce, "classification", as_column, (0.5, 0.5)),
    Loss("hinge", hinge, "classification", as_column, (0.0, 0.0)),
    Loss("kl_div", partial(kl_div, reduction="batchmean"), "custom", as_column),
)


# PyTorch's objects, which bring options of their own.
_CRITERIA = {
    nn.MSELoss: "mse", nn.L1Loss: "l1", nn.HuberLoss: "huber", nn.SmoothL1Loss: "huber", nn.NLLLoss: "nll",
    nn.CrossEntropyLoss: "cross_entropy", nn.BCELoss: "bce", nn.BCEWithLogitsLoss: "bce_with_logits",
    nn.KLDivLoss: "kl_div",
}  # fmt: skip


def find_loss(what: Any) -> Loss:
    """The loss of a name, of an op such as ``tl.mse_loss``, of a ``tl.nn.MSELoss()``, or of a function.

    Raises
    ------
    UnknownNameError, HandleTypeError
    """
    if isinstance(what, Loss):
        return what
    if isinstance(what, str):
        if what not in LOSSES:
            raise UnknownNameError(f"no loss named {quote(what)}", did_you_mean(what, LOSSES))
        return LOSSES[what]
    if not callable(what):
        raise HandleTypeError(
            f"loss: {quote(what, 40)} is a {type(what).__name__}", None, "a name, or a function of output and target"
        )
    if isinstance(what, type):
        raise HandleTypeError(f"loss: {what.__name__} is a class", None, f"an object of it: {what.__name__}()")
    if type(what) in _CRITERIA:
        return replace(LOSSES[_CRITERIA[type(what)]], f=what)
    known = next((row for row in LOSSES.values() if row.f is what), None)
    return known or Loss(getattr(what, "__name__", type(what).__name__), what)
