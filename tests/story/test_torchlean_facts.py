"""Numbers that TorchLean publishes for its engine, reproduced: small networks one can follow by hand.

Where this toolkit decided otherwise the test says so, with both numbers.
"""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend import random as streams
from torchlean_nb.laws import check_adjoint

W1, B1 = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], [0.1, 0.2, 0.3]
W2, B2 = [[0.7, 0.8, 0.9]], [0.4]
X = [0.5, 0.8]


def near(value, expected, digits=12):
    """Equal to a relative error of 10**-digits."""
    return np.asarray(value) == pytest.approx(np.asarray(expected), rel=10.0**-digits, abs=10.0**-digits)


def network(s):
    """The two-layer network of the facts, its parameters and its output."""
    params = [s.param(v, name=n) for n, v in {"W1": W1, "b1": B1, "W2": W2, "b2": B2}.items()]
    x = s.input(X, name="x", requires_grad=True)
    w1, b1, w2, b2 = params
    return params, x, tl.linear(tl.relu(tl.linear(x, w1, b1)), w2, b2)


def test_21_gradients_of_a_two_layer_network():
    s = tl.Session()
    _, x, y = network(s)
    g = s.backward(y)
    assert near(y.value, [2.08])
    assert near(g["W1"], [[0.35, 0.56], [0.4, 0.64], [0.45, 0.72]])
    assert near(g["b1"], [0.7, 0.8, 0.9])
    assert near(g["W2"], [[0.31, 0.67, 1.03]])
    assert near(g["b2"], [1.0])
    assert near(g[x], [0.76, 1.0])


def test_22_six_steps_of_gradient_descent():
    s, losses = tl.Session(), []
    params = network(s)[0]
    for _ in range(6):
        s.reset_tape()
        w1, b1, w2, b2 = params
        loss = tl.mse_loss(tl.linear(tl.relu(tl.linear(s.input(X), w1, b1)), w2, b2), s.const([1.0]))
        g = s.backward(loss)
        losses.append(float(loss))
        for p in params:
            p.value = p.value - 0.1 * g[p]
    assert near(losses[:2], [1.1664, 0.016057418273214])
    assert losses[2:] == pytest.approx([6.0799148e-4, 1.8116969e-5, 5.1168169e-7, 1.4314683e-8], rel=1e-7)


def test_24_a_value_used_twice_gets_both_gradients_and_nothing_accumulates():
    s = tl.Session()
    x, unused = s.param(3.0, name="x"), s.param(5.0, name="unused")
    z = x**2 + x**2
    s.use(unused)
    assert [float(s.backward(z)["x"]) for _ in range(2)] == [12.0, 12.0]
    assert s.grads["unused"] == 0.0
    assert all(a.shape == () for a in s.grads.dense)
    assert float(s.backward(x**2 + s.detach(x**2))["x"]) == 6.0


def slope(f, *xs):
    return [float(tl.grad(f)(x)) for x in xs]


def test_25_slopes_at_kinks():
    assert slope(tl.abs, 0.0) == slope(tl.relu, 0.0) == [0.0]
    assert float(tl.grad(lambda a: tl.maximum(a, 1.0))(1.0)) == 0.5
    # TorchLean stops the gradient at both bounds and gives sqrt slope 0 at 0; here both are PyTorch's.
    clamped = slope(lambda x: tl.clamp(x, min=0.0, max=1.0), 0.0, 0.5, 1.0, 2.0)
    assert clamped == [1.0, 1.0, 1.0, 0.0] != [0.0, 1.0, 0.0, 0.0]
    assert slope(tl.sqrt, 0.0) == [np.inf]
    with pytest.raises(ValueError, match="domain"):
        tl.Session().input(-1.0).sqrt()


def test_26_mean_of_squares():
    x = np.array([0.5, -1.2])

    def f(t):
        return (t**2).mean()

    value, g = tl.value_and_grad(f)(x)
    assert near(value, 0.845)
    assert near(g, [0.5, -1.2])
    assert near(tl.hessian(f)(x), np.eye(2))
    assert near(tl.jacfwd(tl.square)(x), np.diag([1.0, -2.4]))
    assert near(tl.vjp(tl.square, x)[1](np.ones(2)), [1.0, -2.4])


W, B, Y = [[0.2, -0.1], [0.0, 0.3], [-0.4, 0.1]], [0.01, -0.02, 0.03], [0.7, 0.1, -0.5]


def linear_loss(w, b):
    return tl.mse_loss(tl.linear(np.array([0.5, -1.2]), w, b), np.array(Y))


def test_27_a_linear_model_its_directional_derivative_and_its_curvature():
    value, (gw, gb) = tl.value_and_grad(linear_loss, (0, 1))(np.array(W), np.array(B))
    assert near(value, 0.16513333, 7)
    assert near(gw, [[-0.1566667, 0.376], [-0.16, 0.384], [0.07, -0.168]], 6)
    assert near(gb, [-0.3133333, -0.32, 0.14], 6)
    tangents = (np.full((3, 2), 0.1), np.full(3, -0.2))
    assert near(tl.jvp(linear_loss, (np.array(W), np.array(B)), tangents)[1], 0.1332)
    hw, hb = tl.hvp(linear_loss, (np.array(W), np.array(B)), tangents)
    assert near(hw, [[-0.09, 0.216]] * 3)
    assert near(hb, [-0.18] * 3)


