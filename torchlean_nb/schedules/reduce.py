"""optax's answer to a plateau: a small state machine, pure, and the scheduler that drives an optimizer with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from torchlean_nb.errors import CheckpointError, HyperparameterError, quote
from torchlean_nb.hypers import Hyper, check_all, nonnegative
from torchlean_nb.schedules.facade import checked_state, groups_of, number, whole

_HYPERS = {
    "factor": Hyper(0.1, r"\gamma", 0.0, 1.0, open_low=True, open_high=True),
    "patience": Hyper(10, "P", 1, kind="int"),
    "rtol": Hyper(1e-4, r"\rho", 0.0, 1.0),
    "atol": nonnegative(0.0, r"\alpha"),
    "cooldown": Hyper(0, "C", 0, kind="int"),
    "accumulation_size": Hyper(1, "A", 1, kind="int"),
    "min_scale": Hyper(0.0, r"s_{\min}", 0.0, 1.0),
}


@dataclass(frozen=True)
class PlateauState:
    """What the machine remembers: scale, best mean, and four counters of values and means."""

    scale: float = 1.0
    best_value: float = math.inf
    plateau_count: int = 0
    cooldown_count: int = 0
    count: int = 0
    avg_value: float = 0.0


@dataclass(frozen=True)
class reduce_on_plateau:
    r"""Scale times `factor` when `patience` means in a row were no better than the best one.

    A mean of `accumulation_size` values is better when it is below :math:`(1 - \rho)\,best - \alpha`. After a
    reduction `cooldown` means do not count. `ReduceLROnPlateau`, PyTorch's, waits for one more.

    Parameters
    ----------
    factor : float
        In (0, 1).
    patience, cooldown, accumulation_size : int
    rtol, atol : float
        Not both 0.
    min_scale : float

    Raises
    ------
    HyperparameterError, HyperparameterTypeError

    Examples
    --------
    >>> machine = reduce_on_plateau(factor=0.5, patience=2)
    >>> state = machine.init()
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     state = machine.update(state, loss)
    >>> state.scale, state.best_value
    (0.5, 2.0)
    """

    factor: float = 0.1
    patience: int = 10
    rtol: float = 1e-4
    atol: float = 0.0
    cooldown: int = 0
    accumulation_size: int = 1
    min_scale: float = 0.0

    def __post_init__(self) -> None:
        owner, given = type(self).__name__, {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in check_all(owner, _HYPERS, given).items():
            object.__setattr__(self, name, value)
        if self.rtol == self.atol == 0:
            raise HyperparameterError(f"{owner}: rtol=0 and atol=0", "one of them must be > 0")

    def init(self) -> PlateauState:
        """State before the first value."""
        return PlateauState()

    def update(self, state: PlateauState, value: Any) -> PlateauState:
        """State after one more value.

        Raises
        ------
        HyperparameterTypeError, NonFiniteError
            For what is no number, or a NaN, which is neither better nor worse.
        """
        value = number(type(self).__name__, "value", value)
        count = state.count + 1
        mean = (state.count * state.avg_value + value) / count
        if count < self.accumulation_size:
            return replace(state, count=count, avg_value=mean)
        better = mean < (1 - self.rtol) * state.best_value - self.atol
        waited = 0 if better else state.plateau_count + 1
        new = replace(state, best_value=mean if better else state.best_value, count=0, avg_value=0.0)
        if state.cooldown_count:
            return replace(new, plateau_count=0, cooldown_count=state.cooldown_count - 1)
        if waited < self.patience:
            return replace(new, plateau_count=waited)
        return replace(new, plateau_count=0, cooldown_count=self.cooldown,
                       scale=max(state.scale * self.factor, self.min_scale))  # fmt: skip


class ReduceOnPlateau:
    """The first rates of an optimizer times the scale of `reduce_on_plateau`.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> opt = SimpleNamespace(param_groups=[{"lr": 1.0}])
    >>> scheduler = ReduceOnPlateau(opt, factor=0.5, patience=1)
    >>> for loss in (3.0, 3.0):
    ...     scheduler.step(loss)
    >>> opt.param_groups[0]["lr"], scheduler.state.scale
    (0.5, 0.5)
    """

    def __init__(
        self, optimizer: Any, factor: float = 0.1, patience: int = 10, rtol: float = 1e-4, atol: float = 0.0,
        cooldown: int = 0, accumulation_size: int = 1, min_scale: float = 0.0,
    ):  # fmt: skip
        groups = groups_of(type(self).__name__, optimizer)
        self.machine = reduce_on_plateau(factor, patience, rtol, atol, cooldown, accumulation_size, min_scale)
        self.optimizer, self.last_epoch, self.state = optimizer, 0, self.machine.init()
        self.base_lrs = [float(g["lr"]) for g in groups]

    @whole
    def step(self, value: Any) -> None:
        """Take a value into account.

        Raises
        ------
        NonFiniteError
            For a NaN; nothing is changed.
        """
        self.state = self.machine.update(self.state, value)
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_last_lr(), strict=True):
            group["lr"] = lr

    def get_last_lr(self) -> list[float]:
        """The rates after the last step, one per group."""
        return [base * self.state.scale for base in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed scheduler needs, as plain data."""
        kept = asdict(self.state)
        kept["best_value"] = self.state.best_value if math.isfinite(self.state.best_value) else None
        return {"scheduler": type(self).__name__, "last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs),
                "state": kept, "hypers": asdict(self.machine)}  # fmt: skip

    @whole
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state.

        Raises
        ------
        CheckpointError
            When it is the state of another class or of other hyperparameters; nothing is changed.
        """
        owner, here = type(self).__name__, self.state_dict()
        state = checked_state(owner, state, set(here), len(self.base_lrs))
        kept = state["state"]
        if state["hypers"] != here["hypers"]:
            raise CheckpointError(f"{owner}: the state has other hyperparameters", quote(state["hypers"], 300))
        if not isinstance(kept, Mapping) or set(kept) != set(here["state"]):
            raise CheckpointError(f"{owner}: state={quote(kept, 300)}", f"must hold {', '.join(here['state'])}")
        kept = {k: v for k, v in kept.items() if k != "best_value" or v is not None}  # none yet: as it begins
        for f in fields(PlateauState):
            value, wanted = kept.get(f.name, 0), int if isinstance(f.default, int) else (int, float)
            good = isinstance(value, wanted) and type(value) is not bool and not math.isnan(value)
            if not good or (math.isinf(value) and f.name != "avg_value"):
                raise CheckpointError(f"{owner}: {f.name}={quote(value)} in the state")
        self.state, self.last_epoch = PlateauState(**kept), state["last_epoch"]
        self.base_lrs = list(state["base_lrs"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(step {self.last_epoch}, scale {self.state.scale})"
