"""Functions of functions: values, nesting, and no confusion between levels."""

import numpy as np
import pytest

import torchlean_nb as tl


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def test_the_fifth_derivative_of_sine_is_cosine():
    f = tl.sin
    for _ in range(5):
        f = tl.grad(f)
    assert float(f(0.3)) == pytest.approx(np.cos(0.3), rel=1e-14)


def test_inner_and_outer_derivatives_do_not_mix():
    f = tl.grad(lambda x: x * tl.grad(lambda y: x + y)(x))
    assert float(f(2.0)) == 1.0
    g = tl.grad(lambda x: x * tl.jvp(lambda y: x * y, (x,), (1.0,))[1])
    assert float(g(3.0)) == 6.0


def test_hessians_agree_whichever_way():
    x = np.array([-1.2, 1.0])
    exact = np.array([[1200 * x[0] ** 2 - 400 * x[1] + 2, -400 * x[0]], [-400 * x[0], 200.0]])
    for h in (
        tl.hessian(rosenbrock),
        tl.jacrev(tl.grad(rosenbrock)),
        tl.jacfwd(tl.jacrev(rosenbrock)),
        tl.jacrev(tl.jacfwd(rosenbrock)),
    ):
        assert np.allclose(h(x), exact, rtol=1e-12)
    v = np.array([0.3, -0.7])
    assert np.allclose(tl.hvp(rosenbrock, x, v), exact @ v, rtol=1e-12)


def test_jacobians_have_the_shape_out_plus_in():
    w = np.arange(6.0).reshape(2, 3)

    def f(x):
        return tl.tanh(x @ w.T)

    x = np.linspace(-1, 1, 12).reshape(4, 3)
    rev, fwd = tl.jacrev(f)(x), tl.jacfwd(f)(x)
    assert rev.shape == fwd.shape == (4, 2, 4, 3) and np.allclose(rev, fwd, rtol=1e-13)


def test_several_arguments():
    def f(a, b):
        return (a * b + a).sum()

    value, (da, db) = tl.value_and_grad(f, argnums=(0, 1))([1.0, 2.0], [3.0, 4.0])
    assert float(value) == 14.0 and da.tolist() == [4.0, 5.0] and db.tolist() == [1.0, 2.0]
    assert tl.grad(f, argnums=1)([1.0, 2.0], [3.0, 4.0]).tolist() == [1.0, 2.0]
    ha, hb = tl.hvp(f, ([1.0, 2.0], [3.0, 4.0]), ([1.0, 0.0], [0.0, 1.0]))
    assert ha.tolist() == [0.0, 1.0] and hb.tolist() == [1.0, 0.0]


def test_vjp_and_jvp_of_a_vector_function():
    out, pullback = tl.vjp(lambda x: x * x, [1.0, -2.0])
    assert out.tolist() == [1.0, 4.0] and pullback([1.0, 10.0]).tolist() == [2.0, -40.0]
    _, dy = tl.jvp(lambda x: x * x, ([1.0, -2.0],), ([1.0, 1.0],))
    assert dy.tolist() == [2.0, -4.0]


def test_a_result_that_does_not_depend_has_zero_gradient():
    assert tl.grad(lambda x: 0.0 * x + 3.0)(2.0) == 0.0
    assert tl.grad(lambda x: 3.0)([1.0, 2.0]).tolist() == [0.0, 0.0]


def test_non_scalars_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match="jacrev"):
        tl.grad(lambda x: x * 2.0)([1.0, 2.0])


def test_second_derivatives_reach_through_saved_residuals():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3,))

    def f(x):
        return (tl.batch_norm(x, w, w) ** 2 * tl.softmax(x)).sum()

    h, e, step = tl.hessian(f)(x).reshape(12, 12), np.eye(12), 1e-5
    numeric = np.array([
        (tl.grad(f)(x + step * d) - tl.grad(f)(x - step * d)).ravel() / (2 * step) for d in e.reshape(12, 4, 3)
    ])
    assert np.allclose(h, h.T, atol=1e-12) and np.allclose(h, numeric, atol=1e-6)


def test_functions_inherit_float32():
    g = tl.grad(lambda x: (x * x).sum())(np.ones(3, dtype=np.float32))
    assert g.dtype == np.float32


def test_the_diagonal_of_a_hessian_exact_and_estimated():
    def f(x, y):
        return (x * x * y).sum() + tl.exp(x[0] * x[1]) + (y**3).sum()

    at = (np.array([0.5, -1.0]), np.array([2.0, 3.0]))
    whole = np.diag(tl.hessian(lambda x: f(x, at[1]))(at[0]))
    exact = tl.hessian_diagonal(f, at)
    assert np.allclose(exact[0], whole, rtol=1e-12) and np.allclose(exact[1], 6 * at[1], rtol=1e-12)
    guess = tl.hessian_diagonal(f, at, samples=400, seed=1)
    assert np.abs(np.concatenate(guess) - np.concatenate(exact)).max() < 0.35
    assert np.array_equal(guess[0], tl.hessian_diagonal(f, at, samples=400, seed=1)[0])
    # Where the Hessian is diagonal one draw is exact.
    assert tl.hessian_diagonal(lambda x: (x**4).sum(), np.array([1.0, 2.0]), samples=1).tolist() == [12.0, 48.0]
    for bad in (0, -1, 1.5, True):
        with pytest.raises(tl.errors.HyperparameterError, match="samples"):
            tl.hessian_diagonal(f, at, samples=bad)


def test_sophia_takes_a_diagonal_every_few_steps():
    w = np.array([1.0, -2.0, 3.0])
    bowl = np.array([1.0, 10.0, 100.0])
    opt = tl.optim.Sophia({"w": w}, lr=0.05, gamma=1.0, update_interval=4, weight_decay=0.0)
    for k in range(200):
        p = opt.params["w"]
        h = {"w": tl.hessian_diagonal(lambda x: (x * x * bowl).sum() / 2, p, samples=1)} if k % 4 == 0 else None
        opt.step({"w": bowl * p}, curvature=h)
    assert np.abs(opt.params["w"]).max() < 0.2


@pytest.mark.parametrize(
    ("f", "second"),
    [
        (lambda x: (x / 2) ** 2, 0.5), (lambda x: (2 * tl.inv(x + 1) - 2) ** 2, 8.0),
        (lambda x: tl.log(x + 1) ** 2, 2.0), (lambda x: tl.log1p(x) ** 2, 2.0), (lambda x: tl.cos(x / 2), -0.25),
        (lambda x: (tl.sqrt(x + 1) - 1) ** 2, 0.5), (lambda x: ((x + 1) ** 1.5 - 1) ** 2, 4.5),
    ],
    ids=["div", "inv", "log", "log1p", "cos of div", "sqrt", "pow"],
)  # fmt: skip
def test_a_gradient_of_zero_has_a_slope(f, second):
    # Rows of infinite slopes stop a zero cotangent there; elsewhere it changes with what lies above.
    slope, one = tl.grad(f), np.array(1.0)
    ways = [
        tl.grad(slope)(0.0), tl.hessian(f)(0.0), tl.jvp(slope, (0.0,), (1.0,))[1], tl.grad(tl.jacfwd(f))(0.0),
        tl.compile(tl.grad(slope), one)(np.array(0.0)),
    ]  # fmt: skip
    assert slope(0.0) == 0 and np.allclose(ways, second, rtol=1e-13, atol=0), ways


def test_the_third_derivative_of_the_sigmoid_has_no_hole_at_zero():
    assert tl.grad(tl.grad(tl.grad(tl.sigmoid)))(0.0) == -0.125
