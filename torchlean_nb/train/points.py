"""Points: growing series of a run, in bounded memory, at the price of one append for a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.errors import HyperparameterError, quote
from torchlean_nb.trace.run import RunTrace, Series
from torchlean_nb.trace.sampling import min_max_lttb

WAITING = 256  # rows before they are sorted into their series


class Points(NamedTuple):
    """A series: its first `n` places are taken."""

    steps: np.ndarray
    values: np.ndarray
    n: int

    def more(self, steps: list[int], values: list[float], limit: int) -> Points:
        """With further points; whenever it is full, min-max-LTTB halves it. What is there already stays."""
        old_steps, old_values, n = self
        if n and old_steps[n - 1] == steps[0]:
            n -= 1
        done = 0
        while done < len(steps):
            if n == len(old_steps):
                old_steps, old_values, n = _roomier(old_steps, old_values, limit)
            k = min(len(old_steps) - n, len(steps) - done)
            old_steps[n : n + k], old_values[n : n + k] = steps[done : done + k], values[done : done + k]
            n, done = n + k, done + k
        return Points(old_steps, old_values, n)


EMPTY = Points(np.empty(0, np.int64), np.empty(0), 0)


def _roomier(steps: np.ndarray, values: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray, int]:
    n = len(steps)
    if n >= limit:
        kept, of = min_max_lttb(steps, values, limit // 2)
        steps, values = np.empty_like(steps), np.empty_like(values)
        steps[: len(kept)], values[: len(kept)] = kept, of
        return steps, values, len(kept)
    room = min(limit, max(64, 2 * n)) - n
    return np.append(steps, np.empty(room, np.int64)), np.append(values, np.empty(room)), n


class SeriesByName:
    """Series by name, fed with rows of numbers.

    A row waits until there are some of them, or until someone looks; then each series gets its column. What is held
    is replaced as a whole, so an interrupt leaves it before or after a row.

    Parameters
    ----------
    limit : int
        Points per series.

    Examples
    --------
    >>> found = SeriesByName(100)
    >>> found.put(0, {"loss": 2.0}), found.put(1, {"loss": 1.0})
    (None, None)
    >>> found.series()
    [Series('loss', n=2, steps 0 to 1, last 1)]
    """

    def __init__(self, limit: int):
        self.limit = limit
        self._state: tuple[dict[str, Points], list[tuple[int, tuple[str, ...], list[float]]]] = {}, []
        self._latest, self._known = -1, set[tuple[str, ...]]()

    def put(self, step: int, row: Mapping[str, float]) -> None:
        """Keep numbers of one step; of two for the same series and step the later one stays.

        Raises
        ------
        HyperparameterError
            For a step before one that is recorded, a name that is none, or a value that is no number.
        """
        names = tuple(row)
        if step < self._latest or names not in self._known:
            self._check(step, names)
        try:
            numbers = [*map(float, row.values())]
        except (TypeError, ValueError, OverflowError):
            raise _no_number(row) from None
        self._latest = step
        waiting = self._state[1]
        waiting.append((step, names, numbers))
        if len(waiting) >= WAITING:
            self._settle()

    def _check(self, step: int, names: tuple[str, ...]) -> None:
        points = self._settle()
        for name in names:
            if not isinstance(name, str) or not name:
                raise HyperparameterError(f"record: {quote(name)} does not name a series")
            last = points[name].steps[points[name].n - 1] if name in points else -1
            if last > step:
                raise HyperparameterError(f"record: {name} of step {step} after step {last}", "steps go forward")
        self._known = {*self._known, names} if len(self._known) < WAITING else {names}

    def _settle(self) -> dict[str, Points]:
        """All series, with the rows that waited."""
        points, waiting = self._state
        if waiting:
            columns: dict[str, tuple[list[int], list[float]]] = {}
            for step, names, numbers in waiting:
                for name, value in zip(names, numbers, strict=True):
                    steps, values = columns.setdefault(name, ([], []))
                    if steps and steps[-1] == step:
                        values[-1] = value
                    else:
                        steps.append(step)
                        values.append(value)
            points = points | {k: points.get(k, EMPTY).more(*c, self.limit) for k, c in columns.items()}
            self._state = points, []
        return points

    def series(self) -> list[Series]:
        """All there are, as records, in the order of their first points."""
        return [Series(name, p.steps[: p.n], p.values[: p.n]) for name, p in self._settle().items()]

    def load(self, run: RunTrace) -> None:
        """Go on from these."""
        points = {
            name: Points(np.array(s.steps, np.int64), np.array(s.values, np.float64), len(s))
            for name, s in run.series.items()
        }
        self._latest = max((int(s.steps[-1]) for s in run.series.values() if len(s)), default=-1)
        self._state = points, []

    def __len__(self) -> int:
        return len(self._settle())


def _no_number(row: Mapping[str, Any]) -> HyperparameterError:
    for name, value in row.items():
        try:
            float(value)
        except (TypeError, ValueError, OverflowError):
            return HyperparameterError(f"record: {name} is {quote(value, 40)}, not a number")
    return HyperparameterError("record: a value changed while it was read")
