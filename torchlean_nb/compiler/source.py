"""Source: a planned graph as Python that a person can read, paste and run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from torchlean_nb.compiler.emit import MAKES, VIEWS, WRITES, fallback
from torchlean_nb.compiler.lowering import Graph, Line
from torchlean_nb.compiler.plan import Plan

SPELLED = 64  # elements of a constant that is written out
_KNOWN = WRITES | VIEWS | MAKES


def source(graph: Graph, plan: Plan, names: Sequence[str], results: Sequence[str], title: str) -> str:
    """The program, from its imports to its return.

    ``c`` are constants, ``t`` arrays that are made once and written into in every run, ``v`` all else.
    """
    word = words(graph, plan, names)
    body, said = [f"def step({', '.join(names)}):"], ""
    for i, line in enumerate(graph.lines):
        if line.op in ("input", "const"):
            continue
        if line.source != said:
            said = line.source
            body.append(f"    # {said}")
        body.append(f"    {_statement(i, line, plan, word)}")
    found = [f"{word[i]}.copy('K')" for i in graph.outputs]
    body.append(f"    # {', '.join(results)}")
    body.append(f"    return ({', '.join(found)},)")
    head = [f'"""{title}"""', "", "import numpy as np"]
    if any(line.op not in _KNOWN for line in graph.lines if line.op not in ("input", "const")):
        head += ["from torchlean_nb.backend.namespace import numpy_namespace", "", "xp = numpy_namespace()"]
    consts = [f"{word[i]} = {_constant(word[i], x)}" for i, x in enumerate(graph.lines) if x.op == "const"]
    made = [f"t{n} = {_empty(*kind)}" for n, kind in enumerate(plan.buffers)]
    return "\n".join([*head, "", *consts, *made, "", "", *body, ""])


def words(graph: Graph, plan: Plan, names: Sequence[str]) -> dict[int, str]:
    """What each line's value is called."""
    word = dict(zip(graph.inputs, names, strict=True))
    for i, line in enumerate(graph.lines):
        if i not in word:
            word[i] = f"c{i}" if line.op == "const" else f"t{plan.place[i]}" if i in plan.place else f"v{i}"
    return word


def constants(graph: Graph) -> dict[str, np.ndarray]:
    """Constants too large to be written out, by name."""
    return {f"c{i}": x.value for i, x in enumerate(graph.lines) if x.op == "const" and x.value.size > SPELLED}


def _statement(i: int, line: Line, plan: Plan, word: dict[int, str]) -> str:
    xs = ["None" if a < 0 else word[a] for a in line.args]
    if i in plan.place:
        if line.op in WRITES:
            return WRITES[line.op](word[i], line, *xs)
        return f"np.copyto({word[i]}, {VIEWS[line.op](line, *xs)})"
    make = VIEWS[line.op] if line.op in VIEWS else MAKES.get(line.op, fallback)
    return f"{word[i]} = {make(line, *xs)}"


def _constant(name: str, line: Line) -> str:
    if line.value.size > SPELLED:
        return f"constants[{name!r}]"
    text = repr(line.value.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    made = f"np.array({text}, {_dtype(line.dtype)})"
    return made if line.value.size else f"{made}.reshape({line.shape!r})"


def _empty(shape: tuple[int, ...], dtype: Any, order: tuple[int, ...]) -> str:
    made = f"np.empty({tuple(shape[i] for i in order)!r}, {_dtype(dtype)})"
    back = tuple(order.index(i) for i in range(len(shape)))
    return made if back == tuple(range(len(shape))) else f"{made}.transpose({back!r})"


def _dtype(dtype: Any) -> str:
    return "bool" if dtype.kind == "b" else f"np.{dtype.name}"
