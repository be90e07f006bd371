"""Small drawings: node outlines, arrow heads, heat-map thumbnails, and text that fits its box."""

from __future__ import annotations

import unicodedata

import numpy as np

from torchlean_nb.render.routes import num

SHADES = 8
CELLS = 8
_NARROW, _WIDE = frozenset("ijlt.,:;|!'`()[]fIr1 /\\"), frozenset("mwMW@%&")


def outline(role: str, x: float, y: float, w: float, h: float) -> str:
    """Path of a node's outline: the shape says the role, colour only repeats it."""
    x, y, r, b = num(x), num(y), num(x + w), num(y + h)
    if role == "input":
        k = h / 2
        return f"M{num(float(x) + k)} {y}H{num(float(r) - k)}a{num(k)} {num(k)} 0 0 1 0 {num(h)}" \
               f"H{num(float(x) + k)}a{num(k)} {num(k)} 0 0 1 0 {num(-h)}z"
    if role == "param":
        return f"M{num(float(x) + 8)} {y}H{num(float(r) - 8)}l8 8V{num(float(b) - 8)}l-8 8H{num(float(x) + 8)}" \
               f"l-8 -8V{num(float(y) + 8)}z"
    k = 1 if role == "const" else 4
    return f"M{num(float(x) + k)} {y}H{num(float(r) - k)}q{k} 0 {k} {k}V{num(float(b) - k)}q0 {k} -{k} {k}" \
           f"H{num(float(x) + k)}q-{k} 0 -{k} -{k}V{num(float(y) + k)}q0 -{k} {k} -{k}z"


def arrow(x: float, y: float, direction: str, back: bool, size: float) -> str:
    """Path of an arrow head whose tip is at (x, y)."""
    k, half = (size if back else -size), size * 0.42
    if direction == "TB":
        return f"M{num(x)} {num(y)}L{num(x - half)} {num(y + k)}H{num(x + half)}z"
    return f"M{num(x)} {num(y)}L{num(x + k)} {num(y - half)}V{num(y + half)}z"


def text_width(text: str, size: float = 10.5, bold: bool = False) -> float:
    """Width of a text in pixels, estimated from the kinds of its letters."""
    units = 0.0
    for c in text:
        if c in _NARROW:
            units += 0.33
        elif c in _WIDE or unicodedata.east_asian_width(c) in "WF":
            units += 1.0
        elif c.isupper():
            units += 0.7
        else:
            units += 0.0 if unicodedata.combining(c) else 0.56
    return units * size * (1.12 if bold else 1.0)


def fit(text: str, width: float, size: float = 10.5, bold: bool = False) -> str:
    """Text cut with an ellipsis to `width` pixels; empty when not even two letters fit."""
    if text_width(text, size, bold) <= width:
        return text
    for n in range(min(len(text), 60), 1, -1):
        cut = text[:n].rstrip() + "…"
        if text_width(cut, size, bold) <= width:
            return cut
    return ""


def shrink(a: np.ndarray, cells: int = CELLS) -> np.ndarray:
    """Array as at most `cells` rows and columns: leading axes as rows, of each tile the entry of largest magnitude."""
    a = np.asarray(a, dtype=np.float64)
    a = a.reshape(1, -1) if a.ndim < 2 else a.reshape(-1, a.shape[-1])
    if a.size == 0:
        return np.zeros((1, 1))
    for axis in (0, 1):
        if a.shape[axis] > cells:
            tiles = np.array_split(a, cells, axis=axis)
            a = np.stack([_strongest(t, axis) for t in tiles], axis=axis)
    return a


def _strongest(tile: np.ndarray, axis: int) -> np.ndarray:
    at = np.expand_dims(np.argmax(np.abs(np.nan_to_num(tile, nan=np.inf)), axis=axis), axis)
    return np.take_along_axis(tile, at, axis).squeeze(axis)


def thumb(
    a: np.ndarray, x: float, cy: float, hue: str, room: float = 46, scale: float | None = None, cells: int = CELLS
) -> tuple[str, float]:
    """Heat map of an array from `x` on, centred at height `cy`, and its width.

    One path per shade; negative cells are hatched, NaN and infinity crossed. `hue` is the class of
    the colour, `scale` the magnitude drawn in full strength.
    """
    grid = shrink(a, cells)
    rows, cols = grid.shape
    cw, ch = min(7.0, room / cols), min(6.0, 24 / rows)
    w, h = cw - min(1.0, cw / 5), ch - min(1.0, ch / 5)
    finite = np.where(np.isfinite(grid), np.abs(grid), 0.0)
    full = scale or float(finite.max()) or 1.0
    shade = np.minimum(SHADES, 1 + (finite / full * (SHADES - 1e-3)).astype(int))
    paths: dict[int, list[str]] = {}
    lines = []
    for i in range(rows):
        for j in range(cols):
            left, top, v = num(j * cw), num(i * ch), grid[i, j]
            paths.setdefault(int(shade[i, j]), []).append(f"M{left} {top}h{num(w)}v{num(h)}h{num(-w)}z")
            if v < 0 or not np.isfinite(v):
                lines.append(f"M{left} {num(i * ch + h)}l{num(w)} {num(-h)}")
                if not np.isfinite(v):
                    lines.append(f"M{left} {top}l{num(w)} {num(h)}")
                elif cells == CELLS and w > 4 and h > 3:
                    lines.append(f"M{left} {num(i * ch + h / 2)}l{num(w / 2)} {num(-h / 2)}"
                                 f"m0 {num(h)}l{num(w / 2)} {num(-h / 2)}")
    body = "".join(
        f'<path fill-opacity="{0.08 + 0.92 * (k - 1) / (SHADES - 1):.2f}" d="{"".join(d)}"/>'
        for k, d in sorted(paths.items())
    )
    hatch = f'<path class="hx" d="{"".join(lines)}"/>' if lines else ""
    y = cy - rows * ch / 2
    return f'<g class="{hue}" transform="translate({num(x)} {num(y)})">{body}{hatch}</g>', cols * cw
