"""Functions that were rewritten: their bits by default, their derivatives, and rewrites of one's own."""

from __future__ import annotations

import numpy as np
import pytest
from compiler.rewritten import LABELS, SUM, T, X, Y, names, squares
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.compiler.history import otherwise
from torchlean_nb.compiler.rewrites import Rewrite
from torchlean_nb.compiler.rewrites_exact import POWER
from torchlean_nb.errors import HyperparameterError


def test_by_default_only_exact_rewrites_are_made_and_every_bit_stays():
    p = tl.compile(squares, X, Y, T)
    powers = ["rewrite as square"] if POWER.exact else []  # where NumPy squares for a power of 2
    assert [x.name for x in p.passes][: len(powers) + 2] == [*powers, "rewrite as mse_loss", "lower"]
    value, slope = tl.value_and_grad(squares)(X, Y, T)
    got, found = p.value_and_grad(X, Y, T)
    assert got == value and np.array_equal(found, slope)
    assert ("power" in p.value_and_grad.source) != POWER.exact
    naive = tl.compile(lambda x: 1 / (1 + tl.exp(-x)), X)
    assert [x.name for x in naive.passes] == ["lower"] and "where" not in naive.source


@pytest.mark.parametrize("order", range(6))
def test_gradients_are_added_up_in_the_same_order_whoever_else_reads_the_argument(order):
    readers = [lambda x: tl.sum(tl.tanh(x) * Y), lambda x: tl.mean(tl.square(x - Y)), lambda x: tl.sum(tl.exp(x * 0.3))]
    first, second = divmod(order, 2)
    chosen = [readers.pop(first), readers.pop(second), *readers]

    def f(x):
        return chosen[0](x) + chosen[1](x) * 0.7 + chosen[2](x) * 0.3

    p = tl.compile(f, X)
    assert p.passes[0].name == "rewrite as mse_loss"
    assert np.array_equal(p.value_and_grad(X)[1], tl.grad(f)(X))


def test_an_exact_rewrite_stands_where_its_argument_was_read():
    def f(x):
        d = x - Y
        parts = tl.sum(tl.tanh(x) * T), tl.sum(tl.exp(x * 0.3) * T)
        return tl.mean(tl.square(d)) + parts[0] * 0.7 + parts[1] * 0.3

    p = tl.compile(f, X)
    assert p.passes[0].name == "rewrite as mse_loss"
    assert np.array_equal(p.value_and_grad(X)[1], tl.grad(f)(X))
    twice = Rewrite("relu", tl.relu, (lambda x: tl.where(x > 0, x, 0.0),), (X,), exact=True, why="one line")
    assert names(twice.spellings[0], X, of=[twice]) == []  # read by two lines: there is no one place


def test_derivatives_of_any_order_keep_their_bits_by_default():
    p = tl.compile(squares, X, Y, T)
    v = np.ones((3, 3))
    assert np.array_equal(p.hvp((X, Y, T), v), tl.hvp(lambda w: squares(w, Y, T), X, v))
    slope = tl.compile(lambda w: tl.sum(tl.grad(squares)(w, Y, T)), X)
    assert slope(X) == tl.value_and_grad(lambda w: tl.sum(tl.grad(squares)(w, Y, T)))(X)[0]


def test_derivatives_of_rewritten_functions_are_those_of_the_function():
    def naive(x):
        p = tl.exp(x) / tl.sum(tl.exp(x), **SUM)
        return tl.mean((p * (1 / (1 + tl.exp(-x))) - Y) ** 2)

    p, v = tl.compile(naive, X, rewrite=True), np.random.default_rng(2).normal(size=(3, 3))
    assert np.allclose(p.hvp(X, v), tl.hvp(naive, X, v), rtol=1e-10, atol=1e-13)
    assert np.allclose(p.jvp(X, v)[1], tl.jvp(naive, (X,), (v,))[1], rtol=1e-10)
    assert np.allclose(p.hessian(X), tl.hessian(naive)(X), rtol=1e-9, atol=1e-12)
    inner = tl.compile(lambda x: tl.sum(tl.grad(naive)(x * 2.0) * v), X, rewrite=True)
    assert np.allclose(inner(X), np.sum(tl.grad(naive)(X * 2.0) * v), rtol=1e-10)


def test_a_function_inside_another_keeps_what_it_has_from_outside():
    def outer(w, x):
        scale = tl.tanh(w)
        return otherwise(lambda z: tl.mean((z * scale - w) ** 2) + tl.sum(1 / (1 + tl.exp(-z * w))), True)(x)

    def plain(w, x):
        return tl.mean((x * tl.tanh(w) - w) ** 2) + tl.sum(1 / (1 + tl.exp(-x * w)))

    for w in (X, Y):
        got, slopes = tl.compile(outer, X, Y, argnums=(0, 1)).value_and_grad(w, T)
        want, found = tl.value_and_grad(plain, argnums=(0, 1))(w, T)
        assert np.isclose(got, want, rtol=1e-13) and all(map(np.allclose, slopes, found))


