"""What users hand to an optimizer, read and checked: options, losses, gradients, snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of, host, is_foreign
from torchlean_nb.errors import BackendMixError, HyperparameterTypeError, ShapeError, quote
from torchlean_nb.hypers import REQUIRED
from torchlean_nb.updates import UpdateRule


def public(rule: UpdateRule, flat: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters under the names of the class's arguments, ``betas`` together."""
    inside = {part: name for name, parts in rule.tuples.items() for part in parts}
    out: dict[str, Any] = {}
    for k, v in flat.items():
        if k in inside:
            out[inside[k]] = (*out.get(inside[k], ()), v)
        else:
            out[k] = v
    return out


def by_name(rule: UpdateRule, values: Sequence[Any], hypers: Mapping[str, Any]) -> dict[str, Any]:
    """Options given in order and by name, all by name.

    Raises
    ------
    HyperparameterTypeError
        For more of them than there are, or one given twice.
    """
    names = list(public(rule, rule.hypers))
    if len(values) > len(names):
        raise HyperparameterTypeError(
            f"{rule.class_name}: {len(values)} options by position", f"it has {', '.join(names) or 'none'}"
        )
    given = dict(zip(names, values, strict=False))
    if twice := [k for k in given if k in hypers]:
        raise HyperparameterTypeError(f"{rule.class_name}: {twice[0]} is given twice, by position and by name")
    return {**given, **hypers}


def signature(rule: UpdateRule, *switches: Parameter) -> Signature:
    """Signature of a row's class: parameters, options with their defaults, switches of the shell."""
    given = {k: v for k, v in rule.given.items() if k not in rule.tuples}
    for name, parts in rule.tuples.items():
        given |= dict(zip(parts, rule.given.get(name, ()), strict=False))
    defaults = public(rule, {k: given.get(k, h.default) for k, h in rule.hypers.items()})
    required = [v is REQUIRED for v in defaults.values()]
    kind = Parameter.POSITIONAL_OR_KEYWORD if not any(required[1:]) else Parameter.KEYWORD_ONLY
    options = [
        Parameter(k, kind, default=Parameter.empty if v is REQUIRED else v) for k, v in defaults.items()
    ]
    return Signature([Parameter("params", Parameter.POSITIONAL_OR_KEYWORD), *options, *switches])


def differentiated(cells: Sequence[Any], result: Any) -> Any:
    """What a closure returned; a loss of the session of the parameters becomes ``(loss, gradients)``."""
    session = getattr(cells[0], "session", None)
    if session is None or getattr(result, "tape", None) is not session.tape:
        return result
    return result, session.backward(result)


def loss_of(rule: UpdateRule, value: Any, grads: Any) -> float | None:
    """A loss as a number, out of the gradients where a rule uses it and it was not given.

    Raises
    ------
    HyperparameterTypeError
    """
    if value is None and "value" in rule.needs:
        value = getattr(grads, "value", None)
    if value is None or value.__class__ is float:
        return value
    try:
        return float(np.asarray(host(getattr(value, "value", value)), float).reshape(()))
    except (TypeError, ValueError):
        raise HyperparameterTypeError(
            f"{rule.class_name}: the loss is {quote(value, 60)}", "it must be one number"
        ) from None


def as_array(label: str, a: Any, device: Any) -> Any:
    """An array: one of the device itself, or one of the host.

    Raises
    ------
    ShapeError, BackendMixError
    """
    if device.lib is not None and device.owns(a):
        return a
    if is_foreign(a):
        raise BackendMixError(
            f"{label}: an array of {type(a).__module__.partition('.')[0]}, the parameter lives on {device.name!r}",
            "arrays do not move between devices by themselves", "x.get() for the host",
        )
    try:
        return np.asarray(a)
    except ValueError as e:
        raise ShapeError(f"{label} is not an array", str(e)) from None


def frozen(a: Any, device: Any) -> Any:
    """An array of the device that nobody writes to any more; numbers and arrays of the host become one."""
    if device.lib is not None:
        return a if device.owns(a) else device.put(np.asarray(a))
    a = np.asarray(a)
    a.setflags(write=False)
    return a


def copied(a: Any) -> Any:
    """A copy that nobody writes to, where the array lives.

    Examples
    --------
    >>> x = np.ones(2)
    >>> copied(x) is x, copied(x).flags.writeable
    (False, False)
    """
    device = device_of(a)
    return frozen(device.np.array(a), device)


def shape_of(a: Any) -> tuple[int, ...]:
    """Shape of an array wherever it lives, or of a number."""
    return a.shape if hasattr(a, "shape") else np.shape(a)


def check_snapshot(optimizer: Any, snapshot: Any) -> None:
    """Refuse what is no snapshot of such an optimizer.

    Raises
    ------
    HyperparameterTypeError, ShapeError
    """
    owner, cells = optimizer.rule.class_name, optimizer._cells
    if not hasattr(snapshot, "values") or not hasattr(snapshot, "rule"):
        raise HyperparameterTypeError(
            f"{owner}: restore got {type(snapshot).__name__}", "it needs what snapshot() gave",
            "opt.load_state_dict(d) for a state dict",
        )
    if snapshot.rule != optimizer.rule.name:
        raise ShapeError(f"{owner}: this is a snapshot of another optimizer, {quote(snapshot.rule)}")
    sizes = [len(snapshot.values), len(snapshot.groups)]
    if sizes != [len(cells), len(optimizer.param_groups)]:
        raise ShapeError(
            f"{owner}: restore of a snapshot of {sizes[0]} parameters in {sizes[1]} groups",
            f"the optimizer has {len(cells)} in {len(optimizer.param_groups)}",
        )
    for p, v in zip(cells, snapshot.values, strict=True):
        if p.array.shape != v.shape:
            raise ShapeError(f"{owner}: {quote(p.name)} has shape {p.array.shape}, in the snapshot {v.shape}")
