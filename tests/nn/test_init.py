"""Initialisers: their spread, their seeds, what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.nn import init

SHAPE = (400, 300)
# Variance each initialiser promises for SHAPE.
VARIANCE = {
    "uniform": 1 / 12, "normal": 1.0, "xavier_uniform": 2 / 700, "xavier_normal": 2 / 700,
    "kaiming_uniform": 2 / 300, "kaiming_normal": 2 / 300, "lecun_uniform": 1 / 300, "lecun_normal": 1 / 300,
    "orthogonal": 1 / 400, "zeros": 0.0, "ones": 0.0, "constant": 0.0,
}  # fmt: skip
RANDOM = [name for name, v in VARIANCE.items() if v]


@pytest.mark.parametrize("name", VARIANCE)
def test_values_have_the_promised_variance(name):
    a = getattr(init, name)(SHAPE, 3)
    assert a.shape == SHAPE and a.dtype == np.float64
    assert a.var() == pytest.approx(VARIANCE[name], rel=0.02)


@pytest.mark.parametrize(("shape", "want"), [((4, 3), (3, 4)), ((16, 3, 5), (15, 80)), ((16, 3, 5, 2), (30, 160))])
def test_fans_count_the_places_of_a_kernel(shape, want):
    assert init.fans(shape) == want


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_or_a_stream_says_which_values(name):
    f = getattr(init, name)
    assert (f((3, 4), 1) == f((3, 4), 1)).all() and (f((3, 4), 1) != f((3, 4), 2)).any()
    rng = tl.Rng(9)
    first, second = f((3, 4), rng), f((3, 4), rng)
    assert (first != second).any() and (f((3, 4), tl.Rng(9)) == first).all()


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (4, 2, 3, 3), (5, 5)])
def test_orthogonal_matrices_are_orthogonal(shape):
    q = init.orthogonal(shape, 2, gain=3.0).reshape(shape[0], -1)
    gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    np.testing.assert_allclose(gram, 9 * np.eye(len(gram)), atol=1e-12)


def test_signs_of_orthogonal_matrices_are_evenly_spread():
    corners = [init.orthogonal((3, 3), seed)[0, 0] for seed in range(200)]
    assert 70 < np.sum(np.array(corners) > 0) < 130


def test_kaiming_keeps_the_signal_of_thirty_relu_layers_and_small_normals_lose_it():
    def last(start):
        x = np.random.default_rng(0).normal(size=(64, 100))
        for k in range(30):
            x = np.maximum(x @ start((100, 100), k).T, 0)
        return math.sqrt(np.mean(x**2))

    assert 0.1 < last(lambda s, k: init.kaiming_normal(s, k, nonlinearity="relu")) < 10
    assert last(lambda s, k: init.normal(s, k, std=0.01)) < 1e-20
    assert last(lambda s, k: init.lecun_normal(s, k)) < 1e-3


@pytest.mark.parametrize("name", ["xavier_uniform", "xavier_normal", "kaiming_uniform", "lecun_normal", "orthogonal"])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_fans_need_two_axes(name, shape):
    with pytest.raises(errors.ShapeError, match="at least 2 dimensions, got"):
        getattr(init, name)(shape, 0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: init.kaiming_normal((2, 2), 0, mode="fan"), "mode='fan' is not allowed"),
        (lambda: init.calculate_gain("swish"), "nonlinearity='swish' is not allowed"),
        (lambda: init.xavier_uniform((2, 2), 0, gain=-1.0), "gain=-1.0 is not allowed"),
        (lambda: init.normal((2,), -1), "seed"),
        (lambda: init.normal((2,), 1.5), "seed"),
        (lambda: tl.nn.Linear(2, 2).init(0, "glorot"), "scheme='glorot' is not allowed"),
    ],
)
def test_bad_arguments_are_named(call, words):
    with pytest.raises(errors.HyperparameterError, match=words):
        call()


def test_initialisers_by_pattern_of_path():
    model = tl.nn.Sequential(tl.nn.Linear(4, 4), tl.nn.Linear(4, 4))
    got = model.init(1, {"0.weight": init.zeros, "*.weight": init.orthogonal})
    assert not got["0.weight"].any()
    np.testing.assert_allclose(got["1.weight"] @ got["1.weight"].T, np.eye(4), atol=1e-12)
    assert (got["1.bias"] == model.init(1)["1.bias"]).all()
    with pytest.raises(errors.UnknownNameError, match=r"no parameter matches 'O\.weight'"):
        model.init(1, {"O.weight": init.zeros})
    with pytest.raises(errors.ShapeError, match=r"0\.weight has shape \(4, 4\), its initialiser gave \(2,\)"):
        model.init(1, {"0.weight": lambda shape, seed: np.zeros(2)})
