"""Numbers that TorchLean publishes for its layers and its first training run, reproduced."""

from __future__ import annotations

import math

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import nn

MLP = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))


def near(value, expected, digits=12):
    """Equal to a relative error of 10**-digits."""
    return np.asarray(value) == pytest.approx(np.asarray(expected), rel=10.0**-digits, abs=10.0**-digits)


def test_21_and_22_gradients_and_descent_of_a_two_layer_network():
    s = tl.Session()
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).bind(s)
    w1, b1, w2, b2 = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], [0.1, 0.2, 0.3], [[0.7, 0.8, 0.9]], [0.4]
    net.load_state_dict({"0.weight": w1, "0.bias": b1, "2.weight": w2, "2.bias": b2})
    y = net([0.5, 0.8])
    g = s.backward(y)
    assert near(y.value, [2.08])
    assert near(g["0.weight"], [[0.35, 0.56], [0.4, 0.64], [0.45, 0.72]]) and near(g["0.bias"], [0.7, 0.8, 0.9])
    assert near(g["2.weight"], [[0.31, 0.67, 1.03]]) and near(g["2.bias"], [1.0])
    opt = tl.optim.SGD(net.parameters(), lr=0.1)
    losses = [s.step(opt, lambda: tl.mse_loss(net([0.5, 0.8]), [1.0])).loss for _ in range(6)]
    assert near(losses[:2], [1.1664, 0.016057418273214])
    assert losses[2:] == pytest.approx([6.0799148e-4, 1.8116969e-5, 5.1168169e-7, 1.4314683e-8], rel=1e-7)


def test_29_layer_norm_with_its_small_eps():
    s = tl.Session()
    net = nn.LayerNorm(3, eps=1e-6).bind(s)
    net.load_state_dict({"weight": [1.0, 0.9, 1.1], "bias": [0.0, 0.1, -0.1]})
    x = s.input([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], requires_grad=True)
    y = net(x)
    loss = y.sum()
    g = s.backward(loss)
    assert near(loss.value, 0.24493060517174, 11) and near(y.value[0, 0], -1.2246530258587)
    assert near(g["weight"], [-2.44930605, 0, 2.44930605], 8) and near(g["bias"], [2, 2, 2])
    assert near(g[x], [[0.612234678, -1.224653026, 0.612418348]] * 2, 8)
    assert near(nn.LayerNorm(3).forward([[0.1, 0.2, 0.3]], {"weight": np.ones(3), "bias": np.zeros(3)})[0, 0],
                -1.2238273448265)  # fmt: skip


def test_31_convolution_and_pooling():
    s = tl.Session()
    net = nn.Conv2d(1, 1, 2).bind(s)
    kernel = [[0.2, -0.1], [0.3, 0.4]]
    net.load_state_dict({"weight": [[kernel]], "bias": [0.05]})
    x = s.input([[[1.0, 2.0], [3.0, 4.0]]], requires_grad=True)
    y = net(x)
    g = s.backward(y.sum())
    assert near(y.value, [[[2.55]]]) and near(g[x], [kernel])
    assert near(g["weight"], [[[[1, 2], [3, 4]]]]) and near(g["bias"], [1])
    board = np.array([[[10.0 * i + j for j in range(4)] for i in range(4)]])
    assert near(nn.MaxPool2d(2).forward(board, {}), [[[11, 13], [31, 33]]])
    assert near(nn.AvgPool2d(2).forward(board, {}), [[[5.5, 7.5], [25.5, 27.5]]])
    assert near(tl.grad(lambda x: nn.MaxPool2d(2).forward(x, {}).sum())(np.ones((1, 2, 2))), [[[1, 0], [0, 0]]])


def test_33_activations():
    assert near(nn.GELU("tanh").forward(np.array(1.0), {}), 0.8411919906, 10)
    assert near(nn.SiLU().forward(np.array(1.0), {}), 0.73105857863, 11)


def test_35_dropout_draws_from_the_stream_of_the_session():
    s = tl.Session(seed=7)
    net = nn.Dropout(0.5).bind(s)
    assert net(np.ones(8)).value.tolist() == [0, 2, 0, 2, 2, 0, 2, 2]
    assert net(np.ones(8)).value.tolist() == [0, 2, 0, 0, 2, 0, 0, 2]


def test_36_the_quickstart_run():
    line = np.linspace(-1, 1, 5)
    xs = np.array([(a, b) for a in line for b in line])
    ys = 0.8 * np.maximum(xs.sum(1), 0) - 0.4 * np.maximum(xs[:, 1] - xs[:, 0], 0) + 0.2
    s = tl.Session()
    net = MLP.bind(s, seed=2026, init="torchlean")
    opt = tl.optim.Adam(net.parameters(), lr=0.03)

    def mean_loss():
        return np.mean((net.predict(xs)[:, 0] - ys) ** 2)

    held_out = [0.25, -0.75]
    assert net.params["0.weight"].value[0].tolist() == [-0.337800521428135, 0.526946328318669]
    assert near(mean_loss(), 0.7615300930487124, 15) and near(net.predict(held_out), [0.04328323], 8)
    for k in range(200):
        i = k % 25
        s.step(opt, lambda i=i: tl.mse_loss(net(xs[i]), ys[i : i + 1]))
        if k == 0:
            assert near((net.predict(xs[0]) - ys[0]) ** 2, [0.0008655433], 9)
        if k == 19:
            assert near(mean_loss(), 0.4598764097, 10) and near(net.predict([0.0, 0.0]), [-0.1324602], 7)
            assert near(net.predict(held_out), [0.01296711], 8)
    assert near(mean_loss(), 0.0032336311, 10) and near(net.predict(held_out), [0.2102388], 7)


