"""Two plots for lessons: paths on a map of contours, and curves over steps. Each says in words what it shows."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from torchlean_nb import escape
from torchlean_nb.errors import HyperparameterError, ShapeError, quote
from torchlean_nb.outputs import shown
from torchlean_nb.render.theme import LIGHT
from torchlean_nb.trace.sampling import min_max_lttb

MOST, GRID = 1000, 161
_WIDTH, _DPI = 640, 144
_INKS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKS, _DASHES = "os^Dv*P", ("-", "--", "-.", ":")
# Drawn for white paper. Where the notebook is dark, light and dark change places, and the hues stay.
_DARK = '[data-jp-theme-light="false"] .tl-plot,.vscode-dark .tl-plot{filter:invert(.92) hue-rotate(180deg)}'


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure that can say what is on it; a notebook shows it with the words as alternative text."""

    figure: Figure
    lines: tuple[str, ...]

    def to_text(self) -> str:
        """What the picture shows, one line per path or curve."""
        return "\n".join(self.lines)

    def to_png(self) -> bytes:
        """The picture as PNG, the same bytes for the same data."""
        self.figure.canvas.draw()
        out = BytesIO()
        _few_colours(np.asarray(self.figure.canvas.buffer_rgba())[..., :3]).save(out, "png", optimize=True)
        return out.getvalue()

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        shown()
        data = base64.b64encode(self.to_png()).decode()
        alt = escape.html(". ".join(self.lines)[:1000].replace("\n", " "))
        look = f'class="tl-plot" width="{_WIDTH}" style="max-width:100%"'
        return f'<img {look} alt="{alt}" src="data:image/png;base64,{data}"><style>{_DARK}</style>'


def contours(
    f: Callable[[np.ndarray, np.ndarray], Any], paths: Mapping[str, Any], bounds: Sequence[float] | None = None,
    levels: Sequence[float] | int = 12, title: str = "", names: tuple[str, str] = ("x", "y"), fill: bool = False,
) -> Picture:
    """Contours of a function of two variables, with paths on them.

    Parameters
    ----------
    f : callable
        Of two arrays; must be elementwise.
    paths : mapping of str to array_like, shape (n, 2)
        One point alone is a mark with its name beside it. Of each path the first thousand points are drawn.
    bounds : (left, right, bottom, top), optional
        By default what the paths need, and a little more.
    levels : sequence of float, or int
        A number of levels is spread evenly over the logarithm when `f` is not negative.
    fill : bool
        Shade the map, the darker the lower.

    Raises
    ------
    ShapeError, HyperparameterError

    Examples
    --------
    >>> contours(lambda x, y: x * x + 4 * y * y, {"two steps": [[1, 1], [0.5, -0.5], [0.2, 0.1]]})
    contours over x and y, 1 path
    two steps: 3 points from (1, 1), value 5, to (0.2, 0.1), value 0.08
    """
    walks = {str(name): _walk(name, path) for name, path in paths.items()}
    left, right, bottom, top = bounds or _around(walks)
    if not (left < right and bottom < top):
        raise HyperparameterError(f"contours: bounds {(left, right, bottom, top)} hold no area")
    fig, ax = _page(title, *names)
    X, Y = np.meshgrid(np.linspace(left, right, GRID), np.linspace(bottom, top, GRID))
    with np.errstate(all="ignore"):
        Z = np.ma.masked_invalid(np.broadcast_to(np.asarray(f(X, Y), dtype=float), X.shape))
    at = _spread(Z, levels) if isinstance(levels, int) else sorted(levels)
    if len(at):
        if fill and len(at) > 1:
            ax.contourf(X, Y, Z, levels=at, colors=_shades(len(at) + 1), extend="both")
        drawn = ax.contour(X, Y, Z, levels=at, colors=LIGHT["text2" if fill else "line2"], linewidths=0.7)
        ax.clabel(drawn, drawn.levels[1::3] if isinstance(levels, int) else drawn.levels, fmt="%.3g", fontsize=7)
    lines = [f"contours over {escape.visible(names[0])} and {escape.visible(names[1])}, {_many(len(walks), 'path')}"]
    for k, (name, walk) in enumerate(walks.items()):
        ink, mark, dash = _style(k)
        alone = len(walk) == 1
        ax.plot(*walk[:MOST].T, color=ink, ls=dash, lw=1.3, marker=mark, ms=9 if alone else 4.5, mec="white",
                mew=0.5, label="_" if alone else name, clip_on=not alone, zorder=3)  # fmt: skip
        if alone:
            ax.annotate(escape.visible(name, 40), walk[0], (8, 5), textcoords="offset points", fontsize=8,
                        parse_math=False, bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1})  # fmt: skip
        ends = [f"({a:.4g}, {b:.4g}), value {float(np.asarray(f(a, b))):.4g}" for a, b in walk[[0, -1]]]
        points = f"{_many(len(walk), 'point')} from {ends[0]}, to {ends[1]}" if len(walk) > 1 else f"at {ends[0]}"
        lines.append(f"{escape.visible(name)}: {points}")
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    return _finish(fig, ax, title, lines, any(len(walk) > 1 for walk in walks.values()))


