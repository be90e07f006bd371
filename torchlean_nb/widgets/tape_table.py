"""TapeTable: the nodes of a tape as a table that can be sorted, filtered and opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torchlean_nb.render.fold import fold
from torchlean_nb.render.payload import LIMIT, graph_payload
from torchlean_nb.render.svg import svg
from torchlean_nb.render.text import text
from torchlean_nb.widgets.base import View
from torchlean_nb.widgets.graph_stepper import as_trace


class TapeTable(View):
    """One row per node: id, name, op, parents, whether it needs a gradient, shape, value, gradient.

    Parameters
    ----------
    trace : GraphTrace, mapping, Ledger or Session
    controls, title, presentation, state
        As for every widget.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> TapeTable(s.trace(x * x))
    TapeTable('Tape': 2 nodes)
    """

    _brief = True

    def __init__(
        self,
        trace: Any,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        self.trace = as_trace(trace)
        self.shown, _ = fold(self.trace, LIMIT)
        super().__init__(graph_payload(self.trace, drawing=False), controls=controls, presentation=presentation,
                         title=title or str(self.trace.meta.get("title") or "Tape"), state=state)

    def describe(self) -> str:
        """Number of nodes."""
        return f"{len(self.trace)} {'node' if len(self.trace) == 1 else 'nodes'}"

    def to_text(self) -> str:
        """The table, and the narration of the sweep."""
        return text(self.trace)

    def to_svg(self) -> str:
        """Picture of the graph the table lists."""
        return svg(self.shown)

    def to_dict(self) -> dict[str, Any]:
        """Plain form of the trace."""
        return self.trace.to_dict()
