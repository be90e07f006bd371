"""Schedules made of schedules: one after another, a multiple, a sum."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from torchlean_nb import tex
from torchlean_nb.hypers import REQUIRED, Hyper
from torchlean_nb.schedules._row import Schedule, schedule
from torchlean_nb.schedules._shapes import ANY, ascending
from torchlean_nb.schedules.decay import linear
from torchlean_nb.schedules.steps import constant
from torchlean_nb.schedules.warmup import warmup_cosine_decay

_A, _B = constant(0.1), linear(0.1, total=100)


def _part(v, fail, name):
    if not isinstance(v[name], Schedule):
        raise fail(name, "must be a schedule; custom(f) makes one of a function")


def _joined(v, fail):
    ascending(v, fail, "boundaries")
    parts = v["parts"]
    if not isinstance(parts, (list, tuple)) or not all(isinstance(p, Schedule) for p in parts):
        raise fail("parts", "must be a list of schedules; custom(f) makes one of a function")
    if len(parts) != len(v["boundaries"]) + 1:
        raise fail("parts", f"has {len(parts)} schedules for {len(v['boundaries'])} {{boundaries}}, needs one more")
    v["parts"] = tuple(parts)


def _join_points(parts, boundaries):
    starts = (0, *boundaries)
    inner = {a + p for part, a, b in zip(parts, starts, (*boundaries, None), strict=True)
             for p in part.points if b is None or a + p < b}  # fmt: skip
    return inner | set(boundaries)


@schedule(
    hypers={"parts": ANY, "boundaries": ANY}, points=_join_points, check=_joined, jumps=True, signed=True,
    latex=lambda parts, boundaries: r";\quad ".join(
        rf"k \geq {int(b)}:\; {p.latex}" for p, b in zip(parts, (0, *boundaries), strict=True)),
    torch="SequentialLR", optax="join_schedules",
    samples=({"parts": [_A, _B, _A], "boundaries": [10, 200]},),
)  # fmt: skip
def join(k, *, parts, boundaries):
    """One after another; each counts its steps from where it begins.

    Examples
    --------
    >>> join([constant(1.0), linear(0.5, total=2)], [2]).values(5)
    [1.0, 1.0, 0.5, 0.25, 0.0]
    """
    i = bisect_right(boundaries, k)
    return parts[i](k - (boundaries[i - 1] if i else 0))


@schedule(
    hypers={"part": ANY, "c": Hyper(REQUIRED, "c")}, check=lambda v, fail: _part(v, fail, "part"), signed=True,
    points=lambda part, c: part.points, jumps=True, samples=({"part": _B, "c": 2.0},),
    latex=lambda part, c: rf"{tex.number(c)} \cdot \left({part.latex}\right)",
)
def scale(k, *, part, c):
    """A multiple of a schedule; ``2 * s`` for short.

    Examples
    --------
    >>> scale(constant(0.25), 3)(0), (0.5 * constant(0.25))(0)
    (0.75, 0.125)
    """
    return c * part(k)


def _both(v, fail):
    _part(v, fail, "first")
    _part(v, fail, "second")


@schedule(
    hypers={"first": ANY, "second": ANY}, check=_both, jumps=True, signed=True, samples=({"first": _A, "second": _B},),
    points=lambda first, second: {*first.points, *second.points},
    latex=lambda first, second: f"{first.latex} + {second.latex}",
)
def add(k, *, first, second):
    """The sum of two schedules; ``s + t`` for short.

    Examples
    --------
    >>> (constant(0.25) + constant(0.5))(0)
    0.75
    """
    return first(k) + second(k)


def sgdr(cycles: Iterable[Mapping[str, Any]]) -> Schedule:
    """Warm restarts, each cycle a `warmup_cosine_decay` with numbers of its own.

    Examples
    --------
    >>> s = sgdr([{"peak": 1.0, "warmup": 1, "total": 3}, {"peak": 0.5, "warmup": 1, "total": 3}])
    >>> [round(v, 4) for v in s.values(7)]
    [0.0, 1.0, 0.5, 0.0, 0.5, 0.25, 0.0]
    """
    parts = [warmup_cosine_decay(**c) for c in cycles]
    ends: list[int] = []
    for p in parts:
        ends.append((ends or [0])[-1] + p.hypers["total"])
    return join(parts, ends[:-1]) if len(parts) > 1 else parts[0]
