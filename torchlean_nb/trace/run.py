"""RunTrace: what a training run was like, as frozen data.

A run has *series* (a number at some steps: loss, learning rate, a metric, a norm per parameter),
*histograms* of arrays at some steps, and *events* in words. A step is the 0-based number of an
update. A series of one layer or parameter is called ``"<what>/<path>"``, as in
``"grad_norm/0.weight"``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from torchlean_nb.errors import TraceFormatError, UnknownNameError, did_you_mean, quote
from torchlean_nb.trace.arrays import decode_array, encode_array
from torchlean_nb.trace.drawn import Drawn
from torchlean_nb.trace.frozen import (
    Written,
    check_format,
    dumps,
    freeze,
    increasing,
    numbers,
    plain,
)
from torchlean_nb.trace.tables import csv_text

if TYPE_CHECKING:
    from torchlean_nb.trace.train_log import TrainLog

FORMAT = "torchlean_nb.run/1"
WHAT = ("weight", "gradient", "update", "activation")
LARGER_IS_BETTER = ("accuracy", "precision", "recall", "f1", "r2")


@dataclass(frozen=True, eq=False)
class Series:
    """A number at increasing steps.

    Parameters
    ----------
    name : str
    steps : array_like of int, shape (n,)
    values : array_like, shape (n,)
        May hold inf and NaN.

    Raises
    ------
    TraceFormatError
        When the lengths differ, the steps do not increase, or something is not a number.
    """

    name: str
    steps: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TraceFormatError(f"trace: a series is called {quote(self.name)}", "a name is text, not empty")
        what = f"series {quote(self.name)}"
        steps = numbers(self.steps, f"steps of {what}", np.int64)
        values = numbers(self.values, f"values of {what}")
        if len(steps) != len(values):
            raise TraceFormatError(f"trace: {what} has {len(steps)} steps for {len(values)} values")
        increasing(steps, what)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        span = f", steps {self.steps[0]} to {self.steps[-1]}, last {self.values[-1]:g}" if len(self) else ""
        return f"Series({quote(self.name)}, n={len(self)}{span})"


@dataclass(frozen=True, eq=False)
class Histogram:
    """How the entries of one array were spread at one step.

    Parameters
    ----------
    step : int
    name : str
        Path of the parameter or layer.
    what : {"weight", "gradient", "update", "activation"}
    edges : array_like, shape (k + 1,)
        Increasing and finite.
    counts : array_like of int, shape (k,)

    Raises
    ------
    TraceFormatError
    """

    step: int
    name: str
    what: str
    edges: np.ndarray
    counts: np.ndarray

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TraceFormatError(f"trace: a histogram is called {quote(self.name)}", "a name is text")
        if self.what not in WHAT:
            raise TraceFormatError(f"trace: a histogram of {quote(self.what)}", f"one of {', '.join(WHAT)}")
        label = f"histogram of {self.what} {quote(self.name)}"
        edges, counts = numbers(self.edges, f"edges of {label}"), numbers(self.counts, f"counts of {label}", np.int64)
        if len(counts) < 1 or len(edges) != len(counts) + 1:
            raise TraceFormatError(f"trace: {label} has {len(edges)} edges for {len(counts)} counts")
        if not np.isfinite(edges).all() or (np.diff(edges) <= 0).any() or (counts < 0).any():
            raise TraceFormatError(f"trace: {label}: edges must increase, counts must not be negative")
        object.__setattr__(self, "step", _step(self.step, label))
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "counts", counts)


@dataclass(frozen=True)
class Event:
    """Something worth a word at one step: ``kind`` is a short tag, ``text`` a sentence."""

    step: int
    kind: str
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", _step(self.step, "event"))
        if not isinstance(self.kind, str) or not isinstance(self.text, str):
            raise TraceFormatError("trace: kind and text of an event must be text")


def _step(step: Any, what: str) -> int:
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or not 0 <= step < 2**63:
        raise TraceFormatError(f"trace: {what} at step {quote(step)}", "a step is a whole number from 0")
    return int(step)


@dataclass(frozen=True, eq=False)
class RunTrace(Written, Drawn):
    """A training run: series, histograms and events.

    Parameters
    ----------
    name : str
    series : mapping or iterable of Series
        ``"loss"`` is the loss before the update.
    histograms : iterable of Histogram
    events : iterable of Event
    meta : mapping
        Plain data: ``model, optimizer, schedule, update, batch_size, seed, dtype, backend, status, version, steps``.

    Raises
    ------
    TraceFormatError
        When something is not what it should be, or two series have one name.

    Examples
    --------
    >>> run = RunTrace("two steps", [Series("loss", [0, 1], [2.0, 0.5])])
    >>> run["loss"].values, run.last("loss"), run.best("loss")
    (array([2. , 0.5]), 0.5, (1, 0.5))
    >>> RunTrace.from_json(run.to_json()) == run
    True
    """

    _kind: ClassVar[str] = "run_"
    name: str
    series: Mapping[str, Series] = field(default_factory=dict)
    histograms: tuple[Histogram, ...] = ()
    events: tuple[Event, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TraceFormatError(f"trace: a run is called {quote(self.name)}", "a name is text")
        if not isinstance(self.meta, Mapping):
            raise TraceFormatError(f"trace: meta is a {type(self.meta).__name__}", "it maps names to plain data")
        given = self.series.items() if isinstance(self.series, Mapping) else (
            (getattr(s, "name", None), s) for s in self.series
        )
        series: dict[str, Series] = {}
        for key, s in given:
            if not isinstance(s, Series) or s.name != key or key in series:
                raise TraceFormatError(f"trace: {quote(key)} is not the name of one series")
            series[key] = s
        for kind, things in ((Histogram, self.histograms), (Event, self.events)):
            if not all(isinstance(t, kind) for t in things):
                raise TraceFormatError(f"trace: expected a sequence of {kind.__name__}")
        object.__setattr__(self, "series", MappingProxyType(series))
        object.__setattr__(self, "histograms", tuple(self.histograms))
        object.__setattr__(self, "events", tuple(self.events))
        object.__setattr__(self, "meta", freeze(dict(self.meta)))

    # -- reading ---------------------------------------------------------------------------
    def __getitem__(self, name: str) -> Series:
        """Series by name."""
        if name not in self.series:
            raise UnknownNameError(f"run: no series {quote(name)}", did_you_mean(str(name), self.series))
        return self.series[name]

    def __contains__(self, name: object) -> bool:
        return name in self.series

    def __iter__(self) -> Iterator[str]:
        return iter(self.series)

    def __len__(self) -> int:
        return len(self.series)

    def names(self) -> tuple[str, ...]:
        """Names of the series, in the order they were recorded."""
        return tuple(self.series)

    def under(self, what: str) -> dict[str, Series]:
        """Series of every layer or parameter, by its path: ``run.under("grad_norm")["0.weight"]``."""
        head = what + "/"
        return {k.removeprefix(head): s for k, s in self.series.items() if k.startswith(head)}

    def last(self, name: str) -> float:
        """Last value of a series, NaN when it is empty."""
        s = self[name]
        return float(s.values[-1]) if len(s) else float("nan")

    def best(self, name: str, mode: str | None = None) -> tuple[int, float]:
        """Step and value of the best point, the earliest of equals; NaN is never best.

        Parameters
        ----------
        name : str
        mode : {"min", "max"}, optional
            By default ``"max"`` where the name speaks of accuracy, precision, recall, F1 or R2, else ``"min"``.

        Raises
        ------
        UnknownNameError
            When there is no such series, no such mode, or no value in it but NaN.
        """
        s = self[name]
        if mode is None:
            mode = "max" if any(word in name.lower() for word in LARGER_IS_BETTER) else "min"
        if mode not in ("min", "max"):
            raise UnknownNameError(f"run: no mode {quote(mode)}", "it is 'min' or 'max'")
        if np.isnan(s.values).all():
            raise UnknownNameError(f"run: {quote(name)} has no best value", f"{len(s)} values, all of them NaN")
        i = int((np.nanargmin if mode == "min" else np.nanargmax)(s.values))
        return int(s.steps[i]), float(s.values[i])

    @property
    def steps(self) -> int:
        """Number of updates: what `meta` says, else one more than the last step of any series."""
        said = self.meta.get("steps")
        ends = (int(s.steps[-1]) + 1 for s in self.series.values() if len(s))
        return said if isinstance(said, int) else max(ends, default=0)

    @property
    def status(self) -> str:
        """``"running"``, ``"finished"``, ``"interrupted"``, ``"stopped early"`` or ``"diverged"``."""
        return str(self.meta.get("status", "finished"))

    # -- JSON ------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        return {
            "format": FORMAT,
            "name": self.name,
            "meta": plain(self.meta),
            "series": [{"name": s.name, "steps": encode_array(s.steps), "values": encode_array(s.values)}
                       for s in self.series.values()],
            "histograms": [{"step": h.step, "name": h.name, "what": h.what, "edges": encode_array(h.edges),
                            "counts": encode_array(h.counts)} for h in self.histograms],
            "events": [{"step": e.step, "kind": e.kind, "text": e.text} for e in self.events],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> RunTrace:
        """Run from its plain form; exact inverse of `to_dict`.

        Raises
        ------
        TraceFormatError
        """
        check_format(d, FORMAT)
        try:
            return cls(
                d["name"],
                tuple(Series(s["name"], decode_array(s["steps"]), decode_array(s["values"])) for s in d["series"]),
                tuple(Histogram(h["step"], h["name"], h["what"], decode_array(h["edges"]), decode_array(h["counts"]))
                      for h in d["histograms"]),
                tuple(Event(e["step"], e["kind"], e["text"]) for e in d["events"]),
                dict(d["meta"]),
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            if isinstance(e, TraceFormatError):
                raise
            raise TraceFormatError("trace: a field is missing or of the wrong type", f"{type(e).__name__}: {e}") from e

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunTrace) and dumps(self.to_dict(), ordered=True) == dumps(
            other.to_dict(), ordered=True
        )

    __hash__ = None

    # -- elsewhere -------------------------------------------------------------------------
    def to_train_log(self, names: Iterable[str] | None = None) -> TrainLog:
        """TorchLean's log of these series, by default of those of the whole run; NaN at steps one of them lacks."""
        from torchlean_nb.trace.train_log import from_run  # noqa: PLC0415 - it knows this module

        return from_run(self, names)

    def to_csv(self, path: str | Path | None = None) -> str:
        """Table with a row per step and a column per series, empty where nothing was recorded; also written to `path`.

        Numbers have the digits that give them back exactly. A name that a spreadsheet would take for a formula gets
        an apostrophe in front.
        """
        steps = np.unique(np.concatenate([np.empty(0, np.int64), *(s.steps for s in self.series.values())]))
        columns = [dict(zip(s.steps.tolist(), s.values.tolist(), strict=True)) for s in self.series.values()]
        rows = ([k, *(c.get(k, "") for c in columns)] for k in steps.tolist())
        return csv_text([["step", *self.series], *rows], path)

    # -- display ---------------------------------------------------------------------------
    def to_html(self, path: str | None = None, **options: Any) -> str:
        """Self-contained dashboard without a kernel or a network; also written to `path`."""
        return self.render("html", path=path, **options)

    def plot(self, **options: Any) -> Any:
        """Matplotlib figure of the curves."""
        return self.render("figure", **options)

    def __repr__(self) -> str:
        return f"RunTrace({quote(self.name)}, {self.steps} steps, {len(self)} series, {self.status})"
