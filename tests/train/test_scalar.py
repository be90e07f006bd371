"""ScalarTrainer and ParamList: plain functions of parameters, in TorchLean's order and words."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from _stop import Stop
from hypothesis import given
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.errors import (
    BackendError,
    CapabilityError,
    EmptyError,
    HandleTypeError,
    HyperparameterError,
    NonFiniteError,
    NonScalarError,
    ShapeError,
)
from torchlean_nb.train import OptimizerConfig, ParamList, ScalarTrainer, mean_loss, regression, train_cycle

W1, B1, W2, B2 = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], [0.1, 0.2, 0.3], [[0.7, 0.8, 0.9]], [0.4]
MODEL = tl.nn.Sequential(tl.nn.Linear(2, 3), tl.nn.ReLU(), tl.nn.Linear(3, 1))
SAMPLES = [([0.5, 0.8], [1.0]), ([0.1, -0.4], [0.5]), ([1.0, 0.2], [-0.3])]


def network(w1, b1, w2, b2, x, y):
    return tl.mse_loss(tl.linear(tl.relu(tl.linear(x, w1, b1)), w2, b2), y)


def trainer(**more):
    return ScalarTrainer(network, {"w1": W1, "b1": B1, "w2": W2, "b2": B2}, **more)


def line(w, x, y):
    return tl.mse_loss(w * x, y)


# -- one trainer -------------------------------------------------------------------------------
def test_21_and_22_gradients_in_order_and_six_losses():
    t = trainer()
    g = t.backward([0.5, 0.8], [1.0])
    assert [a.shape for a in g] == list(t.params.shapes) == [(3, 2), (3,), (1, 3), (1,)]
    assert g[0] / 2.16 == pytest.approx(np.array([[0.35, 0.56], [0.4, 0.64], [0.45, 0.72]]), rel=1e-12)
    losses = [t.step(0.1, [0.5, 0.8], [1.0]) for _ in range(6)]
    want = [1.1664, 0.016057418273214, 6.0799148e-4, 1.8116969e-5, 5.1168169e-7, 1.4314683e-8]
    assert losses == pytest.approx(want, rel=1e-7)


def test_the_tape_has_parameters_first_then_inputs_then_ops():
    t = trainer()
    t.forward([0.5, 0.8], [1.0])
    ops = [n.op for n in t.session.tape]
    assert ops[:6] == ["param"] * 4 + ["input"] * 2
    assert [n.requires_grad for n in t.session.tape][:6] == [True] * 4 + [False] * 2
    count = len(ops)
    t.forward([0.5, 0.8], [1.0])
    assert len(t.session.tape) == count


def test_what_is_not_trained_stays_and_has_a_zero_gradient():
    t = trainer(requires_grad=[True, False, True, False])
    before = t.get_params()
    g = t.backward([0.5, 0.8], [1.0])
    assert not g[1].any() and not g[3].any() and g[0].any()
    t.step(0.1, [0.5, 0.8], [1.0])
    assert [bool((a == b).all()) for a, b in zip(before, t.get_params(), strict=True)] == [False, True, False, True]


def test_a_step_is_plain_descent_bit_for_bit():
    by_step, by_class = trainer(), trainer()
    opt = tl.optim.SGD(by_class.params, lr=0.1)
    for x, y in SAMPLES:
        assert by_step.step(0.1, x, y) == by_class.update(opt, x, y)
    assert all((a == b).all() for a, b in zip(by_step.get_params(), by_class.get_params(), strict=True))


def test_values_handed_out_are_copies():
    t = trainer()
    t.get_params()[0][:] = 7
    assert t.params[0].value.tolist() == W1


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: ScalarTrainer(3, [[1.0]]), HandleTypeError, "the loss is a int"),
        (lambda: ScalarTrainer(line, 3.0), HandleTypeError, "torch: parameters are a float"),
        (lambda: mean_loss(ScalarTrainer(line, [[1.0]]), 5), HandleTypeError, "samples are a int"),
        (lambda: ScalarTrainer(line, [[1.0]], device="tpu"), BackendError, "device 'tpu'"),
        (lambda: ScalarTrainer(line, [[1.0]]).forward([1.0], [1.0, 2.0]), ShapeError, "differ"),
        (lambda: ScalarTrainer(lambda w, x: w * x, [[1.0, 2.0]]).forward(2.0), NonScalarError, r"shape \(2,\)"),
        (lambda: ScalarTrainer(lambda w: 1.0, [1.0]).backward(), NonScalarError, "shape None"),
        (lambda: ScalarTrainer(line, [[1.0]]).step(-1.0, [1.0], [2.0]), HyperparameterError, "lr=-1.0"),
    ],
)
def test_what_does_not_fit_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(("x", "lr"), [([np.nan], 0.1), ([1.0], 1e308), ([1.0], np.nan)])
def test_a_step_that_fails_leaves_the_parameters(x, lr):
    t = ScalarTrainer(line, [[3.0]])
    with pytest.raises((NonFiniteError, HyperparameterError)):
        t.step(lr, x, [1e5])
    assert t.params[0].value.tolist() == [3.0]


def test_stop_at_any_instruction_leaves_all_parameters_old_or_new():
    outcomes, n = [], 0
    done = trainer()
    done.step(0.1, *SAMPLES[0])
    possible = [[v.tolist() for v in t.params.values] for t in (trainer(), done)]
    while True:
        n += 61
        t, stop = trainer(), Stop(n)
        sys.settrace(stop)
        try:
            t.step(0.1, *SAMPLES[0])
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        outcomes.append(possible.index([v.tolist() for v in t.params.values]))
        if stop.left > 0:
            break
    assert outcomes == sorted(outcomes) and set(outcomes) == {0, 1} and len(outcomes) > 20


# -- the loop ----------------------------------------------------------------------------------
def test_the_loop_takes_samples_in_turn_and_prints_losses_before_their_updates():
    lines, t, by_hand = [], trainer(), trainer()
    losses = train_cycle(t, SAMPLES, 7, lr=0.1, log_every=3, log=lines.append)
    assert losses == [by_hand.step(0.1, *SAMPLES[k % 3]) for k in range(7)]
    assert lines == [f"step {k}: loss={losses[k]:.6f}" for k in (0, 3, 6)]
    assert train_cycle(t, SAMPLES, 2, lr=0.1, log_every=0, log=lines.append) and len(lines) == 3


def test_the_loop_is_the_one_of_a_stepper():
    t, runner = trainer(), regression(MODEL).instantiate()
    runner.set_params({"0.weight": W1, "0.bias": B1, "2.weight": W2, "2.bias": B2})
    stepper = runner.stepper(OptimizerConfig.adam(0.05))
    losses = train_cycle(t, SAMPLES, 9, optimizer=OptimizerConfig.adam(0.05), log_every=0)
    assert losses == pytest.approx([loss for _ in range(3) for loss in stepper.epoch_samples(SAMPLES)], rel=1e-12)


def test_a_dataset_is_a_list_of_samples():
    t, u = trainer(), trainer()
    data = tl.data.Dataset.from_samples([(np.array(x), np.array(y)) for x, y in SAMPLES])
    assert train_cycle(t, data, 4, lr=0.1, log_every=0) == train_cycle(u, SAMPLES, 4, lr=0.1, log_every=0)
    assert mean_loss(t, data) == mean_loss(u, SAMPLES) == sum(t.forward(*s) for s in SAMPLES) / 3


def test_of_nothing_there_is_no_cycle_and_no_mean():
    t = trainer()
    with pytest.raises(EmptyError, match=r"^trainCycleSGD: empty dataset$"):
        train_cycle(t, [], 3, lr=0.1)
    with pytest.raises(EmptyError, match=r"^trainCycleOptim: empty dataset$"):
        train_cycle(t, [], 3, optimizer="adam")
    with pytest.raises(EmptyError, match=r"^meanLoss: empty dataset$"):
        mean_loss(t, [])


@pytest.mark.parametrize("how", [{}, {"lr": 0.1, "optimizer": "sgd"}, {"lr": -0.1}, {"lr": 0.1, "log_every": -1}])
def test_how_to_step_is_said_once(how):
    with pytest.raises(HyperparameterError):
        train_cycle(trainer(), SAMPLES, 3, **how)
    with pytest.raises(CapabilityError, match="LBFGS"):
        train_cycle(trainer(), SAMPLES, 3, optimizer="lbfgs")


# -- ParamList ---------------------------------------------------------------------------------
def test_flags_and_parameters_are_as_many():
    for flags, word in (([True] * 3, "longer"), ([True], "shorter")):
        with pytest.raises(ShapeError) as e:
            ParamList.from_arrays([[1.0], [2.0]], flags)
        assert str(e.value).startswith(f"torch: requiresGrad list {word} than parameter list\n")


def test_a_list_that_is_refused_adds_nothing_to_the_session():
    s = tl.Session()
    for bad in ([[1.0], [np.nan]], [[1.0], ["x"]], {"a": [1.0], "b\n": [2.0]}):
        with pytest.raises((ValueError, TypeError)):
            ParamList.from_arrays(bad, session=s)
    assert not s.params


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=5), st.floats(0, 2))
def test_a_step_moves_each_parameter_for_itself(values, lr):
    params, grads = ParamList.from_arrays(values), [2.0 * v for v in values]
    params.sgd_step(grads, lr)
    assert [float(v) for v in params.values] == [v - lr * g for v, g in zip(values, grads, strict=True)]


def test_what_is_not_trained_does_not_move():
    params = ParamList.from_arrays([[1.0], [2.0]], [False, True])
    params.sgd_step([[8.0], [4.0]], 0.25)
    assert [v.tolist() for v in params.values] == [[1.0], [1.0]]


def test_no_parameters_step_to_no_parameters():
    params = ParamList.from_arrays([])
    params.sgd_step([], 0.1)
    params.set_values([])
    assert len(params) == 0 and params.values == ()


def test_all_values_are_replaced_at_once():
    params = ParamList.from_arrays([[1.0, 2.0], 3.0])
    params.set_values([[5, 6], 7])
    assert [v.tolist() for v in params.values] == [[5.0, 6.0], 7.0]
    assert repr(params) == "ParamList((2,), ())" and params[1] is list(params)[1]


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ([[1.0, 2.0], [3.0]], ShapeError, r"^torch: param update shape mismatch \(expected \(\), got \(1,\)\)\n"),
        ([[1.0, 2.0]], ShapeError, "^torch: 1 values for 2 parameters$"),
        ([[1.0, 2.0], np.inf], NonFiniteError, "param 1"),
        (3.0, HyperparameterError, "torch: values are a float"),
    ],
)
def test_values_that_do_not_fit_change_nothing(values, error, text):
    params = ParamList.from_arrays([[9.0, 9.0], 9.0])
    with pytest.raises(error, match=text):
        params.set_values(values)
    assert [v.tolist() for v in params.values] == [[9.0, 9.0], 9.0]
    with pytest.raises((ValueError, TypeError)):
        params.sgd_step(values, 0.1)
    assert [v.tolist() for v in params.values] == [[9.0, 9.0], 9.0]


def test_narrow_parameters_stay_narrow():
    params = ParamList.from_arrays([[1.0, 2.0]], session=tl.Session(dtype="float32"))
    params.sgd_step([[0.1, 0.2]], 0.1)
    assert params.values[0].dtype == np.float32
    want = np.float32([1, 2]) - np.float32([0.1, 0.2]) * np.float32(0.1)
    assert (params.values[0] == want).all()
