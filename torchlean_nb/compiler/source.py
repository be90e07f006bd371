"""Source: a planned graph as Python that a person can read, paste and run.

``c`` are constants, ``t`` arrays that are made once and written into in every run, ``v`` all else. What only looks at
constants and such arrays is made once, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from inspect import getsource
from textwrap import wrap
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import Device
from torchlean_nb.compiler.emit import MAKES, NUMPY, VIEWS, WRITES, choose, fallback, used
from torchlean_nb.compiler.lowering import Graph, Line
from torchlean_nb.compiler.plan import Plan

SPELLED = 64  # elements of a constant that is written out
WIDTH = 108
_KNOWN = WRITES | VIEWS | MAKES
_LEAVES = ("input", "const")
_NAME = re.compile(r"\w+")


def source(
    graph: Graph, plan: Plan, names: Sequence[str], results: Sequence[str], title: str, device: Device | None = None,
    launches: Callable[..., Any] | None = None,
) -> str:  # fmt: skip
    """The program, from its imports to its return; on the CPU unless a device is given.

    There `launches` may make one launch of neighbouring lines, see `compiler.cuda`.
    """
    text = Text(graph, plan, names)
    run, loose = (text.body, []) if launches is None else launches(graph, plan, text)
    body = [f"def step({', '.join(text.names)}):", *indented(run)]
    body.append(f"    # {', '.join(results)}")
    body.append(f"    return ({', '.join(copied(graph, text, i) for i in graph.outputs)},)")
    first = head(title, graph, plan, [*text.once, *body], device)
    return "\n".join([*first, *loose, "", *text.made, *text.once, "", "", *body, ""])


class Text:
    """The statements of a program.

    Parameters
    ----------
    graph : Graph
    plan : Plan
    names : sequence of str
        Of the inputs.
    still : sequence of int
        Inputs that are the same arrays in every run, so that views of them are made once.
    said : callable, optional
        What to say of a line, behind its statement or above it; otherwise what it is a part of is said above it.

    Attributes
    ----------
    word : dict of int to str
        What each line's value is called.
    made : list of str
        Constants and arrays.
    once, bound : list of str
        Views of what is made once, and of inputs that are still.
    body : list of str
        What is done in every run, with comments.
    steps : list of (line, statements)
        The same by lines.
    """

    def __init__(
        self, graph: Graph, plan: Plan, names: Sequence[str], still: Iterable[int] = (),
        said: Callable[[Line], str] | None = None,
    ):  # fmt: skip
        self.names = [f"x{k}" if name in (*NUMPY, choose.__name__) else name for k, name in enumerate(names)]
        self.word = words(graph, plan, self.names)
        consts = [(self.word[i], x) for i, x in enumerate(graph.lines) if x.op == "const"]
        self.made = [*assigned(_constants(consts)), *assigned(_arrays(plan))]
        self.made += assigned(_reshaped(graph, plan, self.word))
        made_once = {i for i, x in enumerate(graph.lines) if x.op == "const"} | plan.place.keys() | plan.given.keys()
        self.once, seen = self._views(graph, plan, made_once)
        self.bound, also = self._views(graph, plan, made_once | seen | {graph.inputs[k] for k in still}, seen)
        self.body, self.steps, last = [], [], ""
        for i, line in enumerate(graph.lines):
            if line.op in _LEAVES or i in also:
                continue
            statements = _statement(i, line, plan, self.word).split("; ")
            self.steps.append((i, statements))
            if line.source != last:
                last, text = line.source, line.source if said is None else said(line)
                if said is not None and len(text) + len(statements[0]) < WIDTH - 4:
                    statements = [f"{statements[0]:20}  # {text}", *statements[1:]]
                else:
                    self.body.append(f"# {text}")
            self.body += statements

    def _views(self, graph: Graph, plan: Plan, still: set[int], done: Iterable[int] = ()) -> tuple[list[str], set[int]]:
        """Statements of views of what is still, and the lines they are of."""
        found, seen = set(done), {}
        pairs: list[tuple[str, str]] = []
        still = set(still)
        for i in sorted(plan.views):
            if i in found or not all(a in still for a in graph.lines[i].args):
                continue
            still.add(i)
            found.add(i)
            text = _statement(i, graph.lines[i], plan, self.word).partition(" = ")[2]
            if text in seen:
                self.word[i] = seen[text]
            else:
                seen[text] = self.word[i]
                pairs.append((self.word[i], text))
        return assigned(pairs), found


def assigned(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Assignments, as many on a line as fit, unless one is of several names; none uses a name of its own line.

    Examples
    --------
    >>> assigned([("a", "x.T"), ("b", "y.T"), ("c", "a[0]")])
    ['a, b = x.T, y.T', 'c = a[0]']
    """
    out: list[str] = []
    names: list[str] = []
    values: list[str] = []
    for name, value in [*pairs, ("", "")]:
        long = len(", ".join([*names, name, *values, value])) > WIDTH
        apart = not name or "," in name or "," in names[-1] if names else False
        if names and (apart or long or not {*names}.isdisjoint(_NAME.findall(value))):
            out.append(f"{', '.join(names)} = {', '.join(values)}")
            names, values = [], []
        names.append(name)
        values.append(value)
    return out


