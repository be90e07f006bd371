"""TorchLean's parameter-table training surface, as pure functions over frozen data.

``table`` has the parameters, ``groups`` options and schedules, ``step`` the step itself and its
state; ``require`` looks values and gradients up with TorchLean's words for what is missing.
"""

from torchlean_nb.train import calibration as calibration
from torchlean_nb.train import metrics as metrics
from torchlean_nb.train.groups import LRScheduler as LRScheduler
from torchlean_nb.train.groups import ParamGroup as ParamGroup
from torchlean_nb.train.groups import group_map as group_map
from torchlean_nb.train.groups import update_group_schedulers as update_group_schedulers
from torchlean_nb.train.require import require_grad as require_grad
from torchlean_nb.train.require import require_scalar as require_scalar
from torchlean_nb.train.require import require_value as require_value
from torchlean_nb.train.require import sgd_update as sgd_update
from torchlean_nb.train.state import OptimizerKind as OptimizerKind
from torchlean_nb.train.state import OptimizerState as OptimizerState
from torchlean_nb.train.state import OptimStateDict as OptimStateDict
from torchlean_nb.train.step import step as step
from torchlean_nb.train.table import ParamEntry as ParamEntry
from torchlean_nb.train.table import ParamTable as ParamTable

__all__ = [
    "LRScheduler", "OptimStateDict", "OptimizerKind", "OptimizerState", "ParamEntry", "ParamGroup", "ParamTable",
    "group_map", "require_grad", "require_scalar", "require_value", "sgd_update", "step", "update_group_schedulers",
]  # fmt: skip
