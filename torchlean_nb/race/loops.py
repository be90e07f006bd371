"""Paths one after the other: the surface's statements and the rule's on Python floats.

An array of two numbers costs as much as one of two hundred, so a few paths are quicker in floats; the bits are those
of the arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.compiler import scalars
from torchlean_nb.errors import CapabilityError
from torchlean_nb.race import field
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.programs import Hypers, program_of
from torchlean_nb.shells.program import Program
from torchlean_nb.surfaces import Surface
from torchlean_nb.updates import UpdateRule


class Floats:
    """What a rule calls, on Python floats and with NumPy's bits: functions of NumPy unless Python has the same."""

    sqrt, absolute = staticmethod(math.sqrt), staticmethod(abs)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        f = getattr(np, name)
        self.__dict__[name] = found = (lambda *args: f(*args).item()) if callable(f) else f
        return found


FLOATS = Floats()

Loop = Callable[..., Any]
Parts = tuple[list[str], Program, tuple[str, ...], dict[str, float]]


def lone(contender: Contender, surface: Surface) -> Loop:
    """``run(x, y, rows, every, limit) -> (xs, ys, values, ended)`` of one path over Python floats.

    Raises
    ------
    CapabilityError
        When the rule or the surface cannot be written so.
    """
    return _loop(contender.rule, tuple(contender.hypers.items()), surface)


@lru_cache(maxsize=128)
def _loop(rule: UpdateRule, hypers: Hypers, surface: Surface) -> Loop:
    body, program, called, start = _parts(rule, hypers, surface, False)
    return _made(_python(body, program, start), called)


@lru_cache(maxsize=128)
def _made(text: str, called: tuple[str, ...]) -> Loop:
    space: dict[str, Any] = {"np": FLOATS, **{name: getattr(np, name) for name in called}}
    exec(text, space)
    return space["run"]


def parts(contender: Contender, surface: Surface, native: bool = False) -> Parts:
    """What a loop is made of: statements of the surface, the program, what is called, first values of the slots.

    Raises
    ------
    CapabilityError
        When the rule or the surface cannot be written so.
    """
    return _parts(contender.rule, tuple(contender.hypers.items()), surface, native)


@lru_cache(maxsize=128)
def _parts(rule: UpdateRule, hypers: Hypers, surface: Surface, native: bool) -> Parts:
    h = dict(hypers)
    program = program_of(rule, hypers, "d")
    lines, found, called = _statements(surface, native)
    first = rule.start(np.ones(2), SimpleNamespace(**h))
    start = {k: first[k] / program.factors[k] for k in program.slots}
    if any(a[0] != a[1] for a in start.values()) or not _the_same_everywhere(rule, h, program):
        raise CapabilityError(f"race: the state of {rule.class_name} depends on where it starts")
    body = [*lines, f"g_0, g_1, value = {found[1]}, {found[2]}, {found[0]}"]
    return body, program, called, {k: float(a[0]) for k, a in start.items()}


@lru_cache(maxsize=64)
def _statements(surface: Surface, native: bool) -> tuple[list[str], list[str], tuple[str, ...]]:
    graph = field.lone(surface)
    if not scalars.fits(graph) and any(x.shape for x in graph.lines):
        raise CapabilityError(f"race: {surface.name} is no formula of lone numbers")
    try:
        lines, found, called = scalars.statements(graph, ("x", "y"), *(("np.{}({})",) if native else ()))
    except KeyError as e:
        raise CapabilityError(f"race: {surface.name} on single numbers", f"NumPy has no function for {e}") from None
    return lines, found, tuple(sorted(called))


def _the_same_everywhere(rule: UpdateRule, hypers: dict[str, Any], program: Program) -> bool:
    """Whether slots begin alike wherever the parameters are."""
    a, b = (rule.start(np.full(2, v), SimpleNamespace(**hypers)) for v in (1.0, -3.5))
    return all((a[k] == b[k]).all() for k in program.slots)


def _python(body: list[str], program: Program, start: dict[str, float]) -> str:
    update = [line for c in "01" for line in program.element(f"_{c}")]
    update += [f"{k}_{c} = new_{k}_{c}" for c in "01" for k in start]
    record = ["keep_x(x)", "keep_y(y)", "keep_value(value)"]
    inside = [
        *body, "if not k % every:", *(f"    {line}" for line in record), "p_0, p_1 = x, y", *update,
        "if not (-limit <= new_p_0 <= limit and -limit <= new_p_1 <= limit):", "    ended = k", "    break",
        "x, y = new_p_0, new_p_1", "k += 1",
    ]  # fmt: skip
    scalar = "(" + "".join(f"{k}, " for k in program.k) + ")" if program.k else "_"
    return "\n".join([
        "def run(x, y, rows, every, limit):", "    xs, ys, values, ended, k = [], [], [], -1, 0",
        "    keep_x, keep_y, keep_value = xs.append, ys.append, values.append",
        *(f"    {k}_0 = {k}_1 = {v!r}" for k, v in start.items()), f"    for {scalar} in rows:",
        *(f"        {line}" for line in inside), *(f"    {line}" for line in (*body, *record)),
        "    return xs, ys, values, ended", "",
    ])  # fmt: skip
