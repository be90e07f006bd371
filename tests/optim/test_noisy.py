"""Noise that is a pure function of seed, step and place; gradients that hide single examples."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.optim.noisy import dp_aggregate, gaussian

RNG = np.random.default_rng
NUMPY = numpy_namespace()
NOISY = ("NoisySGD", "SGLD")
ZEROS = {"a": np.zeros((2, 2)), "b": np.zeros(3)}


def test_noise_is_normal_at_every_place_and_at_every_step():
    places = gaussian(NUMPY, 3, 1, np.zeros(40_000))
    steps = np.array([gaussian(NUMPY, 3, t, np.zeros(2)) for t in range(1, 20_001)])
    for z in (places, steps[:, 0], steps[:, 1]):
        n = z.size
        assert abs(z.mean()) < 4 / n**0.5 and abs(z.var() - 1) < 4 * (2 / n) ** 0.5
        assert abs((z**4).mean() - 3) < 4 * (96 / n) ** 0.5
        assert abs((z < -1).mean() - 0.158655) < 4 * (0.1335 / n) ** 0.5
    # Neither neighbours nor steps that follow each other know of each other.
    for a, b in ((places[:-1], places[1:]), (steps[:-1, 0], steps[1:, 0]), (steps[:, 0], steps[:, 1])):
        assert abs((a * b).mean()) < 4 / a.size**0.5


def test_seeds_and_steps_do_not_collide():
    seen = {gaussian(NUMPY, seed, t, np.zeros(3)).tobytes() for seed in range(60) for t in range(1, 60)}
    assert len(seen) == 60 * 59


@pytest.mark.parametrize("name", NOISY)
def test_a_seed_is_a_run_and_another_seed_is_another(name):
    make, both = getattr(tl.optim, name), {"a": ZEROS["a"], "b": ZEROS["a"]}
    runs = [make(both, seed=seed) for seed in (1, 1, 2)]
    for opt in runs:
        for _ in range(3):
            opt.step({k: np.zeros((2, 2)) for k in both})
    first, again, other = (opt.params for opt in runs)
    assert all(np.array_equal(first[k], again[k]) and (first[k] != other[k]).all() for k in both)
    assert (first["a"] != first["b"]).all()


@pytest.mark.parametrize("cut", range(5))
@pytest.mark.parametrize("name", NOISY)
def test_a_noisy_run_resumed_is_the_same_to_the_bit(name, cut):
    def steps(opt, n):
        for _ in range(n):
            opt.step({k: v - 1 for k, v in opt.params.items()})
        return opt

    whole, first = (getattr(tl.optim, name)(ZEROS, seed=5) for _ in range(2))
    steps(whole, 5), steps(first, cut)
    second = getattr(tl.optim, name)(first.params, seed=5)
    second.load_state_dict(first.state_dict())
    steps(second, 5 - cut)
    assert all(second.params[k].tobytes() == whole.params[k].tobytes() for k in ZEROS)


def test_noise_on_a_gradient_dies_away_as_a_power_of_the_steps():
    opt, sizes = tl.optim.NoisySGD({"w": np.zeros(20_000)}, lr=1.0, variance=4.0, gamma=1.0), []
    for _ in range(16):
        before = opt.params["w"]
        opt.step({"w": np.ones(20_000)})
        step = before - opt.params["w"]
        assert abs(step.mean() - 1) < 4 * 2 / 20_000**0.5
        sizes.append(step.std())
    assert np.allclose(sizes, 2 / np.sqrt(np.arange(1, 17)), rtol=4 / (2 * 20_000) ** 0.5)


def test_without_noise_both_are_descent():
    noisy = tl.optim.NoisySGD(ZEROS, variance=0.0), tl.optim.SGLD(ZEROS, temperature=0.0)
    quiet = [*noisy, tl.optim.SGD(ZEROS, lr=0.01)]
    for opt in quiet:
        for _ in range(20):
            opt.step({k: v - 1 for k, v in opt.params.items()})
    assert all(np.array_equal(opt.params[k], quiet[-1].params[k]) for opt in quiet for k in ZEROS)


def test_langevin_dynamics_samples_the_bowl_instead_of_its_bottom():
    """On x^2 / 2 each step is x - eta x + noise, whose variance settles at T / (1 - eta / 2)."""
    rate, heat, n = 0.1, 0.5, 20_000
    opt = tl.optim.SGLD({"x": np.full(n, 3.0)}, lr=rate, temperature=heat, seed=11)
    for _ in range(150):
        opt.step({"x": opt.params["x"]})
    x, settled = opt.params["x"], heat / (1 - rate / 2)
    assert abs(x.mean()) < 4 * (settled / n) ** 0.5
    assert abs(x.var() - settled) < 4 * settled * (2 / n) ** 0.5


# -- privacy ----------------------------------------------------------------------------------------------
PRIVATE = {"l2_norm_clip": 1.5, "noise_multiplier": 0.0, "seed": 0, "t": 1}
EXAMPLES = {"w": RNG(8).normal(size=(6, 3, 2)), "b": RNG(9).normal(size=(6, 4)), "c": RNG(10).normal(size=6)}


def length(grads):
    return sum(float((g**2).sum()) for g in grads.values()) ** 0.5


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_no_example_has_more_influence_than_the_clip(size):
    """However large it is: leaving it out of the sum changes the sum by the clip at most."""
    loud = {k: np.concatenate([g, size * g[:1]]) for k, g in EXAMPLES.items()}
    mine, without = dp_aggregate(loud, **PRIVATE), dp_aggregate(EXAMPLES, **PRIVATE)
    moved = length({k: 7 * mine[k] - 6 * without[k] for k in mine})
    own = size * length({k: g[0] for k, g in EXAMPLES.items()})
    assert moved == pytest.approx(min(own, 1.5), rel=1e-9)


def test_a_clip_that_nobody_reaches_leaves_the_mean():
    mean = dp_aggregate(EXAMPLES, **PRIVATE | {"l2_norm_clip": 1e9})
    for k, g in EXAMPLES.items():
        assert mean[k].shape == g.shape[1:] and np.allclose(mean[k], g.mean(axis=0), rtol=1e-13)


def test_the_noise_of_privacy_has_the_size_promised_and_differs_by_step_and_place():
    still = {"w": np.zeros((4, 30_000), dtype=np.float32), "b": np.zeros((4, 5))}
    loud = {"l2_norm_clip": 2.0, "noise_multiplier": 3.0, "seed": 1}
    first, second = (dp_aggregate(still, t=t, **loud) for t in (1, 2))
    assert first["w"].dtype == np.float32 and first["b"].dtype == np.float64
    assert abs(first["w"].std() - 2 * 3 / 4) < 4 * 1.5 / (2 * 30_000) ** 0.5
    assert (first["w"] != second["w"]).mean() > 0.999 and not set(first["b"]) & set(first["w"].astype(float))
    assert np.array_equal(first["w"], dp_aggregate(still, t=1, **loud)["w"])


@pytest.mark.parametrize(("grads", "given", "error"), [
    ({}, {}, tl.errors.ShapeError), ({"w": np.ones((3, 2)), "b": np.ones(2)}, {}, tl.errors.ShapeError),
    ({"w": np.float64(1.0)}, {}, tl.errors.ShapeError), ({"w": np.ones((0, 2))}, {}, tl.errors.ShapeError),
    (EXAMPLES, {"l2_norm_clip": 0.0}, tl.errors.HyperparameterError),
    (EXAMPLES, {"noise_multiplier": -1.0}, tl.errors.HyperparameterError),
    (EXAMPLES, {"seed": -1}, tl.errors.HyperparameterError), (EXAMPLES, {"t": 0}, tl.errors.HyperparameterError),
])  # fmt: skip
def test_what_cannot_be_made_private_is_named(grads, given, error):
    with pytest.raises(error, match="dp_aggregate"):
        dp_aggregate(grads, **PRIVATE | given)


def test_a_zero_gradient_stays_zero_and_a_nan_does_not_hide():
    assert not dp_aggregate({"w": np.zeros((2, 3))}, **PRIVATE)["w"].any()
    assert np.isnan(dp_aggregate({"w": np.array([[1.0], [np.nan]])}, **PRIVATE)["w"]).all()
