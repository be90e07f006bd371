"""A race at one step as a PNG."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from torchlean_nb.render.files import target as checked
from torchlean_nb.render.files import write
from torchlean_nb.render.race_figure import race_figure
from torchlean_nb.trace.race import RaceTrace


def race_png(trace: RaceTrace, path: str | Path, **options: Any) -> None:
    """Write the figure of a race until a step; the same bytes for the same race.

    Parameters
    ----------
    trace : RaceTrace
    path : str or Path
    **options
        ``step``, ``target``, ``on``, ``title``: as for `race_figure`.

    Raises
    ------
    HyperparameterError
        For a path that does not end in ``.png``.
    """
    where, out = checked(path, ("png",)), BytesIO()
    race_figure(trace, **options).savefig(out, format="png", metadata={"Software": None})
    write(where, out.getvalue())
