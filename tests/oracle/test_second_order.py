"""Second derivatives and vmap of compiled programs against torch.func."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchlean_nb as tl
from torchlean_nb.compiler.vectorize import vmap

RNG = np.random.default_rng(0)
X, Y, LABELS = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2)), np.arange(8) % 2
WEIGHTS = tuple(RNG.normal(size=shape) for shape in ((4, 3), (4,), (2, 4), (2,)))
VECTORS = tuple(RNG.normal(size=w.shape) for w in WEIGHTS)
# torch.func's own tables of derivatives are scripted, which torch itself warns of.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
F = torch.nn.functional


def near(a, b):
    np.testing.assert_allclose(a, b.numpy(), rtol=1e-9, atol=1e-12)


def nets(ops, linear, mse, entropy):
    """The same networks in both."""
    return {
        "tanh": lambda x, y, a, b, c, d: mse(linear(ops.tanh(linear(x, a, b)), c, d), y),
        "relu": lambda x, y, a, b, c, d: entropy(linear(ops.relu(linear(x, a, b)), c, d), y),
        "sigmoid": lambda x, y, a, b, c, d: entropy(linear(ops.sigmoid(linear(x, a, b)), c, d), y),
        "softmax": lambda x, y, a, b, c, d: mse(ops.softmax(linear(ops.exp(linear(x, a, b)), c, d), -1), y),
    }


OURS = nets(tl, tl.linear, tl.mse_loss, tl.cross_entropy)
# Written out, as torch cannot push tangents through the backward of its mse_loss.
THEIRS = nets(torch, F.linear, lambda x, y: ((x - y) ** 2).mean(), F.cross_entropy)


@pytest.mark.parametrize("name", OURS)
def test_second_derivatives_are_those_of_torch(name):
    y = Y if name in ("tanh", "softmax") else LABELS
    p = tl.compile(OURS[name], X, y, *WEIGHTS, argnums=(2, 3, 4, 5))
    x, target, *weights = map(torch.tensor, (X, y, *WEIGHTS))
    vectors = tuple(map(torch.tensor, VECTORS))

    def alone(*ws):
        return THEIRS[name](x, target, *ws)

    slope = torch.func.grad(alone, argnums=(0, 1, 2, 3))
    wanted = torch.func.jvp(slope, tuple(weights), vectors)[1]
    for got, want in zip(p.hvp((X, y, *WEIGHTS), VECTORS), wanted, strict=True):
        near(got, want)
    blocks = torch.func.hessian(alone, argnums=(0, 1, 2, 3))(*weights)
    for row, wanted in zip(p.hessian(X, y, *WEIGHTS), blocks, strict=True):
        for got, want in zip(row, wanted, strict=True):
            near(got, want)


@pytest.mark.parametrize(("ours", "theirs"), [
    (lambda x: tl.tanh(x) @ X, lambda x: torch.tanh(x) @ torch.tensor(X)),
    (lambda x: tl.sum(tl.softmax(x, -1) ** 2, axis=0), lambda x: torch.sum(torch.softmax(x, -1) ** 2, dim=0)),
])  # fmt: skip
def test_jacobians_are_those_of_torch(ours, theirs):
    a = RNG.normal(size=(4, 8))
    near(tl.compile(ours, a).jacobian(a), torch.func.jacrev(theirs)(torch.tensor(a)))


@pytest.mark.parametrize("name", OURS)
def test_gradients_of_each_example_are_those_of_torch(name):
    y = Y if name in ("tanh", "softmax") else LABELS
    axes, numbers = (0, 0, None, None, None, None), (2, 3, 4, 5)
    given = [torch.tensor(a) for a in (X, y, *WEIGHTS)]
    wanted = torch.func.vmap(torch.func.grad(THEIRS[name], numbers), in_dims=axes)(*given)
    for got, want in zip(vmap(tl.grad(OURS[name], numbers), axes)(X, y, *WEIGHTS), wanted, strict=True):
        near(got, want)
