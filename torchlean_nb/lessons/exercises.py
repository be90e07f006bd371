"""The table of exercises, lesson by lesson."""

from torchlean_nb.lessons import accumulation, adaptive, descent, graph, rates, start, tape
from torchlean_nb.lessons.row import Exercise

EXERCISES: dict[str, Exercise] = {
    row.id: row for lesson in (start, graph, tape, accumulation, descent, adaptive, rates) for row in lesson.ROWS
}
