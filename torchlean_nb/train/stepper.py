"""Stepper: training one sample, or one batch, at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchlean_nb.errors import CheckpointError, quote
from torchlean_nb.train.attempt import steps_of
from torchlean_nb.train.configs import build_optimizer, find_schedule, rate_at
from torchlean_nb.train.resume import read_stream, stream_of
from torchlean_nb.train.samples import singles


class Stepper:
    """An optimizer, a schedule with a counter of its own, and the runner they train.

    Parameters
    ----------
    runner : Runner
    optimizer : str, row, class, OptimizerConfig, callable or Optimizer
        See `build_optimizer`.
    schedule : callable or float, optional
        ``schedule(step) -> learning rate``; without one the rate is the optimizer's.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> runner = tl.train.regression(tl.nn.Linear(1, 1)).instantiate(init="torchlean", seed=1)
    >>> stepper = runner.stepper(tl.train.OptimizerConfig.sgd(0.1), tl.schedules.step_decay(0.1, size=10))
    >>> losses = stepper.epoch_samples([([1.0], [2.0]), ([2.0], [4.0])])
    >>> len(losses), stepper.step_count
    (2, 2)
    """

    def __init__(self, runner: Any, optimizer: Any, schedule: Any = None):
        self.runner = runner
        self.schedule = find_schedule(schedule)
        self.optimizer = build_optimizer(optimizer, runner.net.parameters())
        self._at: tuple[int, int | None] = (0, None)

    @property
    def step_count(self) -> int:
        """Number of updates made; the schedule's index of the next one."""
        count, mark = self._at
        return count if mark is None or steps_of(self.optimizer) == mark else count + 1

    @property
    def lr(self) -> float | None:
        """Learning rate of the next step; None when the optimizer has none."""
        own = self.optimizer.param_groups[0].get("lr")
        return own if self.schedule is None else rate_at(self.schedule, self.step_count)

    def step(self, x: Any, y: Any) -> float:
        """One update from a batch; the loss before it.

        When it fails or is stopped, parameters, state and counter are as after the last whole step.
        """
        count = self.step_count
        lr = rate_at(self.schedule, count)
        # Stopped between the update and the last line, the mark tells that this step was made.
        self._at = count, steps_of(self.optimizer)
        report = self.runner.step(self.optimizer, x, y, lr)
        self._at = count + 1, None
        return report.loss

    def step_sample(self, x: Any, y: Any) -> float:
        """One update from one sample, without batch axis."""
        return self.step(*singles([(x, y)], "step_sample")[0])

    def epoch_samples(self, data: Any) -> list[float]:
        """One update from each sample in order, and the loss before each."""
        return [self.step(x, y) for x, y in singles(data, "epoch_samples")]

    def state_dict(self) -> dict[str, Any]:
        """Model, optimizer, counter and random stream; the schedule is a function of the counter.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> make = lambda: tl.train.regression(tl.nn.Linear(1, 1)).instantiate(seed=1).stepper("adam")
        >>> stepper, again = make(), make()
        >>> _ = stepper.step_sample([1.0], [2.0])
        >>> again.load_state_dict(stepper.state_dict())
        >>> again.step_count, stepper.step_sample([1.0], [2.0]) == again.step_sample([1.0], [2.0])
        (1, True)
        """
        return {
            "model": self.runner.net.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step_count,
            "rng": stream_of(self.runner.session),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where a state was taken; an older one, without a random stream, leaves that as it is.

        Raises
        ------
        CheckpointError, ShapeError, UnknownNameError
            And everything is as it was.
        """
        if not isinstance(state, Mapping) or {*state} | {"rng"} != {"model", "optimizer", "step", "rng"}:
            raise CheckpointError("Stepper: not the state of a stepper", None, "what stepper.state_dict() returned")
        step = state["step"]
        if type(step) is not int or step < 0:
            raise CheckpointError(f"Stepper: step={quote(step)} is not allowed", "step must be an int >= 0")
        net, session = self.runner.net, self.runner.session
        stream = before = session.rng, session._draws
        if "rng" in state:
            stream = read_stream("Stepper", state["rng"])
        values, snapshot = net.state_dict(), self.optimizer.snapshot()
        try:
            net.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            session.rng, session._draws = stream
            self._at = step, None
        except BaseException:
            net.load_state_dict(values)
            self.optimizer.restore(snapshot)
            session.rng, session._draws = before
            raise

    def __repr__(self) -> str:
        return f"Stepper at step {self.step_count}, lr {self.lr}\n{self.optimizer!r}"
