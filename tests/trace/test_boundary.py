"""BoundaryTrace: what goes in comes out, and nonsense does not go in."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb.errors import TraceFormatError
from torchlean_nb.trace.boundary import BoundaryTrace


def a_trace(k=3, frames=2, **changes):
    rng = np.random.default_rng(k)
    fields = {
        "name": "moons", "steps": np.arange(frames) * 5, "loss": [np.nan, 0.5][:frames],
        "codes": rng.integers(0, 255 // max(k, 1) * max(k, 1), (frames, 4, 5)), "points": rng.normal(size=(6, 2)),
        "targets": rng.integers(0, max(k, 1), 6), "guesses": rng.integers(0, max(k, 1), (frames, 6)),
        "bounds": (-1.0, 2.0, 0.0, 1.5), "labels": tuple("abcdefghijklmnopqrst"[:k]), "meta": {"every": 5},
    }  # fmt: skip
    return BoundaryTrace(**fields | changes)


@pytest.mark.parametrize("k", [0, 2, 3, 20])
def test_json_and_pickle_give_back_the_same_trace(k):
    trace = a_trace(k)
    assert BoundaryTrace.from_json(trace.to_json()) == trace == pickle.loads(pickle.dumps(trace))
    assert trace != a_trace(k, loss=[0.0, 0.5])


@given(st.lists(st.floats(width=64), min_size=2, max_size=2), st.lists(st.text(max_size=5), min_size=3, max_size=3))
def test_any_loss_and_any_label_survive(loss, labels):
    trace = a_trace(3, loss=loss, labels=labels, axes=labels[:2])
    back = BoundaryTrace.from_json(trace.to_json())
    assert back == trace and back.labels == tuple(labels)


@pytest.mark.parametrize("changes", [
    {"steps": [5, 0]}, {"steps": [0, 0]}, {"steps": [0.5, 1]}, {"loss": [1.0]},
    {"codes": np.zeros((2, 1, 5), int)}, {"codes": np.full((2, 4, 5), 256)}, {"codes": np.full((2, 4, 5), -1)},
    {"codes": np.zeros((1, 4, 5), int)}, {"points": np.zeros((6, 3))}, {"points": np.zeros((5, 2))},
    {"targets": np.full(6, 3)}, {"targets": np.full(6, 0.5)}, {"guesses": np.zeros((6, 2))},
    {"bounds": (1.0, 1.0, 0.0, 1.0)}, {"bounds": (0.0, 1.0, 0.0)}, {"bounds": (0.0, np.inf, 0.0, 1.0)},
    {"scale": (1.0, 0.0)}, {"labels": ("a",)}, {"labels": tuple("abcdefghijklmnopqrstu")}, {"axes": ("x",)},
    {"name": None}, {"steps": [], "loss": [], "codes": np.zeros((0, 4, 5), int), "guesses": np.zeros((0, 6))},
], ids=str)  # fmt: skip
def test_fields_that_do_not_fit_are_refused(changes):
    with pytest.raises(TraceFormatError):
        a_trace(3, **changes)


def test_a_cell_of_a_class_that_is_not_there_is_refused():
    assert a_trace(2, codes=np.full((2, 4, 5), 253)).levels == 127
    with pytest.raises(TraceFormatError, match="a cell is not one of the 2 classes"):
        a_trace(2, codes=np.full((2, 4, 5), 254))
    assert (a_trace(2, codes=np.full((2, 4, 5), 255)).codes == 255).all()


def test_json_that_is_no_trace_is_refused():
    whole = a_trace().to_dict()
    for key in whole:
        for d in ({k: v for k, v in whole.items() if k != key}, whole | {key: None}, whole | {key: 7}):
            with pytest.raises(TraceFormatError):
                BoundaryTrace.from_dict(d)
    for text in ("", "[]", a_trace().to_json()[:-5]):
        with pytest.raises(TraceFormatError):
            BoundaryTrace.from_json(text)


def test_points_are_right_where_the_guess_is_the_target():
    trace = a_trace(2, targets=[0, 1, 0, 1, 0, 1], guesses=[[0, 1, 0, 0, 1, np.nan], [1, 0, 1, 0, 1, 0]])
    assert trace.right(0).tolist() == [True, True, True, False, False, False]
    assert trace.accuracy(0) == 0.5 and trace.accuracy(1) == 0
    with pytest.raises(ValueError, match="read-only"):
        trace.codes[0, 0, 0] = 1
