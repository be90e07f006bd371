"""UpdateAnatomy: one parameter's update, from the gradient to the step, term by term."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import HandleTypeError, HyperparameterError, ShapeError
from torchlean_nb.escape import visible
from torchlean_nb.render.anatomy import SHOWN, STEPS, Anatomy, flat_index
from torchlean_nb.render.anatomy_payload import anatomy_payload, anatomy_text
from torchlean_nb.render.anatomy_svg import anatomy_svg
from torchlean_nb.shells import Explanation
from torchlean_nb.widgets.base import View


class UpdateAnatomy(View):
    """Waterfall from the gradient to the step: bars per coordinate, the formula with its numbers, what-ifs.

    Parameters
    ----------
    source : Optimizer, Explanation, or sequence of Explanation
        A sequence shows several steps of one parameter.
    param : Param, str or int, optional
        Of an optimizer: whose last update.
    clip : tuple of (before, after), or a sequence of them, optional
        Gradients before and after clipping: arrays, or what the clipping was given and gave.
    schedule : callable, optional
        ``schedule(k)`` is the learning rate of the 0-based step `k`.
    ghosts : mapping, optional
        Further what-ifs: label and the hyperparameters that differ, ``{"slower": {"beta2": 0.9}}``.
    coordinates : sequence, optional
        At most 8 indices to show at first.
    step : int, optional
        Of several the one to begin with, counted from 0; the last by default.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    HandleTypeError, HyperparameterError, ShapeError
        For anything but updates of one parameter, before there is one, or a clipping that is not theirs.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.Adam({"w": np.array([1.0, -2.0])}, lr=0.1)
    >>> opt.step({"w": np.array([0.5, -0.3])})
    >>> UpdateAnatomy(opt, "w")
    UpdateAnatomy('Adam, term by term': w, 2 coordinates, t = 1)
    """

    def __init__(
        self,
        source: Any,
        param: Any = None,
        *,
        clip: Any = None,
        schedule: Any = None,
        ghosts: Mapping[str, Mapping[str, Any]] | None = None,
        coordinates: Sequence[Any] = (),
        step: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        steps = _explanations(source, param)
        clips = [None] * len(steps) if clip is None else [clip] if len(steps) == 1 and isinstance(clip, tuple) else clip
        if len(clips) != len(steps):
            raise HyperparameterError(f"UpdateAnatomy: {len(clips)} clippings for {len(steps)} updates")
        before = [_unclipped(e, c) for e, c in zip(steps, clips, strict=True)]
        if len(steps) > STEPS:
            kept = np.unique(np.linspace(0, len(steps) - 1, STEPS).astype(int))
            steps, before = [steps[i] for i in kept], [before[i] for i in kept]
        if schedule is not None and not callable(schedule):
            what = f"UpdateAnatomy: schedule is a {type(schedule).__name__}"
            raise HandleTypeError(what, None, "tl.schedules.cosine(...)")
        self.anatomy = Anatomy(steps, before, schedule, ghosts)
        self._columns = self.anatomy.columns(coordinates)
        sent = self.anatomy.sent(self._columns)
        super().__init__(
            anatomy_payload(self.anatomy, self._columns, sent), steps=len(steps) - 1, step=step, controls=controls,
            presentation=presentation, state=state,
            title=title or f"{visible(steps[0].rule.class_name, 40)}, term by term",
        )
        self.on_msg(lambda _, message, __: self._asked(message))

    def _asked(self, message: Any) -> None:
        """The front end wants a coordinate that did not travel."""
        if not isinstance(message, Mapping) or message.get("kind") != "coordinate":
            return
        try:
            self.send_coordinate(message.get("index"))
        except HyperparameterError as e:
            self.send({"kind": "say", "text": str(e).splitlines()[0]})

    def send_coordinate(self, index: Any) -> None:
        """Let the front end show one more coordinate of a large parameter.

        Raises
        ------
        HyperparameterError
            For an index outside of the parameter.
        """
        wanted = flat_index(self.anatomy.shape, tuple(index) if isinstance(index, list) else index)
        self.payload = anatomy_payload(self.anatomy, self._columns, sorted({*self.payload["sent"], wanted}))

    @property
    def columns(self) -> list[int]:
        """Row-major places of the coordinates that are shown."""
        chosen = self.state.get("columns")
        size = int(np.prod(self.anatomy.shape))
        good = isinstance(chosen, list) and chosen and all(isinstance(i, int) and 0 <= i < size for i in chosen)
        return chosen[:SHOWN] if good else self._columns

    def describe(self) -> str:
        """Whose update, how large, and at which step."""
        size, e = int(np.prod(self.anatomy.shape)), self.anatomy.steps[self.step]
        return f"{self.anatomy.name}, {size} {'coordinate' if size == 1 else 'coordinates'}, t = {e.step}"

    def to_svg(self) -> str:
        """Picture of the step that is shown."""
        off = self.state.get("ghosts")
        on = [g for g in off if isinstance(g, str)] if isinstance(off, list) else self.payload["on"]
        return anatomy_svg(self.anatomy, self.step, self.columns, on, self.state.get("at"))

    def to_text(self) -> str:
        """Table of the terms at the step that is shown, and the terms in words."""
        return anatomy_text(self.anatomy, self.step, self.columns, self.state.get("at"))


def _explanations(source: Any, param: Any) -> list[Explanation]:
    if hasattr(source, "explain"):
        if param is None and len(source.params) > 1:
            known = ", ".join(visible(k, 20) for k in list(source.params)[:8])
            raise HandleTypeError("UpdateAnatomy: whose update?", None, f"UpdateAnatomy(opt, name), one of {known}")
        return [source.explain(0 if param is None else param)]
    steps = [source] if isinstance(source, Explanation) else list(source) if isinstance(source, list | tuple) else []
    if not steps or not all(isinstance(e, Explanation) for e in steps):
        raise HandleTypeError(
            f"UpdateAnatomy: expected an optimizer or what it explains, got {type(source).__name__}",
            None, "UpdateAnatomy(opt, 'w'), or a list of opt.explain('w')",
        )  # fmt: skip
    return steps


def _unclipped(e: Explanation, clip: Any) -> np.ndarray | None:
    """The gradient before clipping, of the right parameter and checked against the one after."""
    if clip is None:
        return None
    if not isinstance(clip, tuple | list) or len(clip) != 2:
        raise HyperparameterError("UpdateAnatomy: clip must be (before, after)")
    before, after = (None if c is None else np.asarray(host(c[e.name] if isinstance(c, Mapping) else c)) for c in clip)
    if before is None or before.shape != e.before.shape:
        raise ShapeError(f"UpdateAnatomy: clip is not of the shape {e.before.shape} of {visible(e.name)!r}")
    if after is not None and not np.array_equal(np.abs(after.astype(e.grad.dtype)), np.abs(e.grad), equal_nan=True):
        raise HyperparameterError("UpdateAnatomy: the clipped gradient is not the one of this update")
    return before.astype(e.grad.dtype)
