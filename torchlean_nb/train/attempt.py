"""Attempt: a training step that happens whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any


class Attempt:
    """A block that is undone when it fails or is stopped, unless the optimizer has made its update.

    Values of parameters and state of the optimizer change in one call, so there is nothing of them to undo: what
    moved before that call is, running statistics, random stream, mode and learning rates.

    Parameters
    ----------
    runner : Runner
    optimizer : Optimizer, optional
    """

    def __init__(self, runner: Any, optimizer: Any = None):
        self.runner, self.optimizer = runner, optimizer
        s, net = runner.session, runner.net
        self.stream = replace(s.rng), s._draws
        self.mode, self.auto = runner.mode, net.auto_buffers
        self.buffers = {p.key: p.array for p in net.buffers.values()}
        self.rates = [] if optimizer is None else [(g, g["lr"]) for g in optimizer.param_groups if "lr" in g]
        self.steps = steps_of(optimizer)

    def __enter__(self) -> Attempt:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None or steps_of(self.optimizer) != self.steps:
            return
        self.runner.session.rng, self.runner.session._draws = self.stream
        self.runner.mode, self.runner.net.auto_buffers = self.mode, self.auto
        for group, lr in self.rates:
            group["lr"] = lr
        self.undo_buffers()

    def undo_buffers(self) -> None:
        """Put running statistics back."""
        if self.buffers:
            self.runner.session.store.update(self.buffers)


def steps_of(optimizer: Any) -> int:
    """How many updates an optimizer has made."""
    return 0 if optimizer is None else optimizer._store[optimizer._key].steps
