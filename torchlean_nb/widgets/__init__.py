"""Widgets: views of frozen traces with a few controls, stepped in the browser.

``base.View`` is what they share: one payload, a small state, static twins. `GraphStepper` steps
through a trace, `TapeTable` lists it, `GradientLedger` takes one gradient apart, `TensorView`
shows an array, `ScheduleDesigner` shapes learning rates, `UpdateAnatomy` takes an
optimizer's step apart; `ShapePuzzle`, `LossExplorer` and `GradientCloud` belong to lessons,
`Gallery` shows pictures made beforehand. `TrainingDashboard` shows trainings, `DecisionBoundary` what a
model says everywhere while it learns, `ConfusionView` what it takes for what. `ProgramView` steps through what
``tl.compile`` made. `Leaderboard` judges optimizers fairly, `RaceArena` races them over a surface.
`LandscapeExplorer` shows planes through a loss. The front end is plain JavaScript in ``render/static``.
"""

from torchlean_nb.errors import NoAttributeError as _NoAttributeError
from torchlean_nb.widgets.anatomy import UpdateAnatomy as UpdateAnatomy
from torchlean_nb.widgets.confusion_view import ConfusionView as ConfusionView
from torchlean_nb.widgets.decision_boundary import DecisionBoundary as DecisionBoundary
from torchlean_nb.widgets.gallery import Gallery as Gallery
from torchlean_nb.widgets.gradient_cloud import GradientCloud as GradientCloud
from torchlean_nb.widgets.gradient_ledger import GradientLedger as GradientLedger
from torchlean_nb.widgets.graph_stepper import GraphStepper as GraphStepper
from torchlean_nb.widgets.landscape_explorer import LandscapeExplorer as LandscapeExplorer
from torchlean_nb.widgets.leaderboard import Leaderboard as Leaderboard
from torchlean_nb.widgets.loss_explorer import LossExplorer as LossExplorer
from torchlean_nb.widgets.program_view import ProgramView as ProgramView
from torchlean_nb.widgets.race_arena import RaceArena as RaceArena
from torchlean_nb.widgets.schedule_designer import ScheduleDesigner as ScheduleDesigner
from torchlean_nb.widgets.shape_puzzle import ShapePuzzle as ShapePuzzle
from torchlean_nb.widgets.tape_table import TapeTable as TapeTable
from torchlean_nb.widgets.tensor_view import TensorView as TensorView
from torchlean_nb.widgets.training_dashboard import TrainingDashboard as TrainingDashboard

__all__ = [
    "ConfusionView", "DecisionBoundary", "Gallery", "GradientCloud", "GradientLedger", "GraphStepper",
    "LandscapeExplorer", "Leaderboard", "LossExplorer", "ProgramView", "RaceArena", "ScheduleDesigner", "ShapePuzzle",
    "TapeTable", "TensorView", "TrainingDashboard", "UpdateAnatomy",
]  # fmt: skip


def __getattr__(name: str):
    raise _NoAttributeError.of("tl.widgets", name, __all__)
