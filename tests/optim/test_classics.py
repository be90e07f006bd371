"""Textbook rules keep the promises of their theorems, relatives become their kin, iterates stay in their sets."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import torchlean_nb as tl
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.optim import projections as pr
from torchlean_nb.updates import RULES

XP = numpy_namespace()
RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(12, 8)) * np.geomspace(1, 0.1, 8)
HESSIAN, TARGET = ROWS.T @ ROWS, RNG.normal(size=8)
SMALLEST, *_, LARGEST = np.linalg.eigvalsh(HESSIAN)


def bowl(x):
    """A quadratic of condition some hundreds, 0 at its minimum."""
    return 0.5 * (x - TARGET) @ HESSIAN @ (x - TARGET)


def slope(x):
    return HESSIAN @ (x - TARGET)


def slot(opt, name):
    return opt.snapshot().state.params[0].slots[name]


def run(name, start, gradient, steps, seen="", **given):
    """Iterates, or the values of a slot, from gradients at the parameters or a list of them."""
    opt = getattr(tl.optim, RULES[name].class_name)({"w": np.asarray(start, dtype=float)}, **given)
    out = []
    for k in range(steps):
        opt.step({"w": gradient(opt.params["w"]) if callable(gradient) else gradient[k]})
        out.append(slot(opt, seen) if seen else opt.params["w"])
    return np.array(out)


# -- theorems -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["nesterov_agd", "fista"])
def test_nesterovs_sequence_keeps_its_bound(name):
    start = np.zeros(8)
    path = run(name, start, slope, 300, "x", lr=1 / LARGEST, **({"l1": 0.0} if name == "fista" else {}))
    k = np.arange(1, 301)
    gaps, plain = [np.array([bowl(x) for x in p]) for p in (path, run("sgd", start, slope, 300, lr=1 / LARGEST))]
    assert (gaps <= 2 * LARGEST * ((start - TARGET) ** 2).sum() / (k + 1) ** 2).all()
    assert gaps[-1] < 0.01 * plain[-1]


def test_constant_momentum_keeps_the_rate_of_a_strongly_convex_loss():
    kappa = LARGEST / SMALLEST
    beta = (kappa**0.5 - 1) / (kappa**0.5 + 1)
    path = run("nesterov_agd", np.zeros(8), slope, 200, "x", lr=1 / LARGEST, momentum=beta)
    gaps = np.array([bowl(x) for x in path])
    start = bowl(np.zeros(8)) + SMALLEST / 2 * (TARGET**2).sum()
    assert (gaps <= (1 - kappa**-0.5) ** np.arange(1, 201) * start * (1 + 1e-9) + 1e-25).all()


def test_ista_never_goes_up_and_ends_where_the_penalty_holds_the_slope():
    l1 = 0.5
    path = run("ista", np.zeros(8), slope, 6000, lr=1 / LARGEST, l1=l1)
    values = np.array([bowl(x) + l1 * np.abs(x).sum() for x in path])
    x = path[-1]
    assert (np.diff(values) <= 1e-13).all()
    assert 0 < (x == 0).sum() < 8
    assert np.allclose(slope(x)[x != 0], -l1 * np.sign(x[x != 0]), atol=1e-9)
    assert (np.abs(slope(x)[x == 0]) <= l1).all()
    assert np.allclose(run("fista", np.zeros(8), slope, 6000, "x", lr=1 / LARGEST, l1=l1)[-1], x, atol=1e-8)


@pytest.mark.parametrize("variant", ["bb1", "bb2"])
def test_a_spectral_step_is_exact_in_one_dimension(variant):
    path = run("barzilai_borwein", [3.0], lambda x: 4.0 * (x - 1.0), 2, lr=0.125, variant=variant)
    assert path.tolist() == [[2.0], [1.0]]


@pytest.mark.parametrize("variant", ["bb1", "bb2"])
def test_spectral_steps_leave_fixed_steps_far_behind(variant):
    path = run("barzilai_borwein", np.zeros(8), slope, 120, lr=1 / LARGEST, variant=variant)
    assert bowl(path[-1]) < 1e-12 < 1e-3 < bowl(run("sgd", np.zeros(8), slope, 120, lr=1 / LARGEST)[-1])


def test_spectral_rates_lie_between_the_inverse_curvatures_and_the_second_kind_is_the_shorter():
    second = {}
    for variant in ("bb1", "bb2"):
        opt, rates = tl.optim.BarzilaiBorwein({"w": np.zeros(8)}, lr=1 / LARGEST, variant=variant), []
        for _ in range(20):
            opt.step({"w": slope(opt.params["w"])})
            rates.append(float(opt.explain("w").terms["rate"]))
        assert all(1 / LARGEST * (1 - 1e-9) <= r <= 1 / SMALLEST * (1 + 1e-9) for r in rates)
        second[variant] = rates[1]
    assert second["bb2"] < second["bb1"]


def test_where_the_curvature_is_negative_a_spectral_step_falls_back_to_lr():
    path = run("barzilai_borwein", [1.0], lambda x: -x, 3, lr=0.5)
    assert path.ravel().tolist() == [1.5, 2.25, 3.375]


def test_the_spectral_rate_sees_all_parameters_at_once():
    split = tl.optim.BarzilaiBorwein({"a": np.zeros(3), "b": np.zeros((5, 1))}, lr=1 / LARGEST)
    for _ in range(10):
        x = np.concatenate([p.ravel() for p in split.params.values()])
        split.step({"a": slope(x)[:3], "b": slope(x)[3:, None]})
    whole = run("barzilai_borwein", np.zeros(8), slope, 10, lr=1 / LARGEST)[-1]
    assert np.allclose(np.concatenate([p.ravel() for p in split.params.values()]), whole, rtol=1e-9)


def test_frank_wolfe_keeps_its_bound_on_the_simplex():
    start = np.eye(8)[0]
    path = run("frank_wolfe", start, slope, 400, corner=pr.simplex_corner)
    best = bowl(run("projected_gradient", start, slope, 20000, lr=1 / LARGEST, onto=pr.project_simplex)[-1])
    gaps = np.array([bowl(x) for x in path]) - best
    assert (gaps <= 2 * LARGEST * 2 / (np.arange(1, 401) + 2)).all()
    assert (path >= 0).all() and np.allclose(path.sum(1), 1, atol=1e-14)


def test_the_mean_of_noisy_iterates_is_nearer_than_they_are():
    noise, path = np.random.default_rng(0).normal(size=(4000, 8)), []
    opt = tl.optim.PolyakAveraging({"w": TARGET + 1}, lr=0.2, power=0.0)
    for n in noise:
        opt.step({"w": opt.params["w"] - TARGET + n})
        path.append(opt.params["w"])
    mean = slot(opt, "mean")
    assert np.allclose(mean, np.mean(path, axis=0), rtol=1e-10)
    assert ((mean - TARGET) ** 2).sum() < 0.02 * ((np.array(path[-1000:]) - TARGET) ** 2).sum(1).mean()


@pytest.mark.parametrize("pick", ["greedy", "cyclic"])
def test_coordinate_descent_moves_one_number_and_the_greedy_one_takes_the_largest_slope(pick):
    opt = tl.optim.CoordinateDescent({"a": np.zeros((3, 1)), "b": np.zeros(5)}, lr=0.5, pick=pick)
    for k in range(16):
        before = np.concatenate([p.ravel() for p in opt.params.values()])
        g = slope(before)
        opt.step({"a": g[:3, None], "b": g[3:]})
        moved = np.concatenate([p.ravel() for p in opt.params.values()]) - before
        at = np.abs(g).argmax() if pick == "greedy" else k % 8
        assert np.array_equal(moved.nonzero()[0], [at]) and np.isclose(moved[at], -0.5 * g[at], rtol=1e-14)


def test_acceleration_measured_in_waves_is_unstable_where_theory_says():
    """A ball that keeps more than all of its move, or steps further than 2 (1 + beta) / L, does not settle."""
    for rate, settles in ((1.9, True), (2.1, False)):
        path = run("heavy_ball", [1.0], lambda x: x, 2000, lr=rate * 1.5, momentum=0.5)
        assert (np.abs(path[-1]) < 1e-6) == settles


@pytest.mark.parametrize(("name", "kept"), [("NesterovAGD", "x"), ("FISTA", "x"), ("PolyakAveraging", "mean")])
def test_what_to_evaluate_with_is_shown_and_can_take_the_place_of_the_parameters(name, kept):
    opt = getattr(tl.optim, name)({"w": np.zeros(8)}, lr=0.5 / LARGEST)
    for _ in range(20):
        opt.step({"w": slope(opt.params["w"])})
    ahead = opt.params["w"]
    with opt.averaged():
        assert np.array_equal(opt.params["w"], slot(opt, kept)) and not np.array_equal(opt.params["w"], ahead)
    assert np.array_equal(opt.params["w"], ahead)


# -- sets ---------------------------------------------------------------------------------------------------
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
    path = run("projected_gradient", np.ones(3), RNG.normal(size=(30, 3)), 30, lr=0.3,
               onto=lambda xp, x: project(xp, x, *numbers))  # fmt: skip
    assert all(inside(x) for x in path) and len(np.unique(path, axis=0)) > 1


def test_frank_wolfe_stays_in_the_ball_and_rests_where_there_is_no_slope():
    path = run("frank_wolfe", np.full(4, 9.0), RNG.normal(size=(30, 4)), 30)
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
    gradients = RNG.normal(size=(20, 6))
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


# -- family tree ----------------------------------------------------------------------------------------------
PLAIN = {"eps": 0.0}
KIN = [
    ("heavy_ball", {"momentum": 0.9}, "sgd", {"momentum": 0.9}), ("polyak_averaging", {"power": 0.0}, "sgd", {}),
    ("heavy_ball", {"momentum": 0.0}, "sgd", {}), ("nesterov_agd", {"momentum": 0.0}, "sgd", {}),
    ("fista", {"l1": 0.0}, "nesterov_agd", {}), ("ista", {"l1": 0.0}, "sgd", {}),
    ("proximal_gradient", {"prox": lambda xp, x, lr: pr.soft_threshold(xp, x, 0.2 * lr)}, "ista", {"l1": 0.2}),
    ("projected_gradient", {}, "sgd", {}), ("proximal_gradient", {}, "sgd", {}),
    ("pid", {"momentum": 0.9, "integral": 0.0, "derivative": 0.0}, "sgd", {}),
    ("pid", {"momentum": 0.9, "integral": 0.9, "derivative": 0.0}, "sgd", {"momentum": 0.9, "nesterov": True}),
    ("qhadam", {}, "adam", {}), ("qhadam", {"nus": (1.0, 1.0), "weight_decay": 0.1}, "adam", {"weight_decay": 0.1}),
    ("adamod", {"betas": (0.9, 0.999, 0.0), **PLAIN}, "adam", PLAIN),
    ("padam", {"partial": 0.5, **PLAIN}, "adam", PLAIN),
    ("laprop", {"betas": (0.0, 0.9), **PLAIN}, "adam", {"betas": (0.0, 0.9), **PLAIN}),
    ("grams", {"betas": (0.0, 0.9), **PLAIN}, "adam", {"betas": (0.0, 0.9), **PLAIN}),
    ("mars", {"gamma": 0.0, **PLAIN}, "adamw", {"betas": (0.95, 0.99), "weight_decay": 0.0, **PLAIN}),
    ("adamp", {"delta": 0.0, "weight_decay": 0.1, **PLAIN}, "adamw", {"weight_decay": 0.1, **PLAIN}),
    ("sgdp", {"delta": 0.0, "momentum": 0.9}, "sgd", {"momentum": 0.9}), ("swats", PLAIN, "adam", PLAIN),
    ("tiger", {"beta": 0.9}, "lion", {"betas": (0.9, 0.9), "weight_decay": 0.01}), ("ftrl", {}, "adagrad", PLAIN),
    ("tiger", {"weight_decay": 0.0, "beta": 0.8}, "signum", {"beta": 0.8}),
    ("adanorm", {"r": 0.0, **PLAIN}, "adam", {"betas": (0.9, 0.99), **PLAIN}),
    ("adams", {"weight_decay": 0.0}, "adam", {}),
    ("grokfast_adamw", {"lamb": 0.0, "weight_decay": 0.1, **PLAIN}, "adamw", {
        "betas": (0.9, 0.99), "weight_decay": 0.1, **PLAIN,
    }),
    ("adasmooth", {"betas": (0.9, 0.9), "eps": 1e-20}, "rmsprop", {"alpha": 0.99, **PLAIN}),
]


@pytest.mark.parametrize(("name", "given", "kin", "others"), KIN, ids=[f"{k[0]} is {k[2]}" for k in KIN])
def test_special_cases_are_their_kin(name, given, kin, others):
    start, gradients = RNG.normal(size=(4, 3)), 0.1 * np.random.default_rng(4).normal(size=(20, 4, 3))
    path = run(name, start, gradients, 20, lr=0.01, **given)
    assert np.allclose(path, run(kin, start, gradients, 20, lr=0.01, **others), rtol=1e-12, atol=1e-14)
    assert np.abs(path[-1] - start).min() > 0


def test_momentum_is_the_same_on_the_path_only_while_the_rate_stands_still():
    """A heavy ball remembers moves, SGD gradients: a new rate changes what the latter's memory is worth."""
    ends = []
    for name in ("HeavyBall", "SGD"):
        opt = getattr(tl.optim, name)({"w": np.zeros(1)}, lr=1.0, momentum=0.5)
        opt.step({"w": np.ones(1)})
        opt.param_groups[0]["lr"] = 0.0
        opt.step({"w": np.ones(1)})
        ends.append(opt.params["w"].item())
    assert ends == [-1.5, -1.0]


