"""Units of the terms of a rule, found by experiment: what doubles when the gradient, the rate, the parameter do."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.updates import UpdateRule

_FACTOR, _STEPS, _NEAR = 4.0, 3, 0.06
_DECAYS = ("weight_decay", "lambd")


class Unit(NamedTuple):
    """Powers with which a term follows the gradient, the learning rate and the parameter; None where it has none."""

    grad: int | None
    rate: int | None
    value: int | None


def units(rule: UpdateRule, hypers: Any, shape: tuple[int, ...]) -> dict[str, Unit]:
    """Unit of every term, by running the rule on gradients, a rate or parameters scaled up.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> rule = tl.optim.rules["adam"]
    >>> found = units(rule, SimpleNamespace(**rule.resolve({})), (3,))
    >>> found["m"].grad, found["v"].grad, found["delta"].grad, found["delta"].rate
    (1, 2, 0, 1)
    """
    size = int(np.prod(shape))
    shape = shape if 0 < size <= 1024 else (4, 3) if len(shape) > 1 else (5,)
    decays = {k: 0.0 for k in _DECAYS if hasattr(hypers, k)}
    h = SimpleNamespace(**vars(hypers) | decays)
    try:
        plain = _run(rule, h, shape)
        faster = SimpleNamespace(**vars(h) | {"lr": h.lr * _FACTOR}) if hasattr(h, "lr") else h
        others = _run(rule, h, shape, grad=_FACTOR), _run(rule, faster, shape), _run(rule, h, shape, value=_FACTOR)
    except Exception:  # a user's rule may refuse these numbers in any way; then nothing is known of its units
        return {}
    return {k: Unit(*(_power(v, o[k]) for o in others)) for k, v in plain.items() if all(k in o for o in others)}


def _run(
    rule: UpdateRule, h: Any, shape: tuple[int, ...], grad: float = 1.0, value: float = 1.0
) -> Mapping[str, Any]:
    """Terms of the last of a few steps on fixed numbers."""
    rng = np.random.default_rng(7)
    p = rng.choice([-1.0, 1.0], size=shape) * rng.uniform(1, 2, size=shape) * value
    slots, terms = rule.start(p, h), {}
    with np.errstate(all="ignore"):
        for t in range(1, _STEPS + 1):
            g = rng.choice([-1.0, 1.0], size=shape) * rng.uniform(1, 2, size=shape) * grad
            terms = rule.terms(g, p, slots, h, t)
            slots = {k: terms[k] for k in slots}
    return terms


def _power(a: Any, b: Any) -> int | None:
    a, b = np.abs(np.asarray(a, dtype=np.float64)), np.abs(np.asarray(b, dtype=np.float64))
    if a.shape != b.shape:
        return None
    good = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
    if not good.any():
        return None
    powers = np.log(b[good] / a[good]) / np.log(_FACTOR)
    whole = round(float(np.median(powers)))
    return whole if np.all(np.abs(powers - whole) < _NEAR) else None
