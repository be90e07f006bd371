"""Entry and Contest: what optimizers did on one problem, at every learning rate and with every seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from torchlean_nb.copies import Remade
from torchlean_nb.errors import TraceFormatError, UnknownNameError, did_you_mean, quote
from torchlean_nb.trace import judging
from torchlean_nb.trace.arrays import decode_array, encode_array, same_array
from torchlean_nb.trace.frozen import freeze, increasing, numbers, plain

_ARRAYS = ("rates", "curves", "ended", "evaluations")


@dataclass(frozen=True, eq=False)
class Entry(Remade):
    """What one contender did on one problem, at every rate and with every seed.

    Parameters
    ----------
    name, rule : str
    rates : array_like, shape (rates,)
        Learning rates, increasing; NaN alone for a rule that has none.
    curves : array_like, shape (rates, seeds, records)
        Losses on the way.
    ended : array_like of int, shape (rates, seeds)
        Update with which a run diverged, -1 of those that went on.
    evaluations : array_like of int, shape (rates, seeds)
        Gradients computed.
    starts, orders : tuple of str
        For each seed a fingerprint of the first parameters, and of the order of the data.
    hypers : mapping
        The other hyperparameters.

    Raises
    ------
    TraceFormatError
        When the shapes do not fit.
    """

    name: str
    rule: str
    rates: np.ndarray
    curves: np.ndarray
    ended: np.ndarray
    evaluations: np.ndarray
    starts: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    hypers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.rule, str):
            raise TraceFormatError(f"trace: a contender is called {quote(self.name)}", "a name is text")
        said = f"of {quote(self.name, 40)}"
        kinds = ((np.float64, 1), (np.float64, 3), (np.int64, 2), (np.int64, 2))
        for key, (dtype, ndim) in zip(_ARRAYS, kinds, strict=True):
            object.__setattr__(self, key, numbers(getattr(self, key), f"{key} {said}", dtype, ndim))
        shape = self.curves.shape
        if not (len(self.rates) == shape[0] > 0 < shape[1] and shape[2] > 0 and
                self.ended.shape == self.evaluations.shape == shape[:2]):  # fmt: skip
            raise TraceFormatError(f"trace: {len(self.rates)} rates, curves {shape}, ended {self.ended.shape}, "
                                   f"evaluations {self.evaluations.shape} {said} do not fit")  # fmt: skip
        if len(self.rates) > 1 and not (np.diff(self.rates) > 0).all():
            raise TraceFormatError(f"trace: the rates {said} must increase")
        for key in ("starts", "orders"):
            object.__setattr__(self, key, tuple(map(str, getattr(self, key))))
            if len(getattr(self, key)) not in (0, shape[1]):
                raise TraceFormatError(f"trace: {len(getattr(self, key))} {key} {said} for {shape[1]} seeds")
        object.__setattr__(self, "hypers", freeze(dict(self.hypers), "hypers"))

    @property
    def losses(self) -> np.ndarray:
        """Last losses, shape (rates, seeds); infinity of runs that diverged."""
        return judging.final(self.curves, self.ended)

    @property
    def edge(self) -> str:
        """``"low"`` or ``"high"`` when the best rate is at that end of the grid, else ``""``."""
        return judging.edge(self.losses)

    @property
    def band(self) -> tuple[float, float]:
        """Quartiles over the rates of the median loss."""
        return judging.band(self.losses)

    @property
    def best_rate(self) -> float:
        """Rate with the lowest median loss; NaN where every rate diverged."""
        i = judging.best_rate(self.losses)
        return float(self.rates[i]) if i >= 0 else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        named = {"name": self.name, "rule": self.rule, "starts": [*self.starts], "orders": [*self.orders]}
        return named | {"hypers": plain(self.hypers)} | {k: encode_array(getattr(self, k)) for k in _ARRAYS}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Entry:
        """Inverse of `to_dict`."""
        return cls(**d | {k: decode_array(d[k]) for k in _ARRAYS})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return False
        named = ("name", "rule", "starts", "orders", "hypers")
        same = all(getattr(self, k) == getattr(other, k) for k in named)
        return same and all(same_array(getattr(self, k), getattr(other, k)) for k in _ARRAYS)

    __hash__ = None


@dataclass(frozen=True, eq=False)
class Contest(Remade):
    """All contenders on one problem.

    Parameters
    ----------
    problem, kind : str
        Its name; ``"surface"`` or ``"network"``.
    unit : str
        What `at` counts: ``"steps"`` or ``"epochs"``.
    at : array_like of int, shape (records,)
    seeds : tuple of int
    target : float
    entries : iterable of Entry

    Raises
    ------
    TraceFormatError
    """

    problem: str
    kind: str
    unit: str
    at: np.ndarray
    seeds: tuple[int, ...]
    target: float
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        for said in (self.problem, self.kind, self.unit):
            if not isinstance(said, str):
                raise TraceFormatError(f"trace: a contest is called {quote(said)}", "problem, kind and unit are text")
        at = numbers(self.at, "times", np.int64)
        increasing(at, "a contest")
        entries, seeds, names = tuple(self.entries), tuple(map(int, self.seeds)), set()
        for e in entries:
            if not isinstance(e, Entry) or e.name in names:
                raise TraceFormatError(f"trace: {quote(getattr(e, 'name', e))} is not the name of one contender")
            if e.curves.shape[1:] != (len(seeds), len(at)):
                raise TraceFormatError(f"trace: curves of {quote(e.name)} have shape {e.curves.shape} for "
                                       f"{len(seeds)} seeds and {len(at)} records")  # fmt: skip
            names.add(e.name)
        object.__setattr__(self, "target", float(numbers(self.target, "target", ndim=0)))
        for key, value in (("at", at), ("entries", entries), ("seeds", seeds), ("_values", {}), ("_rankings", {})):
            object.__setattr__(self, key, value)

    def __getitem__(self, name: str) -> Entry:
        """Contender by name."""
        for e in self.entries:
            if e.name == name:
                return e
        raise UnknownNameError(f"fair: no contender {quote(name)}", did_you_mean(str(name), [*self]))

    def __iter__(self) -> Iterator[str]:
        return (e.name for e in self.entries)

    @property
    def budget(self) -> int:
        """Steps or epochs that every run had."""
        return int(self.at[-1])

    def scores(self, name: str, metric: str = "best") -> np.ndarray:
        """What a metric says of each run, lower is better, shape (rates, seeds)."""
        e = self[name]
        _known(metric)
        if metric == "steps":
            return judging.reached(e.curves, self.at, self.target)
        return judging.area(e.curves, self.at, e.ended) if metric == "area" else e.losses

    def values(self, metric: str = "best") -> dict[str, np.ndarray]:
        """One number for each seed and contender."""
        if _known(metric) not in self._values:
            self._values[metric] = {name: judging.per_seed(self.scores(name, metric), metric) for name in self}
        return dict(self._values[metric])

    def ranking(self, metric: str = "best") -> dict[str, int]:
        """Places from the first to the last; equal ones where the seeds do not agree who is ahead."""
        if _known(metric) not in self._rankings:
            values = self.values(metric)
            places = dict(zip(values, judging.ranks([*values.values()]), strict=True))
            found = sorted(places.items(), key=lambda p: (p[1], float(np.median(values[p[0]]))))
            self._rankings[metric] = dict(found)
        return dict(self._rankings[metric])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        return {
            "problem": self.problem, "kind": self.kind, "unit": self.unit, "at": self.at.tolist(),
            "seeds": [*self.seeds], "target": encode_array(np.array(self.target)),
            "entries": [e.to_dict() for e in self.entries],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Contest:
        """Inverse of `to_dict`."""
        entries = [Entry.from_dict(e) for e in d["entries"]]
        return cls(**d | {"entries": entries, "target": decode_array(d["target"])})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Contest):
            return False
        named = ("problem", "kind", "unit", "seeds", "entries")
        same = all(getattr(self, k) == getattr(other, k) for k in named) and same_array(self.at, other.at)
        return same and same_array(np.array(self.target), np.array(other.target))

    __hash__ = None


def _known(metric: Any) -> str:
    if not isinstance(metric, str) or metric not in judging.METRICS:
        raise UnknownNameError(f"fair: metric {quote(metric)}", did_you_mean(str(metric), judging.METRICS))
    return metric
