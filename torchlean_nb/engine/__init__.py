"""The engine: a tape that records, sweeps that read it both ways, and a Session that owns it.

``tape`` records ops and their values, ``recorder`` lets rules themselves be recorded, ``reverse``
and ``forward`` are the two sweeps, ``tensor`` and ``session`` what users hold, ``transforms`` the
functions of functions, ``tracing`` makes a sweep into a `GraphTrace`.
"""

from torchlean_nb.engine.curvature import hessian_diagonal as hessian_diagonal
from torchlean_nb.engine.gradients import Gradients as Gradients
from torchlean_nb.engine.session import Param as Param
from torchlean_nb.engine.session import Session as Session
from torchlean_nb.engine.session import StepReport as StepReport
from torchlean_nb.engine.tape import Node as Node
from torchlean_nb.engine.tape import Tape as Tape
from torchlean_nb.engine.tensor import Tensor as Tensor
from torchlean_nb.engine.transforms import grad as grad
from torchlean_nb.engine.transforms import hessian as hessian
from torchlean_nb.engine.transforms import hvp as hvp
from torchlean_nb.engine.transforms import jacfwd as jacfwd
from torchlean_nb.engine.transforms import jacrev as jacrev
from torchlean_nb.engine.transforms import jvp as jvp
from torchlean_nb.engine.transforms import value_and_grad as value_and_grad
from torchlean_nb.engine.transforms import vjp as vjp

__all__ = [
    "Gradients", "Node", "Param", "Session", "StepReport", "Tape", "Tensor", "grad", "hessian", "hessian_diagonal",
    "hvp", "jacfwd", "jacrev", "jvp", "value_and_grad", "vjp",
]  # fmt: skip
