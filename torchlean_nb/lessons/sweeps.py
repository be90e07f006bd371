"""Backward sweeps with a mistake in them, over the recorded trace of a scalar computation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchlean_nb.trace.graph import Edge, GraphTrace

Slope = Callable[[GraphTrace, Edge, float], float]


def gradient(trace: GraphTrace, wrt: str) -> float:
    """Gradient that the engine found."""
    return float(trace[wrt].grad)


def value(trace: GraphTrace, name: str) -> float:
    """Recorded value of a node."""
    return float(trace[name].value)


def add(old: float, new: float) -> float:
    """What arrives is added: right."""
    return old + new


def last(old: float, new: float) -> float:
    """What arrives replaces what was there: ``=`` in place of ``+=``."""
    return new


def first(old: float, new: float) -> float:
    """What arrives later is lost."""
    return old


def swept(trace: GraphTrace, wrt: str, *, slope: Slope | None = None, write: Callable[[float, float], float] = add):
    """Gradient of one node by a sweep whose local derivatives, or whose way of adding up, are changed."""
    bar: dict[int, float] = {trace.output: 1.0}
    for e in trace.edges:
        local = float(e.local)
        c = bar[e.child] * (local if slope is None else slope(trace, e, local))
        bar[e.parent] = write(bar[e.parent], c) if e.parent in bar else c
    return bar[trace[wrt].id]


def kept(trace: GraphTrace, wrt: str, *, sweeps: int, inner: bool = False, seed: bool = False) -> float:
    """Gradient after several sweeps that add into stored gradients.

    ``inner``: gradients of operations are not cleared between sweeps either; ``seed``: nor is the
    output's.
    """
    bar = {n.id: 0.0 for n in trace}
    for _ in range(sweeps):
        for n in trace:
            if n.role == "op" and not inner:
                bar[n.id] = 0.0
        bar[trace.output] = bar[trace.output] + 1.0 if seed else 1.0
        for e in trace.edges:
            bar[e.parent] += bar[e.child] * float(e.local)
    return bar[trace[wrt].id]


def once_per_arrival(trace: GraphTrace, wrt: str, *, complete: bool) -> float:
    """Gradient when a node passes its gradient on at each arrival, complete or as far as it has come."""
    bar: dict[int, float] = {n.id: 0.0 for n in trace}
    final = {n.id: float(n.grad) for n in trace if n.grad is not None}

    def arrive(node: int, g: float) -> None:
        bar[node] += g
        for e in trace.edges:
            if e.child == node:
                arrive(e.parent, (final[node] if complete else bar[node]) * float(e.local))

    arrive(trace.output, 1.0)
    return bar[trace[wrt].id]


# -- mistakes in a local derivative --------------------------------------------------------------
def without(op: str) -> Slope:
    """The factor of this op is forgotten."""
    return lambda trace, e, slope: 1.0 if trace[e.child].op == op else slope


def unsigned(trace: GraphTrace, e: Edge, slope: float) -> float:
    """The minus of a difference is forgotten."""
    return abs(slope) if trace[e.child].op == "sub" else slope


def no_exponent(trace: GraphTrace, e: Edge, slope: float) -> float:
    """The exponent does not come down."""
    child = trace[e.child]
    return slope / float(trace[child.parents[1]].value) if child.op == "pow" else slope


def own_value(trace: GraphTrace, e: Edge, slope: float) -> float:
    """Each operation is read at the parent's own value: the other factor and the output are not looked at."""
    return float(trace[e.parent].value) if trace[e.child].op in ("mul", "exp") else slope


def read(op: str, wrong: Callable[[Any, float], float]) -> Slope:
    """The local derivative of this op is computed by ``wrong(value of the parent, value of the node)``."""

    def slope(trace: GraphTrace, e: Edge, local: float) -> float:
        child = trace[e.child]
        return wrong(float(trace[e.parent].value), float(child.value)) if child.op == op else local

    return slope
