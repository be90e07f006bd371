"""Fair comparison: as many learning rates, as much budget, the same starts and the same data for every contender."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from torchlean_nb import optim
from torchlean_nb.backend.devices import device as place_of
from torchlean_nb.errors import CapabilityError, HyperparameterError, RuleError, UnknownNameError, did_you_mean, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.race.contenders import Contender, contenders
from torchlean_nb.race.fair_grid import grids, longer, open_ends
from torchlean_nb.race.problems import Problem, problem_of
from torchlean_nb.race.sweep import Done, compute
from torchlean_nb.race.trial import Outcome, Trial
from torchlean_nb.trace import judging
from torchlean_nb.trace.contest import Contest, Entry
from torchlean_nb.trace.fair import FairTrace

RATIO = 10**0.5
_UNDECIDED = "its function makes something that the seed does not decide"
SAME = 1e-9  # how far losses before the first step may differ by rounding, as a part of them
_COUNT, _ROUNDS, _POSITIVE = Hyper(kind="int", low=1), Hyper(kind="int", low=0), Hyper(low=0.0, open_low=True)


def fair(
    optimizers: Any,
    on: Any = "digits_mlp",
    *,
    lr: Any = None,
    points: int = 7,
    ratio: float = RATIO,
    seeds: int | Iterable[int] = 3,
    steps: int = 200,
    epochs: int = 5,
    target: float | Mapping[str, float] | None = None,
    extend: bool | int = False,
    executor: Any = None,
    results: Any = None,
    progress: bool | None = None,
    device: str | None = None,
) -> FairTrace:
    """Compare optimizers, each with as many learning rates and as much budget as the others.

    Every contender gets a grid of `points` rates, `ratio` apart. With one seed all begin with the same parameters and
    see the same data in the same order; fingerprints of both are in the result. It also says what a referee would:
    a best rate on the edge of its grid, a rate that somebody fixed, seeds that do not agree.

    Parameters
    ----------
    optimizers : sequence or mapping
        As in `tl.race`: names, rows, ``(name, {hyperparameter: value})``; ``{label: ...}`` names them. Who brings an
        ``lr`` keeps it, has one rate where others have many, and the result is called not fair.
    on : str, Surface, callable, Problem or list of those
        Surfaces, ``"digits_mlp"``, ``"digits_cnn"``, ``"moons_mlp"``, or `tl.race.problem`.
    lr : float, array_like or mapping, optional
        One grid for all: its middle, or its rates. A mapping gives these to each name, for a rate means something
        else in each rule. By default one grid for all around 0.03 on networks, and around 0.01 on surfaces; only rules
        that find the length of a step themselves, with a default of 0.5 or more, have theirs around that default.
    points : int
    ratio : float
        Between neighbours, more than 1.
    seeds : int or iterable of int
        On a surface seed 0 begins at its own start, others anywhere in its domain.
    steps, epochs : int
        Budget on surfaces, and on networks.
    target : float or mapping of problem to float, optional
        Loss whose time is reported; by default the best loss of the contender that is last.
    extend : bool or int
        Go on with the grids while somebody's best rate is on an edge: one more rate for every contender each time, at
        the end that is better for it, at most so often (twice as many rates as at first, unless told).
    executor : concurrent.futures.Executor, optional
    results : path, optional
        File of finished runs: what is in it is not computed again.
    progress : bool, optional
    device : {"cpu", "cuda", ...}, optional
        As in `tl.race.sweep`: by default networks are trained on the default device, and surfaces are on the CPU.

    Returns
    -------
    FairTrace
        Stopped by KeyboardInterrupt: of the rates that all contenders had finished, ``status`` "interrupted".

    Raises
    ------
    HyperparameterError, UnknownNameError, CapabilityError
    RuleError
        When runs of one seed did not begin alike.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> found = tl.race.fair(["sgd", "adam"], on="sphere", seeds=2, steps=60, extend=True)
    >>> found.fair, [e.edge for e in found["sphere"].entries], found["sphere"].ranking()
    (True, ['', ''], {'sgd': 1, 'adam': 2})
    """
    entries, problems = contenders(optimizers), _problems(on)
    points, seeds = _COUNT.check("fair", "points", points), _seeds(seeds)
    ratio = _POSITIVE.check("fair", "ratio", ratio)
    if ratio <= 1:
        raise HyperparameterError(f"fair: ratio={ratio:g}", "neighbours of a grid are more than 1 apart")
    for c in entries:
        if c.schedule is not None or c.paths > 1:
            raise CapabilityError(f"fair: {c.name} brings {'a schedule' if c.schedule else 'arrays'}",
                                  "the grid is of plain learning rates", "tl.race.sweep(...)")  # fmt: skip
        if optim.row(c.rule.name).update is not c.rule.update:
            raise CapabilityError(f"fair: {c.name} is no optimizer that can be found by its name",
                                  "a run is told by names and numbers", "tl.extend.update_rule")  # fmt: skip
    found = [grids(entries, lr, p.kind, points, ratio) for p in problems]
    common = not isinstance(lr, Mapping)
    rounds = points * extend if isinstance(extend, bool) else _ROUNDS.check("fair", "extend", extend)
    budget = {"steps": _COUNT.check("fair", "steps", steps), "epochs": _COUNT.check("fair", "epochs", epochs)}
    wanted = _targets(target, problems)
    if executor is None:
        place_of(device)
    given = {"executor": executor, "results": results, "progress": progress}
    contests, status = [], "finished"
    for p, loss, first in zip(problems, wanted, found, strict=True):
        runs = _Runs(p, entries, seeds, budget[p.unit], given, device)
        try:
            rows = runs.rows(first)
            for _ in range(rounds):
                if not open_ends(rows, entries):
                    break
                rows = runs.rows(longer(rows, entries, ratio, common))
        except KeyboardInterrupt:
            status = "interrupted"
        if runs.last or runs.finished(first):
            contests.append(runs.contest(loss))
        if status == "interrupted":
            break
    meta = {"grid": "common" if common else "own", "ratio": ratio, "points": points, "status": status}
    return FairTrace(contests, meta)


class _Runs:
    """Runs on one problem; what was computed once is there when grids grow."""

    def __init__(self, problem: Problem, entries: Sequence[Contender], seeds: tuple[int, ...], budget: int,
                 given: Mapping[str, Any], device: str | None):  # fmt: skip
        self.problem, self.entries, self.seeds, self.budget, self.given = problem, entries, seeds, budget, given
        self.device = device
        self.done: dict[tuple[int, float, int], Outcome] = {}
        self.last: list[Entry] = []

    def rows(self, grids: Sequence[np.ndarray]) -> list[Entry]:
        """Entries of all contenders, computing what is new."""
        keys = [*map(self._keys, range(len(grids)), grids)]
        # Rate by rate: whoever stops it has as much of all contenders.
        new = [k for rates in zip_longest(*keys, fillvalue=()) for row in rates for k in row if k not in self.done]
        done = Done()
        try:
            if new:
                compute([self._trial(*k) for k in new], **self.given, done=done)
        finally:
            self.done |= {new[i]: o for i, o in done.found.items()}
        at = max((o.at for o in self.done.values()), key=len)
        self.at = at if at[-1] == self.budget else np.append(at, self.budget)
        self.last = [self._entry(c, grid, [[self.done[k] for k in row] for row in mine])
                     for c, grid, mine in zip(self.entries, grids, keys, strict=True)]  # fmt: skip
        self._same_losses()
        return self.last

    def finished(self, grids: Sequence[np.ndarray]) -> list[Entry]:
        """Entries of the rates that everybody has finished with every seed, none when somebody has none."""
        keys = [*map(self._keys, range(len(grids)), grids)]
        there = [all(k in self.done for row in rates for k in row) for rates in zip_longest(*keys, fillvalue=())]
        left = [grid[there[: len(grid)]] for grid in grids]
        return self.rows(left) if all(map(len, left)) else []

    def _keys(self, i: int, grid: np.ndarray) -> list[list[tuple[int, Any, int]]]:
        # NaN, the rate of rules without one, equals nothing: a word does.
        return [[(i, "" if math.isnan(r) else r, s) for s in self.seeds] for r in grid.tolist()]

    def _same_losses(self) -> None:
        for seed in self.seeds:
            first = [o.curve[0] for (_, _, s), o in self.done.items() if s == seed and len(o.at) and o.at[0] == 0]
            if first and np.ptp(first) > SAME * max(map(abs, first)):
                raise RuleError(f"fair: runs on {self.problem.name} with seed {seed} did not begin alike: losses from "
                                f"{min(first):.6g} to {max(first):.6g}", _UNDECIDED)  # fmt: skip

    def _trial(self, i: int, rate: Any, seed: int) -> Trial:
        c = self.entries[i]
        hypers = {**c.hypers, **({} if rate == "" else {"lr": rate})}
        return Trial(self.problem, c.rule.name, hypers, seed=seed, budget=self.budget, device=self.device)

    def _entry(self, c: Contender, grid: np.ndarray, found: list[list[Outcome]]) -> Entry:
        curves = np.full((len(grid), len(self.seeds), len(self.at)), np.nan)
        for i, row in enumerate(found):
            for j, o in enumerate(row):
                curves[i, j, : len(o.curve)] = o.curve
        prints = [[{getattr(row[j], key) for row in found} for j in range(len(self.seeds))]
                  for key in ("init_hash", "order_hash")]  # fmt: skip
        if any(len(seen) > 1 for kind in prints for seen in kind):
            raise RuleError(f"fair: runs of {c.name} on {self.problem.name} with one seed did not begin alike",
                            _UNDECIDED)  # fmt: skip
        starts, orders = (tuple(seen.pop() for seen in kind) for kind in prints)
        ended = [[o.ended if o.status == "diverged" else -1 for o in row] for row in found]
        work = [[o.evaluations for o in row] for row in found]
        # A function that is the default is known by the name of the rule; others a trial has refused.
        hypers = {k: v for k, v in c.hypers.items() if k != "lr" and not callable(v)}
        return Entry(c.name, c.rule.name, grid, curves, ended, work, starts, orders if any(orders) else (), hypers)

    def contest(self, target: float | None) -> Contest:
        """What came of it, with the best loss of who is last as a target unless told."""
        if target is None:
            best = [float(np.median(judging.per_seed(e.losses, "best"))) for e in self.last]
            target = max((v for v in best if math.isfinite(v)), default=math.nan)
        p = self.problem
        return Contest(p.name, p.kind, p.unit, self.at, self.seeds, target, self.last)


def _problems(on: Any) -> list[Problem]:
    problems = [problem_of(p) for p in (on if isinstance(on, list | tuple) else [on])]
    names = [p.name for p in problems]
    if not problems or len({*names}) < len(names):
        raise HyperparameterError(f"fair: on={quote(names or on, 60)}", "problems of different names")
    return problems


def _seeds(seeds: Any) -> tuple[int, ...]:
    many = range(seeds) if isinstance(seeds, int) and not isinstance(seeds, bool) else seeds
    try:
        found = tuple(Hyper(kind="int", low=0).check("fair", "seeds", s) for s in many)
    except TypeError:
        found = ()
    if not found or len({*found}) < len(found):
        raise HyperparameterError(f"fair: seeds={quote(seeds, 60)}", "how many, or whole numbers that differ")
    return found


def _targets(target: Any, problems: Sequence[Problem]) -> list[float | None]:
    names = [p.name for p in problems]
    wanted = dict(target) if isinstance(target, Mapping) else dict.fromkeys(names, target)
    for name in wanted:
        if name not in names:
            raise UnknownNameError(f"fair: no problem {quote(name)} in target", did_you_mean(str(name), names))
    return [Hyper(none=True).check("fair", "target", wanted.get(name)) for name in names]
