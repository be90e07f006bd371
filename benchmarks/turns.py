"""What a contender hands to the worker: something that makes as many steps as it is asked for."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np


class Timed:
    """What can be called with a number of steps, and is timed from outside."""

    least = 1  # steps worth timing at once
    best_of = 3  # a round takes the best; 1 of what takes seconds, and then one step at a time
    checked = 5  # steps before the numbers are compared
    scale = 1.0

    def seconds(self, steps: int) -> float:
        """How long so many steps take."""
        begun = perf_counter()
        self(steps)  # type: ignore[operator]
        return perf_counter() - begun

    def peak(self) -> float:
        """Most memory the process has had, in MB."""
        try:  # getrusage remembers the process that started this one
            status = Path("/proc/self/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0]) / (1 << 10)
        except (OSError, IndexError):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


class Turns(Timed):
    """Steps of a contender over batches, again and again; what it gives back is the losses.

    Parameters
    ----------
    one : callable
        ``one(x, y) -> loss`` makes a step.
    batches : sequence of (x, y)
    """

    def __init__(self, one: Callable[[Any, Any], Any], batches: Sequence[Any]):
        self.one, self.batches, self.at = one, batches, 0

    def __call__(self, steps: int) -> list[Any]:
        """Losses of so many further steps."""
        found, one, batches = [], self.one, self.batches
        for i in range(self.at, self.at + steps):
            found.append(one(*batches[i % len(batches)]))
        self.at += steps
        return found

    def summary(self) -> list[float]:
        """Nothing: the losses say it all."""
        return []


class Steps(Timed):
    """The same step again and again; what is compared is numbers it leaves behind.

    Parameters
    ----------
    step : callable
    values : callable
        What was computed, in one array.
    scale : float
        How many times the work of this contender the others do: its time is multiplied by that. With a scale of
        1 the sums of all values are compared, otherwise its first values only.
    """

    def __init__(self, step: Callable[[], Any], values: Callable[[], np.ndarray], scale: float = 1):
        self.step, self.values, self.scale = step, values, scale

    def __call__(self, steps: int) -> list[float]:
        """Make so many steps."""
        step = self.step
        for _ in range(steps):
            step()
        return []

    def summary(self) -> list[float]:
        """First and last number, and sums."""
        v = np.asarray(self.values(), "float64").ravel()
        first = [float(v[0]), float(v[1])]
        return first if self.scale != 1 else [*first, float(v[-1]), float(v.sum()), float((v * v).sum())]


def of(make: Callable[[], Any], flat: Callable[[Any], np.ndarray] = np.ravel, scale: float = 1) -> Steps:
    """A pure function as a step; compared is its last result."""
    last: list[Any] = [None]

    def step() -> None:
        last[0] = make()

    return Steps(step, lambda: flat(last[0]), scale)
