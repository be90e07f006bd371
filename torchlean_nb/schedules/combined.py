"""Schedulers made of schedulers: one after another, and all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_nb.errors import CheckpointError, HyperparameterError, HyperparameterTypeError, quote
from torchlean_nb.schedules._shapes import ascending
from torchlean_nb.schedules.facade import LRScheduler, checked_state, groups_of, whole


class _Combined:
    """What the two have in common: parts that share an optimizer."""

    def _take(self, schedulers: Any, optimizer: Any) -> None:
        owner = type(self).__name__
        if not isinstance(schedulers, (list, tuple)) or not schedulers:
            raise HyperparameterError(f"{owner}: schedulers={quote(schedulers)}", "it must be a list of schedulers")
        for s in schedulers:
            if not isinstance(s, (LRScheduler, _Combined)):
                raise HyperparameterTypeError(f"{owner}: a {type(s).__name__} cannot be a part",
                                              "its step takes a metric, or it is no scheduler")  # fmt: skip
        optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        groups_of(owner, optimizer)
        if any(s.optimizer is not optimizer for s in schedulers):
            raise HyperparameterError(f"{owner}: the schedulers do not belong to the same optimizer")
        self.schedulers, self.optimizer = list(schedulers), optimizer
        self.base_lrs = [float(g["initial_lr"]) for g in optimizer.param_groups]

    def _first(self) -> None:
        """Rates of the beginning, parts at their beginning."""
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base
        for s in self.schedulers:
            s._reset()
        self.last_epoch = 0

    def _reset(self) -> None:
        self.last_epoch = -1

    def _restart(self) -> None:
        self._enter()

    def _enter(self) -> None:
        self._first()
        for s in self.schedulers:
            s._enter()

    def get_last_lr(self) -> list[float]:
        """The rates written last, one per group."""
        return [float(g["lr"]) for g in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """State of all parts, as plain data."""
        return {"scheduler": type(self).__name__, "last_epoch": self.last_epoch,
                "base_lrs": list(self.base_lrs), "schedulers": [s.state_dict() for s in self.schedulers]}  # fmt: skip

    @whole
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state; when a part refuses its own, all stay as they were.

        Raises
        ------
        CheckpointError
        """
        owner = type(self).__name__
        state = checked_state(owner, state, set(self.state_dict()), len(self.base_lrs))
        parts = state["schedulers"]
        if not isinstance(parts, list) or len(parts) != len(self.schedulers):
            raise CheckpointError(f"{owner}: the state is not one of {len(self.schedulers)} schedulers")
        before = [s.state_dict() for s in self.schedulers]
        try:
            for s, part in zip(self.schedulers, parts, strict=True):
                s.load_state_dict(part)
        except CheckpointError as e:
            for s, part in zip(self.schedulers, before, strict=True):
                s.load_state_dict(part)
            raise CheckpointError(f"{owner}: a part refuses its state", str(e)) from e
        self.last_epoch, self.base_lrs = state["last_epoch"], list(state["base_lrs"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(step {self.last_epoch}, {self.schedulers!r})"


class SequentialLR(_Combined):
    """One scheduler after another; at a milestone the next one begins at its own step 0.

    Unlike PyTorch's, it may hold schedulers that are themselves made of schedulers.
    """

    def __init__(self, optimizer: Any, schedulers: Sequence[Any], milestones: Sequence[int], last_epoch: int = -1):
        owner = type(self).__name__
        self._take(schedulers, optimizer)
        if last_epoch != -1:
            raise HyperparameterError(f"{owner}: last_epoch={quote(last_epoch)} is not allowed",
                                      "to resume, use load_state_dict")  # fmt: skip

        def fail(name: str, why: str) -> HyperparameterError:
            return HyperparameterError(f"{owner}: {name}={quote(milestones)} is not allowed", f"{name} {why}")

        if not isinstance(milestones, (list, tuple)):
            raise fail("milestones", "must be a list of ints")
        if len(milestones) != len(schedulers) - 1:
            raise HyperparameterError(
                f"{owner}: {len(schedulers)} schedulers and {len(milestones)} milestones", "needs one less"
            )
        values = {"milestones": milestones}
        if milestones:
            ascending(values, fail, "milestones")
        self.milestones = tuple(values["milestones"])
        self._enter()

    def _enter(self) -> None:
        self._first()
        self.schedulers[0]._enter()

    @whole
    def step(self) -> None:
        """Go to the next step with the scheduler whose turn it is."""
        k = self.last_epoch + 1
        i = bisect_right(self.milestones, k)
        part = self.schedulers[i]
        if i and self.milestones[i - 1] == k:
            part._restart()
        else:
            part.step()
        self.last_epoch = k

    def state_dict(self) -> dict[str, Any]:
        """State of all parts, as plain data."""
        return super().state_dict() | {"milestones": list(self.milestones)}

    @whole
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of the same milestones."""
        if isinstance(state, Mapping) and state.get("milestones", list(self.milestones)) != list(self.milestones):
            raise CheckpointError(f"SequentialLR: milestones={quote(state['milestones'])} in the state",
                                  f"here they are {list(self.milestones)}")  # fmt: skip
        super().load_state_dict(state)


class ChainedScheduler(_Combined):
    """All at once: the factors of the chainable ones multiply."""

    def __init__(self, schedulers: Sequence[Any], optimizer: Any = None):
        self._take(schedulers, optimizer)
        self.last_epoch = 0

    @whole
    def step(self) -> None:
        """Go to the next step with every scheduler in turn."""
        for s in self.schedulers:
            s.step()
        self.last_epoch += 1
