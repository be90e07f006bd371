"""Laws over the table of methods: every row reaches the minimum, from any driver, and says how."""

from __future__ import annotations

import re

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.minimizers import METHODS, Point, of_rule
from torchlean_nb.render.mathml import mathml
from torchlean_nb.updates import RULES

RNG = np.random.default_rng(5)
A = np.array([[3.0, 1.0, 0.5], [1.0, 2.0, 0.0], [0.5, 0.0, 1.5]])
B = np.array([1.0, -1.0, 2.0])
BEST = np.linalg.solve(A, B)
ROWS, X0 = RNG.normal(size=(8, 3)), np.array([0.5, 0.25, -1.0])
TARGETS = ROWS @ BEST


def quadratic(x):
    return 0.5 * (x @ (A @ x)) - (B * x).sum()


def residuals(x):
    return ROWS @ x - TARGETS


def example(x, i):
    return 0.5 * ((ROWS[i] * x).sum() - TARGETS[i]) ** 2


def problem(name):
    """A convex quadratic with minimum BEST in the form the method needs, and its options."""
    need = next(iter(METHODS[name].needs))
    f = {"jacobian": residuals, "examples": example}.get(need, quadratic)
    return f, {"examples": len(ROWS)} if need == "examples" else {}


# How close a method comes that has no test of its own: it ends after all its steps.
COARSE = {"spsa": 0.2, "lbfgs": 5e-5}
STEPS = {"saga": 4000, "svrg": 4000}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_reaches_the_minimum_of_a_convex_quadratic(name):
    f, options = problem(name)
    found = tl.minimize(f, X0, name, steps=STEPS.get(name, 1000), **options)
    assert np.abs(found.x - BEST).max() <= COARSE.get(name, 1e-6)
    assert found.converged or name == "spsa"
    assert found.method.class_name in found.to_text() and found.stopped in repr(found)


@pytest.mark.parametrize("name", METHODS)
def test_every_iteration_is_recorded_with_all_its_terms_and_points(name):
    f, options = problem(name)
    found = tl.minimize(f, X0, name, steps=5, **options)
    assert [s.number for s in found.steps] == list(range(1, len(found.steps) + 1)) and found.steps
    for earlier, later in zip(found.steps, found.steps[1:], strict=False):
        assert later.before is earlier.after
    for s in found.steps:
        arrays = [v for v in s.terms.values() if isinstance(v, np.ndarray)]
        assert arrays and not any(a.flags.writeable for a in (*arrays, s.after.x, *(p.x for p in s.asked)))
        assert set(found.method.slots) <= set(s.terms)
    # The first and last evaluation belong to no iteration.
    outside = found.evaluations - sum(len(s.asked) for s in found.steps)
    assert outside == len(ROWS) if options else outside in (1, 2)


@pytest.mark.parametrize("name", METHODS)
def test_a_run_is_repeatable_bit_for_bit(name):
    f, options = problem(name)
    one, two = (tl.minimize(f, X0, name, steps=20, **options) for _ in range(2))
    assert np.array_equal(one.points, two.points) and one.evaluations == two.evaluations


@pytest.mark.parametrize("name", METHODS)
def test_the_card_says_what_it_asks_for_and_names_every_symbol(name):
    row, card = METHODS[name], METHODS[name].card()
    assert row.summary.endswith(".") and row.references and "Asks for" in card
    formulas = " ".join(f"{left} {right}" for left, right in row.latex)
    for key, h in row.hypers.items():
        assert h.symbol in formulas and (h.symbol or h.kind in ("int", "choice", "bool")), key
    for key, slot in row.slots.items():
        assert (slot.symbol or key) in formulas, key
    assert all("\\" not in mathml(f"{left} = {right}") for left, right in row.latex)


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if "lr" in m.hypers])
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, "0.1", None])
def test_a_rate_that_is_none_is_refused(name, bad):
    f, options = problem(name)
    with pytest.raises(errors.HyperparameterError, match="lr="):
        tl.minimize(f, X0, name, lr=bad, **options)


def test_names_of_methods_and_rules_do_not_meet():
    assert tl.optim.rules
    for key in ("name", "class_name"):
        assert not {getattr(m, key) for m in METHODS.values()} & {getattr(r, key) for r in RULES.values()}


def drivable(rule):
    return rule.scope != "matrix" and not rule.needs - {"value"}


@pytest.mark.parametrize("name", sorted(n for n, r in tl.optim.rules.items() if drivable(r)))
def test_an_update_rule_is_a_method_and_walks_as_its_class_does(name):
    rule = RULES[name]
    found = tl.minimize(quadratic, X0, name, steps=6)
    opt = getattr(tl.optim, rule.class_name)({"x": X0})
    for _ in found.steps:
        value, g = tl.value_and_grad(quadratic)(opt.params["x"])
        opt.step({"x": g}, float(value))
    assert np.array_equal(opt.params["x"], found.x)


@pytest.mark.parametrize("name", sorted(n for n, r in tl.optim.rules.items() if not drivable(r)))
def test_a_rule_that_needs_more_than_a_vector_is_refused(name):
    with pytest.raises(errors.CapabilityError, match=RULES[name].class_name):
        of_rule(RULES[name])


def test_a_rule_that_looks_at_shapes_is_refused_more_than_one_vector():
    with pytest.raises(errors.CapabilityError, match="by its shape"):
        tl.minimize(lambda p: (p["a"] ** 2).sum() + (p["b"] ** 2).sum(), {"a": X0, "b": X0}, "lars")


def test_a_method_of_ones_own_is_one_function():
    @tl.minimizers.method(hypers={}, latex=(("x", r"x - \nabla f(x) / 8"),))
    def eighth(at, s, h, k):
        """An eighth of the gradient."""
        return {"x": at.x - at.gradient / 8}

    try:
        assert tl.minimize(quadratic, X0, "eighth").converged
        assert np.allclose(tl.minimize(quadratic, X0, "Eighth").x, BEST)
        with pytest.raises(errors.RuleError, match="exists already"):
            tl.minimizers.method(hypers={})(METHODS["bfgs"].update)
    finally:
        del METHODS["eighth"]


def test_an_iteration_that_forgets_where_it_leads_is_told_so():
    @tl.minimizers.method(hypers={})
    def nowhere(at, s, h, k):
        """Nowhere."""
        return {"d": at.gradient}

    try:
        with pytest.raises(errors.RuleError, match="returned no 'x'"):
            tl.minimize(quadratic, X0, "nowhere")
    finally:
        del METHODS["nowhere"]


def test_the_table_is_reached_by_name_class_and_attribute():
    for name, row in METHODS.items():
        assert re.fullmatch(r"[a-z0-9_]+", name) and tl.minimizers.method_of(row.class_name) is row
        assert getattr(tl.optim, row.class_name).rule is row and row.class_name in dir(tl.optim)


def test_a_point_knows_what_it_was_told():
    assert Point(X0, 1.0, X0).knows(("value", "gradient")) and not Point(X0, 1.0).knows(("value", "gradient"))


@pytest.mark.parametrize("name", [n for n, m in METHODS.items() if "examples" not in m.hypers])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_narrow_numbers_stay_what_they_are(name, dtype):
    least = "jacobian" in METHODS[name].needs
    found = tl.minimize(lambda x: x - 1.0 if least else ((x - 1.0) ** 2).sum(), np.array([0, 3], dtype), name, steps=3)
    assert found.x.dtype == dtype and np.isfinite(found.x).all()
