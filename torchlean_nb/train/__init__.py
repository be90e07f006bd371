"""Training: tasks and what runs them, and TorchLean's own surface.

A ``task`` is an architecture and one of the ``losses``; a ``runner`` has its arrays in a session, a ``stepper`` trains
it step by step, ``loops`` in TorchLean's order of events with what ``configs`` say. ``scalar`` does the same for a
plain function of parameters. ``table``, ``groups`` and ``step`` are TorchLean's parameter table, pure functions over
frozen data; ``require`` looks values and gradients up with its words for what is missing.

A ``trainer`` is for users: ``feed`` has its batches, ``updating`` makes its updates, ``fitting`` is the loop, ``mark``
what it goes back to when it is stopped, ``resume`` its state as data, ``result`` what comes of it. Beside it run
``rates``, ``callbacks``, ``early_stopping``, ``progress`` and ``observe``; ``evaluate`` measures with ``metrics``.
"""

from torchlean_nb.train import calibration as calibration
from torchlean_nb.train import metrics as metrics
from torchlean_nb.train.boundary import BoundaryRecorder as BoundaryRecorder
from torchlean_nb.train.callbacks import Callback as Callback
from torchlean_nb.train.callbacks import Checkpoint as Checkpoint
from torchlean_nb.train.callbacks import Moment as Moment
from torchlean_nb.train.configs import LoaderTrainConfig as LoaderTrainConfig
from torchlean_nb.train.configs import OptimizerConfig as OptimizerConfig
from torchlean_nb.train.configs import TrainConfig as TrainConfig
from torchlean_nb.train.configs import TrainReport as TrainReport
from torchlean_nb.train.configs import build_optimizer as build_optimizer
from torchlean_nb.train.configs import optimizer_lr as optimizer_lr
from torchlean_nb.train.configs import step_lr as step_lr
from torchlean_nb.train.early_stopping import EarlyStopping as EarlyStopping
from torchlean_nb.train.evaluate import evaluate as evaluate
from torchlean_nb.train.groups import LRScheduler as LRScheduler
from torchlean_nb.train.groups import ParamGroup as ParamGroup
from torchlean_nb.train.groups import group_map as group_map
from torchlean_nb.train.groups import update_group_schedulers as update_group_schedulers
from torchlean_nb.train.loops import train_dataset as train_dataset
from torchlean_nb.train.loops import train_loader as train_loader
from torchlean_nb.train.loops import train_samples as train_samples
from torchlean_nb.train.loops import with_mode as with_mode
from torchlean_nb.train.losses import LOSSES as LOSSES
from torchlean_nb.train.losses import Loss as Loss
from torchlean_nb.train.metrics import METRICS as METRICS
from torchlean_nb.train.metrics import Metric as Metric
from torchlean_nb.train.observe import Recorder as Recorder
from torchlean_nb.train.param_list import ParamList as ParamList
from torchlean_nb.train.require import require_grad as require_grad
from torchlean_nb.train.require import require_scalar as require_scalar
from torchlean_nb.train.require import require_value as require_value
from torchlean_nb.train.require import sgd_update as sgd_update
from torchlean_nb.train.result import TrainResult as TrainResult
from torchlean_nb.train.runner import Runner as Runner
from torchlean_nb.train.scalar import ScalarTrainer as ScalarTrainer
from torchlean_nb.train.scalar import mean_loss as mean_loss
from torchlean_nb.train.scalar import train_cycle as train_cycle
from torchlean_nb.train.state import OptimizerKind as OptimizerKind
from torchlean_nb.train.state import OptimizerState as OptimizerState
from torchlean_nb.train.state import OptimStateDict as OptimStateDict
from torchlean_nb.train.step import step as step
from torchlean_nb.train.stepper import Stepper as Stepper
from torchlean_nb.train.table import ParamEntry as ParamEntry
from torchlean_nb.train.table import ParamTable as ParamTable
from torchlean_nb.train.task import Task as Task
from torchlean_nb.train.task import classifier as classifier
from torchlean_nb.train.task import regression as regression
from torchlean_nb.train.trainer import Trainer as Trainer

__all__ = [
    "LOSSES", "METRICS", "BoundaryRecorder", "Callback", "Checkpoint", "EarlyStopping", "LRScheduler",
    "LoaderTrainConfig", "Loss",
    "Metric", "Moment", "OptimStateDict", "OptimizerConfig", "OptimizerKind", "OptimizerState", "ParamEntry",
    "ParamGroup", "ParamList", "ParamTable", "Recorder", "Runner", "ScalarTrainer", "Stepper", "Task", "TrainConfig",
    "TrainReport", "TrainResult", "Trainer", "build_optimizer", "classifier", "evaluate", "group_map", "mean_loss",
    "optimizer_lr", "regression", "require_grad", "require_scalar", "require_value", "sgd_update", "step",
    "step_lr", "train_cycle", "train_dataset", "train_loader", "train_samples", "update_group_schedulers",
    "with_mode",
]  # fmt: skip
