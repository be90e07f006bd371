"""PyTorch's schedulers by name, for anything with ``param_groups``.

Arguments, defaults and numbers are PyTorch's; hyperparameters are checked when a scheduler is made, and more
strictly. `ScheduleLR` does the same with any pure schedule, and `ReduceOnPlateau` is optax's.

Examples
--------
>>> from types import SimpleNamespace
>>> from torchlean_nb.schedules.lr_scheduler import StepLR
>>> opt = SimpleNamespace(param_groups=[{"lr": 1.0}])
>>> scheduler = StepLR(opt, step_size=2, gamma=0.5)
>>> for _ in range(3):
...     scheduler.step()
>>> scheduler.get_last_lr(), opt.param_groups[0]["lr"]
([0.5], 0.5)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torchlean_nb.errors import CheckpointError, HyperparameterError, HyperparameterTypeError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.schedules import cycles, decay, steps, waves
from torchlean_nb.schedules._row import Schedule
from torchlean_nb.schedules.combined import ChainedScheduler, SequentialLR
from torchlean_nb.schedules.facade import LRScheduler, groups_of, per_group, whole
from torchlean_nb.schedules.plateau import ReduceLROnPlateau
from torchlean_nb.schedules.reduce import ReduceOnPlateau

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "ReduceOnPlateau", "SWALR", "ScheduleLR", "SequentialLR", "StepLR",
]  # fmt: skip
Rate = float | Sequence[float]
Function = Callable[[int], float]


class _Plain(LRScheduler):
    """A row with the same hyperparameters for every group."""

    def _same(self, optimizer, last_epoch, row, names, floor="", unit=None, **given):
        n = len(groups_of(type(self).__name__, optimizer))
        self._start(optimizer, last_epoch, row, names, [dict(given)] * n, {"base": 1.0, **(unit or {})}, floor)


class ScheduleLR(LRScheduler):
    """The rates of a pure schedule, or of one per group, whatever they were before.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from torchlean_nb.schedules import warmup_linear
    >>> opt = SimpleNamespace(param_groups=[{"lr": 1.0}])
    >>> scheduler = ScheduleLR(opt, warmup_linear(0.5, warmup=2, total=6))
    >>> for _ in range(3):
    ...     scheduler.step()
    >>> opt.param_groups[0]["lr"]
    0.375
    """

    chains = False

    def __init__(self, optimizer: Any, schedule: Schedule | Sequence[Schedule], last_epoch: int = -1):
        owner = type(self).__name__
        groups = groups_of(owner, optimizer)
        self.schedules = per_group(owner, "schedule", schedule, len(groups))
        for s in self.schedules:
            if not isinstance(s, Schedule):
                raise HyperparameterTypeError(f"{owner}: schedule={quote(s)} is a {type(s).__name__}",
                                              "it must be a schedule; custom(f) makes one of a function")  # fmt: skip
        self.last_epoch = Hyper(kind="int", low=-1).check(owner, "last_epoch", last_epoch)
        self.optimizer, self.base_lrs = optimizer, [float(g.get("initial_lr", g["lr"])) for g in groups]
        self._enter()
        for group, base in zip(groups, self.base_lrs, strict=True):
            group.setdefault("initial_lr", base)

    def _hypers(self) -> list[dict[str, Any]]:
        return [_described(s) for s in self.schedules]

    def _rebased(self, bases: list[float]) -> list[Schedule]:
        return self.schedules


def _described(value: Any) -> Any:
    """A schedule as plain data, its functions left out."""
    if isinstance(value, Schedule):
        kept = {n: v for n, v in value.items if isinstance(v, Schedule) or not callable(v)}
        return {"schedule": value.name, **{n: _described(v) for n, v in kept.items()}}
    return [_described(v) for v in value] if isinstance(value, tuple) else value


class LambdaLR(LRScheduler):
    """The first rate times a function of the step, or one function per group."""

    chains = False

    def __init__(self, optimizer: Any, lr_lambda: Function | Sequence[Function], last_epoch: int = -1):
        n = len(groups_of(type(self).__name__, optimizer))
        given = [{"f": f} for f in per_group(type(self).__name__, "lr_lambda", lr_lambda, n)]
        self._start(optimizer, last_epoch, steps.lambda_, {"f": "lr_lambda"}, given)


class MultiplicativeLR(LRScheduler):
    """The rate of the step before times a function of the step."""

    closed = False

    def __init__(self, optimizer: Any, lr_lambda: Function | Sequence[Function], last_epoch: int = -1):
        n = len(groups_of(type(self).__name__, optimizer))
        given = [{"f": f} for f in per_group(type(self).__name__, "lr_lambda", lr_lambda, n)]
        self._start(optimizer, last_epoch, steps.multiplicative, {"f": "lr_lambda"}, given)

    def _enter(self) -> None:
        super()._enter()
        # The product of all factors so far is what is in the group; computing it again would cost k calls.
        self._owns = [False] * len(self.schedules)

    def _restart(self) -> None:
        # PyTorch leaves factor 0 out at the start of training, but not at a milestone.
        self._write(0, [lr * float(s.hypers["f"](0)) for s, lr in zip(self.schedules, self._found(), strict=True)])

    def _chain(self, i: int, lr: float, k: int) -> float:
        return lr * float(self.schedules[i].hypers["f"](k)) if k else lr


class StepLR(_Plain):
    """Times `gamma` every `step_size` steps."""

    late = True

    def __init__(self, optimizer: Any, step_size: int, gamma: float = 0.1, last_epoch: int = -1):
        self._same(optimizer, last_epoch, steps.step_decay, {"size": "step_size"}, size=step_size, gamma=gamma)


class MultiStepLR(_Plain):
    """Times `gamma` at every milestone."""

    late = True

    def __init__(self, optimizer: Any, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1):
        self._same(optimizer, last_epoch, steps.multistep, {}, milestones=milestones, gamma=gamma)


class ConstantLR(_Plain):
    """Times `factor` for the first `total_iters` steps."""

    late = True

    def __init__(self, optimizer: Any, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1):
        self._same(optimizer, last_epoch, steps.constant_factor, {"total": "total_iters"}, factor=factor,
                   total=total_iters)  # fmt: skip


class LinearLR(_Plain):
    """Factor from `start_factor` to `end_factor` in a straight line."""

    def __init__(
        self, optimizer: Any, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5,
        last_epoch: int = -1,
    ):  # fmt: skip
        self._same(optimizer, last_epoch, decay.linear_factor, {"total": "total_iters"}, start_factor=start_factor,
                   end_factor=end_factor, total=total_iters)  # fmt: skip


class ExponentialLR(_Plain):
    """Times `gamma` at every step."""

    def __init__(self, optimizer: Any, gamma: float, last_epoch: int = -1):
        self._same(optimizer, last_epoch, decay.exponential_decay, {}, gamma=gamma)


class PolynomialLR(_Plain):
    """To 0 along a power of what is left."""

    def __init__(self, optimizer: Any, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1):
        self._same(optimizer, last_epoch, decay.polynomial, {"total": "total_iters"}, total=total_iters, power=power)


class CosineAnnealingLR(_Plain):
    """Along a cosine to `eta_min`, and back up after `T_max`."""

    def __init__(self, optimizer: Any, T_max: int, eta_min: float = 0.0, last_epoch: int = -1):
        self._same(optimizer, last_epoch, waves.cosine_annealing, {"total": "T_max", "minimum": "eta_min"},
                   floor="minimum", unit={"minimum": 0.0}, total=T_max, minimum=eta_min)  # fmt: skip


class CosineAnnealingWarmRestarts(_Plain):
    """Half a cosine again and again; `step` takes a step of one's own, also a fraction."""

    chains = False

    def __init__(self, optimizer: Any, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1):
        self._same(optimizer, last_epoch, waves.warm_restarts,
                   {"period": "T_0", "factor": "T_mult", "minimum": "eta_min"},
                   period=T_0, factor=T_mult, minimum=eta_min)  # fmt: skip

    @whole
    def step(self, epoch: float | None = None) -> None:
        """Go to the next step, or to this one."""
        if epoch is not None:
            Hyper(low=0.0).check(type(self).__name__, "epoch", epoch)
        at = self._at + 1 if epoch is None else epoch
        self._write(at, [s(at) for s in self.schedules])
        self._at = at

    def _write(self, epoch: Any, values: list[float]) -> None:
        super()._write(epoch, values)
        self._at = epoch

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed scheduler needs, the fraction of the step too."""
        return super().state_dict() | {"at": self._at}

    @whole
    def load_state_dict(self, state: Any) -> None:
        """Continue from a state."""
        at = state.get("at", 0) if isinstance(state, Mapping) else 0
        if type(at) not in (int, float) or not 0 <= at < math.inf:
            raise CheckpointError(f"{type(self).__name__}: at={quote(at)} in the state")
        super().load_state_dict(state)
        self._at = state["at"]


class SWALR(LRScheduler):
    """To `swa_lr` in `anneal_epochs` steps, from wherever the rate is."""

    closed = False

    def __init__(
        self, optimizer: Any, swa_lr: Rate, anneal_epochs: int = 10, anneal_strategy: str = "cos", last_epoch: int = -1
    ):
        owner = type(self).__name__
        targets = per_group(owner, "swa_lr", swa_lr, len(groups_of(owner, optimizer)))
        given = [{"target": t, "total": anneal_epochs, "way": anneal_strategy} for t in targets]
        names = {"target": "swa_lr", "total": "anneal_epochs", "way": "anneal_strategy"}
        self._start(optimizer, last_epoch, waves.swa, names, given, {"base": 1.0, "target": 0.0}, "target")

    def _chain(self, i: int, lr: float, k: int) -> float:
        past = k and not self._factors[i](k - 1)
        return self._floors[i] if past else super()._chain(i, lr, k)


class _Momentum(LRScheduler):
    """A rate that overwrites, and a momentum or first beta that mirrors it."""

    chains = False

    def _momenta(self, row: Any, names: dict[str, str], given: list[dict[str, Any]]) -> list[Schedule]:
        return [row.make(g, type(self).__name__, names) for g in given]

    def _cycles_momentum(self, optimizer: Any, wanted: bool) -> bool:
        owner = type(self).__name__
        groups = groups_of(owner, optimizer)
        if Hyper(kind="bool").check(owner, "cycle_momentum", wanted):
            for g in groups:
                if "momentum" not in g and "betas" not in g:
                    raise HyperparameterError(f"{owner}: cycle_momentum=True, but a group has no momentum and no betas",
                                              "cycle_momentum=False leaves it alone")  # fmt: skip
        return wanted

    def _write(self, epoch: Any, values: list[float]) -> None:
        momenta = [s(math.floor(epoch)) for s in self.momenta]
        super()._write(epoch, values)
        for group, m in zip(self.optimizer.param_groups, momenta, strict=bool(momenta)):
            if "betas" in group:
                group["betas"] = (m, *group["betas"][1:])
            else:
                group["momentum"] = m


class CyclicLR(_Momentum):
    """Triangles between `base_lr` and `max_lr`; momentum is low where the rate is high."""

    def __init__(
        self, optimizer: Any, base_lr: Rate, max_lr: Rate, step_size_up: int = 2000, step_size_down: int | None = None,
        mode: str = "triangular", gamma: float = 1.0, scale_fn: Function | None = None, scale_mode: str = "cycle",
        cycle_momentum: bool = True, base_momentum: Rate = 0.8, max_momentum: Rate = 0.9, last_epoch: int = -1,
    ):  # fmt: skip
        owner = type(self).__name__
        n = len(groups_of(owner, optimizer))
        names = {"base": "base_lr", "maximum": "max_lr", "low": "base_momentum", "high": "max_momentum",
                 "up": "step_size_up", "down": "step_size_down", "scale": "scale_fn", "scale_by": "scale_mode"}
        shared = {"up": step_size_up, "down": step_size_down, "mode": mode, "gamma": gamma, "scale": scale_fn,
                  "scale_by": scale_mode}  # fmt: skip
        ends = [per_group(owner, *v, n) for v in (("base_lr", base_lr), ("max_lr", max_lr),
                                                  ("base_momentum", base_momentum), ("max_momentum", max_momentum))]
        rates = [{"base": a, "maximum": b, **shared} for a, b in zip(*ends[:2], strict=True)]
        beats = [{"low": a, "high": b, **shared} for a, b in zip(*ends[2:], strict=True)]
        wanted = self._cycles_momentum(optimizer, cycle_momentum)
        self.momenta = self._momenta(cycles.cyclic_momentum, names, beats) if wanted else []
        self._start(optimizer, last_epoch, cycles.cyclic, names, rates)


class OneCycleLR(_Momentum):
    """Up to `max_lr` and down to almost nothing in `total_steps`; momentum is low where the rate is high.

    The step after the last one keeps the last rate; a further one is an error.
    """

    def __init__(
        self, optimizer: Any, max_lr: Rate, total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos",
        cycle_momentum: bool = True, base_momentum: Rate = 0.85, max_momentum: Rate = 0.95, div_factor: float = 25.0,
        final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ):  # fmt: skip
        owner = type(self).__name__
        groups = groups_of(owner, optimizer)
        if total_steps is None:
            counts = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
            if None in counts.values():
                raise HyperparameterError(f"{owner}: total_steps is missing", "or give epochs and steps_per_epoch")
            whole = Hyper(kind="int", low=1)
            total_steps = math.prod(whole.check(owner, name, v) for name, v in counts.items())
        names = {"maximum": "max_lr", "low": "base_momentum", "high": "max_momentum", "total": "total_steps",
                 "pct": "pct_start", "way": "anneal_strategy", "div": "div_factor", "final_div": "final_div_factor"}
        shared = {"total": total_steps, "pct": pct_start, "way": anneal_strategy, "three_phase": three_phase}
        tops, lows, highs = (per_group(owner, *v, len(groups)) for v in (
            ("max_lr", max_lr), ("base_momentum", base_momentum), ("max_momentum", max_momentum)))  # fmt: skip
        rates = [{"maximum": m, "div": div_factor, "final_div": final_div_factor, **shared} for m in tops]
        beats = [{"low": a, "high": b, **shared} for a, b in zip(lows, highs, strict=True)]
        wanted = self._cycles_momentum(optimizer, cycle_momentum)
        self.momenta = self._momenta(cycles.one_cycle_momentum, names, beats) if wanted else []
        self.total_steps = total_steps
        self._start(optimizer, last_epoch, cycles.one_cycle_lr, names, rates)

    def _write(self, epoch: Any, values: list[float]) -> None:
        if epoch > self.total_steps:
            raise HyperparameterError(f"{type(self).__name__}: step {epoch} of total_steps={quote(self.total_steps)}",
                                      "the cycle is over", "a larger total_steps")  # fmt: skip
        super()._write(epoch, values)
        if epoch == 0:
            self.base_lrs = list(values)
            for group, value in zip(self.optimizer.param_groups, values, strict=True):
                group["initial_lr"] = value


__all__ = [
    "LRScheduler", "LambdaLR", "MultiplicativeLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR",
    "PolynomialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR", "SequentialLR",
    "ChainedScheduler", "ReduceLROnPlateau", "SWALR", "ReduceOnPlateau",
    "ScheduleLR",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__
