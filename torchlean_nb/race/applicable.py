"""Who can race: optimizers that need no more than a surface has."""

from __future__ import annotations

from typing import Any

from torchlean_nb import optim
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.race.contenders import contenders
from torchlean_nb.race.engine import facade
from torchlean_nb.surfaces import surface_of


def applicable(on: Any = "rosenbrock") -> list[str]:
    """Names of all optimizers that can race over a surface.

    Examples
    --------
    >>> names = applicable()
    >>> "adam" in names, "lbfgs" in names, "gauss_newton" in names, "clip_by_norm" in names
    (True, True, False, False)
    """
    surface, out = surface_of(on), []
    return out
