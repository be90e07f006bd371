"""FairTrace: optimizers compared over grids of learning rates and over seeds, as frozen data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from torchlean_nb.errors import TraceFormatError, UnknownNameError, did_you_mean, quote
from torchlean_nb.trace import referee
from torchlean_nb.trace.contest import Contest, Entry
from torchlean_nb.trace.drawn import Drawn
from torchlean_nb.trace.frozen import Written, check_format, freeze, plain
from torchlean_nb.trace.tables import csv_text

__all__ = ["Contest", "Entry", "FairTrace"]
FORMAT = "torchlean_nb.fair/1"


@dataclass(frozen=True, eq=False)
class FairTrace(Written, Drawn):
    """A fair comparison: contests on one problem or several.

    Parameters
    ----------
    contests : iterable of Contest
    meta : mapping
        Plain data: ``grid, ratio, status, version``.

    Examples
    --------
    >>> runs = {"ended": [[-1], [-1]], "evaluations": [[9], [9]]}
    >>> a, b = (Entry(n, n, [0.1, 1.0], [[[4.0, 2.0]], [[4.0, last]]], **runs) for n, last in (("a", 1.0), ("b", 3.0)))
    >>> fair = FairTrace([Contest("bowl", "surface", "steps", [0, 9], [0], 2.0, [b, a])])
    >>> fair["bowl"].ranking(), fair["bowl"]["a"].best_rate, fair["bowl"]["a"].edge
    ({'a': 1, 'b': 2}, 1.0, 'high')
    >>> FairTrace.from_json(fair.to_json()) == fair
    True
    """

    _kind: ClassVar[str] = "fair_"
    contests: tuple[Contest, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        contests = tuple(self.contests)
        if len({getattr(c, "problem", None) for c in contests}) < len(contests):
            raise TraceFormatError("trace: two contests on one problem")
        if not all(isinstance(c, Contest) for c in contests):
            raise TraceFormatError("trace: a fair comparison is made of contests")
        object.__setattr__(self, "contests", contests)
        object.__setattr__(self, "meta", freeze(dict(self.meta)))

    # -- reading ---------------------------------------------------------------------------
    def __getitem__(self, problem: str) -> Contest:
        """Contest by problem."""
        for c in self.contests:
            if c.problem == problem:
                return c
        raise UnknownNameError(f"fair: no problem {quote(problem)}", did_you_mean(str(problem), [*self]))

    def __iter__(self) -> Iterator[str]:
        return (c.problem for c in self.contests)

    def __len__(self) -> int:
        return len(self.contests)

    @property
    def flags(self) -> tuple[referee.Flag, ...]:
        """What a referee has to say."""
        return tuple(flag for c in self.contests for flag in referee.flags(c))

    @property
    def fair(self) -> bool:
        """Whether every contender had the same chances."""
        return not any(f.unfair for f in self.flags)

    @property
    def status(self) -> str:
        """``"finished"`` or ``"interrupted"``."""
        return str(self.meta.get("status", "finished"))

    # -- files -----------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        return {"format": FORMAT, "meta": plain(self.meta), "contests": [c.to_dict() for c in self.contests]}

    @classmethod
    def from_dict(cls, data: Any) -> FairTrace:
        """Comparison from its plain form.

        Raises
        ------
        TraceFormatError
        """
        check_format(data, FORMAT)
        try:
            contests = [Contest.from_dict(c) for c in data["contests"]]
            return cls(contests, data["meta"])
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            raise TraceFormatError("trace: not a fair comparison", f"{type(e).__name__}: {e}") from e

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row for each run: problem, contender, rate, seed, and what came of it."""
        for c in self.contests:
            for e in c.entries:
                loss, to_target, area = (c.scores(e.name, metric) for metric in ("best", "steps", "area"))
                for i, rate in enumerate(e.rates.tolist()):
                    for j, seed in enumerate(c.seeds):
                        yield {
                            "problem": c.problem, "contender": e.name, "rule": e.rule, "rate": rate, "seed": seed,
                            "loss": float(loss[i, j]), "to_target": float(to_target[i, j]), "unit": c.unit,
                            "area": float(area[i, j]), "ended": int(e.ended[i, j]),
                            "evaluations": int(e.evaluations[i, j]),
                        }  # fmt: skip

    def to_csv(self, path: str | Path | None = None) -> str:
        """One line for each run; also written to `path`. A name that a spreadsheet would compute gets an apostrophe."""
        rows = [*self.rows()]
        return csv_text([[*rows[0]], *([*row.values()] for row in rows)] if rows else [], path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FairTrace) and (self.contests, self.meta) == (other.contests, other.meta)

    __hash__ = None

    # -- display ---------------------------------------------------------------------------
    def to_text(self, metric: str = "best") -> str:
        """Leaderboards, what was equal, and what a referee has to say."""
        return self.render("text", metric=metric)

    def plot(self, **options: Any) -> Any:
        """The same as a matplotlib figure."""
        return self.render("figure", **options)

    def __repr__(self) -> str:
        return self.to_text()
