r"""Formulas of a trace: what a node computes and what an edge adds, in symbols and in numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from torchlean_nb import tex
from torchlean_nb.render.fold import FOLDED
from torchlean_nb.render.numbers import norm
from torchlean_nb.trace.graph import Edge, GraphTrace, TraceNode

_INDEXED = re.compile(r"(#\w)_")


def latex(trace: GraphTrace) -> str:
    r"""All formulas of a trace in the order of its steps, one per line of an ``aligned`` block.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> print(latex(s.trace((x * x).named("y"))).count(r"\\"))
    4
    """
    lines = [value_formula(trace, n.id) + _and(value_numbers(trace, n.id)) for n in trace.nodes]
    if trace.nodes:
        lines.append(seed_formula(trace))
    lines += [edge_formula(trace, i) + _and(edge_numbers(trace, i)) for i in range(len(trace.edges))]
    return "\\begin{aligned}\n" + " \\\\\n".join("& " + line for line in lines) + "\n\\end{aligned}"


def value_formula(trace: GraphTrace, node_id: int) -> str:
    r"""What a node computes, in symbols: ``h = \tanh a``."""
    n = trace[node_id]
    if not n.latex:
        return _name(n)
    return f"{_name(n)} = {_fill(n.latex, _slots(trace, n))}"


def value_numbers(trace: GraphTrace, node_id: int) -> str:
    r"""The same with the numbers put in, ``y = 3 \cdot 3 = 9``; nothing for arrays."""
    n = trace[node_id]
    if n.value.ndim:
        return ""
    result = number(n.value)
    if not n.latex or any(trace[p].value.ndim for p in n.parents):
        return f"{_name(n)} = {result}"
    filled = _fill(n.latex, {str(i): _operand(trace[p].value) for i, p in enumerate(n.parents, 1)})
    return f"{_name(n)} = {filled} = {result}"


def seed_formula(trace: GraphTrace) -> str:
    """The start of the sweep: the derivative of the output by itself."""
    out = trace[trace.output]
    size = number(trace.seed) if trace.seed.ndim == 0 else r"\mathrm{seed}"
    return f"{_gradient(trace, out)} = {size}"


def edge_formula(trace: GraphTrace, index: int) -> str:
    r"""What edge number `index` adds: ``\frac{\partial L}{\partial W_{2}} += h^{\top}\,\frac{\partial L}{\partial z}``.

    The first contribution to arrive is written with a plain equals sign.
    """
    e = trace.edges[index]
    sign = "=" if first_arrival(trace, index) else "+="
    return f"{_gradient(trace, trace[e.parent])} {sign} {contribution_formula(trace, e)}"


def contribution_formula(trace: GraphTrace, e: Edge, gradient: str = "") -> str:
    """What an edge sends, in symbols; `gradient` is another sign for the gradient of its child."""
    child = trace[e.child]
    slots = _slots(trace, child) | {"y": _name(child), "g": gradient or _gradient(trace, child)}
    return _fill(_template(child, e), slots)


def edge_numbers(trace: GraphTrace, index: int) -> str:
    r"""The contribution of an edge between scalars with the numbers put in: ``= 1 \cdot 3 = 3``."""
    e = trace.edges[index]
    child = trace[e.child]
    parts = [child.value, *(trace[p].value for p in child.parents)]
    if any(p.ndim for p in parts) or child.grad is None or child.op == FOLDED:
        return ""
    slots = {str(i): _operand(trace[p].value) for i, p in enumerate(child.parents, 1)}
    filled = _fill(_template(child, e), slots | {"y": _operand(child.value), "g": _operand(child.grad)})
    filled = filled.replace(r"\odot", r"\cdot")
    result = number(e.contribution)
    return f"= {result}" if filled == result else f"= {filled} = {result}"


def first_arrival(trace: GraphTrace, index: int) -> bool:
    """Whether edge `index` brings the first contribution to its parent."""
    parent = trace.edges[index].parent
    return parent != trace.output and all(e.parent != parent for e in trace.edges[:index])


def number(v: np.ndarray) -> str:
    """A number that stands alone: no parentheses around negative ones."""
    return tex.number(v).removeprefix("(").removesuffix(")")


def size(a: np.ndarray) -> str:
    """A number, or the norm of an array."""
    return number(a) if a.ndim == 0 else rf"\| \cdot \| = {number(np.asarray(norm(a)))}"


def _template(child: TraceNode, e: Edge) -> str:
    """Formula of a contribution; a folded box sends more than one formula can say."""
    template = e.latex or (r"\ldots" if child.op == FOLDED else "#g")
    return template.replace("#g^", r"\left(#g\right)^")


def _fill(template: str, slots: Mapping[str, str]) -> str:
    """Template with its slots filled; what gets an index may have one already, so it stands in braces."""
    return tex.fill(_INDEXED.sub(r"{\1}_", template), slots)


def _operand(v: np.ndarray) -> str:
    """A number inside a formula: powers of ten in parentheses, so that they can be raised again."""
    text = tex.number(v)
    return f"({text})" if "^" in text and not text.startswith("(") else text


def _name(n: TraceNode) -> str:
    return tex.name(n.label)


def _gradient(trace: GraphTrace, n: TraceNode) -> str:
    return tex.partial(_name(trace[trace.output]), _name(n))


def _slots(trace: GraphTrace, n: TraceNode) -> dict[str, str]:
    """Labels of the arguments; a constant number without a name stands for itself."""
    args = enumerate((trace[p] for p in n.parents), 1)
    return {str(i): _operand(a.value) if is_literal(a) else _name(a) for i, a in args}


def is_literal(n: TraceNode) -> bool:
    """Whether a node is a number written in the program, without a name."""
    return n.role == "const" and not n.name and n.value.ndim == 0


def _and(numbers: str) -> str:
    """Second half of a line: the numbers from their first equals sign on."""
    return " " + numbers[numbers.index("=") :] if "=" in numbers else ""
