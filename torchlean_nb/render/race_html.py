"""A race as a page of its own, which scrubs and toggles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torchlean_nb.render.files import write
from torchlean_nb.render.html import page
from torchlean_nb.render.race_payload import race_payload
from torchlean_nb.render.race_scene import scene
from torchlean_nb.trace.race import RaceTrace


def race_html(
    trace: RaceTrace, path: str | Path | None = None, step: int | None = None, target: float | None = None,
    title: str | None = None, presentation: bool = False, controls: Sequence[str] | None = None,
) -> str:  # fmt: skip
    """Page, of some seventy kilobytes for six, that steps through a race without a kernel or a network.

    Parameters
    ----------
    trace : RaceTrace
    path : str or Path, optional
        File the page is also written to.
    step : int, optional
        Step it opens at; the last by default.
    target : float, optional
        Loss that counts as reached; a hundredth above the lowest value by default.
    title : str, optional
    presentation, controls
        As for the widget.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> race_html(tl.race("sgd", on="sphere", steps=10)).startswith("<!doctype html>")
    True
    """
    seen = scene(trace, step, target)
    title = title or "Optimizer race"
    text = race_page(race_payload(trace, title=title, target=seen.target), step=seen.step, title=title,
                     options={"title": title, "presentation": presentation, "controls": controls})  # fmt: skip
    if path is not None:
        write(path, text)
    return text


def race_page(payload: Mapping[str, Any], **options: Any) -> str:
    """Page of a payload, without what only Python can answer, and without a map of rates where there is none."""
    rates = () if payload["surface"]["eigen"] else ("race_descent", "race_ratemap", "race_rates")
    still = {**payload, "surfaces": [], "rules": [], "serial": None}
    return page("RaceArena", still, packed=True, without=("race_add", *rates), **options)
