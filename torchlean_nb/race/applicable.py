"""Who can race: optimizers that need no more than a surface has."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb import optim
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.race.contenders import contenders
from torchlean_nb.race.engine import facade
from torchlean_nb.surfaces import surface_of


def applicable(on: Any = "rosenbrock") -> list[str]:
    """Names of all optimizers that can race over a surface with their defaults.

    Left out are transforms and wrappers, which are no optimizers by themselves, and what needs residuals, examples or
    a matrix.

    Parameters
    ----------
    on : str, mapping, Surface or callable

    Raises
    ------
    UnknownNameError, HyperparameterError
        For what is no surface.

    Examples
    --------
    >>> names = applicable()
    >>> [name in names for name in ("adam", "lbfgs", "gauss_newton", "muon", "clip_norm")]
    [True, True, False, False, False]
    """
    start = np.array(surface_of(on).start, float)
    return [name for name in optim.available() if _starts(name, start)]


def _starts(name: str, start: np.ndarray) -> bool:
    try:
        facade(contenders([name])[0], 0, start)
    except TorchLeanError:
        return False
    return True
