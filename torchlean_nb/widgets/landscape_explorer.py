"""LandscapeExplorer: a plane through the loss of a network, and how much of the training it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torchlean_nb.escape import visible
from torchlean_nb.render.landscape_payload import check, given, landscape_payload, shown
from torchlean_nb.render.landscape_svg import landscape_svg
from torchlean_nb.render.landscape_text import landscape_text
from torchlean_nb.render.landscape_words import choose, meter, sentence
from torchlean_nb.widgets.base import View, read_state


class LandscapeExplorer(View):
    """Map and surface of a loss, the path of the training over it, and a meter that cannot be hidden.

    Parameters
    ----------
    source : LandscapeTrace, mapping or str
        A trace, its plain form or its JSON.
    plane : int or str
        Number or kind of the plane to begin with.
    step : int, optional
        Point of the path to begin with, counted from 0; the last by default.
    controls, title, presentation, state
        As for every widget. The meter is no control: it is always there.

    Raises
    ------
    HandleTypeError
        For a source that is no landscape.
    TraceFormatError
        For a plain form that is not one, or one with nothing to show.
    UnknownNameError, HyperparameterError
        For a plane that is not there.

    Examples
    --------
    >>> from torchlean_nb.trace.landscape import LandscapeTrace, Plane
    >>> plane = Plane("random", [-1, 0, 1], [-1, 0, 1], [[3, 2, 3], [2, 1, 2], [3, 2, 3]])
    >>> LandscapeExplorer(LandscapeTrace("bowl", [plane]))
    LandscapeExplorer('bowl': No path was recorded: this plane explains nothing of where the training went.)
    """

    def __init__(
        self,
        source: Any,
        *,
        plane: int | str = 0,
        step: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        self.trace, note = shown(check(given(source)))
        first = {"plane": choose(self.trace, plane)} if self.trace.planes else {}
        super().__init__(
            landscape_payload(self.trace, note), steps=max(0, len(self.trace.path.steps) - 1) if self.trace.path else 0,
            step=step, controls=controls, presentation=presentation, state=first | read_state(state),
            title=title or visible(self.trace.name, 60) or "Loss landscape",
        )  # fmt: skip

    @property
    def plane(self) -> int:
        """Number of the plane that is shown; 0 where there is none."""
        i = self.state.get("plane")
        return i if type(i) is int and 0 <= i < len(self.trace.planes) else 0

    @property
    def meter(self) -> str:
        """What the meter says of the plane that is shown."""
        return meter(self.trace.planes[self.plane])[1] if self.trace.planes else "There is no plane, only lines."

    @property
    def says(self) -> str:
        """What the plane shows of the point of the path, in one sentence."""
        return sentence(self.trace, self.plane, self.step) if self.trace.planes else ""

    def describe(self) -> str:
        """What the meter says."""
        return self.meter

    def to_svg(self) -> str:
        """Picture of the plane and the point that are shown."""
        return landscape_svg(self.trace, self.plane, self.step)

    def to_text(self) -> str:
        """The meter, and everything as tables."""
        return landscape_text(self.trace, self.plane, self.step)
