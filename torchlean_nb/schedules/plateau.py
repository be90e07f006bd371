"""The one scheduler that is no function of the step: it looks at a metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_nb.errors import CheckpointError, quote
from torchlean_nb.hypers import REQUIRED, Hyper, check_all, nonnegative
from torchlean_nb.schedules.facade import checked_state, groups_of, number, per_group, whole

_HYPERS = {
    "mode": Hyper("min", kind="choice", choices=("min", "max")),
    "factor": Hyper(0.1, r"\gamma", 0.0, 1.0, open_low=True, open_high=True),
    "patience": Hyper(10, "P", 0, kind="int"),
    "threshold": nonnegative(1e-4, r"\tau"),
    "threshold_mode": Hyper("rel", kind="choice", choices=("rel", "abs")),
    "cooldown": Hyper(0, "C", 0, kind="int"),
    "eps": nonnegative(1e-8, r"\epsilon"),
}
_STATE = ("last_epoch", "best", "num_bad_epochs", "cooldown_counter")


class ReduceLROnPlateau:
    """Times `factor` after more than `patience` steps in which the metric was not better by `threshold`.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> opt = SimpleNamespace(param_groups=[{"lr": 1.0}])
    >>> scheduler = ReduceLROnPlateau(opt, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self, optimizer: Any, mode: str = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
        threshold_mode: str = "rel", cooldown: int = 0, min_lr: float | Sequence[float] = 0.0, eps: float = 1e-8,
    ):  # fmt: skip
        owner = type(self).__name__
        groups = groups_of(owner, optimizer)
        self.hypers = check_all(owner, _HYPERS, {
            "mode": mode, "factor": factor, "patience": patience, "threshold": threshold,
            "threshold_mode": threshold_mode, "cooldown": cooldown, "eps": eps,
        })  # fmt: skip
        rate = Hyper(REQUIRED, low=0.0)
        self.min_lrs = [rate.check(owner, "min_lr", m) for m in per_group(owner, "min_lr", min_lr, len(groups))]
        self.optimizer, self.last_epoch = optimizer, 0
        self.best = self._worst = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        self._last_lr = [float(g["lr"]) for g in groups]

    def _better(self, metric: float) -> bool:
        sign = 1 if self.hypers["mode"] == "min" else -1
        margin = self.hypers["threshold"]
        bar = self.best * (1 - sign * margin) if self.hypers["threshold_mode"] == "rel" else self.best - sign * margin
        return sign * metric < sign * bar

    @whole
    def step(self, metrics: Any) -> None:
        """Take a metric into account.

        Raises
        ------
        HyperparameterTypeError, NonFiniteError
            For what is no number, or a NaN, which would count as bad for ever; nothing is changed.
        """
        metric = number(type(self).__name__, "metric", metrics)
        self.last_epoch += 1
        if self._better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        groups = self.optimizer.param_groups
        if self.num_bad_epochs > self.hypers["patience"]:
            for group, low in zip(groups, self.min_lrs, strict=True):
                lr = max(group["lr"] * self.hypers["factor"], low)
                if group["lr"] - lr > self.hypers["eps"]:
                    group["lr"] = lr
            self.cooldown_counter, self.num_bad_epochs = self.hypers["cooldown"], 0
        self._last_lr = [float(g["lr"]) for g in groups]

    def get_last_lr(self) -> list[float]:
        """The rates after the last step, one per group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed scheduler needs, as plain data."""
        kept = {name: getattr(self, name) for name in _STATE}
        kept["best"] = self.best if math.isfinite(self.best) else None
        return {"scheduler": type(self).__name__, **kept, "last_lr": list(self._last_lr),
                "hypers": self.hypers | {"min_lrs": list(self.min_lrs)}}  # fmt: skip

    @whole
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state.

        Raises
        ------
        CheckpointError
            When it is the state of another class or of other hyperparameters; nothing is changed.
        """
        owner = type(self).__name__
        state = checked_state(owner, state, set(self.state_dict()), len(self.min_lrs))
        if state["hypers"] != self.state_dict()["hypers"]:
            raise CheckpointError(f"{owner}: the state has other hyperparameters", quote(state["hypers"], 300))
        best, counts = state["best"], (state["num_bad_epochs"], state["cooldown_counter"])
        good = best is None or (isinstance(best, int | float) and math.isfinite(best))
        if not good or not all(type(c) is int and c >= 0 for c in counts):
            raise CheckpointError(f"{owner}: best={quote(best)}, counters {counts} in the state")
        for name in _STATE:
            setattr(self, name, state[name])
        self.best = self._worst if best is None else best
        self._last_lr = list(state["last_lr"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(step {self.last_epoch}, best {self.best})"
