"""Pictures made beforehand, one for each setting of a few knobs: the data of the Gallery widget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.escape import visible
from torchlean_nb.render.stills import still

_COMBINATIONS = 1000


@dataclass(frozen=True)
class Knob:
    """One thing to choose.

    Parameters
    ----------
    label : str
    values : tuple of str
        What there is to choose from; a tick has two, off and on.
    start : int
        Place of the value to begin with.
    kind : {"choice", "tick", "slide"}
        Buttons, a box to tick, or the slider, of which there is at most one and it comes first.
    """

    label: str
    values: tuple[str, ...]
    start: int = 0
    kind: str = "choice"


@dataclass(frozen=True)
class Frame:
    """What is seen at one setting: SVG without its outer element, one sentence, and the rows of a table."""

    body: str
    says: str
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class Deck:
    """All settings of the knobs, and what is seen at each.

    Parameters
    ----------
    title : str
    knobs : tuple of Knob
    frames : mapping of tuple of int to Frame
        By the places of the chosen values, one per knob.
    head : tuple of str
        Head of the table.
    size : (float, float)
        Width and height of the pictures.

    Raises
    ------
    HyperparameterError
        When a setting has no frame, or a slider is not the first knob.

    Examples
    --------
    >>> deck = Deck("dice", (Knob("side", ("1", "2")),), {(0,): Frame("", "one"), (1,): Frame("", "two")})
    >>> deck.at((1,)).says
    'two'
    """

    title: str
    knobs: tuple[Knob, ...]
    frames: Mapping[tuple[int, ...], Frame]
    head: tuple[str, ...] = ()
    size: tuple[float, float] = field(default=(680.0, 320.0))

    def __post_init__(self) -> None:
        if any(k.kind == "slide" for k in self.knobs[1:]):
            raise HyperparameterError("Deck: the slider must be the first knob")
        every = list(product(*(range(len(k.values)) for k in self.knobs)))
        missing = [at for at in every if at not in self.frames]
        if missing or len(every) > _COMBINATIONS:
            raise HyperparameterError(
                f"Deck: {len(every)} settings, {len(missing)} of them without a frame",
                f"every setting needs one, and there are at most {_COMBINATIONS}",
            )

    @property
    def start(self) -> tuple[int, ...]:
        """Places to begin with."""
        return tuple(k.start for k in self.knobs)

    def at(self, places: tuple[int, ...]) -> Frame:
        """What is seen at a setting."""
        return self.frames[places]

    def chosen(self, places: tuple[int, ...]) -> str:
        """A setting in words."""
        at = list(zip(self.knobs, places, strict=True))
        said = [f"{visible(k.label)}: {visible(k.values[i])}" for k, i in at if k.kind != "tick"]
        ticks = [(visible(k.label), i) for k, i in at if k.kind == "tick"]
        on = ", ".join(label for label, i in ticks if i) or "nothing"
        return ", ".join([*said, *([f"ticked: {on}"] if ticks else [])])

    def to_svg(self, places: tuple[int, ...]) -> str:
        """Self-contained picture of a setting."""
        frame = self.at(places)
        return still(*self.size, f"{self.title}. {frame.says}", [frame.body])

    def to_text(self, places: tuple[int, ...]) -> str:
        """A setting, its sentence and its table."""
        frame = self.at(places)
        rows = [[visible(c) for c in row] for row in ([self.head, *frame.rows] if self.head else frame.rows)]
        wide = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))] if rows else []
        lines = ["  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, wide, strict=True)))
                 for r in rows]  # fmt: skip
        return "\n".join([self.chosen(places), visible(frame.says, 400), *(line.rstrip() for line in lines)])

    def to_payload(self) -> dict[str, Any]:
        """Plain data for the browser."""
        return {
            "size": list(self.size), "head": [visible(t) for t in self.head],
            "knobs": [{"label": visible(k.label), "values": [visible(v) for v in k.values], "start": k.start,
                       "kind": k.kind} for k in self.knobs],
            "frames": {
                ".".join(map(str, at)): {"svg": f.body, "says": visible(f.says, 400),
                                         "rows": [[visible(c) for c in row] for row in f.rows]}
                for at, f in self.frames.items()
            },
        }  # fmt: skip
