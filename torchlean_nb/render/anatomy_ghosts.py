"""Steps that were not taken: the same gradient and memory under a rule that differs in one thing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.anatomy_formula import tokens
from torchlean_nb.shells import Explanation
from torchlean_nb.updates import RULES, UpdateRule

# Bias corrections are 1 when the count is endless.
_ENDLESS = 10**9
_CORRECTION = re.compile(r"1 - \\beta_\d\^\{t(?:\+1)?\}")
_COUPLED = {"adamw": "adam", "adamaxw": "adamax"}
_DECOUPLED = {b: a for a, b in _COUPLED.items()}
_SWITCHES = {"nesterov": "no Nesterov", "amsgrad": "no AMSGrad", "centered": "not centred"}
FASTER, PLAIN = "learning rate × 10", "plain gradient descent"
L2, APART = "L2 in the gradient instead of decoupled decay", "decoupled decay instead of L2"


class Ghost(NamedTuple):
    """A step that was not taken."""

    label: str
    delta: np.ndarray


def ghosts(
    e: Explanation, unclipped: np.ndarray | None = None, given: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Ghost]:
    """What the step would have been without one of its terms; those that change nothing to be seen are left out.

    Parameters
    ----------
    e : Explanation
    unclipped : ndarray, optional
        Gradient before it was clipped.
    given : mapping of str to mapping
        Further ones: label and the hyperparameters that differ.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.AdamW({"w": np.array([1.0])})
    >>> opt.step({"w": np.array([0.5])})
    >>> [g.label for g in ghosts(opt.explain("w"))][:2]
    ['no bias correction', 'L2 in the gradient instead of decoupled decay']
    """
    out = []
    for label, changes in (*_automatic(e, unclipped), *((visible(k, 60), v) for k, v in (given or {}).items())):
        try:
            delta = np.asarray(_step(e, **changes))
        except Exception:  # a user's rule may refuse other numbers in any way, and then there is no such step
            continue
        if delta.shape == e.before.shape and np.isfinite(delta).all() and _differs(delta, e.delta):
            out.append(Ghost(label, delta))
    return out


def telling(labels: Sequence[str], most: int = 2) -> list[str]:
    """Ghosts to show unasked: the first that say something about the rule."""
    return [x for x in labels if x not in (FASTER, PLAIN)][:most] or list(labels)[:1]


def _differs(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two steps differ by more than a ten-thousandth: less could not be seen."""
    top = float(np.max(np.abs(np.nan_to_num(b)), initial=0.0))
    return bool(np.max(np.abs(a - b), initial=0.0) > 1e-4 * top)


def _automatic(e: Explanation, unclipped: np.ndarray | None) -> Iterator[tuple[str, dict[str, Any]]]:
    h, rule = vars(e.hypers), e.rule
    written = " ".join(right for _, right in rule.latex)
    if _CORRECTION.search(written) and "\ue000" not in tokens(_CORRECTION.sub("", written), {"t": 0}):
        yield "no bias correction", {"count": _ENDLESS}
    if unclipped is not None:
        yield "no clipping", {"grad": unclipped}
    decays = bool(h.get("weight_decay"))
    if decays and "decoupled_weight_decay" in h:
        apart = h["decoupled_weight_decay"]
        yield (L2 if apart else APART), {"decoupled_weight_decay": not apart}
    if decays and rule.name in {**_COUPLED, **_DECOUPLED}:
        yield (L2 if rule.name in _COUPLED else APART), {"rule": RULES[{**_COUPLED, **_DECOUPLED}[rule.name]]}
    memory = next((k for k in ("momentum", "beta1") if isinstance(h.get(k), float) and h[k] > 0), None)
    if memory:
        yield "no momentum", {memory: 0.0}
    for k, label in _SWITCHES.items():
        if h.get(k) is True:
            yield label, {k: False}
    for k in ("weight_decay", "lambd"):
        if h.get(k):
            yield "no decay", {k: 0.0}
    if h.get("lr"):
        yield FASTER, {"lr": 10 * h["lr"]}
        if rule.name != "sgd" or e.slots:
            yield PLAIN, {"rule": RULES["sgd"], **RULES["sgd"].resolve({"lr": h["lr"]})}


def _step(
    e: Explanation, rule: UpdateRule | None = None, count: int | None = None, grad: Any = None, **hypers: Any
) -> Any:
    """The step with some things other than they were."""
    if rule is None and count is None and grad is None:
        h = SimpleNamespace(**vars(e.hypers) | hypers)
        if e.rule.active(h).keys() == e.slots.keys():
            return e.without(**hypers)
    together = (rule or e.rule).scope == "group"  # such a rule sees all parameters of its group as one vector
    source = e.record if together else e
    if together and grad is not None and source.before.shape != e.before.shape:
        raise ValueError("the other gradients of the group are not known")
    rule, h = rule or e.rule, SimpleNamespace(**vars(e.hypers) | hypers)
    first = rule.start(source.before, h)
    kept = {k: source.slots.get(k, first[k]) for k in first}
    grad = source.grad if grad is None else grad
    with np.errstate(all="ignore"):
        out = rule.terms(grad, source.before, kept, h, e.step if count is None else count)["delta"]
    return e.own(out) if together else out
