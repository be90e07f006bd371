"""A race at one step as a PNG."""

from __future__ import annotations

from collections.abc import Collection
from io import BytesIO
from pathlib import Path

from torchlean_nb.render.files import target as checked
from torchlean_nb.render.files import write
from torchlean_nb.render.race_figure import race_figure
from torchlean_nb.trace.race import RaceTrace


def race_png(
    trace: RaceTrace, path: str | Path, step: int | None = None, target: float | None = None,
    on: Collection[str] | None = None, title: str | None = None,
) -> None:  # fmt: skip
    """Write the figure of a race until a step; the same bytes for the same race.

    Parameters
    ----------
    trace : RaceTrace
    path : str or Path
    step, target, on, title
        As for `race_figure`.

    Raises
    ------
    HyperparameterError
        For a path that does not end in ``.png``.
    """
    where, out = checked(path, ("png",)), BytesIO()
    race_figure(trace, None, step, target, on, title).savefig(out, format="png", metadata={"Software": None})
    write(where, out.getvalue())
