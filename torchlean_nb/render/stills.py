"""Pictures of an array that need no front end: its numbers on a heat map, statistics, a histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from torchlean_nb.escape import svg as escape
from torchlean_nb.escape import visible
from torchlean_nb.render import theme
from torchlean_nb.render.glyphs import fit, text_width
from torchlean_nb.render.numbers import fmt, shape
from torchlean_nb.render.routes import num

WIDTH, PAD, WINDOW = 640, 12, 8
_CELL_H, _SIDE, _LINE, _BARS = 20, 148, 15, 48


def still(width: float, height: float, says: str, body: Sequence[str]) -> str:
    """Self-contained SVG with the colours of the drawings, light and dark."""
    size = f'width="{num(width)}" height="{num(height)}"'
    return (
        f'<svg class="tl-scene" xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {num(width)} {num(height)}"'
        f' role="img" aria-label="{escape(says)}"><style>{theme.resolved()}</style><rect class="back" {size}/>'
        f"{''.join(body)}</svg>"
    )


def words(x: float, y: float, said: object, kind: str = "") -> str:
    """One text element; `kind` are its classes."""
    return f'<text{f" class={chr(34)}{kind}{chr(34)}" if kind else ""} x="{num(x)}" y="{num(y)}">{escape(said)}</text>'


def loudest(a: np.ndarray) -> tuple[int, ...]:
    """Index of the entry of largest magnitude."""
    size = np.where(np.isfinite(a), np.abs(a.astype(np.float64)), -1.0)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(size)), a.shape))


def entry_name(name: str, index: Sequence[Any]) -> str:
    """``W[0, 1]``; a scalar keeps its name."""
    return f"{name}[{', '.join(map(str, index))}]" if len(index) else name


def array_svg(
    array: np.ndarray, name: str, stats: Sequence[Sequence[str]] = (), hist: Mapping[str, Any] | None = None,
    entry: Sequence[int] | None = None,
) -> str:
    """Picture of one array: the 8 by 8 window around an entry, the loudest unless told, and what is known of the whole.

    Parameters
    ----------
    array : ndarray, any shape
    name : str
    stats : sequence of (word, number)
    hist : mapping, optional
        ``counts`` and ``edges``.
    entry : sequence of int, optional

    Examples
    --------
    >>> array_svg(np.eye(2), "w").count('class="hv"')
    4
    """
    body = [words(PAD, 22, fit(visible(name), WIDTH - 2 * _SIDE, 11.5, bold=True) or "…", "b"),
            words(WIDTH - PAD, 22, f"{shape(array.shape) or 'scalar'} · {array.dtype.name}", "s e")]
    if array.size == 0:
        low = 52.0
        body.append(words(PAD, 44, "The array is empty."))
    else:
        entry = loudest(array) if entry is None else entry
        low = _heat(body, array, visible(name), tuple(entry), PAD, 34)
    side = WIDTH - PAD - _SIDE
    for i, (word, number) in enumerate(stats):
        body += [words(side, 44 + i * _LINE, word, "s"), words(WIDTH - PAD, 44 + i * _LINE, number, "e")]
    end = 44 + len(stats) * _LINE
    if hist:
        end = _histogram(body, hist, side, end - 4)
    return still(WIDTH, max(low, end) + PAD, f"Array {visible(name)}", body)


def _heat(body: list[str], array: np.ndarray, name: str, entry: tuple[int, ...], x: float, y: float) -> float:
    """Numbers of the window, one rectangle each; returns where it ends."""
    if array.ndim == 0:
        body.append(words(x, y + 16, fmt(array, 6), "v"))
        return y + 24
    plane = array[entry[:-2]] if array.ndim > 1 else array.reshape(1, -1)
    row, col = (entry[-2], entry[-1]) if array.ndim > 1 else (0, entry[-1])
    r0, c0 = row // WINDOW * WINDOW, col // WINDOW * WINDOW
    part = plane[r0 : r0 + WINDOW, c0 : c0 + WINDOW]
    whole = part.shape == plane.shape
    label = entry_name(name, (*entry[:-2], ":", ":")) if array.ndim > 2 else ""
    if not whole:
        rows = f"rows {r0}–{r0 + len(part) - 1} of {len(plane)}, " if array.ndim > 1 else ""
        label += f"{', ' if label else ''}{rows}columns {c0}–{c0 + part.shape[1] - 1} of {plane.shape[1]}"
    if label:
        body.append(words(x, y + 10, fit(label, WIDTH - _SIDE - 40), "s"))
        y += 16
    texts = [[fmt(v, 3) for v in line] for line in part]
    wide = max(32.0, max(text_width(t) for line in texts for t in line) + 8)
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    top, left = float(finite.max(initial=0.0)) or 1.0, x + (24 if array.ndim > 1 else 0)
    for j in range(part.shape[1]):
        body.append(words(left + j * wide + wide - 5, y + 10, c0 + j, "s e"))
    y += 15
    for i, line in enumerate(texts):
        at = y + i * _CELL_H
        if array.ndim > 1:
            body.append(words(left - 6, at + 13.5, r0 + i, "s e"))
        for j, said in enumerate(line):
            v, cx = float(part[i, j]), left + j * wide
            share = 0.08 + 0.52 * (min(1.0, abs(v) / top) if np.isfinite(v) else 1.0)
            box = f'width="{num(wide - 1)}" height="{_CELL_H - 1}"'
            body.append(f'<rect class="hv" fill-opacity="{share:.2f}" x="{num(cx)}" y="{num(at)}" {box}/>')
            if v < 0:
                body.append(_hatch(cx, at + _CELL_H - 1, wide - 1))
            body.append(words(cx + wide - 5, at + 13.5, said, "e"))
    return y + len(texts) * _CELL_H


def _hatch(x: float, low: float, width: float) -> str:
    """Lines along the lower edge of a negative cell: they mark it and leave its number free."""
    lines = "".join(f"M{num(x + k)} {num(low)}l4 -4" for k in range(1, int(width) - 4, 5))
    return f'<path class="hx" d="{lines}"/>'


def _histogram(body: list[str], hist: Mapping[str, Any], x: float, y: float) -> float:
    counts, edges = hist["counts"], hist["edges"]
    wide, top, base = _SIDE / len(counts), max(1, *counts), y + _BARS
    for i, count in enumerate(counts):
        tall = max(1.0, count / top * (_BARS - 4)) if count else 0.0
        if tall:
            size = f'width="{num(max(1.0, wide - 1))}" height="{num(tall)}"'
            body.append(f'<rect class="hv" x="{num(x + i * wide)}" y="{num(base - tall)}" {size}/>')
    body.append(f'<path class="fwd" d="M{num(x)} {num(base)}h{_SIDE}"/>')
    body += [words(x, base + 12, fmt(edges[0], 3), "s"), words(x + _SIDE, base + 12, fmt(edges[-1], 3), "s e")]
    return base + 16
