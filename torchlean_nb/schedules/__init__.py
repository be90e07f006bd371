"""Learning rates over time: pure functions of the step, as rows of one table."""

from torchlean_nb.schedules._row import SCHEDULES, Row, Schedule, available, lookup, schedule
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
from torchlean_nb.schedules.warmup import (
    cosine_onecycle,
    linear_onecycle,
    linear_warmup,
    trapezoid,
    warmup_cosine,
    warmup_cosine_decay,
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
    "linear_onecycle", "cosine_onecycle",
]  # fmt: skip
