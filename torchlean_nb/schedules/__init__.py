"""Learning rates over time: pure functions of the step, as rows of one table.

``steps``, ``decay``, ``waves``, ``cycles`` and ``warmup`` have the shapes, ``classics`` and ``transformers`` those a
paper or a library is known for, ``compose`` puts them together. What looks at a metric is a state machine, in
``plateau`` and ``reduce``; ``lr_scheduler`` drives an optimizer in PyTorch's words.
"""

from importlib import import_module as _import_module
from typing import Any as _Any

from torchlean_nb.errors import NoAttributeError as _NoAttributeError
from torchlean_nb.schedules._row import SCHEDULES, Row, Schedule, available, lookup, schedule
from torchlean_nb.schedules.classics import bottou, chebyshev, deeplab_poly, natural_exp, snapshot, sqrt_decay
from torchlean_nb.schedules.compose import add, join, scale, sgdr
from torchlean_nb.schedules.cycles import (
    cyclic,
    cyclic_momentum,
    one_cycle,
    one_cycle_lr,
    one_cycle_momentum,
    triangular,
)
from torchlean_nb.schedules.decay import (
    exponential_decay,
    inverse_sqrt,
    inverse_time,
    linear,
    linear_factor,
    lr_finder,
    noam,
    polynomial,
    rex,
)
from torchlean_nb.schedules.reduce import PlateauState, reduce_on_plateau
from torchlean_nb.schedules.steps import (
    constant,
    constant_factor,
    custom,
    lambda_,
    multiplicative,
    multistep,
    piecewise_constant,
    piecewise_interpolate,
    step_decay,
)
from torchlean_nb.schedules.transformers import (
    warmup_inverse_sqrt,
    warmup_linear,
    warmup_polynomial,
    warmup_restarts,
    warmup_waves,
    warmup_waves_min,
    warmup_waves_start,
)
from torchlean_nb.schedules.warmup import (
    cosine_onecycle,
    linear_onecycle,
    linear_warmup,
    trapezoid,
    warmup_cosine,
    warmup_cosine_decay,
    warmup_cosine_floor,
    warmup_exponential_decay,
    wsd,
)
from torchlean_nb.schedules.waves import cosine, cosine_annealing, cosine_decay, swa, warm_restarts

__all__ = [
    "SCHEDULES", "Row", "Schedule", "available", "lookup", "schedule",
    "add", "join", "scale", "sgdr",
    "constant", "constant_factor", "step_decay", "multistep", "piecewise_constant", "piecewise_interpolate",
    "custom", "lambda_", "multiplicative",
    "exponential_decay", "linear_factor", "polynomial", "linear", "inverse_time", "inverse_sqrt", "noam", "rex",
    "lr_finder",
    "cosine", "cosine_annealing", "cosine_decay", "warm_restarts", "swa",
    "cyclic", "cyclic_momentum", "triangular", "one_cycle", "one_cycle_lr", "one_cycle_momentum",
    "linear_warmup", "warmup_cosine", "warmup_cosine_decay", "warmup_exponential_decay", "wsd", "trapezoid",
    "linear_onecycle", "cosine_onecycle", "warmup_cosine_floor", "warmup_linear", "warmup_waves", "warmup_waves_min",
    "warmup_waves_start", "warmup_restarts", "warmup_polynomial", "warmup_inverse_sqrt",
    "natural_exp", "sqrt_decay", "bottou", "deeplab_poly", "snapshot", "chebyshev",
    "reduce_on_plateau", "PlateauState",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    schedulers = _import_module("torchlean_nb.schedules.lr_scheduler")
    if name in schedulers.__all__:
        return getattr(schedulers, name)
    raise _NoAttributeError.of("tl.schedules", name, __dir__())


def __dir__() -> list[str]:
    return sorted({*__all__, *available(), "lr_scheduler"})
