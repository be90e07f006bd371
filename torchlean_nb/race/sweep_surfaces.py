"""Trials on a surface: all learning rates, seeds and starts of one optimizer as one race of many paths."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from torchlean_nb import optim
from torchlean_nb.backend.devices import device as place_of
from torchlean_nb.race.aboard import aboard
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.engine import Paths, by_the_rule, each_alone, limit_of, march
from torchlean_nb.race.field import field
from torchlean_nb.race.sweep_keys import digest_of_arrays
from torchlean_nb.surfaces import Surface

RECORDS = 1000


def start_of(surface: Surface, seed: int, start: tuple[float, float] | None) -> np.ndarray:
    """Where a trial begins."""
    if start is not None or seed == 0:
        return np.array(surface.start if start is None else start)
    left, right, bottom, top = surface.domain
    return np.random.default_rng([seed, 2]).uniform((left, bottom), (right, top))


def race(trials: Sequence[Any]) -> list[dict[str, Any]]:
    """Fields of the outcomes of trials that differ in learning rate, seed and start alone.

    Each path gets the numbers it would get by itself.
    """
    first = trials[0]
    rule, surface = optim.row(first.rule), first.problem.surface
    contender = Contender(first.rule, rule, rule.resolve(first.hypers))
    with np.errstate(all="ignore"):
        if contender.alone:
            return [found for t in trials for found in _paths([t], contender, surface)]
        return _paths(trials, contender, surface)


def _paths(trials: Sequence[Any], contender: Contender, surface: Surface) -> list[dict[str, Any]]:
    first, n, rule = trials[0], len(trials), contender.rule
    starts = np.stack([start_of(surface, t.seed, t.start) for t in trials], axis=1)
    when = [*range(0, first.budget, max(1, math.ceil(first.budget / RECORDS))), first.budget]
    device, noise = place_of(first.device), _noise(trials, surface)
    if contender.alone:
        mine = Contender(first.rule, rule, rule.resolve(first.hypers), _rates(first, first.hypers.get("lr")))
    else:
        rate = device.put(np.array([t.hypers.get("lr", 0.0) for t in trials], float))
        hypers = {**contender.hypers, **({"lr": rate} if "lr" in contender.hypers else {})}
        mine = Contender(first.rule, rule, hypers, _rates(first, rate))
    if device.lib is not None:
        (paths,) = aboard(device, [mine], surface, starts, when, noise)
    else:
        paths, at = Paths(starts, len(when), limit_of(surface)), field(surface, n, "float64")
        step = each_alone(mine, at, surface, starts, paths.evaluations) if mine.alone else by_the_rule(
            mine, "float64", device)  # fmt: skip
        for _ in march(step, at, starts, paths, when, noise):
            pass
    return [_outcome(paths, np.array(when), i, surface) for i in range(n)]


def _rates(trial: Any, rate: Any) -> Callable[[int], Any] | None:
    factor = trial.rate
    return None if factor is None else lambda k: rate * factor(k)


def _noise(trials: Sequence[Any], surface: Surface) -> Callable[[tuple[int, ...]], np.ndarray] | None:
    """Errors of the gradient: trials of one seed get the same ones."""
    if not surface.noise:
        return None
    streams = {t.seed: np.random.default_rng(t.seed) for t in trials}
    column = [[*streams].index(t.seed) for t in trials]

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        return surface.noise * np.concatenate([s.standard_normal((2, 1)) for s in streams.values()], axis=1)[:, column]

    return draw


def _outcome(paths: Paths, when: np.ndarray, i: int, surface: Surface) -> dict[str, Any]:
    ended, curve = int(paths.ended[i]), paths.losses[:, i]
    kept = when <= ended if ended >= 0 else np.full(len(when), True)
    if ended < 0 and not np.isfinite(curve[-1]):
        ended, kept = int(when[-1]), np.isfinite(curve)
    curve, x, y = curve[kept], *map(float, paths.positions[-1, :, i])
    steps = int(when[-1]) if ended < 0 else min(ended + 1, int(when[-1]))
    near = [math.hypot(x - a, y - b) for a, b in surface.goals]
    return {
        "at": when[kept], "curve": curve, "best": float(np.fmin.reduce(curve, initial=np.inf)),
        "final": float(curve[-1]) if ended < 0 else math.inf, "status": "finished" if ended < 0 else "diverged",
        "ended": ended, "evaluations": steps if paths.evaluations[i] < 0 else int(paths.evaluations[i]),
        "init_hash": digest_of_arrays(paths.positions[0, :, i]),
        "metrics": {"x": x, "y": y, **({"distance": min(near)} if near else {})},
    }  # fmt: skip
