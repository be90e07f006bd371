"""The torch-shaped classes: a closure sees trial points, and a step happens whole or not at all."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace

import numpy as np
import pytest
from _stop import Stop

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.minimizers import METHODS

RNG = np.random.default_rng(2)
W, B = RNG.normal(size=(2, 2)), RNG.normal(size=2)
X, Y = RNG.normal(size=(7, 2)), RNG.normal(size=(7, 2))


def residuals(p):
    return X @ p["w"] + p["b"] - Y


def squares(p):
    r = residuals(p)
    return float((r * r).sum()) / 2, {"w": X.T @ r, "b": r.sum(0)}


def jacobians(p):
    """Residuals raveled, and how each moves with each parameter."""
    w = np.einsum("ni,jk->njik", X, np.eye(2)).reshape(14, 2, 2)
    return residuals(p).ravel(), {"w": w, "b": np.tile(np.eye(2), (7, 1))}


def hessian(p):
    J = np.concatenate([j.reshape(14, -1) for j in jacobians(p)[1].values()], axis=1)
    return (*squares(p), J.T @ J)


def example(p, i):
    r = residuals(p)[i]
    return float(r @ r) / 2, {"w": np.outer(X[i], r), "b": r}


CLOSURES = {
    "value": lambda p: squares(p)[0], "gradient": squares, "hessian": hessian, "jacobian": jacobians,
    "examples": example,
}


def setting(name, **options):
    """An optimizer of the method and a closure that fits it."""
    need = next(iter(METHODS[name].needs))
    extra = {"examples": 7} if need == "examples" else {}
    return getattr(tl.optim, METHODS[name].class_name)({"w": W, "b": B}, **extra, **options), CLOSURES[need]


def digest(opt):
    s = opt.snapshot()
    slots = None if s.state.slots is None else {k: (v.shape, v.tobytes()) for k, v in s.state.slots.items()}
    counts = (s.state.steps, s.state.iterations, s.state.evaluations)
    return [v.tobytes() for v in s.values], slots, counts, [dict(g) for g in s.groups]


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


# -- state -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", METHODS)
def test_resuming_is_bitwise_the_same(name):
    whole, closure = setting(name)
    for _ in range(5):
        whole.step(closure)
    first, _ = setting(name)
    for cut in (0, 2):
        for _ in range(cut):
            first.step(closure)
        second, _ = setting(name)
        forked = first.snapshot()
        second.load_state_dict(first.state_dict())
        second.restore(replace(second.snapshot(), values=forked.values, groups=forked.groups))
        for _ in range(5 - cut):
            second.step(closure)
        assert digest(second) == digest(whole)


@pytest.mark.parametrize("name", ["bfgs", "lbfgs", "nelder_mead"])
def test_a_snapshot_stays_valid_and_zero_state_forgets(name):
    opt, closure = setting(name)
    opt.step(closure)
    kept, then = opt.snapshot(), digest(opt)
    opt.step(closure)
    ahead = digest(opt)
    opt.restore(kept)
    assert digest(opt) == then != ahead
    opt.step(closure)
    assert digest(opt) == ahead
    opt.zero_state()
    assert opt.state_dict()["state"] == {} and digest(opt)[0] == ahead[0]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: d.pop("state"), "not a state dict"),
        (lambda d: d.__setitem__("state", [1]), "not a state dict"),
        (lambda d: d.__setitem__("param_groups", ["x"]), "group 'x'"),
        (lambda d: d["state"].__setitem__(7, {}), "parameter 7, there are 1"),
        (lambda d: d["state"].__setitem__("9" * 5000, {}), "there are 1"),
        (lambda d: d["state"].__setitem__(10**5000, {}), "parameter <int>, there are 1"),
        (lambda d: d["state"].__setitem__(0, [1]), r"is \[1\]"),
        (lambda d: d["state"][0].__setitem__("d", [[1.0], [2.0, 3.0]]), "not an array"),
        (lambda d: d.__setitem__("rule", "bfgs"), "'bfgs'"),
        (lambda d: d["param_groups"].append({"params": [2]}), "groups"),
        (lambda d: d["param_groups"][0].__setitem__("params", [0]), "groups"),
        (lambda d: d["state"][0].pop("S"), "expected"),
        (lambda d: d["state"][0].__setitem__("S", np.zeros((2, 5))), r"S has shape \(2, 5\)"),
        (lambda d: d["state"][0].__setitem__("d", np.full(6, np.nan)), "d has"),
        (lambda d: d["state"][0].__setitem__("iterations", -1), "not a count"),
        (lambda d: d.__setitem__("steps", True), "not a count"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil, words):
    opt, closure = setting("lbfgs")
    opt.step(closure)
    d, before = opt.state_dict(), digest(opt)
    spoil(d)
    with pytest.raises(errors.CheckpointError, match=words):
        opt.load_state_dict(d)
    with pytest.raises(errors.ShapeError, match="another optimizer"):
        opt.restore(tl.optim.SGD({"w": W, "b": B}).snapshot())
    assert digest(opt) == before


def test_a_state_whose_keys_became_text_in_json_is_the_same():
    first, closure = setting("lbfgs")
    first.step(closure)
    second, closure = setting("lbfgs")
    second.restore(first.snapshot())
    second.zero_state()
    d = first.state_dict()
    second.load_state_dict(d | {"state": {str(key): entry for key, entry in d["state"].items()}})
    assert digest(second) == digest(first)


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


# -- not finite --------------------------------------------------------------------------------
def steep(p):
    return float((p["w"] ** 4).sum()), {"w": 4 * p["w"] ** 3}


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


# -- bad input ---------------------------------------------------------------------------------
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
