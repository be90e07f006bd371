"""Iterates stay in their sets; projections, proximal steps and corners are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optim.bowls import run

from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.optim import projections as pr

XP = numpy_namespace()

PLANE = np.array([1.0, -2.0, 0.5])
BOUNDED = [
    (pr.project_non_negative, (), lambda x: (x >= 0).all()),
    (pr.project_box, (-0.5, 0.25), lambda x: (x >= -0.5).all() and (x <= 0.25).all()),
    (pr.project_simplex, (), lambda x: (x >= 0).all() and abs(x.sum() - 1) < 1e-12),
    (pr.project_simplex, (3.0,), lambda x: (x >= 0).all() and abs(x.sum() - 3) < 1e-12),
    (pr.project_l1_ball, (0.7,), lambda x: np.abs(x).sum() <= 0.7 + 1e-12),
    (pr.project_l2_ball, (0.7,), lambda x: np.linalg.norm(x) <= 0.7 + 1e-12),
    (pr.project_linf_ball, (0.7,), lambda x: np.abs(x).max() <= 0.7),
    (pr.project_hyperplane, (PLANE, 0.5), lambda x: abs(PLANE @ x - 0.5) < 1e-9),
    (pr.project_halfspace, (PLANE, 0.5), lambda x: PLANE @ x <= 0.5 + 1e-9),
]
NAMED = [f"{f.__name__}{numbers[-1:]}" for f, numbers, _ in BOUNDED]
POINTS = arrays(float, 3, elements=st.floats(-100, 100).map(lambda v: round(v, 3)))


@settings(max_examples=60, deadline=None)
@given(x=POINTS, y=POINTS)
@pytest.mark.parametrize(("project", "numbers", "inside"), BOUNDED, ids=NAMED)
def test_a_projection_lands_inside_stays_there_and_never_widens_a_distance(project, numbers, inside, x, y):
    px, py = project(XP, x, *numbers), project(XP, y, *numbers)
    assert inside(px)
    assert np.allclose(project(XP, px, *numbers), px, atol=1e-9)
    assert np.linalg.norm(px - py) <= np.linalg.norm(x - y) + 1e-9
    # No other point of the set is nearer: the angle at the nearest one is never acute.
    assert (x - px) @ (py - px) <= 1e-6


@settings(max_examples=60, deadline=None)
@given(x=arrays(float, (2, 2), elements=st.floats(-50, 50).filter(lambda v: abs(v) > 1e-3)))
def test_on_a_sphere_every_point_has_the_radius(x):
    assert abs(np.linalg.norm(pr.project_l2_sphere(XP, x, 2.0)) - 2) < 1e-12
    on_l1 = pr.project_l1_sphere(XP, x, 2.0)
    assert abs(np.abs(on_l1).sum() - 2) < 1e-12 and (on_l1 * x >= 0).all()


@settings(max_examples=60, deadline=None)
@given(x=POINTS, z=POINTS, k=st.floats(0, 10))
@pytest.mark.parametrize("penalty", ["soft_threshold", "block_threshold"])
def test_a_proximal_step_is_the_best_compromise(penalty, x, z, k):
    def cost(y):
        return ((y - x) ** 2).sum() / 2 + k * (np.abs(y).sum() if penalty == "soft_threshold" else np.linalg.norm(y))

    best = getattr(pr, penalty)(XP, x, k)
    for other in (z, x, 0 * x, best + 1e-3 * z):
        assert cost(best) <= cost(other) + 1e-9


@settings(max_examples=60, deadline=None)
@given(g=arrays(float, (2, 3), elements=st.floats(-5, 5)))
def test_a_corner_is_where_the_slope_is_lowest(g):
    on_simplex, on_l1 = pr.simplex_corner(XP, g, 2.0), pr.l1_corner(XP, g, 2.0)
    assert (g * on_simplex).sum() == 2 * g.min() and on_simplex.sum() == 2 and (on_simplex >= 0).all()
    assert (g * on_l1).sum() == -2 * np.abs(g).max()


@pytest.mark.parametrize(("project", "numbers", "inside"), BOUNDED, ids=NAMED)
def test_projected_iterates_stay_in_their_set(project, numbers, inside):
    path = run("projected_gradient", np.ones(3), np.random.default_rng(11).normal(size=(30, 3)), 30, lr=0.3,
               onto=lambda xp, x: project(xp, x, *numbers))  # fmt: skip
    assert all(inside(x) for x in path) and len(np.unique(path, axis=0)) > 1


def test_frank_wolfe_stays_in_the_ball_and_rests_where_there_is_no_slope():
    path = run("frank_wolfe", np.full(4, 9.0), np.random.default_rng(11).normal(size=(30, 4)), 30)
    assert (np.abs(path).sum(1) <= 1 + 1e-12).all()
    assert np.array_equal(run("frank_wolfe", [0.5, 0.2], np.zeros((3, 2)), 3), [[0.5, 0.2]] * 3)


def test_multiplied_weights_stay_on_the_simplex_and_find_the_best_expert():
    losses = np.random.default_rng(3).uniform(size=(500, 5)) - 0.2 * np.eye(5)[2]
    path = run("exponentiated_gradient", np.full(5, 0.2), losses, 500, lr=0.1)
    assert (path >= 0).all() and np.allclose(path.sum(1), 1, atol=1e-12) and path[-1].argmax() == 2
    # The regret of Hedge: no more than log(n) / eta + eta T / 8 above the best expert, for losses in [0, 1].
    weights = np.vstack([np.full((1, 5), 0.2), path[:-1]])
    regret = (weights * losses).sum() - losses.sum(0).min()
    assert regret <= np.log(5) / 0.1 + 0.1 * 500 / 8 * 1.2**2


def test_multiplied_weights_have_their_closed_form():
    gradients = np.random.default_rng(11).normal(size=(20, 6))
    logits = -0.3 * gradients.cumsum(0)
    soft = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.allclose(run("exponentiated_gradient", np.full(6, 1 / 6), gradients, 20, lr=0.3), soft, rtol=1e-12)
    assert np.allclose(run("egu", np.ones(6), gradients, 20, lr=0.3), np.exp(logits), rtol=1e-12)


def test_a_huge_slope_neither_overflows_nor_leaves_the_simplex():
    path = run("exponentiated_gradient", [0.5, 0.5], [np.array([1e6, -1e6]), np.array([-1e6, 1e6])], 2, lr=1.0)
    assert path.tolist() == [[0.0, 1.0], [0.0, 1.0]]


def test_following_the_leader_leaves_weights_without_evidence_at_exactly_zero():
    gradients = np.random.default_rng(5).normal(size=(100, 2)) * [1.0, 1e-3]
    path = run("ftrl", [0.0, 0.0], gradients, 100, lr=0.5, lambda1=0.1)
    assert (path[:, 1] == 0).all() and (path[10:, 0] != 0).any()
    dense = run("ftrl", [0.0, 0.0], gradients, 100, lr=0.5)
    assert (dense != 0).all()
