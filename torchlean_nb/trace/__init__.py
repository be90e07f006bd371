"""Traces: frozen, JSON-able records of what happened, and the table of their renderers.

``graph.GraphTrace`` holds one forward and backward sweep; ``ledger.Ledger`` the contributions
to one gradient; ``arrays`` their exact JSON form; ``formats`` the table of renderers.
"""

from torchlean_nb.trace.formats import RENDERERS as RENDERERS
from torchlean_nb.trace.graph import Edge as Edge
from torchlean_nb.trace.graph import GraphTrace as GraphTrace
from torchlean_nb.trace.graph import TraceNode as TraceNode
from torchlean_nb.trace.ledger import Ledger as Ledger

__all__ = ["Edge", "GraphTrace", "Ledger", "RENDERERS", "TraceNode"]
