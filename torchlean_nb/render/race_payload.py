"""What a race is sent as to its front end, in full or only what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from torchlean_nb.errors import UnknownNameError
from torchlean_nb.escape import visible
from torchlean_nb.optim import row
from torchlean_nb.race.anatomy import Replay, eigen, replay
from torchlean_nb.race.contenders import Contender
from torchlean_nb.render.mathml import mathml
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.race_code import coded, even
from torchlean_nb.render.race_knobs import knobs
from torchlean_nb.render.race_map import ASPECT, Map, Window, surface_map, window
from torchlean_nb.render.race_standing import Standing, equalities, plain_number, standings, surface_of_trace
from torchlean_nb.surfaces import Surface
from torchlean_nb.trace.race import RaceTrace, Track

MOST = 1001  # records of a path that are drawn
REPLAYED = 50_000  # steps that are run again, for the arrows of the momentum
_LATEX = 3000  # characters of a formula that is shown as one
_FAR = 20.0  # widths of a domain that a map shows at most
_ROUGH = 2e-3  # share of a gradient that an arrow may be wrong by


def race_payload(
    trace: RaceTrace, *, title: str = "Optimizer race", target: float | None = None,
    serial: int | None = None, surfaces: Sequence[Mapping[str, str]] = (), rules: Sequence[Mapping[str, str]] = (),
    marks: Sequence[int] | None = None, drawn: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Payload of the arena.

    Parameters
    ----------
    trace : RaceTrace
    target : float, optional
        Loss that counts as reached.
    surfaces, rules : sequence of mappings
        What can be chosen and added where a kernel is there.
    marks : sequence of int, optional
        Colour and marker of each contender; by default in order.
    drawn : mapping, optional
        What `surface_payload` gave, where the surface has not changed.
    """
    surface = surface_of_trace(trace)
    stands = standings(trace, surface, target)
    marks = range(len(stands)) if marks is None else marks
    equal, unequal = equalities(trace, stands)
    first = [float(stands[0].x[0]), float(stands[0].y[0])] if stands else [0.0, 0.0]
    sent = zip(stands, marks, held(trace), strict=True)
    return {
        "title": title, "serial": serial, "dtype": visible(trace.meta.get("dtype", "float64"), 20),
        "seed": _whole(trace.meta.get("seed"), 0), "every": _whole(trace.meta.get("every"), 1),
        "target": target, "start": first,
        "steps": even(trace.steps[records(trace)], 1.0),
        "surface": drawn or surface_payload(trace, surface, seen_window(trace, stands)),
        "surfaces": list(surfaces), "rules": list(rules), "equal": equal, "unequal": unequal,
        "tracks": [track_payload(s, trace, mark, surface, who) for s, mark, who in sent],
    }  # fmt: skip


def held(trace: RaceTrace) -> Sequence[Contender | None]:
    """The contenders themselves, where the race still has them."""
    return trace.source[1][: len(trace.tracks)] if trace.source is not None else [None] * len(trace.tracks)


