"""Loss landscapes: ``tl.landscape(trainer, data, plane="pca", trajectory=path).show()``, and what they hide.

``objective`` is the loss as a function of one vector of parameters, ``directions`` span planes in their space,
``trajectory`` keeps where a training was, ``survey`` computes planes, ``lines`` the way between two solutions and what
rescaling does, ``lanczos`` the ends of the Hessian's spectrum.
"""

import sys
from types import ModuleType

from torchlean_nb.landscape.lanczos import Eigenvalues, density, eigenvalues, lanczos
from torchlean_nb.landscape.lines import line, rescalings
from torchlean_nb.landscape.objective import Objective
from torchlean_nb.landscape.survey import survey
from torchlean_nb.landscape.trajectory import Trajectory

__all__ = [
    "Eigenvalues", "Objective", "Trajectory", "density", "eigenvalues", "lanczos", "line", "rescalings", "survey",
]  # fmt: skip


class _Landscape(ModuleType):
    """The module itself is `survey` when it is called."""

    __call__ = staticmethod(survey)


sys.modules[__name__].__class__ = _Landscape
