"""Optimizer races: ``tl.race(["sgd", "adam"], on="rosenbrock")``, the same rules as `torchlean_nb.optim`.

``contenders`` reads what runs, ``field`` gives value and gradient of a surface at many points, ``engine`` moves all
paths at once as arrays, ``loops`` one by one in Python floats or numba, ``running`` puts them together.
"""

import sys
from types import ModuleType

from torchlean_nb.race.contenders import Contender, contenders
from torchlean_nb.race.running import run

__all__ = ["Contender", "contenders", "run"]


class _Race(ModuleType):
    """The module itself starts a race when it is called."""

    __call__ = staticmethod(run)


sys.modules[__name__].__class__ = _Race
