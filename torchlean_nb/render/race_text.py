"""A race in words: a table of the contenders, what is equal, and the sentence of a step."""

from __future__ import annotations

from collections.abc import Collection

from torchlean_nb.escape import visible
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.race_scene import Scene, results, scene, settings
from torchlean_nb.trace.race import RaceTrace

HEAD = ("contender", "loss", "where", "best loss", "to target", "evaluations", "status", "settings")


def race_text(
    trace: RaceTrace, step: int | None = None, target: float | None = None, on: Collection[str] | None = None
) -> str:
    """Table of a race at one step, by default the last.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> print(race_text(tl.race([("sgd", {"lr": 0.25})], on="sphere", start=(1.0, -1.0), steps=4)))
    Race on Sphere from (1, −1), 4 steps
    contender    loss       where              best loss  to target  evaluations  status  settings
    sgd lr=0.25  0.0078125  (0.0625, −0.0625)  0.00781    4          4            ran     lr 0.25
    equal: start, 4 steps, exact gradients, float64
    At step 4 sgd lr=0.25 leads with loss 0.00781 (target reached by sgd lr=0.25 at 4).
    """
    if not len(trace):
        return f"Race on {visible(trace.surface.get('name', '?'), 60)}: no contender has finished"
    seen = scene(trace, step, target, on)
    first = seen.stands[0]
    name = visible(trace.surface.get("label") or trace.surface.get("name", "?"), 60)
    title = f"Race on {name} from {_at(first.x[0], first.y[0])}, {seen.last} steps"
    rows = [HEAD, *(_row(seen, i) for i in seen.on)]
    wide = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    table = ["  ".join(x.ljust(w) for x, w in zip(row, wide, strict=True)).rstrip() for row in rows]
    equal, unequal = seen.equal
    fair = [f"equal: {', '.join(equal)}", *([f"not equal: {'; '.join(unequal)}"] if unequal else [])]
    stopped = ["The race was interrupted."] if trace.status == "interrupted" else []
    return "\n".join([title, *table, *fair, seen.sentence(), *stopped])


def _row(seen: Scene, i: int) -> tuple[str, ...]:
    s, at = seen.stands[i], seen.head(i)
    many = f", path 1 of {len(s.track)}" if len(s.track) > 1 else ""
    return s.label + many, fmt(s.loss[at]), _at(s.x[at], s.y[at]), *results(s, seen.last), settings(s)


def _at(x: float, y: float) -> str:
    return f"({fmt(x, 4)}, {fmt(y, 4)})"
