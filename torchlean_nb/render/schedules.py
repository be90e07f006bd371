"""What a schedule designer is sent: curves sampled by the schedules themselves, knobs, fields, formulas, code."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torchlean_nb.escape import visible
from torchlean_nb.hypers import Hyper
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.schedule_code import program, torch_program
from torchlean_nb.render.schedule_formula import formula, numbered
from torchlean_nb.render.schedule_knobs import Knob, knobs
from torchlean_nb.render.schedule_tree import COMPOSED, Path, begins, parts, walk
from torchlean_nb.schedules import SCHEDULES, Row, Schedule

POINTS = 1000
_MATH = re.compile(r"[:,;]? *:math:`.*")
Curve = Sequence[float | None]


def grid(steps: int, marks: Sequence[int] = ()) -> list[int]:
    """Steps to sample: all of them, or of many an even part with both sides of every mark.

    Examples
    --------
    >>> grid(3)
    [0, 1, 2, 3]
    >>> ks = grid(100_000, [777])
    >>> len(ks) <= 1001, {776, 777} <= set(ks)
    (True, True)
    """
    if steps <= POINTS:
        return list(range(steps + 1))
    sides = sorted({k for m in marks for k in (m - 1, m) if 0 <= k <= steps})[: POINTS // 2]
    even = POINTS - len(sides)
    return sorted({*sides, *(round(i * steps / even) for i in range(even + 1))})


def horizon(schedules: Sequence[Schedule]) -> int:
    """How many steps show all pieces: a quarter more than the last boundary, in two digits."""
    last = max((p for s in schedules for p in s.points), default=0) * 5 / 4
    if last < 20:
        return 100 if not last else 20
    unit = 10 ** (math.floor(math.log10(last)) - 1)
    return min(math.ceil(last / unit) * unit, 100_000)


def values(s: Schedule, ks: Sequence[int]) -> tuple[list[float | None], str]:
    """Values at these steps, None where there is none, and why."""
    out: list[float | None] = []
    lost = ""
    for k in ks:
        try:
            out.append(s(k))
        except Exception as e:  # a schedule may hold any function of the user's
            out.append(None)
            lost = lost or f"no value at step {k}: {visible(str(e).splitlines()[0] if str(e) else type(e).__name__)}"
    return out, lost


def unit(s: Schedule) -> str:
    """Whether it is a learning rate or a momentum."""
    symbols = [h.symbol for h in s.row.hypers.values() if h.symbol]
    inner = parts(s)
    if inner and not any(x.startswith((r"\mu", r"\eta")) for x in symbols):
        return unit(inner[0][1])
    return "momentum" if any(x.startswith(r"\mu") for x in symbols) else "lr"


def entry(name: str, s: Schedule, ks: Sequence[int], steps: int) -> dict[str, Any]:
    """One curve with all that is said about it."""
    ys, lost = values(s, ks)
    twin, note = torch_program(s)
    return {
        "name": visible(name, 40), "unit": unit(s), "values": ys, "lost": lost, "code": program(s),
        "torch": twin, "note": note, "nodes": [_node(s, path, node, steps) for path, node in walk(s)],
        "knobs": [_knob(p, steps) for p in _knobs(s) if p.k <= steps],
    }  # fmt: skip


def catalogue() -> list[dict[str, str]]:
    """The rows to choose from: name and summary."""
    return [{"name": visible(n, 40), "row": n, "summary": summary(SCHEDULES[n])} for n in sorted(SCHEDULES)]


def summary(row: Row) -> str:
    """First line of the docstring in plain words: formulas have a place of their own.

    Examples
    --------
    >>> from torchlean_nb.schedules import cosine, wsd
    >>> summary(cosine), summary(wsd)[-12:]
    ('Down along half a cosine, then minimum.', 'as 1 - sqrt.')
    """
    return visible(_MATH.sub(".", row.summary).replace("`", ""))


def _knobs(s: Schedule) -> list[Knob]:
    try:
        return knobs(s)
    except Exception:  # a function of the user's own may have no value where a knob would stand
        return []


def _knob(p: Knob, steps: int) -> dict[str, Any]:
    changes = [n for f, at in ((p.x, p.k), (p.up, p.y)) if f and at is not None for n in _named(f, at)]
    return {"name": p.name, "k": p.k, "y": p.y, "x": p.x is not None, "up": p.up is not None,
            "path": list(p.path), "hypers": list(dict.fromkeys(changes))}  # fmt: skip


def _named(f: Any, at: Any) -> list[str]:
    try:
        return list(f(at))
    except (ZeroDivisionError, ValueError, OverflowError):
        return []


def _node(s: Schedule, path: Path, node: Schedule, steps: int) -> dict[str, Any]:
    start, stop = begins(s, path)
    whole = at_parent(s, path)
    return {
        "path": list(path), "row": node.name, "label": visible(node.name, 40), "from": start, "to": stop,
        "summary": summary(node.row),
        # Parts have symbols of their own, so of a composition only the numbers mean something.
        "formula": formula(node.latex) if isinstance(node.row.latex, str) else "", "numbers": formula(numbered(node)),
        "fields": [_field(node, n, h, v, steps) for n, h, v in _editable(node)],
        "drops": node.name in COMPOSED or whole in ("join", "add"),
    }  # fmt: skip


def at_parent(s: Schedule, path: Path) -> str:
    """Name of what holds the part at a path."""
    outer = [node.name for where, node in walk(s) if len(where) < len(path) and path[: len(where)] == where]
    return outer[-1] if outer else ""


def _editable(s: Schedule) -> list[tuple[str, Hyper, Any]]:
    """Hyperparameters that can be typed: numbers, words, and lists of numbers."""
    inner = {step[0] for step, _ in parts(s)}
    return [(n, s.row.hypers[n], v) for n, v in s.items
            if n not in inner and (s.row.hypers[n].kind != "any" or isinstance(v, tuple))]  # fmt: skip


def _field(s: Schedule, name: str, h: Hyper, v: Any, steps: int) -> dict[str, Any]:
    choices = [repr(c) for c in h.choices] if h.kind == "choice" else ["False", "True"] if h.kind == "bool" else None
    text = ", ".join(map(repr, v)) if isinstance(v, tuple) else v if h.kind == "choice" else repr(v)
    return {
        "name": visible(name, 40), "hyper": name, "symbol": formula(h.symbol) if h.symbol else "", "text": str(text),
        "allowed": "whole numbers, with commas" if isinstance(v, tuple) and name != "scales" else
                   "numbers, with commas" if isinstance(v, tuple) else h.allowed,
        "choices": [str(c) for c in h.choices] if h.kind == "choice" else choices,
        "slider": None if choices or isinstance(v, tuple) or v is None else slider(h, v, steps),
    }  # fmt: skip


def slider(h: Hyper, v: float, steps: int) -> dict[str, Any]:
    """Ends of a slider around a value: the allowed ones where they are finite.

    Examples
    --------
    >>> from torchlean_nb.schedules import cosine
    >>> slider(cosine.hypers["total"], 50, 100)
    {'low': 1, 'high': 200, 'log': True, 'whole': True, 'zero': False, 'at': 50}
    """
    whole, log = h.kind == "int", h.log
    high = h.high if h.high < math.inf else max(2 * steps, v) if whole else max(10.0 if log else 2.0, 2 * v)
    low = h.low if h.low > -math.inf else -high
    zero = log and low == 0 and not h.open_low
    if log and low == 0:
        low = min(1e-6, v) if v > 0 else 1e-6
    elif h.open_low and v > low:
        low = min(v, low + (high - low) / 1000)
    if h.open_high and high == h.high:
        high = max(v, high - (high - low) / 1000)
    return {"low": low, "high": high, "log": log, "whole": whole, "zero": zero, "at": v}


def table(names: Sequence[str], curves: Sequence[Curve], ks: Sequence[int], rows: Sequence[int]) -> str:
    """Values at some steps as a table in text."""
    at = {k: i for i, k in enumerate(ks)}
    lines = [["step", *(visible(n, 24) for n in names)]]
    for k in rows:
        lines.append([str(k), *("none" if c[at[k]] is None else fmt(c[at[k]], 6) for c in curves)])
    widths = [max(len(r[i]) for r in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in lines)


def telling(ks: Sequence[int], marks: Sequence[int], at: int | None = None, count: int = 20) -> list[int]:
    """Steps worth a row: the ends, the marks, an even part of the rest."""
    last = len(ks) - 1
    even = {ks[round(i * last / count)] for i in range(count + 1)} if last else {ks[0]}
    return sorted({*even, *(m for m in list(marks)[:count] if m in set(ks)), *([at] if at in ks else [])})


def says(names: Sequence[str], curves: Sequence[Curve], ks: Sequence[int], k: int) -> str:
    """The sentence of the cursor."""
    i = ks.index(k)
    each = (f"{visible(n, 40)} {'has no value' if c[i] is None else fmt(c[i], 5)}"
            for n, c in zip(names, curves, strict=True))  # fmt: skip
    return f"Step {k}: {', '.join(each)}."


def legend(shown: Mapping[str, Schedule]) -> list[str]:
    """One line per schedule: its name and the call that makes it."""
    return [f"{visible(n, 40)} = {visible(repr(s), 400)}" for n, s in shown.items()]