def records(trace: RaceTrace) -> np.ndarray:
    """Indices of the records that are drawn: all, or an even part with both ends and the extremes of all losses."""
    count = len(trace.steps)
    if count <= MOST:
        return np.arange(count)
    seen = [np.where(np.isfinite(t.losses[:, 0]), t.losses[:, 0], np.nan) for t in trace.tracks if len(t)]
    odd = [(np.isnan(v).argmax(), np.fmax(v, -np.inf).argmax(), np.fmin(v, np.inf).argmin()) for v in seen]
    kept = np.unique(np.array(odd[: MOST // 6], int))
    return np.union1d(kept, np.linspace(0, count - 1, MOST - len(kept)).round().astype(int))


def seen_window(trace: RaceTrace, stands: Sequence[Standing]) -> Window:
    """Part of the plane that is seen of a race."""
    goals = np.array(trace.surface.get("goals", ()), float).reshape(-1, 2)
    paths = [np.stack([s.x, s.y], axis=1) for s in stands]
    domain = trace.surface.get("domain", (-2.0, 2.0, -2.0, 2.0))
    for path in paths[:1]:
        domain = _reaching(domain, path[0])
    return window(domain, np.concatenate([goals, *paths]))


def _reaching(domain: Sequence[float], start: np.ndarray) -> Sequence[float]:
    """The domain, grown to a start that is outside, where that is not so far that nothing could be seen of it."""
    left, right, bottom, top = domain
    (a, c), (b, d) = np.minimum(start, (left, bottom)), np.maximum(start, (right, top))
    near = b - a <= _FAR * (right - left) and d - c <= _FAR * (top - bottom)
    room = 0.05 * max(b - a, d - c)
    if not near or (a, b, c, d) == (left, right, bottom, top):
        return domain
    return a - room * (a < left), b + room * (b > right), c - room * (c < bottom), d + room * (d > top)


@lru_cache(maxsize=16)
def map_of(surface: Surface | None, seen: Window) -> Map:
    """Map of a surface; an empty one where it is not known."""
    if surface is None:
        return Map(seen, (), (), (), np.zeros((2, 2)))
    return surface_map(surface, seen, surface.lowest)


def surface_payload(trace: RaceTrace, surface: Surface | None, seen: Window) -> dict[str, Any]:
    """The surface with its map."""
    about, drawn = trace.surface, map_of(surface, seen)
    name = str(about.get("name", "?"))
    latex = about.get("latex")
    return {
        "name": visible(name, 60), "label": visible(about.get("label") or name, 60),
        "text": visible(about["text"], 600) if isinstance(about.get("text"), str) else None,
        "mathml": mathml(f"f(x, y) = {latex}") if isinstance(latex, str) and len(latex) < _LATEX else "",
        "domain": [float(f"{v:.12g}") for v in seen],
        "goals": [[float(x), float(y)] for x, y in about.get("goals", ())],
        "lowest": plain_number(float(about.get("lowest", -np.inf))), "noise": float(about.get("noise", 0.0)),
        "knobs": knobs(surface.hypers, surface.numbers) if surface else [], "aspect": ASPECT,
        "contours": {
            "levels": list(drawn.levels), "labels": [fmt(v, 4) for v in drawn.levels],
            "lines": list(drawn.lines), "fills": list(drawn.fills),
        },
        "grid": {"n": len(drawn.heights), "h": even(drawn.heights.ravel(), 2e-3)}, "eigen": _axes(surface),
    }  # fmt: skip


def _centre(surface: Surface | None) -> list[np.ndarray]:
    found = eigen(surface) if surface is not None else None
    return [found.centre] if found is not None else []


def _axes(surface: Surface | None) -> dict[str, Any] | None:
    """Curvatures and axes where the surface is quadratic."""
    found = eigen(surface) if surface is not None else None
    if found is None:
        return None
    return {"values": found.values.tolist(), "vectors": found.vectors.tolist(), "centre": found.centre.tolist()}


def track_payload(
    s: Standing, trace: RaceTrace, mark: int, surface: Surface | None, who: Contender | None = None
) -> dict[str, Any]:
    """One contender with its path; `who` it is where the plain data does not say everything."""
    t, about, kept = s.track, trace.surface, records(trace)
    goals = np.array(about.get("goals", ()), float).reshape(-1, 2)
    last = np.array([s.x[-1], s.y[-1]])
    # The goal it went to, or its end: what is sent is exact in proportion to the distance from there.
    left, right, bottom, top = about.get("domain", (-2.0, 2.0, -2.0, 2.0))
    inside = left <= last[0] <= right and bottom <= last[1] <= top
    end = last if inside else np.array([s.x[0], s.y[0]])
    near = min([*goals, *_centre(surface)], key=lambda g: float(np.hypot(*(g - last))), default=end)
    lowest = float(about.get("lowest", -np.inf))
    parts = _anatomy(s, trace, surface, who)
    many = f"path 1 of {len(t)}" if len(t) > 1 else ""
    gone = "" if len(kept) == len(trace.steps) else f"{len(kept)} of {len(trace.steps)} records drawn"
    gone += ", without momentum" if trace.steps[-1] > REPLAYED else ""
    slopes = (parts.gradient.T if parts else s.slopes)[:, kept]
    pull = parts.moment[kept].T if parts and parts.moment is not None else (None, None)
    return {
        "name": visible(t.name, 60), "rule": visible(t.rule, 40), "label": s.label, "colour": mark, "marker": mark,
        "on": True, "x": coded(s.x[kept], 1e-4, near[0]), "y": coded(s.y[kept], 1e-4, near[1]),
        "loss": coded(s.loss[kept], 4e-4, lowest if np.isfinite(lowest) else 0.0),
        "gx": coded(slopes[0], _ROUGH), "gy": coded(slopes[1], _ROUGH),
        "mx": None if pull[0] is None else coded(pull[0], _ROUGH),
        "my": None if pull[1] is None else coded(pull[1], _ROUGH), "moment": parts.name if parts else "",
        "noisy": bool(about.get("noise")) and parts is not None and (parts.gradient[0] != s.slopes[:, 0]).any().item(),
        "ended": s.ended, "converged": s.converged, "best": plain_number(s.best), "toTarget": s.reached,
        "evaluations": s.evaluations, "status": s.status, "knobs": _knobs(t, who),
        "note": "; ".join(filter(None, (many, gone))),
    }  # fmt: skip


def _anatomy(s: Standing, trace: RaceTrace, surface: Surface | None, who: Contender | None) -> Replay | None:
    if surface is None or not len(trace.steps) or trace.steps[-1] > REPLAYED:
        return None
    return replay(surface, s.track, trace.steps, seed=_whole(trace.meta.get("seed"), 0), contender=who)


def _whole(v: Any, otherwise: int) -> int:
    return v if isinstance(v, int) and not isinstance(v, bool) else otherwise


def _knobs(t: Track, who: Contender | None) -> list[dict[str, Any]]:
    """Knobs of a contender's row; none of a row that is gone."""
    try:
        hypers = who.rule.hypers if who else row(t.rule).hypers
    except UnknownNameError:
        return []
    return knobs(hypers, {k: v for k, v in t.hypers.items() if not isinstance(v, tuple)})