def test_27_detach_keeps_the_loss_and_stops_the_gradient():
    s = tl.Session()
    w = s.param(W, name="w")
    b = s.param(B, name="b")
    prediction = tl.linear(s.input([0.5, -1.2]), w, b)
    loss = tl.mse_loss(s.detach(prediction), s.const(Y)) + 0.0 * w.sum()
    g = s.backward(loss)
    assert near(loss.value, 0.16513333, 7)
    assert not g[w].any()
    assert not g[b].any()


def test_28_gradient_and_tangent_are_adjoint():
    gw, gb = tl.grad(linear_loss, (0, 1))(np.array(W), np.array(B))
    parts = [(gw * 0.1).sum(), (gb * -0.2).sum()]
    assert near(parts, [0.0345333, 0.0986667], 6)
    assert near(sum(parts), 0.1332)
    assert check_adjoint(linear_loss, (W, B))


def test_29_layer_norm():
    s = tl.Session()
    x = s.input([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], requires_grad=True)
    gamma, beta = s.param([1.0, 0.9, 1.1], name="gamma"), s.param([0.0, 0.1, -0.1], name="beta")
    y = tl.layer_norm(x, gamma, beta, eps=1e-6)
    loss = y.sum()
    g = s.backward(loss)
    assert near(loss.value, 0.24493060517174)
    assert near(g[gamma], [-2.44930605, 0.0, 2.44930605], 8)
    assert near(g[beta], [2.0, 2.0, 2.0])
    assert near(g[x], [[0.612234678, -1.224653026, 0.612418348]] * 2, 8)
    assert near(y.value[0, 0], -1.2246530258587)
    assert near(tl.layer_norm(x, gamma, beta, eps=1e-5).value[0, 0], -1.2238273448265)


def test_31_convolution_and_pooling():
    s = tl.Session()
    kernel, bias = s.param([[[[0.2, -0.1], [0.3, 0.4]]]], name="K"), s.param([0.05], name="b")
    x = s.input([[[1.0, 2.0], [3.0, 4.0]]], requires_grad=True)
    y = tl.conv(x, kernel, bias)
    g = s.backward(y.sum())
    assert near(y.value, [[[2.55]]])
    assert np.array_equal(g[kernel][0], x.value)
    assert np.array_equal(g[x], kernel.value[0])
    assert g[bias] == [1.0]
    image = 10.0 * np.arange(4)[:, None] + np.arange(4)
    assert tl.max_pool(image[None, None], kernel_size=2)[0, 0].tolist() == [[11, 13], [31, 33]]
    assert tl.avg_pool(image[None, None], kernel_size=2)[0, 0].tolist() == [[5.5, 7.5], [25.5, 27.5]]
    equal = tl.grad(lambda t: tl.max_pool(t, kernel_size=2).sum())(np.ones((1, 1, 2, 2)))
    assert equal[0, 0].tolist() == [[1, 0], [0, 0]]


def test_32_losses():
    assert near(tl.cross_entropy(np.zeros((1, 3)), np.array([0])), 1.0986122886681098)
    logits = np.array([[2.0, 1.0, 0.0]])
    value, g = tl.value_and_grad(lambda z: tl.cross_entropy(z, np.array([0])))(logits)
    assert near(value, 0.40760596444438046)
    assert near(g, [[-0.3347590442, 0.2447284711, 0.0900305732]], 9)
    assert near(tl.bce_with_logits([2.0, -1.0], [1.0, 0.0]), 0.22009484928059775)
    value, g = tl.value_and_grad(lambda z: tl.huber_loss(z, np.zeros(2), delta=2.0))(np.array([1.0, 3.0]))
    assert (float(value), g.tolist()) == (2.25, [0.5, 1.0])


def test_33_functions_with_a_will_of_their_own():
    assert near(tl.safe_log([1.0, 0.0]), [0.272514641965153, -0.36651147788766])
    assert near(tl.gelu(1.0, approximate="tanh"), 0.8411919906082768)
    assert near(tl.silu(1.0), 0.73105857863, 10)
    # TorchLean: bce -0.2160422967694786, softplus inf, gelu by tanh only. Here PyTorch's numbers.
    assert near(tl.bce(0.9, 1.0), 0.1053605157, 9)
    assert float(tl.softplus(710.0)) == 710.0
    assert near(tl.gelu(1.0), 0.8413447460685429)


def test_35_random_streams():
    assert streams.splitmix64(0) == 0xE220A8397B1DCDAF
    assert streams.next_seed(2026, 0) == 8699989649721214301
    assert streams.next_seed(2026, 1) == 16238661600416281737
    key = streams.key_of(42, 0)
    assert tl.rand_uniform(key, shape=(3,)).tolist() == [0.39478218648582697, 0.601456003729254, 0.525645153131336]
    assert tl.bernoulli_mask(key, shape=(8,), keep=0.5).astype(int).tolist() == [1, 0, 0, 0, 1, 1, 0, 0]
    assert near(streams.normal(key, (1,))[0], -1.0956312391817484, 15)


def test_35_dropout_of_a_session_and_a_split_stream():
    s = tl.Session(seed=7)
    x = s.input(np.ones(8))
    masks = [(s.dropout(x, s.draw_key(), p=0.5).value / 2).astype(int).tolist() for _ in range(2)]
    assert masks == [[0, 1, 0, 1, 1, 0, 1, 1], [0, 1, 0, 0, 1, 0, 0, 1]]
    parent = tl.Rng(7)
    assert (parent.split().seed, parent.seed) == (309689372594955804, 10746521273653791535)
