"""Contenders: rows of optimizers with their hyperparameters, numbers or one number for each path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torchlean_nb import optim
from torchlean_nb.errors import HyperparameterError, ShapeError, quote
from torchlean_nb.minimizers.table import Method
from torchlean_nb.updates import UpdateRule

# Names that the field has for settings of a row.
SETTINGS = {"momentum": ("sgd", {"momentum": 0.9}), "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True})}


@dataclass(frozen=True, eq=False)
class Contender:
    """An optimizer in a race.

    Parameters
    ----------
    name : str
    rule : UpdateRule
    hypers : mapping
        All of them; an array where each path has its own value.
    schedule : callable or None
        ``schedule(k)`` gives the learning rate of step k.
    given : frozenset of str
        Hyperparameters that were chosen, by the user or by the name; the others are defaults.
    """

    name: str
    rule: Any
    hypers: Mapping[str, Any]
    schedule: Callable[[int], float] | None = None
    given: frozenset[str] = frozenset()

    @property
    def paths(self) -> int:
        """Number of values of its arrays; 1 when it has none."""
        return max((len(v) for v in self.hypers.values() if isinstance(v, np.ndarray)), default=1)

    @property
    def alone(self) -> bool:
        """Whether each path needs an optimizer of its own, because a step looks at all coordinates or at the value."""
        return isinstance(self.rule, Method) or self.rule.scope != "element" or bool(self.rule.needs)

    def hypers_of(self, i: int) -> dict[str, Any]:
        """Hyperparameters of one path, plain numbers."""
        return {k: float(v[i]) if isinstance(v, np.ndarray) else v for k, v in self.hypers.items()}


def contenders(what: Any) -> list[Contender]:
    """Contenders from names, rows, pairs of one and its hyperparameters, or a mapping of labels to those.

    ``"momentum"`` and ``"nesterov"`` are SGD with a momentum of 0.9, unless told.

    Raises
    ------
    HyperparameterError, UnknownNameError, ShapeError

    Examples
    --------
    >>> [c.name for c in contenders(["sgd", ("adam", {"lr": 0.1}), "sgd"])]
    ['sgd', 'adam lr=0.1', 'sgd 2']
    >>> [c.name for c in contenders({"plain": "sgd", "heavy": ("sgd", {"momentum": 0.9})})]
    ['plain', 'heavy']
    >>> [(c.name, c.rule.name, c.hypers["momentum"]) for c in contenders(["momentum", ("nesterov", {"lr": 0.01})])]
    [('momentum', 'sgd', 0.9), ('nesterov lr=0.01', 'sgd', 0.9)]
    """
    if isinstance(what, str | UpdateRule):
        what = [what]
    if not isinstance(what, Iterable):
        raise HyperparameterError(f"race: {quote(what, 60)} is no contender", "a sequence of names", '["sgd", "adam"]')
    labelled = what.items() if isinstance(what, Mapping) else ((None, spec) for spec in what)
    out: list[Contender] = []
    for label, spec in labelled:
        if label is not None and isinstance(spec, Mapping):
            spec = (label, spec)
        out.append(_contender(None if label is None else str(label), spec, {c.name for c in out}))
    if not out:
        raise HyperparameterError("race: no contender", None, 'tl.race(["sgd", "adam"], on="rosenbrock")')
    return out


def _contender(label: str | None, spec: Any, taken: set[str]) -> Contender:
    if isinstance(spec, Contender):
        return replace(spec, name=_free(label or spec.name, taken))
    row, given = spec if isinstance(spec, tuple) and len(spec) == 2 else (spec, {})
    if not isinstance(row, str | UpdateRule) or not isinstance(given, Mapping):
        raise HyperparameterError(
            f"race: {quote(spec, 60)} is no contender", "a name, a row, or (name, {hyperparameter: value})"
        )
    called = row if isinstance(row, str) else row.name
    name = label or " ".join([called, *(f"{k}={v:g}" for k, v in given.items() if _short(v))])
    row, preset = SETTINGS.get(row, (row, {})) if isinstance(row, str) else (row, {})
    row, given = optim.row(row) if isinstance(row, str) else row, {**preset, **given}
    schedule = given.pop("schedule", None)
    rate = given.get("lr")
    if callable(rate):
        schedule = given.pop("lr")
    if schedule is not None and not callable(schedule):
        raise HyperparameterError(f"race: {row.name}: schedule={quote(schedule, 40)}", "a function of the step")
    arrays = {k: _array(row, k, v) for k, v in given.items() if isinstance(v, np.ndarray | list)}
    numbers = {**given, **{k: a.item() for k, a in arrays.items() if a.size == 1}}
    arrays = {k: a for k, a in arrays.items() if a.size > 1}
    if len({a.size for a in arrays.values()}) > 1:
        raise ShapeError(f"race: {row.name}: arrays of {', '.join(str(a.size) for a in arrays.values())} values",
                         "one value for each path")  # fmt: skip
    # The allowed values are an interval, so its ends speak for all.
    ends = [{**numbers, **{k: float(pick(a)) for k, a in arrays.items()}} for pick in (np.min, np.max)]
    if schedule is not None and "lr" in row.hypers:
        ends = [{**h, "lr": float(schedule(0))} for h in ends]
    flat, _ = (row.resolve(h) for h in ends)
    return Contender(_free(name, taken), row, {**flat, **arrays}, schedule, frozenset(given))


def _array(row: UpdateRule, name: str, values: Any) -> np.ndarray:
    try:
        found = np.asarray(values, float)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.ndim != 1 or not found.size:
        raise ShapeError(f"race: {row.name}: {name}={quote(values, 60)}", "one number for each path")
    return found


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken."""
    unique, n = name, 1
    while unique in taken:
        unique, n = f"{name} {n + 1}", n + 1
    return unique


def _short(v: Any) -> bool:
    """Whether a value is a number that a name can have; a whole number of any size is refused later, in words."""
    return isinstance(v, float) or (isinstance(v, int) and abs(v) < 2**63)
