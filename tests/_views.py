"""Every widget with one name wherever a name can be."""

import _fair
import _landscapes
import _programs
import _traces
import numpy as np
from _decks import deck, film

import torchlean_nb as tl
from torchlean_nb.widgets import GradientLedger, GraphStepper, ScheduleDesigner, TapeTable, TensorView, UpdateAnatomy


def update(name):
    """One step of SGD."""
    opt = tl.optim.SGD({name: np.array([1.0, -2.0])}, lr=0.1)
    opt.step({name: np.array([0.3, -4.0])})
    return opt.explain(name)


MAKE = {
    "anatomy": lambda name: UpdateAnatomy(update(name)),
    "schedules": lambda name: ScheduleDesigner({name: tl.schedules.cosine(0.1, total=9)}, steps=9),
    "stepper": lambda name: GraphStepper(_traces.named(name)),
    "table": lambda name: TapeTable(_traces.named(name)),
    "ledger": lambda name: GradientLedger(_traces.named(name), 1),
    "tensor": lambda name: TensorView(np.ones((2, 2)), name),
    "puzzle": lambda name: tl.widgets.ShapePuzzle(np.eye(2), np.eye(2), np.eye(2), title=name),
    "losses": lambda name: tl.widgets.LossExplorer({name: lambda z, t: z * t}, axis=name, points=3),
    "gallery": lambda name: tl.widgets.Gallery(deck(name)),
    "cloud": lambda name: tl.widgets.GradientCloud({name: np.eye(2)}, axes=(name, name), word=name, steps=name),
    "confusion": lambda name: tl.widgets.ConfusionView(([0, 1], [0, 0]), np.eye(2), labels=(name, "b"), title=name),
    "program": lambda name: tl.widgets.ProgramView(_programs.named(name)),
    "leaderboard": lambda name: tl.widgets.Leaderboard(_fair.both(first=name), title=name),
    "landscape": lambda name: tl.widgets.LandscapeExplorer(_landscapes.named(name)),
    "boundary": lambda name: tl.widgets.DecisionBoundary(film(name, name)),
}