def test_shampoo_of_a_vector_is_adagrad_with_the_full_matrix_and_of_a_number_adagrad():
    gradients = RNG.normal(size=(5, 3))
    x, seen = np.ones(3), 1e-6 * np.eye(3)
    for g in gradients:
        seen += np.outer(g, g)
        values, vectors = np.linalg.eigh(seen)
        x = x - 0.1 * vectors @ (values**-0.5 * (vectors.T @ g))
    assert np.allclose(run("shampoo", np.ones(3), gradients, 5, lr=0.1)[-1], x, rtol=1e-10)
    numbers = gradients[:, 0]
    one, kin = run("shampoo", 1.0, numbers, 5, lr=0.1, eps=1e-14), run("adagrad", 1.0, numbers, 5, lr=0.1, eps=0.0)
    assert np.allclose(one, kin, rtol=1e-10)


def test_shampoo_and_soap_turn_with_the_axes():
    """What they do to a rotated problem is the rotation of what they do: Adam does not."""
    start, gradients = RNG.normal(size=(4, 3)), RNG.normal(size=(30, 4, 3))
    left, right = (np.linalg.qr(RNG.normal(size=(n, n)))[0] for n in (4, 3))
    for name, turns in (("shampoo", True), ("soap", True), ("adam", False)):
        path = run(name, start, gradients, 30, lr=0.01)
        turned = run(name, left @ start @ right, [left @ g @ right for g in gradients], 30, lr=0.01)
        assert np.allclose(turned, left @ path @ right, rtol=1e-6, atol=1e-8) == turns


