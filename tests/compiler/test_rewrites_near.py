"""What only looks like a composite, or is read by others as well, is left alone by rewrites."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compiler.rewritten import KEY, SUM, T, X, Y, dropped, names

import torchlean_nb as tl
from torchlean_nb.compiler.rewrites_exact import EXACT

NEAR = {
    "a sum along the other axis": (lambda x: tl.exp(x) / tl.sum(tl.exp(x), axis=1), X),
    "exponentials of something else": (lambda x, y: tl.exp(x) / tl.sum(tl.exp(y), **SUM), X, Y),
    "another key": (lambda x, a, b: tl.exp(dropped(x, a)) / tl.sum(tl.exp(dropped(x, b)), **SUM), X, KEY, KEY + 1),
    "a logarithm of a sum of squares": (lambda x: tl.log(tl.sum(tl.square(x), **SUM)), X),
    "a shift that is not taken back": (lambda x: tl.exp(x - tl.max(x)) / tl.sum(tl.exp(x), **SUM), X),
    "classes along axis 0": (lambda x, t: -tl.mean(tl.sum(t * tl.log_softmax(x, axis=0), axis=0)), X, T),
    "a mean over all entries": (lambda x, t: -tl.mean(t * tl.log_softmax(x, axis=1)), X, T),
    "a mean along axis 0": (lambda x: x / tl.sqrt(tl.mean(x * x, axis=0, keepdims=True) + 1e-5), X),
    "epsilon outside the root": (lambda x: x / (tl.sqrt(tl.mean(x * x, **SUM)) + 1e-5), X),
    "a mean of another array": (lambda x, y: (x - tl.mean(y, **SUM)) / tl.sqrt(tl.var(x, **SUM) + 1e-5), X, Y),
    "a variance with ddof": (lambda x: (x - tl.mean(x, **SUM)) / tl.sqrt(tl.var(x, ddof=1, **SUM) + 1e-5), X),
    "two in the denominator": (lambda x: 1 / (2 + tl.exp(-x)), X),
    "a positive exponent": (lambda x: 1 / (1 + tl.exp(x)), X),
    "another constant": (lambda x: 0.5 * x * (1 + tl.tanh(0.8 * (x + 0.0447 * x * x * x))), X),
    "another root": (lambda x: 0.5 * x * (1 + tl.erf(x / 1.4)), X),
    "a gate of another array": (lambda x, y: x * tl.sigmoid(y), X, Y),
    "a fifth power": (lambda x: x**5, X),
    "a threshold that is not 0": (lambda x: tl.where(x > 1, x, 0.0), X),
    "a mask of another array": (lambda x, y: x * (y > 0), X, Y),
    "a power of an array": (lambda x, p: x**p, T, np.full((3, 3), 2.0)),
    "weights that are not transposed": (lambda x, w, b: x @ w + b, X, Y, Y[0]),
    "a bias of rows": (lambda x, w, b: x @ w.T + b, X, Y, Y[:, :1]),
    "a difference of other shapes": (lambda x, t: tl.mean(tl.square(x - t)), X, Y[0]),
    "a product of two differences": (lambda x, y, t: tl.mean((x - t) * (y - t)), X, Y, T),
    "softmax along the queries": (lambda q, k, v: tl.softmax(q @ k.T / math.sqrt(3), axis=0) @ v, X, Y, T),
    "scores that are not scaled by a number": (lambda q, k, v: tl.softmax(q @ k.T * v, axis=-1) @ v, X, Y, T),
    "a mask after softmax": (lambda q, k, v: (tl.softmax(q @ k.T * 0.5, axis=-1) + v) @ v, X, Y, T),
}


@pytest.mark.parametrize("near", NEAR)
def test_what_only_looks_like_a_composite_stays(near):
    f, *arrays = NEAR[near]
    assert names(f, *arrays) == []


def test_the_same_key_is_the_same_mask():
    assert names(lambda x, a: tl.exp(dropped(x, a)) / tl.sum(tl.exp(dropped(x, a)), **SUM), X, KEY) == ["softmax"]


def test_an_inner_value_that_is_read_elsewhere_stays_beside_the_composite():
    def f(x, t):
        p = tl.exp(x) / tl.sum(tl.exp(x), **SUM)
        return -tl.mean(tl.sum(t * tl.log(p), axis=1)), p

    p = tl.compile(f, X, T, rewrite=True)
    assert [x.name[11:] for x in p.passes[:3]] == ["softmax", "log_softmax", "cross_entropy"]
    assert {x.op for x in p.passes[2].after.lines} == {"input", "softmax", "cross_entropy"}
    for got, want in zip(p(X, T), f(tl.Session().input(X), T), strict=True):
        assert np.allclose(got, want.value, rtol=1e-13)


def test_arguments_that_are_computed_twice_are_found_as_one():
    def f(x, y):
        a, first = tl.tanh(x), tl.sigmoid(y)
        return tl.softmax(a @ tl.sigmoid(y).T * 0.5, axis=-1) @ tl.tanh(x) + first

    want = f(*map(tl.Session().input, (X, Y))).value
    assert np.allclose(tl.compile(f, X, Y, rewrite=True)(X, Y), want, rtol=1e-14)
    assert names(f, X, Y) == ["scaled_dot_product_attention, scaled"]


def test_exact_rewrites_leave_alone_what_others_read_inside():
    window = np.random.default_rng(1).normal(size=(1, 2, 4, 4))
    assert names(lambda x: tl.max_pool(tl.relu(x), kernel_size=2), window, of=EXACT) == ["pool before relu"]
    assert names(lambda x: tl.sum(tl.max_pool(y := tl.relu(x), kernel_size=2)) + tl.sum(y), window, of=EXACT) == []
    assert names(lambda x, t: tl.mean(tl.square(d := x - t)) + tl.sum(d), X, Y, of=EXACT) == []
