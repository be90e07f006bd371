"""A trace in words and tables: the twin of every picture, for screen readers, tests and GitHub."""

from __future__ import annotations

from collections import Counter

import numpy as np

from torchlean_nb.escape import markdown as escape
from torchlean_nb.escape import visible
from torchlean_nb.render.edges import summed
from torchlean_nb.render.fold import FOLDED, fold, note
from torchlean_nb.render.latex import is_literal
from torchlean_nb.render.numbers import fmt, norm, shape, summary
from torchlean_nb.tex import fill
from torchlean_nb.trace.graph import Edge, GraphTrace, TraceNode
from torchlean_nb.trace.ledger import Ledger
from torchlean_nb.trace.plain import plain

_HEAD = ("id", "op", "name", "shape", "value", "gradient")
_WIDE = 34


def text(trace: GraphTrace) -> str:
    """Table of the nodes, then one sentence per step.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> print(text(s.trace(x * x)).splitlines()[0])
    id  op     name  shape   value  gradient
    """
    trace = fold(trace)[0]
    if not trace.nodes:
        return "empty graph"
    lines = [*_columns([_HEAD, *_rows(trace)]), ""]
    said = narration(trace)
    lines += [f"{k:>{len(str(len(said) - 1))}}. {s}" for k, s in enumerate(said)][1:]
    return "\n".join(lines + ([note(trace)] if note(trace) else []))


def markdown(trace: GraphTrace) -> str:
    """Table of the nodes in Markdown; names are shown letter by letter."""
    trace = fold(trace)[0]
    if not trace.nodes:
        return "empty graph"
    lines = ["| " + " | ".join(_HEAD) + " |", "|---:|---|---|---|---|---|"]
    lines += ["| " + " | ".join(escape(c) for c in row) + " |" for row in _rows(trace)]
    return "\n".join(lines + (["", note(trace)] if note(trace) else []))


def ledger_text(ledger: Ledger) -> str:
    """Table of contributions with the running total, and whether it balances."""
    out, scalar = ledger.trace, ledger.grad.ndim == 0
    rows = [("path", "adds", "total")]
    for r in ledger.rows:
        path = " → ".join(visible(x, 24) for x in r.labels)
        adds = fmt(r.contribution, plus=True) if r.contribution.ndim == 0 else f"‖·‖ {fmt(norm(r.contribution))}"
        rows.append((path, adds, fmt(r.total) if r.total.ndim == 0 else f"‖·‖ {fmt(norm(r.total))}"))
    end = fmt(ledger.grad) if scalar else f"‖·‖ {fmt(norm(ledger.grad))}"
    tick = "✓ equal to the last bit" if ledger.balanced else "✗ not the sum of the rows"
    rows.append(("= gradient", tick, end))
    title = f"Gradient of {visible(out[out.output].label)} by {visible(out[ledger.node].label)}"
    return "\n".join([title, *_columns(rows)])


def narration(trace: GraphTrace) -> list[str]:
    """One sentence per step; the first, for step 0, says that nothing has run yet.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> print(narration(s.trace((x * x).named("y")))[-1])
    x receives 3 from y, and with the 3 already there the gradient is now 6.
    """
    if not trace.nodes:
        return ["The graph is empty."]
    out = [f"Nothing has run yet: {len(trace.nodes)} steps forward, then the sweep back."]
    out += [_forward(trace, n) for n in trace.nodes]
    out.append(_seed(trace))
    there: dict[int, np.ndarray] = {trace.output: trace.seed}
    expected = Counter(e.parent for e in trace.edges)
    for e in trace.edges:
        before = there.get(e.parent)
        there[e.parent] = e.contribution if before is None else before + e.contribution
        out.append(_backward(trace, e, before, there[e.parent], expected[e.parent]))
    return out


def _label(n: TraceNode) -> str:
    return visible(n.label, 40)


