"""Runs as a dashboard is sent them: sampled series, parameters gathered into layers, histograms; all bounded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.trace.run import Histogram, RunTrace, Series
from torchlean_nb.trace.sampling import min_max_lttb

POINTS, MEANS, LAYERS, GLOBALS, HISTOGRAMS, EVENTS = 1000, 400, 32, 24, 600, 200
# Points of all series of layers together, and what one of them gets at least and at most.
_LAYER_POINTS, _FEWEST, _MOST = 24_000, 60, 250
_SINGLE = 10
OF_PARAM = ("grad_norm", "update_ratio", "weight_norm")
OF_UNIT = ("activation_mean", "activation_std", "dead")
Table = dict[str, dict[str, Series]]


def number(v: float) -> Any:
    """A number for JSON with the six digits that pictures need; what is not finite as a word.

    Examples
    --------
    >>> number(1 / 3), number(2.0), number(float("nan"))
    (0.333333, 2, 'NaN')
    """
    if not math.isfinite(v):
        return "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"
    short = float(f"{v:.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e6 else short


def points(steps: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    """A series for JSON: steps as the first and the differences (one number where all are equal), and the values.

    Examples
    --------
    >>> points(np.array([0, 1, 2]), np.array([1.0, 0.5, 0.25]))
    {'k': [0, 1], 'v': [1, 0.5, 0.25]}
    >>> points(np.array([3, 4, 9]), np.zeros(3))["k"]
    [3, 1, 5]
    """
    gaps = np.diff(steps)
    even = len(gaps) and (gaps == gaps[0]).all()
    coded = gaps[:1] if even else gaps
    return {"k": [*map(int, steps[:1]), *coded.tolist()], "v": [number(v) for v in values.tolist()]}


def curve(s: Series, most: int = POINTS) -> dict[str, Any]:
    """A series for JSON; of a long one a sample that keeps its shape, and the means that a smoothed line needs."""
    if len(s) <= most:
        return points(s.steps, s.values)
    ks, vs = min_max_lttb(s.steps, s.values, most)
    return points(ks, vs) | ({"m": means(s, MEANS)} if most == POINTS else {})


def means(s: Series, count: int) -> dict[str, Any]:
    """Means over equal stretches, each at the middle of its steps: extremes alone would smooth to the wrong line."""
    edges = np.linspace(0, len(s), count + 1).astype(int)
    good = np.isfinite(s.values)
    sums = np.add.reduceat(np.where(good, s.values, 0.0), edges[:-1])
    counts = np.add.reduceat(good.astype(float), edges[:-1])
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return points(s.steps[(edges[:-1] + edges[1:] - 1) // 2], mean)


def split(run: RunTrace) -> tuple[dict[str, Series], Table, Table]:
    """Series of the whole, of parameters, and of layers with units: ``{what: {path: series}}``."""
    whole = {n: s for n, s in run.series.items() if "/" not in n and len(s)}
    first = [n for n in ("loss", "val_loss", "lr", "epoch") if n in whole]
    kept = [*first, *(n for n in whole if n not in first and n != "grad_norm")][: GLOBALS - 1]
    kept += ["grad_norm"] if "grad_norm" in whole else []
    return {n: whole[n] for n in kept}, _under(run, OF_PARAM), _under(run, OF_UNIT)


def _under(run: RunTrace, whats: Iterable[str]) -> Table:
    found = {w: {p: s for p, s in run.under(w).items() if len(s)} for w in whats}
    return {w: by for w, by in found.items() if by}


def key_of(name: str) -> str:
    """Name of a series or a layer as it travels: what can be seen of it, and not more than a line."""
    return visible(name, 80)


def layer_of(path: str) -> str:
    """Layer of a parameter: all before the last dot.

    Examples
    --------
    >>> layer_of("encoder.0.weight"), layer_of("W")
    ('encoder.0', 'W')
    """
    return path.rpartition(".")[0] or path


def layered(table: Table) -> Table:
    """Parameters of one layer as one: norms add in squares. Few parameters, or unequal steps, stay as they are."""
    paths = list(dict.fromkeys(p for by in table.values() for p in by))
    if len(paths) <= _SINGLE:
        return table
    groups: dict[str, list[str]] = {}
    for p in paths:
        groups.setdefault(layer_of(p), []).append(p)
    out: Table = {what: {} for what in table}
    for name, members in groups.items():
        sizes = _stack(table.get("weight_norm", {}), members)
        for what, by in table.items():
            rows = _stack(by, members)
            if rows is None or (what == "update_ratio" and (sizes is None or sizes.shape != rows.shape)):
                return table
            with np.errstate(all="ignore"):
                lengths = rows * sizes if what == "update_ratio" else rows
                total = np.sqrt(np.sum(np.square(lengths), axis=0))
                total = total / np.sqrt(np.sum(np.square(sizes), axis=0)) if what == "update_ratio" else total
            out[what][name] = Series(name, by[members[0]].steps, total)
    return out


def _stack(by: Mapping[str, Series], members: list[str]) -> np.ndarray | None:
    """Values of the members one above the other, None where their steps differ."""
    found = [by[p] for p in members if p in by]
    if len(found) != len(members) or any(not np.array_equal(s.steps, found[0].steps) for s in found):
        return None
    return np.array([s.values for s in found])


def few(names: list[Any], most: int) -> list[Any]:
    """At most so many of them, the first and the last among them.

    Examples
    --------
    >>> few(list("abcdefg"), 3)
    ['a', 'd', 'g']
    """
    if len(names) <= most:
        return names
    return [names[round(i * (len(names) - 1) / (most - 1))] for i in range(most)]


def entry(
    run: RunTrace, name: str, series_of_all: int = 1, runs: int = 1, points_each: int = POINTS
) -> tuple[dict[str, Any], list[str]]:
    """One run for JSON, and what was left out of it, in words; it shares the room with so many others."""
    whole, params, units = split(run)
    params = layered(params)
    left = []
    most = min(points_each, max(_FEWEST, min(_MOST, _LAYER_POINTS // max(1, series_of_all))))
    rows = {}
    for key, table in (("params", params), ("units", units)):
        paths = list(dict.fromkeys(p for by in table.values() for p in by))
        kept = few(paths, LAYERS)
        if len(kept) < len(paths):
            left.append(f"{len(kept)} of {len(paths)} layers")
        rows[key] = [
            {"path": key_of(p), "name": visible(p, 60), **{w: curve(by[p], most) for w, by in table.items() if p in by}}
            for p in kept
        ]
    events = few(sorted(run.events, key=lambda e: e.step), EVENTS)
    if len(events) < len(run.events):
        left.append(f"{len(events)} of {len(run.events)} events")
    hists, some = histograms(run.histograms, [r["path"] for r in [*rows["params"], *rows["units"]]],
                             HISTOGRAMS // runs if points_each == POINTS else 0)  # fmt: skip
    left += some
    return {
        "name": visible(name, 40), "status": run.status, "meta": about(run.meta), "steps": run.steps,
        "planned": run.meta["planned"] if isinstance(run.meta.get("planned"), int) else None,
        "series": {key_of(n): curve(s, points_each) for n, s in whole.items()}, **rows, "hist": hists,
        "events": [[e.step, visible(e.kind, 40), visible(e.text)] for e in events],
    }, left  # fmt: skip


def histograms(found: Iterable[Histogram], paths: list[str], most: int) -> tuple[dict[str, Any], list[str]]:
    """Histograms by what they are of and whose, at most so many: ``[step, [low, high] or edges, counts]``."""
    by: dict[tuple[str, str], list[Histogram]] = {}
    for h in found:
        path = key_of(h.name)
        if path in paths or layer_of(path) in paths:
            by.setdefault((h.what, path), []).append(h)
    each = max(2, most // max(1, len(by)))
    out: dict[str, Any] = {}
    thinned = False
    for (what, path), hs in by.items():
        kept = few(sorted(hs, key=lambda h: h.step), each)
        thinned |= len(kept) < len(hs)
        out.setdefault(what, []).append({"path": path, "name": visible(path, 60), "at": [
            [h.step, _edges(h.edges), h.counts.tolist()] for h in kept]})  # fmt: skip
    return out, ["some of the histograms"] if thinned else []


def _edges(edges: np.ndarray) -> list[Any]:
    gaps = np.diff(edges)
    even = (np.abs(gaps - gaps[0]) <= 1e-6 * gaps[0]).all()
    return [number(v) for v in (edges[[0, -1]] if even else edges).tolist()]


def about(meta: Mapping[str, Any]) -> str:
    r"""What a run was made with, on one line.

    Examples
    --------
    >>> about({"optimizer": "Adam", "batch_size": 32, "dtype": "float64", "model": "Sequential(\n ...)"})
    'Adam · batch 32 · float64'
    """
    batch = meta.get("batch_size")
    said = [meta.get("optimizer"), meta.get("schedule"), None if batch is None else f"batch {batch}",
            meta.get("dtype"), meta.get("backend")]  # fmt: skip
    return visible(" · ".join(str(s) for s in said if s not in (None, "")), 120)
