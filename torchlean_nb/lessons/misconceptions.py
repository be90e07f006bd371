"""Mistakes that have a name: one sentence each, and where to look."""

from torchlean_nb.lessons import (
    mistakes_descent,
    mistakes_fair,
    mistakes_graph,
    mistakes_landscapes,
    mistakes_networks,
    mistakes_runs,
)
from torchlean_nb.lessons.row import Misconception

MISCONCEPTIONS: dict[str, Misconception] = {
    **mistakes_graph.MISTAKES, **mistakes_networks.MISTAKES, **mistakes_descent.MISTAKES, **mistakes_runs.MISTAKES,
    **mistakes_landscapes.MISTAKES, **mistakes_fair.MISTAKES,
}  # fmt: skip
