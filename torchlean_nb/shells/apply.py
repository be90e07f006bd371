"""A rule applied to the parameters of a group: all at once in one flat buffer where the rule allows it.

New values and slots are views of flat arrays, so the next step finds them joined already and only
has to join the gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.errors import DTypeError
from torchlean_nb.shells.explain import Record
from torchlean_nb.shells.state import ParamState
from torchlean_nb.updates import UpdateRule

# A vector no rule takes for one number: what is as long as it is kept per element.
_PAIR = np.ones(2)


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


def run(rule: UpdateRule, h: Any, todo: list[Update]) -> list[tuple[np.ndarray, ParamState]]:
    """New value and state of each parameter."""
    kinds = {(u.count, u.grad.dtype) for u in todo}
    if rule.scope == "group" and len(kinds) > 1:
        raise DTypeError(
            f"{rule.class_name}: a group with parameters of {', '.join(sorted(str(d) for _, d in kinds))}",
            "this rule sees the whole group as one vector", "one dtype in a group",
        )
    if rule.scope in ("element", "group") and len(todo) > 1 and len(kinds) == 1:
        return _together(rule, h, todo)
    return [_alone(rule, h, u) for u in todo]


def _alone(rule: UpdateRule, h: Any, u: Update) -> tuple[np.ndarray, ParamState]:
    p, slots = u.cell.value, _slots(rule, h, u)
    h = _with_curvature(h, u.curvature)
    terms = rule.terms(u.grad, p, slots, h, u.count)
    value = _frozen((p + terms["delta"]).astype(p.dtype, copy=False))
    record = Record(rule, u.grad, p, slots, h, u.count)
    return value, ParamState(u.count, {k: _frozen(terms[k]) for k in slots}, (record, None))


def _together(rule: UpdateRule, h: Any, todo: list[Update]) -> list[tuple[np.ndarray, ParamState]]:
    values = [u.cell.value for u in todo]
    p = _frozen(_joined(values))
    if rule.scope == "group" and todo[0].before is None:
        slots = rule.start(p, h, numpy_namespace())
    else:
        every, slots = [_slots(rule, h, u) for u in todo], {}
        shapes = {k: np.shape(a) for k, a in rule.start(_PAIR.astype(p.dtype), h, numpy_namespace()).items()}
        for k, shape in shapes.items():
            parts = [s[k] for s in every]
            if shape == _PAIR.shape:
                slots[k] = _joined(parts)
            elif all(np.array_equal(a, parts[0]) for a in parts):
                slots[k] = parts[0]  # one number for all, such as a product of rates
            else:
                return [_alone(rule, h, u) for u in todo]
    if todo[0].curvature is not None:
        h = _with_curvature(h, np.concatenate([u.curvature.ravel() for u in todo]))
    g = _frozen(np.concatenate([u.grad.ravel() for u in todo]))
    terms = rule.terms(g, p, slots, h, todo[0].count)
    value = _frozen((p + terms["delta"]).astype(p.dtype, copy=False))
    new = {k: _frozen(terms[k]) for k in slots}
    record = Record(rule, g, p, slots, h, todo[0].count)
    return [
        (value[at : at + old.size].reshape(old.shape), ParamState(u.count, _own(new, p, at, old), (record, at)))
        for (at, u), old in zip(_places(todo), values, strict=True)
    ]


def _with_curvature(h: Any, curvature: np.ndarray | None) -> Any:
    return h if curvature is None else SimpleNamespace(**{**vars(h), "curvature": curvature})


def _places(todo: list[Update]) -> Iterator[tuple[int, Update]]:
    """Each update with where it begins in the flat vector."""
    at = 0
    for u in todo:
        yield at, u
        at += u.cell.value.size


def _own(slots: Any, whole: np.ndarray, at: int, p: np.ndarray) -> dict[str, np.ndarray]:
    """What of the slots of the flat vector belongs to one parameter."""
    return {k: a[at : at + p.size].reshape(p.shape) if a.shape == whole.shape else a for k, a in slots.items()}


def _slots(rule: UpdateRule, h: Any, u: Update) -> Any:
    return rule.start(u.cell.value, h, numpy_namespace()) if u.before is None else u.before.slots


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Arrays one after the other; the flat array they are views of when they lie there in this order."""
    base = parts[0].base
    if isinstance(base, np.ndarray) and base.ndim == 1 and base.size == sum(a.size for a in parts):
        start, at = base.__array_interface__["data"][0], 0
        for a in parts:
            if a.base is not base or a.__array_interface__["data"][0] != start + at * a.itemsize:
                break
            at += a.size
        else:
            return base
    return np.concatenate([a.ravel() for a in parts])


def _frozen(a: Any) -> np.ndarray:
    a = np.asarray(a)
    a.setflags(write=False)
    return a
