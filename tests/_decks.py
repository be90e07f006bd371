"""A small deck of pictures for tests of the Gallery."""

from torchlean_nb.render.lesson_deck import Deck, Frame, Knob
from torchlean_nb.render.stills import words


def deck(name):
    """A slider of three, a choice of two and a tick, all labelled with `name`."""
    knobs = (Knob(name, ("a", name, "c"), 1, "slide"), Knob(name, ("x", name)), Knob(name, ("off", "on"), 1, "tick"))
    frames = {
        (i, j, k): Frame(words(10, 20, f"{name} {i}{j}{k}"), f"{name} at {i}{j}{k}.", ((name, str(i)), ("b", str(j))))
        for i in range(3) for j in range(2) for k in range(2)
    }  # fmt: skip
    return Deck(name, knobs, frames, (name, "number"), (200.0, 60.0))
