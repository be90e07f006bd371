"""Closures and options that do not fit are refused in words, and change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from minimize.closures import B, W, digest, residuals, setting, squares

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.minimizers import METHODS


@pytest.mark.parametrize("closure", [None, 3.0, {"w": W}, [W, B]])
def test_a_step_without_a_closure_is_refused(closure):
    opt, _ = setting("lbfgs")
    before = digest(opt)
    with pytest.raises(TypeError, match="needs a closure"):
        opt.step(closure)
    assert digest(opt) == before


@pytest.mark.parametrize(
    ("name", "result", "words"),
    [
        ("bfgs", lambda p: squares(p)[0], r"returned float\n.*\(value, gradients\)"),
        ("bfgs", lambda p: squares(p)[1], "returned dict"),
        ("bfgs", lambda p: None, "returned NoneType"),
        ("bfgs", lambda p: (*squares(p), 1), "a tuple of 3"),
        ("bfgs", lambda p: ("low", squares(p)[1]), "'low' as the value"),
        ("bfgs", lambda p: (1.0, {}), "no gradient of any parameter"),
        ("bfgs", lambda p: (1.0, {"v": W}), "'v'"),
        ("bfgs", lambda p: (1.0, {"w": B}), r"shape \(2,\)"),
        ("bfgs", lambda p: (1.0, {"w": W * 1j}), "complex"),
        ("bfgs", lambda p: (1.0, [W]), "1 gradients for 2"),
        ("newton", squares, "a tuple of 2"),
        ("newton", lambda p: (*squares(p), np.eye(5)), r"shape \(5, 5\)"),
        ("gauss_newton", lambda p: (residuals(p).ravel(), {"w": np.zeros((3, 2, 2))}), r"expected \(14, 2, 2\)"),
        ("nelder_mead", lambda p: "high", "'high' as the value"),
    ],
)
def test_a_closure_that_returns_something_else_is_told_so_and_nothing_changes(name, result, words):
    opt, _ = setting(name)
    before = digest(opt)
    with pytest.raises(errors.TorchLeanError, match=words):
        opt.step(result)
    assert digest(opt) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lr": -1}, "lr=-1"), ({"lr": np.nan}, "lr=nan"), ({"max_iter": 0}, "max_iter"),
        ({"max_iter": 2.0}, "max_iter"), ({"max_eval": 0}, "max_eval"), ({"history_size": 0}, "history_size"),
        ({"tolerance_grad": -1}, "tolerance_grad"), ({"line_search_fn": "armijo"}, "strong_wolfe"),
        ({"maximize": True}, "maximize"), ({"momentum": 0.9}, "momentum"), ({"nonfinite": "no"}, "nonfinite"),
    ],
)  # fmt: skip
def test_every_option_is_checked_when_the_optimizer_is_made(options, words):
    with pytest.raises(errors.HyperparameterError, match=words):
        tl.optim.LBFGS({"w": W}, **options)


@pytest.mark.parametrize("name", METHODS)
def test_there_is_only_one_group(name):
    extra = {"examples": 7} if "examples" in METHODS[name].needs else {}
    make = getattr(tl.optim, METHODS[name].class_name)
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        make([{"params": {"w": W}}, {"params": {"b": B}}], **extra)
    opt = make([{"params": {"w": W}}], **extra)
    with pytest.raises(ValueError, match="parameter groups"):
        opt.add_param_group({"params": {"b": B}})
    assert len(opt.param_groups) == 1
    with pytest.raises(errors.HyperparameterError, match="empty"):
        make([], **extra)


def test_one_group_may_have_its_options_and_says_them():
    opt = tl.optim.LBFGS([{"params": {"w": W}, "lr": 0.25}], lr=0.5)
    assert opt.param_groups[0]["lr"] == 0.25 and "LBFGS, 1 parameters, 0 steps" in repr(opt) and "lr=0.25" in repr(opt)
    assert "Asks for the value and the gradient" in tl.optim.LBFGS.__doc__
