"""The torch-shaped classes: a closure sees trial points, and each call can be taken apart."""

from __future__ import annotations

import numpy as np
import pytest
from minimize.closures import B, W, X, Y, digest, setting, squares, steep

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.minimizers import METHODS


# -- it steps ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", METHODS)
def test_steps_of_the_class_are_those_of_minimize(name):
    opt, closure = setting(name)
    for _ in range(6):
        opt.step(closure)

    def flat(p):
        return tl.matmul(X, p["w"]) + p["b"] - Y

    def f(p, *i):
        r = flat(p)[i[0]] if i else flat(p)
        return r.reshape((14,)) if next(iter(METHODS[name].needs)) == "jacobian" else (r * r).sum() / 2.0

    count = opt.snapshot().state.iterations
    options = {"examples": 7} if "examples" in METHODS[name].needs else {}
    found = tl.minimize(f, {"w": W, "b": B}, name, steps=count, tol=0.0, **options)
    for key in ("w", "b"):
        assert np.allclose(opt.params[key], found.x[key], rtol=1e-7, atol=1e-9)


def test_a_session_trains_with_lbfgs():
    s = tl.Session(seed=0)
    w, b = s.param(W, name="w"), s.param(B, name="b")
    opt = tl.optim.LBFGS([w, b], line_search_fn="strong_wolfe")
    seen = []

    def closure():
        loss = ((s.const(X) @ w + b - Y) ** 2).mean()
        seen.append(float(loss))
        return loss, s.backward(loss)

    losses = [opt.step(closure) for _ in range(4)]
    best = np.linalg.lstsq(np.hstack([X, np.ones((7, 1))]), Y, rcond=None)[0]
    assert np.allclose(np.vstack([w.value, b.value]), best, atol=1e-4) and losses[0] > losses[1] >= losses[-1]
    assert losses[0] == seen[0] and len(seen) == opt.state_dict()["state"][0]["evaluations"]


def test_a_session_step_says_that_a_closure_is_needed():
    s = tl.Session()
    w = s.param(W, name="w")
    opt = tl.optim.BFGS([w])
    with pytest.raises(errors.HyperparameterTypeError, match="step\\(\\) got Gradients, it needs a closure"):
        s.step(opt, lambda: (w * w).sum())
    assert np.array_equal(w.value, W)


def test_a_line_search_sees_values_on_a_fresh_tape():
    s = tl.Session()
    w = s.param([3.0], name="w")
    opt, nodes = tl.optim.BFGS([w]), []

    def closure():
        loss = (w - tl.log(w)).sum()
        nodes.append(len(s.tape.values))
        return loss, s.backward(loss)

    while opt.step(closure) > 1 + 1e-12:
        pass
    assert w.value == pytest.approx(1.0, abs=1e-6) and len(set(nodes)) == 1 < len(nodes)


def test_a_closure_reads_the_parameters_or_is_handed_them():
    ends = []
    for make in (lambda o: lambda: squares(o.params), lambda o: squares, lambda o: lambda p, scale=1.0: squares(p)):
        opt, _ = setting("bfgs")
        for _ in range(3):
            opt.step(make(opt))
        ends.append(digest(opt)[0])
    assert ends[0] == ends[1] == ends[2]


def test_gradients_come_by_name_position_or_list_and_a_missing_one_is_zero():
    forms = [lambda g: g, lambda g: {0: g["w"], 1: g["b"]}, lambda g: [g["w"], g["b"]]]
    ends = []
    for form in forms:
        opt, _ = setting("bfgs")
        opt.step(lambda p, form=form: (squares(p)[0], form(squares(p)[1])))
        ends.append(digest(opt)[0])
    assert ends[0] == ends[1] == ends[2]
    opt, _ = setting("bfgs")
    opt.step(lambda p: (squares(p)[0], {"b": squares(p)[1]["b"]}))
    assert np.array_equal(opt.params["w"], W) and not np.array_equal(opt.params["b"], B)


def test_float32_parameters_stay_float32():
    opt = tl.optim.LBFGS({"w": W.astype("f4"), "b": B.astype("f4")})
    opt.step(squares)
    assert {v.dtype for v in opt.params.values()} == {np.dtype("f4")}
    assert np.abs(opt.params["b"] - B).max() > 0.01


def test_options_in_the_group_count_from_the_next_step_on():
    opt, closure = setting("lbfgs", lr=0.5)
    opt.param_groups[0]["lr"] = 0.0
    opt.step(closure)
    assert np.array_equal(opt.params["w"], W)
    opt.param_groups[0]["lr"] = -1.0
    before = digest(opt)
    with pytest.raises(errors.HyperparameterError, match="lr=-1"):
        opt.step(closure)
    assert digest(opt) == before


def test_a_scheduler_changes_the_rate():
    opt, closure = setting("lbfgs", lr=1.0)
    scheduler = tl.optim.lr_scheduler.StepLR(opt, step_size=1, gamma=0.5)
    for _ in range(2):
        opt.step(closure)
        scheduler.step()
    assert opt.param_groups[0]["lr"] == 0.25


# -- taken apart -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", METHODS)
def test_the_last_call_is_explained_for_each_parameter(name):
    opt, closure = setting(name)
    before = opt.params
    opt.step(closure)
    for key, shape in (("w", (2, 2)), ("b", (2,))):
        e = opt.explain(key)
        assert np.array_equal(e.before, before[key]) and np.array_equal(e.after, opt.params[key])
        assert METHODS[name].class_name in e.to_text() and repr(key) in repr(e)
        assert set(METHODS[name].slots) <= set(e.terms)
        if "d" in e.terms:
            assert e.terms["d"].shape == shape


def test_the_terms_of_lbfgs_compose_to_the_step():
    opt, closure = setting("lbfgs", line_search_fn="strong_wolfe", max_iter=6)
    opt.step(closure)
    e = opt.explain(opt.explain("w").name)
    moved = sum(t["t"] * t["d"] for t in map(e.terms_of, e.steps))
    assert np.allclose(e.before + moved, e.after, rtol=1e-14) and e.terms["S"].shape == (len(e.steps) - 1, 2, 2)
    assert "strong Wolfe conditions" in e.to_text() and e.to_text().count("iteration ") == len(e.steps)


def test_there_is_nothing_to_explain_before_a_step_and_little_at_a_minimum():
    opt = tl.optim.LBFGS({"w": np.zeros(2)})
    with pytest.raises(errors.HyperparameterError, match="no update yet"):
        opt.explain("w")
    opt.step(steep)
    assert "nothing to do" in opt.explain("w").to_text() and opt.explain(0).terms == {}
    with pytest.raises(errors.HyperparameterError, match="not a parameter"):
        opt.explain("v")
