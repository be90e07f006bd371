"""What a drawing hides: folded boxes of a large graph, and the rows that a composite is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torchlean_nb.errors import HandleTypeError
from torchlean_nb.render.fold import FOLDED, LIMIT, fold
from torchlean_nb.trace.graph import GraphTrace


class Opening:
    """Remembers what was opened in one trace.

    Parameters
    ----------
    trace : GraphTrace
    opener : callable, optional
        Given ids of composites of `trace`, the same computation with those opened.
    """

    def __init__(self, trace: GraphTrace, opener: Callable[[list[int]], GraphTrace] | None = None):
        self.first, self.trace, self.opener = trace, trace, opener
        self.boxes: list[int] = []
        self.composites: list[int] = []
        self.origin = {i: i for i in trace.places}

    def inside(self, shown: GraphTrace, node: int) -> tuple[GraphTrace, dict[int, int]]:
        """The drawing with one node opened, and where the ids of `shown` went.

        Raises
        ------
        HandleTypeError
            For a node that has no inside, or none that can be shown.
        """
        if not isinstance(node, int):
            raise HandleTypeError(f"open: expected the id of a node, got {type(node).__name__}")
        n = shown[node]
        return self._box(shown, n.id, n.label) if n.op == FOLDED else self._composite(shown, n.id, n.label)

    def _box(self, shown: GraphTrace, node: int, label: str) -> tuple[GraphTrace, dict[int, int]]:
        found, _ = fold(self.trace, LIMIT, [*self.boxes, node])
        if any(n.id == node and n.op == FOLDED for n in found):
            raise HandleTypeError(f"{label}: the drawing has no room for what is inside")
        self.boxes.append(node)
        return found, {n.id: n.id for n in shown}

    def _composite(self, shown: GraphTrace, node: int, label: str) -> tuple[GraphTrace, dict[int, int]]:
        if self.opener is None or node not in self.origin:
            raise HandleTypeError(f"{label}: only what the session recorded can be opened")
        wanted = [*self.composites, self.origin[node]]
        trace = self.opener(wanted)
        if len(trace) == len(self.trace):
            raise HandleTypeError(f"{label} is a primitive: there is nothing inside")
        origin = _origins(self.first, trace, wanted)
        moved = {old: new for new, old in origin.items()}
        for i in wanted:
            moved[i] = max(n.id for n in trace if _part(self.first, i) in n.scope.split("/"))
        before = {new: moved[old] for new, old in self.origin.items() if old in moved}
        self.trace, self.composites, self.boxes, self.origin = trace, wanted, [], origin
        return fold(trace, LIMIT)[0], before


def _part(first: GraphTrace, i: int) -> str:
    """Scope in which the engine writes what is inside composite `i`."""
    return f"{first[i].op}_{i}"


def _origins(first: GraphTrace, trace: GraphTrace, opened: list[int]) -> dict[int, int]:
    """For nodes outside of what was opened, the id they had at first."""
    names = {_part(first, i) for i in opened}
    new = [n for n in trace if names.isdisjoint(n.scope.split("/"))]
    old = [n for n in first if n.id not in opened]
    if [n.op for n in new] != [n.op for n in old]:
        raise HandleTypeError("the session has changed since this was drawn", None, "run the cell again")
    return {n.id: o.id for n, o in zip(new, old, strict=True)}


def again(old: GraphTrace, step: int, new: GraphTrace, moved: Mapping[int, int]) -> int:
    """Step of `new` at which what `old` shows at `step` happens; the same phase where it is gone."""
    if step <= 0 or step >= old.steps:
        return min(step, new.steps) if step <= 0 else new.steps
    kind, what = old.event(step)
    seed = len(new) + 1
    if kind == "forward":
        at = moved.get(what.id, what.id)
        return max(1, sum(n.id <= at for n in new))
    if kind == "seed":
        return seed
    child, parent = moved.get(what.child), moved.get(what.parent)
    into = [i for i, e in enumerate(new.edges) if e.parent == parent]
    same = [i for i in into if (new.edges[i].child, new.edges[i].arg) == (child, what.arg)]
    return seed + 1 + (same or into)[0] if into else seed
