"""TorchLean's training logs, read and written as it does.

The JSON is ``{"title", "steps", "series": [{"name", "values", "color"}], "notes"}``: finite numbers as numbers,
others as ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``. Reading is lenient where TorchLean is (title, steps and
notes that are not what they should be fall back to their defaults) and strict about the series.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from torchlean_nb.errors import TraceFormatError, quote
from torchlean_nb.files import read_text, write
from torchlean_nb.trace.frozen import numbers
from torchlean_nb.trace.run import RunTrace
from torchlean_nb.trace.run import Series as RunSeries

SERIES_COLOR, CURVE_COLOR = "#0a7", "#4e79a7"
COLORS = (CURVE_COLOR, "#f28e2b", "#e15759", "#59a14f", "#76b7b2")
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_NUMBER = re.compile(r"\s*-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True, eq=False)
class Series:
    """Values of one metric, and the colour that viewers draw it in."""

    name: str
    values: np.ndarray = ()
    color: str = SERIES_COLOR

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", numbers(self.values, f"values of {quote(self.name)}"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Series) and json.dumps(self.to_dict()) == json.dumps(other.to_dict())

    __hash__ = None

    def to_dict(self) -> dict[str, Any]:
        """Plain form, keys in TorchLean's order."""
        return {"color": self.color, "name": self.name, "values": [_word(v) for v in self.values.tolist()]}

    @classmethod
    def from_dict(cls, d: Any) -> Series:
        """Series from its plain form.

        Raises
        ------
        TraceFormatError
            In TorchLean's words.
        """
        if not isinstance(d, Mapping):
            raise TraceFormatError("TrainLog JSON: series expected object: object expected")
        for name in ("name", "values"):
            if name not in d:
                raise TraceFormatError(f"TrainLog JSON: series missing field `{name}`.")
        color = d.get("color", SERIES_COLOR)
        for field, value in (("name", d["name"]), ("color", color)):
            if not isinstance(value, str):
                raise TraceFormatError(f"TrainLog JSON: series.{field} expected String: String expected")
        where = f"series({d['name']}).values"
        if not isinstance(d["values"], list):
            raise TraceFormatError(f"TrainLog JSON: `{where}` expected an array: array expected")
        return cls(d["name"], [_number(where, v) for v in d["values"]], color)


