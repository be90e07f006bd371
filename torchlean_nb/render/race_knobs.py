"""What can be turned at a row: its hyperparameters with the ends of a slider."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torchlean_nb.escape import visible
from torchlean_nb.hypers import REQUIRED, Hyper
from torchlean_nb.trace.plain import plain as readable


def knobs(hypers: Mapping[str, Hyper], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Knobs of all numbers, switches and choices; what is neither, or a list of values, has none.

    Examples
    --------
    >>> from torchlean_nb.optim import row
    >>> [(k["name"], k["low"], k["high"], k["log"]) for k in knobs(row("sgd").hypers, {"lr": 0.1, "momentum": 0.9})]
    [('lr', 1e-05, 1.0, True), ('momentum', 0.0, 1.0, False)]
    """
    ordered = sorted(hypers.items(), key=lambda item: _late(*item))
    made = (_knob(name, h, values.get(name, h.default)) for name, h in ordered if name in values)
    return [k for k in made if k]


def _late(name: str, h: Hyper) -> int:
    """First comes what shapes a path; bounds that only end it, and numbers without a symbol, come last."""
    return 1 if name.startswith(("tolerance", "eps")) or (not h.symbol and h.kind in ("int", "float")) else 0


def _knob(name: str, h: Hyper, value: Any) -> dict[str, Any] | None:
    knob = {"name": visible(name, 40), "symbol": _symbol(h, name), "kind": h.kind, "value": value, "log": False}
    if h.kind == "bool" and isinstance(value, bool):
        return knob | {"low": 0, "high": 1}
    if h.kind == "choice" and (value is None or isinstance(value, str)):
        return knob | {"low": 0, "high": 0, "choices": [*([None] if h.none else []), *h.choices]}
    if h.kind not in ("float", "int") or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    low, high, log = ends(h, value)
    return knob | {"low": low, "high": high, "log": log}


def ends(h: Hyper, value: float) -> tuple[float, float, bool]:
    """Lowest and highest place of a slider, inside of what the row allows, and whether it is logarithmic."""
    usual = h.default if isinstance(h.default, int | float) and h.default is not REQUIRED else value
    log = h.log and value > 0 and usual > 0
    if log:
        low, high = min(usual / 100, value / 10), max(usual * 1000, value * 10)
    elif h.log:
        low, high = 0.0, max(0.1, 2 * value)
    else:
        low, high = min(0, 2 * usual, 2 * value), max(1, 2 * abs(usual), 2 * abs(value))
    hair = 1e-3 if not log else 0.0
    if h.low > -math.inf and not log:
        low = h.low + hair * h.open_low
    if h.high < math.inf:
        high = h.high - (1e-3 * abs(h.high) if h.open_high else 0.0)
    if h.kind == "int":
        low, high = math.ceil(low), math.floor(max(high, 20)) if h.high == math.inf else math.floor(high)
    low, high = min(low, value), max(high, value)
    return low, high if high > low else low + 1, log


def _symbol(h: Hyper, name: str) -> str:
    """The symbol as characters; the name where it has none."""
    said = readable(h.symbol) if h.symbol else ""
    return visible(said or name, 24)
