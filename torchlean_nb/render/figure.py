"""A trace as a matplotlib figure, from the same layout as the SVG."""

from __future__ import annotations

import os
from functools import lru_cache
from io import BytesIO
from pathlib import Path as File

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font
from matplotlib.patches import BoxStyle, FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.escape import visible
from torchlean_nb.render import files
from torchlean_nb.render.edges import BACKWARD_SHIFT, FORWARD_SHIFT, edge_width
from torchlean_nb.render.fold import fold, note
from torchlean_nb.render.glyphs import fit, shrink, text_width
from torchlean_nb.render.layout import Box, layout
from torchlean_nb.render.nodes import number
from torchlean_nb.render.numbers import fmt, shape
from torchlean_nb.render.pen import Timeline
from torchlean_nb.render.routes import Route
from torchlean_nb.render.theme import LIGHT
from torchlean_nb.trace.graph import GraphTrace, TraceNode

FORMATS = ("svg", "png", "pdf")
_PIXELS = 96
_POINTS = 72 / _PIXELS
_EDGES = {"input": "inp", "param": "par", "const": "const"}
_STABLE = {"svg.hashsalt": "torchlean_nb", "svg.fonttype": "none"}
_NO_DATE = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}


def figure(trace: GraphTrace, step: int | None = None, width: float = 436, direction: str = "TB") -> Figure:
    """Figure of one step of a trace, by default of the finished sweep.

    It belongs to no window and no global state, so it needs no closing.

    Raises
    ------
    HyperparameterError
        For a step outside ``0..steps``.
    """
    trace = fold(trace)[0]
    if step is not None and not 0 <= step <= trace.steps:
        raise HyperparameterError(f"figure: step {step} is outside 0..{trace.steps}")
    now = trace.steps if step is None else step
    placed, when = layout(trace, width, direction), Timeline(trace)
    fig = Figure(figsize=(placed.width / _PIXELS, placed.height / _PIXELS), dpi=2 * _PIXELS)
    FigureCanvasAgg(fig)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, placed.width)
    ax.set_ylim(placed.height, 0)
    ax.axis("off")
    edges = {(e.child, e.arg): e for e in trace.edges}
    for key, route in placed.routes.items():
        k, there = when.active.get(key), when.computed[route.child] <= now
        _way(ax, route, 0 if k is None else FORWARD_SHIFT, LIGHT["line2"], 1.25, False, None if there else (2, 3))
        if k is not None and k <= now:
            size = edge_width(edges[key].contribution)
            _way(ax, route, BACKWARD_SHIFT, LIGHT["grad"], size, True, None)
    for n in trace.nodes:
        _node(ax, n, placed.boxes[n.id], when.computed[n.id] <= now, trace.grad_at(n.id, now))
    if not trace.nodes:
        _text(ax, placed.width / 2, placed.height / 2, "empty graph", "text2", ha="center")
    if note(trace):
        _text(ax, placed.width / 2, placed.height - 2, note(trace), "text2", ha="center")
    return fig


def save(drawing: GraphTrace | Figure, path: str | os.PathLike[str], **options: object) -> File:
    """Write a figure as SVG, PNG or PDF; the same bytes for the same trace.

    Raises
    ------
    HyperparameterError
        For another suffix, or a path outside the working folder.
    """
    to = files.target(path, FORMATS)
    kind = to.suffix.removeprefix(".").lower()
    fig = figure(drawing, **options) if isinstance(drawing, GraphTrace) else drawing
    out = BytesIO()
    with matplotlib.rc_context(_STABLE):
        fig.savefig(out, format=kind, metadata=_NO_DATE[kind])
    return files.write(to, out.getvalue())


def _way(ax: Axes, route: Route, shift: float, colour: str, width: float, back: bool, dashes) -> None:
    first, *rest = route.points(shift, back, trim=5)
    points, codes = [first[0]], [Path.MOVETO]
    for piece in rest:
        points += piece
        codes += [Path.CURVE4] * 3 if len(piece) == 3 else [Path.LINETO]
    style = "solid" if dashes is None else (0, dashes)
    ax.add_patch(PathPatch(Path(points, codes), fill=False, ec=colour, lw=width * _POINTS, ls=style))
    x, y = route.start if back else route.end
    size = 8 if back else 6
    k, half = (size if back else -size), size * 0.42
    if route.direction == "TB":
        tip = [(x + shift, y), (x + shift - half, y + k), (x + shift + half, y + k)]
    else:
        tip = [(x, y + shift), (x + k, y + shift - half), (x + k, y + shift + half)]
    if dashes is None:
        ax.add_patch(Polygon(tip, closed=True, fc=colour, ec="none"))


