"""Schedules that drive an optimizer, in PyTorch's words: one counter, and the rate written into the groups.

There is no formula here. A scheduler holds one pure `Schedule` per group. While nobody else touches the rate it
is the schedule's value; once somebody did (another scheduler, a user) the chainable ones multiply what they find
by the schedule's last step, as PyTorch's recurrences do. The others overwrite it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping
from functools import wraps
from typing import Any, ClassVar

from torchlean_nb.errors import CheckpointError, HyperparameterError, HyperparameterTypeError, NonFiniteError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.schedules._row import Row, Schedule


def groups_of(owner: str, optimizer: Any) -> list[MutableMapping[str, Any]]:
    """The parameter groups of anything that has some.

    Raises
    ------
    HyperparameterTypeError
    """
    groups = getattr(optimizer, "param_groups", None)
    listed = isinstance(groups, (list, tuple)) and len(groups) > 0
    if not listed or not all(isinstance(g, MutableMapping) and "lr" in g for g in groups):
        raise HyperparameterTypeError(
            f"{owner}: optimizer={quote(optimizer)} is a {type(optimizer).__name__}",
            "an optimizer has param_groups, a list of dicts with an 'lr' each",
        )
    return list(groups)


def per_group(owner: str, name: str, value: Any, n: int) -> list[Any]:
    """One value per group, out of one for all or a list.

    Raises
    ------
    HyperparameterError
        When the list has another length.
    """
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise HyperparameterError(f"{owner}: {len(value)} values of {name} for {n} group{'s' * (n != 1)}")
    return list(value)


def number(owner: str, name: str, value: Any) -> float:
    """What was measured, as a number.

    Raises
    ------
    HyperparameterTypeError, NonFiniteError
        Also for a NaN, which is neither better nor worse than anything.
    """
    try:
        found = float(value)
    except (TypeError, ValueError) as e:
        raise HyperparameterTypeError(f"{owner}: {name}={quote(value)}", f"it must be one number; {e}") from None
    if math.isnan(found):
        raise NonFiniteError(f"{owner}: {name}=nan", "it cannot be better or worse than anything")
    return found


def checked_state(owner: str, state: Any, keys: set[str], groups: int) -> dict[str, Any]:
    """A state dict that belongs to this scheduler.

    Raises
    ------
    CheckpointError
        For another class, missing or unknown keys, another number of groups, or a step that is not one.
    """
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{owner}: the state is a {type(state).__name__}", "it must be a dict of state_dict()")
    missing = sorted(keys - set(state))
    if "scheduler" in state and state["scheduler"] != owner:
        raise CheckpointError(f"{owner}: this is the state of {quote(state['scheduler'])}")
    if missing or set(state) - keys:
        unknown = sorted(map(str, set(state) - keys))
        raise CheckpointError(f"{owner}: the state does not fit", f"missing: {missing}; unknown: {unknown}")
    epoch = state["last_epoch"]
    if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < -1:
        raise CheckpointError(f"{owner}: last_epoch={quote(epoch)} in the state", "it must be an int >= -1")
    for name in {"base_lrs", "last_lr", "owns"} & keys:
        entries = state[name]
        numbers = isinstance(entries, list) and all(isinstance(v, (int, float)) and math.isfinite(v) for v in entries)
        if not numbers or len(entries) != groups:
            raise CheckpointError(f"{owner}: {name}={quote(entries)} in the state", f"must be {groups} finite numbers")
    return dict(state)


def whole(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a scheduler that changes everything, or nothing when it fails or is stopped on the way."""

    @wraps(method)
    def run(self: Any, *args: Any, **given: Any) -> Any:
        kept = [(now, dict(now)) for now in (*map(vars, _parts(self)), *self.optimizer.param_groups)]
        try:
            return method(self, *args, **given)
        except BaseException:
            for now, before in kept:
                now.update(before)
            raise

    return run


def _parts(scheduler: Any) -> list[Any]:
    """A scheduler, and those it is made of."""
    return [scheduler, *(p for s in getattr(scheduler, "schedulers", ()) for p in _parts(s))]


