"""Loss, Hessian and filter-normalised directions, written out in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _surveys import MOONS, trained

import torchlean_nb as tl
from torchlean_nb.landscape import Objective
from torchlean_nb.landscape.directions import filter_normalised


def in_torch(theta):
    """Cross entropy of the network 2-6-2 on the moons."""
    w1, b1, w2, b2 = torch.split(theta, [12, 6, 12, 2])
    x, y = torch.tensor(MOONS.X), torch.tensor(MOONS.y)
    hidden = torch.relu(x @ w1.reshape(6, 2).T + b1)
    return torch.nn.functional.cross_entropy(hidden @ w2.reshape(2, 6).T + b2, y)


def test_loss_and_gradient_are_those_of_torch():
    at = Objective(trained()[0])
    for seed in range(5):
        v = at.centre + np.random.default_rng(seed).standard_normal(at.size)
        theta = torch.tensor(v, requires_grad=True)
        loss = in_torch(theta)
        assert at(v) == pytest.approx(loss.item(), rel=1e-12)
        np.testing.assert_allclose(at.gradient(v), torch.autograd.grad(loss, theta)[0].numpy(), atol=1e-12)


def test_the_ends_of_the_spectrum_are_those_of_the_hessian_of_torch():
    at = Objective(trained()[0])
    dense = torch.linalg.eigvalsh(torch.autograd.functional.hessian(in_torch, torch.tensor(at.centre))).numpy()
    found = tl.landscape.eigenvalues(at, k=4, iterations=at.size)
    np.testing.assert_allclose(found.largest, dense[::-1][:4], rtol=1e-8)
    np.testing.assert_allclose(found.smallest, dense[:4], atol=1e-8 * dense[-1])


def test_a_direction_is_normalised_filter_by_filter_as_in_the_paper():
    rng = np.random.default_rng(0)
    shapes = {"conv": (3, 2, 2, 2), "bias": (3,), "linear": (4, 5)}
    weights, random = ([rng.standard_normal(s) for s in shapes.values()] for _ in range(2))
    wanted = []
    for d, w in zip(map(torch.tensor, random), map(torch.tensor, weights), strict=True):
        if d.dim() <= 1:
            wanted.append(torch.zeros_like(d))
        else:
            wanted.append(torch.stack([di * (wi.norm() / di.norm()) for di, wi in zip(d, w, strict=True)]))
    flat = [np.concatenate([a.ravel() for a in arrays]) for arrays in (random, weights)]
    found = filter_normalised(*flat, shapes)
    np.testing.assert_allclose(found, torch.cat([a.ravel() for a in wanted]).numpy(), rtol=1e-12)
