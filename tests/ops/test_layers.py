"""Normalisation, convolution, pooling, attention and dropout: known values and chosen conventions."""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend.random import key_of, normal, uniform
from torchlean_nb.errors import CapabilityError, DomainError, DTypeError, HyperparameterError, ShapeError


def grid(*shape):
    return np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)


# -- softmax and norms ------------------------------------------------------------------------------


def test_softmax_does_not_overflow_and_masks_exactly():
    assert tl.softmax([1000.0, 0.0]).tolist() == [1, 0]
    assert tl.softmax([-np.inf, 2.0]).tolist() == [0, 1]
    with np.errstate(over="ignore"):
        assert tl.softmax([1e308, -1e308]).tolist() == [1, 0]
    assert tl.softmax(3.0) == 1
    assert tl.log_softmax(3.0) == 0
    assert tl.log_softmax([0.0, -1000.0]).tolist() == [0, -1000]


def test_layer_norm_has_its_known_values():
    x = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    w, b = np.array([1, 0.9, 1.1]), np.array([0, 0.1, -0.1])
    y = tl.layer_norm(x, w, b, eps=1e-6)
    assert y.sum() == pytest.approx(0.24493060517174, rel=1e-12)
    assert y[0, 0] == pytest.approx(-1.2246530258587, rel=1e-12)
    dx, dw, db = tl.grad(lambda *a: tl.sum(tl.layer_norm(*a, eps=1e-6)), argnums=(0, 1, 2))(x, w, b)
    assert np.allclose(dx, [[0.612234678, -1.224653026, 0.612418348]] * 2, rtol=1e-8)
    assert np.allclose(dw, [-2.44930605, 0, 2.44930605], rtol=1e-8, atol=1e-12)
    assert db.tolist() == [2, 2, 2]


def test_layer_norm_takes_pytorchs_argument_order():
    x = grid(2, 3)
    assert np.array_equal(tl.layer_norm(x, (3,)), tl.layer_norm(x))
    assert np.array_equal(tl.layer_norm(x, 3, np.full(3, 2.0)), tl.layer_norm(x, np.full(3, 2.0)))
    assert np.allclose(tl.layer_norm(x, (2, 3)).sum(), 0, atol=1e-12)


def test_batch_norm_removes_mean_and_scale_from_the_gradient():
    x = np.random.default_rng(0).standard_normal((8, 3))
    bar = tl.grad(lambda x: tl.sum(tl.batch_norm(x, eps=0.0) ** 3))(x)
    assert np.allclose(bar.sum(axis=0), 0, atol=1e-12)
    assert np.allclose((bar * tl.batch_norm(x, eps=0.0)).sum(axis=0), 0, atol=1e-12)


def test_one_number_has_no_variance_to_normalise_by():
    with pytest.raises(DomainError, match=r"batchnorm needs more than 1 element per channel"):
        tl.batch_norm(np.ones((1, 3)))
    with pytest.raises(DomainError, match="more than 1"):
        tl.instance_norm(np.ones((4, 3, 1)))


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda: tl.layer_norm(np.ones((2, 3)), np.ones(2)), "last axes"),
        (lambda: tl.batch_norm(np.ones((4, 3)), np.ones(1)), "weight or bias"),
        (lambda: tl.batch_norm(np.ones(3)), "no channels"),
        (lambda: tl.group_norm(np.ones((2, 3, 4)), 2), "2 groups"),
    ],
)
def test_weights_that_would_merely_broadcast_are_refused(f, words):
    with pytest.raises(ShapeError, match=words):
        f()


# -- convolution and pooling ------------------------------------------------------------------------


def test_convolution_has_its_known_values():
    k, x = np.array([[[[0.2, -0.1], [0.3, 0.4]]]]), np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert tl.conv(x, k, np.array([0.05])).item() == pytest.approx(2.55, rel=1e-15)
    dx, dk, db = tl.grad(lambda *a: tl.sum(tl.conv(*a)), argnums=(0, 1, 2))(x, k, np.array([0.05]))
    assert np.array_equal(dk, x)
    assert np.array_equal(dx, k)
    assert db.tolist() == [1]


def test_a_kernel_is_shared_so_its_gradients_add_up():
    k = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    dx = tl.grad(lambda x: tl.sum(tl.conv(x, k, padding=1)))(np.zeros((1, 1, 5, 5)))
    assert dx[0, 0, 2, 2] == k.sum()
    assert dx[0, 0, 0, 0] == k[0, 0, :2, :2].sum()


