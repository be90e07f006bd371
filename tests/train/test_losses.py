"""Losses by name: the numbers of their ops, targets in the forms users have, and what a class is."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import torchlean_nb as tl
from torchlean_nb.errors import CapabilityError, DataError, HandleTypeError, UnknownNameError
from torchlean_nb.train import LOSSES, Loss
from torchlean_nb.train.losses import find_loss

FLOATS = st.floats(-5, 5, allow_nan=False)
CLASSES = ("cross_entropy", "nll")


def outputs(name):
    z = np.random.default_rng(0).normal(size=(4, 3 if name in CLASSES else 1))
    if name == "nll":
        return z - np.log(np.exp(z).sum(1, keepdims=True))
    return 1 / (1 + np.exp(-z)) if name == "bce" else z


def targets(name):
    if name in CLASSES:
        return np.arange(4) % 3
    return np.where(np.arange(4) % 2, 1.0, -1.0 if name == "hinge" else 0.0)


@pytest.mark.parametrize("name", LOSSES)
def test_tensors_and_arrays_give_the_same_bits(name):
    loss, out, y = LOSSES[name], outputs(name), targets(name)
    recorded = loss(tl.Session().input(out), y)
    assert recorded.shape == ()
    assert float(recorded) == float(loss(out, y))


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_that_of_its_op(name):
    loss, out, y = LOSSES[name], outputs(name), targets(name)
    assert float(loss(out, y)) == float(loss.f(out, y if name in CLASSES else y[:, None]))


@pytest.mark.parametrize("name", [n for n in LOSSES if n not in CLASSES])
def test_a_flat_target_meets_a_column_and_the_type_of_the_output_wins(name):
    loss, out, y = LOSSES[name], outputs(name), targets(name)
    assert float(loss(out, y)) == float(loss(out, y[:, None])) == float(loss(out, y.astype(int)))
    narrow = tl.Session(dtype="float32")
    assert loss(narrow.input(out), y.astype(int)).dtype == np.float32
    assert loss(out.astype(np.float32), y).dtype == np.float32


@given(arrays(float, (5, 3), elements=FLOATS), arrays(int, 5, elements=st.integers(0, 2)))
def test_labels_floats_columns_and_one_hot_rows_mean_the_same(z, y):
    loss = LOSSES["cross_entropy"]
    whole = float(loss(z, y))
    assert whole == float(loss(z, y.astype(float))) == float(loss(z, y[:, None]))
    assert float(loss(z, np.eye(3, dtype=int)[y])) == pytest.approx(whole, rel=1e-12, abs=1e-12)
    assert float(loss(z, np.eye(3, dtype=bool)[y])) == pytest.approx(whole, rel=1e-12, abs=1e-12)


def test_a_label_that_is_not_whole_is_named():
    for wrong in (1.5, math.nan):
        with pytest.raises(DataError, match=f"expected an integer class label, got {wrong}"):
            LOSSES["cross_entropy"](np.zeros((2, 3)), [0.0, wrong])


def test_32_the_published_numbers():
    assert float(LOSSES["cross_entropy"](np.zeros((2, 3)), [0, 2])) == pytest.approx(math.log(3), rel=1e-15)
    assert float(LOSSES["cross_entropy"]([[2.0, 1.0, 0.0]], [0])) == pytest.approx(0.40760596444438046, rel=1e-14)
    assert float(LOSSES["bce_with_logits"]([[2.0], [-1.0]], [1, 0])) == pytest.approx(0.22009484928059775, rel=1e-14)
    assert float(LOSSES["huber"].with_options(delta=2.0)([[1.0], [3.0]], [0, 0])) == 2.25


def test_options_go_to_the_op():
    out, y = outputs("mse"), targets("mse")
    assert float(LOSSES["mse"].with_options(reduction="sum")(out, y)) == pytest.approx(4 * float(LOSSES["mse"](out, y)))


# -- classes -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "out", "found"),
    [
        ("cross_entropy", [[0.0, 2.0, 2.0], [3.0, 1.0, 3.0]], [1, 0]),
        ("nll", [[-1.0, -1.0]], [0]),
        ("bce_with_logits", [[0.1], [0.0], [-3.0]], [1, 0, 0]),
        ("bce", [[0.6], [0.5], [0.1]], [1, 0, 0]),
        ("hinge", [[0.1], [-0.1]], [1, 0]),
        ("mse", [[0.2, 0.9]], [1]),
        ("cross_entropy", [[0.2], [-0.9]], [0, 0]),
    ],
)
def test_the_first_of_equal_outputs_wins_or_the_cut_decides(name, out, found):
    assert LOSSES[name].classes(np.array(out)).tolist() == found


def test_a_single_row_of_logits_has_one_class():
    assert LOSSES["cross_entropy"].classes(np.array([1.0, 4.0])) == 1


def test_of_no_classes_there_is_none():
    assert LOSSES["cross_entropy"].classes(np.zeros((2, 0))) is None


def test_a_single_number_names_no_class():
    with pytest.raises(CapabilityError, match="names no class"):
        LOSSES["mse"].classes(np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("name", "out", "target", "true"),
    [
        ("cross_entropy", np.zeros((2, 3)), [2.0, 0.0], [2, 0]),
        ("cross_entropy", np.zeros((2, 3)), [[0, 0, 1], [1, 0, 0]], [2, 0]),
        ("hinge", np.zeros((2, 1)), [-1, 1], [0, 1]),
        ("bce", np.zeros((2, 1)), [[0], [1]], [0, 1]),
        ("bce", np.zeros((2, 1)), [0.3, 0.7], [0, 1]),
        ("bce_with_logits", np.zeros((2, 1)), [0.3, 0.7], [0, 1]),
    ],
)
def test_what_a_target_means(name, out, target, true):
    assert LOSSES[name].true_classes(out, target).tolist() == true


# -- finding -----------------------------------------------------------------------------------
def test_a_name_an_op_and_a_loss_are_found():
    assert find_loss("mse") is find_loss(tl.mse_loss) is find_loss(LOSSES["mse"]) is LOSSES["mse"]


def test_a_function_is_a_loss_of_its_own():
    def squared(output, target):
        return ((output - target) ** 2).mean()

    loss = find_loss(squared)
    assert (loss.name, loss.kind) == ("squared", "custom")
    assert float(loss(np.array([3.0]), np.array([1.0]))) == 4.0
    assert find_loss(partial(tl.huber_loss, delta=2.0)).kind == "custom"
    assert isinstance(loss, Loss)


def test_a_wrong_name_is_corrected_and_a_number_is_no_loss():
    with pytest.raises(UnknownNameError, match="did you mean cross_entropy"):
        find_loss("crossentropy")
    with pytest.raises(HandleTypeError, match="loss: 3 is a int"):
        find_loss(3)
