"""Paths one after the other: the surface's statements and the rule's on Python floats, or as a loop of numba.

An array of two numbers costs as much as one of two hundred, so a few paths are quicker in floats; the bits are those
of the arrays. numba takes a second or two to compile a pair of surface and rule, and then beats both.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import lru_cache
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.compiler import scalars
from torchlean_nb.errors import CapabilityError
from torchlean_nb.race import field
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.programs import program_of
from torchlean_nb.shells.program import Program
from torchlean_nb.surfaces import Surface
from torchlean_nb.updates import UpdateRule


class Floats:
    """What a rule calls, on Python floats and with NumPy's bits: functions of NumPy unless Python has the same."""

    sqrt, absolute = staticmethod(math.sqrt), staticmethod(abs)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        f = getattr(np, name)
        self.__dict__[name] = found = lambda *args: f(*args).item()
        return found


FLOATS = Floats()

Loop = Callable[..., Any]
BLOCK = 512  # paths whose state fits the first cache


def lone(contender: Contender, surface: Surface) -> Loop:
    """``run(x, y, rows, every, limit) -> (xs, ys, values, ended)`` of one path over Python floats.

    Raises
    ------
    CapabilityError
        When the rule or the surface cannot be written so.
    """
    return _loop(contender.rule, tuple(contender.hypers.items()), surface, False)[0]


def compiled(contender: Contender, surface: Surface) -> tuple[Loop, float]:
    """The loop over all paths as numba compiles it, and the seconds that took.

    Raises
    ------
    CapabilityError
        When numba is not installed, or the rule or the surface cannot be written so.
    """
    return _loop(contender.rule, tuple(contender.hypers.items()), surface, True)


def is_compiled(contender: Contender, surface: Surface) -> bool:
    """Whether numba has compiled this pair already."""
    return bool(_READY) and (contender.rule, tuple(contender.hypers.items()), surface) in _READY


_READY: set[Any] = set()


@lru_cache(maxsize=128)
def _loop(rule: UpdateRule, hypers: tuple[tuple[str, Any], ...], surface: Surface, native: bool) -> tuple[Loop, float]:
    h = dict(hypers)
    program = program_of(rule, hypers, "d")
    graph = field.lone(surface)
    if not scalars.fits(graph) and any(x.shape for x in graph.lines):
        raise CapabilityError(f"race: {surface.name} is no formula of lone numbers")
    try:
        lines, found, called = scalars.statements(graph, ("x", "y"), *(("np.{}({})",) if native else ()))
    except KeyError as e:
        raise CapabilityError(f"race: {surface.name} on single numbers", f"NumPy has no function for {e}") from None
    first = rule.start(np.ones(2), SimpleNamespace(**h))
    start = {k: first[k] / program.factors[k] for k in program.slots}
    if any(a[0] != a[1] for a in start.values()) or not _the_same_everywhere(rule, h, program):
        raise CapabilityError(f"race: the state of {rule.class_name} depends on where it starts")
    body = [*lines, f"g_0, g_1, value = {found[1]}, {found[2]}, {found[0]}"]
    values = {k: float(a[0]) for k, a in start.items()}
    text = (_native if native else _python)(body, program, values)
    space: dict[str, Any] = {"np": np if native else FLOATS, **{name: getattr(np, name) for name in called}}
    began = perf_counter()
    exec(text, space)
    run = space["run"]
    if native:
        try:
            numba = importlib.import_module("numba")
        except ImportError:
            raise CapabilityError("race: engine='numba' needs the package numba", None, "pip install numba") from None
        run = numba.njit(error_model="numpy")(run)
        sizes = ((2, 1), (1, len(program.k)), (2, 2, 1), (2, 1))
        points, table, where, losses = map(np.zeros, sizes)
        run(points, table, 1, 1.0, where, losses, np.zeros(1, np.int64))
        _READY.add((rule, hypers, surface))
    return run, perf_counter() - began


def _the_same_everywhere(rule: UpdateRule, hypers: dict[str, Any], program: Program) -> bool:
    """Whether slots begin alike wherever the parameters are."""
    a, b = (rule.start(np.full(2, v), SimpleNamespace(**hypers)) for v in (1.0, -3.5))
    return all((a[k] == b[k]).all() for k in program.slots)


def _python(body: list[str], program: Program, start: dict[str, float]) -> str:
    update = [line for c in "01" for line in program.element(f"_{c}")]
    update += [f"{k}_{c} = new_{k}_{c}" for c in "01" for k in start]
    record = ["xs.append(x)", "ys.append(y)", "values.append(value)"]
    inside = [
        *body, "if not k % every:", *(f"    {line}" for line in record), "p_0, p_1 = x, y", *update,
        "if not (-limit <= new_p_0 <= limit and -limit <= new_p_1 <= limit):", "    ended = k", "    break",
        "x, y = new_p_0, new_p_1", "k += 1",
    ]  # fmt: skip
    scalar = "(" + "".join(f"{k}, " for k in program.k) + ")" if program.k else "_"
    return "\n".join([
        "def run(x, y, rows, every, limit):", "    xs, ys, values, ended, k = [], [], [], -1, 0",
        *(f"    {k}_0 = {k}_1 = {v!r}" for k, v in start.items()), f"    for {scalar} in rows:",
        *(f"        {line}" for line in inside), *(f"    {line}" for line in (*body, *record)),
        "    return xs, ys, values, ended", "",
    ])  # fmt: skip


def _native(body: list[str], program: Program, start: dict[str, float]) -> str:
    """Blocks of paths that stay in the cache; inner loops over few arrays and without a branch, as LLVM likes them."""
    pull = ["x, y = p[j], p[w + j]", *body, "g[j], g[w + j] = g_0, g_1"]
    keep = ["x, y = p[j], p[w + j]", *body, "where[r, 0, a + j], where[r, 1, a + j], losses[r, a + j] = x, y, value"]
    move = [
        "p_ = p[j]", "g_ = g[j]", *(f"{k}_ = {k}[j]" for k in start), *program.element("_"),
        *(f"{k}[j] = new_{k}_" for k in start), "p[j] = new_p_", "fine &= abs(new_p_) <= limit",
    ]  # fmt: skip
    back = [
        "if ended[a + j] >= 0 or not (abs(p[j]) <= limit and abs(p[w + j]) <= limit):",
        "    p[j], p[w + j] = old[j], old[w + j]", "    ended[a + j] = k if ended[a + j] < 0 else ended[a + j]",
    ]  # fmt: skip
    return "\n".join([
        "def run(points, rows, every, limit, where, losses, ended):", "    n = points.shape[1]",
        f"    for a in range(0, n, {BLOCK}):", f"        w, r = min({BLOCK}, n - a), 0",
        "        p, g, old = np.empty(2 * w), np.empty(2 * w), np.empty(2 * w)",
        "        p[:w], p[w:] = points[0, a : a + w], points[1, a : a + w]",
        *(f"        {k} = np.full(2 * w, {v!r})" for k, v in start.items()),
        "        for k in range(rows.shape[0]):", *(f"            {k} = rows[k, {i}]" for i, k in enumerate(program.k)),
        "            if k % every == 0:", "                for j in range(w):",
        *(f"                    {line}" for line in keep), "                r += 1",
        "            for j in range(w):", *(f"                {line}" for line in pull), "            old[:] = p",
        "            fine = True", "            for j in range(2 * w):", *(f"                {line}" for line in move),
        "            if not fine:", "                for j in range(w):",
        *(f"                    {line}" for line in back),
        "        for j in range(w):", *(f"            {line}" for line in keep), "",
    ])  # fmt: skip