def test_an_input_without_a_batch_axis_is_one_sample():
    x, w = np.random.default_rng(0).standard_normal((2, 5, 5)), np.ones((3, 2, 2, 2))
    assert np.array_equal(tl.conv(x, w), tl.conv(x[None], w)[0])
    assert np.array_equal(tl.conv2d(x, w), tl.conv(x, w))


def test_pooling_has_its_known_values():
    x = 10 * np.arange(4)[:, None] + np.arange(4.0)
    assert tl.max_pool(x, kernel_size=(2, 2)).tolist() == [[11, 13], [31, 33]]
    assert tl.avg_pool(x, kernel_size=(2, 2)).tolist() == [[5.5, 7.5], [25.5, 27.5]]
    assert np.array_equal(tl.max_pool2d(x[None], 2)[0], tl.max_pool(x, kernel_size=(2, 2)))


def test_of_equal_elements_the_first_of_a_window_takes_the_gradient():
    bar = tl.grad(lambda x: tl.sum(tl.max_pool(x, kernel_size=(2, 2))))(np.ones((2, 4)))
    assert bar.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_padding_never_wins_a_maximum_but_counts_in_a_mean():
    x = np.full((1, 1, 4), -5.0)
    assert tl.max_pool(x, kernel_size=2, padding=1).tolist() == [[[-5, -5, -5]]]
    assert tl.avg_pool(x, kernel_size=2, padding=1).tolist() == [[[-2.5, -5, -2.5]]]


def test_a_last_window_may_reach_over_the_end_but_not_begin_there():
    x = np.arange(5.0)[None]
    assert tl.max_pool(x, kernel_size=(2,), ceil_mode=True).tolist() == [[1, 3, 4]]
    assert tl.avg_pool(x, kernel_size=(2,), ceil_mode=True).tolist() == [[0.5, 2.5, 4]]
    assert tl.max_pool(x, kernel_size=(1,), stride=5, ceil_mode=True).tolist() == [[0]]
    assert tl.max_pool(x[:, :4], kernel_size=(1,), stride=3, ceil_mode=True).shape == (1, 2)


def test_many_float32_contributions_to_a_bias_are_summed_in_float64():
    x, w = np.zeros((1, 1, 2**20), np.float32), np.zeros((1, 1, 1), np.float32)
    _, pullback = tl.vjp(lambda b: tl.conv(x, w, b), np.zeros(1, np.float32))
    assert pullback(np.full((1, 1, 2**20), 0.1, np.float32))[0] == pytest.approx(0.1 * 2**20, rel=1e-7)


