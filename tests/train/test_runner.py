"""Runner: modes, measuring without a trace, and training steps that happen whole or not at all."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pytest
from _stop import Stop

import torchlean_nb as tl
from torchlean_nb.errors import (
    DTypeError,
    EmptyError,
    HandleTypeError,
    HyperparameterError,
    NonFiniteError,
    NonScalarError,
    ShapeError,
)
from torchlean_nb.train import Task, classifier, regression, with_mode

RNG = np.random.default_rng(0)
X, Y, LABELS = RNG.normal(size=(7, 2)), RNG.normal(size=(7, 1)), RNG.integers(0, 3, 7)
PLAIN = tl.nn.Sequential(tl.nn.Linear(2, 4), tl.nn.Tanh(), tl.nn.Linear(4, 1))
NOISY = tl.nn.Sequential(tl.nn.Linear(2, 4), tl.nn.BatchNorm1d(4), tl.nn.Dropout(0.5), tl.nn.Linear(4, 1))
LOGITS = tl.nn.Sequential(tl.nn.Linear(2, 3))


def noisy(**more):
    return regression(NOISY).instantiate(seed=1, **more)


def state(runner, optimizer=None):
    """Everything a step may change, as bytes."""
    s, own = runner.session, [] if optimizer is None else [str(optimizer.state_dict())]
    return [(k, v.tobytes()) for k, v in runner.get_params().items()], str(s.rng), s._draws, runner.mode, own


# -- mode --------------------------------------------------------------------------------------
def test_it_starts_in_eval_mode_and_a_gradient_switches_for_good():
    runner = noisy()
    assert (runner.mode, runner.is_training()) == ("eval", False)
    runner.backward(X, Y)
    assert (runner.mode, runner.is_training()) == ("train", True)
    assert runner.eval_mode() is runner and runner.mode == "eval"
    assert runner.train_mode().is_training()
    with pytest.raises(ValueError, match="mode='training' is not allowed"):
        runner.mode = "training"


def test_a_mode_for_a_block_is_taken_back_whatever_happens():
    runner = noisy()
    with with_mode(runner, "train"):
        assert runner.mode == "train"
    assert runner.mode == "eval"
    with pytest.raises(ShapeError), with_mode(runner, "train"):
        runner.loss_of(X[:, :1], Y)
    assert runner.mode == "eval"


# -- measuring ---------------------------------------------------------------------------------
def test_the_mean_loss_is_the_mean_of_losses_of_batches_of_one():
    runner = regression(PLAIN).instantiate()
    each = [float(tl.mse_loss(runner.predict(X[i : i + 1]), Y[i : i + 1])) for i in range(7)]
    assert runner.mean_loss(tl.data.Dataset(X, Y)) == sum(each) / 7


@pytest.mark.parametrize("data", [
    tl.data.Dataset(X, Y), (X, Y), (X.tolist(), Y.tolist()), list(zip(X, Y, strict=True)),
    [(x.tolist(), y.tolist()) for x, y in zip(X, Y, strict=True)], tl.data.DataLoader(tl.data.Dataset(X, Y), 2),
    tl.data.Dataset(X, Y[:, 0]), (X, Y[:, 0]),
])  # fmt: skip
def test_data_in_every_form_has_the_same_mean_loss(data):
    runner = regression(PLAIN).instantiate()
    whole = runner.mean_loss((X, Y))
    assert runner.mean_loss(data) == whole
    assert [runner.mean_loss(data, batch_size=n) for n in (1, 2, 7, 50)] == pytest.approx([whole] * 4, rel=1e-14)


def test_of_nothing_the_mean_loss_is_zero():
    assert regression(PLAIN).instantiate().mean_loss([]) == 0.0
    assert classifier(LOGITS).instantiate().accuracy([]) == (0, 0)


@pytest.mark.parametrize("auto_buffers", [False, True])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_looking_changes_nothing(mode, auto_buffers):
    runner = noisy(auto_buffers=auto_buffers)
    runner.mode = mode
    if mode == "eval":
        runner.loss_of(X, Y)
    before, tape = (state(runner), runner.session.digest()), runner.session.tape
    assert runner.mean_loss((X, Y), batch_size=4) == runner.mean_loss((X, Y), batch_size=4)
    assert runner.losses([(X, Y)]) == runner.losses([(X, Y)])
    assert (state(runner), runner.session.digest()) == before
    assert runner.session.tape is tape and not runner.session._closed


def test_labels_and_one_hot_rows_give_the_same_accuracy():
    runner = classifier(LOGITS).instantiate()
    found = np.argmax(runner.predict(X), 1)
    want = (int((found == LABELS).sum()), 7)
    assert runner.accuracy((X, LABELS)) == runner.accuracy((X, np.eye(3)[LABELS])) == want
    assert runner.accuracy(list(zip(X, LABELS, strict=True)), batch_size=2) == want


def test_the_class_of_a_sample_is_an_int_and_of_a_batch_an_array():
    runner = classifier(LOGITS).instantiate()
    runner.set_params({"0.weight": [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]], "0.bias": [0.0] * 3})
    assert runner.predict_class([2.0, 0.0]) == 1
    assert runner.predict_class([[2.0, 0.0], [-1.0, 0.0]]).tolist() == [1, 0]


def test_of_no_classes_none_is_right():
    @dataclass(frozen=True)
    class Nothing(tl.nn.Layer):
        def compute(self, x, at):
            return x[:, :0]

    runner = classifier(Nothing()).instantiate()
    assert runner.predict_class([[1.0, 2.0]]) is None
    assert runner.accuracy((X, LABELS)) == (0, 7)


def test_many_samples_are_predicted_some_at_a_time():
    runner = regression(PLAIN).instantiate()
    assert runner.predict_batch(X, batch_size=3) == pytest.approx(runner.predict(X), rel=1e-14)
    assert (runner.predict_batch(list(X)) == runner.predict(X)).all()


def test_whole_numbers_become_floats_where_the_model_wants_them_and_ids_stay():
    runner = regression(PLAIN).instantiate(dtype="float32")
    assert runner.predict(np.array([[1, 2]], dtype=np.uint8)).dtype == np.float32
    words = classifier(tl.nn.Embedding(4, 3)).instantiate()
    assert words.predict(np.array([1, 2])).shape == words.predict([1, 2]).shape == (2, 3)
    assert words.step(tl.optim.SGD(words.net.parameters(), lr=0.1), np.array([1, 2]), [0, 1]).loss > 0


def test_samples_of_a_list_may_differ_in_length():
    rng = np.random.default_rng(5)
    lines = [(rng.normal(size=(n, 2)), rng.normal(size=(n, 1))) for n in (3, 1, 4)]
    runner = regression(PLAIN).instantiate()
    each = [float(tl.mse_loss(runner.predict(x), y)) for x, y in lines]
    assert runner.mean_loss(lines) == pytest.approx(sum(each) / 3, rel=1e-14)
    assert len(runner.stepper("adam").epoch_samples(lines)) == 3


def test_a_model_may_take_several_inputs():
    @dataclass(frozen=True)
    class Between(tl.nn.Layer):
        def children(self):
            return {"left": tl.nn.Linear(2, 1), "right": tl.nn.Linear(1, 1)}

        def compute(self, x, at):
            return at("left", x[0]) - at("right", x[1])

    runner, data = regression(Between()).instantiate(seed=3), tl.data.Dataset(X, Y, X[:, :1] - Y)
    samples = [((x, y), x[:1] - y) for x, y in zip(X, Y, strict=True)]
    assert runner.predict((X, Y)).shape == runner.predict_batch((X, Y), batch_size=2).shape == (7, 1)
    assert runner.mean_loss(data) == runner.mean_loss(samples) == runner.mean_loss(((X, Y), X[:, :1] - Y))
    before = runner.mean_loss(data, batch_size=3)
    assert runner.mean_loss(samples, batch_size=3) == before
    losses = runner.stepper("adam", 0.05).epoch_samples(samples)
    assert len(losses) == 7 and runner.mean_loss(data) < before


# -- training ----------------------------------------------------------------------------------
def test_gradients_come_by_path_and_nothing_accumulates():
    runner = regression(PLAIN).instantiate()
    g = runner.backward(X, Y)
    assert list(g) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    again = runner.backward(X, Y)
    assert all((g[k] == again[k]).all() for k in g)
    s = tl.Session()
    net = PLAIN.bind(s)
    loss = tl.mse_loss(net(X), Y)
    by_hand = s.backward(loss)
    assert all((g[k] == by_hand[p]).all() for k, p in net.params.items())
    assert float(runner.session.grads.value) == float(loss)


def test_running_statistics_move_once_in_a_step_and_only_in_train_mode():
    runner, net = noisy(), NOISY.bind(tl.Session(seed=1), seed=1)
    runner.update_buffers(X)
    assert state(runner) == state(noisy())
    runner.backward(X, Y)
    net.update_buffers(X)
    assert all((v == net.state_dict()[k]).all() for k, v in runner.get_params().items())
    runner.update_buffers(X)
    net.update_buffers(X)
    assert all((v == net.state_dict()[k]).all() for k, v in runner.get_params().items())


@pytest.mark.parametrize("auto_buffers", [False, True])
def test_steps_are_those_of_a_loop_by_hand_to_the_last_bit(auto_buffers):
    runner, s = noisy(auto_buffers=auto_buffers), tl.Session(seed=1)
    net = NOISY.bind(s, seed=1)
    ours, theirs = (tl.optim.Adam(n.parameters(), lr=0.05) for n in (runner.net, net))
    for k in range(5):
        x, y = X[k : k + 3], Y[k : k + 3]
        report = runner.step(ours, x, y, lr=0.05 / (k + 1))
        theirs.param_groups[0]["lr"] = 0.05 / (k + 1)
        net.update_buffers(x)
        assert report.loss == s.step(theirs, lambda x=x, y=y: tl.mse_loss(net(x), y)).loss
    assert all((v == net.state_dict()[k]).all() for k, v in runner.get_params().items())


def test_22_six_losses_of_the_small_network():
    runner = regression(tl.nn.Sequential(tl.nn.Linear(2, 3), tl.nn.ReLU(), tl.nn.Linear(3, 1))).instantiate()
    runner.set_params({"0.weight": [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], "0.bias": [0.1, 0.2, 0.3],
                       "2.weight": [[0.7, 0.8, 0.9]], "2.bias": [0.4]})  # fmt: skip
    opt = tl.optim.SGD(runner.net.parameters(), lr=0.1)
    losses = [runner.step(opt, [[0.5, 0.8]], [[1.0]]).loss for _ in range(6)]
    want = [1.1664, 0.016057418273214, 6.0799148e-4, 1.8116969e-5, 5.1168169e-7, 1.4314683e-8]
    assert losses == pytest.approx(want, rel=1e-7)


def test_a_custom_loss_may_use_parameters_of_the_model():
    def loss(output, target):
        return tl.mse_loss(output, target) + 0.1 * (runner.net.params["weight"] ** 2).sum()

    runner = Task(tl.nn.Linear(2, 1), loss).instantiate()
    plain = regression(tl.nn.Linear(2, 1)).instantiate()
    penalty = 0.1 * float((runner.get_params()["weight"] ** 2).sum())
    assert runner.mean_loss((X, Y)) == pytest.approx(plain.mean_loss((X, Y)) + penalty)


# -- whole or not at all -----------------------------------------------------------------------
def bad_loss(output, target):
    return (output - target) ** 2


def explodes(output, target):
    return tl.mean(tl.exp(1e4 * tl.square(output - target)))


@pytest.mark.parametrize(
    ("task", "x", "y", "error"),
    [
        (regression(NOISY), X, Y[:3], ShapeError),
        (regression(NOISY), X[:, :1], Y, ShapeError),
        (regression(NOISY), np.full_like(X, np.nan), Y, NonFiniteError),
        (Task(NOISY, explodes), X, Y, NonFiniteError),
        (Task(NOISY, bad_loss), X, Y, NonScalarError),
        (Task(NOISY, lambda o, y: 1.0), X, Y, NonScalarError),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_a_step_that_fails_changes_nothing(task, x, y, error, training):
    runner = task.instantiate(seed=1)
    runner.net.train(training)
    opt = tl.optim.Adam(runner.net.parameters(), lr=0.1)
    before = state(runner, opt)
    with pytest.raises(error):
        runner.step(opt, x, y, lr=0.3)
    assert state(runner, opt) == before
    with pytest.raises(error):
        runner.backward(x, y)
    assert state(runner, opt) == before


def test_a_step_that_is_skipped_leaves_running_statistics():
    runner = Task(NOISY, lambda o, y: tl.mean(tl.exp(1e4 * tl.square(o - y)))).instantiate(seed=1, nonfinite="skip")
    opt = tl.optim.Adam(runner.net.parameters(), lr=0.1)
    before = state(runner, opt)
    assert runner.step(opt, X, Y).skipped
    assert state(runner, opt)[0] == before[0] and state(runner, opt)[4] == before[4]


def test_stop_at_any_instruction_leaves_a_step_undone_or_done():
    def fresh():
        runner = noisy()
        return runner, tl.optim.Adam(runner.net.parameters(), lr=0.1)

    def pressed(n):
        runner, opt = fresh()
        stop = Stop(n)
        sys.settrace(stop)
        try:
            runner.step(opt, X, Y, lr=0.2)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        assert runner.net.auto_buffers is False
        return stop.left, state(runner, opt)

    before = state(*fresh())
    left, after = pressed(10**9)
    length = 10**9 - left
    moments = [*range(1, length - 120, 197), *range(length - 120, length + 1, 3)]  # the update lies near the end
    outcomes = [[before, after].index(pressed(n)[1]) for n in moments]
    assert outcomes == sorted(outcomes) and set(outcomes[-41:]) == {0, 1}


def test_stop_while_measuring_leaves_everything_where_it_was():
    runner, n = regression(NOISY).instantiate(seed=1, auto_buffers=True), 0
    runner.step(tl.optim.SGD(runner.net.parameters(), lr=0.1), X, Y)
    before, tape, digest = state(runner), runner.session.tape, runner.session.digest()
    with with_mode(runner, "eval"):
        want = runner.mean_loss((X[:1], Y[:1]))
    while True:
        n += 53
        stop = Stop(n)
        sys.settrace(stop)
        try:
            with with_mode(runner, "eval"):
                assert runner.mean_loss((X[:1], Y[:1])) == want
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        assert state(runner) == before and runner.session.tape is tape and runner.net.auto_buffers
        if stop.left > 0:
            break
    assert runner.session.digest() == digest and n > 1000


# -- what is not data --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (X, HandleTypeError, "ndarray is not data"),
        ((X, Y[:3]), ShapeError, r"a batch of shapes \(7, 2\), \(3, 1\)"),
        ((1.0, 2.0), ShapeError, "a batch of shapes"),
        ([X, Y], HandleTypeError, r"sample 0 is a ndarray(.|\n)*a tuple \(X, Y\)"),
        ((X, list("abcdefg")), DTypeError, "target: dtype str32"),
        ([(X[0], Y[0]), (X[1],)], HandleTypeError, "sample 1 is a tuple"),
        (None, HandleTypeError, "NoneType is not data"),
    ],
)
def test_what_is_not_data_is_named(data, error, text):
    runner = regression(PLAIN).instantiate()
    with pytest.raises(error, match=text):
        runner.mean_loss(data)


@pytest.mark.parametrize(
    ("ask", "error", "text"),
    [
        (lambda r: r.accuracy((X, np.zeros((7, 4)))), ShapeError, r"accuracy: output of shape \(7, 3\), target of"),
        (lambda r: r.predict_batch([]), EmptyError, r"there are no samples in \[\]"),
        (lambda r: r.predict_batch(2.0), EmptyError, "there are no samples in 2.0"),
        (lambda r: r.step("adam", X, LABELS), HandleTypeError, r"not an optimizer(.|\n)*runner.stepper\(\"adam\"\)"),
        (lambda r: r.mean_loss((X, LABELS), batch_size=0), HyperparameterError, "batch_size=0"),
        (lambda r: r.mean_loss((X, LABELS + 1)), IndexError, "out of range for 3 classes"),
    ],
)
def test_what_cannot_be_answered_is_said(ask, error, text):
    runner = classifier(LOGITS).instantiate()
    before = state(runner)
    with pytest.raises(error, match=text):
        ask(runner)
    assert state(runner) == before
