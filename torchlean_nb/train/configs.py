"""What to train with, as data: optimizers, schedules, and how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any

from torchlean_nb import schedules
from torchlean_nb.errors import CapabilityError, HyperparameterError, HyperparameterTypeError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.minimizers import Method
from torchlean_nb.optim import row as find_row
from torchlean_nb.shells import Optimizer, class_of
from torchlean_nb.updates import UpdateRule, rule_of

COUNT = Hyper(kind="int", low=0)
LR = Hyper(low=0.0)
_KINDS = {
    "sgd": {}, "adagrad": {"eps": 1e-10}, "rmsprop": {"alpha": 0.99, "eps": 1e-8},
    "adam": {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8},
    "adamw": {"weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8}, "adadelta": {"rho": 0.9, "eps": 1e-6},
}  # fmt: skip


@dataclass(frozen=True)
class OptimizerConfig:
    """An optimizer by the name of its row and its hyperparameters, without parameters.

    The constructors have TorchLean's arguments and defaults, those of PyTorch; `parse` those of its command line.

    Examples
    --------
    >>> config = OptimizerConfig.adam(0.03)
    >>> config.lr, config.hypers["beta2"]
    (0.03, 0.999)
    >>> config == OptimizerConfig("adam", {"lr": 0.03, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8})
    True
    """

    name: str
    hypers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rule_of(self.name).resolve(self.hypers)
        object.__setattr__(self, "hypers", MappingProxyType(dict(self.hypers)))

    def __hash__(self) -> int:
        return hash((self.name, tuple(sorted(self.hypers.items()))))

    def __reduce__(self) -> Any:
        return OptimizerConfig, (self.name, dict(self.hypers))

    @property
    def lr(self) -> float:
        """Learning rate."""
        return float(rule_of(self.name).resolve(self.hypers)["lr"])

    @property
    def rule(self) -> UpdateRule:
        """The row with these hyperparameters."""
        return rule_of(self.name).with_hypers(**self.hypers)

    @classmethod
    def sgd(cls, lr: float, momentum: float = 0.0) -> OptimizerConfig:
        """Gradient descent; without momentum it keeps no state."""
        return cls("sgd", {"lr": lr, "momentum": momentum})

    @classmethod
    def momentum_sgd(cls, lr: float, momentum: float = 0.9) -> OptimizerConfig:
        """Gradient descent with momentum."""
        return cls.sgd(lr, momentum)

    @classmethod
    def adagrad(cls, lr: float, eps: float = 1e-10) -> OptimizerConfig:
        """AdaGrad."""
        return cls("adagrad", {"lr": lr, "eps": eps})

    @classmethod
    def rmsprop(cls, lr: float, decay: float = 0.99, eps: float = 1e-8) -> OptimizerConfig:
        """RMSProp."""
        return cls("rmsprop", {"lr": lr, "alpha": decay, "eps": eps})

    @classmethod
    def adam(cls, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> OptimizerConfig:
        """Adam."""
        return cls("adam", {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps})

    @classmethod
    def adamw(
        cls, lr: float, weight_decay: float = 0.01, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> OptimizerConfig:
        """AdamW."""
        return cls("adamw", {"lr": lr, "weight_decay": weight_decay, "beta1": beta1, "beta2": beta2, "eps": eps})

    @classmethod
    def adadelta(cls, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6) -> OptimizerConfig:
        """Adadelta in TorchLean's form, which accumulates steps with the learning rate in them."""
        return cls("table_adadelta", {"lr": lr, "rho": rho, "eps": eps})

    @classmethod
    def parse(cls, name: str, lr: float) -> OptimizerConfig:
        """An optimizer of TorchLean's command line, whose defaults are others: Adam with ``beta2=0.95``.

        Raises
        ------
        HyperparameterError
        """
        if not isinstance(name, str) or name not in _KINDS:
            raise HyperparameterError(
                f"bad --optim {quote(name)[1:-1]}; expected sgd, adagrad, rmsprop, adam, adamw, or adadelta"
            )
        return cls("table_adadelta" if name == "adadelta" else name, {"lr": lr, **_KINDS[name]})


