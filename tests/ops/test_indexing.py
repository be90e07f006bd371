"""Indexing, gathering and shapes: as NumPy and PyTorch do it, and errors that name index and size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices

import torchlean_nb as tl
from torchlean_nb.errors import (
    AxisError,
    CapabilityError,
    DTypeError,
    HyperparameterError,
    IndexRangeError,
    MaskShapeError,
    ShapeError,
)


def grid(*shape):
    return np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)


def pulled(f, x):
    """Value, and the gradient of its sum weighted by 1, 2, 3, ..."""
    out, pull = tl.vjp(f, x)
    return out, pull(grid(*np.shape(out)) + 1)


@st.composite
def basic_cases(draw):
    shape = draw(array_shapes(max_dims=3, max_side=4))
    return shape, draw(basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))


@given(basic_cases())
def test_basic_indexing_is_numpys_and_its_adjoint_puts_back(case):
    shape, key = case
    x = grid(*shape)
    out, bar = pulled(lambda x: x[key], x)
    assert np.array_equal(out, x[key])
    expected = np.zeros(shape)
    expected[key] = grid(*np.shape(out)) + 1
    assert np.array_equal(bar, expected)


MASK = np.array([[True, False, True], [False, False, True]])
KEYS = [
    [1, 0], np.array([1, 1]), MASK, MASK[:, 0], np.array([], dtype=int), (slice(None), np.array([2, 0])),
    (np.array([0, 1]), np.array([2, -1])), (np.array([[0], [1]]), np.array([0, 2])), (1, np.array([0, 0])),
    (slice(1), np.array([1, 1])), (np.array([1, 0]), slice(1, None)),
    (None, np.array([1, 0])), (slice(None), MASK[0]),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_with_arrays_is_numpys_and_repeated_elements_add_up(key):
    x = grid(2, 3)
    out, bar = pulled(lambda x: x[key], x)
    assert np.array_equal(out, x[key])
    expected = np.zeros((2, 3))
    np.add.at(expected, tuple(map(np.asarray, [key])) if isinstance(key, list) else key, grid(*np.shape(out)) + 1)
    assert np.array_equal(bar, expected)


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        (1.0, DTypeError, "index must be an int.*float"),
        (5, IndexRangeError, r"5 is out of range for axis 0 of shape \(2, 3\)"),
        ((0, 0, 0), IndexRangeError, "3 indices"),
        (np.array([True, False, True, True]), MaskShapeError, r"mask of shape \(4,\).*\(2,\)"),
        (np.array([0.5]), DTypeError, "int or bool"),
        (np.array([0, 9]), IndexRangeError, "index 9 at index 1 is out of range for size 2"),
        ((np.array([0]), slice(None), None, np.array([0])), CapabilityError, "both sides of a slice"),
    ],
    ids=str,
)
def test_a_wrong_index_is_named(key, error, words):
    x = tl.Session().input(grid(2, 3))
    with pytest.raises(error, match=words):
        x[key]


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda x: tl.take(x, [0.5]), DTypeError, "indices must be int"),
        (lambda x: tl.take(x, [0, 3], axis=1), IndexRangeError, "index 3 at index 1 is out of range for size 3"),
        (lambda x: tl.gather(x, 1, np.array([[0, -1], [0, 1]])), IndexRangeError, r"-1 at index \(0, 1\)"),
        (lambda x: tl.gather(x, 1, np.zeros((3, 1), int)), ShapeError, "gather"),
        (lambda x: tl.gather_rows(x, [2]), IndexRangeError, "2 at index 0.*size 2"),
        (lambda x: tl.embedding([[0], [2]], x), IndexRangeError, r"2 at index \(1, 0\)"),
        (lambda x: tl.embedding([-1], x), IndexRangeError, "-1"),
        (lambda x: tl.one_hot([3], num_classes=3), IndexRangeError, "class 3 at index 0 is out of range for 3 classes"),
        (lambda x: tl.one_hot([0], num_classes=0), HyperparameterError, "num_classes"),
        (lambda x: tl.take_along(x, np.zeros((1, 3), int), axis=1), ShapeError, "take_along"),
        (lambda x: tl.scatter_add(x, 1, np.zeros((2, 2), int), np.zeros((2, 3))), ShapeError, "src"),
    ],
)
def test_a_wrong_position_is_named(f, error, words):
    with pytest.raises(error, match=words):
        f(grid(2, 3))


def test_take_counts_negative_positions_from_the_end_and_flattens_without_an_axis():
    assert tl.take(grid(2, 3), [-1, 0], axis=1).tolist() == [[2, 0], [5, 3]]
    assert tl.take(grid(2, 3), [4, -6]).tolist() == [4, 0]
    assert pulled(lambda x: tl.take(x, [-1, 1, -1]), grid(2))[1].tolist() == [0, 6]


def test_gather_and_scatter_take_pytorchs_argument_order():
    index = np.array([[0, 0], [2, 1]])
    assert tl.gather(grid(2, 3), 1, index).tolist() == tl.gather(grid(2, 3), index, axis=1).tolist() == [[0, 0], [5, 4]]
    assert tl.scatter_add(np.zeros((2, 3)), 1, index, np.ones((2, 2))).tolist() == [[2, 0, 0], [0, 1, 1]]
    assert tl.index_select(grid(2, 3), 1, [2]).tolist() == [[2], [5]]


# -- shapes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "words"),
    [((-1, -1), "only one size may be -1"), ((4,), "does not reshape"), ((-2, 3), "does not reshape"),
     ((0, -1), "does not reshape"), ((1.5,), "tuple of ints")],
)  # fmt: skip
def test_a_shape_that_does_not_fit_is_refused(new, words):
    with pytest.raises(ShapeError, match=words):
        tl.reshape(grid(2, 3), new)


def test_a_shape_can_be_written_in_every_way():
    x = tl.Session().input(grid(2, 3))
    for y in (x.reshape(3, 2), x.reshape((3, 2)), x.reshape([3, -1]), np.reshape(x, (3, 2)), x.reshape(shape=(3, 2))):
        assert np.array_equal(y.value, grid(3, 2))


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda: tl.stack([grid(2), grid(3)]), ShapeError, r"stack.*\(2,\) and \(3,\)"),
        (lambda: tl.concatenate([grid(2, 3), grid(3, 2)]), ShapeError, "differ outside axis 0"),
        (lambda: tl.concatenate([]), ShapeError, "no arrays"),
        (lambda: tl.concatenate([grid(), grid()]), ShapeError, "0-d"),
        (lambda: tl.squeeze(grid(2, 3), axis=1), ShapeError, "size 3, not 1"),
        (lambda: tl.broadcast_to(grid(2, 3), (3, 3)), ShapeError, "does not broadcast"),
        (lambda: tl.flatten(grid(2, 3), start_dim=1, end_dim=0), AxisError, "behind"),
        (lambda: tl.split(grid(6), [2, 3]), ShapeError, "add up to 6"),
        (lambda: tl.pad(grid(2), ((1, -1),)), HyperparameterError, "none negative"),
    ],
)
def test_shapes_that_do_not_fit_are_named(f, error, words):
    with pytest.raises(error, match=words):
        f()


def test_pieces_have_the_size_of_split_or_the_number_of_chunk():
    x = grid(7)
    assert [p.tolist() for p in tl.split(x, 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [p.tolist() for p in tl.split(x, [1, 6])] == [[0], [1, 2, 3, 4, 5, 6]]
    assert [len(p) for p in tl.chunk(x, 3)] == [3, 3, 1]
    assert [p.shape for p in tl.chunk(grid(2, 4), 2, axis=1)] == [(2, 2), (2, 2)]


def test_pieces_joined_again_have_the_gradient_of_the_whole():
    out, bar = pulled(lambda x: tl.concatenate(tl.split(x, 2)[::-1]), grid(5))
    assert out.tolist() == [4, 2, 3, 0, 1]
    assert bar.tolist() == [4, 5, 2, 3, 1]


@pytest.mark.parametrize("width", [1, (0, 2), ((1, 2), (0, 1))])
def test_padding_is_numpys(width):
    assert np.array_equal(tl.pad(grid(2, 3), width, constant_values=7), np.pad(grid(2, 3), width, constant_values=7))
    x = tl.Session().input(grid(2, 3))
    assert np.array_equal(np.pad(x, width, mode="constant").value, np.pad(grid(2, 3), width))


@given(st.integers(-7, 7), st.sampled_from([None, 0, -1, (0, 1)]))
def test_rolling_is_numpys(shift, axis):
    assert np.array_equal(tl.roll(grid(2, 3), shift, axis=axis), np.roll(grid(2, 3), shift, axis=axis))


def test_a_slice_takes_a_range_of_any_axis():
    x = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(tl.slice(x, 1, 3, axis=1), x[:, 1:3]) and np.array_equal(tl.slice(x, -1), x[-1:])
    assert tl.grad(lambda x: tl.sum(tl.slice(x, 2, axis=1) ** 2))(x)[0].tolist() == [0, 0, 4, 6]
    with pytest.raises(AxisError, match="slice: axis 2"):
        tl.slice(x, 1, axis=2)
