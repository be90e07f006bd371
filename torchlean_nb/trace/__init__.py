"""Traces: frozen, JSON-able records of what happened, and the table of their renderers.

``graph.GraphTrace`` holds one forward and backward sweep; ``ledger.Ledger`` the contributions
to one gradient; ``program.ProgramTrace`` a compiled program; ``run.RunTrace`` a training run,
``confusion.ConfusionMatrix`` what a classifier took for what, ``race.RaceTrace`` paths of optimizers over a surface,
``sweep.SweepTrace`` and ``fair.FairTrace`` many trainings compared, ``landscape.LandscapeTrace`` planes of a loss;
``sampling`` makes long series short. ``train_log`` and ``experiment`` read and write TorchLean's logs. ``arrays``,
``frozen`` and ``tables`` have what all share, ``formats`` is the table of renderers.
"""

from importlib import import_module as _import_module

_WHERE = {
    "ConfusionMatrix": "confusion", "Edge": "graph", "Event": "run", "GraphTrace": "graph", "Histogram": "run",
    "FairTrace": "fair", "LandscapeTrace": "landscape", "Ledger": "ledger", "ProgramTrace": "program",
    "RENDERERS": "formats", "RaceTrace": "race", "RunTrace": "run", "Series": "run", "SweepTrace": "sweep",
    "TraceNode": "graph", "TrainLog": "train_log",
}  # fmt: skip
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(_import_module(f"torchlean_nb.trace.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'torchlean_nb.trace' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
