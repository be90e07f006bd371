"""Source: a planned graph as Python that a person can read, paste and run."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import getsource
from textwrap import wrap
from typing import Any

import numpy as np

from torchlean_nb.compiler.emit import MAKES, NUMPY, VIEWS, WRITES, choose, fallback, used
from torchlean_nb.compiler.lowering import Graph, Line
from torchlean_nb.compiler.plan import Plan

SPELLED = 64  # elements of a constant that is written out
_KNOWN = WRITES | VIEWS | MAKES


def source(graph: Graph, plan: Plan, names: Sequence[str], results: Sequence[str], title: str) -> str:
    """The program, from its imports to its return.

    ``c`` are constants, ``t`` arrays that are made once and written into in every run, ``v`` all else. What only
    looks at constants and such arrays is made once, too.
    """
    names = [f"x{k}" if name in (*NUMPY, choose.__name__) else name for k, name in enumerate(names)]
    word = words(graph, plan, names)
    once, seen = [], {}
    for i in _made_once(graph, plan):
        text = _statement(i, graph.lines[i], plan, word).partition(" = ")[2]
        if text in seen:
            word[i] = seen[text]
        else:
            seen[text] = word[i]
            once.append(f"{word[i]} = {text}")
    fixed = set(_made_once(graph, plan))
    body, said = [f"def step({', '.join(names)}):"], ""
    for i, line in enumerate(graph.lines):
        if line.op in ("input", "const") or i in fixed:
            continue
        if line.source != said:
            said = line.source
            body.append(f"    # {said}")
        body.append(f"    {_statement(i, line, plan, word)}")
    found = [f"{word[i]}.copy('K')" for i in graph.outputs]
    body.append(f"    # {', '.join(results)}")
    body.append(f"    return ({', '.join(found)},)")
    consts = [f"{word[i]} = {_constant(word[i], x)}" for i, x in enumerate(graph.lines) if x.op == "const"]
    made = [f"t{n} = {_made(kind, n in plan.zeroed)}" for n, kind in enumerate(plan.buffers)]
    head = [f'"""{title}"""', "", "import numpy as np"]
    if known := used("\n".join([*once, *body])):
        head += wrap(f"from numpy import {', '.join(known)}", 100, subsequent_indent="    ", break_long_words=False)
        head[3:] = [" \\\n".join(head[3:])]
    if any(line.op not in _KNOWN for line in graph.lines if line.op not in ("input", "const")):
        head += ["from torchlean_nb.backend.namespace import numpy_namespace", "", "xp = numpy_namespace()"]
    if plan.aside:
        head += ["", "", getsource(choose)]
    note = ["# add(a, b, t) writes a + b into t, and so do the others."] if made else []
    return "\n".join([*head, "", *note, *consts, *made, *once, "", "", *body, ""])


def _made_once(graph: Graph, plan: Plan) -> list[int]:
    """Views whose memory is that of a constant or of an array that is made once."""
    found: list[int] = []
    still = {i for i, x in enumerate(graph.lines) if x.op == "const"} | plan.place.keys()
    for i in sorted(plan.views):
        if all(a in still for a in graph.lines[i].args):
            still.add(i)
            found.append(i)
    return found


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
            xs += [f"t{plan.aside[i]}"] if i in plan.aside else []
            return WRITES[line.op](word[i], line, *xs)
        if line.op == "reshape" and line.order == tuple(range(len(line.shape))):
            return f"copyto({word[i]}.reshape({line.first!r}), {xs[0]})"
        return f"copyto({word[i]}, {VIEWS[line.op](line, *xs)})"
    make = VIEWS[line.op] if line.op in VIEWS else MAKES.get(line.op, fallback)
    return f"{word[i]} = {make(line, *xs)}"


def _constant(name: str, line: Line) -> str:
    if line.value.size > SPELLED:
        return f"constants[{name!r}]"
    text = repr(line.value.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    made = f"np.array({text}, {_dtype(line.dtype)})"
    return made if line.value.size else f"{made}.reshape({line.shape!r})"


def _made(kind: Any, zeroed: bool) -> str:
    shape, dtype, order = kind
    made = f"np.{'zeros' if zeroed else 'empty'}({tuple(shape[i] for i in order)!r}, {_dtype(dtype)})"
    back = tuple(order.index(i) for i in range(len(shape)))
    return made if back == tuple(range(len(shape))) else f"{made}.transpose({back!r})"


def _dtype(dtype: Any) -> str:
    return "bool" if dtype.kind == "b" else f"np.{dtype.name}"
