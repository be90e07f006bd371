"""Groups of parameters with their options, and the schedules that move a group's learning rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torchlean_nb.errors import HyperparameterError


@dataclass(frozen=True)
class LRScheduler:
    """A schedule and the step it stands at; reading and advancing are separate and pure.

    Parameters
    ----------
    schedule : callable
        ``step -> learning rate``: any of ``tl.schedules``, or a function of your own.
    step : int
        0-based.

    Examples
    --------
    >>> s = LRScheduler(lambda k: 0.1 * 0.5**k)
    >>> s.lr(), s.advance().lr()
    (0.1, 0.05)
    """

    schedule: Callable[[int], float]
    step: int = 0

    def lr(self) -> float:
        """Learning rate at this step."""
        return float(self.schedule(self.step))

    def advance(self) -> LRScheduler:
        """The scheduler one step on."""
        return replace(self, step=self.step + 1)


@dataclass(frozen=True)
class ParamGroup:
    """Parameter ids with their options, TorchLean's defaults; one record serves all kinds."""

    params: tuple[int, ...]
    lr: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6
    rho: float = 0.9
    scheduler: LRScheduler | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(self.params))


def update_group_schedulers(groups: Sequence[ParamGroup]) -> tuple[ParamGroup, ...]:
    """Each group's rate read from its scheduler, which then advances: call k uses index k."""
    return tuple(
        g if g.scheduler is None else replace(g, lr=g.scheduler.lr(), scheduler=g.scheduler.advance()) for g in groups
    )


def group_map(groups: Sequence[ParamGroup]) -> dict[int, ParamGroup]:
    """Group of every id.

    Raises
    ------
    HyperparameterError
        When an id occurs twice, in one group or in two.
    """
    found: dict[int, ParamGroup] = {}
    for g in groups:
        for i in g.params:
            if i in found:
                raise HyperparameterError(f"optim: param id {i} appears in multiple groups")
            found[i] = g
    return found
