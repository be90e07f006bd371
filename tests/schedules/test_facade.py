"""Schedulers that drive groups: equal to their pure schedules, resumable at every cut, atomic."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import schedules
from torchlean_nb.errors import CheckpointError, HyperparameterError, NonFiniteError
from torchlean_nb.schedules import lr_scheduler as lrs


def optimizer(*rates, **extra):
    return SimpleNamespace(param_groups=[{"lr": lr, "momentum": 0.9, **extra} for lr in rates or (0.5, 0.02)])


MAKERS = {
    "LambdaLR": lambda o: lrs.LambdaLR(o, [lambda k: 0.9**k, lambda k: 1 / (k + 1)]),
    "MultiplicativeLR": lambda o: lrs.MultiplicativeLR(o, lambda k: 0.9),
    "StepLR": lambda o: lrs.StepLR(o, 3, gamma=0.5),
    "MultiStepLR": lambda o: lrs.MultiStepLR(o, [2, 7]),
    "ConstantLR": lambda o: lrs.ConstantLR(o, factor=0.0),
    "LinearLR": lambda o: lrs.LinearLR(o, total_iters=9),
    "ExponentialLR": lambda o: lrs.ExponentialLR(o, 0.97),
    "PolynomialLR": lambda o: lrs.PolynomialLR(o, total_iters=11, power=2),
    "CosineAnnealingLR": lambda o: lrs.CosineAnnealingLR(o, T_max=6, eta_min=0.001),
    "CosineAnnealingWarmRestarts": lambda o: lrs.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2),
    "CyclicLR": lambda o: lrs.CyclicLR(o, 0.1, 1.0, step_size_up=3, mode="triangular2"),
    "OneCycleLR": lambda o: lrs.OneCycleLR(o, 1.0, total_steps=30),
    "ScheduleLR": lambda o: lrs.ScheduleLR(o, [
        schedules.join([schedules.linear_warmup(0.3, 4), schedules.warmup_waves(0.3, 2, 12)], [4]),
        2 * schedules.cosine(0.1, total=9) + schedules.custom(lambda k: 0.01 * k)]),
    "SWALR": lambda o: lrs.SWALR(o, 0.3, anneal_epochs=5),
    "ChainedScheduler": lambda o: lrs.ChainedScheduler([lrs.ConstantLR(o, total_iters=4), lrs.ExponentialLR(o, 0.9)]),
    "SequentialLR": lambda o: lrs.SequentialLR(o, [lrs.LinearLR(o), lrs.CosineAnnealingLR(o, 8)], [5]),
}
PURE = [n for n in MAKERS if n not in ("ChainedScheduler", "SequentialLR")]


def rates(o):
    return [(g["lr"], g["momentum"]) for g in o.param_groups]


def test_every_scheduler_has_a_maker():
    assert {*MAKERS, "LRScheduler", "ReduceLROnPlateau", "ReduceOnPlateau"} == set(lrs.__all__)


@pytest.mark.parametrize("name", PURE)
def test_left_alone_the_rates_are_those_of_the_pure_schedules(name):
    o = optimizer()
    s = MAKERS[name](o)
    for k in range(25):
        expected = [pure(k) for pure in s.schedules]
        if name == "MultiplicativeLR":
            expected = pytest.approx(expected, rel=1e-14)
        assert s.get_last_lr() == [g["lr"] for g in o.param_groups] == expected
        s.step()


@pytest.mark.parametrize("name", MAKERS)
def test_resumed_at_every_cut_to_the_last_bit(name):
    o = optimizer()
    whole, s = [], MAKERS[name](o)
    states = []
    for _ in range(20):
        states.append((json.loads(json.dumps(s.state_dict())), copy.deepcopy(o.param_groups)))
        whole.append(rates(o))
        s.step()
    for cut, (state, groups) in enumerate(states):
        fresh = optimizer()
        t = MAKERS[name](fresh)
        t.load_state_dict(state)
        for group, saved in zip(fresh.param_groups, groups, strict=True):
            group.update(saved)
        for k in range(cut, 20):
            assert rates(fresh) == whole[k], (cut, k)
            t.step()


@pytest.mark.parametrize("name", MAKERS)
def test_a_state_that_does_not_fit_changes_nothing(name):
    o = optimizer()
    s = MAKERS[name](o)
    s.step()
    good = s.state_dict()
    other = lrs.StepLR if name == "ExponentialLR" else lrs.ExponentialLR
    foreign = other(optimizer(), **({"gamma": 0.9} if name != "ExponentialLR" else {"step_size": 1})).state_dict()
    bad = [{}, None, foreign, good | {"last_epoch": -2}, good | {"last_epoch": 2.5}, good | {"more": 1}]
    if name in PURE:
        bad += [good | {"last_lr": [float("nan"), 1.0]}, good | {"last_lr": [1.0]}, good | {"hypers": []}]
    else:
        bad += [good | {"schedulers": []}, good | {"schedulers": [good["schedulers"][0], {}]}]
    for state in bad:
        with pytest.raises(CheckpointError, match=name):
            s.load_state_dict(state)
        assert s.state_dict() == good
    assert name in repr(s)


def test_messages_of_states_name_both_classes_and_what_is_missing():
    s = lrs.StepLR(optimizer(), 3)
    with pytest.raises(CheckpointError, match=r"StepLR.*CosineAnnealingLR"):
        s.load_state_dict(lrs.CosineAnnealingLR(optimizer(), 3).state_dict())
    with pytest.raises(CheckpointError, match=r"missing.*last_epoch"):
        s.load_state_dict({})
    with pytest.raises(CheckpointError, match="other hyperparameters"):
        s.load_state_dict(lrs.StepLR(optimizer(), 4).state_dict())
    with pytest.raises(CheckpointError, match="milestones"):
        MAKERS["SequentialLR"](optimizer()).load_state_dict(
            MAKERS["SequentialLR"](optimizer()).state_dict() | {"milestones": [4]}
        )


def test_a_failing_function_leaves_the_groups_as_they_were():
    for cls in (lrs.LambdaLR, lrs.MultiplicativeLR):
        o = optimizer()
        s = cls(o, lambda k: float("nan") if k == 2 else 0.5)
        s.step()
        before, state = rates(o), s.state_dict()
        with pytest.raises(NonFiniteError):
            s.step()
        assert rates(o) == before and s.state_dict() == state


def test_one_cycle_keeps_its_last_rate_for_one_step_and_then_refuses():
    o = optimizer(0.1)
    s = lrs.OneCycleLR(o, 1.0, total_steps=5, anneal_strategy="linear")
    for _ in range(4):
        s.step()
    last = rates(o)
    s.step()
    assert rates(o) == last and last[0][0] == 1.0 / 25 / 1e4
    with pytest.raises(HyperparameterError, match="step 6 of total_steps=5"):
        s.step()
    assert rates(o) == last and s.last_epoch == 5


def test_schedulers_made_of_schedulers_nest_in_any_place():
    def parts(o):
        warm = lrs.SequentialLR(o, [lrs.ConstantLR(o, 0.5, 99), lrs.LinearLR(o, 0.5, total_iters=2)], [3])
        return [warm, lrs.ChainedScheduler([lrs.ExponentialLR(o, 0.5), lrs.StepLR(o, 2, 0.1)])]

    o = optimizer(1.0)
    s = lrs.SequentialLR(o, parts(o), [6])
    seen = []
    for _ in range(10):
        seen.append(o.param_groups[0]["lr"])
        s.step()
    assert seen == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.75, 1.0, 1.0, 0.5, 0.025, 0.0125])


def test_a_second_scheduler_sees_the_first_rate_and_multiplies():
    o = optimizer(1.0)
    lrs.ConstantLR(o, factor=0.5, total_iters=100)
    s = lrs.ExponentialLR(o, 0.5)
    s.step()
    assert s.base_lrs == [1.0] and o.param_groups[0]["lr"] == 0.25


def test_cyclic_built_second_starts_at_its_own_base_where_pytorch_does_not():
    o = optimizer(0.7)
    lrs.StepLR(o, 5)
    lrs.CyclicLR(o, 0.1, 1.0)
    assert rates(o) == [(0.1, 0.9)]


def test_momentum_is_written_where_the_optimizer_has_it():
    o = SimpleNamespace(param_groups=[{"lr": 1.0, "betas": (0.5, 0.999)}])
    s = lrs.CyclicLR(o, 0.1, 1.0, step_size_up=1, base_momentum=0.8, max_momentum=0.95)
    assert o.param_groups[0]["betas"] == (0.95, 0.999)
    s.step()
    assert o.param_groups[0]["betas"] == (0.8, 0.999)
    bare = SimpleNamespace(param_groups=[{"lr": 1.0}])
    with pytest.raises(HyperparameterError, match="momentum"):
        lrs.OneCycleLR(bare, 1.0, total_steps=5)
    lrs.OneCycleLR(bare, 1.0, total_steps=5, cycle_momentum=False)
    assert set(bare.param_groups[0]) == {"lr", "initial_lr"}


def test_restarts_resume_in_the_right_cycle():
    o = optimizer(1.0, initial_lr=1.0)
    s = lrs.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2, last_epoch=23)
    pure = schedules.warm_restarts(1.0, period=5, factor=2)
    for k in range(24, 60):
        assert s.get_last_lr() == [pure(k)]
        s.step()


def test_plateau_resumes_and_refuses_what_is_no_number():
    def make():
        return lrs.ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=1)

    losses = [3.0, 2.0, 2.0, 2.0, 1.9999, 2.0, 2.1, 2.2]
    o = optimizer(1.0)
    s = make()
    json.dumps(s.state_dict(), allow_nan=False)
    for loss in losses:
        s.step(loss)
    end = s.state_dict()
    o = optimizer(1.0)
    for loss in losses:
        state = json.loads(json.dumps(s.state_dict())) if loss != 3.0 else make().state_dict()
        s = make()
        s.load_state_dict(state)
        s.step(loss)
    assert s.state_dict() == end and "best" in repr(s)
    with pytest.raises(NonFiniteError, match="metric=nan"):
        s.step(float("nan"))
    for change in ({"best": "low"}, {"num_bad_epochs": -1}, {"hypers": {}}, {"last_lr": []}, {"scheduler": "StepLR"}):
        with pytest.raises(CheckpointError, match="ReduceLROnPlateau"):
            s.load_state_dict(end | change)
    assert s.state_dict() == end


def test_a_group_added_later_is_told_not_guessed():
    o = optimizer()
    s, t = lrs.StepLR(o, 3), lrs.CosineAnnealingWarmRestarts(o, 3)
    o.param_groups.append({"lr": 1.0})
    for scheduler in (s, t):
        with pytest.raises(HyperparameterError, match="3 groups, not 2"):
            scheduler.step()
    assert s.last_epoch == t.last_epoch == 0


def test_a_nested_sequence_resumes_although_the_groups_forgot_their_first_rate():
    def make(o):
        inner = lrs.SequentialLR(o, [lrs.ConstantLR(o, 0.5, 2), lrs.ExponentialLR(o, 0.5)], [2])
        return lrs.SequentialLR(o, [lrs.StepLR(o, 2, 0.1), inner], [4])

    o = optimizer(0.5)
    s = make(o)
    s.step()
    fresh = optimizer(0.25)
    t = make(fresh)
    t.load_state_dict(json.loads(json.dumps(s.state_dict())))
    fresh.param_groups[:] = [{"lr": o.param_groups[0]["lr"], "momentum": 0.9}]
    for _ in range(9):
        s.step()
        t.step()
        assert rates(fresh) == rates(o)


def test_an_optimizer_of_the_toolkit_follows_a_scheduler():
    opt = tl.optim.SGD({"w": np.array([1.0])}, lr=0.5)
    s = lrs.ExponentialLR(opt, 0.5)
    for expected in (0.5, 0.25, 0.125):
        opt.step({"w": np.array([1.0])})
        s.step()
        assert opt.params["w"] == pytest.approx(expected)
