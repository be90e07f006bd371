"""State of an optimizer: frozen data, and its plain form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.errors import CheckpointError, quote
from torchlean_nb.updates import UpdateRule


@dataclass(frozen=True)
class ParamState:
    """Count of steps, slots, and what explains the last update, of one parameter.

    Parameters
    ----------
    step : int
    stored : mapping of str to ndarray
        The slots, but for a factor where one is given.
    last : (Record, int), optional
        What the last update was computed from, and where in it this parameter begins.
    factors : mapping of str to float
        What a stored array is to be multiplied with to be the slot; of the fused path.
    """

    step: int
    stored: Mapping[str, np.ndarray]
    last: Any = field(default=None, compare=False, repr=False)
    factors: Mapping[str, float] = field(default_factory=dict)

    @property
    def slots(self) -> Mapping[str, np.ndarray]:
        """The slots themselves."""
        return {k: a * self.factors.get(k, 1.0) for k, a in self.stored.items()} if self.factors else self.stored


@dataclass(frozen=True)
class OptState:
    """State of all parameters in order; None where a parameter was never updated."""

    params: tuple[ParamState | None, ...]
    steps: int = 0

    def to_dict(self, rule: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
        """Plain form, shaped as PyTorch's."""
        numbered, at = [], 0
        for g in groups:
            n = len(g["params"])
            numbered.append({**{k: v for k, v in g.items() if k != "params"}, "params": list(range(at, at + n))})
            at += n
        state = {
            i: {"step": s.step, **{k: np.array(v) for k, v in s.stored.items()}, **_factors(s)}
            for i, s in enumerate(self.params) if s is not None
        }
        return {"rule": rule, "steps": self.steps, "state": state, "param_groups": numbered}


def _factors(s: ParamState) -> dict[str, Any]:
    return {"factors": dict(s.factors)} if s.factors else {}


def read_state_dict(
    rule: UpdateRule, d: Mapping[str, Any], groups: list[dict[str, Any]]
) -> tuple[OptState, list[dict[str, Any]]]:
    """State and group options, checked against the rule and the parameters.

    Raises
    ------
    CheckpointError
        Naming what does not fit.
    """
    owner = rule.class_name
    for key in ("state", "param_groups"):
        if not isinstance(d, Mapping) or key not in d:
            raise CheckpointError(f"{owner}: this is not a state dict, it has no {key!r}")
    if d.get("rule", rule.name) != rule.name:
        raise CheckpointError(f"{owner}: this state is of {quote(d['rule'])}, not of {rule.name!r}")
    sizes, got = [len(g["params"]) for g in groups], [len(g.get("params", ())) for g in d["param_groups"]]
    if sizes != got:
        raise CheckpointError(f"{owner}: groups of {got} parameters loaded into groups of {sizes}")
    cells = [(g, p) for g in groups for p in g["params"]]
    options = [{k: v for k, v in g.items() if k != "params"} for g in d["param_groups"]]
    params: list[ParamState | None] = [None] * len(cells)
    of_group = [o for o, n in zip(options, sizes, strict=True) for _ in range(n)]
    for i, entry in d["state"].items():
        if not isinstance(i, int) or not 0 <= i < len(cells):
            raise CheckpointError(f"{owner}: state for parameter {quote(i)}, there are {len(cells)}")
        params[i] = _read(rule, i, entry, cells[i][1], of_group[i])
    return OptState(tuple(params), int(d.get("steps", max((s.step for s in params if s), default=0)))), options


def _read(rule: UpdateRule, i: int, entry: Mapping[str, Any], p: Any, options: Mapping[str, Any]) -> ParamState:
    owner = f"{rule.class_name}: state of parameter {i} ({quote(p.name)})"
    own = {k: v for k, v in options.items() if k not in ("maximize", "initial_lr")}
    want = rule.start(p.value, SimpleNamespace(**rule.resolve(own)))
    factors = entry.get("factors", {})
    if set(entry) - {"factors"} != {"step", *want}:
        raise CheckpointError(f"{owner} has {', '.join(map(str, entry))}", f"expected step, {', '.join(want)}")
    step = entry["step"]
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 0:
        raise CheckpointError(f"{owner}: step {quote(step)} is not a count")
    good = isinstance(factors, Mapping) and set(factors) <= set(want)
    if not good or not all(isinstance(f, float) and 0 < f < np.inf for f in factors.values()):
        raise CheckpointError(f"{owner}: factors {quote(factors)}", "a positive number for a slot")
    slots = {}
    for k, first in want.items():
        a = np.array(entry[k])
        if a.shape != np.shape(first) or a.dtype.kind != "f":
            raise CheckpointError(f"{owner}: {k} has shape {a.shape} and dtype {a.dtype}, expected {np.shape(first)}")
        a.setflags(write=False)
        slots[k] = a
    return ParamState(int(step), slots, None, dict(factors))