def curves(
    series: Mapping[str, Any], x: str = "step", y: str = "loss", title: str = "", log: str = "y",
) -> Picture:
    """Curves over steps, or over anything: ``{name: values}`` or ``{name: (xs, values)}``.

    Parameters
    ----------
    series : mapping of str to array_like or pair of them
        Values that are not finite leave a gap, and are counted in the words. Of a long curve a thousand points are
        drawn, extremes among them.
    log : {"", "x", "y", "xy"}
        Which axes are logarithmic.

    Raises
    ------
    ShapeError, HyperparameterError

    Examples
    --------
    >>> curves({"a": [1.0, 0.1, 0.01]})
    loss over step, 1 curve
    a: 1 at 0, least 0.01 at 2, last 0.01 at 2
    """
    if log not in ("", "x", "y", "xy"):
        raise HyperparameterError(f"curves: log={quote(log)}", None, "'', 'x', 'y' or 'xy'")
    fig, ax = _page(title, x, y)
    lines = [f"{escape.visible(y)} over {escape.visible(x)}, {_many(len(series), 'curve')}"]
    for k, (name, data) in enumerate(series.items()):
        xs, ys = data if isinstance(data, tuple) else (np.arange(len(data)), data)
        xs, ys = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
        if xs.shape != ys.shape or xs.ndim != 1 or not len(xs):
            raise ShapeError(f"curves: {quote(name)} has shapes {xs.shape} and {ys.shape}, expected two of length n")
        lines.append(f"{escape.visible(name)}: {_course(xs, ys)}")
        if len(xs) > MOST and (np.diff(xs) > 0).all():
            xs, ys = min_max_lttb(xs, ys, MOST)
        ink, mark, dash = _style(k)
        ax.plot(xs, ys, color=ink, ls=dash, lw=1.5, marker=mark, ms=5, mec="white", mew=0.5, label=str(name),
                markevery=None if len(xs) <= 30 else (0.03 * k, 0.12))  # fmt: skip
    ax.set_xscale("log" if "x" in log else "linear")
    ax.set_yscale("log" if "y" in log else "linear")
    ax.grid(color=LIGHT["line"], lw=0.6)
    return _finish(fig, ax, title, lines, bool(series))


def _course(xs: np.ndarray, ys: np.ndarray) -> str:
    good = np.flatnonzero(np.isfinite(ys))
    if not len(good):
        return "no finite value"
    first, last, least = good[0], good[-1], good[np.argmin(ys[good])]
    lost = f", {len(ys) - len(good)} not finite" if len(good) < len(ys) else ""
    return (
        f"{ys[first]:.4g} at {xs[first]:.4g}, least {ys[least]:.4g} at {xs[least]:.4g}, "
        f"last {ys[last]:.4g} at {xs[last]:.4g}{lost}"
    )


