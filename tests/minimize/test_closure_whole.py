"""A step with a closure happens whole or not at all: errors, Stop, and numbers that are not finite."""

from __future__ import annotations

import inspect
import sys

import numpy as np
import pytest
from _stop import Stop
from minimize.closures import W, digest, setting, squares, steep

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.minimizers import METHODS


# -- whole or not at all -----------------------------------------------------------------------
class Failing:
    """A closure that raises at its n-th evaluation."""

    def __init__(self, closure, n, error):
        self.closure, self.n, self.error = closure, n, error
        self.__signature__ = inspect.signature(closure)

    def __call__(self, p, *i):
        self.n -= 1
        if self.n == 0:
            raise self.error
        return self.closure(p, *i)


@pytest.mark.parametrize("error", [KeyError("data"), KeyboardInterrupt()])
@pytest.mark.parametrize("name", METHODS)
def test_an_error_in_the_closure_changes_nothing(name, error):
    opt, closure = setting(name)
    opt.step(closure)
    before, raised = digest(opt), 0
    for n in range(1, 12):
        failing = Failing(closure, n, error)
        kept = opt.snapshot()
        try:
            opt.step(failing)
        except (KeyError, KeyboardInterrupt):
            raised += 1
            assert digest(opt) == before
        opt.restore(kept)
    assert raised


def stopped_everywhere(opt, closure, stride):
    """Outcomes of a step stopped at every `stride`-th instruction: 0 for before, 1 for after."""
    begin = opt.snapshot()
    opt.step(closure)
    possible, outcomes, n = [None, digest(opt)], [], 0
    opt.restore(begin)
    possible[0] = digest(opt)
    assert possible[0] != possible[1]
    while True:
        n += stride
        opt.restore(begin)
        stop = Stop(n)
        sys.settrace(stop)
        try:
            opt.step(closure)
        except (KeyboardInterrupt, ZeroDivisionError):
            pass
        finally:
            sys.settrace(None)
        outcomes.append(possible.index(digest(opt)))
        if stop.left > 0:
            return outcomes


@pytest.mark.parametrize(("name", "stride"), [("bfgs", 7), ("lbfgs", 41), ("nelder_mead", 7)])
def test_stop_pressed_at_any_instruction_tears_nothing(name, stride):
    opt, closure = setting(name, **({"max_iter": 3} if name == "lbfgs" else {}))
    opt.step(closure)
    outcomes = stopped_everywhere(opt, closure, stride)
    assert len(outcomes) > 100 and outcomes == sorted(outcomes) and outcomes[-1] == 1


def test_stop_pressed_while_an_error_is_being_handled_tears_nothing():
    opt, closure = setting("bfgs")
    opt.step(closure)
    before, n = digest(opt), 0
    while True:
        n += 3
        stop = Stop(n)
        sys.settrace(stop)
        try:
            opt.step(Failing(closure, 2, ZeroDivisionError()))
        except (KeyboardInterrupt, ZeroDivisionError):
            pass
        finally:
            sys.settrace(None)
        assert digest(opt) == before
        if stop.left > 0:
            break
    assert n > 500


def test_stop_in_a_session_tears_nothing():
    s = tl.Session(seed=0)
    w = s.param(W, name="w")
    opt = tl.optim.LBFGS([w], max_iter=2)

    def closure():
        loss = (w * w * w * w).sum()
        return loss, s.backward(loss)

    outcomes = stopped_everywhere(opt, closure, 61)
    assert len(outcomes) > 50 and outcomes == sorted(outcomes) and outcomes[-1] == 1


@pytest.mark.parametrize("policy", ["raise", "skip", "ieee"])
def test_a_step_to_infinity_follows_the_policy(policy):
    opt = tl.optim.LBFGS({"w": W}, nonfinite=policy)
    start = digest(opt)

    def closure(p):
        value, g = steep(p)
        return value, {"w": g["w"] * (np.inf if np.abs(p["w"] - W).max() > 0 else 1.0)}

    if policy == "raise":
        with pytest.raises(errors.NonFiniteError, match=r"LBFGS: the .* is not finite"):
            opt.step(closure)
    else:
        assert opt.step(closure) == steep({"w": W})[0]
    assert (digest(opt) == start) == (policy != "ieee")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_no_number_where_the_step_begins(bad):
    for policy in ("raise", "skip"):
        opt, _ = setting("bfgs", nonfinite=policy)
        before, closure = digest(opt), lambda p: (bad, squares(p)[1])
        if policy == "raise":
            with pytest.raises(errors.NonFiniteError, match="the value"):
                opt.step(closure)
        else:
            opt.step(closure)
        assert digest(opt) == before


def test_a_fixed_step_out_of_the_domain_is_refused_and_says_where():
    s = tl.Session()
    w = s.param([3.0], name="w")
    opt = tl.optim.Newton([w])
    first = tl.optim.LBFGS([w], lr=9.0)

    def closure():
        loss = (w - tl.log(w)).sum()
        return loss, s.backward(loss)

    before = digest(first)
    with pytest.raises(errors.NonFiniteError, match="LBFGS") as caught:
        first.step(closure)
    assert "log" in str(caught.value.__cause__) and digest(first) == before
    w.value = [-1.0]
    before = digest(opt)
    with pytest.raises(errors.DomainError, match="log"):
        opt.step(closure)
    assert digest(opt) == before
