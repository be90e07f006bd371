"""What every widget is: a view of frozen data plus a few controls, and a static twin of itself.

The data is sent once; steps are drawn in the browser. Where no front end can be there (plain
terminal, grading, ``TORCHLEAN_NB_STATIC=1``) the same object shows its picture and its text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from operator import index
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython import get_ipython

from torchlean_nb.copies import Live
from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError, UnknownNameError, did_you_mean, quote
from torchlean_nb.outputs import shown
from torchlean_nb.render.files import write
from torchlean_nb.render.html import assets, page

STATIC_SWITCH = "TORCHLEAN_NB_STATIC"
CONTROLS = ("transport", "scrubber", "speed", "loop", "table", "export", "help", "panel", "narration")
_STATE_LIMIT = 100_000
_LINES = 39
# Cell -> the run of it that was seen last, and the widgets it showed.
_SHOWN: dict[str, tuple[str, list[View]]] = {}


def live() -> bool:
    """Whether a notebook kernel runs this code and widgets are not switched off."""
    shell = get_ipython()
    return not os.environ.get(STATIC_SWITCH) and getattr(shell, "kernel", None) is not None


class View(Live, anywidget.AnyWidget):
    """Base of the widgets: payload, options, state and step, and the displays of all of them.

    Parameters
    ----------
    payload : dict
        JSON-able data, sent once.
    steps : int
        Number of steps; `step` is clamped to ``0..steps``.
    step : int, optional
        Step to begin with; by default that of `state`, or else the last.
    controls : iterable of str, optional
        Controls to show (`CONTROLS`); all by default.
    title : str, optional
    presentation : bool
        Larger type, for a room.
    state : mapping or str, optional
        A state as read from `state`, or its JSON text.
    **options
        Further options for the front end.

    Raises
    ------
    UnknownNameError
        For a control that does not exist.
    HyperparameterError
        For a state that is not a small JSON object.
    HyperparameterTypeError
        For a step that is not a whole number.
    """

    # Whether one line is enough as the twin in words, because the picture is in words too.
    _brief = False
    _copying = ("it lives on a screen", "a widget made anew from the same data, with state=w.state")
    kind = traitlets.Unicode().tag(sync=True)
    payload = traitlets.Dict().tag(sync=True)
    options = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        payload: Mapping[str, Any],
        *,
        steps: int = 0,
        step: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
        **options: Any,
    ):
        self.steps, self.cells = steps, set()
        given = read_state(state)
        step = first_step(step, given, steps)
        # Both are set at once, in no order that can be relied on, and each follows the other: they must agree.
        given |= {"step": step} if "step" in given else {}
        super().__init__(
            kind=type(self).__name__,
            payload=dict(payload),
            options={"title": title, "presentation": bool(presentation), "controls": _known(controls), **options},
            state=given,
            step=step,
        )

    def __init_subclass__(cls, **kwargs: Any):
        if "_esm" not in vars(cls):  # anywidget derives a class per instance, with traits of these names
            cls._esm, cls._css = assets(cls.__name__)
        super().__init_subclass__(**kwargs)

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Traits as a front end sends them; what was sent to it once stays what it is."""
        super().set_state({k: v for k, v in sync_data.items() if k not in ("kind", "payload", "options")})

    @traitlets.validate("step")
    def _clamp(self, proposal: Any) -> int:
        return max(0, min(self.steps, int(proposal["value"])))

    @traitlets.validate("state")
    def _small(self, proposal: Any) -> dict[str, Any]:
        return read_state(proposal["value"])

    @traitlets.observe("state")
    def _follow(self, change: Any) -> None:
        step = change["new"].get("step")
        if isinstance(step, int) and step != self.step:
            self.step = step

    @traitlets.observe("step")
    def _note(self, change: Any) -> None:
        if self.state and self.state.get("step") != change["new"]:
            self.state = self.state | {"step": change["new"]}

    # -- the same thing without a front end ---------------------------------------------------
    def to_text(self) -> str:
        """Everything the widget shows, as text."""
        raise TypeError(f"{type(self).__name__} does not say what it shows")

    def to_svg(self) -> str | None:
        """Self-contained picture of what is shown now, where there is one."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain data the widget was made from, with its state."""
        return {"kind": self.kind, "payload": self.payload, "options": self.options, "state": self.now}

    @property
    def now(self) -> dict[str, Any]:
        """State as of now, to be pasted back as ``state=``."""
        return dict(self.state) | {"step": self.step}

    def to_html(self, path: str | Path | None = None) -> str:
        """Self-contained page that works without a kernel or a network; also written to `path`."""
        text = page(self.kind, self.payload, options=self.options, state=self.now, step=self.step, title=self.title)
        if path is not None:
            write(path, text)
        return text

    @property
    def title(self) -> str:
        """Title of the page and of the frame."""
        return str(self.options.get("title") or self.kind)

    def describe(self) -> str:
        """One line saying what is shown."""
        return f"step {self.step} of {self.steps}" if self.steps else ""

    def __repr__(self) -> str:
        said = self.describe()
        return f"{type(self).__name__}({quote(self.title)}{': ' + said if said else ''})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        said = [] if self._brief else self.to_text().splitlines()[:_LINES]
        picture = self.to_svg()
        still = {"text/plain": "\n".join([repr(self), *said])} | ({"image/svg+xml": picture} if picture else {})
        bundle = super()._repr_mimebundle_(**kwargs) if live() else None
        if bundle is None:
            return still, {}
        shown()
        _retire(self)
        data, metadata = bundle
        return data | still, metadata


