"""Products of arrays: einsum against NumPy, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.errors import AxisError, ShapeError

SIZES = dict(zip("abcd", (2, 3, 1, 4), strict=True))


@st.composite
def expressions(draw):
    """Subscripts with repeated and lone labels, and operands of whole numbers."""
    terms = draw(st.lists(st.text("abcd", min_size=0, max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    out = draw(st.permutations(used).map(lambda p: "".join(p)[: draw(st.integers(0, len(p)))]))
    text = ",".join(terms) + (f"->{out}" if draw(st.booleans()) else "")
    rng = np.random.default_rng(len(text))
    return text, [rng.integers(-3, 4, [SIZES[k] for k in t]).astype(float) for t in terms]


@given(expressions())
def test_einsum_equals_numpys(case):
    text, xs = case
    want = np.einsum(text, *xs)
    assert np.array_equal(tl.einsum(text, *xs), want)
    g = np.arange(want.size, dtype=float).reshape(want.shape) - 2
    for i, x in enumerate(xs):
        _, pull = tl.vjp(lambda x, i=i: tl.einsum(text, *xs[:i], x, *xs[i + 1 :]), x)
        t = np.arange(x.size, dtype=float).reshape(x.shape) % 3 - 1
        moved = np.einsum(text, *xs[:i], t, *xs[i + 1 :])
        assert np.sum(pull(g) * t) == np.sum(moved * g)


def test_einsum_takes_numbers_for_labels():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    assert np.array_equal(tl.einsum(a, [0, 1], b, [1, 2], [2, 0]), np.einsum(a, [0, 1], b, [1, 2], [2, 0]))
    assert np.array_equal(tl.einsum(a, [7, 1], b, [1, 2]), np.einsum(a, [7, 1], b, [1, 2]))
    assert np.array_equal(tl.einsum(a, [..., 0], [0, ...]), a.T)
    for wrong in ([0, -1], [0, 52], [0, "j"], [0, 1.0]):
        with pytest.raises(ShapeError, match=r"int in 0\.\.51"):
            tl.einsum(a, wrong)


@pytest.mark.parametrize(
    ("text", "shapes"),
    [("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]), ("i...,i...", [(2, 3), (2, 3)]), ("...", [(2, 3)]),
     ("...i->i...", [(2, 3, 4)]), ("a...,...b->...ab", [(2, 1, 3), (4, 3, 5)]), ("ij, jk", [(2, 3), (3, 2)])],
)  # fmt: skip
def test_einsum_knows_the_ellipsis(text, shapes):
    xs = [np.arange(np.prod(s), dtype=float).reshape(s) for s in shapes]
    assert np.array_equal(tl.einsum(text, *xs), np.einsum(text, *xs))


@pytest.mark.parametrize(
    ("text", "shapes", "words"),
    [
        ("ij,jk->il", [(2, 3), (3, 2)], "subscript l is not in inputs"),
        ("ij,jk->ik", [(2, 3), (4, 5)], "label j has sizes 3 and 4"),
        ("ij->ij", [(2, 3), (2, 3)], "names 1 operands, 2 are given"),
        ("ijk->i", [(2, 3)], "names 3 axes"),
        ("ij->ii", [(2, 3)], "occurs twice"),
        ("i1->i", [(2, 3)], "'1' is not a letter"),
        ("i.j->i", [(2, 3)], "not a letter"),
        ("...i->i", [(2, 3)], "missing from the output"),
    ],
)
def test_einsum_says_what_does_not_fit(text, shapes, words):
    with pytest.raises(ShapeError, match=words):
        tl.einsum(text, *map(np.ones, shapes))


def test_numpys_functions_reach_einsum_and_norm():
    s = tl.Session()
    x = s.input([[3.0, 4.0]])
    assert np.einsum("ij->i", x).value.tolist() == [7.0]
    assert np.linalg.norm(x).item() == 5


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda: tl.matmul(np.ones((2, 3)), np.ones((2, 3))), r"matmul: \(2, 3\) @ \(2, 3\).*\n.*inner.*3.*2"),
        (lambda: tl.matmul(np.ones(()), np.ones(3)), "matmul.*0-d"),
        (lambda: tl.matmul(np.ones((2, 2, 3)), np.ones((3, 3, 1))), "batch"),
        (lambda: tl.bmm(np.ones((2, 3)), np.ones((3, 2))), "3-d and 3-d"),
        (lambda: tl.bmm(np.ones((2, 3, 4)), np.ones((1, 4, 2))), "different numbers of matrices"),
        (lambda: tl.dot(np.ones((2, 2, 2)), np.ones(2)), "dot"),
        (lambda: tl.outer(np.ones((2, 2)), np.ones(2)), "two vectors"),
        (lambda: tl.linear(np.ones((2, 3)), np.ones((4, 2))), "last axis of x is 3, the weight takes 2"),
        (lambda: tl.linear(np.ones((2, 3)), np.ones((4, 3)), np.ones(1)), r"bias of shape \(1,\)"),
    ],
)
def test_products_say_what_does_not_fit(f, words):
    with pytest.raises(ShapeError, match=words):
        f()


@pytest.mark.parametrize("axes", [(0, 0), (0,), (0, 2), (0, 1, 2)])
def test_a_transpose_needs_a_permutation(axes):
    with pytest.raises(AxisError, match="permutation"):
        tl.transpose(np.ones((2, 3)), axes)


def test_transposes_can_be_written_in_every_way():
    s = tl.Session()
    x = s.input(np.arange(6.0).reshape(2, 3))
    for y in (x.T, x.transpose(), x.transpose(1, 0), x.transpose((1, 0)), x.permute(1, 0), x.permute(dims=[1, 0])):
        assert np.array_equal(y.value, x.value.T)


def test_linear_maps_take_vectors_batches_and_no_bias():
    w, b = np.arange(6.0).reshape(2, 3), np.array([10.0, 20.0])
    assert tl.linear(np.ones(3), w, b).tolist() == [13.0, 32.0]
    assert tl.linear(np.ones((5, 4, 3)), w).shape == (5, 4, 2)
    assert tl.linear(np.ones(3), w, bias=b).tolist() == [13.0, 32.0]


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_empty_products_have_empty_or_zero_gradients(n, k, m):
    a, b = np.ones((n, k)), np.ones((k, m))
    assert np.array_equal(tl.matmul(a, b), np.full((n, m), float(k)))
    assert tl.grad(lambda a: tl.sum(tl.matmul(a, b)))(a).shape == (n, k)
