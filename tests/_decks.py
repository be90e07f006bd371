"""A small deck of pictures and a small film of a boundary, for tests of the widgets that show them."""

import numpy as np

from torchlean_nb.render.lesson_deck import Deck, Frame, Knob
from torchlean_nb.render.stills import words
from torchlean_nb.trace.boundary import BoundaryTrace


def deck(name):
    """A slider of three, a choice of two and a tick, all labelled with `name`."""
    knobs = (Knob(name, ("a", name, "c"), 1, "slide"), Knob(name, ("x", name)), Knob(name, ("off", "on"), 1, "tick"))
    frames = {
        (i, j, k): Frame(words(10, 20, f"{name} {i}{j}{k}"), f"{name} at {i}{j}{k}.", ((name, str(i)), ("b", str(j))))
        for i in range(3) for j in range(2) for k in range(2)
    }  # fmt: skip
    return Deck(name, knobs, frames, (name, "number"), (200.0, 60.0))


def film(name="moons", label="a"):
    """Two frames of a boundary between two classes."""
    codes = np.arange(32).reshape(2, 4, 4) * 8 % 254
    return BoundaryTrace(name, [0, 9], [0.7, 0.25], codes, [[0.5, 0.5], [0.1, 0.2]], [0, 1], [[1, 1], [0, 1]],
                         (0, 1, 0, 1), (label, "b"), axes=(label, "y"))  # fmt: skip
