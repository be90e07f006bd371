"""Kernels: neighbouring lines that treat elements alone become one loop compiled by numba.

NumPy goes through its arrays once for each line. A kernel goes through them once for many lines and writes only what
is read later, into the arrays the plan has for it. Each element sees the operations of the lines in their order,
neither contracted nor reassociated, so what a kernel writes are the bits of the lines. Only sums over all rows (the
slope of a bias), for which a fast program asks BLAS, differ by rounding: they are added up row by row.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.compiler.kernel_source import FORMS, NARROW, Loop, Space, even, folded, home, kind, summed, written
from torchlean_nb.compiler.lowering import Graph, Line
from torchlean_nb.compiler.passes import drop_unused
from torchlean_nb.compiler.plan import Plan, roots
from torchlean_nb.compiler.source import Text, assigned
from torchlean_nb.compiler.spellings import FEW

WORTH = 2048  # elements not gone through again that pay for a loop of their own
CALL, ROW = 512, 32  # elements in the time of a call of NumPy, and of its way to the next row where it spreads one
ARRAYS = 10  # of one loop: LLVM compares their places at run time before it takes several elements at a time
_LEAVES = ("input", "const")
_LOGIC = ("greater", "greater_equal", "equal", "one_hot")


class Kernel(NamedTuple):
    """A loop in the place of some lines.

    Parameters
    ----------
    lines : tuple of int
    space : (int, int)
        Rows and columns.
    arrays : tuple of (line, shape)
        What it is called with.
    source : str
        The function ``kernel`` in Python.
    """

    lines: tuple[int, ...]
    space: Space
    arrays: tuple[tuple[int, tuple[int, ...]], ...]
    source: str


@lru_cache(maxsize=256)
def native(source: str) -> Any:
    """The function that a source defines, to be compiled by numba when it is called first."""
    numba = importlib.import_module("numba")
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    return numba.njit(error_model="numpy")(space["kernel"])


def seconds(function: Any) -> float:
    """Time numba has taken to compile a function."""
    return sum(function.get_metadata(s)["timers"]["compiler_lock"] for s in function.signatures)


def alone(graph: Graph, i: int) -> bool:
    """Whether a line treats each element alone, or sums over rows, and a loop can read its arguments as they lie.

    Functions such as ``exp`` stay with NumPy, whose loops take several elements at a time.
    """
    line = graph.lines[i]
    args = [graph.lines[a] for a in line.args]
    if summed(graph, i) or folded(graph, i):
        return True
    if line.op not in FORMS or math.prod(line.shape) < 2 or not all(even(graph, a) for a in line.args):
        return False
    if line.op == "one_hot":
        return args[0].dtype.kind == "i" and line.shape == (*args[0].shape, line.attrs["num_classes"])
    if (line.op in _LOGIC) != (line.dtype.kind == "b"):
        return False
    if line.op == "where" and args.pop(0).dtype.kind != "b":
        return False
    kinds = {a.dtype.char for a in args} - {"?"}
    if line.op == "astype":
        return line.dtype.char in "fd" and not kinds
    found = len(kinds) == 1 and kinds <= {"f", "d"} and line.dtype.char in {*kinds, "?"}
    return found and all(kind(graph.lines[a].shape, line.shape) for a in line.args)


def joined(a: Space | None, b: Space) -> Space | None:
    """Rows and columns of a loop for two lines, if there is one: what is one number per row stands before the row."""
    if a is None or a == b or (a[0] == b[0] and a[1] == 1):
        return b
    return a if a[0] == b[0] and b[1] == 1 else None


def gathered(graph: Graph) -> Graph:
    """The same lines in an order in which those that can share a loop are neighbours."""
    graph = drop_unused(replace(graph, lines=tuple([_along(graph, x) for x in graph.lines])))
    lines = graph.lines
    order = [i for i, x in enumerate(lines) if x.op in _LEAVES]
    waiting = [i for i, x in enumerate(lines) if x.op not in _LEAVES]
    done, own = {-1, *order}, {i: home(graph, i) for i in waiting if alone(graph, i)}

    def emit(fits: Callable[[int], bool]) -> bool:
        """Lines that fit, and views, as far as their arguments are there."""
        some = [i for i in waiting if done.issuperset(lines[i].args) and (lines[i].view or fits(i))]
        for i in some:
            waiting.remove(i)
        order.extend(some)
        done.update(some)
        return bool(some)

    while waiting:
        while emit(lambda i: i not in own):
            pass
        ready = [own[i] for i in waiting if done.issuperset(lines[i].args)]
        at = max(ready, key=lambda s: s[0] == ready[0][0] and s[1], default=(0, 0))
        while emit(lambda i: i in own and joined(at, own[i]) == at):  # noqa: B023 - called in this round only
            pass
    new = {old: i for i, old in enumerate(order)} | {-1: -1}
    moved = [replace(lines[i], args=tuple([new[a] for a in lines[i].args])) for i in order]
    return Graph(tuple(moved), tuple(new[i] for i in graph.inputs), tuple(new[i] for i in graph.outputs))


def _along(graph: Graph, line: Line) -> Line:
    """What is found as the largest of short columns, for the sake of NumPy, along the rows it is meant of."""
    at, i = line, -1
    for op in ("max", "reshape", "reshape", "transpose"):
        if at.op != op:
            return line
        at, i = graph.lines[at.args[0]], at.args[0]
    fits = len(at.shape) == 2 and at.shape[1] <= NARROW and line.first == at.shape[::-1]
    if not fits or line.attrs != {"axis": 0, "keepdims": False}:
        return line
    return replace(line, args=(i,), attrs={"axis": 1, "keepdims": False}, first=at.shape)


def kernels(graph: Graph, plan: Plan, steps: Sequence[int]) -> list[Kernel]:
    """Loops for runs of `steps`, the lines that are done in every run."""
    root, out = roots(graph), []
    run: list[int] = []
    at: Space | None = None

    def loop(lines: list[int], space: Space) -> Loop:
        return Loop(graph, plan, root, lines, space)

    def end() -> None:
        if at is not None:
            now = loop(run, at)
            saved = sum(math.prod(home(graph, i)) + CALL for i in run) - math.prod(at) - CALL
            saved += ROW * at[0] * sum(any(way in ("row", "column") for _, way in now.spread(i)) for i in run)
            turned = math.prod(at) >= FEW and any(folded(graph, i) for i in run)  # slow in NumPy
            if turned or saved >= WORTH:
                out.append(Kernel(tuple(run), *written(now)))

    for i in steps:
        if graph.lines[i].view and root[i] != i and graph.lines[i].op == "reshape":
            continue  # it is the same elements, wherever it stands
        able = alone(graph, i) and (i in plan.place or i in plan.given)
        both = joined(at, home(graph, i)) if able else None
        if run and both and (now := loop([*run, i], both)).sound and len(now.ways) <= ARRAYS:
            run, at = [*run, i], both
            continue
        end()
        run, at = ([i], home(graph, i)) if able and loop([i], home(graph, i)).sound else ([], None)
    end()
    return out


def looped(graph: Graph, plan: Plan, text: Text) -> tuple[list[str], list[str]]:
    """Statements of a program with its kernels in the place of lines, and what they need to be made once."""
    found, root = kernels(graph, plan, [i for i, _ in text.steps]), roots(graph)
    cut: dict[tuple[str, str], str] = {}

    def array(i: int, shape: tuple[int, ...]) -> str:
        looks, way = text.word[i], "" if graph.lines[i].shape == shape else f".reshape({shape})"
        if way and root[i] in plan.place:  # made once, and so is a view of it
            return cut.setdefault((looks, way), f"v{len(graph.lines) + len(cut)}")
        return looks + way

    calls = {
        k.lines[-1]: f"kernels[{n}]({', '.join([*map(str, k.space), *(array(*a) for a in k.arrays)])})"
        for n, k in enumerate(found)
    }
    gone = {i for k in found for i in k.lines}
    body = [x for i, s in text.steps for x in ([calls[i]] if i in calls else [] if i in gone else s)]
    text.once += assigned([(name, "".join(key)) for key, name in cut.items()])
    made = [f"    native({k.source!r})," for k in found]
    return body, [f"from {__name__} import native", "", "kernels = (", *made, ")"] if found else []
