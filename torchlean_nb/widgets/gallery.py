"""Gallery: pictures made beforehand; a slider, choices and ticks say which one is seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torchlean_nb.errors import HandleTypeError
from torchlean_nb.escape import visible
from torchlean_nb.render.lesson_deck import Deck
from torchlean_nb.widgets.base import View, read_state


class Gallery(View):
    """One picture per setting of a few knobs; the browser shows the one that is chosen, without a kernel.

    Parameters
    ----------
    deck : Deck
    step : int, optional
        Place of the slider, where there is one.
    controls, title, presentation, state
        As for every widget; ``state={"pick": [...]}`` holds the places of the other knobs.

    Raises
    ------
    HandleTypeError

    Examples
    --------
    >>> from torchlean_nb.render.lesson_deck import Deck, Frame, Knob
    >>> frames = {(0,): Frame("", "one eye"), (1,): Frame("", "two eyes")}
    >>> Gallery(Deck("A die", (Knob("side", ("1", "2"), start=1),), frames))
    Gallery('A die': side: 2. two eyes)
    """

    def __init__(
        self,
        deck: Deck,
        step: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        if not isinstance(deck, Deck):
            raise HandleTypeError(f"Gallery: expected a Deck, got {type(deck).__name__}")
        self.deck = deck
        slides = bool(deck.knobs) and deck.knobs[0].kind == "slide"
        given = {"step": deck.start[0]} | read_state(state) if slides else state
        super().__init__(
            deck.to_payload(), steps=len(deck.knobs[0].values) - 1 if slides else 0, step=step, controls=controls,
            title=title or deck.title, presentation=presentation, state=given,
        )  # fmt: skip

    @property
    def places(self) -> tuple[int, ...]:
        """Places of the values that are chosen."""
        slide = [self.step] if self.deck.knobs and self.deck.knobs[0].kind == "slide" else []
        rest, picked = self.deck.knobs[len(slide) :], self.state.get("pick")
        picked = picked if isinstance(picked, list) and len(picked) == len(rest) else [None] * len(rest)
        fits = [type(i) is int and 0 <= i < len(k.values) for i, k in zip(picked, rest, strict=True)]
        return (*slide, *(i if ok else k.start for i, k, ok in zip(picked, rest, fits, strict=True)))

    def describe(self) -> str:
        """The setting, and what is seen."""
        return f"{self.deck.chosen(self.places)}. {visible(self.deck.at(self.places).says, 400)}"

    def to_text(self) -> str:
        """The setting, its sentence and its table."""
        return self.deck.to_text(self.places)

    def to_svg(self) -> str:
        """Picture of the setting."""
        return self.deck.to_svg(self.places)