def _forward(trace: GraphTrace, n: TraceNode) -> str:
    name, what = _label(n), {"param": "a parameter", "input": "an input", "const": "a constant"}.get(n.role)
    if what:
        return f"{name} is {what}: {_value(n)}."
    if n.op == FOLDED:
        return f"{name} stands for {n.attrs['nodes']:,} nodes: {_value(n)}."
    pattern = plain(n.latex) if n.latex else None
    args = _arguments(trace, n)
    made = f"{visible(n.op, 40)}({', '.join(args.values())})" if pattern is None else fill(pattern, args)
    return f"{name} = {made}: {_value(n)}."


def _value(n: TraceNode) -> str:
    v = n.value
    if v.ndim == 0:
        return f"value {fmt(v)}"
    if v.shape == (1,):
        return f"value [{fmt(v)}]"
    dims = f"value {shape(v.shape)}" if v.ndim > 1 else f"value of {v.size} numbers"
    if v.size == 0:
        return f"{dims}, empty"
    low, high = v.min(), v.max()
    return f"{dims}, all {fmt(low)}" if low == high else f"{dims}, from {fmt(low, 3)} to {fmt(high, 3)}"


def _seed(trace: GraphTrace) -> str:
    name = _label(trace[trace.output])
    if trace.seed.ndim == 0:
        return f"Start the backward sweep: the gradient of {name} by itself is {fmt(trace.seed)}."
    return f"Start the backward sweep: the seed of {name} has norm {fmt(norm(trace.seed), 3)}."


def _backward(trace: GraphTrace, e: Edge, before: np.ndarray | None, now: np.ndarray, expected: int) -> str:
    sender, receiver, c = _label(trace[e.child]), _label(trace[e.parent]), e.contribution
    copies = summed(trace, e)
    added = f" {copies} are added up." if copies else ""
    if c.ndim == 0:
        first = f", the first of {expected} to arrive" if expected > 1 else ""
        rest = first if before is None else f", and with the {fmt(before)} already there the gradient is now {fmt(now)}"
        return f"{receiver} receives {fmt(c)} from {sender}{rest}.{added}"
    said = f"{sender} sends {_sent(trace, e)} to {receiver} (norm {fmt(norm(c), 3)})"
    if before is not None:
        return f"{said}; it is added to the {fmt(norm(before), 3)} already there.{added}"
    return said + (f". It is the first of {expected} to arrive." if expected > 1 else ".") + added


def _sent(trace: GraphTrace, e: Edge) -> str:
    """The contribution in symbols, or a word for it."""
    child = trace[e.child]
    pattern = plain(e.latex) if e.latex else None
    if pattern is None:
        return "its part"
    if pattern == "#g":
        return "its gradient unchanged" if not e.summed else "its gradient"
    gradient = f"∂{_label(trace[trace.output])}/∂{_label(child)}"
    pattern = pattern.replace("#gᵀ", "(#g)ᵀ")
    return fill(pattern, _arguments(trace, child) | {"y": _label(child), "g": gradient})


def _arguments(trace: GraphTrace, n: TraceNode) -> dict[str, str]:
    """Slots of the arguments: their labels, or the number itself."""
    args = enumerate((trace[p] for p in n.parents), 1)
    return {str(i): _literal(a) if is_literal(a) else _label(a) for i, a in args}


def _literal(n: TraceNode) -> str:
    return f"({fmt(n.value)})" if n.value < 0 else fmt(n.value)


def _rows(trace: GraphTrace) -> list[tuple[str, ...]]:
    return [
        (str(n.id), visible(n.op, _WIDE), visible(n.name or "", _WIDE), shape(n.shape) or "scalar", summary(n.value),
         "none" if n.grad is None else summary(n.grad))
        for n in trace.nodes
    ]


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows with their columns lined up; the first column to the right when it holds numbers."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    first = str.rjust if rows[0][0] == "id" else str.ljust
    return [
        "  ".join([first(r[0], widths[0]), *(c.ljust(w) for c, w in zip(r[1:], widths[1:], strict=True))]).rstrip()
        for r in rows
    ]
