"""What reductions do where a formula breaks down: ties, zeros, infinities, nothing at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.errors import AxisError, DomainError, EmptyError


def gradient(f, x):
    return tl.grad(f)(np.array(x, dtype=float))


@pytest.mark.parametrize("extreme", [tl.max, tl.min])
def test_equal_extremes_share_the_gradient(extreme):
    sign = 1 if extreme is tl.max else -1
    assert gradient(lambda x: extreme(x), [sign, sign, 0.0]).tolist() == [0.5, 0.5, 0.0]
    columns = gradient(lambda x: tl.sum(extreme(x, axis=0)), [[sign, 0], [sign, 3 * sign]])
    assert columns.tolist() == [[0.5, 0], [0.5, 1]]


@pytest.mark.parametrize(
    ("x", "expected"), [([0, 2], [2, 0]), ([0, 0], [0, 0]), ([0, 2, 3], [6, 0, 0]), ([4], [1]), ([], [])]
)
def test_the_gradient_of_a_product_is_exact_with_zeros(x, expected):
    assert gradient(tl.prod, x).tolist() == expected


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_the_gradient_of_a_product_is_the_product_of_the_others(x):
    expected = [np.prod([*x[:i], *x[i + 1 :]]) for i in range(len(x))]
    assert gradient(tl.prod, x).tolist() == expected


def test_a_norm_has_gradient_zero_at_zero():
    assert gradient(tl.norm, [0.0, 0.0]).tolist() == [0, 0]
    assert gradient(tl.norm, [3.0, 4.0]).tolist() == [0.6, 0.8]


def test_a_spread_of_equal_numbers_has_gradient_zero():
    assert gradient(tl.std, [1.0, 1.0]).tolist() == [0, 0]
    assert gradient(tl.var, [1.0, 1.0]).tolist() == [0, 0]


def test_logsumexp_of_masked_rows_has_no_nan():
    x = np.array([[-np.inf, -np.inf], [-np.inf, 2.0], [1e308, 1e308]])
    assert tl.logsumexp(x, axis=1).tolist() == [-np.inf, 2.0, 1e308]
    _, pull = tl.vjp(lambda x: tl.logsumexp(x, axis=1), x)
    assert np.array_equal(pull(np.ones(3)), [[0, 0], [0, 1], [0.5, 0.5]])


def test_logsumexp_of_infinity_is_infinite_with_gradient_zero():
    out, pull = tl.vjp(lambda x: tl.logsumexp(x), np.array([np.inf, 0.0]))
    assert out == np.inf
    assert np.array_equal(pull(1.0), [0, 0])


def test_float32_sums_do_not_lose_digits_along_outer_axes():
    x = np.full((2**17, 8), 0.1, dtype=np.float32)
    exact = 2**17 * float(np.float32(0.1))
    assert np.all(np.abs(tl.sum(x, axis=0) - exact) <= np.spacing(np.float32(exact)))
    assert tl.sum(x).dtype == np.float32


def test_ties_are_sorted_in_the_order_they_stand():
    assert tl.argsort([1.0, 0.0, 1.0, 0.0]).tolist() == [1, 3, 0, 2]
    assert tl.argmax([1.0, 3.0, 3.0]) == 1


@pytest.mark.parametrize("op", [tl.mean, tl.max, tl.min, tl.argmax, tl.var, tl.std], ids=lambda op: op.name)
def test_a_reduction_without_a_value_over_nothing_says_so(op):
    with pytest.raises(EmptyError, match=rf"{op.name}.*empty.*axis 0"):
        op(np.zeros((0, 3)), axis=0)


def test_sums_and_products_over_nothing_have_values():
    assert tl.sum(np.zeros((0, 3)), axis=0).tolist() == [0, 0, 0]
    assert tl.prod(np.zeros(0)) == 1
    assert gradient(tl.sum, np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("axis", "words"),
    [(2, "axis 2 is out of range.*2 dimensions"), (-3, "axis -3.*2 dimensions"), ((0, 0), "duplicate axis 0"),
     (1.0, "axis must be an int, got float")],
)  # fmt: skip
@pytest.mark.parametrize("op", [tl.sum, tl.mean, tl.max, tl.prod, tl.logsumexp, tl.norm], ids=lambda op: op.name)
def test_a_wrong_axis_is_named(op, axis, words):
    with pytest.raises(AxisError, match=words):
        op(np.ones((2, 3)), axis=axis)


def test_too_many_degrees_of_freedom_are_refused():
    with pytest.raises(DomainError, match=r"ddof=1.*1 element"):
        tl.std([1.0], ddof=1)


@given(
    st.lists(st.integers(0, 3), max_size=4).flatmap(
        lambda shape: st.tuples(st.just(tuple(shape)), st.sets(st.integers(0, max(len(shape) - 1, 0))), st.booleans())
    )
)
def test_sums_over_any_axes_equal_numpys(case):
    shape, axes, keepdims = case
    axis = tuple(sorted(axes)) if shape else ()
    x = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
    y = tl.sum(x, axis=axis, keepdims=keepdims)
    assert np.array_equal(y, np.sum(x, axis=axis, keepdims=keepdims))
    _, pull = tl.vjp(lambda x: tl.sum(x, axis=axis, keepdims=keepdims), x)
    g = np.arange(np.size(y), dtype=float).reshape(np.shape(y)) + 1
    kept = g.reshape([1 if i in axis else n for i, n in enumerate(shape)])
    assert np.array_equal(pull(g), np.broadcast_to(kept, shape))
