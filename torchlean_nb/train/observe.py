"""Recorder: what a training run leaves behind, in bounded memory and without touching the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError, TorchLeanError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.trace.run import Event, Histogram, RunTrace, Series
from torchlean_nb.trace.sampling import FEWEST, min_max_lttb
from torchlean_nb.train.probes import Output, probe

LIMIT = 20_000
KEPT_HISTOGRAMS = 200
BINS = 30
EVENTS = 1000
# What is known at every update; everything else is kept whenever it is said.
EACH_STEP = frozenset({"loss", "lr", "grad_norm"})


class _Points:
    """A growing series; when it is full, min-max-LTTB halves it.

    What it holds is replaced as a whole, so an interrupt leaves it before or after a point.
    """

    __slots__ = ("_limit", "_state")

    def __init__(self, limit: int, steps: Any = (), values: Any = ()):
        self._limit = limit
        self._state = np.array(steps, np.int64), np.array(values, np.float64), len(steps)

    @property
    def last(self) -> int:
        steps, _, n = self._state
        return int(steps[n - 1]) if n else -1

    def put(self, step: int, value: float) -> None:
        steps, values, n = self._state
        if n and steps[n - 1] == step:
            n -= 1
        elif n == len(steps):
            steps, values, n = self._more(steps, values)
        steps[n], values[n] = step, value
        self._state = steps, values, n + 1

    def _more(self, steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        n = len(steps)
        if n >= self._limit:
            kept, of = min_max_lttb(steps, values, self._limit // 2)
            steps, values = np.empty_like(steps), np.empty_like(values)
            steps[: len(kept)], values[: len(kept)] = kept, of
            return steps, values, len(kept)
        room = min(self._limit, max(64, 2 * n)) - n
        return np.append(steps, np.empty(room, np.int64)), np.append(values, np.empty(room)), n

    def series(self, name: str) -> Series:
        steps, values, n = self._state
        return Series(name, steps[:n], values[:n])


class Recorder:
    """Keeps series, histograms and events of a run.

    A series holds at most `limit` points: whenever it is full, min-max-LTTB leaves half of them, with both extremes,
    both ends, and the ends of every stretch of NaN or inf. Histograms stand in a ring: the newest 200 moments stay.
    Nothing that is recorded reaches back into the run: values are only read, layers are looked at with a random
    stream of their own.

    Parameters
    ----------
    every : int
        Loss, learning rate and global gradient norm are kept every so many steps.
    diagnostics_every : int
        Norms of gradients and weights, update-to-weight ratios, statistics of activations and dead units.
    histograms_every : int or None
        Of weights, gradients, updates and activations; None for none.
    limit : int
        Points per series, at least 100.

    Raises
    ------
    HyperparameterError

    Examples
    --------
    >>> recorder = Recorder()
    >>> for k in range(3):
    ...     recorder.record(k, {"loss": 1 / (k + 1), "lr": 0.1})
    >>> recorder.trace("short", {"seed": 0}, "finished")["loss"]
    Series('loss', n=3, steps 0 to 2, last 0.333333)
    """

    def __init__(
        self, every: int = 1, diagnostics_every: int = 10, histograms_every: int | None = 100, limit: int = LIMIT
    ):
        whole = Hyper(low=1, kind="int")
        self.every = whole.check("Recorder", "every", every)
        self.diagnostics_every = whole.check("Recorder", "diagnostics_every", diagnostics_every)
        self.histograms_every = Hyper(low=1, kind="int", none=True).check(
            "Recorder", "histograms_every", histograms_every
        )
        self.limit = Hyper(low=8 * FEWEST + 4, kind="int").check("Recorder", "limit", limit)
        self._series: dict[str, _Points] = {}
        self._histograms: deque[tuple[int, tuple[Histogram, ...]]] = deque(maxlen=KEPT_HISTOGRAMS)
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._blind: str | None = None

    # -- what the training loop says -------------------------------------------------------
    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Keep numbers of one step; of two for the same series and step the later one stays.

        Raises
        ------
        HyperparameterError
            For a step before one that is recorded, a name that is none, or a value that is no number.
        """
        if step < 0 or step != int(step):
            raise HyperparameterError(f"record: step {quote(step)}", "a step is a whole number from 0")
        wanted, new = step % self.every == 0, {}
        for name, value in values.items():
            if not wanted and name in EACH_STEP:
                continue
            points = self._series.get(name)
            if points is None:
                if not isinstance(name, str) or not name:
                    raise HyperparameterError(f"record: {quote(name)} does not name a series")
                points = _Points(self.limit)
            elif points.last > step:
                raise HyperparameterError(f"record: {name} of step {step} after step {points.last}", "steps go forward")
            try:
                new[name] = points, float(value)
            except (TypeError, ValueError, OverflowError) as e:
                raise HyperparameterError(f"record: {name} is {quote(value, 40)}, not a number") from e
        for name, (points, value) in new.items():
            points.put(step, value)
            self._series[name] = points

    def event(self, step: int, kind: str, text: str = "") -> None:
        """Keep a sentence; the newest 1000 stay."""
        self._events.append(Event(step, kind, text))

    def diagnoses(self, step: int) -> bool:
        """Whether `diagnose` wants to be called for this step, so that the loop keeps the weights before it."""
        return step % self.diagnostics_every == 0 or self._draws(step)

    def _draws(self, step: int) -> bool:
        return self.histograms_every is not None and step % self.histograms_every == 0

    def diagnose(
        self, step: int, runner: Any, grads: Any, before: Mapping[str, Any], after: Mapping[str, Any], batch: Any
    ) -> None:
        """Look at one update: its gradients, weights and activations.

        Parameters
        ----------
        step : int
        runner : Runner
            Or anything with a `net`.
        grads : Gradients or mapping by path
            As the optimizer got them.
        before, after : mapping from path to array
            Parameters before and after the update.
        batch : tuple (x, y)
            What the gradient was taken on.
        """
        if not self.diagnoses(step):
            return
        grads = _by_path(runner.net, grads)
        outputs = self._look(step, runner.net, batch[0], before)
        if step % self.diagnostics_every == 0:
            self.record(step, dict(_numbers(grads, before, after, outputs)))
        if self._draws(step):
            drawn = tuple(_histograms(step, grads, before, after, outputs))
            if self._histograms and self._histograms[-1][0] == step:
                self._histograms[-1] = step, drawn
            else:
                self._histograms.append((step, drawn))

    def _look(self, step: int, net: Any, x: Any, before: Mapping[str, Any]) -> dict[str, Output]:
        """Outputs of the layers; a model that cannot be looked into is said once and then left alone."""
        if self._blind is None:
            try:
                return probe(net, x, before)
            except (TorchLeanError, TypeError, ValueError, ArithmeticError, LookupError) as e:
                self._blind = str(e).splitlines()[0] if str(e) else type(e).__name__
                self.event(step, "no activations", self._blind)
        return {}

    # -- what is left of it ----------------------------------------------------------------
    def trace(self, name: str = "run", meta: Mapping[str, Any] | None = None, status: str = "running") -> RunTrace:
        """The run so far: the loss first, what is of one layer or parameter last."""
        series = sorted(list(self._series.items()), key=lambda item: ("/" in item[0], item[0] != "loss"))
        return RunTrace(
            name,
            [points.series(key) for key, points in series],
            [h for _, drawn in list(self._histograms) for h in drawn],
            tuple(self._events),
            {**(meta or {}), "status": status},
        )

    def load(self, run: RunTrace) -> None:
        """Go on from a run that was recorded before, with the same options."""
        series = {key: _Points(self.limit, s.steps, s.values) for key, s in run.series.items()}
        moments: dict[int, list[Histogram]] = {}
        for h in run.histograms:
            moments.setdefault(h.step, []).append(h)
        self._histograms = deque(((k, tuple(hs)) for k, hs in moments.items()), maxlen=KEPT_HISTOGRAMS)
        self._events = deque(run.events, maxlen=EVENTS)
        self._series = series

    def __repr__(self) -> str:
        return (
            f"Recorder(every={self.every}, diagnostics_every={self.diagnostics_every}, "
            f"histograms_every={self.histograms_every}, limit={self.limit}): {len(self._series)} series"
        )