def test_the_text_of_a_model():
    lines = nn.summary(MLP, (5, 2)).to_text().split("\n")
    assert lines[0] == "Sequential: [5, 2] -> [5, 1], layers=3, params=33"
    assert lines[1] == "  [0] Linear(2, 8): [5, 2] -> [5, 8] params=24 [[8, 2], [8]]"
    assert nn.summary(nn.Sequential(nn.Flatten(0), nn.Linear(2, 1), nn.Select(0, 0)), (2,)).to_text().split("\n")[
        -1
    ] == "  [2] Select(0, 0): [1] -> scalar params=0 []"


def test_initial_values_take_one_seed_per_array_and_dropout_takes_one_too():
    rng = tl.Rng(5)
    seeds = [rng.next_seed() for _ in range(6)]
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Conv2d(2, 3, 2), nn.Embedding(4, 2))
    got = model.init(5, "torchlean")
    assert (got["0.weight"] == nn.init.xavier_uniform((4, 3), seeds[0])).all() and not got["0.bias"].any()
    assert (got["2.weight"] == nn.init.uniform((3, 2, 2, 2), seeds[3], -0.1, 0.1)).all() and not got["2.bias"].any()
    assert (got["3.weight"] == nn.init.uniform((4, 2), seeds[5], -0.02, 0.02)).all()


def test_batch_norm_with_a_biased_variance_before_the_gradient():
    s = tl.Session()
    net = nn.BatchNorm2d(2, eps=1e-6, unbiased=False).bind(s)
    x = np.random.default_rng(0).normal(size=(3, 2, 2, 2))
    net.update_buffers(x)
    assert near(net.buffers["running_mean"].value, 0.1 * x.mean((0, 2, 3)))
    assert near(net.buffers["running_var"].value, 0.9 + 0.1 * x.var((0, 2, 3)))
    before = net.state_dict()
    net(x)
    net.eval().update_buffers(x)
    assert all((v == before[p]).all() for p, v in net.state_dict().items())


def test_a_gru_that_resets_before_the_product():
    layer = nn.GRU(2, 3, reset_after=False)
    rng = np.random.default_rng(1)
    p = {path: rng.normal(size=shape) for path, shape in layer.shapes().items()}
    xs, h, want = rng.normal(size=(4, 2)), np.zeros(3), []
    for x in xs:
        gates = p["weight_ih_l0"] @ x + p["bias_ih_l0"]
        rz = 1 / (1 + np.exp(-(gates[:6] + p["weight_hh_l0"][:6] @ h + p["bias_hh_l0"][:6])))
        r, z = rz[:3], rz[3:]
        n = np.tanh(gates[6:] + p["weight_hh_l0"][6:] @ (r * h) + p["bias_hh_l0"][6:])
        h = (1 - z) * n + z * h
        want.append(h)
    assert near(layer.forward(xs, p), want)


def test_a_row_that_may_look_nowhere_attends_to_nothing():
    layer = nn.MultiheadAttention(4, 2, bias=False)
    allow = np.array([[True, False, False], [False, False, False], [True, True, True]])
    x = np.random.default_rng(0).normal(size=(3, 4))
    y, w = layer.forward(x, layer.init(1), allow=allow, need_weights=True)
    assert not y[1].any() and not w[:, 1].any() and not w[:, 0, 1:].any()
    assert near(w[:, 2].sum(-1), [1, 1])


@pytest.mark.parametrize(("seed", "figure", "value"), [(0, "std", 1.093), (0, "max", 1.549), (2, "std", 1.666)])
def test_its_normal_initialiser_has_one_radius_per_array(seed, figure, value):
    z = nn.init.torchlean_normal((100_000,), seed)
    assert {"std": z.std(), "max": abs(z).max()}[figure] == pytest.approx(value, abs=5e-3)
    assert np.mean(z**4) / z.var() ** 2 == pytest.approx(1.5, abs=0.02)
    good = nn.init.normal((100_000,), seed)
    assert np.mean(good**4) / good.var() ** 2 == pytest.approx(3, abs=0.1)


def test_its_bound_is_wider_than_pytorchs_for_two_inputs():
    own, theirs = (abs(nn.Linear(2, 8).init(0, scheme)["weight"]).max() for scheme in ("torchlean", "torch"))
    assert theirs < 1 / math.sqrt(2) < own < math.sqrt(6 / 10)
