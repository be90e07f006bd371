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

from importlib import import_module
from typing import Any

from torchlean_nb.errors import did_you_mean
from torchlean_nb.optim import adam as adam
from torchlean_nb.optim import adaptive as adaptive
from torchlean_nb.optim import classics as classics
from torchlean_nb.optim import curvature as curvature
from torchlean_nb.optim import descents as descents
from torchlean_nb.optim import economical as economical
from torchlean_nb.optim import extrapolating as extrapolating
from torchlean_nb.optim import gradient as gradient
from torchlean_nb.optim import layerwise as layerwise
from torchlean_nb.optim import lowrank as lowrank
from torchlean_nb.optim import matrix as matrix
from torchlean_nb.optim import momenta as momenta
from torchlean_nb.optim import noisy as noisy
from torchlean_nb.optim import parameter_free as parameter_free
from torchlean_nb.optim import preconditioned as preconditioned
from torchlean_nb.optim import proximal as proximal
from torchlean_nb.optim import relatives as relatives
from torchlean_nb.optim import schedule_free as schedule_free
from torchlean_nb.optim import torchlean as torchlean
from torchlean_nb.optim import transforms as transforms
from torchlean_nb.optim import variants as variants
from torchlean_nb.optim.compose import chain as chain
from torchlean_nb.optim.wrapping import WRAPPERS as _WRAPPERS
from torchlean_nb.optim.wrapping import accumulate as accumulate
from torchlean_nb.optim.wrapping import ema as ema
from torchlean_nb.optim.wrapping import lookahead as lookahead
from torchlean_nb.optim.wrapping import masked as masked
from torchlean_nb.optim.wrapping import mechanic as mechanic
from torchlean_nb.optim.wrapping import sam as sam
from torchlean_nb.optim.wrapping import swa as swa
from torchlean_nb.updates import RULES as rules
from torchlean_nb.updates import rule_of as rule_of

# The shell stands a floor above the rules and is loaded when a class is first asked for.
_SHELL = "torchlean_nb.shells"
_METHODS = "torchlean_nb.shells.closure"
_AVERAGING = ("EMA", "SWA")
_WRAPPING = (*_WRAPPERS, "chain", "transforms", "wrappers")
_SHOWN = (
    "Explanation", "Optimizer", "Snapshot", "class_of", "clip_by_norm", "clip_by_percentile", "clip_grad_norm",
    "clip_grad_value", "total_norm",
)  # fmt: skip
_classes: dict[str, Any] = {}


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
    return sorted([*_WRAPPERS, *transforms.TRANSFORMS])


def __getattr__(name: str) -> Any:
    if name == "lr_scheduler":
        return import_module("torchlean_nb.schedules.lr_scheduler")
    if name in _SHOWN:
        return getattr(import_module(_SHELL), name)
    if name in _AVERAGING:
        return getattr(import_module("torchlean_nb.shells.averaging"), name)
    rule = next((r for r in rules.values() if r.class_name == name), None)
    if rule is None and (found := import_module(_METHODS).class_named(name)):
        return found
    if rule is None:
        raise AttributeError(f"tl.optim has no {name!r}; {did_you_mean(name, __dir__())}")
    if name not in _classes or _classes[name].rule is not rule:
        _classes[name] = import_module(_SHELL).class_of(rule)
    return _classes[name]


def __dir__() -> list[str]:
    names = [*(r.class_name for r in rules.values()), *import_module(_METHODS).class_names()]
    return sorted([*names, *_SHOWN, *_AVERAGING, *_WRAPPING, "available", "lr_scheduler", "row", "rule_of", "rules"])
