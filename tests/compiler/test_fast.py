"""Programs compiled with ``fast``: the same functions up to rounding, by fewer passes over the data."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.compiler.fast import TOLERANCE, faster
from torchlean_nb.laws.point import Point

RNG = np.random.default_rng(0)
SAMPLES = [(name, i) for name in faster() for i in range(len(tl.ops[name].samples))]


def near(a, b, steps=TOLERANCE):
    """Whether two arrays differ by at most so many units of the largest entry."""
    a, b = np.asarray(a), np.asarray(b)
    unit = np.finfo(b.dtype).eps * max(1.0, float(np.abs(b).max(initial=0)))
    return a.shape == b.shape and a.dtype == b.dtype and bool(np.all(np.abs(a - b) <= steps * unit))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "number"), SAMPLES)
def test_value_and_gradient_of_a_faster_row_are_those_of_the_row(name, number, dtype):
    op = tl.ops[name]
    point = Point(op, op.samples[number], dtype=dtype)

    def loss(*xs):
        y = op(*xs, **point.sample.attrs)
        return tl.sum(y * y)

    plain, fast = (tl.compile(loss, *point.arrays, argnums=point.moving, fast=f).value_and_grad for f in (False, True))
    (a, slopes), (b, found) = plain(*point.arrays), fast(*point.arrays)
    assert near(b, a) and all(map(near, found, slopes))


@pytest.mark.parametrize("f", [
    lambda x, w, b, y: tl.cross_entropy(tl.linear(x, w, b), y), lambda x, w, b, y: tl.softmax(tl.linear(x, w, b)).sum(),
    lambda x, w, b, y: tl.mse_loss(tl.layer_norm(tl.linear(x, w, b), b, b), tl.tanh(tl.linear(x, w, b))),
    lambda x, w, b, y: tl.scaled_dot_product_attention(tl.linear(x, w, b), x @ w.T, x @ w.T).sum(),
    lambda x, w, b, y: tl.gelu(tl.linear(x[None], w, b), approximate="tanh").sum(),
])  # fmt: skip
def test_networks_keep_all_but_the_last_digits_and_get_shorter(f):
    x, w, b = (RNG.normal(size=s).astype("f4") for s in ((40, 8), (10, 8), (10,)))
    args = x, w, b, RNG.integers(0, 10, 40)
    plain, fast = (tl.compile(f, *args, argnums=(0, 1, 2), fast=fast).value_and_grad for fast in (False, True))
    (a, slopes), (c, found) = plain(*args), fast(*args)
    assert near(c, a, 256) and all(near(p, q, 256) for p, q in zip(found, slopes, strict=True))
    assert len(fast.graph.lines) < len(plain.graph.lines)


def test_without_it_a_program_has_the_bits_of_eager_mode():
    x = RNG.normal(size=(3, 4))
    assert tl.compile(lambda x: tl.tanh(x).sum(), x).value_and_grad.fast is False
    f = lambda x: tl.tanh(x).sum()  # noqa: E731
    assert np.array_equal(tl.compile(f, x).value_and_grad(x)[1], tl.grad(f)(x))


def test_what_the_faster_rules_do_not_cover_is_left_to_the_rows():
    x, q = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(3, 4))
    for f in (
        lambda x, q: tl.layer_norm(x, normalized_shape=(3, 4)).sum() + tl.softmax(x, axis=0)[0].sum(),
        lambda x, q: tl.scaled_dot_product_attention(x, q, q, is_causal=True).sum() + tl.gelu(x).sum(),
        lambda x, q: tl.cross_entropy(x, np.zeros((2, 4), int)) + tl.mse_loss(x, x * 2.0, reduction="none").sum(),
    ):  # fmt: skip
        plain, fast = (tl.compile(f, x, q, argnums=(0, 1), fast=fast).value_and_grad(x, q) for fast in (False, True))
        assert near(fast[0], plain[0]) and all(map(near, fast[1], plain[1]))


def test_training_goes_the_same_way():
    x, y = RNG.normal(size=(32, 2)).astype("f4"), RNG.normal(size=(32, 1)).astype("f4")
    values = {"W": RNG.normal(size=(16, 2)).astype("f4"), "V": RNG.normal(size=(1, 16)).astype("f4")}
    runs = []
    for fast in (False, True):
        opt = tl.optim.Adam(values, lr=0.05, fused="numpy")
        p = tl.compile(lambda x, y, W, V: tl.mse_loss(tl.tanh(x @ W.T) @ V.T, y), x, y, *values.values(),
                       argnums=(2, 3), fast=fast)  # fmt: skip
        step = p.train_step(opt)
        runs.append([step(x, y) for _ in range(50)])
    assert np.allclose(*runs, rtol=1e-4) and runs[0][-1] < runs[0][0] / 2


def test_single_numbers_at_the_end_are_left_to_python():
    opt = tl.optim.SGD({"w": np.ones(3, "f4")}, lr=0.1, fused="numpy")
    p = tl.compile(lambda x, w: (tl.mse_loss(x * w, x) - 1.0) / 3.0, np.ones(3, "f4"), np.ones(3, "f4"),
                   argnums=1, fast=True)  # fmt: skip
    step = p.train_step(opt)
    assert step([1.0, 2.0, 4.0]) == -1 / 3 and ".item() / 3.0) - 1.0) / 3.0, " in step.source
    p = tl.compile(lambda x, w: tl.sum(x * w) / tl.sum(x), np.ones(3, "f4"), np.ones(3, "f4"), argnums=1, fast=True)
    with np.errstate(all="ignore"), pytest.raises(tl.errors.NonFiniteError):
        p.train_step(opt)(np.zeros(3, "f4"))
