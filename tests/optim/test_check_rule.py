"""The check that a rule of one's own gets: it finds every planted mistake, by the law meant for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.hypers import Hyper, flag, lr, unit
from torchlean_nb.laws import RULE_LAWS, LawError
from torchlean_nb.updates import Slot, UpdateRule

MEMORY = {}


def heavy(xp, g, p, s, h, t):
    """Momentum, written for these tests."""
    m = h.mu * s.m + g
    return {"m": m, "delta": -h.lr * m}


GOOD = UpdateRule(
    name="heavy", update=heavy, hypers={"lr": lr(0.01), "mu": unit(0.9, r"\mu"), "bold": flag()}, slots={"m": Slot()},
    latex=(("m", r"\mu\,m + g"), (r"\Delta", r"-\eta\,m")),
)  # fmt: skip


def changed(update, **fields):
    """The good rule with another update, under the same sentence."""
    update.__doc__ = update.__doc__ or heavy.__doc__
    return replace(GOOD, update=update, **fields)


def no_step(xp, g, p, s, h, t):
    return {"m": h.mu * s.m + g}


def slot_forgotten(xp, g, p, s, h, t):
    return {"delta": -h.lr * (h.mu * s.m + g)}


def one_number_for_all(xp, g, p, s, h, t):
    return heavy(xp, g, p, s, h, t) | {"delta": -h.lr * xp.sum(g)}


def in_place(xp, g, p, s, h, t):
    s.m[...] = h.mu * s.m + g
    return {"m": s.m, "delta": -h.lr * s.m}


def rate_eaten(xp, g, p, s, h, t):
    h.lr = 0.99 * h.lr
    return heavy(xp, g, p, s, h, t)


def counting(xp, g, p, s, h, t):
    MEMORY["calls"] = MEMORY.get("calls", 0) + 1
    out = heavy(xp, g, p, s, h, t)
    return out | {"delta": out["delta"] / MEMORY["calls"]}


def widened(xp, g, p, s, h, t):
    m = np.float64(0.9) * s.m + g
    return {"m": m, "delta": -h.lr * m}


def divided_by_tiny(xp, g, p, s, h, t):
    return heavy(xp, g, p, s, h, t) | {"delta": -h.lr * (g * 1e-7) / ((g * g * 1e-7) ** 0.5 * 3e-4)}


def centred(xp, g, p, s, h, t):
    return heavy(xp, g - xp.mean(g), p, s, h, t)


def decided(xp, g, p, s, h, t):
    return heavy(xp, g, p, s, h, t) if h.mu > 0.5 else {"m": s.m, "delta": -h.lr * g}


def drifting(xp, g, p, s, h, t):
    out = heavy(xp, g, p, s, h, t)
    return out | {"delta": out["delta"] - h.lr * 1e-6 * p}


def uphill(xp, g, p, s, h, t):
    out = heavy(xp, g, p, s, h, t)
    return out | {"delta": -out["delta"]}


def remembering(xp, g, p, s, h, t):
    out = heavy(xp, g, p, s, h, t)
    before = 0 * g if t < 4 else MEMORY.get(g.shape, g)
    MEMORY[g.shape] = np.array(g)
    return out | {"delta": out["delta"] - h.lr * before}


def by_place(xp, g, p, s, h, t):
    place = xp.reshape(xp.cumsum(xp.ones(shape=g.shape, like=g)), shape=g.shape)
    return heavy(xp, place / g.size * g + 1e-3 * xp.mean(g), p, s, h, t)


def peeking(xp, g, p, s, h, t):
    out = heavy(xp, g, p, s, h, t)
    return out | {"delta": out["delta"] * (1.0 if isinstance(g, np.ndarray) else 1.1)}


PLANTED = [
    (changed(no_step), "every_term_is_there", "delta"),
    (changed(slot_forgotten), "every_term_is_there", "'m'"),
    (changed(one_number_for_all), "every_term_is_there", "shape ()"),
    (changed(heavy, slots={"m": Slot(lambda xp, p, h: xp.zeros(shape=(), like=p))}), "every_term_is_there", "m of"),
    (changed(in_place), "inputs_stay_untouched", "writes"),
    (changed(rate_eaten), "inputs_stay_untouched", "lr"),
    (changed(counting), "same_inputs_give_the_same_step", "two results"),
    (changed(widened), "numbers_keep_their_type", "float64 for a parameter in float16"),
    (changed(divided_by_tiny), "half_precision_stays_finite", "not finite"),
    (changed(centred), "scope_is_honest", "(3, 0) moves"),
    (changed(heavy, scope="tensor"), "scope_is_honest", "is it 'element'"),
    (changed(decided), "hyperparameters_may_be_arrays", "lr, mu"),
    (changed(drifting), "zero_gradient_moves_nothing", "before and after"),
    (changed(uphill), "small_steps_go_down", "height"),
    (changed(remembering), "resumed_is_the_same_run", "at step"),
    (changed(by_place, scope="group"), "order_does_not_matter", "order"),
    (changed(peeking), "fused_is_the_rule", "elsewhere"),
    (changed(heavy, hypers={**GOOD.hypers, "mu": Hyper(1.5, r"\mu", 0.0, 1.0)}), "defaults_are_allowed", "1.5"),
    (changed(heavy, tuples={"betas": ("beta1", "mu")}), "defaults_are_allowed", "beta1"),
    (changed(heavy, latex=()), "symbols_stand_in_the_formula", "no formula"),
    (changed(heavy, latex=((r"\Delta", r"-\eta\,g"),)), "symbols_stand_in_the_formula", r"mu, written \mu"),
    (changed(heavy, latex=(("b", r"\mu\,b + g"), (r"\Delta", r"-\eta\,b"))), "symbols_stand_in_the_formula", "m, writ"),
    (changed(heavy, latex=(("m", r"\mu\,m + g"), (r"\Delta", r"\frac m\eta"))), "formulas_of_the_step_parse", "braces"),
    (changed(lambda *a: heavy(*a), slots=GOOD.slots), "rule_is_described", "sentence"),
]  # fmt: skip
PLANTED[-1][0].update.__doc__ = "no sentence"
object.__setattr__(PLANTED[-1][0], "__doc__", "no sentence")


def test_a_good_rule_keeps_every_law_and_is_not_in_any_table():
    report = tl.check_rule(GOOD)
    assert report and report.ok and report.failed == ()
    assert {f.law for f in report.findings} == set(RULE_LAWS)
    assert "heavy" not in tl.optim.rules


@pytest.mark.parametrize(("rule", "law", "words"), PLANTED, ids=[f"{p[1]}-{i}" for i, p in enumerate(PLANTED)])
def test_a_planted_mistake_is_found_by_the_law_meant_for_it(rule, law, words):
    MEMORY.clear()
    report = tl.check_rule(rule)
    assert not report and not report.ok
    assert report.failed[0].law == law, report
    assert words in report.failed[0].complaint
    assert f"{law} " in report.to_text() and "FAILS" in repr(report)


def test_laws_without_a_planted_mistake_are_those_that_the_shell_keeps_for_every_rule():
    assert set(RULE_LAWS) - {law for _, law, _ in PLANTED} == {
        "maximizing_is_the_negated_gradient", "groups_are_optimizers",
    }  # fmt: skip


@pytest.mark.parametrize("law", ["maximizing_is_the_negated_gradient", "groups_are_optimizers"])
def test_mistakes_of_the_shell_are_found(monkeypatch, law):
    from torchlean_nb.shells.optimizer import Optimizer

    if law == "groups_are_optimizers":
        same = lambda self, g: {"maximize": False, **self.defaults, "params": g["params"]}  # noqa: E731
        monkeypatch.setattr(Optimizer, "_group", same)
    else:
        monkeypatch.setattr(Optimizer, "_gradient", lambda self, p, g, maximize, what="": g)
    assert law in {f.law for f in tl.check_rule(GOOD).failed}


def test_a_name_a_class_and_a_row_are_one():
    reports = [tl.check_rule(r) for r in ("sgd", "SGD", tl.optim.SGD, tl.optim.rules["sgd"])]
    assert len({str(r) for r in reports}) == 1 and reports[0].ok


def test_what_is_wrong_is_raised_when_asked_for():
    with pytest.raises(LawError, match="breaks 1 laws"):
        tl.check_rule(changed(uphill), raises=True)
    tl.check_rule(GOOD, raises=True)


def test_an_exception_needs_a_law_and_a_mistake():
    wild = changed(uphill)
    excused = tl.check_rule(wild, but={"small_steps_go_down": "it is meant to go up"})
    assert excused and "excepted: it is meant to go up" in str(excused)
    idle = tl.check_rule(GOOD, but={"small_steps_go_down": "just in case"})
    assert not idle and "excuses nothing" in idle.failed[0].complaint
    with pytest.raises(tl.errors.HyperparameterError, match="small_steps_go_down"):
        tl.check_rule(GOOD, but={"small_steps_go_dwn": "a slip"})


@pytest.mark.parametrize("what", [heavy, 3, None, np.ones(2)])
def test_what_is_no_rule_is_refused(what):
    with pytest.raises(tl.errors.HyperparameterTypeError, match="not an update rule"):
        tl.check_rule(what)


SHARED = {"scope_is_honest": "its climb, all that its elements share, is taken back by the next call"}


@pytest.mark.parametrize(("made", "calls", "but"), [
    (lambda: tl.optim.chain("trace", "sgd"), 1, {}), (lambda: tl.optim.lookahead("sgd"), 5, {}),
    (lambda: tl.optim.ema("adam", 0.9), 1, {}), (lambda: tl.optim.accumulate("sgd", 2), 2, {}),
    (lambda: tl.optim.sam("adam"), 2, SHARED),
])  # fmt: skip
def test_rules_made_of_rules_are_checked_as_any(made, calls, but):
    assert tl.check_rule(made(), calls=calls, but=but).failed == ()


def test_settings_may_be_given():
    assert tl.check_rule(GOOD, {"mu": 0.5}).ok
    assert not tl.check_rule(GOOD, {"mu": -1.0})


def test_a_rule_of_ones_own_gets_class_explanation_card_and_laws():
    @tl.extend.update_rule(
        hypers={"lr": tl.extend.Hyper(0.1, r"\eta", 0.0)}, slots={"n": tl.extend.Slot()},
        latex=(("n", r"\max(n, |g|)"), (r"\Delta", r"-\eta\,\frac{g}{n + 1}")),
    )  # fmt: skip
    def calm(xp, g, p, s, h, t):
        """Steps over one more than the largest gradient so far."""
        n = xp.maximum(s.n, xp.abs(g))
        return {"n": n, "delta": -h.lr * (g / (n + 1))}

    try:
        assert tl.check_rule("calm").ok
        opt = tl.optim.Calm({"w": np.array([1.0])})
        opt.step({"w": np.array([3.0])})
        assert opt.explain("w").delta == pytest.approx(-0.075)
        assert "Steps over one more" in calm.card()
    finally:
        del tl.optim.rules["calm"]
