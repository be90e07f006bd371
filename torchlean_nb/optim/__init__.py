"""Optimizers: pure update rules, one row each; the classes made from them appear here by name.

``gradient`` (descent, momentum, signs), ``adam`` and its nearest relatives, ``adaptive`` (AdaGrad,
RMSProp, Adadelta), ``variants`` of Adam, ``layerwise`` (norms of whole tensors), ``extrapolating``
(looking ahead and averaging), ``economical`` (little memory), ``matrix`` (Muon, projections), ``lowrank`` (GaLore),
``parameter_free`` (rates found, not given), ``curvature`` (diagonals of the Hessian), ``torchlean`` (its own forms),
``classics`` of the textbooks, ``proximal`` (constraints and kinks), ``relatives`` of Adam, ``descents`` (relatives of
SGD), ``momenta`` (what to make of past gradients), ``preconditioned`` (Shampoo, SOAP), ``noisy`` ones.
``compose`` puts them together: ``transforms`` in a chain, wrappers (``wrapping``), ``schedule_free`` forms.
``tl.optim.Adam(params, lr=...)`` is the row ``adam`` in its torch-shaped shell.
"""

import sys
from importlib import import_module
from typing import Any

from torchlean_nb.errors import NoAttributeError
from torchlean_nb.updates import RULES as rules
from torchlean_nb.updates import rule_of as rule_of

# Files of rows, in the order in which they are listed; most programs need one of them.
_FILES = (
    "adam", "adaptive", "classics", "curvature", "descents", "economical", "extrapolating", "gradient", "layerwise",
    "lowrank", "matrix", "momenta", "noisy", "parameter_free", "preconditioned", "proximal", "relatives",
    "schedule_free", "torchlean", "transforms", "variants", "wrapping", "compose",
)  # fmt: skip
_HOMES = {"adam": "adam", "Adam": "adam", "adamw": "adam", "AdamW": "adam", "sgd": "gradient", "SGD": "gradient"}
_WRAPS = ("accumulate", "ema", "lookahead", "masked", "mechanic", "sam", "swa")
# The shell stands a floor above the rules and is loaded when a class is first asked for.
_SHELL = "torchlean_nb.shells"
_METHODS = "torchlean_nb.shells.closure"
_AVERAGING = ("EMA", "SWA")
_WRAPPING = (*_WRAPS, "chain", "transforms", "wrappers")
_SHOWN = (
    "Explanation", "Optimizer", "Snapshot", "class_of", "clip_by_norm", "clip_by_percentile", "clip_grad_norm",
    "clip_grad_value", "total_norm",
)  # fmt: skip


def _file(name: str) -> Any:
    return import_module(f"{__name__}.{name}")


def load(name: str) -> None:
    """Load the file in which a rule stands; all for other names."""
    files = [_HOMES[name]] if name in _HOMES else _FILES
    if not all(f"{__name__}.{f}" in sys.modules for f in files):
        for f in files:
            _file(f)
        rank = {f"{__name__}.{f}": k for k, f in enumerate(_FILES)}
        rules.rows = dict(sorted(rules.rows.items(), key=lambda row: rank.get(row[1].__module__, len(rank))))


def available() -> list[str]:
    """Names of all optimizers: update rules, methods that evaluate the function themselves, what goes around them."""
    return sorted({*rules, *import_module(_METHODS).METHODS, *wrappers()})


def row(name: str) -> Any:
    """Row of an update rule or a method, by its own name or that of its class.

    Raises
    ------
    UnknownNameError
        With the closest known names.

    Examples
    --------
    >>> row("LBFGS").name, row("adamw").class_name
    ('lbfgs', 'AdamW')
    """
    methods = import_module(_METHODS).METHODS
    found = next((m for m in methods.values() if name in (m.name, m.class_name)), None)
    return found or rule_of(name)


def wrappers() -> list[str]:
    """Names of what goes around a rule: wrappers, and transforms for `chain`."""
    return sorted([*_file("wrapping").WRAPPERS, *_file("transforms").TRANSFORMS])


def __getattr__(name: str) -> Any:
    if name == "lr_scheduler":
        return import_module("torchlean_nb.schedules.lr_scheduler")
    if name in _SHOWN:
        return getattr(import_module(_SHELL), name)
    if name in _AVERAGING:
        return getattr(import_module("torchlean_nb.shells.averaging"), name)
    if name in _FILES:
        load(name)
        return _file(name)
    if name in _WRAPS or name == "chain":
        return getattr(_file("compose" if name == "chain" else "wrapping"), name)
    rule = rules.named(name)
    if rule is not None and rule.class_name != name:
        rule = None
    if rule is None and (found := import_module(_METHODS).class_named(name)):
        return found
    if rule is None:
        raise NoAttributeError.of("tl.optim", name, __dir__())
    return import_module(_SHELL).class_of(rule)


def __dir__() -> list[str]:
    names = [*(r.class_name for r in rules.values()), *import_module(_METHODS).class_names()]
    return sorted([*names, *_SHOWN, *_AVERAGING, *_WRAPPING, "available", "lr_scheduler", "row", "rule_of", "rules"])
