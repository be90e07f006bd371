"""The charts of a dashboard as a matplotlib figure."""

from __future__ import annotations

import math
from typing import Any

from torchlean_nb.escape import visible
from torchlean_nb.render.dashboard import given, payload
from torchlean_nb.render.dashboard_panels import Bars, Chart, Look, charts
from torchlean_nb.render.dashboard_svg import HUES
from torchlean_nb.render.theme import LIGHT

_MARKS = "os^DvP*H"


def figure(run: Any, title: str | None = None, **state: Any) -> Any:
    """Matplotlib figure of one run or several.

    Parameters
    ----------
    run : RunTrace, or what `dashboard.given` takes
    title : str, optional
    **state
        What is seen: ``at`` (a step), ``smooth``, ``log``, ``chosen`` (name of a run), ``metric``, ``off``.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from torchlean_nb.trace.run import RunTrace, Series
    >>> fig = figure(RunTrace("r", [Series("loss", [0, 1], [2.0, 0.5])]))
    >>> [ax.get_title(loc="left") for ax in fig.axes]
    ['loss']
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second of import that few pictures need

    look = Look(payload(given(run)), state)
    drawn = charts(look)
    rows = max(1, -(-len(drawn) // 2))
    fig = Figure(figsize=(8.0 if len(drawn) > 1 else 5.0, 2.3 * rows + 0.4), layout="constrained")
    grid = fig.add_gridspec(rows, 2 if len(drawn) > 1 else 1)
    for i, chart in enumerate(drawn):
        alone = i == len(drawn) - 1 and i % 2 == 0 and len(drawn) > 1
        ax = fig.add_subplot(grid[i // 2, :] if alone else grid[i // 2, i % 2])
        _title(ax, chart.title)
        (_bars if isinstance(chart, Bars) else _curves)(ax, chart, look)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    if title:
        fig.suptitle(visible(title), fontsize=11, parse_math=False)
    if len(look.runs) > 1 and drawn:
        from matplotlib.lines import Line2D  # noqa: PLC0415 - comes with the figure

        handles = [Line2D([], [], color=HUES[i % 8], marker=_MARKS[i % 8], ms=5) for i in map(look.index, look.shown)]
        where = {"loc": "outside lower center", "ncols": 4, "frameon": False, "fontsize": 8}
        legend = fig.legend(handles, [""] * len(handles), **where)
        for text, run_ in zip(legend.get_texts(), look.shown, strict=True):
            text.set_text(run_["name"])
            text.set_parse_math(False)
    return fig


def _title(ax: Any, title: str) -> None:
    ax.set_title(visible(title, 60), loc="left", fontsize=9, fontweight="bold", parse_math=False)


def _curves(ax: Any, chart: Chart, look: Look) -> None:
    if chart.log:
        ax.set_yscale("log")
    for line in chart.lines:
        layer = line.kind == "layer"
        hue = LIGHT["upd"] if layer else HUES[line.run % 8]
        marked = len(look.runs) > 1 and line.kind in ("train", "held alone")
        # What leaves the axis does so within reach: matplotlib overflows on the way to 1e300.
        reach = 10 * chart.high - 9 * chart.low
        ys = [min(v, reach) if math.isfinite(v) and (v > 0 or not chart.log) else math.nan for v in line.curve.v]
        ax.plot(
            line.curve.k, ys, color=hue, lw=0.8 if line.kind == "raw" else 1.4, alpha=0.3 if line.kind == "raw" else 1,
            ls=(0, (3, 2)) if line.kind.startswith("held") else "-", label="_",
            marker=_MARKS[line.run % 8] if marked or len(ys) == 1 else None, ms=4,
            markevery=None if len(ys) < 2 else (0.04 * (line.run % 8), 0.3),
        )  # fmt: skip
        if layer and ys and (len(chart.lines) <= 8 or line.run % 6 == 0):
            ax.annotate(line.label, (line.curve.k[-1], ys[-1]), (3, -3), textcoords="offset points", fontsize=7)
    if chart.guide:
        ax.axhline(chart.guide, color=LIGHT["text"], lw=1, ls=(0, (5, 3)))
    ax.set_ylim(chart.low, chart.high)
    ax.set_xlim(0, look.span)
    ax.axvline(look.k, color=LIGHT["line2"], lw=1)
    ax.grid(axis="y", color=LIGHT["line"], lw=0.6)


def _bars(ax: Any, chart: Bars, look: Look) -> None:
    ax.set_xscale("log")
    values = [v if v is not None and 0 < v < math.inf else chart.low for _, v, _ in chart.rows]
    every = -(-len(values) // 12)
    names = [visible(name, 24) if i % every == 0 else "" for i, (name, _, _) in enumerate(chart.rows)]
    ax.barh(range(len(values)), [v - chart.low for v in values], left=chart.low, color=LIGHT["grad"], height=0.6)
    ax.set_yticks(range(len(values)), names, parse_math=False)
    for i, (_, _, others) in enumerate(chart.rows):
        for j, v in others:
            ax.plot([v], [i], marker=_MARKS[j % 8], color=HUES[j % 8], mec="white", mew=0.6, ms=5, ls="none")
    ax.set_xlim(chart.low, chart.high)
    ax.invert_yaxis()
