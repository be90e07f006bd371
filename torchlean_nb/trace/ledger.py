"""Ledger: where one gradient came from, contribution by contribution or path by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torchlean_nb.trace.formats import renderer
from torchlean_nb.trace.graph import Edge, GraphTrace

_LONGEST = 16


@dataclass(frozen=True, eq=False)
class LedgerRow:
    """One contribution: the way of the gradient from the output, and what arrives.

    ``path`` are node ids; of a long way only the ends are kept, and ``labels`` shows the gap.
    """

    path: tuple[int, ...]
    labels: tuple[str, ...]
    latex: str
    contribution: np.ndarray
    total: np.ndarray


@dataclass(frozen=True, eq=False)
class Ledger:
    """Contributions that total to the gradient of one node.

    Parameters
    ----------
    node : int
        Node whose gradient is taken apart.
    rows : tuple of LedgerRow
        In the order of the sweep, with the running total.
    grad : ndarray
        The gradient the sweep found.
    """

    trace: GraphTrace
    node: int
    rows: tuple[LedgerRow, ...]
    grad: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Sum of the rows, added in tape order."""
        return self.rows[-1].total if self.rows else np.zeros_like(self.grad)

    @property
    def balanced(self) -> bool:
        """True when the rows total to the gradient, to the last bit."""
        return bool(np.array_equal(self.total, self.grad))

    @classmethod
    def of(cls, trace: GraphTrace, key: int | str) -> Ledger:
        """Ledger of the node with this id or name."""
        node, rows, total, back = trace[key], [], None, _shortest(trace)
        if node.id == trace.output:
            total = trace.seed
            rows.append(LedgerRow((node.id,), ("seed",), "1", trace.seed, total))
        for e in trace.into(node.id):
            total = e.contribution if total is None else total + e.contribution
            path, whole = _path(back, e.child, trace.output)
            path = (*path, node.id)
            labels = [trace[i].label for i in path]
            labels[1:1] = [] if whole else ["\u2026"]
            rows.append(LedgerRow(path, tuple(labels), e.latex, e.contribution, total))
        grad = node.grad if node.grad is not None else np.zeros_like(node.value)
        return cls(trace, node.id, tuple(rows), grad)

    @classmethod
    def of_paths(
        cls, trace: GraphTrace, key: int | str, paths: Sequence[tuple[tuple[int, ...], np.ndarray]], complete: bool
    ) -> Ledger:
        """Ledger with one row per full path from the output; what other paths bring stands in one last row.

        The trace it carries has one edge per path into the node, so that the same views show it.
        """
        node, rows, total = trace[key], [], None
        for path, c in paths:
            total = c if total is None else total + c
            rows.append(LedgerRow(path, tuple(trace[i].label for i in path), "", c, total))
        grad = node.grad if node.grad is not None else np.zeros_like(node.value)
        if not complete:
            rest = grad - total
            rows.append(LedgerRow((trace.output, node.id), ("all other paths", node.label), "", rest, total + rest))
        others = tuple(e for e in trace.edges if e.parent != node.id)
        into = tuple(Edge(r.path[-2], node.id, 0, r.contribution) for r in rows if len(r.path) > 1)
        return cls(replace(trace, edges=others + into), node.id, tuple(rows), grad)

    def show(self, **options: Any) -> Any:
        """The ledger as a widget, for the last line of a cell."""
        return renderer("ledger_widget")(self, **options)

    def to_dict(self) -> dict[str, Any]:
        """Plain form: the trace and the node."""
        return {"node": self.node, "trace": self.trace.to_dict()}

    def to_text(self) -> str:
        """Table of the rows with the running total."""
        return renderer("ledger_text")(self)

    def __repr__(self) -> str:
        return self.to_text()


def _shortest(trace: GraphTrace) -> dict[int, int]:
    """For every node reached, the one before it on a shortest way from the output, first come in sweep order."""
    senders: dict[int, list[int]] = {}
    for e in trace.edges:
        senders.setdefault(e.child, []).append(e.parent)
    back, todo = {trace.output: -1}, [trace.output]
    for at in todo:
        for parent in senders.get(at, ()):
            if parent not in back:
                back[parent] = at
                todo.append(parent)
    return back


def _path(back: dict[int, int], node: int, output: int) -> tuple[tuple[int, ...], bool]:
    """Way from the output to `node`, a long one without its middle, and whether it is whole."""
    path = []
    while node != -1 and len(path) < _LONGEST:
        path.append(node)
        node = back.get(node, -1)
    if node != -1:
        path.append(output)
    return tuple(reversed(path)), node == -1
