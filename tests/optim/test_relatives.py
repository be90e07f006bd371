"""Relatives become their kin where their one idea is switched off, and show it where it is on."""

from __future__ import annotations

import numpy as np
import pytest
from optim.bowls import run, slot

import torchlean_nb as tl
from torchlean_nb.errors import ShapeError
from torchlean_nb.optim import projections as pr

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
    rng = np.random.default_rng(4)
    start, gradients = rng.normal(size=(4, 3)), 0.1 * rng.normal(size=(20, 4, 3))
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
    gradients = np.random.default_rng(12).normal(size=(5, 3))
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
    rng = np.random.default_rng(13)
    start, gradients = rng.normal(size=(4, 3)), rng.normal(size=(30, 4, 3))
    left, right = (np.linalg.qr(rng.normal(size=(n, n)))[0] for n in (4, 3))
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


@pytest.mark.parametrize("name", ["Shampoo", "SOAP"])
def test_more_than_two_axes_are_refused_with_the_way_out(name):
    with pytest.raises(ShapeError, match="reshape"):
        getattr(tl.optim, name)({"w": np.ones((2, 2, 2))})
