"""PyTorch's losses as objects: options once, then ``criterion(output, target)`` on Tensors or arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from torchlean_nb.backend.reading import read
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn.layer import flag, option
from torchlean_nb.ops.classify import cross_entropy, nll_loss
from torchlean_nb.ops.loss import bce, bce_with_logits, huber_loss, kl_div, l1_loss, mse_loss

_REDUCTIONS = ("mean", "sum", "none")


@dataclass(frozen=True)
class _Criterion:
    reduction: str = option(Hyper("mean", kind="choice", choices=_REDUCTIONS))

    def __post_init__(self) -> None:
        for f in fields(self):
            value = f.metadata["hyper"].check(type(self).__name__, f.name, getattr(self, f.name))
            object.__setattr__(self, f.name, value)

    @property
    def options(self) -> dict[str, Any]:
        """Options as the op takes them."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class MSELoss(_Criterion):
    """Mean of squared differences.

    Examples
    --------
    >>> MSELoss()([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss of an output for a target of the same shape."""
        return mse_loss(output, target, **self.options)


@dataclass(frozen=True)
class L1Loss(_Criterion):
    """Mean of absolute differences."""

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss of an output for a target of the same shape."""
        return l1_loss(output, target, **self.options)


@dataclass(frozen=True)
class HuberLoss(_Criterion):
    """Half the square of small differences, a line for larger ones than delta."""

    delta: float = option(Hyper(1.0, low=0.0, open_low=True))

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss of an output for a target of the same shape."""
        return huber_loss(output, target, **self.options)


@dataclass(frozen=True)
class SmoothL1Loss(_Criterion):
    """Huber's loss divided by its delta, which is called beta here; with beta 0 it is `L1Loss`."""

    beta: float = option(Hyper(1.0, low=0.0))

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss of an output for a target of the same shape."""
        if self.beta == 0:
            return l1_loss(output, target, reduction=self.reduction)
        return huber_loss(output, target, reduction=self.reduction, delta=self.beta) * (1 / self.beta)


@dataclass(frozen=True)
class CrossEntropyLoss(_Criterion):
    """Negative logarithm of the softmax at the class that is meant.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
    label_smoothing : float in [0, 1]
    weight : array, shape (c,), optional
        Of each class.
    ignore_index : int, optional
        A label that counts as none; in PyTorch it is -100 unless told.

    Examples
    --------
    >>> round(CrossEntropyLoss()([[0.0, 0.0, 0.0]], [1]).item(), 6)
    1.098612
    """

    label_smoothing: float = option(Hyper(0.0, low=0.0, high=1.0))
    weight: tuple[float, ...] | None = option(Hyper(None, kind="any", none=True))
    ignore_index: int | None = option(Hyper(None, kind="int", none=True))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight is not None:  # as numbers, so that criteria can be compared
            weight = read(self.weight, "CrossEntropyLoss: weight")
            object.__setattr__(self, "weight", tuple(float(w) for w in weight.ravel()))

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss of logits, shape (n, c, ...), for labels, shape (n, ...), or probabilities like the logits."""
        return cross_entropy(output, target, **self.options)


@dataclass(frozen=True)
class NLLLoss(_Criterion):
    """Negative log-probability of the class that is meant."""

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss of log-probabilities, shape (n, c, ...), for labels, shape (n, ...)."""
        return nll_loss(output, target, **self.options)


@dataclass(frozen=True)
class BCELoss(_Criterion):
    """Cross entropy of probabilities for two classes."""

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss of probabilities for targets in [0, 1] of the same shape."""
        return bce(output, target, **self.options)


@dataclass(frozen=True)
class BCEWithLogitsLoss(_Criterion):
    """Cross entropy of logits for two classes."""

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss of logits for targets in [0, 1] of the same shape."""
        return bce_with_logits(output, target, **self.options)


@dataclass(frozen=True)
class KLDivLoss(_Criterion):
    """Divergence of log-probabilities from probabilities; "batchmean" is what the mathematics says."""

    reduction: str = option(Hyper("mean", kind="choice", choices=(*_REDUCTIONS, "batchmean")))
    log_target: bool = flag(False)

    def __call__(self, output: Any, target: Any) -> Any:
        """The loss of log-probabilities for probabilities (or their logarithms) of the same shape."""
        return kl_div(output, target, **self.options)
