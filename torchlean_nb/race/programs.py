"""Programs of rules for races: one for all learning rates, and the numbers of every step ahead of time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from types import CodeType, SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.errors import CapabilityError
from torchlean_nb.race.contenders import Contender
from torchlean_nb.shells.program import UFUNCS, Program
from torchlean_nb.updates import UpdateRule

Hypers = tuple[tuple[str, Any], ...]
_preparing = Lock()  # a program has one place for the numbers of a step


def rates(contender: Contender) -> Callable[[int], Any]:
    """Learning rate of step k."""
    fixed = contender.hypers.get("lr", 0.0)
    return contender.schedule or (lambda k: fixed)


class Each(np.ndarray):
    """A number for each path; it is true when they all are, and a rule that asks where they differ is refused."""

    def __bool__(self) -> bool:
        found = np.unique(np.asarray(self, bool))
        if found.size > 1:
            raise CapabilityError("race: the rule asks whether a number is zero, and it is for some paths only", None,
                                  "two contenders")  # fmt: skip
        return bool(found.all())


def numbers_of(contender: Contender, dtype: Any) -> dict[str, Any]:
    """Hyperparameters with which a rule runs on all paths at once."""
    return {k: v.astype(dtype).view(Each) if isinstance(v, np.ndarray) else v for k, v in contender.hypers.items()}


def program_of(rule: UpdateRule, hypers: Hypers, kind: str) -> Program:
    """The program of a rule with these numbers, whatever the learning rate.

    Raises
    ------
    CapabilityError
        When the rule has none.
    """
    return _program(rule, tuple((k, 1e-3 if k == "lr" else v) for k, v in hypers), kind)


@lru_cache(maxsize=128)
def _program(rule: UpdateRule, hypers: Hypers, kind: str) -> Program:
    return Program.best(rule, dict(hypers), np.dtype(kind), False)


def rows(contender: Contender, steps: int, kind: str = "d") -> list[tuple[float, ...]]:
    """The scalars of the rule's program in every step.

    Raises
    ------
    CapabilityError
        Where one is not finite.
    """
    if contender.schedule is None:
        return _rows(contender.rule, tuple(contender.hypers.items()), steps, kind)
    return _scalars(contender.rule, tuple(contender.hypers.items()), steps, kind, rates(contender))


@lru_cache(maxsize=128)
def _rows(rule: UpdateRule, hypers: Hypers, steps: int, kind: str) -> list[tuple[float, ...]]:
    rate = dict(hypers).get("lr", 0.0)
    return _scalars(rule, hypers, steps, kind, lambda k: rate)


def _scalars(
    rule: UpdateRule, hypers: Hypers, steps: int, kind: str, rate: Callable[[int], float]
) -> list[tuple[float, ...]]:
    program, first = program_of(rule, hypers, kind), rule.start(np.ones(2, kind), SimpleNamespace(**dict(hypers)))
    numbers, out = tuple(float(first[k]) for k in program.numbers), []
    with _preparing:
        for k in range(steps):
            numbers = program.prepare(k + 1, rate(k), numbers)
            if numbers is None:
                raise CapabilityError(f"{rule.class_name}: the numbers of step {k} need the rule itself")
            out.append(tuple(program.now.tolist()))
    return out


def table(contender: Contender, steps: int, kind: str) -> tuple[np.ndarray, bool]:
    """The same as an array, shape (steps, scalars), and whether all rows are alike.

    Raises
    ------
    CapabilityError
        Where a scalar is not finite.
    """
    if contender.schedule is None:
        return _table(contender.rule, tuple(contender.hypers.items()), steps, kind)
    return _tabled(rows(contender, steps, kind), kind)


@lru_cache(maxsize=128)
def _table(rule: UpdateRule, hypers: Hypers, steps: int, kind: str) -> tuple[np.ndarray, bool]:
    return _tabled(_rows(rule, hypers, steps, kind), kind)


def _tabled(found: list[tuple[float, ...]], kind: str) -> tuple[np.ndarray, bool]:
    return np.array(found, kind).reshape(len(found), len(found[0]) if found else 0), all(
        row == found[0] for row in found
    )


def passes(program: Program) -> tuple[Callable[..., None], np.ndarray]:
    """The program's passes with numbers of their own, and those numbers, which the caller sets before each step."""
    now = np.empty(len(program.k), program.dtype)
    space = {name: getattr(np, name) for name in (*UFUNCS.values(), "copyto")}
    space |= {k: now[i : i + 1].reshape(()) for i, k in enumerate(program.k)}
    exec(_code(program.source), space, made := {})
    return made["step"], now


@lru_cache(maxsize=128)
def _code(source: str) -> CodeType:
    return compile(source, "<program of a rule>", "exec")
