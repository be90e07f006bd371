"""What an update rule is tried on: two parameters, settings, and gradients without anything special about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.laws.base import Law, LawError
from torchlean_nb.laws.base import law as _law
from torchlean_nb.shells.optimizer import Optimizer, class_of
from torchlean_nb.updates import UpdateRule

RULE_LAWS: dict[str, Law] = {}
VALUE = 1.5


def law(applies: Any = lambda rule, trial: True) -> Any:
    """Enter a function ``check(rule, trial)`` into the table of laws for update rules."""
    return _law(applies, RULE_LAWS)


@dataclass(frozen=True)
class Trial:
    """A rule with its settings, ready to be stepped.

    Parameters
    ----------
    rule : UpdateRule
    given : mapping of str to object
        Hyperparameters beyond the defaults.
    name : str
        The settings in a word.
    calls : int
        How many calls make one step down, for rules that go back or climb in between.
    """

    rule: UpdateRule
    given: Mapping[str, Any] = field(default_factory=dict)
    name: str = "defaults"
    calls: int = 1
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: {"a": (4, 3), "b": (5,)})

    def __str__(self) -> str:
        return self.name

    def start(self, dtype: Any = np.float64) -> dict[str, np.ndarray]:
        """Two parameters, no element of which is near 0."""
        rng = np.random.default_rng(1)
        return {
            k: (rng.choice([-1, 1], size=s) * rng.uniform(1, 2, size=s)).astype(dtype) for k, s in self.shapes.items()
        }  # fmt: skip

    def gradients(self, steps: int = 6, dtype: Any = np.float64) -> list[dict[str, np.ndarray]]:
        """Gradients of both parameters for some steps, drawn from a normal distribution."""
        rng = np.random.default_rng(2)
        return [{k: rng.normal(size=s).astype(dtype) for k, s in self.shapes.items()} for _ in range(steps)]

    def make(self, params: Any = None, **options: Any) -> Optimizer:
        """The rule in its torch-shaped class."""
        return class_of(self.rule)(self.start() if params is None else params, **{**self.given, **options})

    def hypers(self, g: Any = None) -> SimpleNamespace:
        """Resolved hyperparameters, with a loss and, given a gradient, a curvature."""
        h = SimpleNamespace(**self.rule.resolve(self.given), value=VALUE)
        if g is not None:
            h.curvature = frozen(bent(g))
        return h

    def once(self, p: Any, g: Any, t: int = 1, slots: Any = None, h: Any = None) -> tuple[dict[str, Any], Any]:
        """Terms of one step from read-only inputs, and the slots before it."""
        h = self.hypers(g) if h is None else h
        p, g = frozen(p), frozen(g)
        slots = {k: frozen(v) for k, v in (self.rule.start(p, h) if slots is None else slots).items()}
        with np.errstate(all="ignore"):
            return self.rule.terms(g, p, slots, h, t), slots


def bent(g: Any) -> Any:
    """A diagonal of a Hessian, for rules that take one: positive, and of its own element only."""
    return 1 + g * g


def frozen(a: Any) -> np.ndarray:
    """A copy that refuses to be written to."""
    a = np.array(a)
    a.setflags(write=False)
    return a


def step(opt: Optimizer, g: Mapping[str, Any], value: float = VALUE, up: int = 1) -> None:
    """One step with whatever the rule needs beside the gradient."""
    curvature = {k: up * bent(g[k]) for k in opt.params} if "curvature" in opt.rule.needs else None
    opt.step({k: g[k] for k in opt.params}, value, curvature)


def run(opt: Optimizer, grads: Iterable[Mapping[str, Any]], up: int = 1) -> dict[str, np.ndarray]:
    """Parameters after some steps."""
    for g in grads:
        step(opt, g, up=up)
    return opt.params


def everything_on(rule: UpdateRule) -> dict[str, Any]:
    """Switches turned over, decay and momentum where the default has none."""
    own = {k: not h.default for k, h in rule.hypers.items() if h.kind == "bool"}
    wanted = {"weight_decay": 0.1, "momentum": 0.9}
    return own | {k: v for k, v in wanted.items() if k in rule.hypers and not rule.hypers[k].default}


def trials(rule: UpdateRule, given: Mapping[str, Any] | None = None, calls: int = 1) -> list[Trial]:
    """The rule as it comes, and with everything that its defaults leave out."""
    first = Trial(rule, dict(given or {}), calls=calls)
    matrices = replace(first, shapes={"a": (4, 3), "b": (4, 5)})
    if rule.scope == "matrix" and not _steps(first) and _steps(matrices):
        first = matrices
    on = {**first.given, **everything_on(rule)}
    try:
        rule.resolve(on)
    except HyperparameterError:  # switches that exclude each other
        return [first]
    return [first] if on == first.given else [first, Trial(rule, on, "switched on", calls, first.shapes)]


def _steps(trial: Trial) -> bool:
    """Whether the rule takes the second parameter at all; what is wrong else, the laws will say."""
    try:
        trial.once(trial.start()["b"], trial.gradients(1)[0]["b"])
    except Exception:
        return False
    return True


def broken(trial: Trial, claim: str, *numbers: str) -> LawError:
    """The error for a law that does not hold."""
    return LawError(f"{trial.rule.name}, {trial}: {claim}", "; ".join(numbers) or None)


def differing(a: Mapping[str, Any], b: Mapping[str, Any], rtol: float | None = None) -> str:
    """The first array in which two results differ, with numbers; empty when they are the same."""
    for k in a:
        x, y = np.asarray(a[k]), np.asarray(b[k])
        if x.shape != y.shape or x.dtype != y.dtype:
            return f"{k} is {x.dtype} of shape {x.shape} and {y.dtype} of shape {y.shape}"
        off = x != y if rtol is None else ~np.isclose(x, y, rtol=rtol, atol=0)
        off = off & ~((x != x) & (y != y))
        if off.any():
            at = tuple(int(i) for i in np.argwhere(off)[0])
            return f"{k} at {at} is {x[at]!s} and {y[at]!s}"
    return ""
