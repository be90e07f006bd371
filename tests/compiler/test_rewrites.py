"""Rewrites: every spelling is found, values and gradients stay, and what only looks like one is left alone."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.compiler.history import EXACT_NEEDS, otherwise
from torchlean_nb.compiler.patterns import ALIASES, traced, view
from torchlean_nb.compiler.rewrites import Rewrite, played, rewriting
from torchlean_nb.compiler.rewrites_exact import EXACT, POWER
from torchlean_nb.compiler.rewrites_table import CLOSE, REWRITES
from torchlean_nb.errors import HyperparameterError, TorchLeanError
from torchlean_nb.laws.point import Point

SPELLINGS = [(r, k) for r in REWRITES for k in range(len(r.spellings))]
NAMES = [f"{r.name}-{k}" for r, k in SPELLINGS]
ATTENTION = [((3, 4), (5, 4), (5, 2)), ((2, 3, 4), (2, 5, 4), (2, 5, 6))]
SHAPES = {
    "pool before relu": [((1, 2, 5, 6),), ((2, 1, 4),)],
    "linear": [((4, 3), (5, 3), (5,)), ((2, 4, 3), (5, 3), (5,))],
    "conv with bias": [((2, 2, 5, 4), (3, 2, 2, 3), (3,)), ((2, 1, 6), (2, 1, 3), (2,))],
    "cross_entropy of labels": [((5, 7), (5,)), ((3, 2), (3,))],
    "layer_norm with weight and bias": [((4, 6), (6,), (6,)), ((2, 3, 5), (5,), (5,))],
    "rms_norm with weight": [((4, 6), (6,)), ((2, 3, 5), (5,))],
    "batch_norm with weight and bias": [((4, 6), (6,), (6,))],
    "batch_norm": [((4, 6),), ((5, 3),)],
    "layer_norm": [((4, 6),), ((2, 3, 5),), ((7,),)],
    "scaled_dot_product_attention": ATTENTION,
    "scaled_dot_product_attention, scaled": ATTENTION,
    "scaled_dot_product_attention with a mask": [(*s, (3, 5)) for s in ATTENTION],
    "scaled_dot_product_attention with a mask, scaled": [(*s, (3, 5)) for s in ATTENTION],
}


def arguments(rewrite, shapes, dtype="float64", seed=0):
    """Arrays of these shapes and of the kinds the rewrite is for: labels, numbers above zero, any numbers."""
    rng, out = np.random.default_rng(seed), []
    for shape, like in zip(shapes, rewrite.examples, strict=True):
        if like.dtype.kind == "i":
            out.append(rng.integers(0, shapes[0][-1], shape))
        elif like.any() and (like >= 0).all():
            out.append(rng.uniform(0.1, 1.0, shape).astype(dtype))
        else:
            out.append(rng.normal(size=shape).astype(dtype) * 2)
    return out


def shapes_of(rewrite):
    return SHAPES.get(rewrite.name) or [((4, 3),) * len(rewrite.examples), ((3, 5),) * len(rewrite.examples)]


def both(f, arrays, seed=1):
    """Value, and gradients of a weighted sum of it."""
    wrt = tuple(k for k, a in enumerate(arrays) if a.dtype.kind == "f")
    seen = []

    def loss(*xs):
        y = f(*xs)
        seen.append(y.value)
        weights = np.random.default_rng(seed).uniform(0.5, 1.5, y.shape).astype(y.dtype)
        return tl.sum(y * weights)

    return seen, tl.value_and_grad(loss, argnums=wrt)(*arrays)[1]


def ulps(a, b):
    """Largest difference, in units of the last place of the largest entry."""
    a, b = np.asarray(a), np.asarray(b)
    top = max(np.abs(b).max(initial=0), np.finfo(b.dtype).tiny)
    return float(np.abs(a - b).max(initial=0) / np.spacing(top))


def names(f, *arrays, of=REWRITES):
    """What is found in a function."""
    return [x.rewrite.name for x in rewriting(traced(f, arrays), of)[1]]


def compare(f, arrays, rewrite):
    user, done = rewriting(traced(f, arrays), (rewrite,))
    assert [x.rewrite for x in done] == [rewrite]
    (want,), slopes = both(f, arrays)
    (got,), found = both(lambda *xs: played(user, xs[0].tape, xs)[0], arrays)
    assert got.shape == want.shape and got.dtype == want.dtype
    if rewrite.exact:
        assert np.array_equal(got, want) and all(map(np.array_equal, found, slopes))
    else:
        assert ulps(got, want) <= rewrite.ulps
        assert max(map(ulps, found, slopes)) <= rewrite.ulps


@pytest.mark.parametrize(("rewrite", "k"), SPELLINGS, ids=NAMES)
def test_every_spelling_is_found_and_keeps_value_and_gradients(rewrite, k):
    for seed, shapes in enumerate(shapes_of(rewrite)):
        for dtype in ("float64", "float32"):
            compare(rewrite.spellings[k], arguments(rewrite, shapes, dtype, seed), rewrite)


@given(st.sampled_from(SPELLINGS), st.integers(2, 5), st.integers(2, 6), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_spellings_are_found_at_any_size(case, n, m, seed):
    rewrite, k = case
    if rewrite.name == "conv with bias":
        shapes = [(1, 2, n + 2, m + 3), (m, 2, 3, n), (m,)]
    elif rewrite.name in SHAPES:
        sizes = dict(zip((2, 3, 4, 5, 6, 7), (n, m, n + 1, m + 1, n + 2, m + 2), strict=True))
        shapes = [tuple(sizes.get(s, s) for s in shape) for shape in shapes_of(rewrite)[0]]
    else:
        shapes = [(n, m)] * len(rewrite.examples)
    compare(rewrite.spellings[k], arguments(rewrite, shapes, seed=seed), rewrite)


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 3, 3))
T, LABELS, KEY = abs(Y), np.array([0, 2, 1]), np.int64(7)
SUM = {"axis": 1, "keepdims": True}


def dropped(x, key):
    return tl.dropout(x, key, p=0.5)


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


CUBE, PLANE = RNG.normal(size=(2, 3, 3)), abs(Y)
AXES = {
    "weights with two axes": (lambda x, w: tl.layer_norm(x) * w + w, CUBE, PLANE),
    "a plane of weights": (lambda x, w: tl.rms_norm(x) * w, CUBE, PLANE),
    "columns of a cube": (lambda x: (x - tl.mean(x, axis=0)) / tl.sqrt(tl.var(x, axis=0, keepdims=True) + 1e-5), CUBE),
    "an expectation over a cube": (lambda x, t: -tl.sum(t * tl.log_softmax(x, axis=1)) / x.shape[0], CUBE, abs(CUBE)),
}


@pytest.mark.parametrize("case", AXES)
def test_arrays_with_other_numbers_of_axes_keep_their_values(case):
    f, *arrays = AXES[case]
    want, slopes = tl.value_and_grad(lambda *xs: tl.sum(f(*xs) * 0.7))(*arrays)
    got, found = tl.compile(lambda *xs: tl.sum(f(*xs) * 0.7), *arrays, rewrite=True).value_and_grad(*arrays)
    assert np.isclose(got, want, rtol=1e-12) and np.allclose(found, slopes, rtol=1e-10, atol=1e-12)


@given(st.sampled_from(SPELLINGS), st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=4), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_at_whatever_shapes_a_spelling_runs_the_composite_gives_the_same(case, sides, seed):
    rewrite, k = case
    shapes = [tuple(sides[-max(1, min(len(sides), e.ndim + seed % 3 - 1)) :]) for e in rewrite.examples]
    arrays = arguments(rewrite, shapes, seed=seed)
    try:
        user, done = rewriting(traced(rewrite.spellings[k], arrays), (rewrite,))
    except TorchLeanError:
        return  # the spelling does not run
    if done:
        with np.errstate(all="ignore"):
            (want,), _ = both(rewrite.spellings[k], arrays)
            (got,), _ = both(lambda *xs: played(user, xs[0].tape, xs)[0], arrays)
        assert np.allclose(got, want, rtol=1e-9, atol=1e-12, equal_nan=True)


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


def squares(w, x, y):
    return tl.mean(tl.square(tl.relu(x @ w) * 0.5 - y)) + tl.sum(w**2) * 0.1


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

    p, v = tl.compile(naive, X, rewrite=True), RNG.normal(size=(3, 3))
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


def test_aliases_are_rows_that_only_look_or_that_one_line_spells():
    for name in ALIASES:
        user = traced(lambda *xs, op=tl.ops[name]: op(*xs, **op.samples[0].attrs), sample(name))
        assert len([x for x in view(user).graph.lines if x.op not in ("input", "const")]) <= 2


def sample(name):
    return [np.asarray(a) for a in Point(tl.ops[name], tl.ops[name].samples[0]).arrays]


def test_nothing_is_loaded_for_a_function_that_has_nothing_to_rewrite():
    assert all(any(need <= EXACT_NEEDS for need in r.needs) for r in EXACT)
    code = "import sys, torchlean_nb as tl; tl.compile(lambda x: tl.sum(tl.tanh(x) * x), [1.0]).value_and_grad([1.0]); "
    code += "print(sorted(m for m in sys.modules if 'compiler.rewrites' in m or 'compiler.diffs' in m))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_row_of_the_table_says_why_and_how_far():
    assert all(r.why for r in REWRITES) and len({r.name for r in REWRITES}) == len(REWRITES)
    softmax = next(r for r in REWRITES if r.name == "softmax")
    assert "div(exp(x), sum(exp(x), axis=(1,), keepdims=True))" in str(softmax) and "within 128 units" in str(softmax)
    assert all(r.exact and not r.ulps for r in EXACT) and all(r.ulps and not r.exact for r in CLOSE)
