"""Imperative shells over the pure update rules: the torch-shaped classes of ``tl.optim``.

``cells`` is where parameters live, ``optimizer`` plans and commits a step, ``state`` is what it
remembers, ``explain`` takes the last update apart. No formula stands here.
"""

from torchlean_nb.shells.explain import Explanation as Explanation
from torchlean_nb.shells.optimizer import Optimizer as Optimizer
from torchlean_nb.shells.optimizer import Snapshot as Snapshot
from torchlean_nb.shells.optimizer import class_of as class_of

__all__ = ["Explanation", "Optimizer", "Snapshot", "class_of"]
