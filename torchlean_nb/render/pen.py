"""A pen that knows the step: writes elements that exist only from some step to another.

For a scene every element is written, with ``data-from`` and ``data-to``; for a picture of one
step only those that exist then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from torchlean_nb.trace.graph import GraphTrace


@dataclass
class Pen:
    """Collects markup; `step` None writes all steps."""

    step: int | None = None
    parts: list[str] = field(default_factory=list)

    def raw(self, markup: str) -> None:
        """Markup that is always there."""
        self.parts.append(markup)

    def put(self, tag: str, attributes: str, first: int = 0, until: int | None = None, body: str = "") -> None:
        """One element that exists at steps ``first <= step < until``."""
        if until is not None and until <= first:
            return
        when = ""
        if self.step is None:
            when = f' data-from="{first}"' if first > 0 or until is not None else ""
            when += f' data-to="{until}"' if until is not None else ""
        elif self.step < first or (until is not None and self.step >= until):
            return
        start = f"<{tag} {attributes}".rstrip() + when
        self.parts.append(f"{start}>{body}</{tag}>" if body else f"{start}/>")

    def markup(self) -> str:
        """All that was written."""
        return "".join(self.parts)


class Timeline:
    """When things happen in a trace: nodes computed, gradients arriving, edges active."""

    def __init__(self, trace: GraphTrace):
        n = len(trace.nodes)
        self.seed = n + 1
        self.last = trace.steps
        self.computed = {node.id: i + 1 for i, node in enumerate(trace.nodes)}
        self.active: dict[tuple[int, int], int] = {}
        self.arrivals: dict[int, list[tuple[int, np.ndarray]]] = {trace.output: [(self.seed, trace.seed)]}
        for i, e in enumerate(trace.edges):
            self.active[e.child, e.arg] = n + 2 + i
            self.arrivals.setdefault(e.parent, []).append((n + 2 + i, e.contribution))

    def classes(self, trace: GraphTrace, step: int | None) -> dict[int, str]:
        """Class of every node at `step`; in a scene nothing has run yet."""
        state = {i: "done" if step is not None and t <= step else "todo" for i, t in self.computed.items()}
        if step and step <= trace.steps:
            kind, what = trace.event(step)
            state[what.parent if kind == "backward" else what.id] += " now"
            if kind == "backward":
                state[what.child] += " sender"
        return state
