"""Source of a kernel: a run of lines as a loop over rows and columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from torchlean_nb.compiler.lowering import Graph, Line
from torchlean_nb.compiler.plan import Plan

# What NumPy's loops do, bit for bit.
FORMS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}", "sqrt": "np.sqrt({})",
    "abs": "abs({})", "maximum": "{0} if {0} > {1} or {0} != {0} else {1}",
    "minimum": "{0} if {0} < {1} or {0} != {0} else {1}", "greater": "{} > {}", "greater_equal": "{} >= {}",
    "equal": "{} == {}", "where": "{1} if {0} else {2}", "astype": "{}", "one_hot": "{} == j",
}  # fmt: skip

WAYS = {"each": "each", "row": "row", "sum": "column", "top": "row"}  # how a line is written
WIDE = 64  # elements of a row that are worth a loop of their own
NARROW = 16  # elements of a row of which the largest is found one by one

Space = tuple[int, int]  # rows and columns


def space(shape: Sequence[int]) -> Space:
    """A shape as rows along its last axis."""
    return (math.prod(shape[:-1]), shape[-1]) if shape else (1, 1)


def kind(own: Sequence[int], shape: Sequence[int]) -> str:
    """How an argument is spread over a result: each element, one per row, one per column, or one; empty otherwise.

    Examples
    --------
    >>> [kind(own, (2, 3, 4)) for own in ((2, 3, 4), (2, 3, 1), (4,), (), (3, 1))]
    ['each', 'row', 'column', 'one', '']
    """
    if math.prod(own) == 1:
        return "one"
    own = (1,) * (len(shape) - len(own)) + tuple(own)
    if own == (*shape[:-1], 1):
        return "row"
    if own == tuple(shape):
        return "each"
    return "column" if own[-1] == shape[-1] == math.prod(own) else ""


def even(graph: Graph, i: int) -> bool:
    """Whether elements follow each other in memory as they do in the line."""
    line = graph.lines[i]
    if not line.view:
        return line.op in ("input", "const") or line.order == tuple(range(len(line.shape)))
    return line.op == "reshape" and even(graph, line.args[0])


def summed(graph: Graph, i: int) -> bool:
    """Whether a line adds up all rows of a matrix by multiplying with ones."""
    line = graph.lines[i]
    if line.op != "matmul" or len(line.shape) != 1 or line.dtype.char not in "fd":
        return False
    ones, x = (graph.lines[a] for a in line.args)
    fits = len(x.shape) == 2 and x.shape[1] > 1 and x.dtype == line.dtype and even(graph, line.args[1])
    return fits and ones.op == "const" and ones.shape == x.shape[:1] and bool((ones.value == 1).all())


def folded(graph: Graph, i: int) -> bool:
    """Whether a line finds the largest element of each row."""
    line = graph.lines[i]
    if line.op != "max" or line.dtype.char not in "fd" or line.attrs["axis"] not in (-1, len(line.first) - 1):
        return False
    return 1 < line.first[-1] <= NARROW and math.prod(line.first) > 1 and even(graph, line.args[0])


def home(graph: Graph, i: int) -> Space:
    """Rows and columns that a line goes through."""
    return space(_spread(graph, i))


def _spread(graph: Graph, i: int) -> tuple[int, ...]:
    line = graph.lines[i]
    if folded(graph, i):
        return line.first
    return graph.lines[line.args[1]].shape if summed(graph, i) else line.shape


class Loop:
    """A run of lines, what it reads and what it writes.

    Parameters
    ----------
    graph : Graph
    plan : Plan
    root : sequence of int
        For each line the one whose memory it looks at.
    run : sequence of int
    at : (int, int)
        Rows and columns.

    Attributes
    ----------
    reads : list of (line, how it is spread)
        From memory.
    stored : list of int
        Lines that somebody else reads.
    ways : dict of memory to set
        How each array is gone through.
    """

    def __init__(self, graph: Graph, plan: Plan, root: Sequence[int], run: Sequence[int], at: Space):
        self.graph, self.plan, self.root, self.run, self.at = graph, plan, root, run, at
        inside, lines = set(run), graph.lines
        self.reads = [
            (a, way) for i in run for a, way in self.spread(i)
            if root[a] not in inside and (lines[a].op != "const" or lines[a].shape)
        ]  # fmt: skip
        self._known = all(way == self.level(root[a]) for i in run for a, way in self.spread(i) if root[a] in inside)
        late = {root[i] for i in graph.outputs}
        late |= {root[a] for i, x in enumerate(lines) if i not in inside and not x.view for a in x.args if a >= 0}
        self.stored = [i for i in run if i in late]
        self.ways: dict[Any, set[str]] = {}
        for i, way in (*self.reads, *((i, WAYS[self.level(i)]) for i in self.stored)):
            self.ways.setdefault(self.memory(i), set()).add(way)

    def spread(self, i: int) -> list[tuple[int, str]]:
        """Arguments of a line, and how they are spread over it."""
        line, shape = self.graph.lines[i], _spread(self.graph, i)
        if line.op == "one_hot":
            return [(line.args[0], "row")]
        return [(a, kind(self.graph.lines[a].shape, shape)) for a in line.args[summed(self.graph, i) :]]

    def level(self, i: int) -> str:
        """How often a line is computed; what becomes of all rows, or of a whole row, is known after the loop."""
        if summed(self.graph, i) or folded(self.graph, i):
            return "sum" if summed(self.graph, i) else "top"
        return "row" if self.graph.lines[i].shape[-1] == 1 else "each"

    def memory(self, i: int) -> Any:
        """The array a line lies in."""
        i = self.root[i]
        return self.plan.given.get(i, self.plan.place.get(i, -1 - i))

    @cached_property
    def sound(self) -> bool:
        """Whether one pass gives what one for each line gives: it writes nothing that it has yet to read."""
        once = [self.memory(i) for i in self.stored if self.level(i) in ("sum", "top")]
        read = {self.memory(a) for a, _ in self.reads}
        apart = len({*once}) == len(once) and read.isdisjoint(once)
        return self._known and apart and all(len(self.ways[self.memory(i)]) == 1 for i in self.stored)


def written(loop: Loop) -> tuple[Space, tuple[tuple[int, tuple[int, ...]], ...], str]:
    """Rows and columns, lines whose arrays a kernel is called with and in which shapes, and its source."""
    lines, (rows, columns) = loop.graph.lines, loop.at
    if columns < WIDE and {way for ways in loop.ways.values() for way in ways} <= {"each", "one"}:
        rows, columns = 1, rows * columns
    shapes = {"each": (rows, columns), "row": (rows,), "column": (columns,), "one": (1,)}
    at = {"each": "[i, j]", "row": "[i]", "column": "[j]", "one": "[0]"}
    arrays: dict[Any, tuple[str, int, tuple[int, ...]]] = {}
    value: dict[Any, str] = {}
    front: list[str] = []
    body: dict[str, list[str]] = {"one": [], "row": [], "each": [], "last": []}

    def array(i: int, way: str) -> str:
        key = loop.memory(i), way
        if key not in arrays:
            arrays[key] = f"a{len(arrays)}", i, shapes[way]
        return arrays[key][0]

    def number(i: int, way: str, line: Line) -> str:
        own = lines[i]
        text = _literal(own) if own.op == "const" and not own.shape else value[loop.root[i], way]
        others = {lines[a].dtype.name for a in line.args} - {"bool"}
        mixed = own.dtype.kind == "b" and others and line.op != "where"
        return f"np.{others.pop()}({text})" if mixed else text

    for a, way in loop.reads:
        if (loop.root[a], way) not in value:
            name = value[loop.root[a], way] = f"x{len(value)}"
            body["each" if way == "column" else way].append(f"{name} = {array(a, way)}{at[way]}")
    for i in loop.run:
        line, level = lines[i], loop.level(i)
        xs = [number(a, way, line) for a, way in loop.spread(i)]
        if level == "sum":
            front.append(f"{array(i, 'column')}[:] = 0")
            body["each"].append(f"{array(i, 'column')}[j] += {xs[0]}")
            continue
        if level == "top":
            name = value[i, level] = f"x{len(value)}"
            body["row"].append(f"{name} = np.{line.dtype.name}(-np.inf)")
            body["each"].append(f"{name} = {FORMS['maximum'].format(xs[0], name)}")
            body["last"].append(f"{array(i, 'row')}[i] = {name}")
            continue
        text = FORMS[line.op].format(*xs)
        name = value[i, level] = f"x{len(value)}"
        body[level].append(f"{name} = np.{line.dtype.name}({text})" if line.op == "astype" else f"{name} = {text}")
        if i in loop.stored:
            body[level].append(f"{array(i, level)}{at[level]} = {name}")
    names = [name for name, _, _ in arrays.values()]
    inner = ["        for j in range(columns):", *(f"            {x}" for x in body["each"])] if body["each"] else []
    text = [
        f"def kernel({', '.join(['rows', 'columns', *names])}):", *(f"    {x}" for x in (*front, *body["one"])),
        "    for i in range(rows):", *(f"        {x}" for x in body["row"]), *inner,
        *(f"        {x}" for x in body["last"]),
    ]  # fmt: skip
    return (rows, columns), tuple((i, shape) for _, i, shape in arrays.values()), "\n".join(text)


def _literal(line: Line) -> str:
    text = repr(line.value.item()).replace("nan", "np.nan").replace("inf", "np.inf")
    return text if line.dtype.kind == "b" else f"np.{line.dtype.name}({text})"
