"""Learning rates during a training: from a pure function of the step, or from a scheduler that keeps count."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torchlean_nb.errors import CheckpointError, HyperparameterError, HyperparameterTypeError, TorchLeanError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.schedules import Schedule, constant
from torchlean_nb.schedules.lr_scheduler import ReduceLROnPlateau, ReduceOnPlateau
from torchlean_nb.train.configs import rate_at

_PER = Hyper(kind="choice", choices=("step", "epoch"), none=True)
_PLATEAUS = (ReduceLROnPlateau, ReduceOnPlateau)
_HINT = "tl.schedules.cosine(0.1, total=1000), or lambda opt: tl.optim.lr_scheduler.StepLR(opt, 30)"


class Rates:
    """The schedule of one optimizer.

    Parameters
    ----------
    what : None, number, callable or scheduler
        A function ``step -> lr``; a function of the optimizer that makes a scheduler, or its class; a scheduler of
        this optimizer.
    optimizer : Optimizer
    per : {"step", "epoch"}, optional
        What is counted; by default epochs for what looks at a metric, else steps.

    Raises
    ------
    HyperparameterError, HyperparameterTypeError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.SGD({"w": [1.0]}, lr=0.5)
    >>> rates = Rates(lambda step: 0.1 * (step + 1), opt)
    >>> rates.before(step=1, epoch=0)
    >>> rates.lr
    0.2
    """

    def __init__(self, what: Any, optimizer: Any, per: str | None = None):
        per = _PER.check("Trainer", "schedule_per", per)
        self.optimizer = optimizer
        self.pure, self.scheduler = _read(what, optimizer)
        if self.pure is not None and any("lr" not in g for g in optimizer.param_groups):
            name = type(optimizer).__name__
            raise HyperparameterError(f"schedule: {name} has no learning rate", None, "schedule=None")
        self.looks = isinstance(self.scheduler, _PLATEAUS)
        self.per = per or ("epoch" if self.looks else "step")

    @property
    def lr(self) -> float:
        """Rate of the first group, NaN where there is none."""
        return float(self.optimizer.param_groups[0].get("lr", math.nan))

    def before(self, step: int, epoch: int) -> None:
        """Write the rate of an update into the groups."""
        if self.pure is not None:
            lr = rate_at(self.pure, step if self.per == "step" else epoch)
            for group in self.optimizer.param_groups:
                group["lr"] = lr

    def after(self, event: str, metric: float) -> None:
        """Let the scheduler know that a step or an epoch is over; one that looks at a metric is told no NaN."""
        if self.scheduler is not None and event == self.per and not (self.looks and math.isnan(metric)):
            self.scheduler.step(*((metric,) if self.looks else ()))

    # -- state -------------------------------------------------------------------------------
    def parts(self) -> list[Any]:
        """The scheduler and those it is made of."""
        return [] if self.scheduler is None else _below(self.scheduler)

    def state_dict(self) -> Any:
        """State of the scheduler; a function of the step has none."""
        return None if self.scheduler is None else self.scheduler.state_dict()

    def load_state_dict(self, state: Any) -> None:
        """Continue from a state.

        Raises
        ------
        CheckpointError
        """
        if (state is None) != (self.scheduler is None):
            have, got = ("no scheduler", "one") if self.scheduler is None else ("a scheduler", "none")
            raise CheckpointError(f"Trainer: it has {have}, the state {got}", None, "the schedule of the saved run")
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state)

    def __repr__(self) -> str:
        if self.scheduler is not None:
            return type(self.scheduler).__name__
        shown = repr(self.pure) if isinstance(self.pure, Schedule) else getattr(self.pure, "__name__", "a function")
        return "constant" if self.pure is None else shown


def _below(scheduler: Any) -> list[Any]:
    return [scheduler, *(p for s in getattr(scheduler, "schedulers", ()) for p in _below(s))]


def _read(what: Any, optimizer: Any) -> tuple[Callable[[int], Any] | None, Any]:
    """A pure function or a scheduler."""
    if what is None or isinstance(what, Schedule):
        return what, None
    if isinstance(what, int | float) and not isinstance(what, bool):
        return constant(what), None
    if _is_scheduler(what):
        if what.optimizer is not optimizer:
            raise HyperparameterError(
                "schedule: this scheduler drives another optimizer", "the Trainer makes its own",
                "lambda opt: tl.optim.lr_scheduler.StepLR(opt, 30)",
            )
        return None, what
    if not callable(what):
        kind = type(what).__name__
        raise HyperparameterTypeError(f"schedule={quote(what)} is a {kind}", "a function step -> lr", _HINT)
    if not isinstance(what, type) and _is_number(what):
        return what, None
    try:
        made = what(optimizer)
    except TypeError as e:
        if not isinstance(what, type):
            raise
        raise HyperparameterTypeError(
            f"schedule: {what.__name__} needs more than the optimizer", str(e),
            f"lambda opt: tl.optim.lr_scheduler.{what.__name__}(opt, ...)",
        ) from e
    if not _is_scheduler(made):
        raise HyperparameterTypeError(
            f"schedule: {quote(what, 60)} gives neither a learning rate for step 0 nor a scheduler for an optimizer",
            f"it gave {quote(made, 60)}", _HINT,
        )
    return None, made


def _is_scheduler(what: Any) -> bool:
    return not isinstance(what, type) and hasattr(what, "get_last_lr") and hasattr(what, "load_state_dict")


def _is_number(f: Callable[..., Any]) -> bool:
    """Whether it takes a step. A function of an optimizer fails on the 0, in whatever way."""
    try:
        return isinstance(float(f(0)), float)
    except TorchLeanError as e:
        if isinstance(e, HyperparameterTypeError):
            return False
        raise
    except (TypeError, AttributeError):
        return False
