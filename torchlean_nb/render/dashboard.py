"""A training dashboard as one payload for the notebook and the page, and that page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError
from torchlean_nb.escape import visible
from torchlean_nb.render.dashboard_data import OF_PARAM, OF_UNIT, POINTS, entry
from torchlean_nb.render.files import write
from torchlean_nb.render.html import page
from torchlean_nb.trace.run import RunTrace

RUNS, ROUGH = 8, 300


def given(what: Any) -> dict[str, RunTrace]:
    """Runs by name: of a run, a result that holds one (``.run``), a mapping of names to them, or several.

    Raises
    ------
    HyperparameterTypeError
        For anything else.
    HyperparameterError
        For more than 8 runs.

    Examples
    --------
    >>> list(given([RunTrace("a"), RunTrace("a")]))
    ['a', 'a (2)']
    """
    named = what.items() if isinstance(what, Mapping) and not isinstance(what, RunTrace) else (
        (None, w) for w in (what if isinstance(what, list | tuple) else [what])
    )
    runs: dict[str, RunTrace] = {}
    for name, thing in named:
        run = thing if isinstance(thing, RunTrace) else getattr(thing, "run", None)
        if not isinstance(run, RunTrace):
            raise HyperparameterTypeError(
                f"TrainingDashboard: {type(thing).__name__} is not a run", None, "what fit returns, or a list of such"
            )
        runs[fresh(visible(called(run) if name is None else name, 40), runs)] = run
    if len(runs) > RUNS:
        raise HyperparameterError(f"TrainingDashboard: {len(runs)} runs", f"at most {RUNS} are drawn together")
    return runs


def called(run: RunTrace) -> str:
    """Name of a run; of one that nobody named, that of its optimizer."""
    return run.name if run.name not in ("", "run") else str(run.meta.get("optimizer") or "run")


def fresh(name: str, taken: Iterable[str]) -> str:
    """The name, with a number where it is taken already."""
    known, k, new = set(taken), 1, name
    while new in known:
        k += 1
        new = f"{name} ({k})"
    return new


def payload(runs: Mapping[str, RunTrace], made: dict[str, Any] | None = None, rough: str = "") -> dict[str, Any]:
    """Everything the dashboard draws, JSON-able and bounded; `note` says what was left out.

    What is `made` already of runs that have not changed is used again, and kept there. Of a run that is not over yet
    a `rough` picture is enough.
    """
    heads = tuple(f"{w}/" for w in (*OF_PARAM, *OF_UNIT))
    count = sum(name.startswith(heads) for run in runs.values() for name in run.series)
    made = {} if made is None else made
    for name in [n for n in made if n not in runs]:
        del made[name]
    for name, run in runs.items():
        how = count, len(runs), ROUGH if name == rough else POINTS
        if name not in made or made[name][0] is not run or made[name][1] != how:
            made[name] = run, how, *entry(run, name, *how)
    left = list(dict.fromkeys(said for *_, some in (made[n] for n in runs) for said in some))
    return {"runs": [made[n][2] for n in runs], "note": f"Shown: {', '.join(left)}." if left else ""}


def html(run: Any, path: str | Path | None = None, title: str | None = None, **state: Any) -> str:
    """Page with the dashboard of one run or several; it scrubs, smooths and switches without a kernel or a network.

    Parameters
    ----------
    run : RunTrace, or what `given` takes
    path : str or Path, optional
        File the page is also written to.
    title : str, optional
    **state
        What is seen at first: ``at`` (a step), ``smooth``, ``log``, ``chosen`` (name of a run), ...

    Examples
    --------
    >>> html(RunTrace("empty")).startswith("<!doctype html>")
    True
    """
    title = visible(title or "Training")
    text = page("TrainingDashboard", payload(given(run)), options={"title": title}, state=state, step=0, title=title)
    if path is not None:
        write(path, text)
    return text
