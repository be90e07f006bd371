"""Compiled functions: traced once, lowered to primitives, planned, and written out as NumPy a person can read.

``lowering`` runs the same rules under a recorder until only primitives are left, ``passes`` make the line shorter,
``plan`` decides which line writes into which array, ``emit`` and ``source`` write it down, ``program`` runs it.
"""

from torchlean_nb.compiler.lowering import Graph, Line
from torchlean_nb.compiler.plan import Plan
from torchlean_nb.compiler.program import Program, compile

__all__ = ["Graph", "Line", "Plan", "Program", "compile"]
