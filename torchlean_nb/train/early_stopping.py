"""Early stopping: when a number has not become better for a while, training ends at its best point."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import CheckpointError, HyperparameterError, UnknownNameError, did_you_mean, quote
from torchlean_nb.hypers import Hyper

_PATIENCE = Hyper(3, low=0, kind="int")
_DELTA = Hyper(0.0, low=0.0)
_MODE = Hyper("auto", kind="choice", choices=("auto", "min", "max"))


class Best(NamedTuple):
    """How it stands: the best value, its step and arrays, and how many looks since were no better."""

    value: float | None = None
    step: int = -1
    bad: int = 0
    arrays: Mapping[str, np.ndarray] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        arrays = None if self.arrays is None else {k: np.array(host(a)) for k, a in self.arrays.items()}
        return {"value": self.value, "step": self.step, "bad": self.bad, "arrays": arrays}

    @classmethod
    def from_dict(cls, d: Any, like: Mapping[str, np.ndarray], finite: bool = True) -> Best:
        """Back from plain data; the arrays are to be like those of a model, and finite unless told.

        Raises
        ------
        CheckpointError
        """
        if not isinstance(d, Mapping) or set(d) != set(cls._fields):
            raise CheckpointError("early stopping: this is not its state", f"expected {', '.join(cls._fields)}")
        value, arrays = d["value"], d["arrays"]
        numbers = isinstance(value, float | None) and value == value
        if any(type(d[k]) is not int for k in ("step", "bad")) or not numbers:
            raise CheckpointError("early stopping: step, bad and value of its state are no numbers")
        if arrays is not None:
            if not isinstance(arrays, Mapping) or set(arrays) != set(like):
                raise CheckpointError("early stopping: the best parameters have other names than the model's")
            arrays = {k: np.array(arrays[k]) for k in like}
            for k, a in arrays.items():
                if a.shape != like[k].shape or a.dtype != like[k].dtype:
                    raise CheckpointError(
                        f"early stopping: the best {quote(k)} has shape {a.shape} and dtype {a.dtype}",
                        f"the model's has {like[k].shape} and {like[k].dtype}",
                    )
                if finite and not np.isfinite(a).all():
                    raise CheckpointError(f"early stopping: the best {quote(k)} holds an inf or NaN")
                a.setflags(write=False)
        return cls(value, d["step"], d["bad"], arrays)


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when a number was no better for more than `patience` looks in a row.

    It is looked at after every validation, without one at the end of every epoch.

    Parameters
    ----------
    patience : int
    min_delta : float
        By how much a value must beat the best one to count as better.
    monitor : str, optional
        ``"val_loss"`` (where there is validation), ``"epoch_loss"``, or a metric such as ``"val_accuracy"``.
    mode : {"auto", "min", "max"}
        Which way is better; "auto" knows the metrics of the table, and takes everything else for a loss.
    restore_best : bool
        Whether parameters and buffers go back, bit for bit, to where the number was best.

    Examples
    --------
    >>> stopping = EarlyStopping(patience=1)
    >>> state = Best()
    >>> for step, loss in enumerate([3.0, 2.0, 2.5, 2.5]):
    ...     state = stopping.look(state, loss, step, "min", dict)
    >>> state.value, state.step, stopping.is_over(state)
    (2.0, 1, True)
    """

    patience: int = 3
    min_delta: float = 0.0
    monitor: str | None = None
    mode: str = "auto"
    restore_best: bool = True

    def __post_init__(self) -> None:
        owner = type(self).__name__
        _PATIENCE.check(owner, "patience", self.patience)
        _DELTA.check(owner, "min_delta", self.min_delta)
        _MODE.check(owner, "mode", self.mode)
        if not isinstance(self.monitor, str | None):
            raise HyperparameterError(f"{owner}: monitor={quote(self.monitor)}", "it must be a name or None")

    def watched(self, values: Mapping[str, float]) -> str:
        """Name of the number that is looked at.

        Raises
        ------
        UnknownNameError
            When it is not measured.
        """
        if self.monitor is None:
            return "val_loss" if "val_loss" in values else "epoch_loss"
        if self.monitor not in values:
            raise UnknownNameError(
                f"EarlyStopping: monitor={quote(self.monitor)} is not measured", did_you_mean(self.monitor, values),
                "validation=0.2, metrics=[...] measure more",
            )
        return self.monitor

    def look(self, state: Best, value: float, step: int, mode: str, arrays: Any) -> Best:
        """State after one more value; a NaN is no better than anything. ``arrays()`` gives what to keep."""
        sign = 1 if mode == "min" else -1
        first = state.value is None and not math.isnan(value)
        if first or (state.value is not None and sign * value < sign * state.value - self.min_delta):
            return Best(value, step, 0, arrays() if self.restore_best else None)
        return state._replace(bad=state.bad + 1)

    def is_over(self, state: Best) -> bool:
        """Whether to stop."""
        return state.bad > self.patience


def stopping_of(what: Any) -> EarlyStopping | None:
    """Early stopping from a number of looks to be patient, or as it is."""
    return what if isinstance(what, EarlyStopping | None) else EarlyStopping(patience=what)
