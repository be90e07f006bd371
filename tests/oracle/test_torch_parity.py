"""PyTorch as a second opinion: values, gradients and the choices at kinks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchlean_nb as tl
from torchlean_nb.laws import KINKS
from torchlean_nb.laws.point import Point, whole
from torchlean_nb.rows import lookup

ROWS = [op for op in tl.ops.values() if op.builtin]
CASES = [
    pytest.param(op, s, id=f"{op.name}-{i}") for op in ROWS if op.torch is not None for i, s in enumerate(op.samples)
]
WITHOUT = {
    "index": "PyTorch spells it x[key]: test_indexing_as_pytorch_writes_it",
    "put_index": "adjoint of index: the same test, through the gradient",
    "put_take": "adjoint of take, whose gradient is compared",
    "put_along": "adjoint of take_along, whose gradient is compared",
    "windows": "a strided view: test_windows_are_unfold",
    "fold": "adjoint of windows: the same test, through the gradient",
    "spread": "fold of stacked windows: the gradients of pooling",
    "rope": "no such function: test_rope_is_a_rotation_of_complex_numbers",
    "smooth_max_pool": "no such function: test_smooth_max_pool_is_logsumexp_of_windows",
    "dropout": "other random numbers: test_dropout_is_a_product_with_the_same_mask",
    "rand_normal": "other random numbers: TorchLean's, tested against its facts",
    "bernoulli": "other random numbers: TorchLean's, tested against its facts",
    "uniform": "other random numbers: TorchLean's, tested against its facts",
    "rand_uniform": "other random numbers: TorchLean's, tested against its facts",
    "bernoulli_mask": "other random numbers: TorchLean's, tested against its facts",
}


def as_tensor(a):
    return torch.tensor(a, requires_grad=a.dtype.kind == "f")


def ulps(a, b):
    """Distance in units of the last place of the larger number."""
    a, b = np.asarray(a), np.asarray(b)
    return np.abs(a - b) / np.spacing(np.maximum(np.abs(a), np.abs(b)))


def both(op, sample, dtype):
    """Value and gradients, ours and theirs."""
    p = Point(op, sample, dtype=dtype)
    theirs = [as_tensor(a) for a in p.arrays]
    y = op.torch(torch, *theirs, **sample.attrs)
    pairs = [("value", p.value(*p.movers), y.detach().numpy())]
    if p.moving:
        seed = whole(p.shape, np.random.default_rng(8)).astype(dtype)
        y.backward(torch.tensor(seed))
        for k, g in zip(p.moving, p.run.pull(seed), strict=True):
            t = theirs[k].grad
            pairs.append((f"gradient of argument {k}", g, np.zeros(g.shape) if t is None else t.numpy()))
    return pairs


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("op", "sample"), CASES)
def test_value_and_gradients_in_float64(op, sample):
    for what, ours, theirs in both(op, sample, "float64"):
        assert ours.shape == theirs.shape, what
        scale = max(1.0, np.abs(theirs).max(initial=0))
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13 * scale, err_msg=what)


@pytest.mark.parametrize(("op", "sample"), [c for c in CASES if c.values[0].kind == "elementwise"])
def test_value_and_gradients_in_float32_within_4_ulp(op, sample):
    for what, ours, theirs in both(op, sample, "float32"):
        assert ours.dtype == np.float32
        if op.name in CROSSING and what != "value":
            assert np.abs(ours - theirs).max(initial=0) <= 9 * 4 * np.spacing(np.float32(1)), what
        else:
            assert ulps(ours, theirs).max(initial=0) <= 4, what


# Slopes that cross zero as a difference of two terms: 4 units of the terms (seeds go up to 9), not of the slope.
CROSSING = ("silu", "gelu", "mish")


def test_rows_without_a_counterpart_are_known():
    assert {op.name for op in ROWS if op.torch is None} == set(WITHOUT)


@pytest.mark.parametrize("key", [1, (slice(None), slice(None, None, 2)), (..., -1), (None, 0)], ids=str)
def test_indexing_as_pytorch_writes_it(key):
    x = np.arange(6.0).reshape(2, 3)
    t = torch.tensor(x, requires_grad=True)
    (t[key] ** 2).sum().backward()
    assert np.array_equal(tl.grad(lambda z: (z[key] ** 2).sum())(x), t.grad.numpy())


def gradients(ours, theirs, x):
    """Gradient of a weighted sum, ours and theirs."""
    t = torch.tensor(x, requires_grad=True)
    y = theirs(t)
    seed = whole(tuple(y.shape), np.random.default_rng(9))
    y.backward(torch.tensor(seed))
    value, pullback = tl.vjp(ours, x)
    np.testing.assert_allclose(value, y.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(pullback(seed), t.grad.numpy(), rtol=1e-12, atol=1e-13)


X = np.random.default_rng(10).normal(size=(2, 4, 6))


@pytest.mark.parametrize(
    "window", [{"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": 2, "dilation": 2, "ceil_mode": True}]
)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_indices_of_the_largest_are_pytorchs(n, window):
    x = np.random.default_rng(n).integers(0, 4, size=(2, 3, *(5, 7, 4)[:n])).astype(float)
    f = getattr(torch.nn.functional, f"max_pool{n}d")
    theirs = f(torch.tensor(x), **window, return_indices=True)
    ours = getattr(tl, f"max_pool{n}d")(x, **window, return_indices=True)
    for a, b in zip(ours, theirs, strict=True):
        assert np.array_equal(a, b.numpy())


def test_windows_are_unfold():
    windows = tl.ops["windows"]
    gradients(lambda x: windows(x, size=(2, 3), stride=(2, 1)), lambda x: x.unfold(1, 2, 2).unfold(2, 3, 1), X)


def test_rope_is_a_rotation_of_complex_numbers():
    def rotated(x):
        angles = torch.arange(2.0, 6.0, dtype=x.dtype)[:, None] * 100.0 ** (-torch.arange(0, 6, 2, dtype=x.dtype) / 6)
        turned = torch.view_as_complex(x.reshape(2, 4, 3, 2)) * torch.polar(torch.ones_like(angles), angles)
        return torch.view_as_real(turned).reshape(2, 4, 6)

    gradients(lambda x: tl.rope(x, base=100.0, start_pos=2), rotated, X)


def test_smooth_max_pool_is_logsumexp_of_windows():
    gradients(
        lambda x: tl.smooth_max_pool(x, kernel_size=3, stride=1, beta=2.0),
        lambda x: torch.logsumexp(2 * x.unfold(2, 3, 1), -1) / 2, X,
    )


def test_dropout_is_a_product_with_the_same_mask():
    mask = torch.tensor(tl.bernoulli_mask(5, shape=X.shape, keep=0.75))
    gradients(lambda x: tl.dropout(x, 5, p=0.25), lambda x: x * mask / 0.75, X)


F = torch.nn.functional
MADE_OF_ROWS = {
    "selu": (tl.selu, F.selu), "celu": (lambda x: tl.celu(x, 0.5), lambda x: F.celu(x, 0.5)),
    "hardsigmoid": (tl.hardsigmoid, lambda x: F.relu6(x + 3) / 6),  # theirs has a sixth in float32
    "hardswish": (tl.hardswish, F.hardswish),
    "glu": (lambda x: tl.glu(x, 1), lambda x: F.glu(x, 1)),
    "prelu": (lambda x: tl.prelu(x, np.arange(4.0)), lambda x: F.prelu(x, torch.arange(4.0, dtype=x.dtype))),
    **{
        f"{kind} to {size}": (
            lambda x, kind=kind, size=size: getattr(tl, f"{kind}{len(size)}d")(x, size),
            lambda x, kind=kind, size=size: getattr(F, f"{kind}{len(size)}d")(x, size),
        )
        for kind in ("adaptive_avg_pool", "adaptive_max_pool") for size in ((4,), (3, 4), (None, 1), (2, 6))
    },
    "lp_pool": (
        lambda x: tl.lp_pool1d(x, 2, 4, 2, True), lambda x: F.lp_pool1d(x, 2, 4, 2, True),
    ),
    "attention with added numbers": (
        lambda x: tl.scaled_dot_product_attention(x, x, x, X[:, :, :4]),
        lambda x: F.scaled_dot_product_attention(x, x, x, torch.tensor(X[:, :, :4])),
    ),
}


@pytest.mark.parametrize("name", MADE_OF_ROWS)
def test_functions_made_of_rows(name):
    gradients(*MADE_OF_ROWS[name], X * 2)


def test_adaptive_pooling_routes_ties_as_pytorch_does():
    x = np.random.default_rng(0).integers(0, 3, (2, 5, 7)).astype(float)
    gradients(lambda x: tl.adaptive_max_pool2d(x, (2, 3)), lambda x: F.adaptive_max_pool2d(x, (2, 3)), x)


def test_a_learned_slope_gets_its_gradient():
    x, w = torch.tensor(X), torch.full((1,), 0.25, dtype=torch.float64, requires_grad=True)
    F.prelu(x, w).sum().backward()
    assert np.allclose(tl.grad(lambda w: tl.sum(tl.prelu(X, w)))(np.array([0.25])), w.grad.numpy(), rtol=1e-12)


class TorchRows:
    """PyTorch's functions under the names of our rows."""

    def __getattr__(self, name):
        return lambda *args, **attrs: lookup(name).torch(torch, *args, **attrs)


@pytest.mark.parametrize("kink", KINKS, ids=lambda k: k.name)
def test_the_table_of_kinks_says_what_pytorch_does(kink):
    x = torch.tensor(kink.x, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(kink.f(TorchRows(), x).sum(), x, create_graph=kink.order == 2)
    if kink.order == 2:
        (slope,) = torch.autograd.grad(slope.sum(), x)
    np.testing.assert_allclose(slope.numpy(), kink.torch or kink.slope, rtol=1e-8)
