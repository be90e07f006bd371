"""PyTorch's L-BFGS call by call, and SciPy's minima and iterates."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse.linalg
import torch

import torchlean_nb as tl

RNG = np.random.default_rng(0)
Q = RNG.normal(size=(6, 6))
Q, C = Q @ Q.T + np.eye(6), RNG.normal(size=6)


@pytest.fixture(autouse=True)
def doubles():
    old = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(old)


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    g = np.zeros_like(x)
    g[:-1] = -400 * a * (b - a**2) - 2 * (1 - a)
    g[1:] += 200 * (b - a**2)
    return (100 * (b - a**2) ** 2 + (1 - a) ** 2).sum(), g


def quadratic(x):
    return 0.5 * x @ Q @ x - C @ x, Q @ x - C


def logistic(x):
    z = Q @ x
    return np.logaddexp(0, z).sum() - 0.5 * z.sum() + 0.05 * x @ x, Q.T @ (1 / (1 + np.exp(-z)) - 0.5) + 0.1 * x


def beale(x):
    a, b = x
    r = np.array([1.5 - a + a * b, 2.25 - a + a * b**2, 2.625 - a + a * b**3])
    return r @ r, 2 * np.array([[b - 1, a], [b**2 - 1, 2 * a * b], [b**3 - 1, 3 * a * b**2]]).T @ r


PROBLEMS = {
    "rosenbrock": (rosenbrock, [-1.2, 1.0, 0.5, -0.3]), "quadratic": (quadratic, RNG.normal(size=6)),
    "logistic": (logistic, RNG.normal(size=6)), "beale": (beale, [0.5, 0.2]),
}
OPTIONS = [
    {}, {"lr": 0.1, "max_iter": 5}, {"lr": 0.7, "history_size": 2, "max_iter": 4}, {"max_iter": 7, "max_eval": 3},
    {"line_search_fn": "strong_wolfe"}, {"line_search_fn": "strong_wolfe", "max_iter": 3, "lr": 0.3},
    {"line_search_fn": "strong_wolfe", "max_iter": 1}, {"line_search_fn": "strong_wolfe", "max_iter": 4, "lr": 30.0},
    {"line_search_fn": "strong_wolfe", "max_iter": 2, "max_eval": 20, "history_size": 1, "tolerance_change": 1e-3},
]  # fmt: skip


# On these paths one rounding of the start grows beyond the bound by itself.
ROUGH = {("rosenbrock", 30.0), ("beale", 0.1)}


def calls(f, start, options):
    """Parameters after each of twenty calls."""
    opt = tl.optim.LBFGS({"x": start}, **options)
    for _ in range(20):
        opt.step(lambda p: (f(p["x"])[0], {"x": f(p["x"])[1]}))
        yield opt.params["x"]


def growth(f, start, options):
    """What one rounding of the start has become after twenty calls."""
    pairs = zip(*(calls(f, np.array(start) * scale, options) for scale in (1.0, 1 + 2e-16)), strict=True)
    return max(np.abs(one - two).max() for one, two in pairs)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", PROBLEMS)
def test_twenty_calls_of_lbfgs_equal_torchs(name, options):
    f, start = PROBLEMS[name]
    x = torch.tensor(np.array(start), requires_grad=True)
    theirs = torch.optim.LBFGS([x], **options)
    ours = tl.optim.LBFGS({"x": np.array(start)}, **options)

    def closure():
        value, x.grad = (torch.tensor(a) for a in f(x.detach().numpy()))
        return value

    close = 1e-12
    if (name, options.get("lr")) in ROUGH:
        close = 30 * growth(f, start, options)
        assert 1e-12 < close < 1e-7
    for _ in range(20):
        value = ours.step(lambda p: (f(p["x"])[0], {"x": f(p["x"])[1]}))
        assert value == pytest.approx(float(theirs.step(closure)), rel=close, abs=close)
        want = x.detach().numpy()
        assert np.abs(ours.params["x"] - want).max() <= close * max(1.0, np.abs(want).max())
        state = ours.state_dict()["state"].get(0)
        if state is not None:
            assert (state["evaluations"], state["n_iter"]) == (theirs.state[x]["func_evals"], theirs.state[x]["n_iter"])
    assert np.abs(ours.params["x"] - start).max() > 1e-3 or "max_iter" in options


def test_arguments_and_defaults_are_torchs():
    known = inspect.signature(torch.optim.LBFGS).parameters
    assert tl.optim.LBFGS({"w": np.ones(2)}).defaults == {k: p.default for k, p in known.items() if k != "params"}


def tensors(f):
    """The same function, of Tensors."""
    return {
        rosenbrock: lambda x: (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum(),
        quadratic: lambda x: 0.5 * (x @ (Q @ x)) - (C * x).sum(),
        logistic: lambda x: (tl.softplus(Q @ x) - 0.5 * (Q @ x)).sum() + 0.05 * (x**2).sum(),
    }[f]


# DFP does not recover from a poor step length.
FINE = {"dfp": {"c2": 0.1}}


@pytest.mark.parametrize("method", ["bfgs", "dfp", "sr1", "nonlinear_cg", "damped_newton"])
@pytest.mark.parametrize("name", ["rosenbrock", "quadratic", "logistic"])
def test_minima_are_scipys(name, method):
    f, start = PROBLEMS[name]
    start = np.array(start) if name != "rosenbrock" else np.array([1.2, 1.0, 1.1, 0.9])
    want = scipy.optimize.minimize(f, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    found = tl.minimize(tensors(f), start, method, **FINE.get(method, {}))
    assert found.converged and np.allclose(found.x, want.x, atol=1e-6) and found.value <= want.fun + 1e-12


T = np.linspace(0.0, 3.0, 20)
DATA = 2.0 * np.exp(-1.3 * T) + 0.5 + 0.05 * np.sin(40 * T)


@pytest.mark.parametrize("method", ["levenberg_marquardt", "levenberg", "gauss_newton"])
def test_least_squares_minima_are_scipys(method):
    found = tl.minimize(lambda x: x[0] * tl.exp(-x[1] * T) + x[2] - DATA, [1.0, 1.0, 0.0], method)
    want = scipy.optimize.least_squares(lambda x: x[0] * np.exp(-x[1] * T) + x[2] - DATA, [1.0, 1.0, 0.0], method="lm",
                                        xtol=1e-14, ftol=1e-14, gtol=1e-14)  # fmt: skip
    assert found.converged and np.allclose(found.x, want.x, atol=1e-7) and found.value == pytest.approx(want.cost)


@pytest.mark.parametrize("start", [[-1.2, 1.0], [0.0, 3.0], [2.0, -1.5, 0.7], [0.0, 0.0, 0.0, 1.0]])
def test_the_iterates_of_nelder_mead_are_scipys(start):
    path = []
    scipy.optimize.minimize(
        lambda x: rosenbrock(x)[0], start, method="Nelder-Mead", callback=lambda x: path.append(x.copy()),
        options={"xatol": 1e-8, "fatol": 1e-8, "maxiter": 2000, "maxfev": 5000},
    )
    found = tl.minimize(tensors(rosenbrock), start, "nelder_mead", steps=len(path))
    assert len(path) > 100 and len(found.steps) == len(path) and found.converged
    assert np.abs(found.points[1:] - path).max() <= 1e-9


def test_the_iterates_of_conjugate_gradients_are_scipys():
    path = []
    scipy.sparse.linalg.cg(Q, C, x0=np.ones(6), rtol=1e-13, callback=lambda x: path.append(x.copy()))
    found = tl.minimize(tensors(quadratic), np.ones(6), "conjugate_gradient", steps=len(path), tol=0.0)
    assert len(path) >= 6 and np.abs(found.points[1:] - path)[:6].max() <= 1e-9


def test_strong_wolfe_finds_a_step_wherever_scipy_does():
    both = tl.value_and_grad(tensors(rosenbrock))
    for x in RNG.normal(size=(30, 4)):
        d = -rosenbrock(x)[1]
        theirs = scipy.optimize.line_search(lambda x: rosenbrock(x)[0], lambda x: rosenbrock(x)[1], x, d, maxiter=40)[0]
        assert theirs is None or tl.minimizers.line_search(both, x, d).found
