"""Ledger: where one gradient came from, contribution by contribution or path by path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.trace.formats import renderer
from torchlean_nb.trace.graph import GraphTrace


@dataclass(frozen=True, eq=False)
class LedgerRow:
    """One contribution: the nodes from the output to the parent's child, and what arrives."""

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
        node, rows, total = trace[key], [], None
        if node.id == trace.output:
            total = trace.seed
            rows.append(LedgerRow((node.id,), ("seed",), "1", trace.seed, total))
        for e in trace.into(node.id):
            total = e.contribution if total is None else total + e.contribution
            path = (*_path(trace, e.child), node.id)
            rows.append(LedgerRow(path, tuple(trace[i].label for i in path), e.latex, e.contribution, total))
        grad = node.grad if node.grad is not None else np.zeros_like(node.value)
        return cls(trace, node.id, tuple(rows), grad)

    def to_dict(self) -> dict[str, Any]:
        """Plain form: the trace and the node."""
        return {"node": self.node, "trace": self.trace.to_dict()}

    def to_text(self) -> str:
        """Table of the rows with the running total."""
        return renderer("ledger_text")(self)

    def __repr__(self) -> str:
        return self.to_text()


def _path(trace: GraphTrace, node: int) -> tuple[int, ...]:
    """A shortest path of gradient flow from the output to `node`, first-come in sweep order."""
    back, todo = {trace.output: -1}, [trace.output]
    for at in todo:
        if at == node:
            break
        for e in trace.edges:
            if e.child == at and e.parent not in back:
                back[e.parent] = at
                todo.append(e.parent)
    path = []
    while node != -1:
        path.append(node)
        node = back.get(node, -1)
    return tuple(reversed(path))
