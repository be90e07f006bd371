"""GraphStepper: forward values and the backward sweep, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any

from torchlean_nb.engine import Session
from torchlean_nb.errors import HandleTypeError, NoGradError
from torchlean_nb.escape import visible
from torchlean_nb.render.fold import fold
from torchlean_nb.render.payload import LIMIT, graph_payload
from torchlean_nb.render.svg import svg
from torchlean_nb.render.text import narration, text
from torchlean_nb.trace.graph import FORMAT, GraphTrace
from torchlean_nb.trace.ledger import Ledger
from torchlean_nb.widgets.base import View
from torchlean_nb.widgets.opening import Opening, again


def as_trace(source: Any) -> GraphTrace:
    """Trace from a trace, its plain form, a ledger, or a session (its last backward, or its last node).

    Raises
    ------
    HandleTypeError
        For anything else, and for a session that has recorded nothing.
    """
    if isinstance(source, Ledger):
        source = source.trace
    if isinstance(source, GraphTrace):
        return source
    if isinstance(source, Mapping) and source.get("format") == FORMAT:
        return GraphTrace.from_dict(source)
    if isinstance(source, Session):
        source._open()
    if isinstance(source, Session) and len(source.tape):
        try:
            return source.trace(source.grads.output)
        except NoGradError:
            return source.trace(len(source.tape) - 1)
    got = "a session without nodes" if isinstance(source, Session) else type(source).__name__
    raise HandleTypeError(f"widget: expected a GraphTrace, got {got}", None, "session.trace(loss) makes one")


class GraphStepper(View):
    """Steps through a trace: values forward, contributions backward, with the numbers behind each.

    Parameters
    ----------
    trace : GraphTrace, mapping, Ledger or Session
        What to step through; of a session its last backward.
    step : int, optional
        Step to begin with; the last, or the seed when predictions are asked for.
    controls, title, presentation, state
        As for every widget.
    predict : bool
        Hide each arriving number until the learner has guessed it.
    opener : callable, optional
        Given ids of composites, the same trace with those opened: ``lambda ids: s.trace(loss, inside=ids)``.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> GraphStepper(s.trace(x * x, title="square"), step=2)
    GraphStepper('square': step 2 of 5. mul_1 = x·x: value 9.)
    """

    _brief = True

    def __init__(
        self,
        trace: Any,
        step: int | None = None,
        controls: Iterable[str] | None = None,
        predict: bool = False,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
        opener: Callable[[list[int]], GraphTrace] | None = None,
    ):
        self.trace = as_trace(trace)
        self.shown, _ = fold(self.trace, LIMIT)
        self._opening = Opening(self.trace, opener)
        # For each opening what was shown before, where the ids of what it led to go there, and what was opened.
        self._before: list[tuple[Opening, GraphTrace, dict[int, int], str]] = []
        if predict and step is None and state is None:
            step = min(len(self.shown.nodes) + 1, self.shown.steps)
        super().__init__(
            graph_payload(self.trace), steps=self.shown.steps, step=step, controls=controls, presentation=presentation,
            title=title or str(self.trace.meta.get("title") or "Graph"), state=state, predict=bool(predict),
            opens=opener is not None,
        )
        self.on_msg(lambda _, message, __: self._asked(message))

    def open_node(self, node: int) -> None:
        """Show a folded box or a composite from inside; the step stays at what it was about.

        Raises
        ------
        HandleTypeError
            For a node that has no inside, or none that can be shown.
        """
        before = copy(self._opening)
        before.boxes = [*before.boxes]
        shown, moved = self._opening.inside(self.shown, node)
        old = {new: old for old, new in moved.items()}
        label = visible(self.shown[node].label, 40)
        self._before.append((before, self.shown, {n.id: old.get(n.id, node) for n in shown}, label))
        self._turn(shown, moved)

    def close_node(self) -> None:
        """Show the drawing as it was before the last `open_node`; the step stays at what it was about.

        Raises
        ------
        HandleTypeError
            When nothing has been opened.
        """
        if not self._before:
            raise HandleTypeError("close: nothing has been opened", None, "open_node(id), or a double click on a box")
        self._opening, shown, moved, _ = self._before.pop()
        self._turn(shown, moved)

    def _turn(self, shown: GraphTrace, moved: Mapping[int, int]) -> None:
        """Show another drawing of the same computation; `moved` says where the ids of this one went."""
        step, pin = again(self.shown, self.step, shown, moved), self.state.get("pin")
        inside = self._before[-1][-1] if self._before else ""
        with self.hold_sync():
            self.trace, self.shown, self.steps = self._opening.trace, shown, shown.steps
            self.payload = graph_payload(self.trace, opened=self._opening.boxes) | {"inside": inside}
            kept = {k: v for k, v in self.state.items() if k not in ("answers", "entry")}
            self.state = kept | {"step": step, "pin": moved.get(pin)}
            self.step = step

    def _asked(self, message: Any) -> None:
        """A message of the front end; what goes wrong is said there."""
        if not isinstance(message, Mapping) or message.get("kind") not in ("open", "close"):
            return
        try:
            self.close_node() if message["kind"] == "close" else self.open_node(message.get("node"))
        except Exception as e:  # an opener runs the session again, which may have moved on in any way
            self.send({"kind": "say", "text": str(e).splitlines()[0] if str(e) else type(e).__name__})

    def describe(self) -> str:
        """Step and its sentence."""
        said = super().describe()
        sentences = narration(self.shown)
        hidden = self.options.get("predict") and self.step > len(self.shown.nodes) + 1
        return said if hidden or self.step >= len(sentences) else f"{said}. {sentences[self.step]}"

    def to_svg(self) -> str:
        """Picture of the current step."""
        return svg(self.shown, step=self.step)

    def to_text(self) -> str:
        """Table of the nodes and narration of the sweep."""
        return text(self.trace)

    def to_dict(self) -> dict[str, Any]:
        """Plain form of the trace."""
        return self.trace.to_dict()