def _retire(view: View) -> None:
    """Close what an earlier run of this cell showed and no other cell does: re-running must not pile up."""
    parent = get_ipython().kernel.get_parent()
    cell = parent.get("metadata", {}).get("cellId")
    run = parent.get("header", {}).get("msg_id", "")
    view.cells.add(cell)
    if cell is None:
        return
    last, shown = _SHOWN.get(cell, (run, []))
    if last != run:
        for old in shown:
            if old is not view and old.cells == {cell}:
                old.layout.close()
                old.close()
        shown = []
    _SHOWN[cell] = run, [*(v for v in shown if v is not view), view]


def read_state(state: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """State from a mapping or its JSON text; small and JSON-able, or refused."""
    if state is None:
        return {}
    try:
        state = json.loads(state) if isinstance(state, str) else state
        text = json.dumps(state, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as e:
        raise HyperparameterError("state: not JSON", str(e), "paste what .now shows") from e
    if not isinstance(state, Mapping):
        raise HyperparameterTypeError(f"state: expected an object, got {type(state).__name__}")
    if len(text) > _STATE_LIMIT:
        raise HyperparameterError(f"state: {len(text)} characters are more than {_STATE_LIMIT}")
    return dict(state)


def first_step(step: Any, state: Mapping[str, Any], steps: int) -> int:
    """Step to begin with: as asked for, or that of the state, or the last, inside ``0..steps``."""
    if step is None:
        step = state["step"] if type(state.get("step")) is int else steps
    try:
        return max(0, min(steps, index(step)))
    except TypeError as e:
        raise HyperparameterTypeError(f"step: expected a whole number, got {quote(step)}") from e


def inside(entry: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Index of an entry as the front end chose it; None when it is not one of such an array."""
    whole = isinstance(entry, list | tuple) and len(entry) == len(shape) and all(isinstance(i, int) for i in entry)
    return tuple(entry) if whole and all(0 <= i < n for i, n in zip(entry, shape, strict=True)) else None


def _known(controls: Iterable[str] | None) -> list[str] | None:
    if controls is None:
        return None
    names = [controls] if isinstance(controls, str) else list(controls)
    for name in names:
        if name not in CONTROLS:
            raise UnknownNameError(f"controls: no control {name!r}", did_you_mean(str(name), CONTROLS))
    return names
