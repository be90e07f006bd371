"""Trajectory: a callback that keeps where a training was, in bounded memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.errors import CapabilityError, HyperparameterError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.train import Callback, Moment


class _Point(NamedTuple):
    step: int
    at: np.ndarray


class Trajectory(Callback):
    """Parameters of a network at the beginning, every so many updates or epochs, and at the end.

    When there are more than `points` of them, every second one goes and half as many are taken from then on.

    Parameters
    ----------
    points : int
        At most so many vectors are kept.
    every : int or "epoch"
        Updates between them at first, or epochs, one at first.

    Raises
    ------
    HyperparameterError

    Attributes
    ----------
    steps : ndarray of int, shape (k,)
        Updates made before each point.
    values : ndarray, shape (k, parameters)

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> path = Trajectory(points=8)
    >>> trainer = tl.Trainer(tl.nn.Linear(2, 2), task="classification", optimizer="adam")
    >>> result = trainer.fit(tl.data.moons(60), steps=30, callbacks=path, progress=False)
    >>> path.steps.tolist(), path.values.shape
    ([0, 8, 16, 24, 30], (5, 6))
    """

    def __init__(self, points: int = 200, *, every: int | str = 1):
        self.points = Hyper(low=4, kind="int").check("Trajectory", "points", points)
        self.by_epoch = isinstance(every, str)
        if self.by_epoch and every != "epoch":
            raise HyperparameterError(f"Trajectory: every={quote(every)}", 'a number of updates, or "epoch"')
        self.every = 1 if self.by_epoch else Hyper(low=1, kind="int").check("Trajectory", "every", every)
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._seen: tuple[tuple[int, _Point], ...] = ()  # the number of the update or epoch, and what was there

    @property
    def steps(self) -> np.ndarray:
        """Updates made before each point."""
        return np.array([p.step for _, p in self._seen], np.int64)

    @property
    def values(self) -> np.ndarray:
        """The points, each a row."""
        return np.stack([p.at for _, p in self._seen]) if self._seen else np.zeros((0, 0))

    def __len__(self) -> int:
        return len(self._seen)

    def look(self, net: Any, step: int, count: int | None = None) -> None:
        """Keep where a bound network is after `step` updates; for loops of your own.

        Raises
        ------
        CapabilityError
            When the network has other parameters than before.
        """
        trained = {path: p.value for path, p in net.params.items() if p.requires_grad}
        shapes = {path: a.shape for path, a in trained.items()}
        if self._seen and shapes != self.shapes:
            raise CapabilityError("Trajectory: the network now has other parameters", None, "a new Trajectory()")
        at = np.concatenate([a.ravel() for a in trained.values()])
        seen = (*(s for s in self._seen if s[1].step < step), (step if count is None else count, _Point(step, at)))
        if len(seen) > self.points:
            self.every *= 2
            seen = (seen[0], *(s for s in seen[1:-1] if s[0] % self.every == 0), seen[-1])
        self.shapes, self._seen = shapes, seen

    # -- what the training says ------------------------------------------------------------
    def on_train_start(self, moment: Moment) -> None:
        """Where it starts, or goes on."""
        self._at_least(moment)

    def on_step(self, moment: Moment) -> None:
        """A point when it is time."""
        if not self.by_epoch and (moment.step + 1) % self.every == 0:
            self.look(moment.trainer.runner.net, moment.step + 1)

    def on_epoch_end(self, moment: Moment) -> None:
        """A point when it is time."""
        if self.by_epoch and moment.epoch % self.every == 0:
            self.look(moment.trainer.runner.net, moment.step + 1, moment.epoch)

    def on_train_end(self, moment: Moment) -> None:
        """Where it ended; points of steps that were undone go."""
        self._at_least(moment)

    def _at_least(self, moment: Moment) -> None:
        done = moment.step + 1
        self._seen = tuple(s for s in self._seen if s[1].step <= done)
        if not self._seen or self._seen[-1][1].step < done:
            self.look(moment.trainer.runner.net, done, moment.epoch if self.by_epoch else done)

    def __repr__(self) -> str:
        last = int(self.steps[-1]) if len(self) else 0
        return f"Trajectory({len(self)} points, {last} steps)"
