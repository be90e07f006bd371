"""Minimization of functions that are computed on a device: the CPU's iterates to the bit, by every method.

The device is the stand-in for CuPy. The classes of ``tl.optim`` are run on parameters of a session there.
"""

from __future__ import annotations

import sys

import _guard
import numpy as np
import pytest
from _stop import Stop
from guard.there import device
from optim.interrupts import digest

import torchlean_nb as tl
from torchlean_nb.backend import devices
from torchlean_nb.errors import NonFiniteError
from torchlean_nb.minimizers import METHODS, line_search
from torchlean_nb.shells.closure import class_of_method

X0 = np.array([-1.2, 1.0, 0.5])


def rosenbrock(x):
    return ((1 - x[:-1]) ** 2).sum() + (100 * (x[1:] - x[:-1] ** 2) ** 2).sum()


def residuals(x):
    return x * tl.exp(x) - 1.0


def example(x, i):
    return ((x - i) ** 2).sum()


def problem(row):
    """A function that a method can take, and the options it needs."""
    need = next(iter(row.needs))
    return {"jacobian": (residuals, {}), "examples": (example, {"examples": 4})}.get(need, (rosenbrock, {}))


@pytest.mark.parametrize("name", [k for k, row in METHODS.items() if row.builtin])
def test_a_method_takes_the_same_way_on_the_device(name):
    f, options = problem(METHODS[name])
    here, there = (
        tl.minimize(f, x, name, steps=12, nonfinite="stop", **options) for x in (X0, device().put(X0.copy()))
    )
    assert there.points.tobytes() == here.points.tobytes()
    assert there.values.tobytes() == here.values.tobytes()
    assert (there.stopped, there.evaluations) == (here.stopped, here.evaluations)
    assert there.to_text() == here.to_text()
    assert np.asarray(devices.host(there.x)).tobytes() == here.x.tobytes()


@pytest.mark.parametrize("name", [*(k for k, row in METHODS.items() if row.stays and row.builtin), "adam", "sgd"])
def test_vectors_stay_on_the_device_where_the_method_says_so(name):
    out = []
    for steps in (3, 6):
        x = device().put(X0.copy())
        with _guard.counting() as seen:
            found = tl.minimize(rosenbrock, x, name, steps=steps, tol=0.0)
        assert len(found.steps) == steps
        out.append(seen.arrays_out)
    assert out[0] == out[1] <= 4  # the start with its gradient and the end, where they are shown


@pytest.mark.parametrize("name", ["adam", "sgd", "lion", "lbfgs", "bfgs"])
def test_a_start_of_several_arrays_stays_several(name):
    def f(p):
        return ((p["a"] - 1) ** 2).sum() + (p["a"].sum() * p["b"]) ** 2

    start = {"a": np.array([0.5, 2.0]), "b": np.array(0.3)}
    here = tl.minimize(f, start, name, steps=5)
    there = tl.minimize(f, {k: device().put(a) for k, a in start.items()}, name, steps=5)
    assert {k: devices.host(a).tobytes() for k, a in there.x.items()} == {k: a.tobytes() for k, a in here.x.items()}


def test_a_line_search_goes_along_a_direction_of_the_device():
    f = tl.value_and_grad(rosenbrock)
    here, there = line_search(f, X0), line_search(f, device().put(X0.copy()))
    assert here.to_text() == there.to_text()


def test_a_start_that_is_not_finite_is_refused_on_the_device_too():
    with pytest.raises(NonFiniteError, match="x0"):
        tl.minimize(rosenbrock, device().put(np.array([1.0, np.inf])))


# -- the torch-shaped classes --------------------------------------------------------------------------------
def trained(name, there, steps=2):
    """An optimizer over two parameters of a session, and what it is stepped with."""
    s = tl.Session(device=device() if there else "cpu")
    x, y = s.param(X0[:2], name="x"), s.param(X0[2:], name="y")
    row = METHODS[name]
    options = {"examples": 3} if "examples" in row.needs else {}
    opt = class_of_method(row)([x, y], nonfinite="ieee", **options)
    need = next(iter(row.needs))

    def closure(i=1):
        loss = ((x - 1.0) ** 2).sum() + (x.sum() * (y - i)).sum() ** 2
        if need == "value":
            return loss
        grads = s.backward(loss)
        if need == "hessian":
            return loss, grads, np.diag([3.0, 4.0, 5.0])
        if need == "jacobian":
            r = np.array([x.value.sum() - 1, y.value[0] - 2, x.value[0]])
            return r, {x: np.array([[1.0, 1], [0, 0], [1, 0]]), y: np.array([[0.0], [1], [0]])}
        return loss, grads

    wanted = (lambda i: closure(i)) if need == "examples" else (lambda: closure())
    for _ in range(steps):
        opt.step(wanted)
    return opt, wanted


@pytest.mark.parametrize("name", [k for k, row in METHODS.items() if row.builtin])
def test_a_class_steps_parameters_of_a_session_on_the_device(name):
    here, there = trained(name, False)[0], trained(name, True)[0]
    assert digest((there,)) == digest((here,))
    assert all(device().owns(p.array) for p in there._cells)
    assert repr(there.explain("x")) == repr(here.explain("x"))


@pytest.mark.parametrize("name", ["lbfgs", "bfgs", "nonlinear_cg", "nelder_mead", "saga"])
def test_a_state_goes_from_one_device_to_the_other(name):
    (here, f), (there, g) = trained(name, False), trained(name, True)
    (fresh, h) = trained(name, True, steps=0)
    for p, q in zip(fresh._cells, here._cells, strict=True):
        p.set(q.value)
    fresh.load_state_dict(here.state_dict())
    kept = there.snapshot()
    for opt, closure in ((here, f), (there, g), (fresh, h)):
        opt.step(closure)
    assert digest((fresh,)) == digest((here,)) == digest((there,))
    there.restore(kept)
    there.step(g)
    assert digest((there,)) == digest((here,))


@pytest.mark.parametrize("name", ["lbfgs", "nonlinear_cg", "bfgs"])
def test_stop_puts_back_what_the_trials_have_changed(name):
    opt, closure = trained(name, True)
    old = digest((opt,))
    opt.step(closure)
    new = digest((opt,))
    for n in range(1, 40000, 3571):
        opt, closure = trained(name, True)
        stop = Stop(n)
        sys.settrace(stop)
        try:
            opt.step(closure)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        if not stop.pressed:
            break
        assert digest((opt,)) in (old, new), n
