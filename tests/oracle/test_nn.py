"""PyTorch as a second opinion on layers: outputs, gradients, running statistics, state dicts, distributions."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import product

import numpy as np
import pytest
import torch
from nn.cases import CASES, example, started

import torchlean_nb as tl

CLOSE = {"rtol": 1e-12, "atol": 1e-12}
# Fields of ours that PyTorch's class does not have.
OURS = {"reset_after", "is_causal", "unbiased"}
WITHOUT = {
    "select": "torch.select, no layer",
    "smooth_max_pool1d": "no such layer", "smooth_max_pool2d": "no such layer", "smooth_max_pool3d": "no such layer",
    "global_max_pool": "no such layer: a reshaped max_pool",
    **{f"{kind} positions": "no such layer" for kind in ("sinusoidal", "learned", "rotary")},
    **{kind: "other random numbers" for kind in ("dropout1d", "dropout2d", "dropout3d", "alpha_dropout")},
    "attention with dropout": "other random numbers in train mode",
    "hardsigmoid": "theirs has a sixth in float32",
    "global_avg_pool": "no such layer: test_a_global_mean_is_an_adaptive_one",
    "dropout": "other random numbers", "encoder, norms first": "other random numbers in train mode",
    "gru, reset first": "no such switch: the layer laws",
    "residual": "no such layer", "branches": "no such layer", "named sequential": "its layers are compared one by one",
}
COMPARED = [n for n in CASES if n not in WITHOUT]


def twin(layer):
    """PyTorch's layer of the same name and arguments, in float64."""
    if isinstance(layer, tl.nn.Sequential):
        return torch.nn.Sequential(*(twin(part) for part in layer)).double()
    if isinstance(layer, tl.nn.TransformerEncoder):
        inner, norm = twin(layer.encoder_layer), layer.norm and twin(layer.norm)
        return torch.nn.TransformerEncoder(inner, layer.num_layers, norm, enable_nested_tensor=False).double()
    given = {f.name: getattr(layer, f.name) for f in fields(layer) if f.name not in OURS}
    if isinstance(layer, tl.nn.AvgPool1d):
        del given["divisor_override"]
    if isinstance(layer, tl.nn.PReLU):
        given["init"] = given.pop("slope")
    if isinstance(layer, tl.nn.LPPool1d):
        given["kernel_size"] = layer.kernel_size[0]
    return getattr(torch.nn, type(layer).__name__)(**given).double()


def paired(name, seed=0):
    """Our layer in a session and PyTorch's, with the same numbers in both."""
    layer = CASES[name][0]
    net, theirs = layer.bind(tl.Session(), seed, auto_buffers=True), twin(layer)
    params, buffers = started(layer, seed)
    net.load_state_dict({**params, **buffers})
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in tl.nn.to_torch_state_dict(net).items()})
    return net, theirs


def their_output(theirs, x):
    """PyTorch's output, of recurrent and attention layers the first part."""
    if isinstance(theirs, torch.nn.MultiheadAttention):
        n = x.shape[0]
        blocked = None if not theirs.causal else torch.ones(n, n).triu(1).bool()
        return theirs(x, x, x, attn_mask=blocked)[0]
    y = theirs(x)
    return y[0] if isinstance(y, tuple) else y


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", [*COMPARED, "encoder, norms first", "attention with dropout"])
def test_outputs_and_gradients_are_pytorchs(name, mode):
    if name in WITHOUT and mode == "train":
        return
    net, theirs = paired(name)
    theirs.causal = getattr(net.model, "is_causal", False)
    net.train(mode == "train")
    theirs.train(mode == "train")
    value = example(name)
    x = net.session.input(value, requires_grad=value.dtype.kind == "f")
    tx = torch.tensor(value, requires_grad=value.dtype.kind == "f")
    y, ty = net(x), their_output(theirs, tx)
    np.testing.assert_allclose(y.value, ty.detach().numpy(), **CLOSE)
    if not ty.requires_grad:
        return
    seed = np.random.default_rng(1).normal(size=y.shape)
    g = net.session.backward(y, seed)
    ty.backward(torch.tensor(seed))
    if x.requires_grad:
        np.testing.assert_allclose(g[x], tx.grad.numpy(), **CLOSE)
    for path, p in theirs.named_parameters():
        np.testing.assert_allclose(g[net.params[path]], p.grad.numpy(), err_msg=path, **CLOSE)


