"""Task: an architecture and a loss, checked when they meet."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import BackendError, HandleTypeError, HyperparameterError, UnknownNameError
from torchlean_nb.train import Task, classifier, regression
from torchlean_nb.train.task import find_task

MODEL = tl.nn.Sequential(tl.nn.Linear(2, 3), tl.nn.Tanh(), tl.nn.Linear(3, 1))


def test_the_two_usual_tasks():
    assert (regression(MODEL).loss.name, regression(MODEL).kind) == ("mse", "regression")
    assert (classifier(MODEL).loss.name, classifier(MODEL).kind) == ("cross_entropy", "classification")
    assert regression(MODEL) == Task(MODEL, tl.mse_loss)


def test_a_custom_loss_and_a_kind_of_ones_own():
    task = Task(MODEL, lambda output, target: tl.mean(output - target))
    assert (task.kind, task.loss.name) == ("custom", "<lambda>")
    assert Task(MODEL, "mse", "classification").kind == "classification"


@pytest.mark.parametrize(
    ("model", "loss", "kind", "error", "text"),
    [
        (MODEL, "mes", None, UnknownNameError, "did you mean mse"),
        (MODEL, 7, None, HandleTypeError, "loss: 7"),
        (MODEL, "mse", "regresion", HyperparameterError, "kind='regresion'"),
        (np.zeros(3), "mse", None, HandleTypeError, "the model is a ndarray"),
        (tl.nn.Linear, "mse", None, HandleTypeError, "the model is a type"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(model, loss, kind, error, text):
    with pytest.raises(error, match=text):
        Task(model, loss, kind)


def test_a_bound_model_is_pointed_to_its_architecture():
    with pytest.raises(HandleTypeError, match=r"try: net\.model"):
        Task(MODEL.bind(tl.Session()), "mse")


@pytest.mark.parametrize(
    ("what", "name"),
    [("regression", "mse"), ("classification", "cross_entropy"), ("huber", "huber"), (tl.l1_loss, "l1"),
     (classifier(MODEL), "cross_entropy")],
)  # fmt: skip
def test_a_task_by_what_users_call_it(what, name):
    assert find_task(MODEL, what).loss.name == name


def test_a_wrong_task_is_corrected_and_another_models_refused():
    with pytest.raises(UnknownNameError, match="did you mean regression"):
        find_task(MODEL, "regresion")
    with pytest.raises(HyperparameterError, match="another model"):
        find_task(MODEL, regression(tl.nn.Linear(2, 1)))


def test_an_instance_has_a_session_of_its_own():
    a, b = (regression(MODEL).instantiate(seed=3) for _ in range(2))
    assert a.session is not b.session
    assert all((a.get_params()[k] == b.get_params()[k]).all() for k in a.get_params())
    a.net.params["0.bias"].value = np.ones(3)
    assert not (b.net.params["0.bias"].value == 1).any()


@pytest.mark.parametrize("init", ["torch", "torchlean", {"*.weight": tl.nn.init.zeros}])
def test_initial_values_and_options_go_where_they_belong(init):
    runner = regression(MODEL).instantiate(seed=5, init=init, dtype="float32", nonfinite="ieee")
    want = MODEL.init(5, init)
    assert all((v == want[k].astype(np.float32)).all() for k, v in runner.get_params().items())
    assert (runner.session.dtype, runner.session.nonfinite) == ("float32", "ieee")
    assert runner.session.rng == tl.Rng(5)


def test_what_is_not_there_is_said():
    with pytest.raises(BackendError, match="device 'cudda' is not available"):
        regression(MODEL).instantiate(device="cudda")
