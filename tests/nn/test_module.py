"""A layer in a session: names, modes, buffers, random numbers, state."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors, nn

MODEL = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
X = np.random.default_rng(0).normal(size=(6, 3))


def test_parameters_and_buffers_are_params_of_the_session_by_path():
    s = tl.Session()
    net = MODEL.bind(s, seed=1)
    assert list(net.params) == ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]
    assert list(net.buffers) == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert all(s.params[path] is p for path, p in {**net.params, **net.buffers}.items())
    g = s.backward(net(X).sum())
    assert {p.name for p in net.parameters()} <= {p.name for p in g}
    assert not {p.name for p in net.buffers.values()} & {p.name for p in g}


def test_two_models_in_a_session_need_two_names():
    s = tl.Session()
    MODEL.bind(s)
    known = list(s.params)
    with pytest.raises(errors.NameError_, match=r"has a parameter '0\.weight' already"):
        MODEL.bind(s)
    assert list(s.params) == known
    critic = MODEL.bind(s, name="critic")
    assert critic.params["0.weight"].name == "critic.0.weight" and "0.weight" in critic.state_dict()


def test_modes_switch_like_pytorchs():
    net = MODEL.bind(tl.Session())
    assert net.training and net.mode == "train"
    assert net.eval() is net and not net.training and net.train().training and not net.train(False).training


def test_a_session_that_trains_nothing_by_default_is_heard():
    net = nn.Linear(2, 2).bind(tl.Session(requires_grad_by_default=False))
    assert not net.params["weight"].requires_grad


def test_running_statistics_move_when_told_and_not_otherwise():
    net = MODEL.bind(tl.Session(seed=3))
    net(X)
    assert net.buffers["1.num_batches_tracked"].value == 0
    net.update_buffers(X)
    assert net.buffers["1.num_batches_tracked"].value == 1


def test_automatic_buffers_move_exactly_as_explicit_ones():
    explicit, automatic = (MODEL.bind(tl.Session(seed=3), seed=1, auto_buffers=auto) for auto in (False, True))
    for k in range(3):
        explicit.update_buffers(X + k)
        a, b = explicit(X + k), automatic(X + k)
        assert (a.value == b.value).all()
    assert all((v == automatic.state_dict()[p]).all() for p, v in explicit.state_dict().items())


def test_later_statistics_see_what_earlier_layers_make_of_the_batch():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.ReLU(), nn.BatchNorm1d(3))
    net = model.bind(tl.Session())
    net.update_buffers(X)
    inner = np.maximum((X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5), 0)
    np.testing.assert_allclose(net.buffers["2.running_mean"].value, 0.1 * inner.mean(0), rtol=1e-12)


def test_update_buffers_leaves_the_random_stream_for_the_call_that_follows():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
    one, two = (model.bind(tl.Session(seed=3)) for _ in range(2))
    one.update_buffers(X)
    y = one(X)
    assert (y.value == two(X).value).all()
    dropped = next(one.session.value(n.id) for n in y.tape.nodes if n.op == "dropout")
    np.testing.assert_allclose(one.buffers["1.running_mean"].value, 0.1 * dropped.mean(0), rtol=1e-12)
    s = one.session
    state = (s.rng.seed, s.rng.counter, s._draws)
    with pytest.raises(errors.ShapeError):
        one.update_buffers(np.zeros((2, 5)))
    assert (s.rng.seed, s.rng.counter, s._draws) == state


def test_momentum_none_is_the_plain_average():
    net = nn.BatchNorm1d(3, momentum=None).bind(tl.Session())
    for k in range(4):
        net.update_buffers(X + k)
    np.testing.assert_allclose(net.buffers["running_mean"].value, X.mean(0) + 1.5, rtol=1e-12)


def test_dropout_is_new_at_each_call_and_the_same_after_reseeding():
    s = tl.Session(seed=5)
    net = nn.Dropout(0.5).bind(s)
    a, b = net(np.ones(50)).value, net(np.ones(50)).value
    s.seed(5)
    assert (a != b).any() and (net(np.ones(50)).value == a).all() and set(a) == {0.0, 2.0}


def test_dropout_of_everything_and_of_nothing():
    s = tl.Session()
    assert not nn.Dropout(1.0).bind(s)(np.ones(5)).value.any()
    x = s.input(np.ones(5))
    assert nn.Dropout(0.0).bind(s)(x) is x


def test_gradients_reach_the_input_and_tensors_come_in_as_they_are():
    s = tl.Session()
    net = nn.Linear(3, 1).bind(s)
    x = s.input(X, requires_grad=True)
    g = s.backward(net(x).sum())
    np.testing.assert_allclose(g[x], np.repeat(net.params["weight"].value, 6, 0))


def test_one_model_used_twice_on_a_tape_shares_its_parameters():
    s = tl.Session()
    net = nn.Linear(3, 1).bind(s)
    g = s.backward(net(X).sum() + net(X).sum())[net.params["bias"]]
    assert g.tolist() == [12.0]


BAD_STATES = [
    (lambda d: d.pop("0.bias"), errors.CheckpointError, "missing: '0.bias'"),
    (lambda d: d.update(extra=np.zeros(2)), errors.CheckpointError, "unknown: 'extra'"),
    (lambda d: d.update({"0.bias": np.zeros(3)}), errors.CheckpointError, r"'0.bias' has shape (3,)"),
    (lambda d: d.update({"3.bias": np.array([np.nan, 0])}), errors.NonFiniteError, "nan"),
    (lambda d: d.update({"3.bias": np.array(["a", "b"])}), errors.DTypeError, "3.bias"),
    (lambda d: d.update({"3.bias": np.array([1j, 0])}), errors.DTypeError, "3.bias"),
]


@pytest.mark.parametrize(("spoil", "error", "words"), BAD_STATES)
def test_a_bad_state_dict_is_refused_and_changes_nothing(spoil, error, words):
    s = tl.Session()
    net = MODEL.bind(s, seed=1)
    state, before = MODEL.bind(tl.Session(), seed=2).state_dict(), s.digest()
    spoil(state)
    with pytest.raises(error) as e:
        net.load_state_dict(state)
    assert words in str(e.value) and s.digest() == before


def test_a_state_dict_is_a_copy():
    net = MODEL.bind(tl.Session())
    state = net.state_dict()
    state["0.weight"][:] = 7
    assert not (net.params["0.weight"].value == 7).any()


def test_loading_reaches_parameters_that_a_fused_optimizer_keeps_flat():
    s = tl.Session()
    net = nn.Linear(3, 1).bind(s, seed=1)
    opt = tl.optim.SGD(net.parameters(), lr=0.1, fused="numpy")
    s.step(opt, lambda: net(X).sum())
    state = {p: np.ones_like(v) for p, v in net.state_dict().items()}
    net.load_state_dict(state)
    assert all((v == 1).all() for v in net.state_dict().values())
    s.step(opt, lambda: net(X).sum())
    np.testing.assert_allclose(net.params["bias"].value, [1 - 0.6])


def test_pytorchs_state_dict_with_wrong_names_shapes_or_types_is_refused():
    layer = nn.Linear(2, 1)
    good = {"weight": np.ones((1, 2)), "bias": np.ones(1)}
    for bad, words in (
        ({"weight": good["weight"]}, "missing: 'bias'"), ({**good, "b": good["bias"]}, "unknown: 'b'"),
        ({**good, "weight": np.ones((2, 1))}, r"'weight' has shape \(2, 1\)"),
        ({**good, "bias": np.array(["x"])}, "'bias' holds"),
    ):
        with pytest.raises(errors.CheckpointError, match=words):
            nn.from_torch_state_dict(layer, bad)


def test_a_state_dict_without_counters_is_an_old_one():
    state = nn.to_torch_state_dict(nn.BatchNorm1d(2).bind(tl.Session()))
    assert state.pop("num_batches_tracked").dtype == np.int64
    assert nn.from_torch_state_dict(nn.BatchNorm1d(2), state)["num_batches_tracked"] == 0


def test_a_summary_counts_and_prints():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Residual(nn.Sequential(nn.ReLU())), nn.Flatten())
    got = nn.summary(model.bind(tl.Session()), (4, 1, 5, 5))
    assert (got.params, got.buffers, len(got.layers), len(got.rows)) == (24, 5, 4, 4)
    text = str(got).split("\n")
    assert text[0] == "Sequential: [4, 1, 5, 5] -> [4, 18]" and text[-1] == "24 parameters, 5 numbers in buffers"
    assert text[3].split() == "0 Conv2d(1, 2, (3, 3)) [4, 2, 3, 3] 20".split()
    assert len({len(line) for line in text[2:3] + text[-2:-1]}) == 1


def test_reprs_show_what_there_is():
    net = MODEL.bind(tl.Session(), seed=0)
    assert "(3): Linear(in_features=4, out_features=2, bias=True)" in repr(net)
    assert "34 parameters, train mode" in repr(net)
    assert repr(nn.Sequential()) == "Sequential()" and len(MODEL[1:3]) == 2 and MODEL[0] == nn.Linear(3, 4)
