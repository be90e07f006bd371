"""Blocks, positions, noise, seeds: what a layer adds to the op it is named after."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors, nn
from torchlean_nb.backend.random import next_seed


def test_a_multi_layer_perceptron_is_made_of_what_it_says():
    model = nn.blocks.mlp(2, [5, 4], 3, activation=nn.Tanh(), dropout=0.25)
    assert [part.kind for part in model] == ["Linear", "Tanh", "Dropout", "Linear", "Tanh", "Dropout", "Linear"]
    assert nn.blocks.mlp(2, [], 3) == nn.Sequential(nn.Linear(2, 3))
    assert nn.blocks.mlp(2, [4], 1) == nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))


def test_blocks_of_convolutions_keep_or_halve_images():
    stem, body = nn.blocks.conv_act_pool(1, 6), nn.blocks.residual_block(6)
    model = nn.Sequential(stem, body, nn.blocks.head(6 * 4 * 4, 10))
    assert stem.out_shape((2, 1, 8, 8)) == (2, 6, 4, 4) and body.out_shape((2, 6, 4, 4)) == (2, 6, 4, 4)
    assert model.out_shape((2, 1, 8, 8)) == (2, 10)
    assert nn.blocks.conv_act(1, 2, 3, padding=0, activation=nn.SiLU()).out_shape((1, 1, 5, 5)) == (1, 2, 3, 3)


def test_branches_are_added():
    layer = nn.Branches(nn.Linear(2, 3), nn.ReLU(), nn.Identity())
    with pytest.raises(errors.ShapeError, match=r"\(4, 2\) and \(4, 3\) cannot be added"):
        layer.out_shape((4, 2))
    x = np.array([[1.0, -2.0]])
    assert nn.Branches(nn.ReLU(), nn.Identity()).forward(x, {}).tolist() == [[2.0, -2.0]]
    with pytest.raises(errors.HyperparameterError, match="no layers"):
        nn.Branches()
    with pytest.raises(errors.HyperparameterTypeError, match="layer 0"):
        nn.Branches(nn.ReLU)


def test_positions_are_added_or_turned():
    x = np.zeros((2, 3, 4))
    assert np.array_equal(nn.SinusoidalPositions(4).forward(x, {})[1], tl.sinusoidal_positions(3, 4))
    rows = np.arange(20.0).reshape(5, 4)
    assert np.array_equal(nn.LearnedPositions(5, 4).forward(x, {"weight": rows})[0], rows[:3])
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    assert np.array_equal(nn.RotaryPositions(100.0).forward(x, {}, start_pos=2), tl.rope(x, base=100.0, start_pos=2))
    for layer, shape in ((nn.LearnedPositions(5, 4), (6, 4)), (nn.SinusoidalPositions(4), (3, 5))):
        with pytest.raises(errors.ShapeError, match="is needed"):
            layer.out_shape(shape)


def test_channel_dropout_takes_batches_and_single_samples():
    one, two = nn.Dropout1d(0.5), nn.Dropout2d(0.5)
    for layer, shape in ((one, (40, 3)), (two, (40, 3, 2)), (two, (4, 40, 3, 2))):
        y = layer.bind(tl.Session(seed=1))(np.ones(shape)).value
        sums = y.reshape(-1, *shape[-layer.dims :]).reshape(-1, np.prod(shape[-layer.dims :])).sum(1)
        assert set(sums.tolist()) == {0.0, 2.0 * np.prod(shape[-layer.dims :])}
    with pytest.raises(errors.ShapeError, match="Dropout2d"):
        nn.Dropout2d().bind(tl.Session())(np.ones((2, 3)))


def test_a_layer_with_indices_gives_two_outputs():
    y, at = nn.MaxPool2d(2, return_indices=True).forward(np.arange(16.0).reshape(1, 1, 4, 4), {})
    assert at.ravel().tolist() == y.ravel().tolist() == [5, 7, 13, 15]


    assert nn.MaxPool2d(2, return_indices=True).out_shape((1, 1, 4, 4)) == (1, 1, 2, 2)
    assert nn.summary(nn.MaxPool2d(2, return_indices=True), (1, 1, 4, 4)).out_shape == (1, 1, 2, 2)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_cells_in_a_loop_are_the_layer(kind):
    cell, layer = getattr(nn, f"{kind}Cell")(2, 3), getattr(nn, kind)(2, 3)
    p = cell.init(4)
    xs, state, out = np.random.default_rng(0).normal(size=(5, 4, 2)), None, []
    for x in xs:
        state = cell.forward(x, p, state=state, return_state=True)
        out.append(state[0] if kind == "LSTM" else state)
    want = layer.forward(xs, {f"{name}_l0": a for name, a in p.items()})
    np.testing.assert_allclose(out, want, rtol=1e-13)


def drawn(seed, n):
    return [next_seed(seed, k) for k in range(n)]


def test_in_torchleans_scheme_a_layer_draws_the_seeds_of_its_builder():
    last = nn.Linear(2, 2)
    for layer, n in (
        (nn.Linear(2, 2, bias=False), 2), (nn.Conv2d(1, 1, 2), 2), (nn.BatchNorm1d(2), 2), (nn.LayerNorm(2), 2),
        (nn.RNN(2, 2), 2), (nn.LSTM(2, 2), 2), (nn.GRU(2, 2, 2, bidirectional=True), 8), (nn.Dropout(), 1),
        (nn.Embedding(3, 2), 1), (nn.MultiheadAttention(2, 1), 1), (nn.LearnedPositions(3, 2), 1), (nn.ReLU(), 0),
        (nn.SinusoidalPositions(2), 1),
    ):
        got = nn.Sequential(layer, last).init(11, "torchlean")["1.weight"]
        assert (got == nn.init.xavier_uniform((2, 2), drawn(11, n + 1)[-1])).all(), layer


def test_a_recurrent_layer_starts_with_one_matrix_over_input_and_state():
    got, (seed, _) = nn.RNN(2, 3).init(5, "torchlean"), drawn(5, 2)
    whole = np.concatenate([got["weight_ih_l0"], got["weight_hh_l0"]], axis=1)
    assert (whole == nn.init.xavier_uniform((3, 5), seed)).all() and not got["bias_ih_l0"].any()
    got = nn.LSTM(2, 3).init(5, "torchlean")
    whole = np.concatenate([got["weight_ih_l0"], got["weight_hh_l0"]], axis=1).reshape(4, 3, 5)
    for gate, k in zip(whole, (1, 0, 2, 3), strict=True):
        assert (gate == nn.init.xavier_uniform((3, 5), seed + k)).all()


def test_attention_starts_with_four_matrices_whose_seeds_follow_one_another():
    got, (seed,) = nn.MultiheadAttention(4, 2).init(5, "torchlean"), drawn(5, 1)
    four = [*np.split(got["in_proj_weight"], 3), got["out_proj.weight"]]
    assert all((w == nn.init.xavier_uniform((4, 4), seed + k).T).all() for k, w in enumerate(four))


def test_a_layer_of_ones_own_takes_fresh_seeds():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Own(nn.Layer):
        def slots(self):
            return {"w": nn.Slot((2, 2), nn.init.xavier_uniform)}

    got = nn.Sequential(nn.Embedding(3, 2), Own()).init(5, "torchlean")
    assert (got["1.w"] == nn.init.xavier_uniform((2, 2), drawn(5, 2)[1])).all()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.Hardtanh(1.0, 1.0), errors.HyperparameterError, "max_val=1.0"),
        (lambda: nn.CELU(0.0), errors.HyperparameterError, "alpha"),
        (lambda: nn.PReLU(0), errors.HyperparameterError, "num_parameters"),
        (lambda: nn.PReLU(3).out_shape((2, 4)), errors.ShapeError, "prelu"),
        (lambda: nn.GLU().out_shape((2, 3)), errors.ShapeError, "no two halves"),
        (lambda: nn.Softmax2d().out_shape((2, 3)), errors.ShapeError, "Softmax2d"),
        (lambda: nn.LSTM(2, 3, proj_size=3), errors.HyperparameterError, "smaller than hidden_size"),
        (
            lambda: nn.Conv1d(1, 1, 3, padding=3, padding_mode="reflect").out_shape((1, 1, 3)),
            errors.ShapeError, "at most 2",
        ),
        (lambda: nn.Conv1d(1, 1, 3, padding_mode="mirror"), errors.HyperparameterError, "padding_mode"),
        (lambda: nn.AdaptiveMaxPool2d(2).out_shape((2, 3)), errors.ShapeError, "AdaptiveMaxPool2d"),
        (lambda: nn.GlobalMaxPool().out_shape((2, 3)), errors.ShapeError, "no axes behind"),
        (lambda: nn.TransformerEncoder(nn.ReLU, 2), errors.HyperparameterTypeError, "encoder_layer"),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 0), errors.HyperparameterError, "num_layers"),
        (lambda: nn.ZeroPad2d((1, 2)), errors.HyperparameterError, "has 2 values"),
        (lambda: nn.ZeroPad1d(-1), errors.HyperparameterError, "padding"),
        (lambda: nn.ReflectionPad1d(3).out_shape((1, 3)), errors.ShapeError, "at most 2"),
        (lambda: nn.CircularPad2d(1).out_shape((3, 3)), errors.ShapeError, "CircularPad2d"),
        (lambda: nn.GRUCell(2, 3).out_shape((4, 3)), errors.ShapeError, "GRUCell"),
        (
            lambda: nn.LSTMCell(2, 3).forward(np.ones((4, 2)), nn.LSTMCell(2, 3).init(0), state=np.ones((4, 3))),
            errors.ShapeError, r"2 of shape \(4, 3\)",
        ),
        (lambda: nn.MSELoss("average"), errors.HyperparameterError, "reduction"),
        (lambda: nn.init.trunc_normal((3,), a=9.0, b=10.0), errors.HyperparameterError, "less than 1 %"),
        (lambda: nn.init.eye((3,)), errors.ShapeError, "2 dimensions"),
        (lambda: nn.init.dirac((3, 2)), errors.ShapeError, "dirac"),
    ],
)
def test_what_cannot_be_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
def test_bags_of_nothing_are_zeros_and_flat_ids_are_rows_of_a_matrix(mode):
    net = nn.EmbeddingBag(5, 3, mode=mode).bind(tl.Session(dtype="float32"), seed=0)
    none = net(np.zeros(0, int), offsets=[0, 0]).value
    assert none.dtype == np.float32 and none.shape == (2, 3) and not none.any()
    ids = np.array([[1, 2, 4], [3, 3, 0]])
    np.testing.assert_allclose(net(ids.ravel(), offsets=[0, 3]).value, net(ids).value, rtol=1e-6)
    if mode == "sum":
        assert net.predict(ids, per_sample_weights=np.full(ids.shape, 2.0)).dtype == np.float32
        np.testing.assert_allclose(net(ids, per_sample_weights=[[2] * 3] * 2).value, 2 * net(ids).value, rtol=1e-6)


def test_a_program_does_not_keep_offsets_that_are_its_argument():
    bag, table = nn.EmbeddingBag(5, 3), {"weight": np.ones((5, 3))}
    with pytest.raises(errors.TorchLeanError, match="EmbeddingBag: offsets"):
        tl.compile(lambda ids, at: bag.forward(ids, table, offsets=at), np.array([1, 2]), np.array([0, 1]))
