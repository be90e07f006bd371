"""What the anatomy of an update is sent as: numbers of the chosen coordinates, formulas once for all steps."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.anatomy import BINS, SHOWN, Anatomy, Row, label
from torchlean_nb.render.anatomy_formula import FIRST
from torchlean_nb.render.anatomy_ghosts import FASTER, PLAIN, telling
from torchlean_nb.render.anatomy_reading import uses
from torchlean_nb.render.numbers import fmt, norm
from torchlean_nb.render.payload import _math
from torchlean_nb.trace.plain import plain

_CURVE = 60
_PRIVATE = re.compile("[\ue000-\uf8ff]")
# Where two factors meet: letters may stand side by side, numbers may not.
_MEET = re.compile(r"(?<=[\ue000-\uf8ff)}])(?:\\[,;]|\s)+(?=[\ue000-\uf8ff(\d]|\\frac|\\sqrt)")

_TWICE = re.compile(r"\(\(([^()]*)\)\)")


def anatomy_payload(a: Anatomy, columns: Sequence[int], sent: Sequence[int]) -> dict[str, Any]:
    """Payload of the widget: `columns` are shown at first, `sent` can be chosen without a kernel."""
    labels = sorted(dict.fromkeys(g.label for ghosts in a.ghosts for g in ghosts), key=(FASTER, PLAIN).count)
    last, size = a.steps[-1], int(np.prod(a.shape))
    return {
        "name": a.name, "rule": visible(last.rule.class_name, 40), "dtype": last.before.dtype.name,
        "shape": list(a.shape), "columns": list(columns), "sent": list(sent), "names": [label(a, i) for i in sent],
        "rows": [_row(r) for r in a.rows], "sums": a.sums, "ghosts": labels, "on": telling(labels),
        "before": a.places["before"], "hypers": hypers(a),
        "curve": _curve(a), "steps": [_step(a, i, sent, labels, size > SHOWN) for i in range(len(a.steps))],
    }  # fmt: skip


def _row(r: Row) -> dict[str, Any]:
    left = r.left or ""
    return {
        "key": visible(r.key, 40), "title": r.words.title, "line": r.words.line, "say": r.words.say, "block": r.block,
        "v": r.value, "hue": r.hue, "root": r.root, "own": r.own,
        "f": _math(f"{left} = {r.right}" if left and r.right else left or r.right) if left or r.right else "",
        "n": _math(_dotted(r.template)) if r.template else "", "parts": [[_math(text), k] for text, k in r.parts],
    }  # fmt: skip


def _dotted(template: str) -> str:
    return _MEET.sub(lambda m: r" \cdot ", template)


def hypers(a: Anatomy) -> str:
    """Hyperparameters of the last step in a line."""
    h = vars(a.steps[-1].hypers)
    shown = {k: v for k, v in h.items() if isinstance(v, int | float) and not isinstance(v, bool) and k != "value"}
    switches = [visible(k, 20) for k, v in h.items() if v is True]
    return " · ".join([*(f"{visible(k, 20)} {fmt(v, 4)}" for k, v in shown.items()), *switches])


def _step(a: Anatomy, i: int, sent: Sequence[int], labels: Sequence[str], many: bool) -> dict[str, Any]:
    used = {a.places["before"], *(r.value for r in a.rows)}
    used |= {k for r in a.rows for k in uses(r.template)} | {k for r in a.rows for _, k in r.parts}
    values: list[Any] = [None] * len(a.places)
    for k in used:
        values[k] = _numbers(a.worth(i, k), sent)
    stood = {g.label: g.delta for g in a.ghosts[i]}
    return {
        "t": a.steps[i].step, "says": a.story(i), "exact": a.exact(i), "values": values,
        "without": [k for k, r in enumerate(a.rows) if i in r.exceptions],
        "ghosts": [_numbers(stood.get(name), sent) for name in labels],
        "whole": [_whole(a.drawn(i, r)) for r in a.rows] if many else [],
    }  # fmt: skip


def _numbers(v: np.ndarray | None, sent: Sequence[int]) -> Any:
    if v is None:
        return None
    if v.shape == ():
        return _json(v.item())
    flat = v.reshape(-1)
    return [_json(flat[i].item()) for i in sent]


def _json(v: Any) -> Any:
    odd = isinstance(v, float) and not math.isfinite(v)
    return str(v).replace("inf", "Infinity").replace("nan", "NaN") if odd else v


def _whole(v: np.ndarray | None) -> dict[str, Any] | None:
    """Length and histogram of all entries."""
    if v is None or v.shape == ():
        return None
    good = np.asarray(v, dtype=np.float64)
    good = good[np.isfinite(good)]
    if not good.size:
        return None
    low, high = min(0.0, float(good.min())), max(0.0, float(good.max()))
    counts = np.histogram(good, bins=BINS, range=(low, high))[0] if 0 < high - low < np.inf else np.zeros(BINS, int)
    return {"norm": _json(norm(good)), "counts": counts.tolist(), "low": low, "high": high}


def _curve(a: Anatomy) -> list[float] | None:
    """The schedule from its start to twice as far as the last step."""
    if a.schedule is None:
        return None
    end = max(8, 2 * a.steps[-1].step)
    return [[k, float(a.schedule(k))] for k in sorted({round(x) for x in np.linspace(0, end, _CURVE)})]


def numbers_text(a: Anatomy, step: int, row: Row, at: int) -> str:
    """A row's formula in plain text with the numbers of one coordinate; nothing where it has none."""
    if not row.template or step in row.exceptions:
        return ""

    def number(m: re.Match[str]) -> str:
        v = a.worth(step, ord(m[0]) - FIRST)
        x = float("nan") if v is None else float(v if v.shape == () else v.reshape(-1)[at])
        return f"({fmt(x, 4)})" if x < 0 else fmt(x, 4)

    said = _TWICE.sub(r"(\1)", plain(_PRIVATE.sub(number, _dotted(row.template))) or "")
    return f"√({said})" if row.root and said else said


def anatomy_text(a: Anatomy, step: int, columns: Sequence[int], at: int | None = None) -> str:
    """Table of one step: a line per term with the chosen coordinates, then ghosts, words and what is remarkable."""
    e = a.steps[step]
    at = columns[0] if at not in columns and columns else at
    head = ["", *(label(a, i) for i in columns), "with the numbers of " + label(a, at) if columns else ""]
    lines = [head]

    def cells(v: np.ndarray | None, digits: int = 5) -> list[str]:
        return ["" if v is None else fmt(v if v.shape == () else v.reshape(-1)[i], digits) for i in columns]

    for r in a.rows:
        said = numbers_text(a, step, r, at) if columns else ""
        lines.append([f"√ {r.words.title}" if r.root else r.words.title, *cells(a.drawn(step, r)), said])
    lines += [[f"  {g.label}", *cells(g.delta), ""] for g in a.ghosts[step]]
    lines.append(["parameter after", *cells(e.after, 6), ""])
    wide = [max(len(line[j]) for line in lines) for j in range(len(head) - 1)]
    table = [
        "  ".join([x[0].ljust(wide[0]), *(c.rjust(w) for c, w in zip(x[1:-1], wide[1:], strict=True)), x[-1]]).rstrip()
        for x in lines
    ]
    words = [f"  {r.words.title}: {r.words.say}" for r in a.rows]
    exact = "is the new parameter, bit for bit." if a.exact(step) else "is not the new parameter."
    title = f"{visible(e.rule.class_name, 40)} on {a.name}, t = {e.step}; {hypers(a)}"
    return "\n".join([title, *table, "", *words, "", a.story(step), f"Parameter + step {exact}"])
