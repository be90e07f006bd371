"""A race as a matplotlib figure, fit for a paper: the map and the losses."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.escape import visible
from torchlean_nb.render.race_map import values
from torchlean_nb.render.race_scene import HUES, Scene, scene, span
from torchlean_nb.render.theme import LIGHT
from torchlean_nb.trace.race import RaceTrace
from torchlean_nb.trace.sampling import path_extremes

_MARKS, _FINE = "os^DvPX*", 241
_POINTS, _GRAIN = 2000, 1 / 4000  # of a line, and what cannot be told apart of the width


def race_figure(
    trace: RaceTrace, ax: Any = None, step: int | None = None, target: float | None = None,
    on: Collection[str] | None = None, title: str | None = None,
) -> Figure:  # fmt: skip
    """Figure of a race until a step, by default the last.

    Parameters
    ----------
    trace : RaceTrace
    ax : matplotlib Axes, or two of them, optional
        Where to draw: the map, and the losses on a second one. By default a figure of both.
    step : int, optional
    target : float, optional
        Loss that counts as reached; a hundredth above the lowest value by default.
    on : collection of str, optional
        Names of the contenders that are shown.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    HyperparameterError, UnknownNameError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> fig = race_figure(tl.race(["sgd", "adam"], on="sphere", steps=20))
    >>> [ax.get_ylabel() for ax in fig.axes]
    ['y', 'loss']
    """
    seen = scene(trace, step, target, on)
    if ax is None:
        fig = Figure(figsize=(7.2, 3.1), dpi=200, layout="constrained")
        FigureCanvasAgg(fig)
        axes = list(fig.subplots(1, 2, width_ratios=(1.25, 1)))
    else:
        axes = list(ax.flat) if isinstance(ax, np.ndarray) else list(ax) if isinstance(ax, list | tuple) else [ax]
        if not 1 <= len(axes) <= 2 or not all(hasattr(a, "plot") for a in axes):
            raise HyperparameterError("race: ax is no Axes", "one for the map, or two for map and losses")
        fig = axes[0].figure
    _map(axes[0], seen)
    if len(axes) == 2:
        _losses(axes[1], seen)
    else:
        _legend(axes[0])
    if title:
        axes[0].set_title(visible(title), fontsize=9, parse_math=False)
    return fig


def colour(i: int) -> str:
    """Colour of a contender on white."""
    hue = HUES[i % len(HUES)]
    return LIGHT["text"] if hue == "text" else hue


def _map(ax: Any, seen: Scene) -> None:
    left, right, bottom, top = seen.map.window
    levels = seen.map.levels
    if seen.surface is not None and levels:
        X, Y = np.meshgrid(np.linspace(left, right, _FINE), np.linspace(bottom, top, _FINE))
        Z = np.ma.masked_invalid(values(seen.surface, X, Y))
        greys = [str(1 - 0.2 * (k / max(1, len(levels))) ** 0.8) for k in range(len(levels) + 1)]
        ax.contourf(X, Y, Z, levels=levels, colors=greys, extend="both")
        lines = ax.contour(X, Y, Z, levels=levels, colors=LIGHT["line2"], linewidths=0.5)
        ax.clabel(lines, levels[1::2], fmt="%.4g", fontsize=6)
    for i in seen.on:
        s, end = seen.stands[i], seen.head(i) + 1
        x, y = _near(s.x[:end], left, right), _near(s.y[:end], bottom, top)
        kept = path_extremes(_POINTS, x, y, (right - left) * _GRAIN)
        x, y = x[kept], y[kept]
        ax.plot(x, y, color="white", lw=2.2, alpha=0.7, zorder=2)
        ax.plot(x, y, color=colour(i), lw=1.1, zorder=3)
        ax.plot(x[-1:], y[-1:], _MARKS[i % len(_MARKS)], color=colour(i), mec="white", mew=0.6, ms=5.5, zorder=5,
                label=_name(seen, i))  # fmt: skip
    first = seen.stands[0]
    ax.plot(first.x[:1], first.y[:1], "o", mfc="white", mec=LIGHT["text"], ms=5, zorder=4, label="_start")
    for x, y in seen.trace.surface.get("goals", ()):
        ax.plot([x], [y], "+", color=LIGHT["text"], ms=7, zorder=4, label="_goal")
    ax.set(xlim=(left, right), ylim=(bottom, top))
    ax.set_aspect("equal")
    _dress(ax, "x", "y")


def _losses(ax: Any, seen: Scene) -> None:
    title, curves, aim = seen.panels[0]
    low, high, log = span([curves[i] for i in seen.on], aim)
    for i in seen.on:
        steps, y = seen.curve(0, i, slice(seen.head(i) + 1), _POINTS)
        y = np.clip(np.nan_to_num(y, nan=10 * high, posinf=10 * high), low if log else -np.inf, 10 * high)
        ax.plot(steps, y, color=colour(i), lw=1.2, marker=_MARKS[i % len(_MARKS)], ms=4, mec="white", mew=0.5,
                markevery=(0.03 * (i % 8), 0.25), label=_name(seen, i))  # fmt: skip
    if log:
        ax.set_yscale("log")
    if aim is not None and low <= aim <= high:
        ax.axhline(aim, color=LIGHT["text"], lw=0.8, ls=(0, (5, 3)))
    ax.set(xlim=(0, max(1, seen.last)), ylim=(low, high))
    ax.grid(axis="y", color=LIGHT["line"], lw=0.5)
    _dress(ax, "step", title)
    _legend(ax)


def _near(v: np.ndarray, low: float, high: float) -> np.ndarray:
    """Coordinates that matplotlib can draw: what runs away does so within reach."""
    reach = 50 * (high - low)
    return np.clip(v, low - reach, high + reach)


def _name(seen: Scene, i: int) -> str:
    return f"_{i}" if not seen.stands[i].label else seen.stands[i].label


def _dress(ax: Any, x: str, y: str) -> None:
    ax.set_xlabel(x, fontsize=8)
    ax.set_ylabel(y, fontsize=8, parse_math=False)
    ax.tick_params(labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)


def _legend(ax: Any) -> None:
    """Names in the legend, as they are: no name is read as a formula, and none is left out."""
    kept = [h for h in ax.lines if not str(h.get_label()).startswith(("_start", "_goal", "_child"))]
    if not kept:
        return
    made = ax.legend(kept, [""] * len(kept), fontsize=7, frameon=True, framealpha=0.85, edgecolor="none",
                     ncols=1 + len(kept) // 12)  # fmt: skip
    made.set_in_layout(False)
    for text, line in zip(made.get_texts(), kept, strict=True):
        text.set_text(visible(line.get_label(), 30))
        text.set_parse_math(False)
