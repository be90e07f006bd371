"""Laws that hold for every row of the table of update rules."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser
from optim.exceptions import (
    ALONE,
    CALLS,
    DECAYS,
    GIVEN,
    MATRICES,
    OWN_SYMBOLS,
    PLACED,
    RESTLESS,
    SYMBOLS,
    UNSWEPT,
    UNWRITTEN,
)  # fmt: skip

import torchlean_nb as tl
from torchlean_nb.updates import RULES


def everything_on(rule):
    """Switches turned over, decay and momentum where the default has none."""
    own = {k: not h.default for k, h in rule.hypers.items() if h.kind == "bool"}
    wanted = {"weight_decay": 0.1, "momentum": 0.9}
    return own | {k: v for k, v in wanted.items() if k in rule.hypers and not rule.hypers[k].default}


ROWS = [r for r in RULES.values() if r.builtin]
EACH = pytest.mark.parametrize("rule", ROWS, ids=lambda r: r.name)
ALL = pytest.mark.parametrize(
    ("rule", "given"),
    [
        pytest.param(r, {**GIVEN.get(r.name, {}), **g}, id=r.name + "-on" * bool(g))
        for r in ROWS for g in ([{}, everything_on(r)] if everything_on(r) else [{}])
    ],
)  # fmt: skip


def start(rule, dtype=np.float64):
    """Two parameters, no element of which is near 0."""
    rng = np.random.default_rng(1)
    shapes = {"a": (4, 3), "b": (4, 5) if rule.name in MATRICES else (5,)}
    return {
        k: (rng.choice([-1, 1], size=s) * rng.uniform(1, 2, size=s)).astype(dtype) for k, s in shapes.items()
    }  # fmt: skip


def gradients(rule, steps=6, dtype=np.float64):
    rng = np.random.default_rng(2)
    return [{k: rng.normal(size=p.shape).astype(dtype) for k, p in start(rule).items()} for _ in range(steps)]


def make(rule, given, params=None, **options):
    return getattr(tl.optim, rule.class_name)(start(rule) if params is None else params, **given, **options)


def bent(g):
    """A diagonal of a Hessian, for rules that take one: positive, and of its own element only."""
    return 1 + g * g


def step(opt, g, value=1.5, up=1):
    curvature = {k: up * bent(g[k]) for k in opt.params} if "curvature" in opt.rule.needs else None
    opt.step({k: g[k] for k in opt.params}, value, curvature)


def run(opt, grads, up=1):
    for g in grads:
        step(opt, g, up=up)
    return opt.params


def frozen(a):
    a = np.array(a)
    a.setflags(write=False)
    return a


def once(rule, given, p, g, t=1, slots=None):
    """Terms of one step from read-only inputs, and the slots before it."""
    h = SimpleNamespace(**rule.resolve(given), value=1.5, curvature=frozen(bent(g)))
    p, g = frozen(p), frozen(g)
    slots = {k: frozen(v) for k, v in (slots or rule.start(p, h)).items()}
    with np.errstate(all="ignore"):
        return rule.terms(g, p, slots, h, t), slots


def identical(a, b):
    assert a.keys() == b.keys()
    for k in a:
        assert np.array_equal(a[k], b[k], equal_nan=True), k


# -- a rule is a pure function ----------------------------------------------------------------------
@ALL
def test_same_inputs_give_the_same_terms_and_stay_as_they_are(rule, given):
    p, g = start(rule)["a"], gradients(rule)[0]["a"]
    terms, slots = once(rule, given, p, g)
    kept = {k: v.copy() for k, v in slots.items()}
    identical(terms, once(rule, given, p, g, slots=slots)[0])
    identical(slots, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@ALL
def test_slots_and_steps_keep_shape_and_dtype(rule, given, dtype):
    for name, p in start(rule, dtype).items():
        slots = None
        for t in (1, 2, 3):
            terms, before = once(rule, given, p, gradients(rule, 3, dtype)[t - 1][name], t, slots)
            slots = {k: np.asarray(terms[k]) for k in before}
            for k, v in {**before, **slots}.items():
                assert v.shape == before[k].shape and v.dtype == dtype, k
            assert np.shape(terms["delta"]) == p.shape and np.asarray(terms["delta"]).dtype == dtype


@ALL
def test_a_step_depends_on_as_much_as_its_scope_says(rule, given):
    def after(change):
        """The end of a run with a step in which one row has no gradient, but for one element of it."""
        steps = [{"a": g["a"].copy()} for g in gradients(rule)]
        steps[-2]["a"][3] = (change, 0, 0)
        return run(make(rule, given, {"a": start(rule)["a"]}), steps)["a"]

    moved = after(0.0) != after(1.5)
    moved[3, 0] = False
    assert moved.any() == (rule.scope != "element" and rule.name not in ALONE)


@pytest.mark.parametrize("rule", [r for r in ROWS if r.scope == "tensor"], ids=lambda r: r.name)
def test_a_tensor_rule_does_not_see_the_shape(rule):
    p, steps = start(rule)["a"], [{"a": g["a"]} for g in gradients(rule)]
    flat = run(make(rule, {}, {"a": p.ravel()}), [{"a": g["a"].ravel()} for g in steps])["a"]
    assert np.allclose(run(make(rule, {}, {"a": p}), steps)["a"].ravel(), flat, rtol=1e-12, atol=0)


def by_hand(rule, flat, p, grads):
    """Steps without the shell, so that hyperparameters may be arrays."""
    h = SimpleNamespace(**flat, value=1.5)
    slots = rule.start(p, h)
    for t, g in enumerate(grads, 1):
        h.curvature = bent(g)
        with np.errstate(all="ignore"):
            terms = rule.terms(g, p, slots, h, t)
        p, slots = p + terms["delta"], {k: terms[k] for k in slots}
    return p


@pytest.mark.parametrize("rule", [r for r in ROWS if r.scope == "element"], ids=lambda r: r.name)
def test_rows_may_have_hyperparameters_of_their_own(rule):
    flat = rule.resolve(everything_on(rule))
    fixed = {slot.when for slot in rule.slots.values()} | {k for name, k in UNSWEPT if name == rule.name}
    swept = [k for k, h in rule.hypers.items() if h.kind == "float" and k not in fixed]
    factors = (1.0, 0.9, 0.5)
    each = [flat | {k: f * flat[k] for k in swept} for f in factors]
    together = flat | {k: np.array([[e[k]] for e in each]) for k in swept}
    p, grads = start(rule)["a"][:3], [g["a"][:3] for g in gradients(rule)]
    alone = [by_hand(rule, e, p[i], [g[i] for g in grads]) for i, e in enumerate(each)]
    assert np.allclose(by_hand(rule, together, p, grads), alone, rtol=1e-13, atol=0)


# -- directions -------------------------------------------------------------------------------------
@ALL
def test_a_zero_gradient_moves_nothing_but_decay(rule, given):
    still = {k: 0.0 for k in DECAYS if k in rule.hypers}
    opt = make(rule, {**given, **still})
    zero = {k: np.zeros_like(p) for k, p in opt.params.items()}
    before = opt.params
    after = run(opt, [zero] * 3)
    if rule.name in RESTLESS:
        assert any(not np.array_equal(before[k], after[k]) for k in before)
    else:
        identical(before, after)


@pytest.mark.parametrize("rule", [r for r in ROWS if DECAYS & set(r.hypers)], ids=lambda r: r.name)
def test_decay_alone_pulls_towards_zero(rule):
    opt = make(rule, {**GIVEN.get(rule.name, {}), "lr": 1e-3} | {k: 0.1 for k in DECAYS if k in rule.hypers})
    zero = {k: np.zeros_like(p) for k, p in opt.params.items()}
    before = opt.params
    after = run(opt, [zero] * 3)
    for k, p in before.items():
        assert (np.sign(after[k]) == np.sign(p)).all() and (np.abs(after[k]) < np.abs(p)).all()


@ALL
def test_maximizing_is_minimizing_with_the_negated_gradient(rule, given):
    steps = gradients(rule)
    up = run(make(rule, given, maximize=True), steps, up=-1)
    identical(up, run(make(rule, given), [{k: -g for k, g in s.items()} for s in steps]))


@ALL
def test_small_steps_go_down_a_bowl(rule, given):
    opt = make(rule, {**given, "lr": 1e-3})
    seen = []
    for _ in range(15):
        seen.append(sum(float((p * p).sum()) / 2 for p in opt.params.values()))
        step(opt, opt.params, seen[-1])
    seen = seen[:: CALLS.get(rule.name, 1)]
    # ADOPT's first step only measures.
    assert (np.diff(seen)[1:] < 0).all() and seen[1] <= seen[0]


# -- what an optimizer is, next to its rule -----------------------------------------------------------
@pytest.mark.parametrize("cut", range(7))
@ALL
def test_a_run_resumed_at_any_step_is_the_same_run(rule, given, cut):
    steps = gradients(rule)
    whole = run(make(rule, given), steps)
    opt = make(rule, given)
    run(opt, steps[:cut])
    moment, plain, values = opt.snapshot(), opt.state_dict(), opt.params
    identical(run(opt, steps[cut:]), whole)
    opt.restore(moment)
    identical(opt.params, values)
    identical(run(opt, steps[cut:]), whole)
    fresh = make(rule, given, values)
    fresh.load_state_dict(plain)
    identical(run(fresh, steps[cut:]), whole)


@ALL
def test_the_order_of_parameters_does_not_matter(rule, given):
    p = start(rule)
    turned = run(make(rule, given, {k: p[k] for k in reversed(p)}), gradients(rule))
    as_given = run(make(rule, given), gradients(rule))
    if rule.name in PLACED:
        assert all(not np.array_equal(as_given[k], turned[k]) for k in p)
    elif rule.scope == "group":  # sums over all parameters, in another order
        assert all(np.allclose(as_given[k], turned[k], rtol=1e-12, atol=0) for k in p)
    else:
        identical(as_given, turned)


@ALL
def test_two_groups_are_two_optimizers(rule, given):
    p, other = start(rule), {**given, "lr": 0.02}
    groups = [{"params": {"a": p["a"]}}, {"params": {"b": p["b"]}, "lr": 0.02}]
    together = run(make(rule, given, groups), gradients(rule))
    alone = run(make(rule, given, {"a": p["a"]}), gradients(rule))
    identical(together, alone | run(make(rule, other, {"b": p["b"]}), gradients(rule)))


# -- what a row says about itself -----------------------------------------------------------------------
def tokens(latex):
    """LaTeX in pieces: commands and single characters."""
    return re.findall(r"\\[a-zA-Z]+|\S", latex)


def occurs(symbol, text):
    """Whether the symbol stands in the formula, as a symbol and not inside a word."""
    text = text if r"\mathrm" in symbol else re.sub(r"\\mathrm\{[^}]*\}", "", text)
    piece, whole = tokens(symbol), tokens(text)
    return any(whole[i : i + len(piece)] == piece for i in range(len(whole)))


@EACH
def test_every_hyperparameter_and_slot_occurs_in_the_formula(rule):
    text = " , ".join(f"{left} = {right}" for left, right in rule.latex)
    wanted = {k: h.symbol for k, h in rule.hypers.items() if h.symbol}
    wanted |= {k: slot.symbol or OWN_SYMBOLS.get((rule.name, k), SYMBOLS.get(k, k)) for k, slot in rule.slots.items()}
    for k, symbol in wanted.items():
        assert occurs(symbol, text) != ((rule.name, k) in UNWRITTEN), f"{k}: {symbol} in {text}"
    assert any(left == r"\Delta" for left, _ in rule.latex)


@EACH
def test_every_switch_has_no_symbol_and_every_number_has_one(rule):
    for k, h in rule.hypers.items():
        assert bool(h.symbol) == (h.kind in ("float", "int", "any")), k


@EACH
def test_formulas_are_drawn_by_mathtext(rule):
    parser = MathTextParser("path")
    for left, right in rule.latex:
        parser.parse(f"${left} = {right}$")
    for h in rule.hypers.values():
        parser.parse(f"${h.symbol or 'x'}$")


@EACH
def test_a_row_has_a_sentence_references_and_checked_defaults(rule):
    assert rule.summary.endswith(".") and len(rule.summary) <= 120
    assert rule.references
    assert rule.resolve({}) == {k: h.default for k, h in rule.hypers.items()}
    assert rule.class_name in rule.card() and rule.summary in rule.card()
    assert all(name not in rule.hypers and set(parts) <= set(rule.hypers) for name, parts in rule.tuples.items())


def test_exceptions_name_rows_that_exist():
    named = {*RESTLESS, *ALONE, *PLACED, *GIVEN, *MATRICES, *(r for r, _ in [*UNSWEPT, *UNWRITTEN, *OWN_SYMBOLS])}
    assert named <= {r.name for r in ROWS}
    assert {s for _, s in UNWRITTEN} <= {s for r in ROWS for s in r.slots}


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
    p, steps = start(RULES["muon"]), gradients(RULES["muon"], 20)
    a = run(make(RULES[name], {"lr": 0.01, **given}, p), steps)
    b = run(make(RULES[kin], {"lr": 0.01, **others}, p), steps)
    for k in a:
        assert np.allclose(a[k], b[k], rtol=1e-13, atol=1e-15)
