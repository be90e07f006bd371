"""Changes of a schedule as a hand makes them: typed text, hyperparameters of a part, moved knobs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from torchlean_nb.errors import HyperparameterError, UnknownNameError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.render.schedule_knobs import knobs
from torchlean_nb.render.schedule_tree import Path, at, put
from torchlean_nb.schedules import Schedule

_INT = re.compile(r"[+-]?\d+", re.ASCII)


def read(text: Any, h: Hyper, old: Any = None) -> Any:
    """What was typed, as a value; what cannot be read is handed on, for the row to refuse in its own words.

    Examples
    --------
    >>> read("30", Hyper(kind="int")), read("1e-3", Hyper()), read("none", Hyper(none=True))
    (30, 0.001, None)
    >>> read("10, 20", Hyper(kind="any"), (5,))
    [10, 20]
    """
    if not isinstance(text, str):
        return text
    text = text.strip()
    if h.kind == "choice":
        return next((c for c in h.choices if str(c) == text), text)
    if h.kind == "bool":
        return {"True": True, "False": False}.get(text, text)
    if isinstance(old, tuple):
        return [_number(t) for t in re.split(r"[,;\s]+", text.strip("[]() ")) if t]
    return None if h.none and text.lower() in ("none", "") else _number(text)


def _number(text: str) -> Any:
    try:
        return int(text) if _INT.fullmatch(text) else float(text)
    except ValueError:
        return text


def edited(s: Schedule, path: Path, hypers: Mapping[str, Any]) -> Schedule:
    """The schedule with other hyperparameters of one part.

    A new list of boundaries takes its scales along: they are cut, or filled up with 1.
    """
    part = at(s, path)
    given = dict(hypers)
    scales, bounds = part.hypers.get("scales"), given.get("boundaries")
    if scales is not None and "scales" not in given and isinstance(bounds, list):
        given["scales"] = [*scales, *[1.0] * len(bounds)][: len(bounds)]
    return put(s, path, part.with_(**given))


def moved(s: Schedule, path: Path, knob: Any, k: Any, y: Any) -> tuple[Schedule, str]:
    """The schedule with a knob at step `k` and value `y`, as far as its row allows, and what it refused.

    Raises
    ------
    UnknownNameError
        When there is no such knob.
    HyperparameterError
        When it cannot move at all.

    Examples
    --------
    >>> from torchlean_nb.schedules import cosine
    >>> new, refused = moved(cosine(0.1, total=50), (), "end", 40, -0.5)
    >>> new.hypers["total"], refused.splitlines()[0]
    (40, 'cosine: minimum=-0.5 is not allowed')
    """
    for name, v in (("k", k), ("y", y)):
        if v is not None and (isinstance(v, bool) or not isinstance(v, (int, float)) or not math.isfinite(v)):
            raise HyperparameterError(f"knob: {name}={quote(v)} is not a number")
    found = next((p for p in knobs(s) if p.path == tuple(path) and p.name == knob), None)
    if found is None:
        raise UnknownNameError(f"{s.name}: no knob {quote(knob)} at {list(path)!r}")
    k = None if k is None or k == found.k else round(k)
    y = None if y is None or y == found.y else float(y)
    first = None
    for here, there in ((k, y), (k, None), (None, y)):
        changes = found.move(here, there)
        if not changes:
            continue
        try:
            return edited(s, found.path, changes), str(first or "")
        except HyperparameterError as e:
            first = first or e
    if first:
        raise first
    return s, ""
