"""Explorers of the lessons: what they compute, what they refuse, and that a state may be anybody's."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.render.lesson_cloud import Cut
from torchlean_nb.widgets import GradientCloud, LossExplorer, ShapePuzzle

RNG = np.random.default_rng(0)
SHAPES = [(4, 3, 2), (3, 3, 3), (1, 1, 1), (2, 8, 5)]


def puzzle(n, k, m, **state):
    arrays = (RNG.normal(size=s) for s in ((n, k), (k, m), (n, m)))
    return ShapePuzzle(*arrays, state=state)


# -- the puzzle ----------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", SHAPES[:2], ids=str)
@pytest.mark.parametrize(("goal", "names"), [("dW", ("Xᵀ", "G")), ("dX", ("G", "Wᵀ"))])
def test_of_all_products_one_is_the_gradient(shape, goal, names):
    w, right = puzzle(*shape), []
    for left, lt, other, rt in product("XWG", (False, True), "XWG", (False, True)):
        w.state = {"goal": goal, "left": left, "leftT": lt, "right": other, "rightT": rt}
        right += [w.guess.names] if w.guess.right_one else []
    assert right == [names]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_ledger_totals_to_its_entry(shape):
    w = puzzle(*shape, leftT=True, right="G")
    n, k, m = shape
    for i, j in product(range(k), range(m)):
        w.state = {**w.state, "entry": [i, j]}
        rows = w.guess.rows()
        assert len(rows) == n
        assert rows[-1][3] == pytest.approx(w.guess.product[i, j])
    assert w.guess.runs_over == "sample"


def test_the_verdict_says_what_is_wrong():
    w = puzzle(4, 3, 2)
    said = {}
    for state in ({}, {"rightT": True}, {"leftT": True, "right": "G"}):
        w.state = state
        said[len(state)] = w.to_text()
    assert "it is 4×2, and W is 3×2" in said[0]
    assert "inner numbers differ: 3 against 2" in said[1]
    assert "This is it: dW = Xᵀ G" in said[2]
    square = puzzle(3, 3, 3, goal="dX", left="G", right="W")
    assert "numbers are not those of the gradient" in square.to_text()


@pytest.mark.parametrize(
    "given",
    [
        (np.ones((2, 2)), np.ones((3, 2)), np.ones((2, 2))), (np.ones((2, 3)), np.ones((3, 2)), np.ones((3, 2))),
        (np.ones((9, 1)), np.ones((1, 1)), np.ones((9, 1))), (np.ones(3), np.ones((3, 1)), np.ones((1, 1))),
        ([[np.nan]], [[1.0]], [[1.0]]), (np.ones((0, 2)), np.ones((2, 2)), np.ones((0, 2))),
    ],
)  # fmt: skip
def test_matrices_that_do_not_belong_together_are_refused(given):
    with pytest.raises(TorchLeanError):
        ShapePuzzle(*given)


def test_an_entry_that_cancels_is_right_up_to_rounding():
    """0.1 + 0.2 - 0.3 is 5.6e-17 or 0, by the order of the sum."""
    w = ShapePuzzle(np.ones((3, 1)), [[2.0, 1.0]], [[0.1, 1.0], [0.2, 1.0], [-0.3, 1.0]],
                    state={"leftT": True, "right": "G"})  # fmt: skip
    for cancelled in (0.0, 5.6e-17, -2.8e-17):
        w.targets["dW"] = np.array([[cancelled, 3.0]])
        assert w.guess.right_one
    w.targets["dW"] = np.array([[1e-6, 3.0]])
    assert not w.guess.right_one


def test_a_factor_that_is_none_is_refused_by_name():
    for bad in ("Y", None, ["X"]):
        with pytest.raises(TorchLeanError, match="X, W or G"):
            ShapePuzzle(np.eye(2), np.eye(2), np.eye(2), left=bad)


# -- losses --------------------------------------------------------------------------------------
def test_gradients_are_the_slopes_of_the_losses():
    w = LossExplorer(points=401)
    z = np.array(w.payload["z"])
    for c in w.payload["curves"]:
        for values, grads in zip(c["loss"], c["grad"], strict=True):
            slope = (np.array(values)[2:] - np.array(values)[:-2]) / (z[2:] - z[:-2])
            assert np.allclose(slope, np.array(grads)[1:-1], atol=2e-4)


def test_it_opens_at_the_first_score_and_knows_the_numbers_of_the_lesson():
    w = LossExplorer()
    square, entropy = (c["grad"][0][w.step] for c in w.payload["curves"])
    assert (w.step, round(entropy / square)) == (0, 11014)
    assert LossExplorer(step=5).step == LossExplorer(state={"step": 5}).step == 5
    w.state = {"step": 0, "target": 1}
    assert "truth 0" in w.to_text()
    assert w.to_svg() != LossExplorer().to_svg()


def test_values_that_are_not_finite_leave_a_gap():
    w = LossExplorer({"log": lambda z, t: tl.log(z)}, low=-1.0, high=1.0, points=5, targets=[0.0])
    assert w.payload["curves"][0]["loss"][0][:2] == [None, None]
    assert "not finite" in w.to_text()
    assert "<path" in w.to_svg()


@pytest.mark.parametrize(
    "bad",
    [
        {"losses": {"total": lambda z, t: (z * t).sum()}}, {"losses": {"none": lambda z, t: None}}, {"losses": {}},
        {"losses": [abs]}, {"losses": {"text": "x"}}, {"points": 1}, {"points": 10**9}, {"low": 1.0, "high": 1.0},
        {"targets": []}, {"losses": {str(i): lambda z, t: z for i in range(7)}},
    ],
)  # fmt: skip
def test_what_is_no_loss_of_single_scores_is_refused(bad):
    with pytest.raises(TorchLeanError):
        LossExplorer(**bad)


# -- the cloud -----------------------------------------------------------------------------------
PAIR = st.tuples(st.floats(-100, 100), st.floats(-100, 100))


@given(PAIR, st.floats(0.01, 50))
def test_clipping_is_that_of_the_optimizers(g, limit):
    points = np.array([g])
    by_value, by_norm = Cut.of(points, "value", limit), Cut.of(points, "norm", limit)
    assert np.array_equal(by_value.after[0], tl.optim.clip_grad_value([np.array(g)], limit)[0])
    assert np.allclose(by_norm.after[0], tl.optim.clip_by_norm([np.array(g)], limit)[0], rtol=1e-12, atol=0)
    assert by_norm.turns[0] == 0
    assert np.array_equal(Cut.of(points, "none", limit).after, points)


def test_by_value_known_gradients_turn_by_known_angles():
    cut = Cut.of(np.array([[3.0, 4.0], [10.0, 0.1]]), "value", 1.0)
    assert cut.turns.round(2).tolist() == [8.13, 5.14]
    assert cut.count == 2


def test_few_gradients_are_arrows_and_many_have_a_mean():
    few, many = GradientCloud({"a": np.eye(2)}), GradientCloud({"a": RNG.normal(size=(80, 2))})
    assert few.payload["mean"] is None
    assert np.allclose(many.payload["mean"], np.mean(many.payload["clouds"][0]["points"], axis=0), atol=1e-5)
    assert "rms" in repr(many) and "rms" not in repr(few)
    assert few.to_svg().count('class="bh"') == 2


def test_of_a_large_cloud_a_part_is_kept():
    w = GradientCloud({"a": RNG.normal(size=(5000, 2))})
    assert len(w.payload["clouds"][0]["points"]) == 400
    assert "400 gradients" in repr(w)


@pytest.mark.parametrize(
    ("clouds", "more"),
    [
        ({}, {}), ([[1.0, 2.0]], {}), ({"a": [1.0, 2.0]}, {}), ({"a": [[1.0, np.inf]]}, {}), ({"a": [[1.0] * 3]}, {}),
        ({"a": np.empty((0, 2))}, {}), ({"a": np.eye(2)}, {"clip": "loss"}), ({"a": np.eye(2)}, {"limit": 0.0}),
        ({"a": np.eye(2)}, {"limit": "1"}), ({"a": np.eye(2)}, {"mean": [1.0]}), ({"a": np.eye(2)}, {"clip": ["norm"]}),
        ({str(i): np.eye(2) for i in range(13)}, {}),
    ],
)  # fmt: skip
def test_what_is_no_cloud_is_refused(clouds, more):
    with pytest.raises(TorchLeanError):
        GradientCloud(clouds, **more)


@given(st.dictionaries(
    st.sampled_from(["goal", "left", "leftT", "right", "entry", "target", "log", "clip", "limit", "at", "step"]),
    st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=3), st.lists(st.integers(-9, 9), max_size=3),
              st.sampled_from(["dX", "G", "norm", "value"])),
))  # fmt: skip
def test_a_state_may_be_anybodys(state):
    cloud = GradientCloud({"a": np.eye(2)}, state=state)
    for w in (puzzle(2, 3, 2, **state), LossExplorer(points=5, state=state), cloud):
        assert w.to_text() and w.to_svg().endswith("</svg>") and repr(w)


@pytest.mark.parametrize("size", [0.0, 5e-324, 1e20, 1.7e308])
@pytest.mark.parametrize("log", [False, True])
def test_losses_of_every_size_have_a_picture(size, log):
    constant = LossExplorer({"flat": lambda z, t: z * 0 + size, "steep": lambda z, t: z * size}, points=5)
    constant.state = {"log": log}
    assert constant.to_svg().endswith("</svg>") and "nan" not in constant.to_svg()


def test_axes_of_the_losses_have_round_numbers():
    said = LossExplorer().to_svg()
    assert ">0</text>" in said and ">\u22120.5</text>" in said and "e\u22129<" not in said
