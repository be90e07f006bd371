"""Laws of the function: the same inputs give the same step, nothing is written to, nothing is looked at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.errors import RuleError
from torchlean_nb.laws.rules_trial import Trial, bent, broken, differing, law, run, step
from torchlean_nb.updates import UpdateRule

DECAYS = ("weight_decay", "lambd", "l1")
DTYPES = (np.float16, np.float32, np.float64)


@law()
def every_term_is_there(rule: UpdateRule, trial: Trial) -> None:
    """The update returns a step and the next value of every slot, each in the shape it has to have."""
    for name, p in trial.start().items():
        slots = None
        for t in (1, 2, 3):
            try:
                terms, before = trial.once(p, trial.gradients(3)[t - 1][name], t, slots)
            except RuleError as e:
                raise broken(trial, "a term is missing", str(e)) from e
            except ValueError as e:
                if "read-only" in str(e):  # a matter of the next law
                    return
                raise
            slots = {k: np.asarray(terms[k]) for k in before}
            for k, want in {"delta": p.shape, **{k: v.shape for k, v in before.items()}}.items():
                if np.shape(terms[k]) != want:
                    raise broken(trial, f"{k} of step {t} has shape {np.shape(terms[k])}, not {want}")


@law()
def inputs_stay_untouched(rule: UpdateRule, trial: Trial) -> None:
    """The update writes neither into an array it is given nor into the hyperparameters."""
    p, slots = trial.start()["a"], None
    for t, grads in enumerate(trial.gradients(3), 1):
        h = trial.hypers(grads["a"])
        before = dict(vars(h))
        try:
            terms, old = trial.once(p, grads["a"], t, slots, h)
        except ValueError as e:
            if "read-only" not in str(e):
                raise
            raise broken(trial, "the update writes into an array it was given", str(e)) from e
        changed = [k for k in {**before, **vars(h)} if vars(h).get(k) is not before.get(k)]
        if changed:
            raise broken(trial, f"the update changes the hyperparameter {changed[0]}")
        slots = {k: terms[k] for k in old}


@law()
def same_inputs_give_the_same_step(rule: UpdateRule, trial: Trial) -> None:
    """Called twice with the same numbers, the update returns the same terms, bit for bit."""
    p, slots = trial.start()["a"], None
    for t, grads in enumerate(trial.gradients(3), 1):
        first, old = trial.once(p, grads["a"], t, slots)
        second, _ = trial.once(p, grads["a"], t, old)
        off = differing(first, second) if first.keys() == second.keys() else "other terms"
        if off:
            raise broken(trial, f"two calls for step {t} give two results", off)
        slots = {k: first[k] for k in old}


@law()
def numbers_keep_their_type(rule: UpdateRule, trial: Trial) -> None:
    """Slots and steps are float16, float32 or float64 as the parameter is."""
    for dtype in DTYPES:
        for name, p in trial.start(dtype).items():
            slots = None
            for t, g in enumerate(trial.gradients(3, dtype), 1):
                terms, before = trial.once(p, g[name], t, slots)
                slots = {k: np.asarray(terms[k]) for k in before}
                for k, v in {**before, **slots, "delta": np.asarray(terms["delta"])}.items():
                    if v.dtype != dtype:
                        raise broken(trial, f"{k} is {v.dtype} for a parameter in {np.dtype(dtype)}", f"step {t}")


@law()
def half_precision_stays_finite(rule: UpdateRule, trial: Trial) -> None:
    """In float16, with its range of 6e-8 to 65504, ordinary gradients give finite slots and steps."""
    for name, p in trial.start(np.float16).items():
        slots = None
        for t, g in enumerate(trial.gradients(10, np.float16), 1):
            terms, before = trial.once(p, g[name], t, slots)
            slots = {k: np.asarray(terms[k]) for k in before}
            bad = [k for k in (*slots, "delta") if not np.isfinite(terms[k]).all()]
            if bad:
                raise broken(trial, f"{bad[0]} of step {t} is not finite in float16")
            p = p + terms["delta"]


@law()
def scope_is_honest(rule: UpdateRule, trial: Trial) -> None:
    """A step of one element depends on others where the scope says so, and only there."""
    steps = [{"a": g["a"].copy()} for g in trial.gradients()]

    def after(change: float) -> np.ndarray:
        """The end of a run with a step in which one row has no gradient, but for one element of it."""
        steps[-2]["a"][3] = (change, 0, 0)
        return run(trial.make({"a": trial.start()["a"]}), steps)["a"]

    moved = after(0.0) != after(1.5)
    moved[3, 0] = False
    if moved.any() and rule.scope == "element":
        at = tuple(int(i) for i in np.argwhere(moved)[0])
        raise broken(trial, f"the gradient at (3, 0) moves the parameter at {at}", "the scope is 'element'")
    if not moved.any() and rule.scope != "element":
        raise broken(trial, "no element depends on another", f"the scope is {rule.scope!r}, is it 'element'?")


def by_hand(trial: Trial, flat: dict[str, Any], p: Any, grads: list[Any]) -> Any:
    """Steps without the shell, so that hyperparameters may be arrays."""
    rule, h = trial.rule, SimpleNamespace(**flat, value=trial.hypers().value)
    slots = rule.start(p, h)
    for t, g in enumerate(grads, 1):
        h.curvature = bent(g)
        with np.errstate(all="ignore"):
            terms = rule.terms(g, p, slots, h, t)
        p, slots = p + terms["delta"], {k: terms[k] for k in slots}
    return p


@law(lambda rule, trial: rule.scope == "element")
def hyperparameters_may_be_arrays(rule: UpdateRule, trial: Trial) -> None:
    """Rows of an array with a hyperparameter each step as they do alone: the update looks at no value."""
    flat = rule.resolve(trial.given)
    fixed = {slot.when for slot in rule.slots.values()}
    swept = [k for k, h in rule.hypers.items() if h.kind == "float" and k not in fixed and flat[k] is not None]
    each = [flat | {k: f * flat[k] for k in swept} for f in (1.0, 0.9, 0.5)]
    together = flat | {k: np.array([[e[k]] for e in each]) for k in swept}
    p, grads = trial.start()["a"][:3], [g["a"][:3] for g in trial.gradients()]
    try:
        found = by_hand(trial, together, p, grads)
    except (TypeError, ValueError) as e:
        raise broken(trial, f"{', '.join(swept)} may not be arrays", f"{type(e).__name__}: {e}") from e
    alone = np.array([by_hand(trial, e, p[i], [g[i] for g in grads]) for i, e in enumerate(each)])
    if off := differing({"a": found}, {"a": alone}, 1e-13):
        raise broken(trial, "a row with hyperparameters of its own goes elsewhere than alone", off)


@law()
def zero_gradient_moves_nothing(rule: UpdateRule, trial: Trial) -> None:
    """From the start, gradients of zero leave the parameters as they are, but for decay."""
    opt = trial.make(**{k: 0.0 for k in DECAYS if k in rule.hypers})
    before = opt.params
    after = run(opt, [{k: np.zeros_like(p) for k, p in before.items()}] * 3)
    if off := differing(before, after):
        raise broken(trial, "three gradients of zero move a parameter", f"before and after: {off}")


@law(lambda rule, trial: "lr" in rule.hypers)
def small_steps_go_down(rule: UpdateRule, trial: Trial) -> None:
    """Steps with a small rate lead down a bowl, each of them."""
    opt, seen = trial.make(lr=1e-3), []
    for _ in range(15):
        seen.append(sum(float((p * p).sum()) / 2 for p in opt.params.values()))
        step(opt, opt.params, seen[-1])
    seen = seen[:: trial.calls]
    # A first step may be spent on measuring.
    if not ((np.diff(seen)[1:] < 0).all() and seen[1] <= seen[0]):
        raise broken(trial, "steps do not go down", "height: " + ", ".join(f"{x:.6g}" for x in seen[:5]))
