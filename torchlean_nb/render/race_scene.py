"""What is seen of a race at one step: who is where, what stands beside it, and the sentence that says it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from torchlean_nb.errors import HyperparameterError, UnknownNameError, did_you_mean, quote
from torchlean_nb.escape import visible
from torchlean_nb.race.setup import numeric, usual_target
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.race_map import BOX, Map
from torchlean_nb.render.race_payload import map_of, seen_window
from torchlean_nb.render.race_standing import Standing, equalities, head, standings, surface_of_trace
from torchlean_nb.surfaces import Surface
from torchlean_nb.trace.race import RaceTrace
from torchlean_nb.trace.sampling import extremes, path_extremes

# Black is the ink of the text, so that it is white on dark ground.
HUES = ("text", "#E69F00", "#56B4E9", "#CC79A7", "#0072B2", "#009E73")
MARKS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M-3.6-3.6h7.2v7.2h-7.2z", "M0-5l4.7 8.2h-9.4z",
    "M0-5.2L5.2 0 0 5.2-5.2 0z", "M0 5l4.7-8.2h-9.4z",
    "M-1.7-5h3.4v3.3H5v3.4H1.7V5h-3.4V1.7H-5v-3.4h3.3z",
    "M-4.7-2.3l2.4-2.4L0-2.3l2.3-2.4 2.4 2.4L2.3 0l2.4 2.3-2.4 2.4L0 2.3l-2.3 2.4-2.4-2.4L-2.3 0z",
    "M0-5.4l1.5 3.5 3.8.3-2.9 2.4.9 3.7L0 2.4l-3.3 2.1.9-3.7-2.9-2.4 3.8-.3z",
)  # fmt: skip
_NAMED = 4
_GRAIN = BOX / 4000


@dataclass(frozen=True, eq=False)
class Scene:
    """A race at one of its records."""

    trace: RaceTrace
    surface: Surface | None
    target: float | None
    at: int
    on: tuple[int, ...]
    chosen: int

    @cached_property
    def stands(self) -> list[Standing]:
        """Standing of every contender."""
        return standings(self.trace, self.surface, self.target)

    @cached_property
    def map(self) -> Map:
        """Contours of what is seen."""
        return map_of(self.surface, seen_window(self.trace, self.stands))

    @property
    def step(self) -> int:
        """The step that is shown."""
        return int(self.trace.steps[self.at])

    @property
    def last(self) -> int:
        """The last step."""
        return int(self.trace.steps[-1])

    def head(self, i: int) -> int:
        """Record at which a contender stands: where it ended, it stays."""
        return head(self.trace, self.stands[i].ended, self.at)

    def way(
        self, i: int, first: int = 0, until: int | None = None, most: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Path of a contender in the box of the map, of at most so many points, runaways cut far outside of it."""
        s, part = self.stands[i], slice(first, (self.head(i) if until is None else until) + 1)
        u, v = self.map.place(s.x[part], s.y[part])
        good = np.isfinite(u) & np.isfinite(v)
        if not good.all():
            u, v = u[good], v[good]
        if most is not None:
            kept = path_extremes(most, u, v, _GRAIN)
            u, v = u[kept], v[kept]
        far = np.maximum(np.abs(u), np.abs(v)).clip(1.0, None)
        by = np.minimum(1.0, 2e4 / far)
        return u * by, v * by

    def curve(self, k: int, i: int, part: slice, most: int) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of a contender in a plot, of at most so many points; NaN counts as more than all."""
        steps, values = self.trace.steps[part], self.panels[k][1][i][part]
        kept = extremes(most, np.where(np.isnan(values), np.inf, values))
        return steps[kept], values[kept]

    @cached_property
    def equal(self) -> tuple[list[str], list[str]]:
        """What is equal across the contenders, and what is not."""
        return equalities(self.trace, self.stands)

    @cached_property
    def panels(self) -> tuple[tuple[str, list[np.ndarray], float | None], ...]:
        """Title, curves and target of both plots: the loss, and the way to the nearest minimum or the gradient."""
        lowest = float(self.trace.surface.get("lowest", -math.inf))
        base = lowest if math.isfinite(lowest) else 0.0
        title = f"loss above the lowest, {fmt(base, 4)}" if base else "loss"
        aim = None if self.target is None else self.target - base
        goals = np.array(self.trace.surface.get("goals", ()), float).reshape(-1, 2)
        if len(goals):
            word = "distance to the minimum" if len(goals) == 1 else "distance to the nearest minimum"
            away = [np.hypot(s.x[:, None] - goals[:, 0], s.y[:, None] - goals[:, 1]).min(axis=1) for s in self.stands]
        else:
            word, away = "length of the gradient", [np.hypot(*s.slopes) for s in self.stands]
        return (title, [s.loss - base for s in self.stands], aim), (word, away, None)

    def sentence(self) -> str:
        """What the step shows, as the front end says it."""
        k, stands = self.step, self.stands
        if not self.on:
            return f"At step {k} no contender is switched on."
        fit = [i for i in self.on if not 0 <= stands[i].ended < k and math.isfinite(stands[i].loss[self.head(i)])]
        hits = [f"{stands[i].label} at {stands[i].reached}" for i in self.on if 0 <= stands[i].reached <= k]
        more = f"{', '.join(hits[: _NAMED - 1])} and {len(hits) - _NAMED + 1} more"
        said = ", ".join(hits) if len(hits) <= _NAMED else more
        goal = f" (target reached by {said})" if hits else "; nobody is at the target yet"
        goal = goal if self.target is not None else ""
        if not fit:
            return f"At step {k} every contender has diverged{goal}."
        losses = [float(stands[i].loss[self.head(i)]) for i in fit]
        best = min(losses)
        if len(fit) > 1 and losses.count(best) == len(fit):
            return f"At step {k} all stand at loss {fmt(best, 3)}{goal}."
        return f"At step {k} {stands[fit[losses.index(best)]].label} leads with loss {fmt(best, 3)}{goal}."


def scene(
    trace: RaceTrace, step: int | None = None, target: float | None = None, on: Collection[str] | None = None,
    chosen: int = 0,
) -> Scene:  # fmt: skip
    """A race at a step, by default the last.

    Parameters
    ----------
    target : float, optional
        By default a hundredth above the lowest value.
    on : collection of str, optional
        Names of contenders that are shown; all by default.

    Raises
    ------
    HyperparameterError, UnknownNameError
    """
    if not len(trace) or not len(trace.steps):
        raise HyperparameterError("race: no contender has finished, there is nothing to show")
    last = int(trace.steps[-1])
    if step is not None and (isinstance(step, bool) or not isinstance(step, int | np.integer) or not 0 <= step <= last):
        raise HyperparameterError(f"race: step {quote(step)} is outside 0..{last}")
    names = [*trace]
    for name in on or ():
        if name not in names:
            raise UnknownNameError(f"race: no contender {quote(name)}", did_you_mean(str(name), names))
    at = int(np.searchsorted(trace.steps, last if step is None else step, "right")) - 1
    shown = tuple(i for i, name in enumerate(names) if on is None or name in on)
    surface = surface_of_trace(trace)
    usual = usual_target(surface) if surface is not None else None
    aim = usual if target is None else numeric("target", target)
    return Scene(trace, surface, aim, max(0, at), shown, chosen)


def span(curves: Sequence[np.ndarray], also: float | None = None) -> tuple[float, float, bool]:
    """Ends of an axis, and whether it is logarithmic: powers of ten where all that counts is above 0.

    Examples
    --------
    >>> span([np.array([20.0, 0.5, 0.002])])
    (0.001, 100.0, True)
    """
    first = max((abs(float(c[0])) for c in curves if len(c) and np.isfinite(c[0])), default=0.0)
    most = 1e4 * first if first else math.inf
    known = [c[np.isfinite(c) & (c <= most)] for c in map(np.asarray, [*curves, [] if also is None else [also]])]
    known = [c for c in known if c.size]
    if not known:
        return 0.1, 1.0, True
    low, high = min(float(c.min()) for c in known), max(float(c.max()) for c in known)
    if low >= 0 and high > 0:
        top = math.ceil(math.log10(high) - 1e-9)
        least = low or min(float(c[c > 0].min()) for c in known if c.max() > 0)
        foot = math.floor(math.log10(least) + 1e-9)
        return 10.0 ** max(min(foot, top - 1), top - 8), 10.0**top, True
    room = (high - low or 1.0) * 0.06
    return low - room, high + room, False


def results(s: Standing, last: int) -> tuple[str, str, str, str]:
    """Best loss, steps to the target, evaluations and status of a contender, as text."""
    reached = str(s.reached) if s.reached >= 0 else f"not in {last}"
    return fmt(s.best, 3), reached, str(s.evaluations), s.status


def settings(s: Standing) -> str:
    """Learning rate of a contender, and what else is not the default of its row."""
    shown = []
    for k, v in s.track.hypers.items():
        usual = s.hypers[k].default if k in s.hypers else None
        if isinstance(v, tuple):
            shown.append(f"{visible(k, 20)} {len(v)} values")
        elif v is True:
            shown += [visible(k, 20)] if usual is not True else []
        elif k == "lr" or (isinstance(v, int | float) and v != usual):
            shown.append(f"{visible(k, 20)} {fmt(v, 3) if isinstance(v, int | float) else visible(v, 20)}")
    return ", ".join(shown)