def test_steps_along_the_sphere_keep_the_length():
    """Gradients of a scale-invariant loss are perpendicular to the weight: momentum alone would let it grow."""
    lengths = {}
    for name in ("SGDP", "SGD"):
        opt, rng = getattr(tl.optim, name)({"w": np.ones((1, 6))}, lr=0.05, momentum=0.9), np.random.default_rng(0)
        for _ in range(100):
            w, g = opt.params["w"], rng.normal(size=(1, 6))
            opt.step({"w": g - (g * w).sum() / (w * w).sum() * w})
        lengths[name] = np.linalg.norm(opt.params["w"]) / 6**0.5
    assert lengths["SGDP"] < 1 + 0.5 * (lengths["SGD"] - 1)


def test_a_steady_slope_is_all_signal_and_noise_is_mostly_none():
    assert np.allclose(run("msvag", np.ones(2), np.ones((20, 2)), 20, lr=0.1)[-1], 1 - 20 * 0.1, rtol=1e-9)
    noise = np.random.default_rng(6).normal(size=(200, 1000))
    path = run("msvag", np.zeros(1000), noise, 200, lr=0.1)
    momentum = run("sgdw", np.zeros(1000), noise, 200, lr=0.01, weight_decay=0.0)
    assert (path[-1] ** 2).mean() < 0.6 * (momentum[-1] ** 2).mean()