def test_a_smooth_maximum_lies_just_above_the_maximum():
    x = np.array([[[1.0, 3.0, 700.0, 800.0]]])
    y = tl.smooth_max_pool(x, kernel_size=2, beta=5.0)
    assert np.all((y >= [3, 800]) & (y <= np.array([3, 800]) + np.log(2) / 5))


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda x: tl.conv(x, np.ones((1, 1, 2, 2)), stride=0), HyperparameterError, "stride must be >= 1, got 0"),
        (lambda x: tl.conv(x, np.ones((1, 1, 2, 2)), padding=-1), HyperparameterError, "padding must be >= 0"),
        (lambda x: tl.conv(x, np.ones((1, 2, 2, 2))), ShapeError, "1 channels, the weight.*takes 2"),
        (lambda x: tl.conv(x, np.ones((1, 1, 5, 5))), ShapeError, "does not fit"),
        (lambda x: tl.conv(x, np.ones((1, 1, 2, 2)), np.ones(2)), ShapeError, "bias"),
        (lambda x: tl.conv1d(x, np.ones((1, 1, 2, 2))), ShapeError, "conv1d"),
        (lambda x: tl.max_pool(x, kernel_size=0), HyperparameterError, "pool size must be >= 1, got 0"),
        (lambda x: tl.max_pool(x, kernel_size=2, padding=2), HyperparameterError, "more than half"),
        (lambda x: tl.avg_pool(x, kernel_size=5), ShapeError, "does not fit"),
        (lambda x: tl.conv(x, np.ones((2, 1, 2, 2)), groups=2), ShapeError, "1 channels, the weight.*2 groups of 1"),
        (lambda x: tl.conv(x[:, [0, 0]], np.ones((3, 1, 2, 2)), groups=2), ShapeError, "3 output.*2 groups"),
        (lambda x: tl.conv(x, np.ones((1, 1, 3, 3)), dilation=2), ShapeError, "with dilation.*does not fit"),
        (lambda x: tl.conv(x, np.ones((1, 1, 2, 2)), padding="full"), HyperparameterError, "'valid' or 'same'"),
        (lambda x: tl.conv(x, np.ones((1, 1, 2, 2)), padding="same", stride=2), HyperparameterError, "smaller"),
        (lambda x: tl.conv_transpose(x, np.ones((2, 1, 2, 2))), ShapeError, "conv_transpose"),
        (lambda x: tl.conv_transpose(x, np.ones((1, 1, 2, 2)), groups=2), ShapeError, "1 input.*2 groups"),
        (lambda x: tl.conv_transpose(x, np.ones((1, 1, 2, 2)), output_padding=1), HyperparameterError, "smaller than"),
        (lambda x: tl.conv_transpose(x, np.ones((1, 1, 2, 2)), padding="same"), HyperparameterError, "must be int"),
        (lambda x: tl.avg_pool(x, kernel_size=2, divisor_override=0), HyperparameterError, "divisor_override"),
        (lambda x: tl.max_pool(x, kernel_size=3, dilation=2), ShapeError, "does not fit"),
        (lambda x: tl.pad_edges(x, [(4, 0)]), ShapeError, "at most 3"),
        (lambda x: tl.pad_edges(x, [(0, 5)], "circular"), ShapeError, "at most 4"),
        (lambda x: tl.pad_edges(x, [(1, 1)], "zeros"), HyperparameterError, "mode"),
    ],
)
def test_windows_that_do_not_fit_are_named(f, error, words):
    with pytest.raises(error, match=words):
        f(np.ones((1, 1, 4, 4)))


# -- attention --------------------------------------------------------------------------------------


def test_a_later_token_does_not_change_what_came_before():
    rng = np.random.default_rng(0)
    x, ws = rng.standard_normal((5, 4)), [rng.standard_normal((4, 4)) for _ in range(4)]
    s = tl.Session()

    def out(x):
        return tl.multi_head_attention(s.input(x), *map(s.const, ws), num_heads=2, is_causal=True).value

    changed = x.copy()
    changed[4] += 1
    assert np.array_equal(out(x)[:4], out(changed)[:4])
    assert not np.array_equal(out(x)[4], out(changed)[4])


def test_a_row_that_may_look_nowhere_gets_zero_and_no_gradient():
    q = np.ones((2, 2))
    mask = np.array([[True, True], [False, False]])
    assert tl.scaled_dot_product_attention(q, q, q, mask)[1].tolist() == [0, 0]
    bar = tl.grad(lambda q: tl.sum(tl.scaled_dot_product_attention(q, q, q, mask)))(q)
    assert np.isfinite(bar).all()
    with pytest.raises(DTypeError, match="mask must be bool"):
        tl.scaled_dot_product_attention(q, q, q, np.ones((2, 2), int))


def test_a_mask_goes_by_several_names_and_numbers_are_added_to_the_scores():
    q, k = np.random.default_rng(0).standard_normal((2, 3, 2))
    allowed = np.array([[True, False, True], [True, True, True], [False, True, False]])
    y = tl.scaled_dot_product_attention(q, k, k, allowed)
    for name in ("attn_mask", "mask", "allow"):
        assert np.array_equal(tl.scaled_dot_product_attention(q, k, k, **{name: allowed}), y)
    assert np.array_equal(tl.scaled_dot_product_attention(q, k, k, np.where(allowed, 0, -np.inf)), y)
    with pytest.raises(ShapeError, match="mask of shape"):
        tl.scaled_dot_product_attention(q, k, k, np.ones((2, 3, 3), bool))


def test_attention_drops_weights_by_a_key():
    q, k = np.random.default_rng(0).standard_normal((2, 30, 2))
    y = tl.scaled_dot_product_attention(q, k, np.ones((30, 1)), key=key_of(1, 0), dropout_p=0.25)
    assert 0.8 < y.mean() < 1.2 and y.std() > 0.01
    with pytest.raises(CapabilityError, match="needs a key"):
        tl.scaled_dot_product_attention(q, k, k, dropout_p=0.25)
    with pytest.raises(HyperparameterError, match=r"dropout_p must be in \[0, 1\)"):
        tl.scaled_dot_product_attention(q, k, k, dropout_p=1.0)


