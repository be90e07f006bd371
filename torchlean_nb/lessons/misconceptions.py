"""Mistakes that have a name: one sentence each, and where to look."""

from torchlean_nb.lessons import mistakes_descent, mistakes_graph, mistakes_networks, mistakes_runs
from torchlean_nb.lessons.row import Misconception

MISCONCEPTIONS: dict[str, Misconception] = {
    **mistakes_graph.MISTAKES, **mistakes_networks.MISTAKES, **mistakes_descent.MISTAKES, **mistakes_runs.MISTAKES,
}  # fmt: skip
