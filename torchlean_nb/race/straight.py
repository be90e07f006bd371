"""Value and gradient of a surface as a straight line of NumPy calls into arrays that are made once.

The statements are those that single paths run on Python floats, so the bits are the same; nothing is checked, bound
or allocated between them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import DIRECT
from torchlean_nb.compiler import Graph
from torchlean_nb.compiler.lowering import Line
from torchlean_nb.compiler.scalars import SAME
from torchlean_nb.errors import CapabilityError
from torchlean_nb.race.field import field, lone
from torchlean_nb.surfaces import Surface

KEYWORD = ("maximum", "minimum")  # whose output NumPy takes by name only
RESULTS = ("value", "g_0", "g_1")

Look = Callable[[], None]


def slopes(surface: Surface, points: np.ndarray, g: np.ndarray, values: np.ndarray) -> tuple[Look, Look]:
    """Functions that fill in the gradients at the points, and both gradients and values.

    Parameters
    ----------
    surface : Surface
    points, g : ndarray, shape (2, n)
    values : ndarray, shape (n,)
    """
    try:
        written = [_written(surface, points.dtype.char, names) for names in (RESULTS[1:], RESULTS)]
    except CapabilityError:
        return _compiled(surface, points, g, values)
    given = {"x": points[0], "y": points[1], "value": values, "g_0": g[0], "g_1": g[1]}
    only, both = (_bound(*found, given, values.size) for found in written)
    return only, both


def _compiled(surface: Surface, points: np.ndarray, g: np.ndarray, values: np.ndarray) -> tuple[Look, Look]:
    at = field(surface, values.size, points.dtype.name)

    def run() -> None:
        values[:], g[:] = at(points)

    return run, run


def _bound(code: Any, temporaries: dict[str, Any], constants: dict[str, Any], given: dict[str, Any], n: int) -> Any:
    space = {name: getattr(np, name) for name in (*DIRECT.values(), "copyto")}
    space |= {k: np.empty(n, kind) for k, kind in temporaries.items()} | constants | given
    exec(code, space, made := {})
    return made["run"]


@lru_cache(maxsize=128)
def _written(surface: Surface, kind: str, results: tuple[str, ...]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Code of the calls, types of the arrays between them, and the constants."""
    graph = lone(surface, np.dtype(kind).name)
    lines, temporaries, constants = passes(graph, results)
    text = "\n".join(["def run():", *(f"    {line}" for line in lines or ["pass"])])
    return compile(text, f"<slopes of {surface.name}>", "exec"), temporaries, constants


def passes(graph: Graph, results: tuple[str, ...]) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """The calls for some of a graph's outputs, with as few arrays between them as their lives allow.

    Raises
    ------
    CapabilityError
        Where NumPy has no such call.
    """
    same = _roots(graph)
    goals = {name: same[graph.outputs[RESULTS.index(name)]] for name in results}
    wanted = {i: name for name, i in reversed(goals.items())}
    word, kinds, constants = dict(zip(graph.inputs, "xy", strict=True)), {}, {}
    lines: list[str] = []
    free: dict[str, list[str]] = {}
    needed, last = _lives(graph, same, goals.values())
    for i in needed:
        line, args = graph.lines[i], [same[a] for a in graph.lines[i].args]
        if line.op == "const":
            word[i] = f"c{i}"
            constants[word[i]] = np.array(line.value, line.dtype)
        if line.op in ("const", "input"):
            continue
        done = [word[a] for a in dict.fromkeys(args) if last[a] == i and word[a] in kinds]
        # An array read for the last time may be written by the same call, unless it is chosen from piece by piece.
        mine = [k for k in done if kinds[k] == line.dtype.char and line.op != "where"]
        spare = free.setdefault(line.dtype.char, [])
        if i in wanted:
            word[i] = wanted[i]
        elif mine or spare:
            word[i] = mine[0] if mine else spare.pop()
        else:
            word[i] = f"t{len(kinds)}"
            kinds[word[i]] = line.dtype.char
        for k in done:
            if k != word[i]:
                free.setdefault(kinds[k], []).append(k)
        lines += _call(line, [word[a] for a in args], word[i])
    lines += [f"copyto({name}, {word[i]})" for name, i in goals.items() if word[i] != name]
    return lines, kinds, constants


def _roots(graph: Graph) -> list[int]:
    """For each line the one whose value it has: what only changes the shape of one number changes nothing."""
    same: list[int] = []
    for i, line in enumerate(graph.lines):
        same.append(same[line.args[0]] if line.op in SAME else i)
    return same


def _lives(graph: Graph, same: list[int], goals: Any) -> tuple[list[int], dict[int, int]]:
    """Lines that the goals need, in order, and the last that reads each."""
    todo, found = [*goals], set()
    while todo:
        if (i := todo.pop()) not in found:
            found.add(i)
            todo += [same[a] for a in graph.lines[i].args]
    needed = sorted(found)
    return needed, {same[a]: i for i in needed for a in graph.lines[i].args}


def _call(line: Line, args: list[str], out: str) -> list[str]:
    if line.op == "where":
        return [f"copyto({out}, {args[2]})", f"copyto({out}, {args[1]}, where={args[0]})"]
    if line.op == "astype":
        return [f"copyto({out}, {args[0]})"]
    if line.op not in DIRECT or line.attrs:
        raise CapabilityError(f"race: {line.op} is no call of NumPy's")
    name = DIRECT[line.op]
    return [f"{name}({', '.join(args)}, {'out=' if name in KEYWORD else ''}{out})"]
