"""Kinds of optimizer, and their state: frozen, one global step, buffers by parameter id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from torchlean_nb.train.groups import ParamGroup
from torchlean_nb.train.table import frozen


@dataclass(frozen=True)
class Kind:
    """How a kind runs a rule: its row, where its slots are kept, which options it takes."""

    rule: str
    slots: Mapping[str, str] = field(default_factory=dict)
    options: Callable[[ParamGroup], dict[str, Any]] = field(default=lambda g: {})


def _decay(g: ParamGroup) -> dict[str, Any]:
    return {"lr": g.lr, "weight_decay": g.weight_decay}


def _adam(g: ParamGroup) -> dict[str, Any]:
    return _decay(g) | {"beta1": g.beta1, "beta2": g.beta2, "eps": g.epsilon}


class OptimizerKind(Enum):
    """The optimizers of the table; the value says which row, with which slots and options."""

    SGD = Kind("sgd", {}, _decay)
    MOMENTUM = Kind("table_momentum", {"buf": "momentum_buf"}, lambda g: _decay(g) | {
        "momentum": g.momentum, "dampening": g.dampening, "nesterov": g.nesterov})  # fmt: skip
    ADAGRAD = Kind("adagrad", {"acc": "acc"}, lambda g: _decay(g) | {"eps": g.epsilon})
    RMSPROP = Kind("rmsprop", {"v": "acc"}, lambda g: _decay(g) | {"alpha": g.rho, "eps": g.epsilon})
    ADAM = Kind("adam", {"m": "m", "v": "v"}, _adam)
    ADAMW = Kind("adamw", {"m": "m", "v": "v"}, _adam)
    ADADELTA = Kind("table_adadelta", {"v": "acc", "u": "acc2"}, lambda g: _decay(g) | {
        "rho": g.rho, "eps": g.epsilon})  # fmt: skip


BUFFERS = ("momentum_buf", "m", "v", "acc", "acc2")


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """State of the table's optimizer.

    Parameters
    ----------
    kind : OptimizerKind
    groups : tuple of ParamGroup
    step : int
        One counter for all parameters.
    momentum_buf, m, v, acc, acc2 : mapping of int to ndarray
    """

    kind: OptimizerKind
    groups: tuple[ParamGroup, ...]
    step: int = 0
    momentum_buf: Mapping[int, np.ndarray] = field(default_factory=dict)
    m: Mapping[int, np.ndarray] = field(default_factory=dict)
    v: Mapping[int, np.ndarray] = field(default_factory=dict)
    acc: Mapping[int, np.ndarray] = field(default_factory=dict)
    acc2: Mapping[int, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(self.groups))

    def to_state_dict(self) -> OptimStateDict:
        """Plain data, buffers sorted by id."""
        buffers = {b: tuple(sorted(getattr(self, b).items())) for b in BUFFERS}
        return OptimStateDict(self.kind, self.groups, self.step, **buffers)

    @classmethod
    def of_state_dict(cls, d: OptimStateDict) -> OptimizerState:
        """State from plain data; shapes are checked when a parameter is next stepped."""
        return cls(d.kind, d.groups, d.step, **{b: _pairs(getattr(d, b)) for b in BUFFERS})


def _pairs(pairs: Iterable[tuple[int, Any]]) -> dict[int, np.ndarray]:
    return {i: frozen(a) for i, a in pairs}


@dataclass(frozen=True, eq=False)
class OptimStateDict:
    """The same as association lists."""

    kind: OptimizerKind
    groups: tuple[ParamGroup, ...]
    step: int
    momentum_buf: tuple[tuple[int, np.ndarray], ...] = ()
    m: tuple[tuple[int, np.ndarray], ...] = ()
    v: tuple[tuple[int, np.ndarray], ...] = ()
    acc: tuple[tuple[int, np.ndarray], ...] = ()
    acc2: tuple[tuple[int, np.ndarray], ...] = ()
