"""GradientLedger: one gradient taken apart into what arrived, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torchlean_nb.errors import HyperparameterTypeError
from torchlean_nb.render.ledgers import ledger_svg
from torchlean_nb.render.payload import ledger_payload
from torchlean_nb.render.text import ledger_text
from torchlean_nb.trace.graph import GraphTrace
from torchlean_nb.trace.ledger import Ledger
from torchlean_nb.widgets.base import View, inside
from torchlean_nb.widgets.graph_stepper import as_trace


class GradientLedger(View):
    """Rows that total to one gradient: path, local factor, contribution, running total.

    Parameters
    ----------
    trace : GraphTrace, mapping, Session or Ledger
    key : int or str
        Node whose gradient is taken apart, by id or name; not needed for a Ledger.
    step : int, optional
        Step of the sweep to begin with, by default the last.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    UnknownNodeError
        When there is no such node.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> GradientLedger(s.trace(x * x + x), "x")
    GradientLedger('Ledger of x': 3 contributions, equal to the gradient)
    """

    def __init__(
        self,
        trace: Any,
        key: int | str | None = None,
        step: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        if not isinstance(trace, Ledger) and key is None:
            raise HyperparameterTypeError("GradientLedger: whose gradient?", None, "GradientLedger(trace, 'w')")
        self.ledger = trace if isinstance(trace, Ledger) else Ledger.of(as_trace(trace), key)
        payload, self.shown = ledger_payload(self.ledger)
        label = self.ledger.trace[self.ledger.node].label
        super().__init__(payload, steps=self.shown.steps, step=step, controls=controls, presentation=presentation,
                         title=title or f"Ledger of {label}", state=state)

    @property
    def trace(self) -> GraphTrace:
        """Trace the ledger is about."""
        return self.ledger.trace

    def describe(self) -> str:
        """How many contributions, and whether they add up."""
        n = len(self.ledger.rows)
        sums = "equal to the gradient" if self.ledger.balanced else "NOT equal to the gradient"
        return f"{n} {'contribution' if n == 1 else 'contributions'}, {sums}" if n else "no contribution"

    def to_svg(self) -> str:
        """Picture of the rows that have come in, at the chosen entry."""
        trace, state = self.shown, self.state
        seeded = self.ledger.node == trace.output and self.step > len(trace)
        came = sum(self.step >= len(trace) + 2 + i for i, e in enumerate(trace.edges) if e.parent == self.ledger.node)
        off, entry = state.get("off"), inside(state.get("entry"), self.ledger.grad.shape)
        left_out = {i for i in off if isinstance(i, int)} if isinstance(off, list) else ()
        return ledger_svg(self.ledger, entry, came + seeded, left_out)

    def to_text(self) -> str:
        """The rows with the running total."""
        return ledger_text(self.ledger)

    def to_dict(self) -> dict[str, Any]:
        """Plain form of the ledger."""
        return self.ledger.to_dict()
