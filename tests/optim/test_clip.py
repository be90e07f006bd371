"""Gradients cut to size, in PyTorch's convention and in TorchLean's."""

import math

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors

FIVE = [[-5.0, 1.0, 2.0, -3.0, 4.0]]


def angle(a, b):
    return math.degrees(math.acos(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b)))


def test_the_global_norm_is_over_all_tensors_and_keeps_the_direction():
    g = {"a": np.array([3.0]), "b": np.array([4.0])}
    c = tl.optim.clip_grad_norm(g, 1.0)
    assert c.norm == 5.0 and np.allclose([c["a"][0], c["b"][0]], [0.6, 0.8], rtol=1e-6)
    assert np.allclose(
        tl.optim.clip_grad_norm([[3.0, 4.0]], 1.0)[0], [0.599999880000024, 0.799999840000032], rtol=1e-14
    )
    small = tl.optim.clip_grad_norm(g, 10.0)
    assert np.array_equal(small["a"], g["a"]) and g["a"].tolist() == [3.0]


def test_torchleans_norm_is_per_tensor_and_exact():
    for limit, want in ((1, [0.6, 0.8]), (-1, [0.6, 0.8]), (0, [0.0, 0.0]), (5, [3.0, 4.0])):
        assert np.allclose(tl.optim.clip_by_norm([[3.0, 4.0]], limit)[0], want, rtol=1e-15)
    two = tl.optim.clip_by_norm([[3.0, 4.0], [0.3, 0.4]], 1.0)
    assert np.allclose(two[0], [0.6, 0.8]) and two[1].tolist() == [0.3, 0.4]


def test_percentiles_of_magnitude():
    for share, want in ((50, [-3, 1, 2, -3, 3]), (90, [-4, 1, 2, -3, 4]), (200, FIVE[0]), (0, [-1, 1, 1, -1, 1])):
        assert tl.optim.clip_by_percentile(FIVE, share)[0].tolist() == want


def test_clipping_values_turns_the_gradient_and_clipping_the_norm_does_not():
    g = np.array([3.0, 4.0])
    assert angle(tl.optim.clip_grad_value([g], 1.0)[0], g) == pytest.approx(8.130, abs=1e-3)
    assert angle(tl.optim.clip_grad_norm([g], 1.0)[0], g) == pytest.approx(0.0, abs=1e-5)


def test_session_gradients_go_in_and_an_optimizer_takes_what_comes_out():
    s = tl.Session()
    w = s.param([30.0, 40.0], name="w")
    c = tl.optim.clip_grad_norm(s.backward((w * w).sum()), 1.0)
    tl.optim.SGD([w], lr=1.0).step(c)
    assert np.allclose(w.value, [29.4, 39.2]) and c.norm == 100.0


def test_nonsense_is_refused():
    with pytest.raises(errors.NonFiniteError, match="'w' holds"):
        tl.optim.clip_grad_norm({"w": [1.0, np.inf]}, 1.0)
    for bad in (-1.0, math.nan, "1", True):
        with pytest.raises(errors.HyperparameterError, match="max_norm"):
            tl.optim.clip_grad_norm({"w": [1.0]}, bad)
    with pytest.raises(errors.HyperparameterError, match="mapping or a list"):
        tl.optim.clip_grad_value(3.0, 1.0)


def test_integers_are_clipped_as_the_numbers_they_are():
    for clip in (lambda g: tl.optim.clip_grad_norm(g, 1.0), lambda g: tl.optim.clip_by_norm(g, 1.0)):
        got, want = clip({"w": [3, 4]}), clip({"w": [3.0, 4.0]})
        assert got["w"].tolist() == want["w"].tolist() and got.norm == want.norm == 5.0
    assert tl.optim.clip_grad_value({"w": [3, -4]}, 0.5)["w"].tolist() == [0.5, -0.5]
    assert tl.optim.clip_by_percentile({"w": [1, 2, 3]}, 0)["w"].tolist() == [1.0, 1.0, 1.0]


NO_GRADIENTS = {"text": ["a"], "truth": [True], "complex": [1j], "ragged": [[1.0], [2.0, 3.0]], "object": [None, {}]}


@pytest.mark.parametrize("grads", NO_GRADIENTS.values(), ids=NO_GRADIENTS)
def test_what_is_no_gradient_is_refused_by_its_name(grads):
    for clip in (tl.optim.clip_grad_norm, tl.optim.clip_by_norm, tl.optim.clip_grad_value):
        with pytest.raises((errors.DTypeError, errors.ShapeError), match="gradient 'w'"):
            clip({"w": grads}, 1.0)


def test_limits_that_are_no_numbers_are_refused():
    g = {"w": [1.0]}
    for bad in (10**400, "x", math.nan, True, 1j):
        with pytest.raises(errors.HyperparameterError, match="max_norm"):
            tl.optim.clip_grad_norm(g, bad)
        with pytest.raises(errors.HyperparameterError, match="norm_type"):
            tl.optim.clip_grad_norm(g, 1.0, bad)
    assert tl.optim.clip_by_percentile(g, math.inf)["w"].tolist() == [1.0]


@pytest.mark.parametrize("p", [1, 2, 3.5, math.inf, -math.inf, 0])
def test_norms_of_any_order(p):
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=(2, 3)), rng.normal(size=(4,))]
    norms = [np.linalg.norm(a.ravel(), p) for a in parts]
    want = np.linalg.norm(norms, p)
    assert tl.optim.total_norm(parts, p) == pytest.approx(want, rel=1e-14)
