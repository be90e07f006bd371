"""Array namespaces: the `xp` that rules receive as their first argument.

``namespace.ArrayNamespace`` computes with NumPy (or CuPy), ``exact.ExactNamespace`` with
fractions; the recorder that writes onto a tape lives with the tape, in ``engine``. Each offers
the same primitives and, by name, every other row, so a rule never knows which one it runs under.
"""

from torchlean_nb.backend.namespace import ArrayNamespace as ArrayNamespace
from torchlean_nb.backend.namespace import numpy_namespace as numpy_namespace
from torchlean_nb.backend.operators import Operators as Operators

__all__ = ["ArrayNamespace", "Operators", "numpy_namespace"]
