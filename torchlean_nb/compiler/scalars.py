"""Programs of lone numbers as Python floats: a NumPy call costs ten times what an addition of floats does.

What IEEE 754 defines to the last bit (``+ - * /``, comparisons) is written as Python; functions whose last bits are up
to a library (exp, tanh, powers) stay those of NumPy, so the numbers are those of eager mode. Python raises where
NumPy gives inf or nan; `guarded` lets the general program answer then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import DIRECT
from torchlean_nb.compiler.lowering import Graph, Line

WORTH = 8  # lines from which on this pays: converting inputs and results costs as much as a few of them
TIE = ">=" if np.signbit(np.maximum(np.array(-0.0), np.array(0.0))) else ">"  # which of two zeros NumPy takes here
SPELLINGS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "div": "{} / {}", "neg": "-{}", "abs": "abs({})",
    "greater": "{} > {}", "greater_equal": "{} >= {}", "equal": "{} == {}", "logical_not": "not {}",
    "maximum": f"{{0}} if {{0}} {TIE} {{1}} or {{0}} != {{0}} else {{1}}",
    "minimum": f"{{0}} if {{1}} {TIE} {{0}} or {{0}} != {{0}} else {{1}}", "where": "{1} if {0} else {2}",
}  # fmt: skip
SAME = ("reshape", "broadcast_to", "transpose", "sum", "max", "min", "prod")  # of one number: that number
TRUTHS = ("greater", "greater_equal", "equal", "logical_not")
CASTS = {"d": "float({})", "?": "bool({})"}


def fits(graph: Graph) -> bool:
    """Whether every line is one float64 number, or a truth value, and can be written in Python.

    Examples
    --------
    >>> from torchlean_nb.compiler.lowering import lower
    >>> def chain(x, n):
    ...     for _ in range(n):
    ...         x = x * x + 1.0
    ...     return x
    >>> [fits(lower(lambda x: chain(x, 9), [a], None, "float64")[0]) for a in (1.0, [1.0])]
    [True, False]
    """
    work = [x for x in graph.lines if x.op not in ("input", "const")]
    return len(work) >= WORTH and all(map(_fits, graph.lines)) and all(
        graph.lines[i].dtype == np.float64 for i in (*graph.inputs, *graph.outputs)
    )  # fmt: skip


def _fits(line: Line) -> bool:
    if line.shape or line.dtype.char not in CASTS:
        return False
    truth = line.dtype == bool  # the sum of two truth values is one in NumPy and 2 in Python
    known = ("input", "const", "astype", *SAME, *(TRUTHS if truth else (*SPELLINGS, *DIRECT)))
    return line.op in known and not line.first and -1 not in line.args


def source(graph: Graph, names: Sequence[str], results: Sequence[str], title: str) -> str:
    """The program over Python floats, from its imports to its return."""
    names = [f"x{k}" if name in ("array", *DIRECT.values()) else name for k, name in enumerate(names)]
    lines, found, called = statements(graph, names)
    head = [f'"""{title}"""', "", "import numpy as np", f"from numpy import {', '.join(sorted({'array', *called}))}"]
    body = [*(f"{n} = {n}.item()" for n in names), *lines, f"# {', '.join(results)}",
            f"return ({', '.join(f'array({x})' for x in found)},)"]  # fmt: skip
    return "\n".join([*head, "", "", f"def step({', '.join(names)}):", *(f"    {x}" for x in body), ""])


def statements(
    graph: Graph, names: Sequence[str], call: str = "{}({}).item()"
) -> tuple[list[str], list[str], set[str]]:
    """Assignments in order, what the results are then called, and the functions of NumPy they use.

    Parameters
    ----------
    graph : Graph
    names : sequence of str
        Of the inputs.
    call : str
        How a function of NumPy is applied and its result made a float.
    """
    word, lines, said, called = dict(zip(graph.inputs, names, strict=True)), [], "", set()
    for i, line in enumerate(graph.lines):
        args = [word[a] for a in line.args]
        if line.op == "const":
            word[i] = _literal(line.value.item())
        elif line.op in SAME:
            word[i] = args[0]
        elif line.op != "input":
            if line.source != said:
                said = line.source
                lines.append(f"# {said}")
            word[i] = f"v{i}"
            if line.op in SPELLINGS:
                text = SPELLINGS[line.op].format(*args)
            elif line.op == "astype":
                text = CASTS[line.dtype.char].format(*args)
            else:
                text = call.format(DIRECT[line.op], ", ".join(args))
                called.add(DIRECT[line.op])
            lines.append(f"v{i} = {text}")
    return lines, [word[i] for i in graph.outputs], called


def _literal(x: Any) -> str:
    if x != x:
        return "np.nan"
    text = repr(x).replace("inf", "np.inf")
    return f"({text})" if text.startswith("-") else text


def guarded(fast: Callable[..., Any], general: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    """The fast program; where Python has no number to give, what the general one says, which is made then.

    Examples
    --------
    >>> half = guarded(lambda x: 1 / x, lambda: lambda x: np.inf)
    >>> half(2), half(0)
    (0.5, inf)
    """

    def step(*args: Any) -> Any:
        try:
            return fast(*args)
        except ArithmeticError:
            return general()(*args)

    return step
