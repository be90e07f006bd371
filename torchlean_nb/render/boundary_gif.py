"""All frames of a decision boundary as an animated GIF."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.render.boundary import INKS, outline
from torchlean_nb.render.boundary_svg import field_rgba, hue, strength
from torchlean_nb.render.files import target, write
from torchlean_nb.render.numbers import MINUS, fmt
from torchlean_nb.trace.boundary import BoundaryTrace

SIDE, BAR, _OVER = 320, 24, 2


def boundary_gif(trace: BoundaryTrace, path: str | Path, ms: int = 120, hold: int = 1500) -> None:
    """Write the animation.

    Parameters
    ----------
    trace : BoundaryTrace
    path : str or Path
    ms, hold : int
        Milliseconds per frame, and for the last one.

    Raises
    ------
    HyperparameterError
        For times that are none, or a path that does not end in ``.gif``.
    """
    if not 10 <= ms <= 10_000 or not 10 <= hold <= 60_000:
        raise HyperparameterError(f"to_gif: ms={ms} and hold={hold} are not times of a frame")
    where = target(path, ("gif",))
    images = [_frame(trace, i) for i in range(len(trace))]
    palette = _palette(max(1, trace.classes))
    drawn = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    out = BytesIO()
    times = [ms] * (len(drawn) - 1) + [hold]
    drawn[0].save(out, "gif", save_all=True, append_images=drawn[1:], duration=times, loop=0, optimize=False)
    write(where, out.getvalue())


def _palette(classes: int) -> Image.Image:
    """One palette for all frames: every ink in full and at the strengths of the field, and greys."""
    each = min(32, 200 // classes)
    strengths = np.append(np.linspace(0.05, 0.55, each), 1.0)[:, None]
    inks = [255 - strengths * (255 - _ink(hue(i))) for i in range(classes)]
    greys = np.linspace(0, 255, 16)[:, None].repeat(3, axis=1)
    table = np.round(np.concatenate([greys, *inks])).astype(np.uint8)
    out = Image.new("P", (1, 1))
    out.putpalette(table.tobytes())
    return out


def _ink(name: str) -> np.ndarray:
    return np.array([int(INKS[name][j : j + 2], 16) for j in (1, 3, 5)])


def _frame(trace: BoundaryTrace, i: int) -> Image.Image:
    """One frame on white, drawn at twice the size for smooth edges."""
    side = SIDE * _OVER
    page = Image.new("RGB", (side, side + BAR * _OVER), "white")
    field = Image.fromarray(field_rgba(trace, i), "RGBA").resize((side, side), Image.Resampling.NEAREST)
    page.paste(field, (0, 0), field)
    pen = ImageDraw.Draw(page)
    h, w = trace.codes.shape[1:]
    for a, b, c, d in outline(trace, i):
        ends = (a / w * side, side - b / h * side, c / w * side, side - d / h * side)
        pen.line(ends, fill="#57606a", width=3 if trace.classes else 1)
    left, right, bottom, top = trace.bounds
    for n, (x, y) in enumerate(trace.points):
        at = (x - left) / (right - left) * side, (top - y) / (top - bottom) * side
        _point(trace, pen, n, i, *at)
    pen.rectangle((0, side, side, side + BAR * _OVER), fill="white")
    small = page.resize((SIDE, SIDE + BAR), Image.Resampling.LANCZOS)
    said = f"update {trace.steps[i]}   loss {fmt(trace.loss[i], 4)}".replace(MINUS, "-").replace("∞", "inf")
    ImageDraw.Draw(small).text((8, SIDE + 6), said, fill="#1b1f24")
    return small


def _point(trace: BoundaryTrace, pen: ImageDraw.ImageDraw, n: int, i: int, x: float, y: float) -> None:
    """Circle, triangle, square, diamond, plus or cross by class; a black edge where the model is wrong."""
    v, r = trace.targets[n], 3.6 * _OVER
    if not trace.classes:
        fill = tuple(int(c) for c in np.round(255 - strength(trace, v) * (255 - _ink("value"))))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=fill, outline="#57606a")
        return
    fine = trace.guesses[i, n] == v
    look = {"fill": INKS[hue(int(v))], "outline": "white" if fine else "black", "width": 1 if fine else 3}
    kind = int(v) % 6
    if kind == 0:
        pen.ellipse((x - r, y - r, x + r, y + r), **look)
    elif kind == 1:
        pen.polygon([(x, y - 1.2 * r), (x + 1.2 * r, y + r), (x - 1.2 * r, y + r)], **look)
    elif kind == 2:
        pen.rectangle((x - r, y - r, x + r, y + r), **look)
    elif kind == 3:
        pen.polygon([(x, y - 1.3 * r), (x + 1.3 * r, y), (x, y + 1.3 * r), (x - 1.3 * r, y)], **look)
    else:
        ends = [(1, 0), (0, 1)] if kind == 4 else [(0.8, 0.8), (0.8, -0.8)]
        for width, ink in ((7, look["outline"]), (4, look["fill"])):
            for a, b in ends:
                pen.line((x - a * r, y - b * r, x + a * r, y + b * r), fill=ink, width=width)