def _node(ax: Axes, n: TraceNode, box: Box, there: bool, grad: np.ndarray | None) -> None:
    corner = {"input": box.h / 2, "param": 0, "const": 1}.get(n.role, 4)
    look = {"fc": LIGHT["bg"], "ec": LIGHT[_EDGES.get(n.role, "line2")], "lw": 1.5 * _POINTS,
            "ls": "solid" if there and n.role != "const" else (0, (2, 2))}
    if n.role == "param":
        x, y, r, b = box.x, box.y, box.x + box.w, box.y + box.h
        cut = [(x + 8, y), (r - 8, y), (r, y + 8), (r, b - 8), (r - 8, b), (x + 8, b), (x, b - 8), (x, y + 8)]
        ax.add_patch(Polygon(cut, closed=True, **look))
    else:
        ax.add_patch(FancyBboxPatch((box.x, box.y), box.w, box.h, BoxStyle.Round(pad=0, rounding_size=corner), **look))
    pad, dims = (16 if n.role == "input" else 9), shape(n.shape)
    if box.h < 40:
        said = fmt(n.value, 4) if not n.name else f"{fit(visible(n.name), box.w - 50)} = {fmt(n.value, 4)}"
        _text(ax, box.x + box.w / 2, box.y + box.h / 2 + 4, said, "text", ha="center")
        return
    name = fit(visible(n.label), box.w - 2 * pad - text_width(dims) - 5, 11.5, bold=True)
    _text(ax, box.x + pad, box.y + 13, name, "text", bold=True)
    used = text_width(name, 11.5, bold=True) + 5
    if n.name:
        _text(ax, box.x + pad + used, box.y + 13, fit(n.op, box.w - 2 * pad - used - text_width(dims) - 4), "text2")
    _text(ax, box.x + box.w - pad, box.y + 13, dims, "text2", ha="right")
    if there:
        _amount(ax, n.value, box.x + pad, box.y + 28, "value", 46)
    if grad is not None:
        _text(ax, box.x + 58, box.y + 32, "∇", "grad-ink")
        _amount(ax, grad, box.x + 69, box.y + 28, "grad", box.w - 71 - pad)


def _amount(ax: Axes, a: np.ndarray, x: float, cy: float, hue: str, room: float) -> None:
    """A number, or a heat map: strength is magnitude, hatching is a negative sign."""
    if a.size == 1:
        _text(ax, x, cy + 4, number(a, room), hue + "-ink", bold=True)
        return
    cells = shrink(a)
    w, h = min(7.0, room / cells.shape[1]), min(6.0, 24 / cells.shape[0])
    size = np.where(np.isfinite(cells), np.abs(cells), 0.0)
    full = float(size.max()) or 1.0
    for (i, j), v in np.ndenumerate(cells):
        ax.add_patch(Rectangle(
            (x + j * w, cy - h * (len(cells) / 2 - i)), w * 0.86, h * 0.86, fc=LIGHT[hue], lw=0,
            alpha=min(1.0, 0.08 + 0.92 * size[i, j] / full),
        ))
        if v < 0:
            y = cy - h * (len(cells) / 2 - i)
            ax.plot([x + j * w, x + j * w + w * 0.86], [y + h * 0.86, y], color=LIGHT["neg"], lw=0.5, alpha=0.6)


@lru_cache(maxsize=2)
def _font(bold: bool) -> FT2Font:
    return get_font(findfont(FontProperties(weight="bold" if bold else "normal")))


def _text(ax: Axes, x: float, y: float, said: str, colour: str, bold: bool = False, ha: str = "left") -> None:
    # A name may hold dollar signs: it is never read as a formula.
    said = "".join(c if _font(bold).get_char_index(ord(c)) else "\ufffd" for c in said)
    ax.text(x, y, said, color=LIGHT[colour], fontsize=(10.4 if bold else 9.5) * _POINTS, ha=ha, va="baseline",
            fontweight="bold" if bold else "normal", parse_math=False)
