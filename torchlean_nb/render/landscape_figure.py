"""A plane through a loss as a matplotlib figure for papers, with the meter in its title."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import Any

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.landscape_ground import Ground, bilinear
from torchlean_nb.render.landscape_words import axes, choose, heading, labels, meter
from torchlean_nb.render.theme import LIGHT
from torchlean_nb.trace.landscape import LandscapeTrace

_OFF, _WRAP = "#CC79A7", 44


def landscape_figure(trace: LandscapeTrace, plane: int | str | None = 0) -> Any:
    """Matplotlib figure of one plane, or of all, with the loss along the path, rescaled layers and lines.

    Parameters
    ----------
    trace : LandscapeTrace
    plane : int, str or None
        Number or kind of the plane; None draws all of them.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UnknownNameError, HyperparameterError
        For a plane that is not there.

    Examples
    --------
    >>> from torchlean_nb.trace.landscape import Line
    >>> fig = landscape_figure(LandscapeTrace("two", lines=[Line("a to b", [0, 0.5, 1], [1, 2, 1])]))
    >>> [ax.get_title(loc="left") for ax in fig.axes]
    ['a to b']
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second of import that few pictures need

    chosen = list(range(len(trace.planes))) if plane is None or not trace.planes else [choose(trace, plane)]
    path = chosen if trace.path and len(trace.path.steps) else []
    rest = len(trace.rescalings[:1]) + len(trace.lines)
    columns = max(len(chosen), min(3, rest), 1)
    rows = bool(chosen) + bool(path) + -(-rest // columns)
    heights = [3.6] * bool(chosen) + [2.0] * bool(path) + [2.2] * -(-rest // columns)
    fig = Figure(figsize=(max(4.4, 3.7 * columns), sum(heights) + 0.4), layout="constrained")
    grid = fig.add_gridspec(rows, columns, height_ratios=heights)
    for i, n in enumerate(chosen):
        _map(fig.add_subplot(grid[0, i] if len(chosen) > 1 else grid[0, :]), trace, n)
        if path:
            _along(fig.add_subplot(grid[1, i] if len(chosen) > 1 else grid[1, :]), trace, n)
    row = bool(chosen) + bool(path)
    places = [grid[row + k // columns, k % columns] for k in range(rest)]
    if trace.rescalings:
        _rescaled(fig.add_subplot(places.pop(0)), trace)
    for line, place in zip(trace.lines, places, strict=True):
        _line(fig.add_subplot(place), line)
    fig.suptitle(heading(trace), fontsize=11, parse_math=False)
    return fig


def _title(ax: Any, said: str, size: float = 9) -> None:
    ax.set_title(said, loc="left", fontsize=size, fontweight="bold", parse_math=False)
    ax.tick_params(labelsize=7)
    ax.locator_params(axis="x", nbins=5)


def _map(ax: Any, trace: LandscapeTrace, n: int) -> None:
    plane = trace.planes[n]
    ground = Ground(plane)
    _title(ax, "\n".join([f"{labels(trace)[n]} plane", *wrap(meter(plane)[1], _WRAP)]), 8)
    z = np.ma.masked_invalid(np.where(np.isfinite(plane.losses), plane.losses, np.nan))
    levels = ground.levels if min(z.shape) > 1 else []
    ax.set_facecolor("white")
    if levels:
        greys = [str(0.97 - 0.28 * k / len(levels)) for k in range(len(levels) + 1)]
        ax.contourf(plane.a, plane.b, z, levels=levels, colors=greys, extend="both")
        drawn = ax.contour(plane.a, plane.b, z, levels=levels, colors=LIGHT["line2"], linewidths=0.6)
        ax.clabel(drawn, fmt="%.3g", fontsize=6)
    if (~np.isfinite(plane.losses)).any():
        lost = np.ma.getmaskarray(z).astype(float)
        ax.contourf(plane.a, plane.b, lost, levels=[0.5, 1.5], colors="none", hatches=["///"])
    x, y = plane.positions.T
    if len(x):
        size = plane.residuals * plane.lengths[0] ** -1 if plane.lengths[0] > 0 else plane.residuals
        for i in np.unique(np.linspace(0, len(x) - 1, min(20, len(x))).round().astype(int)).tolist():
            if np.isfinite(size[i]):
                _ring(ax, plane, x[i], y[i], float(size[i]))
        ax.plot(x, y, color=LIGHT["value"], lw=1.6, marker="o", ms=2.4, mec="white", mew=0.3)
        ax.plot(x[:1], y[:1], marker="o", ms=6, mfc="white", mec=LIGHT["text"], ls="none")
    ax.plot([0], [0], marker="+", ms=9, mew=1.8, color=LIGHT["text"], ls="none")
    ax.set_xlim(plane.a[0], plane.a[-1] if len(plane.a) > 1 else plane.a[0] + 1)
    ax.set_ylim(plane.b[0], plane.b[-1] if len(plane.b) > 1 else plane.b[0] + 1)
    u, v = plane.lengths.tolist()
    if ground.stretch == 1 and u > 0 and v > 0:
        ax.set_aspect(v / u)
    for set_label, name in ((ax.set_xlabel, axes(plane)[0]), (ax.set_ylabel, axes(plane)[1])):
        set_label(name, fontsize=8, parse_math=False)


def _ring(ax: Any, plane: Any, x: float, y: float, r: float) -> None:
    """A circle in the units of the weights: how far this point is from the plane."""
    from matplotlib.patches import Ellipse  # noqa: PLC0415 - comes with the figure

    u, v = (n if n > 0 else 1.0 for n in plane.lengths.tolist())
    ax.add_patch(Ellipse((x, y), 2 * r, 2 * r * u / v, fill=False, ec=_OFF, lw=0.7, alpha=0.6, clip_on=True))


def _along(ax: Any, trace: LandscapeTrace, n: int) -> None:
    plane, steps, losses = trace.planes[n], trace.path.steps, trace.path.losses
    under = np.array([bilinear(plane, *p) for p in plane.positions])
    _title(ax, "loss along the path", 8)
    ax.plot(steps, losses, color=LIGHT["value"], lw=1.5, label="the network")
    ax.plot(steps, under, color=LIGHT["text2"], lw=1.3, ls=(0, (4, 3)), label="the plane under it")
    ax.fill_between(steps, losses, under, color=_OFF, alpha=0.3, lw=0)
    _scale(ax, np.concatenate([losses, under]))
    ax.set_xlabel("update", fontsize=8)
    ax.legend(fontsize=7, frameon=False)
    _bare(ax)


def _rescaled(ax: Any, trace: LandscapeTrace) -> None:
    _title(ax, "one layer times c, the next divided by c", 8)
    some = sorted(trace.rescalings, key=lambda r: r.factor)
    for r in some:
        one = math.isclose(r.factor, 1.0)
        ax.plot(r.at, r.raw, color=LIGHT["grad"], lw=1.6 if one else 0.8, alpha=1 if one else 0.6)
        ax.plot(r.at, r.normalised, color=LIGHT["upd"], lw=1.6, ls=(0, (5, 3)))
        if not one:
            ax.annotate(f"{r.factor:.3g}", (r.at[-1], r.raw[-1]), (2, -2), textcoords="offset points", fontsize=6,
                        annotation_clip=False)  # fmt: skip
    ax.plot([], [], color=LIGHT["grad"], label="raw, for each c")
    ax.plot([], [], color=LIGHT["upd"], ls=(0, (5, 3)), label="filter-normalised")
    _scale(ax, np.concatenate([np.r_[r.raw, r.normalised] for r in some]))
    ax.legend(fontsize=7, frameon=False)
    _bare(ax)


def _line(ax: Any, line: Any) -> None:
    _title(ax, visible(line.name, 60), 8)
    ax.plot(line.at, line.losses, color=LIGHT["value"], lw=1.5)
    ax.set_ylabel("loss", fontsize=8, color=LIGHT["value"])
    _bare(ax)
    if len(line.accuracy):
        other = ax.twinx()
        other.plot(line.at, line.accuracy, color=LIGHT["upd"], lw=1.3, ls=(0, (5, 3)))
        other.set_ylim(0, 1.02)
        other.set_ylabel("accuracy", fontsize=8, color=LIGHT["upd"])
        other.tick_params(labelsize=7)
        other.spines["top"].set_visible(False)


def _scale(ax: Any, values: np.ndarray) -> None:
    good = values[np.isfinite(values)]
    if good.size and good.min() > 0 and good.max() > 20 * good.min():
        ax.set_yscale("log")


def _bare(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color=LIGHT["line"], lw=0.6)
