"""Rewrites: every spelling is found, and values and gradients stay."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from compiler.rewritten import NAMES, SHAPES, SPELLINGS, Y, arguments, both, compare, shapes_of
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.compiler.history import EXACT_NEEDS
from torchlean_nb.compiler.patterns import ALIASES, traced, view
from torchlean_nb.compiler.rewrites import played, rewriting
from torchlean_nb.compiler.rewrites_exact import EXACT
from torchlean_nb.compiler.rewrites_table import CLOSE, REWRITES
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.laws.point import Point


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


CUBE, PLANE = np.random.default_rng(1).normal(size=(2, 3, 3)), abs(Y)
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
