"""A rule applied to the parameters of a group: all at once in one flat array where the rule allows it.

New values are views of one flat array, slots are cut from another when asked for, so the next step
finds them joined already and only has to join the gradients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.backend.devices import device_of, host
from torchlean_nb.errors import DTypeError, RuleValueError
from torchlean_nb.shells.explain import Record
from torchlean_nb.shells.given import frozen, shape_of
from torchlean_nb.shells.state import ParamState
from torchlean_nb.updates import UpdateRule

# A vector no rule takes for one number: what is as long as it is kept per element.
_PAIR = np.ones(2)


class Joint(NamedTuple):
    """Values and slots of a group after a step that was made for all of it at once."""

    value: np.ndarray
    views: list[np.ndarray]
    slots: dict[str, np.ndarray]


class Cut(Mapping[str, np.ndarray]):
    """Slots of one parameter, cut from those of the group when asked for."""

    __slots__ = ("at", "joint", "view")

    def __init__(self, joint: Joint, at: int, view: np.ndarray):
        self.joint, self.at, self.view = joint, at, view

    def __getitem__(self, k: str) -> np.ndarray:
        a = self.joint.slots[k]
        if a.shape != self.joint.value.shape:
            return a
        return a[self.at : self.at + self.view.size].reshape(self.view.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.joint.slots)

    def __len__(self) -> int:
        return len(self.joint.slots)


class Update(NamedTuple):
    """A parameter, its gradient, its state before the step, and the curvature where a rule uses it."""

    cell: Any
    grad: np.ndarray
    before: ParamState | None
    curvature: np.ndarray | None = None

    @property
    def count(self) -> int:
        """Number of this step."""
        return 1 if self.before is None else self.before.step + 1


def run(rule: UpdateRule, h: Any, todo: list[Update]) -> tuple[list[tuple[np.ndarray, ParamState]], np.ndarray | None]:
    """New value and state of each parameter, and all new values in one array where they were made together."""
    kinds = {(u.count, u.grad.dtype) for u in todo}
    if rule.scope == "group" and len(kinds) > 1:
        raise DTypeError(
            f"{rule.class_name}: a group with parameters of {', '.join(sorted(str(d) for _, d in kinds))}",
            "this rule sees the whole group as one vector", "one dtype in a group",
        )
    whole = rule.scope in ("element", "group") and len(todo) > 1 and len(kinds) == 1
    if whole and any(u.cell.array.size for u in todo):
        values = [u.cell.array for u in todo]
        joined = _before(rule, h, todo, values)
        if joined is not None:
            return _together(rule, h, todo, values, *joined)
    return [_alone(rule, h, u) for u in todo], None


def _alone(rule: UpdateRule, h: Any, u: Update) -> tuple[np.ndarray, ParamState]:
    p, slots = u.cell.array, _slots(rule, h, u)
    device = device_of(p)
    if not p.size:  # a maximum or a mean over nothing does not exist; here nothing moves
        return p, ParamState(u.count, {k: frozen(a, device) for k, a in slots.items()})
    h = _with_curvature(h, u.curvature)
    # The caller may write into his gradient again; a slot that is the gradient, and the record, keep this one.
    g = u.grad if device.lib is None and not u.grad.flags.writeable else frozen(u.grad.copy(), device)
    terms = rule.terms(g, p, slots, h, u.count)
    value = _moved(rule, p, terms["delta"])
    record = Record(rule, g, p, slots, h, u.count)
    return value, ParamState(u.count, {k: frozen(terms[k], device) for k in slots}, (record, None))


def _before(rule: UpdateRule, h: Any, todo: list[Update], values: list[np.ndarray]) -> Any:
    """Values and slots of the group as flat arrays; None where a slot differs from parameter to parameter."""
    last = todo[0].before and todo[0].before.stored
    if isinstance(last, Cut) and len(last.joint.views) == len(todo) and last.keys() == rule.active(h).keys():
        joint = last.joint
        for u, old, view in zip(todo, values, joint.views, strict=True):
            if old is not view or u.before.stored.__class__ is not Cut or u.before.stored.joint is not joint:
                break
        else:
            return joint.value, joint.slots
    device = device_of(values[0])
    p = frozen(device.np.concatenate([v.ravel() for v in values]), device)
    if rule.scope == "group" and todo[0].before is None:
        return p, rule.start(p, h)
    every, slots = [_slots(rule, h, u) for u in todo], {}
    shapes = {k: shape_of(a) for k, a in rule.start(_PAIR.astype(p.dtype), h).items()}
    for k, shape in shapes.items():
        parts = [s[k] for s in every]
        if shape == _PAIR.shape:
            slots[k] = frozen(device.np.concatenate([a.ravel() for a in parts]), device)
        elif all(np.array_equal(host(a), host(parts[0])) for a in parts[1:]):
            slots[k] = parts[0]  # one number for all, such as a product of rates
        else:
            return None
    return p, slots


def _together(
    rule: UpdateRule, h: Any, todo: list[Update], values: list[np.ndarray], p: np.ndarray, slots: Any
) -> tuple[list[tuple[np.ndarray, ParamState]], np.ndarray]:
    device = device_of(p)
    joined = device.np.concatenate
    if all(u.curvature is not None for u in todo):
        h = _with_curvature(h, joined([u.curvature.ravel() for u in todo]))
    g, count = frozen(joined([u.grad.ravel() for u in todo]), device), todo[0].count
    terms = rule.terms(g, p, slots, h, count)
    value = _moved(rule, p, terms["delta"])
    joint = Joint(value, [], {k: frozen(terms[k], device) for k in slots})
    record, at, out = Record(rule, g, p, slots, h, count), 0, []
    for old in values:
        view = value[at : at + old.size].reshape(old.shape)
        joint.views.append(view)
        out.append((view, ParamState(count, Cut(joint, at, view), (record, at))))
        at += old.size
    return out, value


def _moved(rule: UpdateRule, p: np.ndarray, delta: Any) -> np.ndarray:
    shape = shape_of(delta)
    if shape and shape != p.shape:
        raise RuleValueError(f"{rule.name}: delta has shape {shape}, the parameter has {p.shape}")
    return frozen((p + delta).astype(p.dtype, copy=False), device_of(p))


def _with_curvature(h: Any, curvature: np.ndarray | None) -> Any:
    return h if curvature is None else SimpleNamespace(**{**vars(h), "curvature": curvature})


def _slots(rule: UpdateRule, h: Any, u: Update) -> Any:
    kept = {} if u.before is None else u.before.slots
    if u.before is not None and kept.keys() == rule.active(h).keys():
        return kept
    # Before the first step, or after an option that asks for a slot was switched on or off.
    return {k: kept.get(k, a) for k, a in rule.start(u.cell.array, h).items()}