@pytest.mark.parametrize("name", [n for n in COMPARED if any("running" in p for p in CASES[n][0].shapes())])
def test_running_statistics_after_some_batches_are_pytorchs(name):
    net, theirs = paired(name)
    for k in range(5):
        net(example(name, k))
        theirs(torch.tensor(example(name, k)))
    state = tl.nn.to_torch_state_dict(net)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(state[key], value.numpy(), err_msg=key, **CLOSE)
        assert str(value.dtype) == f"torch.{state[key].dtype}"


@pytest.mark.parametrize("name", COMPARED)
def test_state_dicts_have_pytorchs_names_order_and_shapes(name):
    net, theirs = CASES[name][0].bind(tl.Session()), twin(CASES[name][0])
    ours = tl.nn.to_torch_state_dict(net)
    assert [(k, v.shape) for k, v in ours.items()] == [(k, tuple(v.shape)) for k, v in theirs.state_dict().items()]
    net.load_state_dict(tl.nn.from_torch_state_dict(net, theirs.state_dict()))
    for key, value in net.state_dict().items():
        assert (value == theirs.state_dict()[key].numpy()).all()


def test_half_precision_of_both_kinds_comes_over():
    layer = tl.nn.Linear(3, 2)
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        state = {k: v.to(dtype) for k, v in torch.nn.Linear(3, 2).state_dict().items()}
        got = tl.nn.from_torch_state_dict(layer, state)
        assert all((got[k] == v.double().numpy()).all() for k, v in state.items())


@pytest.mark.parametrize("name", COMPARED)
def test_summaries_count_what_pytorch_counts(name):
    layer, shape = CASES[name]
    theirs = twin(layer)
    got = tl.nn.summary(layer, shape)
    assert got.params == sum(p.numel() for p in theirs.parameters())
    assert got.buffers == sum(b.numel() for b in theirs.buffers())


BIG = {
    "Linear": (200, 100), "Conv1d": (20, 50, 5), "Conv2d": (20, 30, 5), "Conv3d": (10, 20, 3), "Embedding": (200, 100),
    "ConvTranspose1d": (20, 50, 5), "ConvTranspose2d": (20, 30, 5), "ConvTranspose3d": (10, 20, 3),
    "RNN": (50, 80), "LSTM": (50, 80), "GRU": (50, 80), "MultiheadAttention": (64, 4),
    "TransformerEncoderLayer": (64, 4, 128), "BatchNorm2d": (5,), "LayerNorm": (5,), "GroupNorm": (2, 4),
}  # fmt: skip


@pytest.mark.parametrize("name", BIG)
def test_initial_values_have_pytorchs_distribution(name):
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*BIG[name]).state_dict()
    for path, a in getattr(tl.nn, name)(*BIG[name]).init(3).items():
        b = theirs[path].double().numpy()
        if np.ptp(b) == 0:
            assert (a == b).all(), path
        else:
            spread = 6 * b.std() / math.sqrt(a.size)
            assert abs(a.mean() - b.mean()) < spread, path
            assert a.std() == pytest.approx(b.std(), rel=6 / math.sqrt(a.size)), path
            bounded = abs(b).max() < 2 * b.std() and a.size > 500
            assert not bounded or abs(a).max() == pytest.approx(abs(b).max(), rel=0.05), path


INITIALISERS = {
    "xavier_uniform": {"gain": 2.0}, "xavier_normal": {}, "kaiming_uniform": {"a": 0.3},
    "kaiming_normal": {"mode": "fan_out", "nonlinearity": "relu"},
}


