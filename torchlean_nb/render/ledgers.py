"""Picture of a ledger that needs no front end: the paths, what each brings, and the running total."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from torchlean_nb.escape import svg as escape
from torchlean_nb.escape import visible
from torchlean_nb.render.edges import edge_width
from torchlean_nb.render.glyphs import arrow, fit, outline, text_width
from torchlean_nb.render.mini import mini
from torchlean_nb.render.numbers import fmt, shape
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import PAD, WIDTH, entry_name, loudest, still, words
from torchlean_nb.trace.ledger import Ledger

ROWS = 24
_ROW_H, _BAR = 24, 132
_ADDS, _FALL, _TOTAL = 404, 424, WIDTH - PAD


def ledger_svg(
    ledger: Ledger, entry: Sequence[int] | None = None, arrived: int | None = None, without: Collection[int] = ()
) -> str:
    """Picture of a ledger at one entry, the loudest unless told.

    Parameters
    ----------
    ledger : Ledger
    entry : sequence of int, optional
    arrived : int, optional
        How many rows have come in; all by default.
    without : collection of int
        Rows that are not counted.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> "equal to the last bit" in ledger_svg(s.ledger(x, x * x + x))
    True
    """
    trace, node = ledger.trace, ledger.trace[ledger.node]
    entry = tuple(loudest(ledger.grad) if entry is None else entry) if ledger.grad.size else ()
    name, arrived = visible(node.label, 40), len(ledger.rows) if arrived is None else arrived
    adds = [float(r.contribution[entry]) for r in ledger.rows] if ledger.grad.size else []
    known, on = len(adds[:arrived]), [i < arrived and i not in without for i in range(len(adds))]
    title = f"Gradient of {visible(trace[trace.output].label, 40)} by {entry_name(name, entry)}"
    body = [words(PAD, 22, fit(title, 480, 11.5, bold=True), "b"),
            words(_TOTAL, 22, shape(node.shape) or "scalar", "s e")]
    y = 34 + _paths(body, ledger, adds[:known], on, 34)
    body += [words(PAD, y + 12, "path of the gradient", "s"), words(_ADDS, y + 12, "adds", "s e"),
             words(_FALL + _BAR / 2, y + 12, "running total", "s m")]
    y += 18
    sums = _running(ledger, entry, adds, on)
    grad = float(ledger.grad[entry]) if ledger.grad.size else 0.0
    finite = [abs(v) for v in (*adds, *sums, grad) if np.isfinite(v)]
    unit, middle = (_BAR / 2 - 4) / (max(finite, default=0.0) or 1.0), _FALL + _BAR / 2
    high = y
    for i in range(min(ROWS, len(adds))):
        _row(body, ledger, i, (adds[i], sums[i - 1] if i else 0.0, sums[i]), (i < known, on[i]), y, unit)
        y += _ROW_H
    if len(adds) > ROWS:
        rest = sums[-1] - sums[ROWS - 1]
        body += [words(PAD, y + 16, f"{len(adds) - ROWS:,} more rows", "s"),
                 words(_ADDS, y + 16, fmt(rest, 4, plus=True), "g e"), words(_TOTAL, y + 16, fmt(sums[-1], 5), "e")]
        y += _ROW_H
    body.append(f'<path class="fwd" d="M{num(middle)} {num(high)}V{num(y + _ROW_H)}M{PAD} {num(y)}H{_TOTAL}"/>')
    total = sums[-1] if sums else 0.0
    body += [words(PAD, y + 17, _verdict(ledger, known, on, grad), "b"), _bar(middle, total * unit, y),
             words(_TOTAL, y + 17, fmt(total, 5), "g e")]
    return still(WIDTH, y + _ROW_H + PAD, title, body)


def _running(ledger: Ledger, entry: tuple[int, ...], adds: list[float], on: list[bool]) -> list[float]:
    """Totals after each row; those of the ledger while nothing is left out."""
    sums: list[float] = []
    for i, a in enumerate(adds):
        before = sums[-1] if sums else 0.0
        exact = all(on[: i + 1])
        sums.append(float(ledger.rows[i].total[entry]) if exact else before + a if on[i] else before)
    return sums


def _verdict(ledger: Ledger, known: int, on: list[bool], grad: float) -> str:
    if not on:
        return "no contribution"
    if known < len(on):
        return f"so far, {known} of {len(on)} contributions in"
    if not all(on):
        return f"without {on.count(False)} of {len(on)} rows; the gradient is {fmt(grad)}"
    return "= gradient " + ("✓ equal to the last bit" if ledger.balanced else "✗ not the sum of the rows")


def _row(
    body: list[str], ledger: Ledger, i: int, numbers: tuple[float, float, float], state: tuple[bool, bool], y: float,
    unit: float,
) -> None:
    (add, before, after), (known, on), labels = numbers, state, ledger.rows[i].labels
    short = labels if len(labels) <= 4 else (labels[0], "⋯", *labels[-2:])
    path = fit(" → ".join(visible(t, 18) for t in short), _ADDS - PAD - 70)
    body.append(f'<g{"" if on else " opacity=" + chr(34) + ".5" + chr(34)}>{words(PAD, y + 16, path)}')
    body.append(words(_ADDS, y + 16, fmt(add, 4, plus=True) if known else "?", "g e"))
    if on:
        middle = _FALL + _BAR / 2
        body.append(_bar(middle + before * unit, (after - before) * unit, y))
    body.append((words(_TOTAL, y + 16, fmt(after, 5), "e") if known else "") + "</g>")


def _bar(x: float, length: float, y: float) -> str:
    """A bar from `x` on; a negative one is hatched."""
    if not np.isfinite(x + length):
        return ""
    left, wide = min(x, x + length), max(1.0, abs(length))
    bar = f'<rect class="hg" x="{num(left)}" y="{num(y + 7)}" width="{num(wide)}" height="10"/>'
    if length >= 0:
        return bar
    lines = "".join(f"M{num(left + k)} {num(y + 17)}l{min(4, wide - k):.3g} -10" for k in range(0, int(wide), 4))
    return bar + f'<path class="hx" d="{lines}"/>'


def _paths(body: list[str], ledger: Ledger, adds: list[float], on: list[bool], y: float) -> float:
    """The small graph of the ledger; returns its height."""
    small, into = mini(ledger.trace, ledger.node), ledger.trace.into(ledger.node)
    # The seed, where there is one, is a row and no arrow.
    at = {(e.child, e.arg): i for i, e in enumerate(into, len(on) - len(into))}
    seen: dict[int, int] = {}
    body.append(f'<g transform="translate({num((WIDTH - small["width"]) / 2)} {num(y)})">')
    chips, children = [], [k["child"] for k in small["links"] if k["arg"] >= 0]
    twice = {c for c in children if children.count(c) > 1}
    for link in small["links"]:
        i = at.get((link["child"], link["arg"]))
        way = _curve(link["points"])
        if i is None:
            body.append(f'<path class="fwd" d="{way}"/>')
            continue
        width = edge_width(np.asarray(adds[i])) if i < len(adds) else 1.2
        faint = "" if on[i] else ' opacity=".4"'
        (ex, ey), (bx, by) = link["points"][-1], link["points"][-2]
        body.append(f'<g{faint}><path class="bwd" stroke-width="{num(width)}" d="{way}"/>'
                    f'<path class="bh" d="{arrow(ex, ey, "LR", True, 9)}"/></g>')
        said = fmt(adds[i], 3, plus=True) if i < len(adds) else "?"
        wide = text_width(said, bold=True) + 10
        # Arrows of one child run close together: their numbers stand in two columns.
        turn = seen[link["child"]] = seen.get(link["child"], -1) + 1
        share = 0.66 if link["child"] not in twice else 0.76 if turn % 2 else 0.28
        mx, my = bx * share + ex * (1 - share), by * 0.8 + ey * 0.2
        chips.append(f'<g class="chip"><rect x="{num(mx - wide / 2)}" y="{num(my - 7.5)}" width="{num(wide)}"'
                     f' height="15" rx="7.5"/>{words(mx, my + 3.7, said)}</g>')
    for b in small["boxes"]:
        body.append(_box(b, b["id"] == ledger.node))
    body += [*chips, "</g>"]
    return small["height"] + 6


def _box(b: dict[str, Any], own: bool) -> str:
    """One box of the small graph; its labels are cut to fit already."""
    role = b["role"] if b["role"] in ("input", "param", "const") else "op"
    ring = f'<path class="ring" d="{outline(role, b["x"] - 4, b["y"] - 4, b["w"] + 8, b["h"] + 8)}"/>' if own else ""
    middle = b["x"] + b["w"] / 2
    return (f'<g class="role-{role}{" now" if own else ""}">{ring}'
            f'<path class="box" d="{outline(role, b["x"], b["y"], b["w"], b["h"])}"/>'
            f'<text class="b m" x="{num(middle)}" y="{num(b["y"] + 15.5)}">{escape(b["label"])}</text>'
            f'<text class="s m" x="{num(middle)}" y="{num(b["y"] + 28)}">{escape(b["sub"])}</text></g>')


def _curve(points: Sequence[Sequence[float]]) -> str:
    out = f"M{num(points[0][0])} {num(points[0][1])}"
    for (px, py), (x, y) in pairwise(points):
        m = num((px + x) / 2)
        out += f"C{m} {num(py)} {m} {num(y)} {num(x)} {num(y)}"
    return out
