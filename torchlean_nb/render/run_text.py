"""A run in words: what was recorded, from where to where, and what happened on the way."""

from __future__ import annotations

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.numbers import fmt
from torchlean_nb.trace.run import RunTrace, Series

_HEAD = ("series", "n", "first", "last", "min", "max")
_EVENTS = 20


def run_text(run: RunTrace) -> str:
    """Table of the series, the histograms counted, and the events.

    Examples
    --------
    >>> print(run_text(RunTrace("r", [Series("loss", [0, 1], [2.0, 0.5])])))
    'r': 2 steps, finished
    series  n  first  last  min  max
    loss    2      2   0.5  0.5    2
    """
    rows = [_HEAD, *(_row(s) for s in run.series.values())]
    wide = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [f"{visible(run.name, 60)!r}: {run.steps} {'step' if run.steps == 1 else 'steps'}, {visible(run.status)}"]
    lines += [
        "  ".join([row[0].ljust(wide[0]), *(c.rjust(w) for c, w in zip(row[1:], wide[1:], strict=True))])
        for row in rows
    ]
    if run.histograms:
        lines.append(f"{len(run.histograms)} histograms, steps {run.histograms[0].step} to {run.histograms[-1].step}")
    lines += [f"step {e.step}: {visible(e.kind, 24)}. {visible(e.text)}" for e in run.events[:_EVENTS]]
    rest = len(run.events) - _EVENTS
    return "\n".join(lines + ([f"and {rest} further events"] if rest > 0 else []))


def _row(s: Series) -> tuple[str, ...]:
    name, n, v = visible(s.name, 40), str(len(s)), s.values
    if not len(s):
        return name, n, "", "", "", ""
    good = v[~np.isnan(v)]
    span = (fmt(good.min()), fmt(good.max())) if good.size else ("NaN", "NaN")
    return name, n, fmt(v[0]), fmt(v[-1]), *span
