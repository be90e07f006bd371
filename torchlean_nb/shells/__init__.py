"""Imperative shells over pure rows: the torch-shaped classes of ``tl.optim``.

``cells`` are parameters without a session, ``given`` reads what users hand over, ``optimizer`` plans and
commits a step, ``apply`` runs a rule on a group, ``state`` is what is remembered, ``explain`` takes the last
update apart. ``symbols`` and ``program`` trace a rule to a straight line, ``flat`` and ``fused`` step whole
groups with it.
``closure``, ``asked`` and ``explain_method`` are the classes that evaluate the function themselves;
``averaging``, ``clip`` and ``lr_find`` go with any of them. No formula of an optimizer stands here.
"""

from torchlean_nb.shells.clip import clip_by_norm as clip_by_norm
from torchlean_nb.shells.clip import clip_by_percentile as clip_by_percentile
from torchlean_nb.shells.clip import clip_grad_norm as clip_grad_norm
from torchlean_nb.shells.clip import clip_grad_value as clip_grad_value
from torchlean_nb.shells.clip import total_norm as total_norm
from torchlean_nb.shells.explain import Explanation as Explanation
from torchlean_nb.shells.optimizer import Optimizer as Optimizer
from torchlean_nb.shells.optimizer import class_of as class_of
from torchlean_nb.shells.state import Snapshot as Snapshot

__all__ = [
    "Explanation", "Optimizer", "Snapshot", "class_of", "clip_by_norm", "clip_by_percentile", "clip_grad_norm",
    "clip_grad_value", "total_norm",
]  # fmt: skip
