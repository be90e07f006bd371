"""Textbook rules keep the promises of their theorems."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from optim.bowls import LARGEST, SMALLEST, TARGET, bowl, run, slope, slot

import torchlean_nb as tl
from torchlean_nb.errors import HyperparameterError
from torchlean_nb.optim import projections as pr
from torchlean_nb.updates import RULES


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


# -- words -----------------------------------------------------------------------------------------------------
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
