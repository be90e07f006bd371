"""What the leaderboard shows, as plain data: panels drawn beforehand, cells, sentences, and what was equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.fair_panel import ALONE, HEIGHT, WIDTH, mark, place, sensitivity, slope
from torchlean_nb.render.fair_text import amount, changes, heading, rate, sentence
from torchlean_nb.render.numbers import fmt
from torchlean_nb.trace import judging, referee
from torchlean_nb.trace.contest import Contest
from torchlean_nb.trace.fair import FairTrace

WORDS = {"best": "best", "median": "median over rates", "steps": "time to target", "area": "area"}
TWIN = ("problem", "contender", "rate", "median", "least", "most", "seeds that got there")


def fair_payload(trace: FairTrace) -> dict[str, Any]:
    """Payload of the leaderboard."""
    contests = trace.contests
    names = contenders_of(trace)
    # The losses at all rates are one picture, whichever number of them is looked at.
    size = [ALONE if len(contests) == 1 else WIDTH, HEIGHT]
    drawn = {m: [sensitivity(c, m, size[0]) for c in contests] for m in ("best", "steps", "area")}
    return {
        "names": [visible(n, 60) for n in names], "problems": [visible(c.problem, 60) for c in contests],
        "metrics": [[m, WORDS[m]] for m in judging.METRICS], "size": size,
        "about": judging.METRICS, "headings": [heading(c) for c in contests],
        "marks": [mark(i, 0, 0, 1.2) for i in range(len(names))],
        "panels": drawn,
        "slopes": {m: slope(contests, m) if len(contests) > 1 else None for m in judging.METRICS},
        "cells": {m: [[_cell(c, n, m) for c in contests] for n in names] for m in judging.METRICS},
        "says": {m: [[sentence(c, n, m) if n in c else "" for c in contests] for n in names] for m in judging.METRICS},
        "moves": {m: " ".join(f"{line}." for line in changes(trace, m)) for m in judging.METRICS},
        "equal": _equal(trace), "prints": _prints(trace),
        "unfair": _said(trace, True), "notes": _said(trace, False),
        "head": TWIN, "twin": {m: _twin(trace, names, m) for m in drawn},
    }  # fmt: skip


def contenders_of(trace: FairTrace) -> list[str]:
    """Names of all contenders, in the order in which they were given."""
    return list(dict.fromkeys(name for c in trace.contests for name in c))


def _cell(c: Contest, name: str, metric: str) -> list[Any] | None:
    """Order, place, value, and a line of details."""
    if name not in c:
        return None
    e, values = c[name], c.values(metric)[name]
    at = rate(c, name, "best" if metric == "median" else metric)
    low, high = e.band
    if metric == "median":
        small = f"quartiles {fmt(low, 3)} to {fmt(high, 3)}"
    elif not np.isfinite(values).any():
        word = "none" if metric == "steps" else "each"
        small = f"at {word} of {len(e.rates)} rates" if len(e.rates) > 1 else ""
    else:
        spread = f"{fmt(values.min(), 3)} to {fmt(values.max(), 3)}" if len(values) > 1 else ""
        known = "" if np.isnan(at) else f"at {fmt(at, 3)}{' (edge)' if _edge(c, name, metric) else ''}"
        small = ", ".join(filter(None, [spread, known]))
    return [[*c.ranking(metric)].index(name), place(c, name, metric), amount(c, values, metric), small]


def _edge(c: Contest, name: str, metric: str) -> str:
    return judging.edge(c.scores(name, metric))


def _equal(trace: FairTrace) -> list[list[str]]:
    """Chips: what was equal on every problem, and the evidence."""
    found = [dict(referee.equal(c)) for c in trace.contests]
    chips = []
    for key in dict.fromkeys(k for f in found for k in f):
        # A surface has no data, so there is no order of it.
        asked = [f for f, c in zip(found, trace.contests, strict=True)
                 if key != "order of the data" or c.kind != "surface"]  # fmt: skip
        if not all(key in f for f in asked):
            continue
        said = list(dict.fromkeys(f[key] for f in asked))
        text = " · ".join(said)
        if key in ("first parameters", "order of the data"):  # their short form; the whole of it stands below
            short = " ".join(word[:6] for word in text.split()) if len(trace) == 1 else ""
            chips.append([f"{key} {short}".strip(), text])
        else:
            chips.append([f"{key}: {text}", text])
    return chips


def _prints(trace: FairTrace) -> list[list[str]]:
    """Rows of fingerprints: problem, seed, first parameters, order of the data; several where they differ."""
    rows = []
    for c in trace.contests:
        for j, seed in enumerate(c.seeds):
            kinds = [sorted({prints[j] for e in c.entries if (prints := getattr(e, key))})
                     for key in ("starts", "orders")]  # fmt: skip
            rows.append([visible(c.problem, 60), str(seed), *(visible(" ≠ ".join(k) or "none", 80) for k in kinds)])
    return rows


def _said(trace: FairTrace, unfair: bool) -> list[str]:
    """Remarks with their problems, once each; those that hold everywhere without."""
    where: dict[str, list[str]] = {}
    for flag in trace.flags:
        if flag.unfair == unfair:
            where.setdefault(flag.text, []).append(flag.problem)
    return [visible(text if len(on) == len(trace) else f"{', '.join(on)}: {text}") for text, on in where.items()]


def _twin(trace: FairTrace, names: list[str], metric: str) -> list[list[Any]]:
    """Every rate in numbers: problem, contender, rate, median, least and most over the seeds, seeds that got there."""
    rows = []
    for c in trace.contests:
        for name in (n for n in names if n in c):
            for r, scores in zip(c[name].rates.tolist(), c.scores(name, metric), strict=True):
                three = (np.median(scores), scores.min(), scores.max())
                rows.append([visible(c.problem, 40), names.index(name), "none" if np.isnan(r) else fmt(r, 3),
                             *(fmt(float(v), 4) for v in three), f"{int(np.isfinite(scores).sum())} of {len(scores)}"])
    return rows