class LRScheduler:
    """A schedule per group, a counter, and what was written last.

    Attributes
    ----------
    schedules : list of Schedule
        One per group: pure functions, for plots.
    last_epoch : int
        The step whose rate is in the groups.
    chains : bool
        Whether it multiplies what it finds, so that several compose.
    closed : bool
        Whether `SequentialLR` starts it from its own first value, not from the rate it finds.
    late : bool
        Whether a resumed one applies its factor at once where a jump is due.
    """

    chains: ClassVar[bool] = True
    closed: ClassVar[bool] = True
    late: ClassVar[bool] = False

    def _start(
        self, optimizer: Any, last_epoch: int, row: Row, names: Mapping[str, str],
        given: list[dict[str, Any]], unit: Mapping[str, Any] | None = None, floor: str = "",
    ) -> None:
        """Check everything, then write: `given` are the hyperparameters per group, `unit` those of the bare factor."""
        owner, groups = type(self).__name__, groups_of(type(self).__name__, optimizer)
        last_epoch = Hyper(kind="int", low=-1).check(owner, "last_epoch", last_epoch)
        if last_epoch >= 0 and any("initial_lr" not in g for g in groups):
            raise HyperparameterError(
                f"{owner}: last_epoch={last_epoch} resumes, but a group has no 'initial_lr'",
                "load the optimizer's state first, or start with last_epoch=-1",
            )
        bases = [g.get("base", group.get("initial_lr", group["lr"])) for g, group in zip(given, groups, strict=True)]
        full = [{"base": b, **g} if "base" in row.hypers else g for b, g in zip(bases, given, strict=True)]
        self.schedules: list[Schedule] = [row.make(g, owner, {"base": "lr", **names}) for g in full]
        self.base_lrs = [s.hypers.get("base", b) for s, b in zip(self.schedules, bases, strict=True)]
        self._factors = [row.make({**g, **unit}, owner, names) for g in full] if unit is not None else []
        self._floors = [s.hypers[floor] if floor else 0.0 for s in self.schedules]
        self.optimizer, self.last_epoch = optimizer, last_epoch
        initial = list(self.base_lrs)
        self._enter()
        for group, base in zip(groups, initial, strict=True):
            group.setdefault("initial_lr", base)

    # -- the rate ----------------------------------------------------------------------------
    def _groups(self) -> list[MutableMapping[str, Any]]:
        groups = list(self.optimizer.param_groups)
        if len(groups) != len(self.schedules):
            raise HyperparameterError(
                f"{type(self).__name__}: the optimizer has {len(groups)} groups, not {len(self.schedules)} as before",
                "a group was added or removed", "make the scheduler after the last group",
            )
        return groups

    def _found(self) -> list[float]:
        return [float(g["lr"]) for g in self._groups()]

    def _chain(self, i: int, lr: float, k: int) -> float:
        """What PyTorch's recurrence makes of a rate that is not ours."""
        f, floor = self._factors[i], self._floors[i]
        now, before = f(k), f(k - 1) if k else 1.0
        if before:
            return floor + (lr - floor) * (now / before) if now != before else lr
        return lr + (self.base_lrs[i] - floor) * now

    def _write(self, epoch: Any, values: list[float]) -> None:
        """Change everything, or nothing when a value is not finite."""
        if not all(map(math.isfinite, values)):
            raise NonFiniteError(f"{type(self).__name__}: the rates at step {epoch} would be {values}")
        groups, self.last_epoch = self._groups(), math.floor(epoch)
        for group, value in zip(groups, values, strict=True):
            group["lr"] = value
        self._last_lr = list(values)

    def _enter(self) -> None:
        """The first step: 0, or the one after the step to resume from."""
        k = self.last_epoch + 1
        found = self._found()
        if not self.chains:
            self._write(k, [s(k) for s in self.schedules])
        elif k == 0 or self.late:
            self._owns = [k == 0 and lr == base for lr, base in zip(found, self.base_lrs, strict=True)]
            self._write(k, [s(k) if mine else self._chain(i, lr, k)
                            for i, (s, lr, mine) in enumerate(zip(self.schedules, found, self._owns, strict=True))])
        else:
            self._write(k, found)
        if not self.chains or k:
            self._owns = [s(k) == lr for s, lr in zip(self.schedules, self._last_lr, strict=True)]

    def _reset(self) -> None:
        """Back to before the first step."""
        self.last_epoch = -1

    def _restart(self) -> None:
        """The first step again, in the middle of training."""
        if self.closed:
            self._write(0, [s(0) for s in self.schedules])
            self._owns = [True] * len(self.schedules)
        else:
            self._reset()
            self._enter()

    @whole
    def step(self) -> None:
        """Go to the next step and write its rate into the groups."""
        k = self.last_epoch + 1
        found = self._found()
        owns = [mine and lr == last for mine, lr, last in zip(self._owns, found, self._last_lr, strict=True)]
        values = [s(k) if mine or not self.chains else self._chain(i, lr, k)
                  for i, (s, lr, mine) in enumerate(zip(self.schedules, found, owns, strict=True))]  # fmt: skip
        self._write(k, values)
        self._owns = owns if self.chains else [True] * len(owns)

    def get_last_lr(self) -> list[float]:
        """The rates written last, one per group."""
        return list(self._last_lr)

    # -- state -------------------------------------------------------------------------------
    def _hypers(self) -> list[dict[str, Any]]:
        return [{n: list(v) if isinstance(v, tuple) else v for n, v in s.items if n != "base" and not callable(v)}
                for s in self.schedules]  # fmt: skip

    def _rebased(self, bases: list[float]) -> list[Schedule]:
        if "base" not in self.schedules[0].hypers:
            return self.schedules
        return [s.with_(base=b) for s, b in zip(self.schedules, bases, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed scheduler needs, as plain data; functions are not kept."""
        return {
            "scheduler": type(self).__name__, "last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs),
            "last_lr": list(self._last_lr), "owns": list(self._owns), "hypers": self._hypers(),
        }  # fmt: skip

    @whole
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state; the rates in the groups are the optimizer's to restore.

        Raises
        ------
        CheckpointError
            When it is the state of another class or of other hyperparameters; nothing is changed.
        """
        owner = type(self).__name__
        state = checked_state(owner, state, set(self.state_dict()), len(self.schedules))
        if state["hypers"] != self._hypers():
            raise CheckpointError(f"{owner}: the state has other hyperparameters",
                                  f"{quote(state['hypers'], 300)} instead of {quote(self._hypers(), 300)}")  # fmt: skip
        self.schedules = self._rebased(state["base_lrs"])
        self.last_epoch, self.base_lrs = state["last_epoch"], list(state["base_lrs"])
        self._last_lr, self._owns = list(state["last_lr"]), list(state["owns"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(step {self.last_epoch}, {self.schedules[0]!r})"
