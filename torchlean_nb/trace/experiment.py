"""TorchLean's ways to gather a training log: a curve, a table of metrics, an experiment, and where it is written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from torchlean_nb.errors import DataError, quote
from torchlean_nb.trace.train_log import CURVE_COLOR, RunInfo, Series, TrainLog


@dataclass(frozen=True)
class Curve:
    """One metric over steps; `push` gives a new one.

    Examples
    --------
    >>> Curve().push(0, 2.0).push(10, 1.0).to_train_log("run", "loss").steps
    (0, 10)
    """

    steps: tuple[int, ...] = ()
    values: tuple[float, ...] = ()

    def push(self, step: int, value: float) -> Curve:
        """With one more point."""
        return Curve((*self.steps, step), (*self.values, value))

    def to_train_log(
        self, title: str, series_name: str, color: str = CURVE_COLOR, notes: Iterable[str] = ()
    ) -> TrainLog:
        """Log of this curve."""
        return TrainLog(title, self.steps, (Series(series_name, self.values, color),), tuple(notes))


@dataclass(frozen=True)
class MetricHistory:
    """Several metrics over the same steps.

    Examples
    --------
    >>> history = MetricHistory.empty([("loss", "#4e79a7"), ("accuracy", "#f28e2b")])
    >>> history.push(0, [0.7, 0.5]).series[1].values
    array([0.5])
    """

    steps: tuple[int, ...] = ()
    series: tuple[Series, ...] = ()

    @classmethod
    def empty(cls, metrics: Iterable[tuple[str, str]]) -> MetricHistory:
        """History without rows, for pairs of a name and a colour."""
        return cls((), tuple(Series(name, (), color) for name, color in metrics))

    def push(self, step: int, values: Iterable[float], ragged: str = "raise") -> MetricHistory:
        """With one more row, a value per metric.

        Raises
        ------
        DataError
            When the row is of another length; ``ragged="ignore"`` drops such a row in silence, as TorchLean does.
        """
        values = tuple(values)
        if len(values) != len(self.series):
            if ragged == "ignore":
                return self
            raise DataError(
                f"MetricHistory: a row of {len(values)} values for {len(self.series)} metrics",
                ", ".join(quote(s.name) for s in self.series[:8]) or "none",
            )
        rows = zip(self.series, values, strict=True)
        return MetricHistory((*self.steps, step), tuple(replace(s, values=np.append(s.values, v)) for s, v in rows))

    def to_train_log(self, title: str, notes: Iterable[str] = ()) -> TrainLog:
        """Log of this history."""
        return TrainLog(title, self.steps, self.series, tuple(notes))


@dataclass(frozen=True)
class Artifact:
    """A file that belongs to a run."""

    name: str
    path: str
    kind: str = "file"
    description: str = ""

    def to_note(self) -> str:
        """The note that stands for it in a log."""
        kind, what = (f" {key}={value}" if value else "" for key, value in
                      (("kind", self.kind), ("desc", self.description)))  # fmt: skip
        return f"artifact.{self.name}={self.path}{kind}{what}"


@dataclass(frozen=True)
class ExperimentLog:
    """A run with its metrics, files and notes.

    Examples
    --------
    >>> log = ExperimentLog(RunInfo(name="mlp")).log(0, "loss", 0.7).log(0, "accuracy", 0.5).log(1, "loss", 0.6)
    >>> [s.values.tolist() for s in log.to_train_log().series]
    [[0.7, 0.6], [0.5, nan]]
    """

    run: RunInfo = field(default_factory=RunInfo)
    history: MetricHistory = field(default_factory=MetricHistory)
    artifacts: tuple[Artifact, ...] = ()
    notes: tuple[str, ...] = ()

    def log(self, step: int, name: str, value: float, color: str = CURVE_COLOR) -> ExperimentLog:
        """With one more number. Numbers of one step share a row; where a metric says nothing there is NaN."""
        h = self.history
        same = bool(h.steps) and h.steps[-1] == step
        steps = h.steps if same else (*h.steps, step)
        series = list(h.series)
        if name not in [s.name for s in series]:
            series.append(Series(name, [math.nan] * len(h.steps), color))
        for i, s in enumerate(series):
            row = np.append(s.values, [math.nan] * (len(steps) - len(s.values)))
            if s.name == name:
                row[-1] = value
            series[i] = replace(s, values=row)
        return replace(self, history=MetricHistory(steps, tuple(series)))

    def to_train_log(self, title: str = "") -> TrainLog:
        """Log whose notes carry everything else."""
        notes = (*self.run.to_notes(), *self.notes, *(a.to_note() for a in self.artifacts))
        return self.history.to_train_log(title or self.run.name or "Training", notes)


@dataclass(frozen=True)
class LogDestination:
    """Where a log goes: a JSON file, or nowhere.

    Examples
    --------
    >>> LogDestination.parse(" Off ").enabled, LogDestination.parse("run.json").path.name
    (False, 'run.json')
    """

    path: Path | None = None

    @classmethod
    def parse(cls, value: str) -> LogDestination:
        """Destination of a command-line value: nowhere for false, off, none, no and disabled, else a path."""
        return cls(None if value.strip().lower() in ("false", "off", "none", "no", "disabled") else Path(value))

    @property
    def enabled(self) -> bool:
        """Whether anything is written."""
        return self.path is not None

    def write(self, log: TrainLog | ExperimentLog, pretty: bool = True) -> None:
        """Write a log there, if anywhere."""
        if self.path is not None:
            (log.to_train_log() if isinstance(log, ExperimentLog) else log).write(self.path, pretty)