def copied(graph: Graph, text: Text, i: int) -> str:
    """A copy of a line's value, in the layout it has."""
    order = graph.lines[i].order
    return f"{text.word[i]}.copy({'' if order == tuple(range(len(order))) else repr('K')})"


def indented(lines: Iterable[str], by: int = 4) -> list[str]:
    """Lines moved to the right."""
    return [" " * by + line for line in lines]


def head(title: str, graph: Graph, plan: Plan, code: Iterable[str], device: Device | None = None) -> list[str]:
    """Docstring and imports that some code needs."""
    library = "numpy" if device is None else device.np.__name__
    lines = [f'"""{title}"""', f"import {library} as np"]
    if known := used("\n".join(code)):
        lines += [" \\\n".join(wrap(f"from {library} import {', '.join(known)}", WIDTH, subsequent_indent="    ",
                                    break_long_words=False))]  # fmt: skip
    if any(line.op not in _KNOWN for line in graph.lines if line.op not in _LEAVES):
        where = "namespace import numpy_namespace" if device is None else "devices import device"
        made = "numpy_namespace()" if device is None else f'device("{device.name}").xp'
        lines += [f"from torchlean_nb.backend.{where}", "", f"xp = {made}"]
    if plan.aside:
        lines += ["", "", _choose()]
    if plan.place:
        lines += ["", "# add(a, b, t) writes a + b into t, and so do the others."]
    return lines


@cache
def _choose() -> str:
    return getsource(choose)


def words(graph: Graph, plan: Plan, names: Sequence[str]) -> dict[int, str]:
    """What each line's value is called."""
    word = dict(zip(graph.inputs, names, strict=True)) | dict(plan.given)
    for i, line in enumerate(graph.lines):
        if i not in word:
            word[i] = f"c{i}" if line.op == "const" else _array(i, line, plan) if i in plan.place else f"v{i}"
    return word


def _array(i: int, line: Line, plan: Plan) -> str:
    """Name of the array a line writes into; if that was made for another shape, of a view of it."""
    n = plan.place[i]
    return f"t{n}" if plan.buffers[n][0] == line.shape else f"v{i}"


def _reshaped(graph: Graph, plan: Plan, word: dict[int, str]) -> list[tuple[str, str]]:
    """Views of arrays in the shapes of lines that write into them."""
    seen: dict[Any, str] = {}
    for i, n in plan.place.items():
        shape = graph.lines[i].shape
        if plan.buffers[n][0] != shape:
            word[i] = seen.setdefault((n, shape), word[i])
    return [(name, f"t{n}.reshape({shape!r})") for (n, shape), name in seen.items()]


