"""Optimizers and schedules as data: TorchLean's defaults, its words, and what makes an optimizer."""

from __future__ import annotations

import pickle
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import schedules
from torchlean_nb.errors import CapabilityError, HyperparameterError, HyperparameterTypeError, UnknownNameError
from torchlean_nb.train import (  # fmt: skip
    LoaderTrainConfig,
    OptimizerConfig,
    TrainConfig,
    TrainReport,
    build_optimizer,
    optimizer_lr,
    regression,
    step_lr,
)

MODEL = tl.nn.Linear(2, 1)


@pytest.fixture
def params():
    return MODEL.bind(tl.Session()).parameters()


CONFIGS = [
    (OptimizerConfig.sgd(0.1), "SGD", {"lr": 0.1, "momentum": 0.0}),
    (OptimizerConfig.sgd(0.1, 0.5), "SGD", {"momentum": 0.5}),
    (OptimizerConfig.momentum_sgd(0.1), "SGD", {"momentum": 0.9, "nesterov": False}),
    (OptimizerConfig.adagrad(0.1), "Adagrad", {"eps": 1e-10}),
    (OptimizerConfig.rmsprop(0.1), "RMSprop", {"alpha": 0.99, "eps": 1e-8}),
    (OptimizerConfig.adam(0.1), "Adam", {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}),
    (OptimizerConfig.adamw(0.1), "AdamW", {"betas": (0.9, 0.999), "weight_decay": 0.01}),
    (OptimizerConfig.adadelta(), "TableAdadelta", {"lr": 1.0, "rho": 0.9, "eps": 1e-6}),
    (OptimizerConfig.parse("sgd", 0.2), "SGD", {"lr": 0.2, "momentum": 0.0}),
    (OptimizerConfig.parse("adagrad", 0.2), "Adagrad", {"eps": 1e-10}),
    (OptimizerConfig.parse("rmsprop", 0.2), "RMSprop", {"alpha": 0.99}),
    (OptimizerConfig.parse("adam", 0.2), "Adam", {"betas": (0.9, 0.95), "eps": 1e-8}),
    (OptimizerConfig.parse("adamw", 0.2), "AdamW", {"betas": (0.9, 0.95), "weight_decay": 0.1}),
    (OptimizerConfig.parse("adadelta", 0.2), "TableAdadelta", {"lr": 0.2, "rho": 0.9}),
]


@pytest.mark.parametrize(("config", "title", "options"), CONFIGS)
def test_the_defaults_are_torchleans(config, title, options, params):
    group = build_optimizer(config, params).param_groups[0]
    assert config.rule.class_name == title
    assert {k: group[k] for k in options} == options
    assert optimizer_lr(config) == config.lr == group["lr"]


def test_the_command_line_says_which_kinds_it_knows():
    with pytest.raises(HyperparameterError) as e:
        OptimizerConfig.parse("lion", 0.1)
    assert str(e.value) == "bad --optim lion; expected sgd, adagrad, rmsprop, adam, adamw, or adadelta"
    with pytest.raises(HyperparameterError, match="bad --optim"):
        OptimizerConfig.parse(["adam"], 0.1)


def test_configs_are_values():
    assert OptimizerConfig.adam(0.1) == OptimizerConfig.adam(0.1) != OptimizerConfig.adam(0.2)
    assert len({OptimizerConfig.adam(0.1), OptimizerConfig.adam(0.1), OptimizerConfig.sgd(0.1)}) == 2
    assert pickle.loads(pickle.dumps(OptimizerConfig.adam(0.1))) == deepcopy(OptimizerConfig.adam(0.1))
    with pytest.raises(TypeError):
        OptimizerConfig.adam(0.1).hypers["lr"] = 3
    with pytest.raises(HyperparameterError, match="Adam: beta1=1"):
        OptimizerConfig.adam(0.1, beta1=1.0)
    with pytest.raises(UnknownNameError, match="did you mean adam"):
        OptimizerConfig("adamm")


def test_its_adadelta_accumulates_steps_with_the_rate_in_them():
    def after(lr):
        p = tl.Session().param([1.0])
        opt = build_optimizer(OptimizerConfig.adadelta(lr), [p])
        for g in (0.5, -0.2, 0.1):
            opt.step([np.array([g])])
        return p.value[0]

    assert after(1.0) == pytest.approx(0.997633941237578, rel=1e-14)
    assert after(0.5) == pytest.approx(0.9987479389133483, rel=1e-14)