@dataclass(frozen=True)
class TrainLog:
    """Curves of a training run with a title and notes.

    Parameters
    ----------
    title : str
    steps : tuple of int
        Empty where the steps are 0, 1, 2, ...
    series : tuple of Series
    notes : tuple of str

    Examples
    --------
    >>> log = TrainLog.before_after_loss("moons", 100, 0.7, 0.1)
    >>> log.to_json()
    '{"notes":[],"series":[{"color":"#4e79a7","name":"loss","values":[0.7,0.1]}],"steps":[0,100],"title":"moons"}'
    >>> TrainLog.from_json(log.to_json()) == log
    True
    """

    title: str = "Training"
    steps: tuple[int, ...] = ()
    series: tuple[Series, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("steps", "series", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @classmethod
    def before_after_loss(
        cls, title: str, steps: int, before: float, after: float, notes: Iterable[str] = (), color: str = CURVE_COLOR
    ) -> TrainLog:
        """Log of two points: the loss before training, and after `steps` updates."""
        return cls(title, (0, steps), (Series("loss", [before, after], color),), tuple(notes))

    # -- JSON ------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain form, keys in TorchLean's order."""
        series = [s.to_dict() for s in self.series]
        return {"notes": list(self.notes), "series": series, "steps": list(self.steps), "title": self.title}

    def to_json(self, pretty: bool = False) -> str:
        """JSON text."""
        style = {"indent": 2} if pretty else {"separators": (",", ":")}
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, **style)

    @classmethod
    def from_dict(cls, d: Any, strict: bool = False) -> TrainLog:
        """Log from its plain form; `strict` refuses what TorchLean replaces by a default.

        Raises
        ------
        TraceFormatError
            In TorchLean's words.
        """
        if not isinstance(d, Mapping):
            raise TraceFormatError("TrainLog JSON: train log expected object: object expected")
        series = d.get("series", [])
        if not isinstance(series, list):
            raise TraceFormatError("TrainLog JSON: `series` expected array: array expected")
        series = tuple(Series.from_dict(s) for s in series)
        title, steps, notes = d.get("title", "Training"), d.get("steps", []), d.get("notes", [])
        wrong, wrong_notes = wrong_entries("steps", steps, natural=True), wrong_entries("notes", notes)
        if strict:
            ragged = [s for s in series if steps and len(s.values) != len(steps)]
            why = wrong or wrong_notes
            if not isinstance(title, str):
                why = "TrainLog JSON: `title` expected String: String expected"
            elif ragged and not why:
                name = quote(ragged[0].name)
                why = f"TrainLog JSON: series {name} has {len(ragged[0].values)} values for {len(steps)} steps"
            if why:
                raise TraceFormatError(why)
        return cls(
            title if isinstance(title, str) else "Training", () if wrong else tuple(steps), series,
            () if wrong_notes else tuple(notes),
        )

    @classmethod
    def from_json(cls, text: str, strict: bool = False) -> TrainLog:
        """Log from JSON text."""
        return cls.from_dict(parse(text), strict)

    def write(self, path: str | Path, pretty: bool = True) -> None:
        """Write the JSON to a file, which takes the place of one that is there."""
        write(path, self.to_json(pretty) + "\n")

    @classmethod
    def read(cls, path: str | Path, strict: bool = False) -> TrainLog:
        """Log from a JSON file."""
        return cls.from_json(read_text(path), strict)

    # -- runs ------------------------------------------------------------------------------
    def to_run(self) -> RunTrace:
        """The log as a run; notes and colours go to its meta.

        Raises
        ------
        TraceFormatError
            When two series have one name, steps do not increase, or their number differs from that of the values.
        """
        series = [RunSeries(s.name, self.steps or range(len(s.values)), s.values) for s in self.series]
        return RunTrace(
            self.title, series, meta={"notes": self.notes, "colors": {s.name: s.color for s in self.series}}
        )

    def __repr__(self) -> str:
        return f"TrainLog({quote(self.title)}: {len(self.steps)} steps of {len(self.series)} series)"

    def to_text(self) -> str:
        """Table of the series, and the notes."""
        return "\n".join([self.to_run().to_text(), *(quote(note, 200) for note in self.notes)])

    def show(self, **options: Any) -> Any:
        """The dashboard of the log, for the last line of a cell."""
        return self.to_run().show(**options)


def from_run(run: RunTrace, names: Iterable[str] | None = None) -> TrainLog:
    """Log of some series of a run, by default of those that are not of one layer."""
    chosen = [run[n] for n in ([n for n in run if "/" not in n] if names is None else names)]
    steps = sorted({int(k) for s in chosen for k in s.steps})
    said = run.meta.get("colors", {})
    rows = [dict(zip(s.steps.tolist(), s.values.tolist(), strict=True)) for s in chosen]
    notes = run.meta.get("notes")
    if notes is None:
        notes = RunInfo(name=run.name, config=tuple((k, str(v)) for k, v in run.meta.items())).to_notes()
    return TrainLog(
        run.name, tuple(steps),
        tuple(
            Series(s.name, [row.get(k, math.nan) for k in steps], said.get(s.name, COLORS[i % len(COLORS)]))
            for i, (s, row) in enumerate(zip(chosen, rows, strict=True))
        ),
        notes,
    )


@dataclass(frozen=True)
class RunInfo:
    """What a run is called and how it was made."""

    project: str = "torchlean"
    name: str = ""
    run_id: str = ""
    group: str = ""
    tags: tuple[str, ...] = ()
    config: tuple[tuple[str, str], ...] = ()

    def to_notes(self) -> tuple[str, ...]:
        """One note each for what is said."""
        named = (("run_name", self.name), ("run_id", self.run_id), ("group", self.group), ("tags", ",".join(self.tags)))
        said = [f"{key}={value}" for key, value in named if value]
        return (f"project={self.project}", *said, *(f"config.{k}={v}" for k, v in self.config))


def parse(text: str) -> Any:
    """Data of JSON text, constants that are not JSON refused.

    Raises
    ------
    TraceFormatError
        In TorchLean's words.
    """

    def refuse(word: str) -> Any:
        raise ValueError(f"unexpected {word}")

    try:
        return json.loads(text, parse_constant=refuse)
    except (TypeError, ValueError, RecursionError) as e:
        raise TraceFormatError(f"TrainLog JSON: parse error: {e}") from e


def _word(v: float) -> float | str:
    return v if math.isfinite(v) else "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"


def _number(field: str, v: Any) -> float:
    if isinstance(v, int | float) and not isinstance(v, bool):
        return _float(v)
    if not isinstance(v, str):
        raise TraceFormatError(f"Metric JSON: `{field}` expected a number.")
    if v not in _WORDS and not _NUMBER.fullmatch(v):
        raise TraceFormatError(f"Metric JSON: `{field}` expected a number, got string `{v}`.")
    return _WORDS[v] if v in _WORDS else float(v)


def _float(v: float) -> float:
    try:
        return float(v)
    except OverflowError:
        return math.inf if v > 0 else -math.inf


def _is_natural(v: Any) -> bool:
    return isinstance(v, int) and not isinstance(v, bool) and v >= 0


def wrong_entries(field: str, value: Any, natural: bool = False) -> str | None:
    """What is wrong with an array of natural numbers or of text, in TorchLean's words."""
    if not isinstance(value, list):
        return f"Metric/artifact JSON: `{field}` expected an array: array expected"
    if all(_is_natural(v) if natural else isinstance(v, str) for v in value):
        return None
    kind, expected = ("Nat", "Natural number") if natural else ("String", "String")
    return f"Metric/artifact JSON: `{field}` expected {kind} entries: {expected} expected"
