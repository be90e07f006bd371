"""``tl.minimize``: any form of argument, every way to end in words, bad input refused."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors


def bowl(x):
    return ((x - 3.0) ** 2).sum()


def steep(x):
    return (x**4).sum()


@pytest.mark.parametrize("start", [5.0, 5, [1.0, 2.0], np.ones((2, 3)), np.ones(3, np.float32), [[1, 2], [3, 4]]])
def test_the_result_has_the_form_of_the_start(start):
    found = tl.minimize(bowl, start, tol=1e-3)
    assert found.x.shape == np.shape(start) and np.allclose(found.x, 3.0, atol=1e-3) and found.converged
    assert found.x.dtype == (np.float32 if getattr(start, "dtype", None) == np.float32 else np.float64)


@pytest.mark.parametrize("method", ["bfgs", "newton", "conjugate_gradient", "nelder_mead", "adam"])
def test_a_dict_of_arrays_comes_back_as_one(method):
    f = lambda p: ((p["w"] - 1.0) ** 2).sum() + (p["b"] - p["w"][0, 0]) ** 2  # noqa: E731
    start = {"w": np.zeros((2, 1)), "b": 0.5}
    found = tl.minimize(f, start, method, **({"lr": 0.3} if method == "adam" else {}))
    assert list(found.x) == ["w", "b"] and found.x["w"].shape == (2, 1) and found.x["b"].shape == ()
    assert all(np.allclose(v, 1.0, atol=1e-6) for v in found.x.values())


def test_residuals_of_a_dict():
    t = np.linspace(0.0, 2.0, 9)
    y = 2.0 * np.exp(-t)
    found = tl.minimize(lambda p: p["a"] * tl.exp(-p["k"] * t) - y, {"a": 1.0, "k": 0.5}, "levenberg_marquardt")
    assert found.converged and np.allclose([found.x["a"], found.x["k"]], [2.0, 1.0])
    assert found.values[0] == pytest.approx(((np.exp(-0.5 * t) - y) ** 2).sum() / 2)


def test_the_path_and_its_text():
    found = tl.minimize(steep, [2.0, -1.0], "newton", steps=20, tol=0.0)
    assert found.points.shape == (21, 2) and np.allclose(found.points[1], found.points[0] * 2 / 3)
    assert found.values[0] == 17.0 and (np.diff(found.values) < 0).all() and found.stopped == "all 20 steps taken"
    lines = found.to_text().splitlines()
    assert "all 20 steps taken" in lines[0] and "20 steps, 21 evaluations" in lines[1] and "  ..." in lines
    assert lines[3].split()[:2] == ["0", "17"] and lines[-1].split()[0] == "20" and len(lines) == 3 + 12 + 1
    assert len(found.to_text(rows=100).splitlines()) == 3 + 21


def test_a_start_at_the_minimum_needs_no_step():
    found = tl.minimize(bowl, [3.0, 3.0])
    assert found.converged and found.steps == () and found.evaluations == 1 and found.gradient_norm == 0
    assert tl.minimize(bowl, [5.0], steps=0).stopped == "all 0 steps taken"


# -- not finite --------------------------------------------------------------------------------
def test_a_run_that_grows_without_bound_is_an_error_or_ends_at_the_last_finite_point():
    with pytest.raises(errors.NonFiniteError, match=r"SGD: the value is not finite after step \d"):
        tl.minimize(steep, [3.0], "sgd", lr=1.0)
    found = tl.minimize(steep, [3.0], "sgd", lr=1.0, nonfinite="stop")
    assert "led to an inf or NaN" in found.stopped and not found.converged
    assert np.isfinite(found.points).all() and np.isfinite(found.value) and found.x == found.points[-1]


def test_a_start_outside_the_domain_is_an_error():
    with pytest.raises(errors.NonFiniteError, match="at the start"):
        tl.minimize(lambda x: tl.log(x).sum(), [-1.0])


# -- bad input ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "bfg"}, errors.UnknownNameError, "did you mean bfgs"),
        ({"method": "Nelder-Mead"}, errors.UnknownNameError, "nelder_mead"),
        ({"method": 3}, errors.UnknownNameError, "no method named 3"),
        ({"method": "newton", "lr": -1}, errors.HyperparameterError, "Newton: lr=-1"),
        ({"method": "bfgs", "c1": 1.0}, errors.HyperparameterError, "c1=1.0"),
        ({"method": "bfgs", "c1": 0.5, "c2": 0.1}, errors.HyperparameterError, "c1 < c2"),
        ({"method": "nonlinear_cg", "c2": 1e-5}, errors.HyperparameterError, "c1 < c2"),
        ({"method": "bfgs", "line_search": "wolfe"}, errors.HyperparameterError, "strong_wolfe"),
        ({"method": "bfgs", "lr": 1.0}, errors.HyperparameterError, "there is no option 'lr'"),
        ({"method": "svrg"}, errors.HyperparameterError, "examples is missing"),
        ({"method": "sophia"}, errors.CapabilityError, "curvature"),
        ({"steps": -1}, errors.HyperparameterError, "steps=-1"),
        ({"steps": 1.5}, errors.HyperparameterTypeError, "steps"),
        ({"tol": -1e-9}, errors.HyperparameterError, "tol"),
        ({"tol": np.nan}, errors.HyperparameterError, "tol"),
        ({"nonfinite": "ignore"}, errors.HyperparameterError, "nonfinite"),
        ({"x0": []}, errors.ShapeError, "no elements"),
        ({"x0": {}}, errors.ShapeError, "no elements"),
        ({"x0": [1.0, np.nan]}, errors.NonFiniteError, "x0"),
        ({"x0": "start"}, errors.DTypeError, "x0"),
        ({"x0": [[1.0], [1.0, 2.0]]}, errors.ShapeError, "not an array"),
        ({"x0": {"w": None}}, errors.DTypeError, "'w'"),
        ({"f": 3.0}, errors.HyperparameterTypeError, "not a function"),
        ({"f": lambda x: x * 2}, errors.NonScalarError, "shape"),
        ({"f": lambda x: x * 2, "method": "nelder_mead"}, errors.NonScalarError, "shape"),
        ({"method": "gauss_newton"}, errors.ShapeError, "residuals"),
    ],
)
def test_bad_input_is_refused_in_plain_words(options, error, words):
    calls = []

    def f(x):
        calls.append(x)
        return bowl(x)

    given = {"f": f, "x0": [1.0, 2.0], **options}
    with pytest.raises(error, match=words):
        tl.minimize(given.pop("f"), given.pop("x0"), **given)
    assert len(calls) <= ("residuals" in words)


def test_an_error_in_the_function_comes_through():
    def f(x):
        raise KeyError("data")

    with pytest.raises(KeyError, match="data"):
        tl.minimize(f, [1.0])


# -- stories -----------------------------------------------------------------------------------
def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def test_rosenbrock_newton_jumps_over_the_hill_bfgs_walks_round_and_descent_crawls():
    newton = tl.minimize(rosenbrock, [-1.2, 1.0], "newton")
    bfgs = tl.minimize(rosenbrock, [-1.2, 1.0], "bfgs")
    descent = tl.minimize(rosenbrock, [-1.2, 1.0], "steepest_descent", line_search="armijo", steps=200)
    assert len(newton.steps) == 6 and newton.values.max() > 1000 and newton.converged
    assert 20 < len(bfgs.steps) < 60 and (np.diff(bfgs.values) < 0).all() and bfgs.converged
    assert not descent.converged and 1e-3 < descent.value < 4.2 and (np.diff(descent.values) <= 0).all()


def test_himmelblau_the_start_chooses_the_minimum():
    f = lambda x: (x[0] ** 2 + x[1] - 11.0) ** 2 + (x[0] + x[1] ** 2 - 7.0) ** 2  # noqa: E731
    ends = {tuple(np.round(tl.minimize(f, s).x, 3)) for s in ([4, 4], [-4, 4], [-4, -4], [4, -4])}
    assert ends == {(3.0, 2.0), (-2.805, 3.131), (-3.779, -3.283), (3.584, -1.848)}


def test_a_small_network_is_fitted_by_bfgs():
    t = np.linspace(-2.0, 2.0, 12)[:, None]
    y = np.sin(t)
    rng = np.random.default_rng(0)
    start = {"v": rng.normal(size=(1, 6)), "c": rng.normal(size=6), "w": 0.3 * rng.normal(size=(6, 1))}

    def loss(p):
        return ((tl.tanh(t @ p["v"] + p["c"]) @ p["w"] - y) ** 2).mean()

    found = tl.minimize(loss, start, "lbfgs", line_search_fn="strong_wolfe", tolerance_change=0.0, steps=300, tol=1e-6)
    assert found.value < 1e-5 < 0.1 < found.values[0]


def test_a_function_that_returns_no_tensor_has_no_gradient_to_find_small():
    def squares(x):
        return float((x.value**2).sum())

    with pytest.raises(errors.HyperparameterTypeError, match=r"returned float, not a Tensor(.|\n)*nelder_mead"):
        tl.minimize(squares, [1.0, 2.0])
    assert tl.minimize(squares, [1.0, 2.0], "nelder_mead").value < 1e-9


def test_a_class_may_stand_for_the_name_of_its_method():
    for cls, name in ((tl.optim.LBFGS, "lbfgs"), (tl.optim.SGD, "sgd")):
        ends = [tl.minimize(lambda x: (x * x).sum(), [1.0, 2.0], m, lr=0.1, steps=3).x for m in (cls, name)]
        assert np.array_equal(*ends)
