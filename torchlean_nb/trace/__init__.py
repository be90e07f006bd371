"""Traces: frozen, JSON-able records of what happened, and the table of their renderers.

``graph.GraphTrace`` holds one forward and backward sweep; ``ledger.Ledger`` the contributions
to one gradient; ``run.RunTrace`` a training run, ``confusion.ConfusionMatrix`` what a classifier took for what,
``sampling`` makes long series short. ``train_log`` and ``experiment`` read and write TorchLean's logs. ``arrays`` and
``frozen`` have what all share, ``formats`` is the table of renderers.
"""

from torchlean_nb.trace.confusion import ConfusionMatrix as ConfusionMatrix
from torchlean_nb.trace.formats import RENDERERS as RENDERERS
from torchlean_nb.trace.graph import Edge as Edge
from torchlean_nb.trace.graph import GraphTrace as GraphTrace
from torchlean_nb.trace.graph import TraceNode as TraceNode
from torchlean_nb.trace.ledger import Ledger as Ledger
from torchlean_nb.trace.run import Event as Event
from torchlean_nb.trace.run import Histogram as Histogram
from torchlean_nb.trace.run import RunTrace as RunTrace
from torchlean_nb.trace.run import Series as Series
from torchlean_nb.trace.train_log import TrainLog as TrainLog

__all__ = [
    "ConfusionMatrix", "Edge", "Event", "GraphTrace", "Histogram", "Ledger", "RENDERERS", "RunTrace", "Series",
    "TraceNode", "TrainLog",
]  # fmt: skip
