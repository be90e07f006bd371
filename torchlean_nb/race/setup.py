"""A race as settings that can be changed one by one: what it is on, where it starts, who takes part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torchlean_nb.errors import CapabilityError, HyperparameterError, UnknownNameError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.race.anatomy import read
from torchlean_nb.race.contenders import Contender, contenders
from torchlean_nb.race.rates import BY_HAND, ONE, note, tuned, unset
from torchlean_nb.race.running import run
from torchlean_nb.surfaces import Surface, surface_of
from torchlean_nb.trace.race import RaceTrace, Track

MOST_STEPS = 100_000
ELSEWHERE = "rates chosen for another race"
_STEPS = Hyper(kind="int", low=1, high=MOST_STEPS)
_SEED = Hyper(kind="int", low=0, high=2**32 - 1)
_EVERY = Hyper(kind="int", low=1, none=True)


@dataclass(frozen=True, eq=False)
class Setup:
    """What a race is made of.

    Parameters
    ----------
    surface : Surface
    start : (float, float)
    steps : int
    entries : tuple of Contender
    target : float or None
        Loss that counts as reached.
    seed : int
    dtype : str
    rates : str
        How the learning rates were chosen.
    every : int, optional
        Steps between records.

    Examples
    --------
    >>> s = setup_of(["sgd", "adam"], on="sphere", steps=50)
    >>> s.surface.name, [c.name for c in s.entries], s.rates
    ('sphere', ['sgd', 'adam'], 'rates chosen by the same grid of 8')
    """

    surface: Surface
    start: tuple[float, float]
    steps: int
    entries: tuple[Contender, ...]
    target: float | None = None
    seed: int = 0
    dtype: str = "float64"
    rates: str = ""
    every: int | None = None

    def run(self, entries: Any = None) -> RaceTrace:
        """Race everyone, or only these."""
        who = list(self.entries) if entries is None else entries
        options = {"seed": self.seed, "dtype": self.dtype, "every": self.every, "progress": False, "lr": None}
        found = run(who, self.surface, self.start, self.steps, **options)
        if found.status != "finished":
            raise KeyboardInterrupt
        return replace(found, meta={**found.meta, "rates": self.rates})

    def track(self, i: int) -> Track:
        """Race one contender."""
        return self.run([self.entries[i]]).tracks[0]

    def tuned(self) -> Setup:
        """The same race, learning rates that nobody set chosen by one grid for all."""
        found = tuple(tuned(self.entries, self.run))
        return replace(self, entries=found, rates=note(self.entries, found))

    @property
    def searching(self) -> bool:
        """Whether learning rates that nobody set are looked for; else they are those of the rows."""
        return self.rates != ONE

    # -- one thing changed -----------------------------------------------------------------
    def elsewhere(self, **changes: Any) -> Setup:
        """Something all contenders share changed; rates found by a grid were found for what was before."""
        searched = "grid" in self.rates and any(map(unset, self.entries))
        return replace(self, **{"rates": ELSEWHERE if searched else self.rates, **changes})

    def aiming(self, target: float | None) -> Setup:
        """Another target."""
        return replace(self, target=target)

    def on(self, what: Any) -> Setup:
        """On another surface, from where that begins; rates that nobody set are chosen anew."""
        surface = surface_of(what)
        new = replace(self, surface=surface, start=surface.start, target=usual_target(surface))
        return new.tuned() if self.searching else new

    def with_hyper(self, i: int, name: str, value: Any) -> Setup:
        """One hyperparameter of one contender set by hand."""
        c = self.entries[i]
        hypers = c.hypers_of(0)
        if name not in hypers:
            raise UnknownNameError(f"{c.name}: there is no hyperparameter {quote(name)}", ", ".join(hypers))
        hypers |= {name: _typed(c.rule.hypers[name], value)}
        flat = c.rule.resolve(hypers)
        old, new = f"{name}={c.hypers[name]:g}" if isinstance(c.hypers[name], int | float) else "", flat[name]
        words = [f"{name}={new:g}" if w == old else w for w in c.name.split(" ")]
        schedule = None if name == "lr" else c.schedule
        changed = replace(c, name=self.free(" ".join(words), i), hypers=flat, given=c.given | {name}, schedule=schedule)
        entries = (*self.entries[:i], changed, *self.entries[i + 1 :])
        by_hand = name == "lr" or not self.rates
        return replace(self, entries=entries, rates=BY_HAND if by_hand else self.rates)

    def with_contender(self, what: Any) -> Setup:
        """One more contender, its learning rate chosen as those of the others were."""
        (new,) = contenders([what])
        new = replace(new, name=self.free(new.name))
        (new,) = tuned([new], self.run) if self.searching else (new,)
        return replace(self, entries=(*self.entries, new))

    def without(self, i: int) -> Setup:
        """One contender less."""
        if len(self.entries) == 1:
            raise HyperparameterError("race: the last contender stays", "a race without one has nothing to show")
        return replace(self, entries=(*self.entries[:i], *self.entries[i + 1 :]))

    def named(self, i: int, name: str) -> Setup:
        """One contender under another name."""
        if not name or name != self.free(name, i):
            raise HyperparameterError(f"race: {quote(name)} is not a free name")
        return replace(self, entries=(*self.entries[:i], replace(self.entries[i], name=name), *self.entries[i + 1 :]))

    def free(self, name: str, own: int = -1) -> str:
        """The name, with a number where another contender has it."""
        taken = {c.name for k, c in enumerate(self.entries) if k != own}
        return next(n for n in (name, *(f"{name} {k}" for k in range(2, len(taken) + 3))) if n not in taken)

    # -- plain form ------------------------------------------------------------------------
    def plain(self) -> dict[str, Any]:
        """JSON-able form: `setup_from` makes the same race of it."""
        s = self.surface
        return {
            "surface": {"text": s.text} if s.text else s.name, "numbers": dict(s.numbers), "noise": s.noise,
            "start": list(self.start), "steps": self.steps, "target": self.target, "seed": self.seed,
            "dtype": self.dtype, "every": self.every, "rates": self.rates, "contenders": [
                {"name": c.name, "rule": c.rule.name, "hypers": _plain(c.hypers_of(0)), "given": sorted(c.given)}
                for c in self.entries
            ],
        }  # fmt: skip


def setup_of(
    what: Any, on: Any = "rosenbrock", start: Any = None, steps: int = 200, target: float | None = None, seed: int = 0,
    lr: str | None = "auto",
) -> Setup:  # fmt: skip
    """Settings of a race from what `tl.race` takes; ``lr="auto"`` chooses the learning rates that nobody set."""
    surface, entries = surface_of(on), tuple(contenders(what))
    goal = usual_target(surface) if target is None else numeric("target", target)
    new = Setup(surface, point(surface.start if start is None else start), count(steps), entries, goal, seed_of(seed))
    return new.tuned() if lr == "auto" else replace(new, rates=note(entries, entries))


def setup_of_trace(trace: RaceTrace, target: float | None = None) -> Setup:
    """Settings of a race that was run; of a file those that its plain data tells.

    Raises
    ------
    CapabilityError
        When the surface or a contender is not known any more.
    """
    surface, entries = trace.source or (_surface(trace), [read(t) for t in trace.tracks])
    gone = [t.name for t, c in zip(trace.tracks, entries, strict=False) if c is None]
    if gone:
        raise CapabilityError(f"race: {quote(gone[0])} is not known any more", "its row is not in this program")
    seed, first = trace.meta.get("seed", 0), trace.tracks[0].positions[0, :, 0] if trace.tracks else surface.start
    return Setup(
        surface, (float(first[0]), float(first[1])), int(trace.steps[-1]), tuple(entries[: len(trace.tracks)]),
        usual_target(surface) if target is None else target, seed if isinstance(seed, int) else 0,
        str(trace.meta.get("dtype", "float64")), str(trace.meta.get("rates", "")), trace.meta.get("every"),
    )  # fmt: skip


def _surface(trace: RaceTrace) -> Surface:
    try:
        return surface_of(trace.surface)
    except (UnknownNameError, HyperparameterError) as e:
        raise CapabilityError(f"race: the surface {quote(trace.surface.get('name'))} is not known any more") from e


def setup_from(data: Mapping[str, Any], like: Setup | None = None) -> Setup:
    """Settings from their plain form; surfaces and rules of one's own are looked for in `like`.

    Raises
    ------
    HyperparameterError, UnknownNameError, ShapeError
    """
    if not isinstance(data, Mapping) or (like is None and not data.get("contenders")):
        raise HyperparameterError("race: this state has no race", None, "paste what .now shows")
    given = {**(like.plain() if like and "contenders" not in data else {}), **data}
    who = given.get("contenders")
    if not isinstance(who, list | tuple) or not who:
        raise HyperparameterError(f"race: contenders={quote(who, 60)}", "a list of at least one")
    entries = tuple(_entry(c, {e.rule.name: e.rule for e in like.entries} if like else {}) for c in who)
    if len({c.name for c in entries}) < len(entries):
        raise HyperparameterError("race: two contenders have one name")
    surface = _surface_from(data, like)
    target = None if given.get("target") is None else numeric("target", given["target"])
    return Setup(
        surface, point(data.get("start", surface.start)), count(given.get("steps", 200)), entries, target,
        seed_of(given.get("seed", 0)), str(given.get("dtype", "float64")), str(given.get("rates", BY_HAND))[:80],
        _EVERY.check("race", "every", given.get("every")),
    )  # fmt: skip


def _surface_from(data: Mapping[str, Any], like: Setup | None) -> Surface:
    if like is not None and data.get("surface", like.surface.name) == like.surface.name:
        found = like.surface
    else:
        found = surface_of(data.get("surface", "rosenbrock"))
    numbers, noise = data.get("numbers") or {}, data.get("noise")
    if not isinstance(numbers, Mapping):
        raise HyperparameterError(f"race: numbers={quote(numbers, 60)}", "an object of numbers")
    found = found.with_numbers(**{str(k): v for k, v in numbers.items()})
    return found if noise is None else found.with_noise(noise)


def _entry(c: Any, rules: Mapping[str, Any]) -> Contender:
    if not isinstance(c, Mapping) or not isinstance(c.get("hypers", {}), Mapping):
        raise HyperparameterError(f"race: {quote(c, 60)} is no contender", None, "paste what .now shows")
    rule = rules.get(c.get("rule"), c.get("rule")) if isinstance(c.get("rule"), str) else c.get("rule")
    (made,) = contenders([(rule, dict(c.get("hypers", {})))])
    given = frozenset(map(str, c["given"])) if isinstance(c.get("given"), list | tuple) else made.given
    return replace(made, name=str(c.get("name", made.name))[:60], given=given)


def usual_target(surface: Surface) -> float | None:
    """A hundredth above the lowest value; None where there is no lowest."""
    return float(f"{surface.lowest + 0.01:.4g}") if math.isfinite(surface.lowest) else None


# -- what is typed or sent ----------------------------------------------------------------------
def point(at: Any) -> tuple[float, float]:
    """Two finite numbers."""
    try:
        found = np.asarray(at, float)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (2,) or not np.isfinite(found).all():
        raise HyperparameterError(f"race: start={quote(at, 60)}", "two finite numbers", "-1.5, 2")
    return float(found[0]), float(found[1])


def count(steps: Any) -> int:
    """Number of steps, also of a text."""
    return _STEPS.check("race", "steps", _typed(_STEPS, steps))


def seed_of(seed: Any) -> int:
    """A seed, also of a text."""
    return _SEED.check("race", "seed", _typed(_SEED, seed))


def numeric(name: str, value: Any) -> float:
    """A finite number, also of a text."""
    return Hyper().check("race", name, _typed(Hyper(), value))


def _typed(h: Hyper, value: Any) -> Any:
    """A value as its row wants it: numbers come as text, and whole ones as floats."""
    if h.kind not in ("float", "int") or value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            value = float(value.strip().replace("\u2212", "-"))
        except ValueError:
            return value
    return int(value) if h.kind == "int" and isinstance(value, float) and value.is_integer() else value


def _plain(hypers: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in hypers.items() if v is None or isinstance(v, int | float | str | bool)}