def build_optimizer(what: Any, params: Sequence[Any]) -> Optimizer:
    """An optimizer over the parameters of a model.

    Parameters
    ----------
    what : str, row, class, OptimizerConfig, callable or Optimizer
        A name; a row, ``tl.optim.rules["adam"].with_hypers(lr=0.1)``; a class; a config; a function
        of the parameters; or an optimizer over just these parameters.
    params : sequence of Param

    Raises
    ------
    UnknownNameError, CapabilityError, HyperparameterError, HyperparameterTypeError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> net = tl.nn.Linear(2, 1).bind(tl.Session())
    >>> build_optimizer(lambda params: tl.optim.Adam(params, lr=0.5), net.parameters()).param_groups[0]["lr"]
    0.5
    """
    what = find_row(what) if isinstance(what, str) else what.rule if isinstance(what, OptimizerConfig) else what
    made: Any
    if isinstance(what, Method):
        made = what
    elif isinstance(what, UpdateRule):
        made = class_of(what)(params)
    elif isinstance(what, Optimizer):
        made = what
    elif callable(what):
        made = what(params)
    else:
        raise HyperparameterTypeError(
            f"optimizer: {quote(what, 60)} is a {type(what).__name__}", None,
            "a name, a row, a class, or lambda params: tl.optim.Adam(params, lr=0.01)",
        )
    if not isinstance(made, Optimizer) or isinstance(made.rule, Method):
        name = getattr(made, "class_name", type(made).__name__)
        raise CapabilityError(f"optimizer: {name} does not step by gradients", None, "one of tl.optim.rules")
    theirs = {id(p) for g in made.param_groups for p in g["params"]}
    if not theirs <= {id(p) for p in params}:
        raise HyperparameterError(
            "optimizer: it steps parameters of another model", "this model's arrays are made together with it",
            f"lambda params: tl.optim.{type(made).__name__}(params, ...)",
        )
    return made


def find_schedule(what: Any) -> Callable[[int], float] | None:
    """A function ``step -> learning rate``: a schedule, a function, a number that stays, or None.

    Raises
    ------
    HyperparameterTypeError
    """
    if what is None or (callable(what) and not isinstance(what, type)):
        return what
    if isinstance(what, Real) and not isinstance(what, bool):
        return schedules.constant(what)
    raise HyperparameterTypeError(
        f"schedule: {quote(what, 60)} is a {type(what).__name__}", "a schedule gives the learning rate of a step",
        "tl.schedules.step_decay(0.1, size=10), or a function of the step",
    )


def rate_at(schedule: Callable[[int], Any] | None, step: int) -> float | None:
    """Learning rate that a schedule gives; None without one.

    Raises
    ------
    HyperparameterError
        When it gives no number, or one that is no rate.
    """
    return None if schedule is None else LR.check(f"schedule at {step}", "lr", schedule(step))


def optimizer_lr(config: OptimizerConfig) -> float:
    """The learning rate inside a config."""
    return config.lr


def step_lr(schedule: Any, config: OptimizerConfig, step: int) -> float:
    """Learning rate at a step: the schedule's where there is one, otherwise the config's.

    Examples
    --------
    >>> from torchlean_nb.schedules import exponential_decay
    >>> config = OptimizerConfig.sgd(0.1)
    >>> step_lr(exponential_decay(1.0, gamma=0.5), config, 2), step_lr(None, config, 2)
    (0.25, 0.1)
    """
    found = rate_at(find_schedule(schedule), step)
    return config.lr if found is None else found


@dataclass(frozen=True)
class _Config:
    def _check(self, *counts: str) -> None:
        owner = type(self).__name__
        for name in (*counts, "log_every"):
            COUNT.check(owner, name, getattr(self, name))
        object.__setattr__(self, "schedule", find_schedule(self.schedule))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class TrainConfig(_Config):
    """How `train_samples` trains.

    Parameters
    ----------
    steps : int
    batch_size : int
        Samples in one step; 0 counts as 1. Each makes an update of its own.
    optimizer : see `build_optimizer`
    schedule : callable or float, optional
        Learning rate by step; it wins over the optimizer's.
    log_every : int
        Print the loss every so many steps; 0 never.

    Examples
    --------
    >>> from dataclasses import replace
    >>> replace(TrainConfig(10), schedule=0.5).schedule(3)
    0.5
    """

    steps: int
    batch_size: int = 1
    optimizer: Any = field(default_factory=lambda: OptimizerConfig.sgd(0.01))
    schedule: Any = None
    log_every: int = 1

    def __post_init__(self) -> None:
        self._check("steps", "batch_size")


@dataclass(frozen=True)
class LoaderTrainConfig(_Config):
    """How `train_loader` trains: as `TrainConfig`, for epochs, with the learning rate by epoch."""

    epochs: int
    optimizer: Any = field(default_factory=lambda: OptimizerConfig.sgd(0.01))
    schedule: Any = None
    log_every: int = 1

    def __post_init__(self) -> None:
        self._check("epochs")


@dataclass(frozen=True)
class TrainReport:
    """Mean loss before and after a training run."""

    before: float
    after: float
