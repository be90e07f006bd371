"""The table of exercises, lesson by lesson."""

from torchlean_nb.lessons import (
    accumulation,
    adaptive,
    curvature,
    descent,
    fair,
    graph,
    initialisation,
    landscapes,
    layers,
    losses,
    noise,
    published,
    rates,
    resume,
    start,
    tape,
    two_schedules,
)
from torchlean_nb.lessons.row import Exercise

LESSONS = (
    start, graph, tape, accumulation, layers, losses, descent, adaptive, rates, noise, initialisation, curvature,
    landscapes, resume, two_schedules, published, fair,
)  # fmt: skip
EXERCISES: dict[str, Exercise] = {row.id: row for lesson in LESSONS for row in lesson.ROWS}
