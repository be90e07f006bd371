"""optax's plateau: a pure machine, and the scheduler that drives groups with it."""

from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb import errors
from torchlean_nb.schedules import PlateauState, reduce_on_plateau
from torchlean_nb.schedules.lr_scheduler import ReduceLROnPlateau, ReduceOnPlateau


def run(machine, values):
    states = [machine.init()]
    for v in values:
        states.append(machine.update(states[-1], v))
    return states


def scales(machine, values):
    return [s.scale for s in run(machine, values)[1:]]


def optimizer(*rates):
    return SimpleNamespace(param_groups=[{"lr": lr} for lr in rates or (0.5, 0.02)])


def test_it_reduces_when_patience_is_reached_and_pytorch_one_value_later():
    flat = [1.0] * 7
    assert scales(reduce_on_plateau(factor=0.5, patience=2), flat) == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]
    opt = optimizer(1.0)
    theirs, seen = ReduceLROnPlateau(opt, factor=0.5, patience=2), []
    for v in flat:
        theirs.step(v)
        seen.append(opt.param_groups[0]["lr"])
    assert seen == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_cooldown_does_not_count_and_a_new_best_starts_again():
    machine = reduce_on_plateau(factor=0.5, patience=1, cooldown=2)
    assert scales(machine, [1.0] * 6) == [1, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert scales(reduce_on_plateau(factor=0.5, patience=2), [3.0, 3.0, 2.0, 2.0, 1.0]) == [1, 1, 1, 1, 1]


def test_values_are_taken_together_before_they_count():
    states = run(reduce_on_plateau(factor=0.5, patience=1, accumulation_size=2), [3.0, 1.0, 0.0, 4.0])
    assert [s.best_value for s in states[2:]] == [2.0, 2.0, 2.0]
    assert [(s.count, s.avg_value) for s in states] == [(0, 0.0), (1, 3.0), (0, 0.0), (1, 0.0), (0, 0.0)]
    assert [s.scale for s in states] == [1, 1, 1, 1, 0.5]


def test_what_counts_as_better_is_relative_and_absolute():
    better = reduce_on_plateau(patience=1, factor=0.5, rtol=0.1, atol=0.1)
    assert scales(better, [1.0, 0.79])[-1] == 1 and scales(better, [1.0, 0.81])[-1] == 0.5


def test_the_scale_stays_above_its_floor():
    assert scales(reduce_on_plateau(patience=1, min_scale=0.03), [1.0] * 5) == [1, 0.1, 0.03, 0.03, 0.03]


@given(
    st.lists(st.floats(-10, 10), max_size=40), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3),
    st.floats(0.1, 0.9),
)
def test_the_scale_is_a_power_of_the_factor_and_never_grows(values, patience, cooldown, size, factor):
    machine = reduce_on_plateau(factor=factor, patience=patience, cooldown=cooldown, accumulation_size=size)
    states = run(machine, values)
    for a, b in pairwise(states):
        assert b.scale in (a.scale, a.scale * factor) and b.best_value <= a.best_value
        assert 0 <= b.plateau_count < patience and 0 <= b.cooldown_count <= cooldown and 0 <= b.count < size
    assert states == run(machine, values)
    means = [sum(values[i : i + size]) / size for i in range(0, len(values) - size + 1, size)]
    assert states[-1].best_value <= min(means, default=states[-1].best_value) / 0.9999 + 10 * 2e-4


def test_a_scheduler_resumes_at_every_cut():
    losses = [3.0, 2.0, 2.0, 2.0, 1.9999, 2.0, 2.1, 2.2, 1.0, 1.0]
    opt = optimizer()
    s = ReduceOnPlateau(opt, factor=0.5, patience=2, cooldown=1)
    states, seen = [], []
    for loss in losses:
        states.append(json.loads(json.dumps(s.state_dict(), allow_nan=False)))
        s.step(loss)
        seen.append([g["lr"] for g in opt.param_groups])
        assert seen[-1] == s.get_last_lr() == [0.5 * s.state.scale, 0.02 * s.state.scale]
    assert s.state.scale < 1
    for cut, state in enumerate(states):
        fresh = optimizer()
        t = ReduceOnPlateau(fresh, factor=0.5, patience=2, cooldown=1)
        t.load_state_dict(state)
        for k in range(cut, len(losses)):
            t.step(losses[k])
            assert [g["lr"] for g in fresh.param_groups] == seen[k]
        assert t.state_dict() == s.state_dict()


def test_a_state_that_does_not_fit_changes_nothing():
    s = ReduceOnPlateau(optimizer())
    s.step(1.0)
    good = s.state_dict()
    inner = good["state"]
    bad = [{}, None, good | {"scheduler": "StepLR"}, good | {"base_lrs": [1.0]}, good | {"last_epoch": -3},
           good | {"hypers": {}}, good | {"state": {}}, good | {"state": None}, good | {"more": 1},
           *(good | {"state": inner | change} for change in ({"count": 0.5}, {"scale": "x"}, {"scale": float("nan")},
                                                             {"plateau_count": True}, {"best_value": []}))]
    for state in bad:
        with pytest.raises(errors.CheckpointError, match="ReduceOnPlateau"):
            s.load_state_dict(state)
        assert s.state_dict() == good
    assert repr(s) == "ReduceOnPlateau(step 1, scale 1.0)"


def test_a_value_that_is_no_number_is_refused_and_nothing_moves():
    s = ReduceOnPlateau(optimizer())
    before = s.state_dict()
    with pytest.raises(errors.NonFiniteError, match="value=nan"):
        s.step(float("nan"))
    assert s.state_dict() == before and PlateauState() == s.state