@pytest.mark.parametrize("name", INITIALISERS)
@pytest.mark.parametrize("shape", [(300, 100), (40, 30, 3, 3)])
def test_initialisers_have_the_spread_of_pytorchs(name, shape):
    torch.manual_seed(0)
    theirs = getattr(torch.nn.init, f"{name}_")(torch.empty(shape).double(), **INITIALISERS[name]).numpy()
    ours = getattr(tl.nn.init, name)(shape, 1, **INITIALISERS[name])
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
    if "uniform" in name:
        assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=1e-3)


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains_are_pytorchs(nonlinearity):
    for param in (None, 0.3):
        assert tl.nn.init.calculate_gain(nonlinearity, param) == torch.nn.init.calculate_gain(nonlinearity, param)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_states_go_in_and_come_out_as_in_pytorch(kind):
    layer = getattr(tl.nn, kind)(2, 3, 2, bidirectional=True)
    net = layer.bind(tl.Session(), seed=1)
    theirs = getattr(torch.nn, kind)(2, 3, 2, bidirectional=True).double()
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in net.state_dict().items()})
    rng = np.random.default_rng(0)
    x, h = rng.normal(size=(4, 2, 2)), rng.normal(size=(2, 4, 2, 3))
    state = tuple(h) if kind == "LSTM" else h[0]
    y, last = net(x, state=state, return_state=True)
    tensors = tuple(map(torch.tensor, state)) if kind == "LSTM" else torch.tensor(state)
    ty, tlast = theirs(torch.tensor(x), tensors)
    np.testing.assert_allclose(y.value, ty.detach().numpy(), **CLOSE)
    pairs = zip(last, tlast, strict=True) if kind == "LSTM" else [(last, tlast)]
    for a, b in pairs:
        np.testing.assert_allclose(a.value, b.detach().numpy(), **CLOSE)


def test_attention_over_keys_and_values_of_other_widths():
    options = {"batch_first": True, "kdim": 5, "vdim": 3}
    net = tl.nn.MultiheadAttention(8, 2, **options).bind(tl.Session(), seed=1)
    theirs = torch.nn.MultiheadAttention(8, 2, **options).double()
    state = tl.nn.to_torch_state_dict(net)
    assert list(state) == list(theirs.state_dict())
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(3, n, width)) for n, width in ((4, 8), (6, 5), (6, 3)))
    y = net(q, k, v)
    ty = theirs(*map(torch.tensor, (q, k, v)))[0]
    np.testing.assert_allclose(y.value, ty.detach().numpy(), **CLOSE)
    seed = rng.normal(size=y.shape)
    g = net.session.backward(y, seed)
    ty.backward(torch.tensor(seed))
    for path, p in theirs.named_parameters():
        np.testing.assert_allclose(g[net.params[path]], p.grad.numpy(), err_msg=path, **CLOSE)


def test_attention_over_another_sequence_with_a_mask_and_its_weights():
    net = tl.nn.MultiheadAttention(8, 2, batch_first=True).bind(tl.Session(), seed=1)
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True).double()
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in net.state_dict().items()})
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(3, 4, 8)), rng.normal(size=(3, 5, 8))
    allow = rng.random((4, 5)) > 0.3
    allow[:, 0] = True
    y, w = net(q, k, k, allow=allow, need_weights=True)
    args = (torch.tensor(a) for a in (q, k, k))
    ty, tw = theirs(*args, attn_mask=torch.tensor(~allow), average_attn_weights=False)
    np.testing.assert_allclose(y.value, ty.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(w.value, tw.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(net(q, k, k, allow=allow).value, y.value, **CLOSE)


def test_one_more_key_is_open_to_every_place_whatever_the_mask():
    rng = np.random.default_rng(0)
    x, numbers = rng.normal(size=(3, 4, 8)), rng.normal(size=(4, 4))
    allow, later = rng.random((4, 4)) > 0.5, torch.ones(4, 4).triu(1).bool()
    for causal in (False, True):
        net = tl.nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True, is_causal=causal)
        net = net.bind(tl.Session(), seed=1)
        theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True).double()
        theirs.load_state_dict({k: torch.from_numpy(v) for k, v in net.state_dict().items()})
        for mask, blocked in ((allow, torch.tensor(~allow)), (numbers, torch.tensor(numbers))):
            if causal and mask is allow:
                blocked = blocked | later
            elif causal:
                blocked = blocked.masked_fill(later, -torch.inf)
            y, w = net(x, x, x, allow=mask, need_weights=True)
            ty, tw = theirs(*[torch.tensor(x)] * 3, attn_mask=blocked, average_attn_weights=False)
            np.testing.assert_allclose(y.value, ty.detach().numpy(), **CLOSE)
            np.testing.assert_allclose(w.value, tw.detach().numpy(), **CLOSE)


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_heads_that_share_keys_and_values_are_pytorchs(backend):
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, heads, steps, 3)) for heads, steps in ((6, 4), (2, 5), (2, 5)))
    theirs = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
    wanted = torch.nn.functional.scaled_dot_product_attention(*theirs, enable_gqa=True)
    wanted.sum().backward()
    np.testing.assert_allclose(
        tl.scaled_dot_product_attention(q, k, v=v, enable_gqa=True), wanted.detach().numpy(), **CLOSE
    )
    s = tl.Session(backend)
    ours = [s.param(a) for a in (q, k, v)]
    for _ in range(2):
        s.reset_tape()
        g = s.backward(s.scaled_dot_product_attention(*ours, enable_gqa=True).sum())
    for p, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(g[p], t.grad.numpy(), **CLOSE)
    with pytest.raises(tl.errors.ShapeError, match="cannot be shared by heads of q"):
        tl.scaled_dot_product_attention(k, q, q, enable_gqa=True)


