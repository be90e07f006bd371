"""SweepTrace: many trials of optimizers on one problem, one row each, as frozen data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from torchlean_nb.errors import (
    HyperparameterError,
    TraceFormatError,
    UnknownNameError,
    did_you_mean,
    quote,
)
from torchlean_nb.escape import visible
from torchlean_nb.trace.arrays import decode_array, encode_array, same_array
from torchlean_nb.trace.frozen import Written, check_format, freeze, numbers, plain
from torchlean_nb.trace.tables import csv_text, frame

FORMAT = "torchlean_nb.sweep/1"
SHOWN = 3  # different errors
SETTING = ("optimizer", "schedule", "lr")
Column = np.ndarray | tuple[str, ...]
Curve = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class SweepTrace(Written):
    """Trials, one row each; columns are tuples of text and arrays of numbers.

    Parameters
    ----------
    problem : mapping
        Plain data: ``name, kind, unit``.
    columns : mapping of str to sequence
        ``optimizer, rule, lr, schedule, seed, status, best, final, ended, evaluations, order_hash, init_hash, error``,
        and what was measured at the end. A rate of NaN is that of an optimizer without one; trials that failed have
        the status "failed", their error, and NaN.
    curves : iterable of (array_like, array_like), optional
        Of each row places in the problem's unit and losses there.
    meta : mapping
        Plain data: ``status, budget, planned, version``.

    Raises
    ------
    TraceFormatError
        When columns are of different lengths, or one is neither text nor numbers.

    Examples
    --------
    >>> trace = SweepTrace({"name": "sphere"}, {
    ...     "optimizer": ["sgd", "sgd", "adam"], "schedule": ["constant"] * 3, "lr": [0.1, 0.2, 0.1],
    ...     "status": ["finished"] * 3, "best": [0.5, 0.25, 1.0]})
    >>> [(row["optimizer"], row["lr"], row["median"]) for row in trace.ranking()]
    [('sgd', 0.2, 0.25), ('adam', 0.1, 1.0)]
    >>> len(trace.select(optimizer="sgd")), SweepTrace.from_json(trace.to_json()) == trace
    (2, True)
    """

    problem: Mapping[str, Any]
    columns: Mapping[str, Column]
    curves: tuple[Curve, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {str(name): _column(name, values) for name, values in self.columns.items()}
        curves = tuple((numbers(at, "at", np.int64), numbers(loss, "curve")) for at, loss in self.curves)
        lengths = {name: len(values) for name, values in columns.items()} | ({"curves": len(curves)} if curves else {})
        if len({*lengths.values()}) > 1 or any(len(at) != len(loss) for at, loss in curves):
            raise TraceFormatError("trace: columns of a sweep are of different lengths",
                                   ", ".join(f"{name} {n}" for name, n in lengths.items()))  # fmt: skip
        for key, value in (("columns", columns), ("curves", curves), ("problem", freeze(dict(self.problem), "problem")),
                           ("meta", freeze(dict(self.meta)))):  # fmt: skip
            object.__setattr__(self, key, value)

    # -- reading ---------------------------------------------------------------------------
    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> Column:
        """Column by name."""
        if name not in self.columns:
            raise UnknownNameError(f"sweep: no column {quote(name)}", did_you_mean(str(name), self.columns))
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    @property
    def status(self) -> str:
        """``"finished"``, or ``"interrupted"`` where trials are missing."""
        return str(self.meta.get("status", "finished"))

    def row(self, i: int) -> dict[str, Any]:
        """One row as plain Python values."""
        return {name: v[i] if isinstance(v, tuple) else v[i].item() for name, v in self.columns.items()}

    def select(self, **wanted: Any) -> SweepTrace:
        """Rows whose columns have a value, or one of several.

        Raises
        ------
        UnknownNameError
            For a column that is not there.
        """
        keep = np.full(len(self), True)
        for name, value in wanted.items():
            several = value if isinstance(value, list | tuple | set | frozenset | np.ndarray) else [value]
            column = self[name]
            keep &= np.fromiter((v in several for v in column), bool, len(self))
        return self._rows(np.flatnonzero(keep).tolist())

    def _rows(self, some: Sequence[int]) -> SweepTrace:
        columns = {k: tuple(v[i] for i in some) if isinstance(v, tuple) else v[some] for k, v in self.columns.items()}
        return SweepTrace(self.problem, columns, [self.curves[i] for i in some] if self.curves else (), self.meta)

    def ranking(self, by: str = "best", *, highest: bool | None = None) -> list[dict[str, Any]]:
        """Of each optimizer the learning rate and schedule whose median over seeds and starts is best; the best first.

        Parameters
        ----------
        by : str
            A column of numbers.
        highest : bool, optional
            Whether more is better; by default of an accuracy.

        Returns
        -------
        list of dict
            ``optimizer, schedule, lr, median, low, high`` over its ``runs``, ``diverged`` and ``failed`` of them. Runs
            without a number count as the worst.

        Raises
        ------
        UnknownNameError, HyperparameterError
        """
        values = self[by]
        if isinstance(values, tuple):
            raise HyperparameterError(f"sweep: by={quote(by)}", "a column of numbers", 'by="final"')
        highest = by.endswith("accuracy") if highest is None else highest
        sign = -1.0 if highest else 1.0
        signed = np.where(np.isnan(values), np.inf, sign * values)
        groups: dict[tuple[Any, ...], list[int]] = {}
        for i, key in enumerate(zip(*(self[k] for k in SETTING), strict=True)):
            groups.setdefault((*key[:2], _same(key[2])), []).append(i)
        chosen: dict[str, dict[str, Any]] = {}
        for (name, schedule, lr), some in groups.items():
            middle, here = float(np.median(signed[some])), sorted(sign * signed[some])
            status = [self["status"][i] for i in some]
            if name not in chosen or middle < sign * chosen[name]["median"]:
                chosen[name] = {
                    "optimizer": name, "schedule": schedule, "lr": float(lr), "median": sign * middle,
                    "low": float(here[0]), "high": float(here[-1]), "runs": len(some),
                    "diverged": status.count("diverged"), "failed": status.count("failed"),
                }  # fmt: skip
        return sorted(chosen.values(), key=lambda row: sign * row["median"])

    def best(self, by: str = "best", *, highest: bool | None = None) -> dict[str, Any]:
        """The first of the `ranking`.

        Raises
        ------
        UnknownNameError, HyperparameterError
            The latter also when there are no rows.
        """
        found = self.ranking(by, highest=highest)
        if not found:
            raise HyperparameterError("sweep: no trial has finished", "there is no best of none")
        return found[0]

    # -- JSON, tables ----------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        columns = {k: [*v] if isinstance(v, tuple) else encode_array(v) for k, v in self.columns.items()}
        curves = [[encode_array(a) for a in curve] for curve in self.curves]
        return {"format": FORMAT, "problem": plain(self.problem), "columns": columns, "curves": curves,
                "meta": plain(self.meta)}  # fmt: skip

    @classmethod
    def from_dict(cls, data: Any) -> SweepTrace:
        """Sweep from its plain form.

        Raises
        ------
        TraceFormatError
        """
        check_format(data, FORMAT)
        try:
            columns = {k: v if isinstance(v, list) else decode_array(v) for k, v in data["columns"].items()}
            curves = [tuple(map(decode_array, curve)) for curve in data["curves"]]
            return cls(data["problem"], columns, curves, data["meta"])
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            raise TraceFormatError("trace: not a sweep", f"{type(e).__name__}: {e}") from e

    def to_csv(self, path: str | Path | None = None) -> str:
        """The columns as CSV, floats in the shortest form that reads back exactly; also written to `path`.

        A text that a spreadsheet would take for a formula gets an apostrophe in front.
        """
        return csv_text([[*self.columns], *([*self.row(i).values()] for i in range(len(self)))], path)

    def to_frame(self) -> Any:
        """The columns as a pandas DataFrame.

        Raises
        ------
        BackendError
            When pandas is not installed.
        """
        return frame({k: [*v] if isinstance(v, tuple) else v for k, v in self.columns.items()})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SweepTrace) or [*self.columns] != [*other.columns]:
            return False
        pairs = [*zip(self.columns.values(), other.columns.values(), strict=True)]
        if len(self.curves) != len(other.curves) or (self.problem, self.meta) != (other.problem, other.meta):
            return False
        pairs += [p for a, b in zip(self.curves, other.curves, strict=True) for p in zip(a, b, strict=True)]
        return all(a == b if isinstance(a, tuple) or isinstance(b, tuple) else same_array(a, b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    # -- display ---------------------------------------------------------------------------
    def to_text(self) -> str:
        """A table: of each optimizer its best setting, and what came of it over seeds and starts; then the errors."""
        show: dict[str, Callable[[dict[str, Any]], str]] = {
            "optimizer": lambda r: visible(r["optimizer"], 60),
            "lr": lambda r: "-" if r["lr"] != r["lr"] else f"{r['lr']:.4g}",
            "schedule": lambda r: visible(r["schedule"], 60), "median loss": lambda r: f"{r['median']:.6g}",
            "lowest": lambda r: f"{r['low']:.6g}", "highest": lambda r: f"{r['high']:.6g}",
            "runs": lambda r: str(r["runs"]), "diverged": lambda r: str(r["diverged"]),
            "failed": lambda r: str(r["failed"]),
        }  # fmt: skip
        rows = [[*show], *([f(row) for f in show.values()] for row in self.ranking())]
        errors = Counter(e for e in self.columns.get("error", ()) if e).most_common(SHOWN)
        return "\n".join([_table(rows), *(f"{n} failed: {visible(_line(str(e)))}" for e, n in errors)])

    def __repr__(self) -> str:
        planned = self.meta.get("planned", len(self))
        count = f"{len(self)} trials" if planned == len(self) else f"{len(self)} of {planned} trials"
        return f"Sweep on {visible(self.problem.get('name', '?'))}, {count}, {visible(self.status)}\n{self.to_text()}"


def _same(v: Any) -> Any:
    """NaN that equals itself as a key."""
    return v if v == v else np.nan


def _column(name: str, values: Any) -> Column:
    if not isinstance(values, np.ndarray):
        values = [*values]
        if values and all(isinstance(v, str) for v in values):
            return tuple(values)
    whole = np.asarray(values).dtype.kind in "iu"
    return numbers(values, f"column {quote(name)}", np.int64 if whole else np.float64)


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _table(rows: Iterable[Sequence[str]]) -> str:
    rows = [[*map(_line, row)] for row in rows]
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(x.ljust(w) for x, w in zip(row, wide, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)