def constants(graph: Graph, device: Device | None = None) -> dict[str, Any]:
    """Constants too large to be written out, by name, where the program runs."""
    found = {f"c{i}": x.value for i, x in enumerate(graph.lines) if x.op == "const" and not _spelled(x.value)}
    return found if device is None else {name: device.put(a) for name, a in found.items()}


def _statement(i: int, line: Line, plan: Plan, word: dict[int, str]) -> str:
    xs = ["None" if a < 0 else word[a] for a in line.args]
    if i in plan.place or i in plan.given:
        if line.op in WRITES:
            if i in plan.aside:
                shape = plan.buffers[plan.aside[i]][0]
                xs.append(f"t{plan.aside[i]}" + ("" if shape == line.shape else f".reshape({line.shape!r})"))
            return WRITES[line.op](word[i], line, *xs)
        if line.op == "reshape" and line.order == tuple(range(len(line.shape))):
            return f"copyto({word[i]}.reshape({line.first!r}), {xs[0]})"
        return f"copyto({word[i]}, {VIEWS[line.op](line, *xs)})"
    make = VIEWS[line.op] if line.op in VIEWS else MAKES.get(line.op, fallback)
    return f"{word[i]} = {make(line, *xs)}"


def _constants(consts: Sequence[tuple[str, Line]]) -> list[tuple[str, str]]:
    """Names and values; numbers of a type share a line."""
    numbers: dict[Any, list[tuple[str, str]]] = {}
    other = []
    for name, line in consts:
        if line.value.ndim:
            other.append((name, _constant(name, line)))
        else:
            numbers.setdefault(line.dtype, []).append((name, _literal(line.value)))
    out = []
    for dtype, pairs in numbers.items():
        for at in range(0, len(pairs), 6):
            names, values = zip(*pairs[at : at + 6], strict=True)
            made = f"np.array({values[0]}, {_dtype(dtype)})"
            if len(names) > 1:
                made = f"(np.array(x, {_dtype(dtype)}) for x in ({', '.join(values)}))"
            out.append((", ".join(names), made))
    return [*out, *other]


def _constant(name: str, line: Line) -> str:
    a = line.value
    if not _spelled(a):
        return f"constants[{name!r}]"
    if not a.size:
        return f"np.empty({line.shape!r}, {_dtype(line.dtype)})"
    if _uniform(a):
        first = a.reshape(-1)[0]
        made = f"np.ones({line.shape!r}, " if first == 1 else f"np.full({line.shape!r}, {_literal(first)}, "
        return f"{made}{_dtype(line.dtype)})"
    return f"np.array({_literal(a)}, {_dtype(line.dtype)})"


def _uniform(a: np.ndarray) -> bool:
    """Whether all elements of several are the same bits."""
    flat = np.ascontiguousarray(a).reshape(-1)
    return flat.size > 1 and flat.tobytes() == flat[:1].tobytes() * flat.size


def _spelled(a: np.ndarray) -> bool:
    return a.size <= SPELLED or _uniform(a)


def _literal(a: Any) -> str:
    return repr(a.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")


def _arrays(plan: Plan) -> list[tuple[str, str]]:
    """Names and values of arrays that are made once; those of a kind share a line."""
    kinds: dict[str, list[str]] = {}
    for n, kind in enumerate(plan.buffers):
        kinds.setdefault(_made(kind, n in plan.zeroed), []).append(f"t{n}")
    out = []
    for text, names in kinds.items():
        for at in range(0, len(names), 16):
            some = names[at : at + 16]
            out.append((", ".join(some), text if len(some) == 1 else f"({text} for _ in range({len(some)}))"))
    return out


def _made(kind: Any, zeroed: bool) -> str:
    shape, dtype, order = kind
    made = f"np.{'zeros' if zeroed else 'empty'}({tuple(shape[i] for i in order)!r}, {_dtype(dtype)})"
    back = tuple(order.index(i) for i in range(len(shape)))
    return made if back == tuple(range(len(shape))) else f"{made}.transpose({back!r})"


def _dtype(dtype: Any) -> str:
    return "bool" if dtype.kind == "b" else f"np.{dtype.name}"