def test_momentum_of_two_signs_keeps_the_mean_and_widens_the_noise():
    noise = np.random.default_rng(8).normal(size=(400, 500)) + 1.0
    paths = {b: run("pnm", np.zeros(500), noise, 400, lr=1.0, betas=(0.9, b)) for b in (0.0, 1.0)}
    moves = {b: np.diff(path, axis=0)[100:] for b, path in paths.items()}
    # Divided by the length of its weights (2, -1) the difference has sqrt(5) times less mean for the same noise.
    ratio = [np.abs(m.mean()) / m.std() for m in moves.values()]
    assert np.isclose(moves[1.0].mean() * 5**0.5, moves[0.0].mean(), rtol=1e-2) and ratio[1] < 0.6 * ratio[0]


@pytest.mark.parametrize("name", ["Shampoo", "SOAP"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_decompositions_of_what_is_not_finite_pass_it_on(name, bad):
    more = {"frequency": 1} if name == "SOAP" else {}
    opt = getattr(tl.optim, name)({"w": np.ones((3, 2))}, nonfinite="ieee", **more)
    for g in (np.eye(3, 2), np.where(np.eye(3, 2), bad, 1.0), np.eye(3, 2)):
        opt.step({"w": g})
    assert np.isnan(opt.params["w"]).all()


def test_a_tensor_without_slope_keeps_its_axes():
    """A basis of nothing is still a basis: rows that never had a gradient do not break the others."""
    opt = tl.optim.SOAP({"w": np.ones((4, 3))}, lr=0.1, frequency=2, weight_decay=0.0)
    for g in np.random.default_rng(0).normal(size=(9, 4, 3)) * np.array([[1.0], [0.0], [1.0], [0.0]]):
        opt.step({"w": g})
    P = slot(opt, "P")
    assert np.allclose(P.T @ P, np.eye(4), atol=1e-12)
    assert np.allclose(opt.params["w"][1::2], 1.0, atol=1e-12) and (opt.params["w"][::2] != 1).all()


# -- words -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["Shampoo", "SOAP"])
def test_more_than_two_axes_are_refused_with_the_way_out(name):
    opt = getattr(tl.optim, name)({"w": np.ones((2, 2, 2))})
    with pytest.raises(ShapeError, match="reshape"):
        opt.step({"w": np.ones((2, 2, 2))})
    assert opt.params["w"].tolist() == np.ones((2, 2, 2)).tolist()


@pytest.mark.parametrize(("name", "bad"), [
    ("BarzilaiBorwein", {"variant": "bb3"}), ("CoordinateDescent", {"pick": "random"}), ("FrankWolfe", {"lr": 1.5}),
    ("PAdam", {"partial": 0.0}), ("FTRL", {"lr": 0.0}), ("QHAdam", {"nus": (0.5, 1.5)}), ("SOAP", {"frequency": 0}),
    ("PolyakAveraging", {"power": 2.0}), ("ISTA", {"l1": -1.0}), ("NesterovAGD", {"momentum": 1.0}),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(name, bad):
    with pytest.raises(HyperparameterError, match=f"{name}: {next(iter(bad))}|{name}: nu2"):
        getattr(tl.optim, name)({"w": np.ones(2)}, **bad)


@pytest.mark.parametrize("name", """HeavyBall NesterovAGD PolyakAveraging BarzilaiBorwein CoordinateDescent EGU
    ExponentiatedGradient ProjectedGradient FrankWolfe ISTA FISTA ProximalGradient QHAdam AdaMod LaProp PAdam Grams
    StableAdamW MARS AvaGrad CAME PID AccSGD SGDP AdamP SWATS Tiger FTRL Kate SGDSaI Shampoo SOAP
    Adai MSVAG PNM Gravity AdaShift GrokFastAdamW AdaNorm AdaSmooth Ano AdamS""".split())
def test_every_rule_is_reached_by_its_name(name):
    opt = getattr(tl.optim, name)({"w": np.ones((2, 2))})
    for _ in range(12):
        opt.step({"w": np.eye(2)})
    assert name in dir(tl.optim) and (opt.params["w"] != 1).any()


def test_examples_of_rules_print_what_they_say():
    finder, runner, found = doctest.DocTestFinder(), doctest.DocTestRunner(), 0
    for rule in RULES.values():
        for test in finder.find(rule.update, rule.name, globs={}) if rule.builtin else ():
            found += bool(test.examples)
            assert runner.run(test).failed == 0, rule.name
    assert found >= 3