def norm(a: Any) -> float:
    """Euclidean length of all entries, without overflow on the way.

    Examples
    --------
    >>> norm([3.0, 4.0]), norm([2.0**900])
    (5.0, 8.452712498170644e+270)
    """
    flat = np.asarray(a, np.float64).ravel()
    with np.errstate(all="ignore"):
        square = float(flat @ flat)
        if 1e-280 < square < 1e280 or not flat.size:
            return square**0.5
        largest = float(np.abs(flat).max())
        return largest * float(np.linalg.norm(flat / largest)) if 0 < largest < np.inf else largest


def global_norm(grads: Mapping[Any, Any]) -> float:
    """Euclidean length of all gradients together; a None counts as zero."""
    return norm([norm(g) for g in grads.values() if g is not None])


def _by_path(net: Any, grads: Any) -> dict[str, Any]:
    """Gradients by path, given by path or by Param."""
    if isinstance(grads, dict):
        return {path: grads.get(path, grads.get(p)) for path, p in net.params.items()}
    return {path: grads[p] for path, p in net.params.items()}


def _numbers(
    grads: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], outputs: Mapping[str, Output]
) -> Iterator[tuple[str, float]]:
    lengths = {path: 0.0 if g is None else norm(g) for path, g in grads.items()}
    yield "grad_norm", norm(list(lengths.values()))
    for path, length in lengths.items():
        old = np.asarray(before[path], np.float64)
        was, moved = norm(old), norm(after[path] - old)
        yield f"grad_norm/{path}", length
        yield f"weight_norm/{path}", was
        yield f"update_ratio/{path}", moved / was if was else np.nan
    with np.errstate(all="ignore"):
        for path, output in outputs.items():
            flat = output.flat
            yield f"activation_mean/{path}", float(flat.mean()) if flat.size else np.nan
            yield f"activation_std/{path}", float(flat.std()) if flat.size else np.nan
            if output.dead is not None:
                yield f"dead/{path}", output.dead


def _histograms(
    step: int, grads: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any],
    outputs: Mapping[str, Output],
) -> Iterator[Histogram]:
    for path, g in grads.items():
        for what, a in (("weight", before[path]), ("gradient", g), ("update", after[path] - before[path])):
            yield from _spread(step, path, what, a)
    for path, output in outputs.items():
        yield from _spread(step, path, "activation", output.flat)


def _spread(step: int, name: str, what: str, a: Any) -> Iterator[Histogram]:
    """Histogram of the finite entries; none where there are none, or where they cannot be told apart."""
    flat = np.asarray([] if a is None else a, np.float64).ravel()
    flat = flat[np.isfinite(flat)]
    if flat.size:
        try:
            counts, edges = np.histogram(flat, bins=BINS)
            yield Histogram(step, name, what, edges, counts)
        except ValueError:
            return
