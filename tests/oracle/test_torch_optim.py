"""PyTorch 2.13's optimizers on explicit gradient sequences: a missing gradient, two groups, both signs."""

import inspect

import numpy as np
import pytest
import torch

import torchlean_nb as tl

CONFIGS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 5, "weight_decay": 0.01}),
    ("Rprop", {"etas": (0.4, 1.3), "step_sizes": (1e-4, 2.0)}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True}),
    ("Adamax", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.1}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", {}),
    ("Adadelta", {"lr": 0.5, "weight_decay": 0.1}),
]


@pytest.fixture(autouse=True)
def doubles():
    old = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # the state of ASGD and NAdam is kept in the default dtype
    yield
    torch.set_default_dtype(old)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(("name", "options"), CONFIGS, ids=str)
def test_a_hundred_steps_equal_torchs(name, options, maximize):
    rng = np.random.default_rng(7)
    w, b = rng.normal(size=(3, 4)), rng.normal(size=(3,))
    tw, tb = torch.tensor(w), torch.tensor(b)
    lr = 3 * options.get("lr", 0.01)
    theirs = getattr(torch.optim, name)([{"params": [tw]}, {"params": [tb], "lr": lr}], maximize=maximize, **options)
    groups = [{"params": {"w": w}}, {"params": {"b": b}, "lr": lr}]
    ours = getattr(tl.optim, name)(groups, maximize=maximize, **options)
    for k in range(100):
        gw, gb = rng.normal(size=w.shape), None if k in (0, 7, 8) else rng.normal(size=b.shape)
        tw.grad, tb.grad = torch.tensor(gw), None if gb is None else torch.tensor(gb)
        theirs.step()
        ours.step({"w": gw, "b": gb})
        for t, a in ((tw, ours.params["w"]), (tb, ours.params["b"])):
            assert np.abs(t.numpy() - a).max() <= 1e-12 * np.abs(a).max()


@pytest.mark.parametrize("name", sorted({n for n, _ in CONFIGS}))
def test_arguments_and_defaults_are_torchs(name):
    known = inspect.signature(getattr(torch.optim, name)).parameters
    skip = {"params", "foreach", "fused", "capturable", "differentiable", "maximize"}
    theirs = {k: p.default for k, p in known.items() if k not in skip}
    ours = getattr(tl.optim, name)({"w": np.ones(2)}).defaults
    if name == "Adam":
        theirs.pop("decoupled_weight_decay")  # here that is AdamW
    assert ours == theirs
