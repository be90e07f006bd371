"""Recorder: what a training run leaves behind, in bounded memory and without touching the run."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import common, host
from torchlean_nb.errors import HyperparameterError, TorchLeanError, TraceFormatError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.trace.run import Event, Histogram, RunTrace
from torchlean_nb.trace.sampling import FEWEST
from torchlean_nb.train.points import SeriesByName
from torchlean_nb.train.probes import Output, probe

LIMIT = 20_000
KEPT_HISTOGRAMS = 200
BINS = 30
FEW, BLOCK = 256, 1 << 15
EVENTS = 1000
OFTEN = 100
# What is known at every update; everything else is kept whenever it is said.
EACH_STEP = frozenset({"loss", "lr", "grad_norm"})
# Sums of squares between these have lost nothing to underflow and are no overflow.
_FINE = {"f": (1e-25, 1e37), "d": (1e-280, 1e280)}


class _Drawn:
    """Histograms of one moment; they become records when someone looks."""

    __slots__ = ("_made", "_raw", "step")

    def __init__(self, step: int, raw: Iterable[tuple[Any, ...]], made: tuple[Histogram, ...] | None = None):
        self.step, self._raw, self._made = step, tuple(raw), made

    @property
    def histograms(self) -> tuple[Histogram, ...]:
        if self._made is None:
            self._made = tuple(_records(self.step, self._raw))
        return self._made


def _records(step: int, raw: Iterable[tuple[Any, ...]]) -> Iterator[Histogram]:
    for fields in raw:
        try:
            yield Histogram(step, *fields)
        except TraceFormatError:  # numbers that lie too close together for edges between them
            continue


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
    diagnostics_every : int, optional
        Norms of gradients and weights, update-to-weight ratios, statistics of activations and dead units. Without a
        number every 10 steps, and ever more rarely in a long run: from step 2000 on about 100 times until the number
        of steps has doubled, so that looking takes ever less of the time.
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
        self, every: int = 1, diagnostics_every: int | None = None, histograms_every: int | None = 100,
        limit: int = LIMIT,
    ):
        whole = Hyper(low=1, kind="int")
        self.every = whole.check("Recorder", "every", every)
        self._thins = diagnostics_every is None
        self.diagnostics_every = whole.check("Recorder", "diagnostics_every", 10 if self._thins else diagnostics_every)
        self.histograms_every = Hyper(low=1, kind="int", none=True).check(
            "Recorder", "histograms_every", histograms_every
        )
        self.limit = Hyper(low=8 * FEWEST + 4, kind="int").check("Recorder", "limit", limit)
        self._series = SeriesByName(self.limit)
        self._histograms: deque[_Drawn] = deque(maxlen=KEPT_HISTOGRAMS)
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
        if step % self.every:
            values = {name: v for name, v in values.items() if name not in EACH_STEP}
        self._series.put(step, values)

    def event(self, step: int, kind: str, text: str = "") -> None:
        """Keep a sentence; the newest 1000 stay."""
        self._events.append(Event(step, kind, text))

    def diagnoses(self, step: int) -> bool:
        """Whether `diagnose` wants to be called for this step, so that the loop keeps the weights before it."""
        return self._measures(step) or self._draws(step)

    def _measures(self, step: int) -> bool:
        every = self.diagnostics_every
        if self._thins:
            every <<= max(0, (step // (OFTEN * every)).bit_length() - 1)
        return step % every == 0

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
        with np.errstate(all="ignore"):
            outputs = self._look(step, runner.net, batch[0], before)
            if self._measures(step):
                self.record(step, _numbers(grads, before, after, outputs))
            drawn = _Drawn(step, _histograms(grads, before, after, outputs)) if self._draws(step) else None
        if drawn:
            if self._histograms and self._histograms[-1].step == step:
                self._histograms[-1] = drawn
            else:
                self._histograms.append(drawn)

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
        series = sorted(self._series.series(), key=lambda s: ("/" in s.name, s.name != "loss"))
        return RunTrace(
            name, series, [h for drawn in list(self._histograms) for h in drawn.histograms], tuple(self._events),
            {**(meta or {}), "status": status},
        )

    def load(self, run: RunTrace) -> None:
        """Go on from a run that was recorded before, with the same options."""
        moments: dict[int, list[Histogram]] = {}
        for h in run.histograms:
            moments.setdefault(h.step, []).append(h)
        self._histograms = deque((_Drawn(k, (), tuple(hs)) for k, hs in moments.items()), maxlen=KEPT_HISTOGRAMS)
        self._events = deque(run.events, maxlen=EVENTS)
        self._series.load(run)

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
    with np.errstate(all="ignore"):
        return _norm(np.asarray(a))


def _norm(a: np.ndarray) -> float:
    flat = a.ravel()
    low, high = _FINE.get(flat.dtype.char, (0, 0))
    square = float(flat.dot(flat)) if high else 0.0
    if low < square < high:
        return math.sqrt(square)
    flat = flat.astype(np.float64)
    largest = float(np.abs(flat).max()) if flat.size else 0.0
    return largest * float(np.linalg.norm(flat / largest)) if 0 < largest < np.inf else largest


def _norms(arrays: list[Any]) -> list[float]:
    """Lengths of arrays; of those of a device all squares cross at once, and whole only what needs more care."""
    there = common(arrays)
    if there is None:
        return [_norm(np.asarray(a)) for a in arrays]
    flat = [a.ravel() for a in arrays if there.owns(a)]
    squares = iter(host(there.np.stack([a.dot(a) for a in flat])).tolist())

    def length(a: Any) -> float:
        square, (low, high) = next(squares) if there.owns(a) else 0.0, _FINE.get(a.dtype.char, (0, 0))
        return math.sqrt(square) if low < square < high else _norm(host(a))

    return [*map(length, arrays)]


def global_norm(grads: Mapping[Any, Any]) -> float:
    """Euclidean length of all gradients together; a None counts as zero."""
    return norm([norm(g) for g in grads.values() if g is not None])


def _by_path(net: Any, grads: Any) -> dict[str, Any]:
    """Gradients by path where they live, given by path or by Param."""
    if isinstance(grads, dict):
        return {path: grads.get(path, grads.get(p)) for path, p in net.params.items()}
    found = grads.aligned([*net.params.values()]) if hasattr(grads, "aligned") else map(grads.get, net.params.values())
    return dict(zip(net.params, found, strict=True))


def _numbers(
    grads: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], outputs: Mapping[str, Output]
) -> dict[str, float]:
    found: dict[str, float] = {"grad_norm": 0.0}
    parts = [a for path, g in grads.items() for a in (
        before[path] if g is None else g, before[path], after[path] - before[path])]  # fmt: skip
    lengths = _norms(parts)
    for (path, g), slope, was, moved in zip(grads.items(), *(lengths[k::3] for k in range(3)), strict=True):
        found[f"grad_norm/{path}"] = 0.0 if g is None else slope
        found[f"weight_norm/{path}"] = was
        found[f"update_ratio/{path}"] = moved / was if was else math.nan
    found["grad_norm"] = _norm(np.array([found[f"grad_norm/{path}"] for path in grads]))
    for path, output in outputs.items():
        found[f"activation_mean/{path}"], found[f"activation_std/{path}"] = output.mean_and_std()
        dead = output.dead
        if dead is not None:
            found[f"dead/{path}"] = dead
    return found


def _histograms(
    grads: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], outputs: Mapping[str, Output]
) -> Iterator[tuple[Any, ...]]:
    for path, g in grads.items():
        for what, a in (("weight", before[path]), ("gradient", g), ("update", after[path] - before[path])):
            yield from _spread(path, what, a)
    for path, output in outputs.items():
        yield from _spread(path, "activation", output.flat)


def _spread(name: str, what: str, a: Any) -> Iterator[tuple[Any, ...]]:
    """Histogram of the finite entries; none where there are none, or where they cannot be told apart."""
    flat = np.asarray([] if a is None else host(a)).ravel()
    flat = flat if flat.dtype.char in _FINE else flat.astype(np.float64)
    if flat.size and not math.isfinite(flat.dot(flat)):
        flat = flat[np.isfinite(flat)]
    if flat.size:
        yield name, what, *_counted(flat)


def _counted(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges and counts as `numpy.histogram` has them, in a third of the time.

    Of many numbers one that lies on an edge, up to rounding, may be counted on either side.
    """
    low, high = float(flat.min()), float(flat.max())
    low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
    edges = np.linspace(low, high, BINS + 1)
    scale = BINS / (high - low) if low < high else math.inf
    if flat.size <= FEW or not 1e-30 < scale < 1e30:
        return edges, np.bincount(np.searchsorted(edges[1:-1], flat, "right"), minlength=BINS)
    counts = np.zeros(BINS + 1, np.int64)
    for i in range(0, flat.size, BLOCK):
        part = flat[i : i + BLOCK] - low
        part *= scale
        counts += np.bincount(part.astype(np.intp), minlength=BINS + 1)
    counts[BINS - 1] += counts[BINS]  # the largest numbers
    return edges, counts[:BINS]
