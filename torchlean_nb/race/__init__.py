"""Optimizer races: ``tl.race(["sgd", "adam"], on="rosenbrock")``, the same rules as `torchlean_nb.optim`.

``running`` starts a race: ``contenders`` reads what runs, ``heats`` decides how. ``lockstep`` moves all paths of all
contenders as arrays, on ``straight`` calls for the surface and the ``programs`` of the rules; ``loops`` are of Python
floats, ``native`` ones of numba; ``engine`` keeps records and moves what needs an optimizer for each path, on the
compiled ``field``. ``applicable`` tells who can race, ``anatomy`` what a step of a path was made of.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from torchlean_nb.race.contenders import Contender, contenders
from torchlean_nb.race.running import run

__all__ = ["Contender", "applicable", "contenders", "fair", "problem", "run", "sweep"]

# Functions and the modules they stand in, loaded when first asked for.
_LAZY = {"applicable": "applicable", "fair": "fair", "problem": "problems", "sweep": "sweep"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


class _Race(ModuleType):
    """The module itself starts a race when it is called."""

    __call__ = staticmethod(run)

    def __setattr__(self, name: str, value: Any) -> None:
        # An import binds the module; who asks for the name wants the function in it.
        super().__setattr__(name, getattr(value, name) if name in _LAZY and isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = _Race
