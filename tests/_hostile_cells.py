"""Cells of a notebook in which names are attacks: every widget, everything that shows itself, and whatever is typed."""

from __future__ import annotations

import csv

import _hostile
import numpy as np
from IPython import get_ipython
from IPython.display import display

import torchlean_nb as tl
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.lessons import check
from torchlean_nb.render.plots import contours, curves
from torchlean_nb.surfaces._row import surface_of


def table(name):
    """A file in which a column and a class have this name, trained on."""
    rows = [[x, x % 3, name if x < 4 else "other"] for x in range(8)]
    with open("named.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[name, "b", "kind"], *rows])
    data = tl.data.read_csv("named.csv", label="kind")
    model = tl.nn.Sequential(tl.nn.Linear(2, 2))
    fitted = tl.Trainer(model, task="classification", schedule=0.1).fit(data, steps=2, progress=False)
    display(data, fitted, tl.widgets.ConfusionView(fitted, data))


def session(name):
    """A parameter, a scope and a loss of this name."""
    s = tl.Session()
    with s.scope(name):
        x = s.param(np.eye(2), name=name)
        loss = tl.sum(tl.tanh(x)).named(name)
    display(s.show(loss), s.backward(loss), s.trace(loss), x)


def graded(name):
    """An answer, and an exercise, of this name."""
    display(check("01.dw", name))
    display(check("01.dw", {name: [name]}))


def drawn(name):
    """Pictures with this name as title, as axis and as path."""
    display(contours(lambda x, y: x * y, {name: [[0, 0], [1, 1]]}, title=name, names=(name, name)))
    display(curves({name: [1.0, 0.1]}, x=name, y=name, title=name))


def refused(name):
    """Errors that quote this name: an expression, a rule, an exercise."""
    for attempt in (lambda: surface_of(name), lambda: tl.optim.row(name), lambda: check(name, 1)):
        try:
            attempt()
        except TorchLeanError:
            get_ipython().showtraceback(exception_only=True)


TYPED = (table, session, graded, drawn, refused)


def each(makers, names):
    """Show what every maker makes of its share of the names."""
    makers = list(makers)
    for i, make in enumerate(makers):
        for name in names[i :: len(makers)]:
            made = make(name)
            if made is not None:
                display(made)


def widgets(names):
    """Every kind of widget."""
    each(_hostile.VIEWS.values(), names)


def traces(names):
    """Whatever shows itself: traces, rows, surfaces, updates."""
    each(_hostile.TRACES.values(), names)


def typed(names):
    """What a user types in a notebook."""
    each(TYPED, names)
