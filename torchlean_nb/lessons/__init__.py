"""Graders of the lessons: plain functions on plain values, which no widget ever touches.

``check("01.dw", answer)`` says right, or not yet and which known mistake gives that answer.
``hint("01.dw")`` helps without the answer, ``reveal("01.dw")`` gives it. `EXERCISES` is the
table: one row per exercise, its answer and its wrong answers computed by the engine when asked.
`thermometer` and `lr_cliff` make what the Gallery of lesson 13 shows, `newton_deck` and `muon_deck` that of
lesson 15, `time_machine` that of
lesson 20, `workbench` that of lesson 21.
"""

from torchlean_nb.lessons.answers import read_answer as read_answer
from torchlean_nb.lessons.curvature import muon_deck as muon_deck
from torchlean_nb.lessons.curvature import newton_deck as newton_deck
from torchlean_nb.lessons.depth import lr_cliff as lr_cliff
from torchlean_nb.lessons.depth import thermometer as thermometer
from torchlean_nb.lessons.exercises import EXERCISES as EXERCISES
from torchlean_nb.lessons.grading import Feedback as Feedback
from torchlean_nb.lessons.grading import check as check
from torchlean_nb.lessons.grading import hint as hint
from torchlean_nb.lessons.grading import reveal as reveal
from torchlean_nb.lessons.misconceptions import MISCONCEPTIONS as MISCONCEPTIONS
from torchlean_nb.lessons.published import workbench as workbench
from torchlean_nb.lessons.resume import time_machine as time_machine
from torchlean_nb.lessons.row import Exercise as Exercise

__all__ = [
    "EXERCISES", "Exercise", "Feedback", "MISCONCEPTIONS", "check", "hint", "lr_cliff", "muon_deck", "newton_deck",
    "read_answer", "reveal", "thermometer", "time_machine", "workbench",
]  # fmt: skip
