"""Grids of learning rates: as many for each contender, as far apart, one for all or each around a middle of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError, UnknownNameError, did_you_mean, quote
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.rates import LARGE
from torchlean_nb.trace import judging
from torchlean_nb.trace.contest import Entry

# Middle of the grid unless told; rates of rules that divide by the size of the gradient lie above it on surfaces, those
# of the others below.
TINY = np.finfo(float).tiny
MIDDLE = {"surface": 0.01, "network": 10**-1.5}


def around(middle: float, points: int, ratio: float) -> np.ndarray:
    """Rates around a middle; of an even number one more lies above it.

    Examples
    --------
    >>> around(0.1, 3, 10.0).round(9).tolist()
    [0.01, 0.1, 1.0]
    """
    return middle * ratio ** (np.arange(points) - (points - 1) // 2.0)


def grids(entries: Sequence[Contender], lr: Any, kind: str, points: int, ratio: float) -> list[np.ndarray]:
    """Grid of each contender; one rate for who brings one, NaN for a rule without.

    Raises
    ------
    HyperparameterError, UnknownNameError
    """
    own = dict(lr) if isinstance(lr, Mapping) else {}
    names = [c.name for c in entries]
    for name in own:
        if name not in names:
            raise UnknownNameError(f"fair: no contender {quote(name)} in lr", did_you_mean(str(name), names))
    out = []
    for c in entries:
        if "lr" not in c.hypers:
            out.append(np.array([np.nan]))
        elif fixed(c):
            out.append(np.array([float(c.hypers["lr"])]))
        else:
            wanted = own.get(c.name) if isinstance(lr, Mapping) else lr
            rates = _rates(_middle(c, kind) if wanted is None else wanted, points, ratio)
            if wanted is None:  # where a rule allows no larger one, the grid ends there
                rates = rates * min(1.0, c.rule.hypers["lr"].high / rates[-1])
            for rate in rates.tolist():
                c.rule.resolve({**c.hypers, "lr": rate})
            out.append(rates)
    return out


def fixed(c: Contender) -> bool:
    """Whether somebody else chose the rate of a contender."""
    return "lr" in c.given


def _middle(c: Contender, kind: str) -> float:
    own = c.rule.hypers["lr"].default
    return own if isinstance(own, float | int) and own >= LARGE else MIDDLE[kind]


def _rates(wanted: Any, points: int, ratio: float) -> np.ndarray:
    try:
        rates = np.unique(np.asarray(wanted, float))
    except (TypeError, ValueError):
        rates = np.zeros(0)
    if np.ndim(wanted) > 1 or not rates.size or not _usable(rates):
        raise HyperparameterError(f"fair: lr={quote(wanted, 60)}", "a positive rate, or several", "lr=0.01")
    if np.ndim(wanted) > 0:
        return rates
    with np.errstate(over="ignore", under="ignore"):
        grid = around(float(rates[0]), points, ratio)
    if not _usable(grid):
        raise HyperparameterError(f"fair: points={points}, ratio={ratio:g}", "rates that no number can hold")
    return grid


def _usable(rates: np.ndarray) -> bool:
    return bool((np.isfinite(rates) & (rates > TINY)).all())


def longer(rows: Sequence[Entry], entries: Sequence[Contender], ratio: float, common: bool) -> list[np.ndarray]:
    """Grids with one more rate: for all of them, so that nobody has more chances than the others.

    Who has its best rate on an edge goes on there, the others on the side that is the better one for them. A common
    grid grows for all at the edges that somebody is on.
    """
    ends = {e.edge for e, c in zip(rows, entries, strict=True) if e.edge and not fixed(c)}
    out = []
    for e, c in zip(rows, entries, strict=True):
        sides = set() if fixed(c) or np.isnan(e.rates).any() else ends if common else {e.edge or _better(e)}
        low = [e.rates[0] / ratio] if "low" in sides else []
        high = [e.rates[-1] * ratio] if "high" in sides else []
        grown = np.array([*low, *e.rates, *high])
        allowed = not sides or (_usable(grown) and grown[-1] <= c.rule.hypers["lr"].high)
        out.append(grown if allowed else e.rates)
    return out


def _better(e: Entry) -> str:
    """End of the grid with the lower loss; the low one when neither has any."""
    first, last = np.median(e.losses, axis=1)[[0, -1]]
    return "high" if last < first else "low"


def open_ends(rows: Sequence[Entry], entries: Sequence[Contender]) -> bool:
    """Whether somebody's best rate is on an edge of a grid that can grow."""
    return any(judging.edge(e.losses) and not fixed(c) for e, c in zip(rows, entries, strict=True))
