"""Sweeps: grids of optimizer x learning rate x schedule x seed, here or on as many machines as there are."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from torchlean_nb import optim
from torchlean_nb.backend.devices import device as place_of
from torchlean_nb.errors import CapabilityError, HyperparameterError, ShapeError, ToolError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.race.contenders import Contender, contenders
from torchlean_nb.race.problems import Problem, problem_of
from torchlean_nb.race.sweep_crew import by_an_executor, check_executor, one_thread, serially, units
from torchlean_nb.race.sweep_results import Results
from torchlean_nb.race.trial import Outcome, Trial
from torchlean_nb.schedules import Schedule
from torchlean_nb.trace.sweep import SweepTrace
from torchlean_nb.train.progress import someone_looks

ALL = 1 << 20
BUDGET = {"steps": 200, "epochs": 5}
_COUNT, _POINTS, _SEED = Hyper(kind="int", low=1), Hyper(kind="int", low=0), Hyper(kind="int", low=0)
_RATE, _ERRORS = Hyper(low=0.0), Hyper(kind="choice", choices=("keep", "raise"))


def sweep(
    optimizers: Any, on: Any = "rosenbrock", lr: Any = None, schedules: Any = None, seeds: Any = 1,
    steps: int | None = None, *, epochs: int | None = None, start: Any = None, curves: int = 0, executor: Any = None,
    results: str | Path | None = None, errors: str = "keep", progress: bool | None = None,
    device: str | None = None,
) -> SweepTrace:  # fmt: skip
    """Run a grid of trials: each optimizer with each learning rate, schedule and seed.

    On a surface all learning rates, seeds and starts of an optimizer are one race of many paths; on a network each
    trial is a training. A trial is a pure function of what it is told, so here, in threads, in processes and on a
    cluster the numbers and their order are the same.

    Parameters
    ----------
    optimizers : sequence or mapping
        As in ``tl.race(...)``. A learning rate given with a name, ``("adam", {"lr": 0.1})``, stands instead of the
        grid; a list of them is a grid of its own.
    on : str, Surface, callable or Problem
        A surface, ``"digits_mlp"``, ``"digits_cnn"``, ``"moons_mlp"``, or ``tl.race.problem(...)``.
    lr : array_like of float, optional
        By default each optimizer's own.
    schedules : sequence or mapping of Schedule or None, optional
        What the learning rate is multiplied by, such as ``tl.schedules.cosine(1.0, total=200)``; None is constant.
    seeds : int or iterable of int
        How many, from 0, or which; see `Trial`.
    steps, epochs : int, optional
        Budget, in the problem's unit: 200 steps or 5 epochs.
    start : array_like, shape (2,) or (n, 2), optional
        On a surface.
    curves : int
        Most points of the curve that is kept of each trial.
    executor : concurrent.futures.Executor, optional
        Threads, processes, ``client.get_executor()`` of Dask.
    results : path, optional
        File to which every finished trial is added; trials that are in it are not computed again.
    errors : {"keep", "raise"}
        What an exception in one trial does: it becomes a row with the status "failed", or ends the sweep.
    progress : bool, optional
        Show it; by default where someone looks.
    device : {"cpu", "cuda", ...}, optional
        Where trials are computed: by default networks on the default device, surfaces on the CPU. Who works for an
        executor needs that device too.

    Returns
    -------
    SweepTrace
        Stopped by KeyboardInterrupt: of the trials that had finished, ``status`` "interrupted".

    Raises
    ------
    HyperparameterError, UnknownNameError, ShapeError, CapabilityError, PathError, LoadError
        Before anything is computed.
    ToolError
        When the executor breaks or the file cannot be written; its ``trace`` has what had finished.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> found = tl.race.sweep(["sgd", "adam"], on="sphere", lr=[0.01, 0.1, 2.0], seeds=2, steps=50)
    >>> len(found), found.best()["optimizer"], found["status"].count("diverged")
    (12, 'sgd', 2)
    """
    problem, entries = problem_of(on), contenders(optimizers)
    grid = _Grid(problem, _budget(problem, steps, epochs), _schedules(schedules), _seeds(seeds), _starts(start), device)
    rates = None if lr is None else _rates(lr)
    for c in entries:
        grid.add(c, rates)
    points = _POINTS.check("sweep", "curves", curves)
    _ERRORS.check("sweep", "errors", errors)
    file, executor = _file(results, points), check_executor(executor)
    if executor is None:
        place_of(device)
    done = Done(file.known(grid.trials) if file else {})
    if file and file.lines and not done.found:
        warnings.warn(f"sweep: none of the {len(file.lines)} results in {file.path} is of this sweep; they stay, and "
                      "new ones are added", stacklevel=2)  # fmt: skip
    try:
        gather(grid.trials, done, points, executor, file, progress, errors == "raise")
    except KeyboardInterrupt:
        return grid.trace(done, points, "interrupted")
    except ToolError as e:
        e.trace = grid.trace(done, points, "broken")  # type: ignore[attr-defined]
        raise
    return grid.trace(done, points, "finished")


def compute(
    trials: Sequence[Trial], executor: Any = None, results: str | Path | None = None, progress: bool | None = None,
    points: int = ALL, done: Done | None = None,
) -> list[Outcome]:  # fmt: skip
    """Outcomes of trials, in their order; the first exception in one of them is raised, and `done` has the others.

    Examples
    --------
    >>> [o.status for o in compute([Trial("sphere", "sgd", {"lr": v}, budget=40) for v in (0.1, 9.0)])]
    ['finished', 'diverged']
    """
    file = _file(results, points)
    done = Done() if done is None else done
    done.found.update(file.known(trials) if file else {})
    gather(trials, done, points, check_executor(executor), file, progress, True)
    return [done.found[i] for i in range(len(trials))]


@dataclass
class Done:
    """Outcomes, and what came instead of them, by the number of the trial."""

    found: dict[int, Outcome] = field(default_factory=dict)
    failed: dict[int, Exception] = field(default_factory=dict)


def _file(results: Any, points: int) -> Results | None:
    return None if results is None else Results(results, points)


def gather(
    trials: Sequence[Trial], done: Done, points: int, executor: Any, file: Results | None, progress: bool | None,
    strict: bool,
) -> None:  # fmt: skip
    """Compute what is missing in `done`, which stands at any moment for those that have finished."""
    missing = [i for i in range(len(trials)) if i not in done.found]
    jobs = [[missing[k] for k in unit] for unit in units([trials[i] for i in missing])]
    work = [[trials[i] for i in job] for job in jobs]
    shown = someone_looks() if progress is None else progress
    # None where nothing is shown: a bar takes a lock that a process that is killed does not give back to its parent.
    seen = tqdm(total=len(trials), initial=len(done.found), unit="trial") if shown else nullcontext()
    with one_thread(), seen as bar:

        def take(n: int, outcomes: Sequence[Any]) -> BaseException | None:
            failed = {i: e for i, e in zip(jobs[n], outcomes, strict=True) if isinstance(e, Exception)}
            whole = {i: o for i, o in zip(jobs[n], outcomes, strict=True) if i not in failed}
            part = {i for i, o in whole.items() if o.status == "interrupted"}
            new = {i: o for i, o in whole.items() if i not in part and i not in done.found}
            done.found.update(new)
            done.failed.update(failed)
            if file is not None:
                file.add((trials[i], o) for i, o in new.items())
            if bar is not None:
                bar.update(len(new) + len(failed))
            return KeyboardInterrupt() if part else next(iter(failed.values()), None) if strict else None

        if executor is None:
            serially(work, points, take)
        else:
            by_an_executor(work, points, take, executor)


class _Grid:
    """Trials in the order of the rows, and the names that rows have for them."""

    def __init__(
        self, problem: Problem, budget: int, schedules: Mapping[str, Schedule | None], seeds: Sequence[int],
        starts: Sequence[Any], device: str | None,
    ):  # fmt: skip
        self.problem, self.budget, self.schedules, self.seeds, self.starts = problem, budget, schedules, seeds, starts
        self.device = device
        self.trials: list[Trial] = []
        self.names: list[tuple[str, str]] = []
        self.contenders: dict[str, Any] = {}

    def add(self, c: Contender, rates: Sequence[float] | None) -> None:
        """The trials of a contender."""
        if c.schedule is not None:
            raise CapabilityError(f"sweep: {c.name} brings a schedule", "a sweep multiplies rates by schedules",
                                  "schedules=[tl.schedules.cosine(1.0, total=200)]")  # fmt: skip
        if any(isinstance(v, np.ndarray) for k, v in c.hypers.items() if k != "lr"):
            raise CapabilityError(f"sweep: {c.name} brings an array", "learning rates are what a sweep varies",
                                  "one contender for each value")  # fmt: skip
        if getattr(optim.row(c.rule.name), "update", None) is not c.rule.update:
            raise CapabilityError(f"sweep: {c.name} is no optimizer that can be found by its name",
                                  "another process has only the name", "a name of tl.optim.available()")  # fmt: skip
        own = np.atleast_1d(c.hypers["lr"]).tolist() if "lr" in c.hypers else [None]
        given = rates if rates is not None and "lr" in c.hypers and "lr" not in c.given else own
        for label, schedule in self.schedules.items() if "lr" in c.hypers else [("constant", None)]:
            for lr in given:
                hypers = {**c.hypers, **({} if lr is None else {"lr": lr})}
                for seed in self.seeds:
                    for start in self.starts:
                        trial = Trial(
                            self.problem, c.rule.name, hypers, schedule, seed, self.budget, start, self.device
                        )
                        self.trials.append(trial)
                        self.names.append((c.name, label))
        hypers = {k: v for k, v in self.trials[-1].hypers.items() if k != "lr"}
        self.contenders[c.name] = {"rule": c.rule.name, "hypers": hypers}

    def trace(self, done: Done, points: int, status: str) -> SweepTrace:
        """Rows of what is there."""
        there = sorted({*done.found, *done.failed})
        empty = Outcome([], [], math.nan, math.nan)
        found = [done.found.get(i, empty) for i in there]
        trials = [self.trials[i] for i in there]
        columns: dict[str, Any] = {
            "optimizer": [self.names[i][0] for i in there], "rule": [t.rule for t in trials],
            "lr": [t.hypers.get("lr", math.nan) for t in trials], "schedule": [self.names[i][1] for i in there],
            "seed": [t.seed for t in trials],
        }  # fmt: skip
        if self.starts != [None]:
            columns |= {f"start_{axis}": [t.start[k] for t in trials] for k, axis in enumerate("xy")}
        columns["status"] = ["failed" if i in done.failed else done.found[i].status for i in there]
        for name in ("best", "final", "ended", "evaluations", "order_hash", "init_hash"):
            columns[name] = [getattr(o, name) for o in found]
        columns["error"] = [_said(done.failed.get(i)) for i in there]
        measured = dict.fromkeys(name for o in found for name in o.metrics)
        columns |= {name: [o.metrics.get(name, math.nan) for o in found] for name in measured}
        p = self.problem
        meta = {
            "status": status, "budget": self.budget, "planned": len(self.trials), "contenders": self.contenders,
            "version": sys.modules["torchlean_nb"].__version__,
        }  # fmt: skip
        away = {t.device for t in self.trials} - {"cpu"}
        meta |= {"device": away.pop()} if away else {}
        kept = [(o.at, o.curve) for o in found] if points else ()
        return SweepTrace({"name": p.name, "kind": p.kind, "unit": p.unit}, columns, kept, meta)


def _said(e: Exception | None) -> str:
    return "" if e is None else f"{type(e).__name__}: {e}".split("\n")[0]


def _budget(problem: Problem, steps: Any, epochs: Any) -> int:
    given = {"steps": steps, "epochs": epochs}
    wrong = next((k for k, v in given.items() if v is not None and k != problem.unit), None)
    if wrong:
        raise HyperparameterError(f"sweep: {wrong}={quote(given[wrong])}, but {problem.name} counts {problem.unit}",
                                  None, f"{problem.unit}={BUDGET[problem.unit]}")  # fmt: skip
    own = given[problem.unit]
    return BUDGET[problem.unit] if own is None else _COUNT.check("sweep", problem.unit, own)


def _rates(lr: Any) -> list[float]:
    values = [v.item() if isinstance(v, np.generic) else v for v in (lr if _several(lr) else [lr])]
    found = [_RATE.check("sweep", "lr", v) for v in values]
    if not found or len({*found}) < len(found):
        raise HyperparameterError(f"sweep: lr={quote(values, 60)}", "learning rates that differ",
                                  "np.geomspace(1e-4, 1, 20)")  # fmt: skip
    return found


def _several(what: Any) -> bool:
    return isinstance(what, Iterable) and not isinstance(what, str | bytes) and getattr(what, "ndim", 1) > 0


def _schedules(given: Any) -> dict[str, Schedule | None]:
    several = [*given] if isinstance(given, Mapping | list | tuple) else [given]
    named = dict(given) if isinstance(given, Mapping) else {"constant" if s is None else repr(s): s for s in several}
    if not several or len(named) < len(several):
        raise HyperparameterError(f"sweep: schedules={quote(given, 60)}", "schedules that differ, or None")
    return named


def _seeds(seeds: Any) -> list[int]:
    if not _several(seeds):
        return [*range(_COUNT.check("sweep", "seeds", seeds))]
    found = [_SEED.check("sweep", "seeds", s) for s in seeds]
    if not found or len({*found}) < len(found):
        raise HyperparameterError(f"sweep: seeds={quote(found, 60)}", "how many, or whole numbers that differ")
    return found


def _starts(start: Any) -> list[Any]:
    if start is None:
        return [None]
    try:
        points = np.array(start, float)
    except (TypeError, ValueError):
        points = np.zeros(0)
    points = points.reshape(1, 2) if points.shape == (2,) else points
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ShapeError(f"sweep: start={quote(start, 60)}", "numbers of shape (2,) or (n, 2)", "(-1.5, 2.0)")
    return [tuple(p) for p in points.tolist()]
