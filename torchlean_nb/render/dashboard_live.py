"""What a dashboard is sent while the training runs: at most ten times a second, and only what is new."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from torchlean_nb.render.dashboard_data import entry
from torchlean_nb.trace.run import RunTrace, Series

INTERVAL, FEW = 0.1, 100
# Of the time of the training at most this share is spent on looking at it.
SHARE = 0.03
_FIRST_WHOLE, _RAREST_WHOLE = 1.0, 60.0
_NEWS = ("status", "steps", "planned", "series", "params", "units", "hist", "events")


def since(run: RunTrace, step: int, events: int = 0) -> RunTrace:
    """What was recorded after a step, and after so many events.

    Examples
    --------
    >>> since(RunTrace("r", [Series("loss", [0, 1, 2], [3.0, 2.0, 1.0])]), 1)["loss"].steps
    array([2])
    """
    starts = {n: int(np.searchsorted(s.steps, step, "right")) for n, s in run.series.items()}
    series = [Series(n, s.steps[starts[n] :], s.values[starts[n] :]) for n, s in run.series.items()]
    return RunTrace(run.name, series, [h for h in run.histograms if h.step > step], run.events[events:], run.meta)


class Feed:
    """Keeps count of what has been sent of one run.

    Parameters
    ----------
    clock : callable
        Seconds.

    Examples
    --------
    >>> feed = Feed(clock=lambda: 5.0)
    >>> run = RunTrace("r", [Series("loss", [0, 1], [2.0, 1.0])])
    >>> feed.sent_whole(run)
    >>> feed.news(RunTrace("r", [Series("loss", [0, 1, 2], [2.0, 1.0, 0.5])]))["series"]
    {'loss': {'k': [2], 'v': [0.5]}}
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        self.step, self.events = -1, 0
        self._next, self._whole, self._pause = clock(), clock() + _FIRST_WHOLE, _FIRST_WHOLE

    def due(self) -> bool:
        """Whether it is time to send something."""
        return self.clock() >= self._next

    def wants_whole(self) -> bool:
        """Whether the whole is due: it comes ever more rarely, for browsers that missed a part."""
        return self.clock() >= self._whole

    def news(self, run: RunTrace) -> dict[str, Any]:
        """What is new of the run, ready to be sent, and from now on no longer new."""
        new = since(run, self.step, self.events)
        sent, _ = entry(new, run.name, points_each=FEW)
        self._told(run)
        return {key: sent[key] for key in _NEWS if sent[key] not in ({}, [])}

    def sent_whole(self, run: RunTrace, started: float = 0.0) -> None:
        """Everything was sent, by work that began then."""
        self._told(run)
        now = self.clock()
        self._pause = min(2 * self._pause, _RAREST_WHOLE)
        self._whole = now + max(self._pause, (now - (started or now)) / SHARE)
        self._next = now + INTERVAL

    def rest(self, started: float) -> None:
        """Wait, after work that began then: longer when the work took long."""
        now = self.clock()
        self._next = now + max(INTERVAL, (now - started) / SHARE)

    def _told(self, run: RunTrace) -> None:
        self.step = max([self.step, *(int(s.steps[-1]) for s in run.series.values() if len(s))])
        self.events = len(run.events)
