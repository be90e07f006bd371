"""Line searches: their conditions hold where they say so, and every trial is recorded."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.minimizers import SEARCHES, line_search
from torchlean_nb.minimizers.searches import cubic_minimum


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def wavy(x):
    return (x**2).sum() + 3.0 * tl.sin(4.0 * x).sum()


def wolfe(before, after, d, t, c1, c2):
    """Whether both conditions hold, up to the resolution of the values."""
    slope, flat = before.gradient @ d, after.gradient @ d
    noise = 4 * np.finfo(float).eps * abs(before.value)
    return after.value <= before.value + c1 * t * slope + noise and abs(flat) <= -c2 * slope


@pytest.mark.parametrize("method", ["strong_wolfe", "torch"])
@given(st.tuples(*[st.floats(-3.0, 3.0)] * 2), st.floats(1e-3, 1e3))
def test_a_step_that_was_found_satisfies_the_strong_wolfe_conditions(method, x, t):
    for f in (rosenbrock, wavy):
        both = tl.value_and_grad(f)
        found = line_search(both, np.array(x), method=method, t=t)
        value, g = both(np.array(x))
        if found.found:
            after, h = both(np.array(x) - found.t * g)
            assert after <= value - 1e-4 * found.t * g @ g + 4 * np.finfo(float).eps * abs(value)
            assert abs(h @ g) <= 0.9 * g @ g
            assert found.trials[-1].verdict == "low and flat enough"
        assert found.point.value <= value + 1e-12 * abs(value) and len(found.trials) <= 40


@given(st.tuples(*[st.floats(-3.0, 3.0)] * 2), st.floats(1e-3, 1e3), st.floats(0.1, 0.9))
def test_backtracking_shortens_until_the_value_is_low_enough(x, t, shrink):
    found = line_search(tl.value_and_grad(rosenbrock), np.array(x), method="armijo", t=t, shrink=shrink, max_trials=400)
    lengths = [r.t for r in found.trials]
    assert found.found and found.t == lengths[-1]
    assert np.allclose(lengths, [t * shrink**k for k in range(len(lengths))])
    assert [r.verdict for r in found.trials] == ["too high, shorter"] * (len(lengths) - 1) + ["low enough"]


@pytest.mark.parametrize("method", ["bfgs", "dfp", "sr1", "nonlinear_cg", "steepest_descent", "lbfgs"])
def test_the_wolfe_conditions_hold_at_every_accepted_step(method):
    option = {"line_search_fn": "strong_wolfe"} if method == "lbfgs" else {"line_search": "strong_wolfe"}
    found = tl.minimize(rosenbrock, [-1.2, 1.0], method, steps=60, **option)
    c2 = 0.1 if method == "nonlinear_cg" else 0.9
    accepted = [s for s in found.steps if "search" in s.terms and s.terms["search"].found]
    assert len(accepted) >= min(len(found.steps), 60) - 1 > 10
    for s in accepted:
        assert wolfe(s.before, s.after, s.terms["d"], s.terms["t"], 1e-4, c2)
        assert s.terms["search"].trials[-1].value == s.after.value


def test_the_exact_step_is_the_minimum_along_the_direction_of_a_quadratic():
    A = np.array([[3.0, 1.0], [1.0, 2.0]])
    both = tl.value_and_grad(lambda x: 0.5 * (x @ (A @ x)) - x.sum())
    found = line_search(both, [4.0, -1.0], [-1.0, 0.5], "exact")
    value, g = both(found.point.x)
    assert abs(g @ [-1.0, 0.5]) < 1e-14 and found.point.value == pytest.approx(float(value), abs=1e-14)
    assert np.allclose(found.point.gradient, g)


@pytest.mark.parametrize("method", ["armijo", "exact", "strong_wolfe"])
def test_a_direction_that_leads_up_is_refused_in_words(method):
    found = line_search(tl.value_and_grad(rosenbrock), [0.0, 0.0], [-1.0, 0.0], method)
    assert not found.found and found.t == 0 and "no descent direction" in found.why and found.trials == ()


def test_a_line_without_a_bottom_ends_in_words():
    down = lambda x: (-x.sum(), -np.ones_like(x))  # noqa: E731
    straight = line_search(down, [0.0], method="exact")
    assert "no minimum" in straight.why and not straight.found and straight.t == 0
    found = line_search(down, [0.0], method="strong_wolfe", max_trials=5)
    assert not found.found and [r.t for r in found.trials] == [1, 2, 4, 8, 16] and "5 trials" in found.why
    never = line_search(lambda x: (abs(x).sum() * 1.0, -np.ones_like(x)), [0.0], method="armijo", max_trials=3)
    assert not never.found and never.t == 0 and len(never.trials) == 3


@pytest.mark.parametrize("method", ["armijo", "strong_wolfe"])
def test_a_trial_outside_the_domain_is_too_far(method):
    # log x is not a number for negative x.
    both = tl.value_and_grad(lambda x: (x - tl.log(x)).sum())
    found = line_search(both, [3.0], [-1.0], method, t=8.0)
    assert found.found and 0 < found.point.x[0] < 3 and not np.isfinite(found.trials[0].value)


def test_brackets_shrink_around_what_was_found():
    found = line_search(tl.value_and_grad(rosenbrock), [-1.2, 1.0])
    brackets = [r.bracket for r in found.trials if r.bracket]
    assert len(brackets) > 3
    for outer, inner in pairwise(brackets):
        assert outer[0] <= inner[0] <= inner[1] <= outer[1]
    assert brackets[-1][0] <= found.t <= brackets[-1][1]


def test_the_text_shows_every_trial():
    found = line_search(tl.value_and_grad(rosenbrock), [-1.2, 1.0])
    text = found.to_text()
    assert len(text.splitlines()) == len(found.trials) + 2 and "strong Wolfe conditions" in text == repr(found)


@given(*[st.floats(-3, 3)] * 4, st.floats(0.01, 5.0))
def test_the_cubics_minimum_is_the_cubics_minimum(c3, c2, c1, a, width):
    p, slope = np.poly1d([c3, c2, c1, 0.0]), np.poly1d([3 * c3, 2 * c2, c1])
    b = a + width
    t = cubic_minimum(a, p(a), slope(a), b, p(b), slope(b))
    if t is not None and a <= t <= b and abs(c3) > 0.1:
        assert abs(slope(t)) < 1e-6 * (1 + abs(c1) + abs(c2)) and slope.deriv()(t) > -1e-5
    assert t == cubic_minimum(b, p(b), slope(b), a, p(a), slope(a))


def test_a_search_that_is_not_there_and_a_direction_that_does_not_fit():
    both = tl.value_and_grad(rosenbrock)
    with pytest.raises(errors.UnknownNameError, match="did you mean armijo"):
        line_search(both, [0.0, 0.0], method="armiho")
    with pytest.raises(errors.ShapeError, match=r"shape \(3,\)"):
        line_search(both, [0.0, 0.0], np.ones(3))
    assert set(SEARCHES) == {"armijo", "exact", "strong_wolfe", "torch"}
