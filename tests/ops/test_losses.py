"""Losses: known values, digits that survive in the tails, and inputs that are refused."""

import math

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import DomainError, DTypeError, EmptyError, HyperparameterError, IndexRangeError, ShapeError

PAIRWISE = [tl.mse_loss, tl.l1_loss, tl.huber_loss, tl.bce_with_logits, tl.bce, tl.kl_div, tl.hinge]
every_pair = pytest.mark.parametrize("loss", PAIRWISE, ids=lambda op: op.name)


def slope(loss, x, target, **options):
    return tl.grad(lambda x: loss(x, target, **options))(np.asarray(x))


def test_cross_entropy_has_its_known_values():
    assert tl.cross_entropy(np.zeros((1, 3)), [1]) == pytest.approx(math.log(3), rel=1e-15)
    assert tl.cross_entropy([[2.0, 1.0, 0.0]], [0]) == pytest.approx(0.40760596444438046, rel=1e-15)
    expected = [[-0.3347590442251782, 0.24472847105479764, 0.09003057317038046]]
    assert np.allclose(slope(tl.cross_entropy, [[2.0, 1.0, 0.0]], np.array([0])), expected, rtol=1e-14)


def test_other_losses_have_their_known_values():
    assert tl.bce_with_logits([2.0, -1.0], [1.0, 0.0]) == pytest.approx(0.22009484928059775, rel=1e-15)
    assert tl.huber_loss([1.0, 3.0], [0.0, 0.0], delta=2.0) == 2.25
    assert slope(tl.huber_loss, [1.0, 3.0], np.zeros(2), delta=2.0).tolist() == [0.5, 1.0]
    assert tl.bce([0.9], [1.0]) == pytest.approx(0.1053605157, rel=1e-9)
    assert tl.kl_div(np.log([0.5, 0.5]), [1.0, 0.0], reduction="sum") == pytest.approx(math.log(2), rel=1e-15)


def true_gradient(logits, label):
    """softmax minus one-hot, without cancellation, in float64 arithmetic on the rounded logits."""
    e = np.exp(logits.astype(float) - logits.max())
    others = np.where(np.arange(len(e)) == label, 0, e)
    return np.where(np.arange(len(e)) == label, -others.sum(), e) / e.sum()


@pytest.mark.parametrize("grid", [8, None], ids=["eighths", "any logits"])
def test_gradients_of_confident_classes_keep_their_digits_in_float32(grid):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, 5)) * 12
    rows[0] = [20, 0, -1, -1, -1]
    rows = (np.round(rows * grid) / grid if grid else rows).astype(np.float32)
    labels = rng.integers(0, 5, 200)
    labels[0] = 0
    got = tl.grad(lambda x: tl.cross_entropy(x, labels, reduction="sum"))(rows)
    want = np.array([true_gradient(r, k) for r, k in zip(rows, labels, strict=True)])
    normal = np.abs(want) > np.finfo(np.float32).tiny
    ulp = np.abs(got - want) / np.spacing(np.abs(want).astype(np.float32))
    assert got.dtype == np.float32
    # Subtracting the largest logit is exact for eighths; else its rounding is magnified by the exponential.
    depth = (rows.max(axis=1, keepdims=True) - rows.astype(float)).max(axis=1, keepdims=True)
    assert np.all((ulp <= (4 if grid else 4 + depth))[normal])


def test_losses_of_confident_classes_keep_their_digits():
    assert tl.cross_entropy([[40.0, 0.0]], [0]) == pytest.approx(math.log1p(math.exp(-40)), rel=1e-15)
    assert tl.cross_entropy([[0.0, 800.0]], [0]) == 800


@pytest.mark.parametrize("x", [0.0, 40.0, -40.0, 745.0, -745.0, 1e308, -1e308])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_bce_with_logits_is_finite_and_sharp_everywhere(x, target):
    other = -x if target == 0 else x
    assert tl.bce_with_logits(x, target) == pytest.approx(np.logaddexp(0, -other), rel=1e-15)
    g = slope(tl.bce_with_logits, x, target)
    expected = math.exp(-other) / (1 + math.exp(-other)) if other > -700 else 1.0
    assert g == pytest.approx(expected * (1 if target == 0 else -1), rel=1e-14)


def test_masked_logits_get_exactly_no_gradient():
    x = np.array([[0.0, -np.inf, 1.0]])
    g = tl.vjp(lambda x: tl.cross_entropy(x, [0]), x)[1](1.0)
    assert g[0, 1] == 0
    assert np.isfinite(g).all()


