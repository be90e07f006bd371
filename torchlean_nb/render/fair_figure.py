"""A fair comparison as a matplotlib figure: loss against learning rate, one panel for each problem."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.fair_panel import INKS, axis, place
from torchlean_nb.render.theme import LIGHT
from torchlean_nb.trace import judging
from torchlean_nb.trace.contest import Contest
from torchlean_nb.trace.fair import FairTrace

_MARKS = "os^DvP"


def fair_figure(trace: FairTrace, metric: str = "best", title: str | None = None) -> Any:
    """Medians over the seeds as lines, the seeds as bands.

    A ring marks a best rate on the edge of its grid, a cross a rate at which it diverged.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> len(fair_figure(FairTrace([])).axes)
    0
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second of import that few pictures need

    n = len(trace)
    across = min(2, max(1, n))
    fig = Figure(figsize=(4.2 * across, 3.1 * max(1, -(-n // across))), layout="constrained")
    names = list(dict.fromkeys(name for c in trace.contests for name in c))
    for k, c in enumerate(trace.contests):
        _panel(fig.add_subplot(-(-n // across), across, k + 1), c, names, metric)
    if title:
        fig.suptitle(visible(title), fontsize=11, parse_math=False)
    return fig


def _panel(ax: Any, c: Contest, names: list[str], metric: str) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - comes with the figure

    handles = []
    for name in c:
        i, e, scores = names.index(name), c[name], c.scores(name, metric)
        ink = INKS[i % len(INKS)] or LIGHT["text"]
        style = {"color": ink, "marker": _MARKS[i % len(_MARKS)], "ms": 5, "lw": 1.5, "mec": "white", "mew": 0.5}
        handles.append(Line2D([], [], **style))
        least, middle, most = scores.min(axis=1), np.median(scores, axis=1), scores.max(axis=1)
        there, best = np.isfinite(middle), judging.best_rate(scores)
        gone = e.rates[~there & np.isfinite(e.rates)]
        ax.scatter(gone * 1.05 ** (i - 1), np.full(len(gone), 0.98), transform=ax.get_xaxis_transform(), marker="x",
                   color=ink, s=18, lw=1.2, gid="diverged")  # fmt: skip
        if not there.any():
            continue
        if np.isnan(e.rates).any():
            ax.axhline(middle[0], color=ink, ls="--", lw=1.5)
            continue
        least, middle, most = (np.where(there & np.isfinite(v), v, np.nan) for v in (least, middle, most))
        ax.plot(e.rates, middle, **style)
        ax.fill_between(e.rates, least, most, color=ink, alpha=0.16, lw=0)
        if judging.edge(scores):
            ax.scatter(e.rates[best], middle[best], s=170, fc="none", ec=LIGHT["text"], lw=1, ls=":")
    legend = ax.legend(handles, [""] * len(handles), fontsize=7, frameon=False) if handles else None
    for text, name in zip(legend.get_texts() if legend else (), c, strict=True):
        text.set_text(f"{place(c, name, metric)} {visible(name, 40)}")
        text.set_parse_math(False)
    scores = np.concatenate([c.scores(n, metric).ravel() for n in c] or [np.zeros(0)])
    ax.set(xscale="log", yscale="log" if (scores >= 0).all() and (scores > 0).any() else "linear")
    ax.set_xlabel("learning rate", fontsize=8)
    ax.set_ylabel(axis(c, metric), fontsize=8)
    ax.set_title(visible(c.problem, 60), loc="left", fontsize=9, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=7)