@pytest.mark.parametrize("backend", ["eager", "compiled"])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (3,)], ids=str)
def test_weights_of_classes_and_ignored_labels_are_pytorchs(shape, backend):
    rng = np.random.default_rng(0)
    x, shares, weights = rng.normal(size=shape), rng.random(shape), np.array([0.5, 2.0, 1.5])
    labels = rng.integers(0, 3, (*shape[:1], *shape[2:]) if len(shape) > 1 else ())
    some = np.where(np.arange(labels.size).reshape(labels.shape) == 1, -7, labels)
    for weight, reduction, smooth in product((None, weights), ("mean", "sum", "none"), (0.0, 0.25)):
        for target, ignore in ((labels, None), (some, -7), (shares, None)):
            given = {} if ignore is None else {"ignore_index": ignore}
            given |= {"reduction": reduction, "label_smoothing": smooth}
            theirs = torch.tensor(x, requires_grad=True)
            heavy = None if weight is None else torch.tensor(weight)
            wanted = torch.nn.functional.cross_entropy(theirs, torch.tensor(target), heavy, **given)
            wanted.sum().backward()
            plain = tl.cross_entropy(x, target, weight, **given)
            np.testing.assert_allclose(plain, wanted.detach().numpy(), **CLOSE)
            s, criterion = tl.Session(backend), tl.nn.CrossEntropyLoss(weight=weight, **given)
            for _ in range(2):
                s.reset_tape()
                z = s.input(x, requires_grad=True)
                g = s.backward(tl.sum(criterion(z, s.input(target))))
            np.testing.assert_allclose(g[z], theirs.grad.numpy(), **CLOSE)


@pytest.mark.parametrize("backend", ["eager", "compiled"])
@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_flat_ids_with_offsets_are_pytorchs(mode, padding, backend):
    ids, factors = np.array([1, 2, 4, 2, 3, 2, 2, 0]), np.linspace(-1, 2, 8)
    net = tl.nn.EmbeddingBag(5, 3, padding_idx=padding, mode=mode).bind(tl.Session(backend), seed=0)
    theirs = torch.nn.EmbeddingBag(5, 3, padding_idx=padding, mode=mode, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(net.params["weight"].value))
    for offsets in ([0, 2, 5], [0, 0, 3, 5, 7, 7, 8], [0], [0, 5, 7], [0, 2, 5]):  # some empty, one of padding alone
        for weights in (None, factors) if mode == "sum" else (None,):
            given = {} if weights is None else {"per_sample_weights": torch.tensor(weights, requires_grad=True)}
            theirs.zero_grad()
            wanted = theirs(torch.tensor(ids), torch.tensor(offsets), **given)
            seed = np.random.default_rng(1).normal(size=tuple(wanted.shape))
            wanted.backward(torch.tensor(seed))
            net.session.reset_tape()
            w = None if weights is None else net.session.input(weights, requires_grad=True)
            y = net(ids, offsets=offsets, per_sample_weights=w)
            g = net.session.backward(y, seed)
            np.testing.assert_allclose(y.value, wanted.detach().numpy(), **CLOSE)
            np.testing.assert_allclose(g[net.params["weight"]], theirs.weight.grad.numpy(), **CLOSE)
            if w is not None:
                np.testing.assert_allclose(g[w], given["per_sample_weights"].grad.numpy(), **CLOSE)
            np.testing.assert_allclose(
                net.predict(ids, offsets=offsets, per_sample_weights=weights), wanted.detach().numpy(), **CLOSE
            )


