"""What the textbooks prove about the methods, checked on the numbers they record."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.minimizers import METHODS, Point, iterates
from torchlean_nb.minimizers.direct import _cma_numbers
from torchlean_nb.minimizers.lbfgs import two_loop
from torchlean_nb.minimizers.secant import bfgs_update, dfp_update, sr1_update

RNG = np.random.default_rng(11)


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def rosenbrock_residuals(x):
    return tl.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])


def positive(n, condition=100.0, rng=RNG):
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return q @ np.diag(np.geomspace(1.0, condition, n)) @ q.T


def run(name, evaluate, x, steps, **hypers):
    """The first steps of a method on any kind of numbers."""
    row = METHODS[name]
    h = SimpleNamespace(**row.resolve(hypers), tol=0)
    return list(itertools.islice(iterates(row, evaluate, x, h), steps))


def of_quadratic(A, b):
    half = Fraction(1, 2) if A.dtype == object else 0.5
    return lambda ask: Point(ask.x, half * (ask.x @ A @ ask.x) - b @ ask.x, A @ ask.x - b, A)


# -- conjugate gradients -----------------------------------------------------------------------
@pytest.mark.parametrize("n", range(1, 7))
def test_cg_ends_after_n_steps_exactly(n):
    hilbert = np.array([[Fraction(1, i + j + 1) for j in range(n)] for i in range(n)])
    b = np.array([Fraction(i - 2) for i in range(n)]) + Fraction(1, 3)
    steps = run("conjugate_gradient", of_quadratic(hilbert, b), np.array([Fraction(0)] * n), n)
    assert (steps[-1].after.gradient == 0).all() and (hilbert @ steps[-1].after.x == b).all()
    assert all((s.after.gradient != 0).any() for s in steps[:-1])
    for one, two in itertools.combinations(steps, 2):
        assert one.terms["d"] @ hilbert @ two.terms["d"] == 0 == one.before.gradient @ two.before.gradient


def test_cg_needs_as_many_steps_as_there_are_different_curvatures():
    q = np.linalg.qr(RNG.normal(size=(9, 9)))[0]
    A = q @ np.diag([1.0] * 4 + [5.0] * 4 + [50.0]) @ q.T
    steps = run("conjugate_gradient", of_quadratic(A, RNG.normal(size=9)), np.zeros(9), 3)
    assert np.abs(steps[1].after.gradient).max() > 1e-3 and np.abs(steps[2].after.gradient).max() < 1e-12


@pytest.mark.parametrize("beta", ["FR", "PR+", "HS", "DY"])
def test_all_betas_are_linear_cg_on_a_quadratic(beta):
    A, b, x = positive(5, 20.0), RNG.normal(size=5), RNG.normal(size=5)
    linear = run("conjugate_gradient", of_quadratic(A, b), x, 5)
    other = run("nonlinear_cg", of_quadratic(A, b), x, 5, beta=beta, line_search="exact")
    assert np.allclose([s.after.x for s in other], [s.after.x for s in linear], rtol=0, atol=1e-9)


def test_nonlinear_cg_starts_anew_where_the_direction_leads_up():
    found = tl.minimize(rosenbrock, [-1.2, 1.0], "nonlinear_cg", beta="HS", c2=0.9, steps=60)
    terms = [s.terms for s in found.steps]
    again = [k for k, t in enumerate(terms) if t["restart"]]
    assert terms[0]["beta"] == 0 and len(again) > 3
    for k in again:
        assert terms[k]["beta"] == 0 and np.array_equal(terms[k]["d"], -found.steps[k].before.gradient)


# -- steepest descent --------------------------------------------------------------------------
def test_exact_steps_zigzag_and_no_faster_than_the_bound():
    A, b = np.diag([1.0, 9.0]), np.zeros(2)
    steps = run("steepest_descent", of_quadratic(A, b), np.array([9.0, 1.0]), 12)
    for s in steps:
        assert abs(s.before.gradient @ s.after.gradient) <= 1e-12 * (s.before.gradient @ s.before.gradient)
        # From the worst start the bound ((k - 1) / (k + 1))^2 is reached.
        assert s.after.value / s.before.value == pytest.approx(0.8**2, rel=1e-9)


@pytest.mark.parametrize("order", ["cyclic", "greedy", "random"])
def test_a_coordinate_search_ends_with_a_gradient_of_zero_there(order):
    steps = run("coordinate_search", of_quadratic(positive(4), RNG.normal(size=4)), np.zeros(4), 9, order=order)
    for k, s in enumerate(steps):
        i = s.terms["i"]
        assert abs(s.after.gradient[i]) < 1e-12 and np.count_nonzero(s.after.x - s.before.x) <= 1
        assert order != "cyclic" or i == k % 4
        assert order != "greedy" or abs(s.before.gradient[i]) == abs(s.before.gradient).max()


def test_a_coordinate_at_rest_is_passed_by():
    steps = run("coordinate_search", of_quadratic(np.eye(2), np.zeros(2)), np.array([0.0, 4.0]), 2)
    assert [s.terms["t"] for s in steps] == [0, 1] and not steps[1].after.x.any() and len(steps[0].asked) == 0


# -- quasi-Newton ------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["bfgs", "dfp", "sr1"])
def test_the_secant_equation_holds_after_every_update(name):
    found = tl.minimize(rosenbrock, [-1.2, 1.0], name)
    learned = [s.terms for s in found.steps if s.terms["learned"]]
    assert found.converged and np.allclose(found.x, 1.0) and len(learned) > 10
    for t in learned:
        # Relative to the largest terms of the sum, where digits are lost.
        assert np.abs(t["H"] @ t["y"] - t["s"]).max() <= 1e-8 * (np.abs(t["H"]) @ np.abs(t["y"])).max()
        assert np.allclose(t["H"], t["H"].T, rtol=1e-12) and (name == "sr1" or np.linalg.eigvalsh(t["H"])[0] > 0)


def test_dfp_is_dual_to_bfgs():
    H, s = positive(4), RNG.normal(size=4)
    y = positive(4) @ s
    assert np.allclose(np.linalg.inv(bfgs_update(H, s, y)), dfp_update(np.linalg.inv(H), y, s), rtol=1e-9)
    assert np.allclose(np.linalg.inv(sr1_update(H, s, y)), sr1_update(np.linalg.inv(H), y, s), rtol=1e-7)


def test_updates_are_exact_on_fractions():
    H = np.array([[Fraction(2), Fraction(1)], [Fraction(1), Fraction(3)]])
    s, y = np.array([Fraction(1), Fraction(-1)]), np.array([Fraction(2), Fraction(-1, 3)])
    for update in (bfgs_update, dfp_update, sr1_update):
        assert (update(H, s, y) @ y == s).all()


@pytest.mark.parametrize("n", range(1, 5))
@pytest.mark.parametrize("name", ["bfgs", "dfp"])
def test_exact_line_searches_find_the_hessian_of_a_quadratic_in_n_steps(name, n):
    A = np.array([[Fraction(1, i + j + 1) for j in range(n)] for i in range(n)])
    b = np.array([Fraction(i * i - 2) for i in range(n)])
    steps = run(name, of_quadratic(A, b), np.array([Fraction(0)] * n), n, line_search="exact", scale=False)
    assert (A @ steps[-1].after.x == b).all() and (steps[-1].terms["H"] @ A == np.eye(n, dtype=int)).all()
    # From H = 1 both walk through the points of conjugate gradients.
    twin = run("conjugate_gradient", of_quadratic(A, b), np.array([Fraction(0)] * n), n)
    assert all((one.after.x == two.after.x).all() for one, two in zip(steps, twin, strict=True))


def test_sr1_finds_the_hessian_without_exact_line_searches():
    A = positive(4, 10.0)
    steps = run("sr1", of_quadratic(A, RNG.normal(size=4)), np.zeros(4), 5, line_search="armijo")
    assert np.allclose(steps[-1].terms["H"], np.linalg.inv(A), atol=1e-7)


def test_two_loops_are_bfgs_without_the_matrix():
    A, n = positive(5), 5
    S = RNG.normal(size=(3, n))
    Y, g, gamma = S @ A, RNG.normal(size=n), 0.7
    H = gamma * np.eye(n)
    for s, y in zip(S, Y, strict=True):
        H = bfgs_update(H, s, y)
    assert np.allclose(two_loop(g, S, Y, gamma), -H @ g, rtol=1e-10)


def test_lbfgs_forgets_the_oldest_pairs():
    found = tl.minimize(rosenbrock, [-1.2, 1.0], "lbfgs", line_search_fn="strong_wolfe", history_size=3, steps=10)
    assert [len(s.terms["S"]) for s in found.steps] == [0, 1, 2, 3, 3, 3, 3, 3, 3, 3]
    last = found.steps[-1]
    assert np.array_equal(last.terms["S"][-1], found.steps[-2].terms["t"] * found.steps[-2].terms["d"])


# -- Newton ------------------------------------------------------------------------------------
def test_newton_doubles_its_digits():
    # The minimum of x^3 / 3 - 2 x is the root of 2; Newton's iterates are rational.
    def evaluate(ask):
        (x,) = ask.x
        return Point(ask.x, x**3 / 3 - 2 * x, np.array([x * x - 2]), np.array([[2 * x]]))

    steps = run("newton", evaluate, np.array([Fraction(3, 2)]), 7)
    # x^2 - 2 after a step is ((x^2 - 2) / 2x)^2, exactly.
    for s in steps:
        (x,), (after,) = s.before.x, s.after.x
        assert after**2 - 2 == ((x * x - 2) / (2 * x)) ** 2
    digits = [-np.log10(float(s.after.x[0] ** 2 - 2)) for s in steps]
    assert digits[-1] > 190 and all(b > 2 * a for a, b in itertools.pairwise(digits))


def test_newton_takes_one_step_on_a_quadratic_and_does_not_see_linear_coordinates():
    A = positive(3)
    f = lambda x: 0.5 * (x @ (A @ x)) - x.sum()  # noqa: E731
    assert len(tl.minimize(f, np.ones(3), "newton").steps) == 1
    M, x = positive(2, 30.0), np.array([-1.2, 1.0])
    straight = tl.minimize(rosenbrock, x, "newton", steps=5)
    skewed = tl.minimize(lambda u: rosenbrock(M @ u), np.linalg.solve(M, x), "newton", steps=5)
    assert np.allclose(skewed.points @ M.T, straight.points, rtol=1e-6)


def test_newton_climbs_to_a_saddle_and_damped_newton_descends():
    f = lambda x: x[0] ** 2 + 0.25 * x[1] ** 4 - 0.5 * x[1] ** 2  # noqa: E731
    saddle = tl.minimize(f, [0.5, 0.1], "newton")
    assert np.allclose(saddle.x, [0.0, 0.0]) and saddle.value > -1e-12
    down = tl.minimize(f, [0.5, 0.1], "damped_newton")
    assert np.allclose(np.abs(down.x), [0.0, 1.0]) and (np.diff(down.values) < 0).all()
    assert down.steps[0].terms["shift"] > 0 == down.steps[-1].terms["shift"]


def test_a_singular_hessian_ends_newton_in_words():
    found = tl.minimize(lambda x: x[0] ** 2 + 0.0 * x[1] + x[1] ** 3, [1.0, 0.0], "newton")
    assert "singular" in found.stopped and not found.converged and len(found.steps) == 1
    assert not found.steps[0].terms["d"].any() and np.array_equal(*found.points)


# -- least squares -----------------------------------------------------------------------------
def test_undamped_levenberg_marquardt_is_gauss_newton():
    t = np.linspace(0.0, 1.0, 7)
    y = 2.0 * np.exp(-1.5 * t)
    f = lambda x: x[0] * tl.exp(x[1] * t) - y  # noqa: E731
    start = [1.8, -1.2]
    plain = tl.minimize(f, start, "gauss_newton", steps=4)
    for name in ("levenberg", "levenberg_marquardt"):
        found = tl.minimize(f, start, name, damping=0.0, steps=4)
        assert np.allclose(found.points, plain.points, rtol=1e-9) and np.allclose(found.x, [2.0, -1.5], atol=1e-6)


def test_damping_makes_gauss_newton_safe():
    far = [-1.2, 1.0]
    for name in ("levenberg", "levenberg_marquardt"):
        found = tl.minimize(rosenbrock_residuals, far, name)
        assert found.converged and np.allclose(found.x, 1.0)
        rejected = [s for s in found.steps if not s.terms["accepted"]]
        assert rejected and all(np.array_equal(s.before.x, s.after.x) for s in rejected)
        assert all(s.after.value < s.before.value for s in found.steps if s.terms["accepted"])


def test_marquardts_damping_does_not_see_units_and_levenbergs_does():
    units = np.array([1.0, 1000.0])
    scaled = lambda u: rosenbrock_residuals(u * units)  # noqa: E731
    for name, same in (("levenberg_marquardt", True), ("levenberg", False)):
        one = tl.minimize(rosenbrock_residuals, [-1.2, 1.0], name, steps=8)
        two = tl.minimize(scaled, [-1.2, 0.001], name, steps=8)
        assert np.allclose(two.points * units, one.points, rtol=1e-8) == same


def test_strong_damping_is_a_short_step_down_the_gradient():
    found = tl.minimize(rosenbrock_residuals, [-1.2, 1.0], "levenberg", damping=1e9, steps=1)
    d, g = found.steps[0].terms["d"], found.start.gradient
    assert np.allclose(d, -g / 1e9, rtol=1e-5)


# -- values only -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["nelder_mead", "cma_es"])
def test_only_the_order_of_the_values_counts(name):
    one = tl.minimize(rosenbrock, [-1.2, 1.0], name, steps=40)
    two = tl.minimize(lambda x: tl.log(rosenbrock(x) + 1e-3) * 3.0, [-1.2, 1.0], name, steps=40)
    assert len(one.steps) == 40 and np.array_equal(one.points, two.points)


@pytest.mark.parametrize("name", ["nelder_mead", "cma_es"])
def test_rosenbrocks_valley_is_followed_without_gradients(name):
    found = tl.minimize(rosenbrock, [-1.2, 1.0], name)
    assert found.converged and np.allclose(found.x, 1.0, atol=1e-6) and found.gradient_norm is None


def test_cma_learns_the_inverse_hessian_of_a_quadratic():
    A = positive(3, 50.0)
    found = tl.minimize(lambda x: 0.5 * (x @ (A @ x)), np.ones(3), "cma_es", population=20)
    C = found.steps[len(found.steps) // 2].terms["C"]
    shape = C @ A / (np.trace(C @ A) / 3)
    assert np.abs(shape - np.eye(3)).max() < 0.7 and np.linalg.cond(C) > 15


def test_the_constants_of_cma_are_those_of_the_tutorial():
    weights, mu, cs, cc, c1, cm, damping, chi = _cma_numbers(10, 10)
    assert np.allclose(weights, [0.45627, 0.27075, 0.16223, 0.08524, 0.02551], atol=1e-5)
    assert np.allclose([mu, cs, cc, c1, cm], [3.16730, 0.28443, 0.29498, 0.015284, 0.020157], rtol=2e-4)
    assert damping == 1 + cs and chi == pytest.approx(np.sqrt(2) * math.gamma(5.5) / math.gamma(5), rel=2e-4)
    *_, cm, damping, _ = _cma_numbers(2, 200)
    assert damping == pytest.approx(8.21081, abs=1e-5) and cm == pytest.approx(0.968500, abs=1e-6)


def test_spsas_estimate_of_a_quadratics_gradient_is_right_on_average():
    A, x, g = positive(3, 5.0), RNG.normal(size=3), None
    value = lambda x: 0.5 * x @ A @ x  # noqa: E731
    g = A @ x
    every = [np.array(d) for d in itertools.product([-1.0, 1.0], repeat=3)]
    estimates = [(value(x + 0.1 * d) - value(x - 0.1 * d)) / 0.2 * d for d in every]
    assert np.allclose(np.mean(estimates, axis=0), g)
    (step,) = run("spsa", lambda ask: Point(ask.x, value(ask.x)), x, 1)
    assert any(np.allclose(step.terms["estimate"], e) for e in estimates) and len(step.asked) == 3


@pytest.mark.parametrize("name", ["spsa", "cma_es", "coordinate_search"])
def test_another_seed_is_another_path(name):
    option = {"order": "random"} if name == "coordinate_search" else {}
    f = lambda x: ((x - 3.0) ** 2 * [1.0, 2.0, 3.0]).sum()  # noqa: E731
    paths = [tl.minimize(f, np.zeros(3), name, steps=8, seed=seed, **option).points[:6] for seed in (0, 1)]
    assert not np.array_equal(*paths)


# -- finite sums -------------------------------------------------------------------------------
ROWS = RNG.normal(size=(10, 3))
TRUE = np.array([1.0, -2.0, 0.5])
NOISY = ROWS @ TRUE + 0.1 * RNG.normal(size=10)


def noisy_example(x, i):
    return 0.5 * ((ROWS[i] * x).sum() - NOISY[i]) ** 2


BEST = np.linalg.lstsq(ROWS, NOISY, rcond=None)[0]


@pytest.mark.parametrize("name", ["svrg", "saga"])
def test_variance_reduction_reaches_a_minimum_where_no_example_is_at_rest(name):
    found = tl.minimize(noisy_example, np.zeros(3), name, examples=10, lr=0.1, steps=6000)
    assert found.converged and np.abs(found.x - BEST).max() < 1e-6
    assert max(abs(ROWS[i] * (ROWS[i] @ BEST - NOISY[i])).max() for i in range(10)) > 0.05
    # The estimates lose their variance on the way; those of plain stochastic descent keep it.
    sizes = [np.abs(s.terms["v"]).max() for s in found.steps if "v" in s.terms]
    assert np.mean(sizes[-50:]) < 1e-5 * np.mean(sizes[:50])


@pytest.mark.parametrize("name", ["svrg", "saga"])
def test_the_estimates_are_right_on_average(name):
    found = tl.minimize(noisy_example, np.zeros(3), name, examples=10, steps=15)
    s = found.steps[-1]
    gradients = lambda x: ROWS * (ROWS @ x - NOISY)[:, None]  # noqa: E731
    now, i = gradients(s.before.x), s.terms["i"]
    if name == "svrg":
        anchor = gradients(s.terms["anchor"])
        every = now - anchor + s.terms["mean"]
    else:
        every = now - found.steps[-2].terms["table"] + s.terms["mean"]
    assert np.allclose(every.mean(0), now.mean(0)) and np.allclose(s.terms["v"], every[i])


def test_kaczmarz_steps_onto_one_equation_and_never_away_from_the_solution():
    found = tl.minimize(lambda x: ROWS @ x - ROWS @ TRUE, np.zeros(3), "kaczmarz")
    assert found.converged and np.allclose(found.x, TRUE)
    for s in found.steps:
        i = s.terms["i"]
        assert abs(ROWS[i] @ s.after.x - ROWS[i] @ TRUE) < 1e-12
    drawn = np.bincount([s.terms["i"] for s in found.steps], minlength=10)
    assert np.argmax(drawn) in np.argsort((ROWS**2).sum(1))[-3:]
    distances = np.linalg.norm(found.points - TRUE, axis=1)
    assert (np.diff(distances) <= 1e-15).all()
