"""Learning rates that nobody set: the best of one grid, the same for every contender, with the budget of the race."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from torchlean_nb.race.contenders import Contender
from torchlean_nb.trace.race import RaceTrace

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3)
LARGE = 0.5  # a rate of such a size is a share of a step that the rule has found for itself
CHOSEN, BY_HAND, ONE = f"rates chosen by the same grid of {len(GRID)}", "rates set by hand", "one learning rate only"


def unset(contender: Contender) -> bool:
    """Whether the learning rate is a plain default that nobody chose."""
    rate = contender.rule.hypers.get("lr")
    free = rate is not None and "lr" not in contender.given and contender.schedule is None and contender.paths == 1
    return free and isinstance(rate.default, float) and 0 < rate.default < LARGE


def tuned(entries: Sequence[Contender], run: Callable[[dict[str, Any]], RaceTrace]) -> list[Contender]:
    """The contenders, those whose rate nobody set with the one of the grid that leads lowest.

    Low is the median loss of the last tenth of the race, so that no lucky moment counts. A rate whose path leaves the
    domain of the surface is taken only when all do.

    Parameters
    ----------
    entries : sequence of Contender
    run : callable
        Races a mapping of labels to contenders.

    Raises
    ------
    KeyboardInterrupt
        When a race was stopped by one.
    """
    return [replace(c, hypers={**c.hypers, "lr": _best(c, run)}) if unset(c) else c for c in entries]


def _best(c: Contender, run: Callable[[dict[str, Any]], RaceTrace]) -> float:
    race = run({c.name: (c.rule, {**c.hypers, "lr": np.array(GRID)})})
    if race.status != "finished":
        raise KeyboardInterrupt
    track = race.tracks[0]
    last = track.losses[-max(1, len(track.losses) // 10) :]
    worth = np.where((track.ended < 0) & np.isfinite(last).all(axis=0), np.median(last, axis=0), np.inf)
    left, right, bottom, top = race.surface["domain"]
    x, y = track.positions[:, 0], track.positions[:, 1]
    inside = ((x >= left) & (x <= right) & (y >= bottom) & (y <= top)).all(axis=0) & np.isfinite(worth)
    worth = np.where(inside, worth, np.inf) if inside.any() else worth
    return float(GRID[int(np.argmin(worth))]) if np.isfinite(worth).any() else float(c.hypers["lr"])


def note(entries: Sequence[Contender], found: Sequence[Contender]) -> str:
    """How the learning rates of a race were chosen, in words."""
    if any(a is not b for a, b in zip(entries, found, strict=True)):
        hand = [c.name for c in found if "lr" in c.given or c.schedule is not None]
        return CHOSEN if not hand else f"{CHOSEN}, some set by hand"
    return BY_HAND if any("lr" in c.given or c.schedule for c in found) else ONE