def _walk(name: object, path: Any) -> np.ndarray:
    walk = np.atleast_2d(np.asarray(path, dtype=float))
    if walk.ndim != 2 or walk.shape[1:] != (2,) or not len(walk):
        raise ShapeError(f"contours: path {quote(name)} has shape {np.shape(path)}, expected (n, 2)")
    walk = walk[np.isfinite(walk).all(axis=1)]
    if not len(walk):
        raise HyperparameterError(f"contours: path {quote(name)} has no finite point")
    return walk


def _around(walks: Mapping[str, np.ndarray]) -> tuple[float, float, float, float]:
    if not walks:
        raise HyperparameterError("contours: no path and no bounds", None, "bounds=(left, right, bottom, top)")
    points = np.concatenate([w[:MOST] for w in walks.values()])
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.12 * np.where(high > low, high - low, 1.0)
    (left, bottom), (right, top) = low - room, high + room
    return float(left), float(right), float(bottom), float(top)


def _spread(Z: Any, count: int) -> np.ndarray:
    z = Z.compressed()
    if not len(z) or z.min() == z.max():
        return np.empty(0)
    low, high = float(z.min()), float(z.max())
    if low >= 0:
        return np.geomspace(max(low, high * 1e-4) * 1.001, high, count, endpoint=False)
    return np.linspace(low, high, count + 2)[1:-1]


@cache
def _palette() -> np.ndarray:
    """Every ink in steps from white, and greys."""
    tints = [255 - (255 - np.array(to_rgb(ink)) * 255) * k / 20 for ink in _INKS for k in range(1, 21)]
    greys = np.linspace(0, 255, 256 - len(tints))[:, None].repeat(3, axis=1)
    return np.concatenate([tints, greys]).round().astype(int)


def _few_colours(pixels: np.ndarray) -> Image.Image:
    """Each pixel in the nearest colour of the palette: a stored notebook gets three times smaller."""
    flat = pixels.reshape(-1, 3).astype(int) @ (1 << 16, 1 << 8, 1)
    codes, back = np.unique(flat, return_inverse=True)
    rgb = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
    nearest = ((rgb[:, None] - _palette()) ** 2).sum(axis=2).argmin(axis=1)
    page = Image.fromarray(nearest[back].reshape(pixels.shape[:2]).astype(np.uint8))
    page.putpalette(_palette().ravel().tolist())
    return page


def _shades(count: int) -> list[tuple[float, ...]]:
    return [tuple(1 - (1 - c) * k for c in to_rgb(LIGHT["inp"])) for k in np.linspace(0.9, 0.0, count)]


def _style(k: int) -> tuple[str, str, str]:
    return _INKS[k % len(_INKS)], _MARKS[k % len(_MARKS)], _DASHES[k % len(_DASHES)]


def _page(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    fig = Figure(figsize=(6.4, 3.5), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(fig)
    ax = fig.add_subplot()
    for text, words in ((ax.title, title), (ax.xaxis.label, x), (ax.yaxis.label, y)):
        text.set_text(escape.visible(words))
        text.set_parse_math(False)
    ax.title.set_fontsize(10)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return fig, ax


def _finish(fig: Figure, ax: Axes, title: str, lines: list[str], named: bool) -> Picture:
    if named:
        handles, labels = ax.get_legend_handles_labels()
        owner, where = (ax, "best") if len(handles) <= 3 else (fig, "outside right upper")
        for text in owner.legend(handles, labels, loc=where, fontsize=8, framealpha=0.9).get_texts():
            text.set_text(escape.visible(text.get_text(), 40))
            text.set_parse_math(False)
    head = [f"{escape.visible(title)}: {lines[0]}" if title else lines[0]]
    return Picture(fig, tuple(head + lines[1:]))


def _many(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
