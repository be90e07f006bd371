"""RaceTrace: paths of optimizers over a surface, as frozen data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.copies import Remade
from torchlean_nb.errors import TraceFormatError, UnknownNameError, did_you_mean, quote
from torchlean_nb.escape import visible
from torchlean_nb.outputs import shown
from torchlean_nb.trace.arrays import decode_array, encode_array, same_array
from torchlean_nb.trace.drawn import Drawn
from torchlean_nb.trace.frozen import (
    Written,
    check_format,
    freeze,
    increasing,
    numbers,
    plain,
)
from torchlean_nb.trace.tables import csv_text, frame

FORMAT = "torchlean_nb.race/1"


@dataclass(frozen=True, eq=False)
class Track(Remade):
    """Paths of one contender, one for each start or each value of a hyperparameter.

    Parameters
    ----------
    name : str
    rule : str
        Name of its row.
    positions : array_like, shape (recorded, 2, n)
    losses : array_like, shape (recorded, n)
        Values of the surface at the positions.
    ended : array_like of int, shape (n,), optional
        Step that left all bounds or gave no number, after which a path stays where it was; -1 of those that went on.
    hypers : mapping
        Plain data; a tuple holds one value for each path.
    evaluations : array_like of int, shape (n,), optional
        How often each path asked for the surface, a value, a gradient or both at once; -1 where nobody counted.

    Raises
    ------
    TraceFormatError
        When the shapes do not fit.
    """

    name: str
    rule: str
    positions: np.ndarray
    losses: np.ndarray
    ended: np.ndarray = None  # type: ignore[assignment]
    hypers: Mapping[str, Any] = field(default_factory=dict)
    evaluations: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.rule, str):
            raise TraceFormatError(f"trace: a track is called {quote(self.name)}", "a name is text")
        where, losses = (
            numbers(a, f"{what} of {quote(self.name)}", np.float32 if _is_short(a) else np.float64, ndim)
            for a, what, ndim in ((self.positions, "positions", 3), (self.losses, "losses", 2))
        )
        count = losses.shape[1]
        none = np.full(count, -1)
        ended = numbers(none if self.ended is None else self.ended, "ended", np.int64)
        asked = numbers(none if self.evaluations is None else self.evaluations, "evaluations", np.int64)
        if where.shape != (len(losses), 2, count) or {ended.shape, asked.shape} != {(count,)}:
            raise TraceFormatError(f"trace: {quote(self.name)}: positions {where.shape}, losses {losses.shape}, "
                                   f"ended {ended.shape}, evaluations {asked.shape} do not fit")  # fmt: skip
        for key, value in (("positions", where), ("losses", losses), ("ended", ended), ("evaluations", asked)):
            object.__setattr__(self, key, value)
        object.__setattr__(self, "hypers", freeze(dict(self.hypers), "hypers"))

    def __len__(self) -> int:
        """Number of paths."""
        return self.losses.shape[1]

    @property
    def final(self) -> np.ndarray:
        """Where the paths ended, shape (2, n)."""
        return self.positions[-1]

    @property
    def best(self) -> np.ndarray:
        """Lowest recorded loss of each path; NaN where there is none."""
        return np.fmin.reduce(self.losses, axis=0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Track):
            return False
        named, arrays = ("name", "rule", "hypers"), ("positions", "losses", "ended", "evaluations")
        same = all(getattr(self, k) == getattr(other, k) for k in named)
        return same and all(same_array(getattr(self, k), getattr(other, k)) for k in arrays)

    __hash__ = None


@dataclass(frozen=True, eq=False)
class RaceTrace(Written, Drawn):
    """A race: what ran, on which surface, and the paths.

    Parameters
    ----------
    surface : mapping
        Plain data: ``name, numbers, latex, domain, goals, lowest, noise``.
    steps : array_like of int, shape (recorded,)
        Numbers of updates before each record.
    tracks : iterable of Track
    meta : mapping
        Plain data: ``steps, seed, dtype, status, version``.
    source : tuple, optional
        The surface and the contenders themselves, for pictures and further races; no part of the plain form.

    Raises
    ------
    TraceFormatError
        When a track does not fit, or two have one name.

    Examples
    --------
    >>> track = Track("sgd", "sgd", [[[1.0], [2.0]], [[0.5], [1.0]]], [[5.0], [1.25]])
    >>> race = RaceTrace({"name": "sphere"}, [0, 1], [track])
    >>> race["sgd"].final.tolist(), race.steps_to(2.0)["sgd"].tolist()
    ([[0.5], [1.0]], [1])
    >>> RaceTrace.from_json(race.to_json()) == race
    True
    """

    _kind: ClassVar[str] = "race_"
    surface: Mapping[str, Any]
    steps: np.ndarray
    tracks: tuple[Track, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    source: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        steps = numbers(self.steps, "steps", np.int64)
        increasing(steps, "a race")
        tracks, names = tuple(self.tracks), set()
        for t in tracks:
            if not isinstance(t, Track) or t.name in names:
                raise TraceFormatError(f"trace: {quote(getattr(t, 'name', t))} is not the name of one track")
            if len(t.losses) != len(steps):
                raise TraceFormatError(f"trace: {quote(t.name)} has {len(t.losses)} records for {len(steps)} steps")
            names.add(t.name)
        for key, value in (("steps", steps), ("tracks", tracks), ("surface", freeze(dict(self.surface), "surface")),
                           ("meta", freeze(dict(self.meta)))):  # fmt: skip
            object.__setattr__(self, key, value)

    # -- reading ---------------------------------------------------------------------------
    def __getitem__(self, name: str) -> Track:
        """Track by name."""
        for t in self.tracks:
            if t.name == name:
                return t
        raise UnknownNameError(f"race: no contender {quote(name)}", did_you_mean(str(name), [*self]))

    def __iter__(self) -> Iterator[str]:
        return (t.name for t in self.tracks)

    def __len__(self) -> int:
        return len(self.tracks)

    def steps_to(self, target: float) -> dict[str, np.ndarray]:
        """First recorded step at which each path is at or below a loss; -1 where none is."""
        out = {}
        for t in self.tracks:
            there = t.losses <= target
            out[t.name] = np.where(there.any(axis=0), self.steps[there.argmax(axis=0)], -1)
        return out

    @property
    def status(self) -> str:
        """``"finished"`` or ``"interrupted"``."""
        return str(self.meta.get("status", "finished"))

    # -- JSON ------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        return {
            "format": FORMAT, "surface": plain(self.surface), "steps": self.steps.tolist(), "meta": plain(self.meta),
            "tracks": [
                {"name": t.name, "rule": t.rule, "hypers": plain(t.hypers), "ended": t.ended.tolist(),
                 "evaluations": t.evaluations.tolist(), "positions": encode_array(t.positions),
                 "losses": encode_array(t.losses)} for t in self.tracks
            ],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Any) -> RaceTrace:
        """Race from its plain form.

        Raises
        ------
        TraceFormatError
        """
        check_format(data, FORMAT)
        try:
            tracks = [
                Track(t["name"], t["rule"], decode_array(t["positions"]), decode_array(t["losses"]), t["ended"],
                      t["hypers"], t.get("evaluations")) for t in data["tracks"]
            ]  # fmt: skip
            for name in ("noise", "lowest"):
                float(data["surface"].get(name, 0.0))  # they are drawn with
            return cls(data["surface"], data["steps"], tracks, data["meta"])
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as e:
            raise TraceFormatError("trace: not a race", f"{type(e).__name__}: {e}") from e

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RaceTrace) and same_array(self.steps, other.steps) and (
            self.surface, self.tracks, self.meta) == (other.surface, other.tracks, other.meta)  # fmt: skip

    __hash__ = None

    # -- tables ------------------------------------------------------------------------------
    def to_csv(self, path: str | Path | None = None) -> str:
        """Table with a row for every record of every path; also written to `path`.

        Numbers have the digits that give them back exactly. A name that a spreadsheet would take for a formula gets
        an apostrophe in front.
        """
        columns = self._columns()
        return csv_text([[*columns], *zip(*columns.values(), strict=True)], path)

    def to_frame(self) -> Any:
        """The same table as a pandas DataFrame.

        Raises
        ------
        BackendError
            Without pandas.
        """
        return frame(self._columns())

    def _columns(self) -> dict[str, list[Any]]:
        """Columns of the table: contender, path, step, x, y, loss."""
        out: dict[str, list[Any]] = {k: [] for k in ("contender", "path", "step", "x", "y", "loss")}
        for t in self.tracks:
            for i in range(len(t)):
                values = (t.positions[:, 0, i], t.positions[:, 1, i], t.losses[:, i])
                out["contender"] += [t.name] * len(self.steps)
                out["path"] += [i] * len(self.steps)
                out["step"] += self.steps.tolist()
                for k, v in zip("x y loss".split(), values, strict=True):
                    out[k] += v.tolist()
        return out

    # -- display ---------------------------------------------------------------------------
    def to_html(self, path: str | Path | None = None, **options: Any) -> str:
        """Page that scrubs and toggles without a kernel or a network; also written to `path`."""
        return self.render("html", path=path, **options)

    def to_gif(self, path: str | Path, **options: Any) -> None:
        """Write the race as an animation."""
        self.render("gif", path=path, **options)

    def to_png(self, path: str | Path, **options: Any) -> None:
        """Write the picture of a step."""
        self.render("png", path=path, **options)

    def plot(self, **options: Any) -> Any:
        """Matplotlib figure of the map and the losses, or the map alone on the given ``ax``."""
        return self.render("figure", **options)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        shown()
        text = {"text/plain": repr(self)}
        return text if not len(self) else {"image/svg+xml": self.to_svg(), **text}

    def __repr__(self) -> str:
        last = int(self.steps[-1]) if len(self.steps) else 0
        head = ("contender", "paths", "best loss", "last loss", "where", "ended early")
        table = _table([head, *map(_row, self.tracks)])
        return f"Race on {visible(self.surface.get('name', '?'))}, {last} steps, {visible(self.status)}\n{table}"


def _row(t: Track) -> tuple[str, ...]:
    """Of a contender where it came to, its lowest loss, and how many paths ended early."""
    out = int((t.ended >= 0).sum())
    i = int(np.nanargmin(t.best)) if np.isfinite(t.best).any() else 0
    early = f"at step {t.ended[0]}" if len(t) == 1 and out else f"{out} of {len(t)}" if out else "none"
    x, y = t.final[:, i]
    return quote(t.name)[1:-1], str(len(t)), f"{t.best[i]:.6g}", f"{t.losses[-1, i]:.6g}", f"({x:.6g}, {y:.6g})", early


def _is_short(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype == np.float32


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    rows = list(rows)
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(x.ljust(w) for x, w in zip(row, wide, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)