def test_rotations_keep_lengths_and_depend_on_distance_only():
    x = np.random.default_rng(0).standard_normal((6, 4))
    assert np.allclose(np.linalg.norm(tl.rope(x), axis=1), np.linalg.norm(x, axis=1), rtol=1e-14)
    q, k = np.tile(x[0], (6, 1)), np.tile(x[1], (6, 1))
    scores = tl.rope(q) @ tl.rope(k).T
    assert scores[3, 1] == pytest.approx(scores[5, 3], rel=1e-13)
    later = tl.rope(np.concatenate([x[:2], x[:4]]))[2:]
    assert np.allclose(tl.rope(x[:4], start_pos=2), later, rtol=1e-14)


def test_an_odd_last_entry_is_in_no_pair_and_halves_are_neighbours_in_another_order():
    x = np.random.default_rng(0).standard_normal((4, 5))
    y = tl.rope(x)
    assert np.array_equal(y[:, 4], x[:, 4]) and not np.array_equal(y[:, :4], x[:, :4])
    assert np.allclose(np.linalg.norm(y, axis=1), np.linalg.norm(x, axis=1), rtol=1e-14)
    order = [0, 3, 1, 4, 2, 5]
    x = np.random.default_rng(1).standard_normal((4, 6))
    assert np.allclose(tl.rope(x, interleaved=False)[:, order], tl.rope(x[:, order]), rtol=1e-14)


def test_sinusoidal_positions_turn_with_falling_frequency():
    p = tl.sinusoidal_positions(50, 6)
    assert np.allclose(p[7], [f(7 / 10000 ** (2 * i / 6)) for i in range(3) for f in (np.sin, np.cos)], rtol=1e-13)
    assert tl.sinusoidal_positions(3, 5).shape == (3, 5)


# -- random -----------------------------------------------------------------------------------------


def test_dropout_is_a_function_of_its_key():
    key = key_of(42, 0)
    assert tl.dropout(np.ones(8), key).tolist() == (2.0 * (uniform(key, (8,)) < 0.5)).tolist()
    assert tl.bernoulli_mask(key, shape=(8,), keep=0.5).astype(int).tolist() == [1, 0, 0, 0, 1, 1, 0, 0]
    assert tl.rand_uniform(key, shape=(3,)).tolist() == [0.39478218648582697, 0.601456003729254, 0.525645153131336]


def test_normal_numbers_are_a_function_of_their_key():
    z = tl.rand_normal(key_of(42, 0), shape=(20_000,))
    assert z[0] == pytest.approx(-1.0956312391817484, rel=1e-14)
    assert abs(z.mean()) < 0.02 and abs(z.std() - 1) < 0.02 and abs((z**4).mean() - 3) < 0.15
    assert np.array_equal(z, normal(key_of(42, 0), (20_000,)))


def test_whole_channels_are_dropped_together():
    y = tl.dropout(np.ones((8, 16, 3, 3)), key_of(3, 0), whole_channels=True)
    assert set(y.sum((2, 3)).ravel().tolist()) == {0.0, 18.0}
    with pytest.raises(ShapeError, match="no axes behind"):
        tl.dropout(np.ones((8, 16)), key_of(3, 0), whole_channels=True)


def test_alpha_dropout_keeps_mean_and_variance():
    x = tl.rand_normal(key_of(5, 0), shape=(40_000,))
    y = tl.alpha_dropout(x, key_of(6, 0), p=0.3)
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    assert len(np.unique(y)) < 0.75 * len(x)


def test_what_dropout_drops_gets_no_gradient():
    key = key_of(42, 0)
    bar = tl.grad(lambda x: tl.sum(tl.dropout(x, key, p=0.75)))(np.ones(100))
    assert np.array_equal(bar, tl.dropout(np.ones(100), key, p=0.75))
    assert set(bar.tolist()) == {0.0, 4.0}


@pytest.mark.parametrize("p", [1.5, 1.0, -0.1, float("nan")])
def test_a_probability_of_dropping_everything_is_refused(p):
    with pytest.raises(HyperparameterError, match=rf"p must be in \[0, 1\), got {p}"):
        tl.dropout(np.ones(3), 7, p=p)


def test_a_key_is_one_whole_number():
    with pytest.raises(DTypeError, match="key"):
        tl.dropout(np.ones(3), 0.5)
