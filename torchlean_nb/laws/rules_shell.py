"""Laws of the optimizer that a rule becomes: its directions, its state, its groups, its fast path."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.errors import CapabilityError
from torchlean_nb.laws.rules_trial import Trial, broken, differing, law, run
from torchlean_nb.updates import UpdateRule


@law()
def maximizing_is_the_negated_gradient(rule: UpdateRule, trial: Trial) -> None:
    """Stepping up is stepping down with the gradient negated, bit for bit."""
    steps = trial.gradients()
    up = run(trial.make(maximize=True), steps, up=-1)
    if off := differing(up, run(trial.make(), [{k: -g for k, g in s.items()} for s in steps])):
        raise broken(trial, "maximize=True is not the negated gradient", off)


@law()
def resumed_is_the_same_run(rule: UpdateRule, trial: Trial) -> None:
    """Cut anywhere and resumed from a snapshot or a state dict, a run ends in the same bits, in float32 too."""
    for dtype in (np.float64, np.float32):
        _resumed(trial, dtype)


def _resumed(trial: Trial, dtype: Any) -> None:
    steps = trial.gradients(dtype=dtype)
    whole = run(trial.make(trial.start(dtype)), steps)
    for cut in range(len(steps) + 1):
        opt = trial.make(trial.start(dtype))
        run(opt, steps[:cut])
        moment, plain, values = opt.snapshot(), opt.state_dict(), opt.params
        on = run(opt, steps[cut:])
        opt.restore(moment)
        back, again = opt.params, run(opt, steps[cut:])
        fresh = trial.make(values)
        fresh.load_state_dict(plain)
        loaded = run(fresh, steps[cut:])
        for what, a, b in (
            ("a pause", on, whole), ("restore", back, values), ("a snapshot", again, whole),
            ("a state dict", loaded, whole),
        ):  # fmt: skip
            if off := differing(a, b):
                raise broken(trial, f"after {what} at step {cut} the run in {np.dtype(dtype)} is another", off)


@law()
def order_does_not_matter(rule: UpdateRule, trial: Trial) -> None:
    """Parameters given in another order step as before; sums over a whole group up to rounding."""
    p = trial.start()
    turned = run(trial.make({k: p[k] for k in reversed(p)}), trial.gradients())
    if off := differing(run(trial.make(), trial.gradients()), turned, 1e-12 if rule.scope == "group" else None):
        raise broken(trial, "the order of the parameters matters", off)


@law(lambda rule, trial: "lr" in rule.hypers)
def groups_are_optimizers(rule: UpdateRule, trial: Trial) -> None:
    """One optimizer with two groups is two optimizers, bit for bit."""
    p, steps = trial.start(), trial.gradients()
    together = run(trial.make([{"params": {"a": p["a"]}}, {"params": {"b": p["b"]}, "lr": 0.02}]), steps)
    alone = run(trial.make({"a": p["a"]}), steps) | run(trial.make({"b": p["b"]}, lr=0.02), steps)
    if off := differing(together, alone):
        raise broken(trial, "two groups are not two optimizers", off)


@law(lambda rule, trial: rule.scope == "element" and not rule.needs)
def fused_is_the_rule(rule: UpdateRule, trial: Trial) -> None:
    """Where the rule can be written as a program over flat arrays, the program takes the rule's steps."""
    try:
        fast = trial.make(fused="numpy")
    except CapabilityError:  # not a straight line, and it says so
        return
    steps = trial.gradients(20)
    mine, theirs = run(fast, steps), run(trial.make(), steps)
    for k in mine:
        if not np.abs(mine[k] - theirs[k]).max() <= 1e-9 * np.abs(theirs[k]).max():
            raise broken(trial, "fused=True steps elsewhere", differing({k: mine[k]}, {k: theirs[k]}, 1e-9))
