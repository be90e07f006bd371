"""Loops of numba against the lines of NumPy they stand for: the same bits, also where several elements go at a time."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from tests.compiler.test_kernels import run
from torchlean_nb.compiler import kernels

pytest.importorskip("numba")
pytestmark = pytest.mark.oracle
RNG = np.random.default_rng(0)
ODD = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, 3e38, -3e38])

CHAINS = {
    "no product is contracted with a sum": lambda x, z, r, c: x * z + c * x - r * z + x * x * z,
    "quotients and roots": lambda x, z, r, c: tl.sqrt(tl.abs(x) + r * r) / (z - c) + 1.0 / x,
    "masks and choices": lambda x, z, r, c: tl.where(x > z, x * (z >= c), tl.minimum(z, r)) * (x > c),
    "the larger and the smaller": lambda x, z, r, c: tl.maximum(tl.maximum(x, r), tl.minimum(z, c)) + tl.relu(-x),
    "shapes in between": lambda x, z, r, c: ((x - r).reshape(-1, x.shape[-1]) * 2.0).reshape(x.shape) + c,
}


def bits(a):
    """Of all numbers; which of two nans a sum of them is, is up to the machine."""
    return np.where(np.isnan(a), a.dtype.type(np.nan), a).tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(64, 128), (33, 77), (700, 3), (2, 5, 1000)])
@pytest.mark.parametrize("name", CHAINS)
def test_chains_have_the_bits_of_numpy(name, shape, dtype):
    with np.errstate(all="ignore"):
        x, z, r, c = (RNG.normal(size=s).astype(dtype) for s in (shape, shape, (*shape[:-1], 1), shape[-1:]))
        x.flat[: ODD.size], z.flat[1 : 1 + ODD.size] = ODD, ODD
    graph = tl.compile(CHAINS[name], x, z, r, c).graph
    (found,), lines = run(graph, [x, z, r, c])
    (plain,), _ = run(graph, [x, z, r, c], loops=False)
    assert sum(lines) >= 3 and bits(found) == bits(plain)


def network(x, y, g, c, w, b, v, d):
    h = tl.gelu(tl.linear(tl.layer_norm(x, g, c), w, b), approximate="tanh")
    return tl.cross_entropy(tl.linear(tl.relu(h), v, d), y)


def steps(fused, dtype, count=8, **options):
    rng = np.random.default_rng(1)
    shapes = {"g": (40,), "c": (40,), "w": (96, 40), "b": (96,), "v": (10, 96), "d": (10,)}
    values = {k: (rng.normal(size=s) / 6).astype(dtype) for k, s in shapes.items()}
    x, y = rng.normal(size=(64, 40)).astype(dtype), rng.integers(0, 10, 64)
    opt = tl.optim.AdamW(values, lr=0.01, fused=fused, **options)
    step = tl.compile(network, x, y, *values.values(), argnums=(2, 3, 4, 5, 6, 7), fast=True).train_step(opt)
    return [step(x, y) for _ in range(count)], opt.params, step


@pytest.mark.parametrize("nonfinite", ["raise", "ieee"])
@pytest.mark.parametrize(("dtype", "rtol"), [("f4", 1e-5), ("f8", 1e-13)])
def test_training_goes_the_same_way_with_and_without(dtype, rtol, nonfinite):
    (losses, params, step), (plain, other, _) = (steps(f, dtype, nonfinite=nonfinite) for f in ("numba", "numpy"))
    np.testing.assert_allclose(losses, plain, rtol=rtol)
    for a, b in zip(params.values(), other.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=100 * rtol, atol=100 * rtol)
    assert len(step.kernels) >= 5 and all(kernels.seconds(k) > 0 for k in step.kernels)


def test_a_step_says_what_numba_did_and_its_source_stays_numpy():
    _, _, step = steps("numba", "f4", 1)
    assert f"{len(step.kernels)} loops of numba" in step.explain() and "1 for the update" in step.explain()
    assert "kernels" not in step.source and "maximum(" in step.source


def test_the_source_when_pasted_takes_the_same_step():
    (before, *_), _, step = steps("numba", "f8", 1)
    exec(step.source, space := {})
    group = step.opt._fused.groups[0]
    here, there = group.sets  # the first step went from the one to the other, the same data follow
    run_pasted = space["bind"](group.program.now, np.zeros(group.size), here.p, *here.slots, *there.slots, there.p)
    x, y = (np.random.default_rng(2).normal(size=(64, 40)), np.zeros(64, int))
    loss, _ = run_pasted(x, y)
    fresh = steps("numba", "f8", 0)[2]
    assert fresh(x, y) == pytest.approx(loss, rel=1e-13) and np.isfinite(before)


def test_a_loss_that_is_not_finite_changes_nothing():
    losses, params, step = steps("numba", "f4", 2)
    before = {k: v.copy() for k, v in params.items()}
    with pytest.raises(tl.errors.NonFiniteError):
        step(np.full((64, 40), np.nan, "f4"), np.zeros(64, int))
    assert all((params[k] == v).all() for k, v in before.items()) and np.isfinite(losses).all()
    assert np.isfinite(step(np.ones((64, 40), "f4"), np.zeros(64, int)))


def test_data_nobody_may_write_to_is_taken():
    _, _, step = steps("numba", "f4", 1)
    x = RNG.normal(size=(64, 40)).astype("f4")
    x.setflags(write=False)
    assert np.isfinite(step(x, np.zeros(64, int)))


def test_loops_of_one_form_are_compiled_once_for_all_sizes():
    a, b = (RNG.normal(size=s).astype("f4") for s in ((50, 60), (70, 80)))
    for x in (a, b):
        graph = tl.compile(lambda x: (x * 3.0 - 1.0) * x - 7.0, x).graph
        before = kernels.native.cache_info().misses
        run(graph, [x])
    assert kernels.native.cache_info().misses == before
