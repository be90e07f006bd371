"""Trial: one optimizer with one set of numbers on one problem from one seed, as data, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from torchlean_nb import optim
from torchlean_nb.backend.devices import get_default_device
from torchlean_nb.errors import CapabilityError, HyperparameterError, ShapeError, TraceFormatError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.race import sweep_networks, sweep_surfaces
from torchlean_nb.race.problems import Problem, problem_from, problem_of
from torchlean_nb.race.sweep_keys import digest
from torchlean_nb.schedules import Schedule, lookup
from torchlean_nb.trace.arrays import decode_array, encode_array, same_array
from torchlean_nb.trace.frozen import freeze, numbers, plain

_BUDGET, _SEED = Hyper(kind="int", low=1), Hyper(kind="int", low=0)
_WORDS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
STATUSES = ("finished", "diverged", "interrupted")


def schedule_form(schedule: Schedule | None) -> dict[str, Any] | None:
    """A schedule as plain data.

    Raises
    ------
    CapabilityError
        When there is a function in it.

    Examples
    --------
    >>> from torchlean_nb import schedules
    >>> form = schedule_form(schedules.cosine(1.0, total=20))
    >>> form["schedule"], schedule_from(form) == schedules.cosine(1.0, total=20)
    ('cosine', True)
    """
    if schedule is None:
        return None
    if not isinstance(schedule, Schedule):
        raise HyperparameterError(f"sweep: {quote(schedule, 60)} is no schedule", "one of tl.schedules",
                                  "tl.schedules.cosine(1.0, total=200)")  # fmt: skip
    return {"schedule": schedule.name, **{name: _form(schedule, v) for name, v in schedule.items}}


def _form(owner: Schedule, value: Any) -> Any:
    if isinstance(value, Schedule):
        return schedule_form(value)
    if isinstance(value, list | tuple):
        return [_form(owner, v) for v in value]
    if isinstance(value, Mapping):
        return {"pairs": [[k, _form(owner, v)] for k, v in value.items()]}
    if value is not None and not isinstance(value, bool | int | float | str):
        raise CapabilityError(f"sweep: {owner.name} holds a {type(value).__name__}",
                              "a trial is plain data, and a function is not")  # fmt: skip
    return value


def schedule_from(form: Any) -> Any:
    """The schedule that `schedule_form` made plain."""
    if isinstance(form, list | tuple):
        return [schedule_from(v) for v in form]
    if not isinstance(form, Mapping):
        return form
    if "pairs" in form:
        return {k: schedule_from(v) for k, v in form["pairs"]}
    return lookup(form["schedule"]).make({k: schedule_from(v) for k, v in form.items() if k != "schedule"})


@dataclass(frozen=True)
class Trial:
    """What is to be computed: picklable, and JSON-able where its problem has a name.

    Parameters
    ----------
    problem : Problem
        Or what `problem_of` takes.
    rule : str
        Name of an optimizer.
    hypers : mapping
        Its hyperparameters; the rest are defaults.
    schedule : mapping, Schedule or None
        What the learning rate is multiplied by in each step, as `schedule_form` has it.
    seed : int
        Of a network: of its parameters and of the order of its data. Of a surface: of its noise, and of the start
        where none is given; seed 0 begins at the surface's own start, others anywhere in its domain.
    budget : int
        In the problem's unit.
    start : (float, float), optional
        On a surface.
    device : str, optional
        Where it is computed: networks by default on the default device, surfaces on the CPU. Another device rounds
        elsewhere, so this tells trials apart too.

    Raises
    ------
    UnknownNameError, HyperparameterError, CapabilityError, ShapeError

    Examples
    --------
    >>> t = Trial("rosenbrock", "adam", {"lr": 0.1}, budget=50)
    >>> Trial.from_dict(t.to_dict()) == t, t.key == Trial("rosenbrock", "adam", {"lr": 0.2}, budget=50).key
    (True, False)
    """

    problem: Any
    rule: str
    hypers: Mapping[str, Any] = field(default_factory=dict)
    schedule: Any = None
    seed: int = 0
    budget: int = 200
    start: tuple[float, float] | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        rule = optim.row(self.rule)
        given = {k: v.item() if isinstance(v, np.generic) else v for k, v in self.hypers.items()}
        hypers = rule.resolve(given)
        odd = [k for k, v in hypers.items() if v is not None and not isinstance(v, bool | int | float | str)]
        for name in odd:  # a function that is the default is known by the name of the rule
            if hypers.pop(name) is not rule.hypers[name].default:
                what = f"sweep: {rule.name}: {name}={quote(given.get(name), 60)}"
                raise CapabilityError(what, "a trial is plain data, and this is none")
        form = self.schedule if isinstance(self.schedule, Mapping) else schedule_form(self.schedule)
        if form is not None and "lr" not in hypers:
            raise HyperparameterError(f"sweep: {rule.name} has no learning rate", "a schedule multiplies one")
        problem = problem_of(self.problem)
        if self.start is not None and problem.kind != "surface":
            raise HyperparameterError(f"sweep: start={quote(self.start, 40)}", f"{problem.name} is no surface")
        ready = {
            "problem": problem, "rule": rule.name, "hypers": freeze(hypers), "schedule": form and plain(freeze(form)),
            "seed": _SEED.check("sweep", "seed", self.seed), "budget": _BUDGET.check("sweep", "budget", self.budget),
            "start": None if self.start is None else _point(self.start), "device": _device(self.device, problem),
        }  # fmt: skip
        for name, value in ready.items():
            object.__setattr__(self, name, value)

    @property
    def rate(self) -> Schedule | None:
        """The factor of the learning rate as a function of the step."""
        return schedule_from(self.schedule)

    @property
    def key(self) -> str:
        """Digest that only an equal trial has."""
        return digest(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        own = {"problem": self.problem.identity, "hypers": dict(self.hypers), "start": self.start and [*self.start]}
        whole = {f.name: own.get(f.name, getattr(self, f.name)) for f in fields(self)}
        return {k: v for k, v in whole.items() if (k, v) != ("device", "cpu")}  # as before there were others

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trial:
        """The trial again.

        Raises
        ------
        UnknownNameError
            When its problem is a function of its own.
        """
        return cls(**{**data, "problem": problem_from(data["problem"])})

    def __reduce__(self) -> Any:
        mine = (self.problem, self.rule, dict(self.hypers), self.schedule, self.seed, self.budget, self.start)
        return Trial, (*mine, self.device)

    __hash__ = None  # type: ignore[assignment]


def _device(name: Any, problem: Problem) -> str:
    if name is None:
        return get_default_device().name if problem.kind == "network" else "cpu"
    if not isinstance(name, str):
        raise HyperparameterError(f"sweep: device={quote(name, 40)}", "a name", 'device="cuda"')
    return name


def _point(start: Any) -> tuple[float, float]:
    try:
        x, y = (float(v) for v in start)
    except (TypeError, ValueError):
        x = y = math.nan
    if not math.isfinite(x + y):
        raise ShapeError(f"sweep: start={quote(start, 60)}", "two finite numbers", "start=(-1.5, 2.0)")
    return x, y


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a trial.

    Parameters
    ----------
    at : array_like of int, shape (n,)
        In the problem's unit.
    curve : array_like, shape (n,)
        Loss there: of a surface its value; of a network that counts epochs the loss before the training, then the mean
        over the batches of each epoch; of one that counts steps the loss of each batch. At most 1,001 values.
    best, final : float
        Lowest and last value of the curve; a run that diverged has no last value, and inf stands for it.
    status : {"finished", "diverged", "interrupted"}
    ended : int
        Update with which it diverged or was interrupted; -1 otherwise.
    evaluations : int
        How often loss and gradient were computed for the optimizer.
    order_hash, init_hash : str
        Digests of the batches in their order, and of where it began: equal for contenders that were treated alike.
    metrics : mapping of str to float
        At the end: of networks ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``; of surfaces ``x``, ``y``, and
        the ``distance`` to the nearest minimum.
    """

    at: np.ndarray
    curve: np.ndarray
    best: float
    final: float
    status: str = "finished"
    ended: int = -1
    evaluations: int = 0
    order_hash: str = ""
    init_hash: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", numbers(self.at, "at", np.int64))
        object.__setattr__(self, "curve", numbers(self.curve, "curve"))
        object.__setattr__(self, "metrics", dict(self.metrics))
        if self.at.shape != self.curve.shape or self.status not in STATUSES:
            raise TraceFormatError(f"outcome: {self.at.shape} places, {self.curve.shape} losses, {quote(self.status)}")

    def thinned(self, points: int) -> Outcome:
        """The same with at most so many points of the curve, both ends among them."""
        if len(self.at) <= points:
            return self
        some = np.unique(np.linspace(0, len(self.at) - 1, points).round().astype(int)) if points else slice(0)
        return Outcome(**{**self._fields(), "at": self.at[some], "curve": self.curve[some]})

    def _fields(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        own = self._fields()
        arrays = {name: encode_array(own.pop(name)) for name in ("at", "curve")}
        return arrays | plain(freeze(own))

    @classmethod
    def from_dict(cls, data: Any) -> Outcome:
        """Outcome from its plain form.

        Raises
        ------
        TraceFormatError
        """
        try:
            metrics = {str(k): _number(v) for k, v in data["metrics"].items()}
            return cls(decode_array(data["at"]), decode_array(data["curve"]), _number(data["best"]),
                       _number(data["final"]), data["status"], int(data["ended"]), int(data["evaluations"]),
                       str(data["order_hash"]), str(data["init_hash"]), metrics)  # fmt: skip
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            raise TraceFormatError("trace: not an outcome of a trial", f"{type(e).__name__}: {e}") from e

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outcome) and same_array(self.at, other.at) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]


def _number(v: Any) -> float:
    return _WORDS[v] if isinstance(v, str) else float(v)


def run_trial(trial: Trial) -> Outcome:
    """Compute a trial: the same numbers whenever, wherever and beside whatever it is computed.

    Raises
    ------
    TorchLeanError
        Of the problem, or of an optimizer that cannot run on it.

    Examples
    --------
    >>> found = run_trial(Trial("sphere", "sgd", {"lr": 0.25}, budget=20, start=(1.0, 1.0)))
    >>> found.status, found.best < 1e-9, len(found.curve)
    ('finished', True, 21)
    """
    return run_trials([trial])[0]


def run_trials(trials: Sequence[Trial]) -> list[Outcome]:
    """Compute trials that differ in learning rate, seed and start alone; on a surface all at once."""
    problem: Problem = trials[0].problem
    if problem.kind == "surface":
        return [Outcome(**found) for found in sweep_surfaces.race(trials)]
    return [Outcome(**sweep_networks.train(t)) for t in trials]
