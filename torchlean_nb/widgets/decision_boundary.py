"""DecisionBoundary: what a model of two inputs says everywhere, update by update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torchlean_nb.errors import HandleTypeError
from torchlean_nb.escape import visible
from torchlean_nb.render.boundary import boundary_payload, boundary_text, sentence
from torchlean_nb.render.boundary_svg import boundary_svg
from torchlean_nb.trace.boundary import BoundaryTrace
from torchlean_nb.widgets.base import View


class DecisionBoundary(View):
    """Animation of the decision boundary, or of the surface of a regression, with the points and the loss.

    Parameters
    ----------
    source : BoundaryTrace or BoundaryRecorder
    step : int, optional
        Frame to begin with, counted from 0; the last by default.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    HandleTypeError
        For anything else.
    CapabilityError
        For a recorder that has seen nothing yet.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> seen = tl.train.BoundaryRecorder(resolution=8)
    >>> trainer = tl.Trainer(tl.nn.Linear(2, 2), task="classification", schedule=0.5)
    >>> result = trainer.fit(tl.data.moons(20), steps=3, callbacks=seen, progress=False)
    >>> DecisionBoundary(seen, title="Moons")
    DecisionBoundary('Moons': 2 classes, 20 points, frame 4 of 4)
    """

    def __init__(
        self,
        source: Any,
        *,
        step: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        trace = source if isinstance(source, BoundaryTrace) else _trace_of(source)
        self.trace = trace
        super().__init__(
            boundary_payload(trace), steps=len(trace) - 1, step=step, controls=controls, presentation=presentation,
            state=state, title=title or visible(trace.name, 60) or "Boundary",
        )

    def describe(self) -> str:
        """Classes, points, and the frame that is shown."""
        what = f"{self.trace.classes} classes" if self.trace.classes else "regression"
        return f"{what}, {len(self.trace.points)} points, frame {self.step + 1} of {len(self.trace)}"

    def to_svg(self) -> str:
        """Picture of the frame that is shown."""
        return boundary_svg(self.trace, self.step)

    def to_text(self) -> str:
        """Sentence and map of the frame that is shown, and a table of all."""
        return boundary_text(self.trace, self.step)

    def to_gif(self, path: str, **options: Any) -> None:
        """Write all frames as an animation."""
        self.trace.to_gif(path, **options)

    @property
    def says(self) -> str:
        """What the frame shows, in one sentence."""
        return sentence(self.trace, self.step)


def _trace_of(source: Any) -> BoundaryTrace:
    trace = source.trace() if callable(getattr(source, "trace", None)) else None
    if not isinstance(trace, BoundaryTrace):
        raise HandleTypeError(
            f"DecisionBoundary: a {type(source).__name__} has no frames", None,
            "seen = tl.train.BoundaryRecorder(); trainer.fit(data, steps=100, callbacks=seen)",
        )
    return trace
