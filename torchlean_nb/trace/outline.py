"""Graphs without their numbers: columns to fold by, and sequences whose items are made when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Nodes(NamedTuple):
    """Columns of nodes, which are counted from 0; a link is one use of a node by a later one, in their order.

    ``kinds`` are ``(op, role, shape, number of parents)``; ``needs`` says which require a gradient, ``arrived`` which
    have one; ``users`` and ``used`` are the ends of the links.
    """

    ids: np.ndarray
    kinds: Sequence[Any]
    scopes: Sequence[str]
    needs: np.ndarray
    arrived: np.ndarray
    users: np.ndarray
    used: np.ndarray

    @classmethod
    def of(cls, nodes: Sequence[Any], place: Mapping[int, int]) -> Nodes:
        """Columns of nodes that are there."""
        return cls(
            np.array([n.id for n in nodes], dtype=int), [(n.op, n.role, n.shape, len(n.parents)) for n in nodes],
            [n.scope for n in nodes], np.array([n.requires_grad for n in nodes], dtype=bool),
            np.array([n.grad is not None for n in nodes], dtype=bool),
            np.array([i for i, n in enumerate(nodes) for _ in n.parents], dtype=int),
            np.array([place[p] for n in nodes for p in n.parents], dtype=int),
        )  # fmt: skip


class Edges(NamedTuple):
    """Columns of edges: the nodes at both ends, counted from 0."""

    child: np.ndarray
    parent: np.ndarray

    @classmethod
    def of(cls, edges: Sequence[Any], place: Mapping[int, int]) -> Edges:
        """Columns of edges that are there."""
        ends = ([place[e.child] for e in edges], [place[e.parent] for e in edges])
        return cls(*(np.array(e, dtype=int) for e in ends))


class Later(Sequence):
    """A tuple whose items are made when somebody looks at them, each once; copies and pickles of it are tuples.

    What is known of all items are its ``columns``: `Nodes` or `Edges`.
    """

    columns: Any

    def __init__(self, size: int):
        self._made: list[Any] = [None] * size

    def make(self, i: int) -> Any:
        """Item number `i`."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._made)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return tuple(self[k] for k in range(*i.indices(len(self))))
        if self._made[i] is None:
            self._made[i] = self.make(int(i) % len(self))
        return self._made[i]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> Any:
        return tuple, (list(self),)