# -- what makes an optimizer -------------------------------------------------------------------
@pytest.mark.parametrize(
    "what",
    ["adam", "Adam", tl.optim.rules["adam"].with_hypers(lr=0.3), tl.optim.Adam, partial(tl.optim.Adam, lr=0.3),
     lambda params: tl.optim.Adam(params), OptimizerConfig.adam(0.3)],
)  # fmt: skip
def test_an_optimizer_comes_from_whatever_makes_one(what, params):
    opt = build_optimizer(what, params)
    assert opt.rule.class_name == "Adam"
    assert opt.param_groups[0]["params"] == params


def test_a_ready_optimizer_is_taken_when_its_parameters_are_the_models(params):
    opt = tl.optim.SGD([{"params": params[:1], "lr": 0.5}, {"params": params[1:]}])
    assert build_optimizer(opt, params) is opt
    other = MODEL.bind(tl.Session()).parameters()
    with pytest.raises(HyperparameterError, match="parameters of another model"):
        build_optimizer(opt, other)
    with pytest.raises(HyperparameterError, match="parameters of another model"):
        build_optimizer(lambda _: opt, other)


@pytest.mark.parametrize(
    ("what", "error", "text"),
    [("adma", UnknownNameError, "did you mean adam"), (3, HyperparameterTypeError, "3 is a int"),
     (None, HyperparameterTypeError, "NoneType"), ("lbfgs", CapabilityError, "LBFGS does not step by gradients"),
     (tl.optim.LBFGS, CapabilityError, "LBFGS does not step by gradients"),
     (lambda params: 5, CapabilityError, "int does not step")],
)  # fmt: skip
def test_what_makes_no_optimizer_is_refused(what, error, text, params):
    with pytest.raises(error, match=text):
        build_optimizer(what, params)


# -- schedules ---------------------------------------------------------------------------------
def test_its_three_schedules_are_rows():
    config = OptimizerConfig.sgd(0.7)
    assert [step_lr(None, config, t) for t in (0, 5)] == [0.7, 0.7]
    assert [step_lr(schedules.constant(0.2), config, t) for t in (0, 5)] == [0.2, 0.2]
    assert [step_lr(np.float64(0.2), config, t) for t in (0, 5)] == [0.2, 0.2]
    stairs = [step_lr(schedules.step_decay(1.0, size=2), config, t) for t in range(5)]
    assert stairs == pytest.approx([1, 1, 0.1, 0.1, 0.01], rel=1e-15)
    assert [step_lr(schedules.exponential_decay(1.0, gamma=0.5), config, t) for t in range(3)] == [1, 0.5, 0.25]
    assert step_lr(lambda t: t / 8, config, 3) == 0.375


@pytest.mark.parametrize("wrong", ["cosine", True, [0.1], tl.optim.lr_scheduler.StepLR])
def test_a_schedule_is_a_function_of_the_step(wrong):
    with pytest.raises(HyperparameterTypeError, match="a schedule gives the learning rate of a step"):
        TrainConfig(3, schedule=wrong)


# -- how long ----------------------------------------------------------------------------------
def test_the_defaults_of_a_run():
    config, loader = TrainConfig(7), LoaderTrainConfig(2)
    assert (config.steps, config.batch_size, config.schedule, config.log_every) == (7, 1, None, 1)
    assert config.optimizer == loader.optimizer == OptimizerConfig.sgd(0.01)
    assert (loader.epochs, loader.schedule, loader.log_every) == (2, None, 1)
    assert replace(config, schedule=schedules.constant(0.5)).schedule(0) == 0.5
    assert TrainReport(2.0, 1.0).before == 2.0


@pytest.mark.parametrize(
    ("make", "text"),
    [(lambda: TrainConfig(-1), "TrainConfig: steps=-1"), (lambda: TrainConfig(1.5), "TrainConfig: steps=1.5"),
     (lambda: TrainConfig(1, batch_size=-2), "batch_size=-2"), (lambda: TrainConfig(1, log_every=True), "log_every"),
     (lambda: LoaderTrainConfig(None), "LoaderTrainConfig: epochs=None")],
)  # fmt: skip
def test_counts_are_counts(make, text):
    with pytest.raises(HyperparameterError, match=text):
        make()


def test_a_size_of_zero_counts_as_one():
    def trained(size):
        runner = regression(MODEL).instantiate(seed=2)
        config = TrainConfig(3, batch_size=size, optimizer=OptimizerConfig.sgd(0.1), log_every=0)
        tl.train.train_samples(runner, config, [([1.0, 2.0], [1.0]), ([0.0, 1.0], [2.0])])
        return runner.get_params()["weight"].tolist()

    assert trained(0) == trained(1) != trained(2)
