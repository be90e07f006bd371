"""Laws that hold for every row of the table of update rules."""

from __future__ import annotations

import numpy as np
import pytest
from _formulas import draw
from optim.exceptions import CALLS, DECAYS, EXCEPTIONS, GIVEN

import torchlean_nb as tl
from torchlean_nb.laws import RULE_LAWS, LawError
from torchlean_nb.laws.rules_trial import run, trials
from torchlean_nb.updates import RULES

ROWS = [r for r in RULES.values() if r.builtin]
EACH = pytest.mark.parametrize("rule", ROWS, ids=lambda r: r.name)


def trial_of(rule, **given):
    return trials(rule, {**GIVEN.get(rule.name, {}), **given})[0]


# -- the table of laws, of which check_rule makes its report ------------------------------------------
@pytest.mark.parametrize("law", RULE_LAWS.values(), ids=lambda law: law.name)
@EACH
def test_every_law_holds_but_for_exceptions_that_have_a_reason(rule, law):
    complaints = []
    for trial in trials(rule, GIVEN.get(rule.name), CALLS.get(rule.name, 1)):
        if law.applies(rule, trial):
            try:
                law(rule, trial)
            except LawError as e:
                complaints.append(str(e))
    assert bool(complaints) == (rule.name in EXCEPTIONS.get(law.name, {})), complaints


def test_exceptions_name_laws_and_rows_that_exist():
    assert set(EXCEPTIONS) <= set(RULE_LAWS)
    named = {*GIVEN, *CALLS, *(r for rows in EXCEPTIONS.values() for r in rows)}
    assert named <= {r.name for r in ROWS}


@pytest.mark.parametrize("name", ["optimistic_gd", "sgd"])
def test_a_gradient_given_stays_the_callers_own(name):
    """Also where a slot is the gradient, and where explain reads it again."""
    g, steps = np.array([1.0, 2.0]), []
    opts = [getattr(tl.optim, RULES[name].class_name)({"w": np.ones(2)}) for _ in range(2)]
    for k in (1.0, -3.0, 2.0):
        g[...] = (k, 2 * k)
        for opt, given in zip(opts, (g, g.copy()), strict=True):
            opt.step({"w": given})
        g[...] = 99.0
        steps.append([opt.explain("w").delta.tolist() for opt in opts])
    assert opts[0].params["w"].tolist() == opts[1].params["w"].tolist()
    assert all(a == b for a, b in steps)


# -- laws of some rules, and what drawing them takes --------------------------------------------------
@pytest.mark.parametrize("rule", [r for r in ROWS if r.scope == "tensor"], ids=lambda r: r.name)
def test_a_tensor_rule_does_not_see_the_shape(rule):
    trial = trials(rule)[0]
    p, steps = trial.start()["a"], [{"a": g["a"]} for g in trial.gradients()]
    flat = run(trial.make({"a": p.ravel()}), [{"a": g["a"].ravel()} for g in steps])["a"]
    assert np.allclose(run(trial.make({"a": p}), steps)["a"].ravel(), flat, rtol=1e-12, atol=0)


@pytest.mark.parametrize("rule", [r for r in ROWS if DECAYS & set(r.hypers)], ids=lambda r: r.name)
def test_decay_alone_pulls_towards_zero(rule):
    opt = trial_of(rule, lr=1e-3, **{k: 0.1 for k in DECAYS if k in rule.hypers}).make()
    zero = {k: np.zeros_like(p) for k, p in opt.params.items()}
    before = opt.params
    after = run(opt, [zero] * 3)
    for k, p in before.items():
        assert (np.sign(after[k]) == np.sign(p)).all() and (np.abs(after[k]) < np.abs(p)).all()


@EACH
def test_defaults_are_as_they_stand_in_the_row_and_the_card_shows_them(rule):
    assert rule.resolve({}) == {k: h.default for k, h in rule.hypers.items()}
    assert rule.class_name in rule.card() and rule.summary in rule.card()


@EACH
def test_every_switch_has_no_symbol_and_every_number_has_one(rule):
    for k, h in rule.hypers.items():
        assert bool(h.symbol) == (h.kind in ("float", "int", "any")), k


@EACH
def test_formulas_are_drawn_by_mathtext(rule):
    for left, right in rule.latex:
        draw(f"{left} = {right}")
    for h in rule.hypers.values():
        draw(h.symbol or "x")


# -- special cases: the family tree ------------------------------------------------------------------------
KIN = [
    ("adamw", {"weight_decay": 0.0}, "adam", {}), ("adamaxw", {"weight_decay": 0.0}, "adamax", {}),
    ("sgdw", {"weight_decay": 0.0}, "sgd", {"momentum": 0.9}), ("qhm", {"nu": 0.0}, "sgd", {}),
    ("qhm", {"nu": 1.0, "momentum": 0.9}, "sgd", {"momentum": 0.9, "lr": 0.001}),
    ("aggmo", {"betas": (0.9, 0.9, 0.9)}, "sgd", {"momentum": 0.9}), ("ademamix", {"alpha": 0.0}, "adam", {}),
    ("optimistic_gd", {"beta": 0.0}, "sgd", {}), ("optimistic_adam", {"beta": 0.0}, "adam", {}),
    ("adabound", {"final_lr": 0.0, "weight_decay": 0.1}, "sgd", {"lr": 0.0}),
    ("projected_sgd", {}, "sgd", {}), ("orthogonal_momentum", {}, "sgd", {"momentum": 0.9}),
    ("nadamw", {"weight_decay": 0.0, "betas": (0.0, 0.999)}, "adam", {"betas": (0.0, 0.999)}),
    ("adan", {"betas": (0.9, 0.0, 0.999)}, "adam", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "kin", "others"), KIN, ids=[f"{k[0]} is {k[2]}" for k in KIN])
def test_special_cases_are_their_kin(name, given, kin, others):
    trial = trials(RULES["muon"])[0]
    p, steps = trial.start(), trial.gradients(20)
    a = run(getattr(tl.optim, RULES[name].class_name)(p, lr=0.01, **given), steps)
    b = run(getattr(tl.optim, RULES[kin].class_name)(p, **{"lr": 0.01, **others}), steps)
    for k in a:
        assert np.allclose(a[k], b[k], rtol=1e-13, atol=1e-15)