def test_a_probability_of_zero_counts_a_hundred():
    assert tl.bce([0.0], [1.0]) == 100
    assert tl.bce([1.0], [0.0]) == 100
    assert slope(tl.bce, [0.0], np.array([1.0])).tolist() == [-1e12]


@every_pair
def test_predictions_and_targets_are_not_broadcast(loss):
    with pytest.raises(ShapeError, match=rf"{loss.name}.*\(3, 1\).*\(3,\)"):
        loss(np.full((3, 1), 0.5), np.full(3, 0.5))


@every_pair
def test_the_mean_over_an_empty_batch_is_refused_and_the_sum_is_zero(loss):
    with pytest.raises(EmptyError, match="mean over an empty batch"):
        loss(np.zeros((0, 2)), np.zeros((0, 2)))
    assert loss(np.zeros((0, 2)), np.zeros((0, 2)), reduction="sum") == 0


@every_pair
def test_an_unknown_reduction_is_refused(loss):
    with pytest.raises(HyperparameterError, match="'average'"):
        loss(np.zeros(2), np.zeros(2), reduction="average")


@pytest.mark.parametrize(
    ("x", "target", "error", "words"),
    [
        (np.zeros((2, 3)), [0, 7], IndexRangeError, "class 7 at index 1 is out of range for 3 classes"),
        (np.zeros((2, 3)), [0, -1], IndexRangeError, "class -1(.|\n)*0..2"),
        (np.zeros((2, 3)), [0.0, 1.0], DTypeError, "indices must be int"),
        (np.zeros((2, 3)), [0, 1, 2], ShapeError, r"\(2, 3\).*\(3,\)"),
        (np.zeros((2, 3)), np.zeros((2, 3), int), DTypeError, "probabilities"),
        (np.zeros((0, 3)), np.zeros(0, int), EmptyError, "mean over an empty batch"),
        (np.zeros(()), 0, ShapeError, "class axis"),
    ],
)
def test_wrong_labels_are_named(x, target, error, words):
    with pytest.raises(error, match=words):
        tl.cross_entropy(x, target)


def test_what_is_ignored_may_hold_anything_and_gets_no_gradient():
    x, y = np.array([[2.0, 1.0, 0.0], [np.nan, np.inf, -np.inf], [0.0, 0.0, 5.0]]), np.array([0, -100, 2])
    for given in ({}, {"label_smoothing": 0.25}, {"weight": np.array([0.5, 1.0, 2.0])}):
        value, g = tl.value_and_grad(lambda z, given=given: tl.cross_entropy(z, y, ignore_index=-100, **given))(x)
        rest, kept = tl.value_and_grad(lambda z, given=given: tl.cross_entropy(z, y[::2], **given))(x[::2])
        assert value == pytest.approx(rest, rel=1e-15) and not g[1].any()
        np.testing.assert_allclose(g[::2], kept, rtol=1e-14)


def test_ignoring_nothing_and_weights_of_one_change_no_bit():
    x, y = np.random.default_rng(0).standard_normal((5, 3)), np.array([0, 2, 1, 1, 0])
    for given in ({"reduction": "none"}, {"reduction": "sum"}, {"label_smoothing": 0.25}):
        plain = tl.value_and_grad(lambda z, given=given: tl.sum(tl.cross_entropy(z, y, **given)))(x)
        for more in ({"weight": np.ones(3)}, {"ignore_index": -1}):
            same = tl.value_and_grad(lambda z, more=given | more: tl.sum(tl.cross_entropy(z, y, **more)))(x)
            assert same[0] == plain[0] and np.array_equal(same[1], plain[1])


def test_cross_entropy_of_an_image_has_its_classes_on_axis_one():
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    labels = np.random.default_rng(1).integers(0, 3, (2, 4))
    rows = [tl.cross_entropy(x[i, :, j], labels[i, j]) for i in range(2) for j in range(4)]
    assert tl.cross_entropy(x, labels) == pytest.approx(np.mean(rows), rel=1e-14)


def test_probabilities_as_targets_have_a_gradient():
    s = tl.Session()
    q = s.param([[0.25, 0.75]], name="q")
    loss = tl.cross_entropy(s.const([[0.0, 0.0]]), q)
    assert np.allclose(s.backward(loss)[q], math.log(2), rtol=1e-15)


def test_probabilities_outside_the_unit_interval_are_refused():
    with pytest.raises(DomainError, match="outside"):
        tl.bce([1.5], [1.0])


def test_a_target_of_mean_squared_error_has_a_gradient():
    s = tl.Session()
    t = s.param([1.0, 2.0], name="t")
    assert s.backward(tl.mse_loss(s.const([0.0, 0.0]), t))[t].tolist() == [1.0, 2.0]
