"""Picture of an update that needs no front end: a row per term, a bar per coordinate, dashed what-ifs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.anatomy import GRADIENT, Anatomy, Row, label
from torchlean_nb.render.anatomy_payload import numbers_text
from torchlean_nb.render.glyphs import fit, text_width
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import PAD, WIDTH, still, words

TERM, _FORMULA, _ROW, _BLOCK, _GHOST = 134, 156, 32, 18, 17
_HUES = {k: f'class="h{k[0]}"' for k in ("grad", "value", "upd")} | {"const": 'class="hn"', "par": 'fill="#E69F00"'}
_BLOCKS = ("1 · How large, how steady", "2 · A direction", "3 · The step")
_UNITS = ("in units of the gradient; each column on its own scale", "no unit", "in units of the parameter")
_DASHES = ("4 2", "1.5 1.5", "6 2 1.5 2")


def anatomy_svg(
    a: Anatomy, step: int, columns: Sequence[int], on: Collection[str] = (), at: int | None = None
) -> str:
    """Picture of one step for some coordinates.

    Parameters
    ----------
    a : Anatomy
    step : int
    columns : sequence of int
        Row-major places of the coordinates.
    on : collection of str
        Labels of the ghosts to draw.
    at : int, optional
        The coordinate whose numbers are in the formulas, by default the first.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.SGD({"w": np.array([1.0])}, lr=0.1)
    >>> opt.step({"w": np.array([0.5])})
    >>> "actual step" in anatomy_svg(Anatomy([opt.explain("w")]), 0, [0])
    True
    """
    e = a.steps[step]
    wide = (WIDTH - TERM - _FORMULA - 2 * PAD) / max(1, len(columns))
    middles = [PAD + TERM + wide * (j + 0.5) for j in range(len(columns))]
    title = f"{visible(e.rule.class_name, 40)}, term by term: {a.name} at t = {e.step}"
    body = [words(PAD, 22, fit(title, WIDTH - 2 * PAD, 11.5, bold=True), "b")]
    body += [words(x, 40, fit(label(a, c), wide - 4), "s m") for x, c in zip(middles, columns, strict=True)]
    at = columns[0] if at not in columns and columns else at
    if columns:
        body.append(words(WIDTH - PAD, 40, fit(f"with the numbers of {label(a, at)}", _FORMULA - 8), "s e"))
    y, block = 46.0, -1
    scales, before = _scales(a, step, columns), None
    for i, row in enumerate(a.rows):
        if row.block != block:
            block = row.block
            body += [f'<path class="fwd" d="M{PAD} {num(y)}H{WIDTH - PAD}"/>', words(PAD, y + 13, _BLOCKS[block], "b"),
                     words(WIDTH - PAD, y + 13, _UNITS[block], "s e")]
            y += _BLOCK
        ends = _row(body, a, step, row, columns, at, middles, y, wide, scales[i], before if i in a.sums else None)
        before = ends if i in a.sums else before
        y += _ROW
    for k, g in enumerate(g for g in a.ghosts[step] if g.label in on):
        body.append(words(PAD + 8, y + 11, fit(g.label, TERM - 12), "s"))
        for j, c in enumerate(columns):
            _ghost(body, float(g.delta.reshape(-1)[c]), scales[-1][j], middles[j], wide, y, _DASHES[k % len(_DASHES)])
        y += _GHOST
    lines = [a.story(step), "✓ parameter + step is the new parameter, bit for bit" if a.exact(step) else ""]
    for said in filter(None, lines):
        body.append(words(PAD, y + 14, fit(said, WIDTH - 2 * PAD), "" if said == lines[0] else "s"))
        y += 15
    return still(WIDTH, y + PAD, title, body)


def _scales(a: Anatomy, step: int, columns: Sequence[int]) -> list[list[float]]:
    """Largest magnitude of every row and column: of the column in the first block, else of the block."""
    ends: list[list[float]] = []
    total = np.zeros(len(columns))
    for i, row in enumerate(a.rows):
        v = _values(a, step, row, columns)
        total = total + v if i in a.sums else total
        ends.append([max(abs(float(x)), abs(float(s)) if i in a.sums else 0.0) for x, s in zip(v, total, strict=True)])

    def top(found: Sequence[float]) -> float:
        return max((v for v in found if np.isfinite(v)), default=0.0) or 1.0

    def same(row: Row) -> list[int]:
        return [k for k, r in enumerate(a.rows) if r.block == row.block and not r.own]

    out = []
    for i, row in enumerate(a.rows):
        if row.own or row.block != GRADIENT:
            out.append([top(ends[i] if row.own else [v for k in same(row) for v in ends[k]])] * len(columns))
        else:
            out.append([top([ends[k][j] for k in same(row)]) for j in range(len(columns))])
    return out


def _values(a: Anatomy, step: int, row: Row, columns: Sequence[int]) -> np.ndarray:
    v = a.drawn(step, row)
    if v is None:
        return np.full(len(columns), np.nan)
    flat = np.broadcast_to(np.asarray(v, dtype=np.float64), a.shape).reshape(-1)
    return flat[list(columns)]


def _row(
    body: list[str], a: Anatomy, step: int, row: Row, columns: Sequence[int], chosen: int, middles: Sequence[float],
    y: float, wide: float, scales: Sequence[float], start: Sequence[float] | None,
) -> list[float]:
    """One term; returns where its bars end."""
    last = row.key == "delta"
    name = f"√ {row.words.title}" if row.root else row.words.title
    body += [words(PAD, y + 13, fit(name, TERM - 6, bold=last), "b" if last else ""),
             words(PAD, y + 26, fit(row.words.line, TERM - 6), "s")]
    v, ends = a.drawn(step, row), []
    said = numbers_text(a, step, row, chosen) if columns and not last else ""
    if last and columns:
        old, new = (x.reshape(-1)[chosen] for x in (a.steps[step].before, a.steps[step].after))
        said = f"{fmt(old, 6)} → {fmt(new, 6)}"
    if said and text_width(said) <= _FORMULA - 10:
        body.append(words(WIDTH - PAD, y + 19, said, "e"))
    if v is None or (v.shape == () and a.shape):
        text = "not of the parameter's shape" if v is None else fmt(v, 5)
        body.append(words(PAD + TERM + wide * len(columns) / 2, y + 19, text, "s m"))
        return [0.0] * len(columns)
    for j, x in enumerate(_values(a, step, row, columns)):
        base = start[j] if start else 0.0
        unit, end = (wide / 2 - 5) / scales[j], base + float(x)
        lo, hi = (float(np.clip(np.nan_to_num(k * unit), 4 - wide / 2, wide / 2 - 4)) for k in sorted((base, end)))
        at = middles[j]
        body.append(f'<path class="fwd" d="M{num(at)} {num(y + 16)}v{_ROW - 16}"/>')
        size = f'width="{num(max(1.0, hi - lo))}" height="9"'
        body.append(f'<rect {_HUES[row.hue]} x="{num(at + lo)}" y="{num(y + 18)}" {size}/>')
        if x < 0:
            hatch = "".join(f"M{num(at + lo + k)} {num(y + 27)}l4 -9" for k in range(0, max(1, int(hi - lo) - 3), 4))
            body.append(f'<path class="hx" d="{hatch}"/>')
        body.append(words(at, y + 13, fit(fmt(float(x), 3), wide), "b m" if last else "m"))
        ends.append(end)
    return ends


def _ghost(body: list[str], v: float, scale: float, at: float, wide: float, y: float, dash: str) -> None:
    reach = wide / 2 - 5
    x = v / scale * reach
    past, end = abs(x) > reach, float(np.clip(x, -reach, reach))
    shape = f"M{num(at)} {num(y + 3)}H{num(at + end)}" + ("M" if past else "V") + \
            (f"{num(at + end)} " if past else "") + f"{num(y + 12)}H{num(at)}"
    body.append(f'<path class="fwd" stroke-dasharray="{dash}" d="{shape}"/>')
    if past:
        k = 5 if end > 0 else -5
        body.append(f'<path class="fh" d="M{num(at + end)} {num(y + 3)}l{k} 4.5l{-k} 4.5z"/>')
    said = next((t for t in (fmt(v, 2), fmt(v, 1)) if text_width(t) <= wide / 2 - 4), "")
    body.append(words(at - 4 if v > 0 else at + 4, y + 11, said, "s e" if v > 0 else "s"))
