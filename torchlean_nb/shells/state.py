"""State of an optimizer: frozen data, and its plain form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of, host
from torchlean_nb.errors import CheckpointError, quote
from torchlean_nb.shells.given import frozen, shape_of
from torchlean_nb.updates import UpdateRule

# Switches in torch's state dicts that choose how a step is computed, not what comes out.
_TORCH = ("foreach", "fused", "capturable", "differentiable")


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

    def moved(self, to: Any) -> ParamState:
        """The same with every array moved by a function."""
        return replace(self, stored={k: to(a) for k, a in self.stored.items()})

    @property
    def slots(self) -> Mapping[str, np.ndarray]:
        """The slots themselves."""
        return {k: a * self.factors.get(k, 1.0) for k, a in self.stored.items()} if self.factors else self.stored

    def __getstate__(self) -> dict[str, Any]:
        # What explains an update holds functions; a copy on disk does without.
        return {**vars(self), "last": None}


@dataclass(frozen=True)
class OptState:
    """State of all parameters in order; None where a parameter was never updated."""

    params: tuple[ParamState | None, ...]
    steps: int = 0

    def moved(self, device: Any, to: Any) -> OptState:
        """The same with every array moved by a function; of the host nothing moves."""
        return self if device.lib is None else replace(self, params=tuple(s and s.moved(to) for s in self.params))

    def to_dict(self, rule: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
        """Plain form, shaped as PyTorch's."""
        numbered, at = [], 0
        for g in groups:
            n = len(g["params"])
            numbered.append({**{k: host(v) for k, v in g.items() if k != "params"}, "params": list(range(at, at + n))})
            at += n
        state = {
            i: {"step": s.step, **{k: np.array(host(v)) for k, v in s.stored.items()}, **_factors(s)}
            for i, s in enumerate(self.params) if s is not None
        }
        return {"rule": rule, "steps": self.steps, "state": state, "param_groups": numbered}


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot:
    """Parameters and state of an optimizer at one moment; stays valid whatever happens later."""

    values: tuple[np.ndarray, ...]
    state: Any
    groups: tuple[Mapping[str, Any], ...]
    rule: str

    def __repr__(self) -> str:
        return f"<snapshot of {self.rule}, {len(self.values)} parameters, {self.state.steps} steps>"


def _factors(s: ParamState) -> dict[str, Any]:
    return {"factors": dict(s.factors)} if s.factors else {}


def read_state_dict(
    rule: UpdateRule, d: Mapping[str, Any], groups: list[dict[str, Any]]
) -> tuple[OptState, list[dict[str, Any]]]:
    """State and group options, checked against the rule and the parameters.

    Torch's options load too, without those that choose among its ways to compute the same.

    Raises
    ------
    CheckpointError
        Naming what does not fit.
    """
    cells = [(g, p) for g in groups for p in g["params"]]
    entries = entries_of(rule, d, [len(g["params"]) for g in groups], len(cells))
    options = [_options(rule, g) for g in d["param_groups"]]
    params: list[ParamState | None] = [None] * len(cells)
    of_group = [o for o, g in zip(options, groups, strict=True) for _ in g["params"]]
    for i, entry in entries.items():
        params[i] = _read(rule, i, entry, cells[i][1], of_group[i])
    steps = d.get("steps", max((s.step for s in params if s), default=0))
    return OptState(tuple(params), count_of(f"{rule.class_name}: steps", steps)), options


def entries_of(rule: Any, d: Any, sizes: list[int], count: int) -> dict[int, Mapping[str, Any]]:
    """The entries of a state dict by number, once its frame fits a rule and groups of these sizes.

    Raises
    ------
    CheckpointError

    Examples
    --------
    >>> from torchlean_nb.optim import rules
    >>> entries_of(rules["sgd"], {"state": {"0": {"step": 1}}, "param_groups": [{"params": [0]}]}, [1], 1)
    {0: {'step': 1}}
    """
    owner = rule.class_name
    for key, kind in (("state", Mapping), ("param_groups", list)):
        if not isinstance(d, Mapping) or not isinstance(d.get(key), kind):
            raise CheckpointError(f"{owner}: this is not a state dict, it has no {key!r}")
    for g in d["param_groups"]:
        if not isinstance(g, Mapping) or not isinstance(g.get("params"), list):
            raise CheckpointError(f"{owner}: group {quote(g, 80)}", "a dict with 'params', a list of numbers")
    if d.get("rule", rule.name) != rule.name:
        raise CheckpointError(f"{owner}: this state is of {quote(d['rule'])}, not of {rule.name!r}")
    got = [len(g["params"]) for g in d["param_groups"]]
    if sizes != got:
        raise CheckpointError(f"{owner}: groups of {got} parameters loaded into groups of {sizes}")
    numbers = {key: i for i in range(count) for key in (i, str(i))}  # JSON has only strings for keys
    out = {}
    for key, entry in d["state"].items():
        i = numbers.get(key)
        if i is None:
            raise CheckpointError(f"{owner}: state for parameter {quote(key, 40)}, there are {count}")
        if not isinstance(entry, Mapping):
            raise CheckpointError(f"{owner}: state of parameter {i} is {quote(entry, 40)}", "it must be a dict")
        out[i] = entry
    return out


def _options(rule: UpdateRule, group: Mapping[str, Any]) -> dict[str, Any]:
    out = {k: v for k, v in group.items() if k != "params" and (k in rule.hypers or k not in _TORCH)}
    # Torch's Adam has a switch for what is a rule of its own here.
    if "decoupled_weight_decay" not in rule.hypers and out.get("decoupled_weight_decay") is (rule.torch == "AdamW"):
        del out["decoupled_weight_decay"]
    return out


def count_of(what: str, n: Any) -> int:
    """A number of steps or the like.

    Raises
    ------
    CheckpointError
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise CheckpointError(f"{what} {quote(n)} is not a count")
    return int(n)


def _read(rule: UpdateRule, i: int, entry: Mapping[str, Any], p: Any, options: Mapping[str, Any]) -> ParamState:
    owner = f"{rule.class_name}: state of parameter {i} ({quote(p.name)})"
    own = {k: v for k, v in options.items() if k not in ("maximize", "initial_lr")}
    now = p.array
    want, device = rule.start(now, SimpleNamespace(**rule.resolve(own))), device_of(now)
    factors = entry.get("factors", {})
    if set(entry) - {"factors"} != {"step", *want}:
        raise CheckpointError(f"{owner} has {', '.join(map(str, entry))}", f"expected step, {', '.join(want)}")
    step = count_of(f"{owner}: step", entry["step"])
    good = isinstance(factors, Mapping) and set(factors) <= set(want)
    if not good or not all(isinstance(f, float) and 0 < f < np.inf for f in factors.values()):
        raise CheckpointError(f"{owner}: factors {quote(factors)}", "a positive number for a slot")
    slots = {}
    for k, first in want.items():
        a = array_of(f"{owner}: {k}", entry[k])
        if a.shape != shape_of(first) or a.dtype.kind != "f":
            raise CheckpointError(f"{owner}: {k} has shape {a.shape} and dtype {a.dtype}, expected {shape_of(first)}")
        kind = first.dtype if hasattr(first, "dtype") else np.asarray(first).dtype
        slots[k] = frozen(a.astype(kind, copy=False), device)
    return ParamState(step, slots, None, dict(factors))


def array_of(what: str, value: Any) -> np.ndarray:
    """A copy on the host.

    Raises
    ------
    CheckpointError
    """
    try:
        return np.array(host(value))
    except ValueError as e:
        raise CheckpointError(f"{what} is not an array", str(e)) from None