CRITERIA = {
    "MSELoss": ({}, "like"), "L1Loss": ({"reduction": "sum"}, "like"), "HuberLoss": ({"delta": 0.5}, "like"),
    "SmoothL1Loss": ({"beta": 0.25}, "like"), "CrossEntropyLoss": ({"label_smoothing": 0.125}, "labels"),
    "NLLLoss": ({"reduction": "none"}, "labels"), "BCELoss": ({}, "shares"), "BCEWithLogitsLoss": ({}, "shares"),
    "KLDivLoss": ({"reduction": "batchmean"}, "shares"),
}


@pytest.mark.parametrize("name", CRITERIA)
def test_losses_are_pytorchs(name):
    options, kind = CRITERIA[name]
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, (4, 3)) if name == "BCELoss" else rng.normal(size=(4, 3))
    target = {"like": rng.normal(size=(4, 3)), "labels": rng.integers(0, 3, 4), "shares": rng.random((4, 3))}[kind]
    ours, theirs = getattr(tl.nn, name)(**options), getattr(torch.nn, name)(**options)
    t = torch.tensor(x, requires_grad=True)
    loss = theirs(t, torch.tensor(target))
    loss.sum().backward()
    np.testing.assert_allclose(ours(x, target), loss.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(tl.grad(lambda x: tl.sum(ours(x, target)))(x), t.grad.numpy(), **CLOSE)


def test_a_smooth_l1_without_a_smooth_part_is_l1():
    x = np.array([1.0, -2.0])
    assert tl.nn.SmoothL1Loss(beta=0)(x, np.zeros(2)) == torch.nn.SmoothL1Loss(beta=0)(torch.tensor(x), torch.zeros(2))


def test_truncated_normal_and_identities_are_pytorchs():
    z = tl.nn.init.trunc_normal((50_000,), 1, mean=0.5, std=2.0, a=-1.0, b=3.0)
    torch.manual_seed(0)
    theirs = torch.nn.init.trunc_normal_(torch.empty(50_000), 0.5, 2.0, -1.0, 3.0).numpy()
    assert z.min() >= -1 and z.max() <= 3
    assert z.mean() == pytest.approx(theirs.mean(), abs=0.02) and z.std() == pytest.approx(theirs.std(), rel=0.01)
    for shape, groups in (((4, 2, 3), 1), ((6, 2, 3, 2), 3), ((2, 3, 1, 4, 3), 2)):
        theirs = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
        assert np.array_equal(tl.nn.init.dirac(shape, groups=groups), theirs)
    assert np.array_equal(tl.nn.init.eye((2, 3)), torch.nn.init.eye_(torch.empty(2, 3)).numpy())


def test_a_global_mean_is_an_adaptive_one():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    theirs = torch.nn.AdaptiveAvgPool2d(1)(torch.tensor(x)).numpy()[..., 0, 0]
    np.testing.assert_allclose(tl.nn.GlobalAvgPool().forward(x, {}), theirs, **CLOSE)


def test_the_same_network_learns_the_same_in_both():
    model = tl.nn.Sequential(tl.nn.Conv2d(1, 4, 3), tl.nn.BatchNorm2d(4), tl.nn.ReLU(), tl.nn.MaxPool2d(2),
                             tl.nn.Flatten(), tl.nn.Linear(36, 3))  # fmt: skip
    s = tl.Session()
    net, theirs = model.bind(s, seed=2, auto_buffers=True), twin(model)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in tl.nn.to_torch_state_dict(net).items()})
    opt = tl.optim.AdamW(net.parameters(), lr=0.01)
    topt = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, label = rng.normal(size=(8, 1, 8, 8)), rng.integers(0, 3, 8)
        loss = s.step(opt, lambda x=x, label=label: tl.cross_entropy(net(x), label)).loss
        topt.zero_grad()
        tloss = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(label))
        tloss.backward()
        topt.step()
        assert loss == pytest.approx(tloss.item(), rel=1e-9)
    x = rng.normal(size=(8, 1, 8, 8))
    np.testing.assert_allclose(net.eval().predict(x), theirs.eval()(torch.tensor(x)).detach().numpy(), rtol=1e-8)
