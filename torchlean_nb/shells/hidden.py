"""Rules that make a finite step of an infinite gradient: a sign, a bound, a quotient of two infinities elsewhere.

Whether every new value is finite is looked at in each step; for these rules the gradients are looked at, too.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.updates import UpdateRule


@lru_cache(maxsize=512)
def hides(rule: UpdateRule) -> bool:
    """Whether the new values of a rule may be finite where its gradient is not, found by trying; True if in doubt.

    Examples
    --------
    >>> from torchlean_nb.optim import rules
    >>> hides(rules["adam"]), hides(rules["lion"])
    (False, True)
    """
    usual = np.full((2, 2), 0.5) if rule.scope == "matrix" else np.full(2, 0.5)
    try:
        h = SimpleNamespace(**rule.resolve({}), value=1.0, curvature=usual)
        with np.errstate(all="ignore"):
            slots = rule.start(usual, h)
            first = rule.terms(usual, usual, slots, h, 1)
            slots = {k: first[k] for k in slots}
            if _finite(rule, usual, np.nan, slots, h):  # made to clean gradients, such as `zero_nans`
                return False
            return any(_finite(rule, usual, bad, slots, h) for bad in (np.inf, -np.inf))
    except (TorchLeanError, ArithmeticError, ValueError, TypeError, np.linalg.LinAlgError):
        return True


def _finite(rule: UpdateRule, p: np.ndarray, bad: float, slots: dict[str, Any], h: Any) -> bool:
    g = p.copy()
    g.flat[0] = bad
    return bool(np.isfinite(p + rule.terms(g, p, slots, h, 2)["delta"]).all())


def culprit(rule: UpdateRule, every: list[tuple[Any, tuple[Any, Any]]], results: list[Any]) -> tuple[Any, Any] | None:
    """The first update, with its new value, that is not finite, or whose gradient is not; None when all is well."""
    xp = device_of(results[0]).xp
    seen = [*results, *(u.grad for u, _ in every)] if hides(rule) else results
    if xp.every_finite(seen):
        return None
    return next((u, a) for u, (a, _) in every if not xp.every_finite((a, u.grad)))