def test_a_naive_loss_becomes_stable_and_shorter():
    def naive(x, y):
        p = tl.exp(x) / tl.sum(tl.exp(x), axis=1, keepdims=True)
        return -tl.mean(tl.sum(tl.one_hot(y, num_classes=3) * tl.log(p), axis=1))

    far = X * 1000
    with np.errstate(all="ignore"):
        assert np.isnan(tl.compile(naive, X, LABELS)(far, LABELS))
    p = tl.compile(naive, X, LABELS, rewrite=True)
    assert p(far, LABELS) == tl.cross_entropy(far, LABELS)
    slow, fast = (tl.compile(naive, X, LABELS, rewrite=r).value_and_grad for r in (False, True))
    (a, da), (b, db) = slow(X, LABELS), fast(X, LABELS)
    assert np.isclose(a, b, rtol=1e-14) and np.allclose(da, db, rtol=1e-12, atol=1e-15)
    back = [sum(x.origin.backward for x in p.graph.lines) for p in (slow, fast)]
    assert back[1] < back[0] / 2


def test_a_rewritten_function_runs_as_it_is_elsewhere():
    f = otherwise(squares, True)
    s = tl.Session()
    w = s.input(X)
    f(w, Y, T)
    assert "pow" in {n.op for n in s.tape} and f.__name__ == "squares" and f.__wrapped__ is squares


def test_a_constant_or_a_number_as_a_result_is_no_matter():
    assert tl.compile(lambda x: (x**2, 3.0), X, rewrite=True)(X)[1] == 3.0
    assert tl.compile(lambda x: x, X, rewrite=True)(X).tolist() == X.tolist()


PIECES = {
    "softmax": lambda x: tl.exp(x) / tl.sum(tl.exp(x), **SUM), "sigmoid": lambda x: 1 / (1 + tl.exp(-x)),
    "gate": lambda x: x * tl.sigmoid(x), "square": lambda x: x**2 * 0.1, "softplus": lambda x: tl.log(1 + tl.exp(x)),
    "norm": lambda x: (x - tl.mean(x, **SUM)) / tl.sqrt(tl.var(x, **SUM) + 0.1), "tanh": tl.tanh, "relu": tl.relu,
    "logsumexp": lambda x: x - tl.log(tl.sum(tl.exp(x), **SUM)), "half": lambda x: x * 0.5, "turn": lambda x: x.T,
}  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(sorted(PIECES)), st.integers(0, 9), st.booleans()), min_size=2, max_size=6))
@settings(max_examples=15, deadline=None)
def test_random_computations_stay_what_they_are(steps):
    def f(x, y):
        values = [x, y]
        for name, k, add in steps:
            new = PIECES[name](values[k % len(values)])
            values.append(new + values[-1] if add else new)
        return tl.mean((values[-1] - y) ** 2) + tl.sum(values[-2]) * 0.1

    value, slopes = tl.value_and_grad(f, argnums=(0, 1))(X, Y)
    got, found = tl.compile(f, X, Y, argnums=(0, 1)).value_and_grad(X, Y)
    assert got == value and all(map(np.array_equal, found, slopes))
    got, found = tl.compile(f, X, Y, argnums=(0, 1), rewrite=True).value_and_grad(X, Y)
    for a, b in zip((got, *found), (value, *slopes), strict=True):
        assert np.allclose(a, b, rtol=1e-9, atol=1e-11 * max(1.0, np.abs(b).max()))


def test_rows_of_your_own_take_the_place_of_the_table():
    twice = Rewrite("twice", lambda x: 2 * x, (lambda x: x + x,), (X,), exact=True, why="one read")
    p = tl.compile(lambda x: tl.tanh(x + x), X, rewrite=[twice])
    assert [x.name for x in p.passes] == ["rewrite as twice", "lower"]
    assert np.array_equal(p(X), np.tanh(X + X)) and "multiply(" in p.source
    assert repr(p.passes[0]).startswith("<rewrite as twice: 2 nodes stay 2")
    once = Rewrite("once", lambda x: x + x, (lambda x: 2 * x,), (X,), exact=True, why="one number less")
    in_circles = tl.compile(lambda x: tl.tanh(x + x), X, rewrite=[twice, once])
    assert np.array_equal(in_circles(X), np.tanh(X + X))
    for wrong in (1, "all", [squares]):
        with pytest.raises(HyperparameterError, match="rewrite"):
            tl.compile(lambda x: x, X, rewrite=wrong)
