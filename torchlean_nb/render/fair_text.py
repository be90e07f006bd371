"""A fair comparison in words: leaderboards, what was equal, and what a referee has to say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.fair_panel import axis, place
from torchlean_nb.render.numbers import fmt
from torchlean_nb.trace import judging, referee
from torchlean_nb.trace.contest import Contest
from torchlean_nb.trace.fair import FairTrace

PAIRS = 3  # of contenders that are named where they change places
HEAD = ("place", "contender", "best rate", "value", "over the seeds", "quartiles over rates", "to target", "diverged")


def fair_text(trace: FairTrace, metric: str = "best") -> str:
    """Leaderboard of every problem, places side by side, what was equal, and the flags.

    Examples
    --------
    >>> from torchlean_nb.trace.contest import Contest, Entry
    >>> e = Entry("sgd", "sgd", [0.1, 1.0], [[[4.0, 2.0]], [[4.0, 1.0]]], [[-1], [-1]], [[9], [9]])
    >>> print(fair_text(FairTrace([Contest("bowl", "surface", "steps", [0, 9], [0], 2.0, [e])])))
    bowl: 9 steps, 1 seed, 2 rates each; last loss
    place  contender  best rate      value  over the seeds  quartiles over rates  to target  diverged
    1      sgd        1 (high edge)  1      1 to 1          1 to 2                9 steps    0 of 2
    equal: budget 9 steps a run; seeds 0; rates 2 each; ratio 10 between rates; gradients 9 a run
    note: sgd: the best rate, 1, is the highest of its grid; a better one may lie beyond, so go on to 10
    """
    parts = [line for c in trace.contests for line in _contest(c, metric)]
    if len(trace) > 1:
        parts += _moves(trace, metric)
    return "\n".join(parts)


def sentence(c: Contest, name: str, metric: str) -> str:
    """One sentence about a contender on a problem."""
    e, v = c[name], c.values(metric)[name]
    lost = int((~np.isfinite(e.losses)).any(axis=1).sum())
    at = "" if metric == "median" else f" at rate {fmt(rate(c, name, metric), 3)}"
    seeds = f", {fmt(v.min(), 3)} to {fmt(v.max(), 3)} over {len(v)} seeds" if len(v) > 1 else ""
    who = f"{visible(c.problem, 40)}: {visible(name, 40)} is at place {place(c, name, metric)}"
    if not np.isfinite(v).any():
        to = f", and never got to {'a target' if np.isnan(c.target) else f'a loss of {fmt(c.target, 3)}'}"
        return f"{who}{to if metric == 'steps' else ''}; diverged at {lost} of {len(e.rates)} rates."
    what = f"{amount(c, v, metric)} to a loss of {fmt(c.target, 3)}" if metric == "steps" else \
        f"{axis(c, metric)} {amount(c, v, metric)}"  # fmt: skip
    said = f"{who}, {what}{at}{seeds}"
    return f"{said}; diverged at {lost} of {len(e.rates)} rates." if lost else f"{said}."


def rate(c: Contest, name: str, metric: str) -> float:
    """Rate at which a contender is best by a metric; NaN where it never got anywhere."""
    i = judging.best_rate(c.scores(name, metric))
    return float(c[name].rates[i]) if i >= 0 else float("nan")


def amount(c: Contest, values: np.ndarray, metric: str) -> str:
    """Median over the seeds as text."""
    v = float(np.median(values))
    if metric == "steps":
        return f"{fmt(v, 4)} {c.unit.removesuffix('s') if v == 1 else c.unit}" if np.isfinite(v) else "never"
    return fmt(v, 3) if np.isfinite(v) else "diverged"


def row(c: Contest, name: str, metric: str) -> tuple[str, ...]:
    """Cells of the leaderboard below `HEAD`."""
    e, values = c[name], c.values(metric)[name]
    low, high = e.band
    lost = int((~np.isfinite(e.losses)).any(axis=1).sum())
    best = rate(c, name, "best" if metric == "median" else metric)
    edge = f" ({e.edge} edge)" if e.edge else ""
    return (
        place(c, name, metric), visible(name, 40), "none" if np.isnan(best) else fmt(best, 3) + edge,
        amount(c, values, metric), f"{fmt(values.min(), 3)} to {fmt(values.max(), 3)}",
        f"{fmt(low, 3)} to {fmt(high, 3)}", amount(c, c.values("steps")[name], "steps"), f"{lost} of {len(e.rates)}",
    )  # fmt: skip


def heading(c: Contest) -> str:
    """Problem, budget, seeds and rates."""
    counts = sorted({len(e.rates) for e in c.entries})
    rates = " or ".join(map(str, counts)) or "no"
    many = f"{rates} {'rate' if counts == [1] else 'rates'}{' each' if len(counts) == 1 else ''}"
    seeds = f"{len(c.seeds)} seed{'s' if len(c.seeds) > 1 else ''}"
    return f"{visible(c.problem, 60)}: {c.budget} {c.unit}, {seeds}, {many}"


def _contest(c: Contest, metric: str) -> list[str]:
    found = [row(c, name, metric) for name in c.ranking(metric)]
    flags = [f"{'not fair' if f.unfair else 'note'}: {visible(f.text)}" for f in referee.flags(c)]
    same = "; ".join(f"{word} {visible(what)}" for word, what in referee.equal(c))
    return [f"{heading(c)}; {axis(c, metric)}", *_aligned([HEAD, *found]), f"equal: {same}", *flags]


def _moves(trace: FairTrace, metric: str) -> list[str]:
    """Places on all problems, and who changed them."""
    names = list(dict.fromkeys(name for c in trace.contests for name in c))
    rows = [("contender", *(visible(c.problem, 24) for c in trace.contests))]
    rows += [(visible(n, 40), *(place(c, n, metric) if n in c else "" for c in trace.contests)) for n in names]
    return ["places", *_aligned(rows), *changes(trace, metric)]


def changes(trace: FairTrace, metric: str) -> list[str]:
    """Pairs of which every seed says one thing on one problem, and the opposite on the next.

    Examples
    --------
    >>> changes(FairTrace([]), "best")
    []
    """
    out = []
    for a, b in pairwise(trace.contests):
        va, vb = a.values(metric), b.values(metric)
        both = [n for n in va if n in vb]
        swapped = [
            f"{visible(p, 40)} and {visible(q, 40)}" for p in both for q in both
            if judging.ahead(va[p], va[q]) and judging.ahead(vb[q], vb[p])
        ]  # fmt: skip
        if swapped:
            more = f", and {len(swapped) - PAIRS} pairs more," if len(swapped) > PAIRS else ""
            way = f"from {visible(a.problem, 40)} to {visible(b.problem, 40)}"
            out.append(f"{', '.join(swapped[:PAIRS])}{more} change places {way}")
    return out


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, wide, strict=True)).rstrip() for row in rows]
