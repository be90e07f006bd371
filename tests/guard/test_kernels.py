"""Kernels of the stand-in are compiled and run: they compute what is written in them."""

from __future__ import annotations

import shutil
from fractions import Fraction

import _guard
import numpy as np
import pytest
from _guard import module as cp

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="kernels need a C++ compiler")
EXACT = ("--fmad=false",)
X, Y = np.random.default_rng(1).normal(size=(2, 4, 3))


def kernel(*args, **kwargs):
    return cp.ElementwiseKernel(*args, **{"options": EXACT} | kwargs)


STEP = kernel("T g, float64 lr", "T p, T m", "m = (T)0.9 * m + g; p = p - (T)lr * m", "step")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_in_place_has_the_bits_of_numpy(dtype):
    g, p, m = X.astype(dtype), Y.astype(dtype), (X * Y).astype(dtype)
    on = [cp.asarray(a) for a in (g, p, m)]
    with _guard.counting() as seen:
        out = STEP(on[0], 0.1, *on[1:])
    t = np.dtype(dtype).type
    m = t(0.9) * m + g
    p = p - t(0.1) * m
    assert out[0] is on[1] and out[1] is on[2]
    assert on[2].get().tobytes() == m.tobytes()
    assert on[1].get().tobytes() == p.tobytes()
    assert (seen.total, dict(seen.launches)) == (0, {"step": 1})


def test_outputs_are_made_and_inputs_are_spread():
    k = kernel("T x, T y, bool flip", "T z", "z = flip ? y - x : x - y", "apart")
    row = cp.asarray(Y[0])
    assert k(cp.asarray(X), row, False).get().tobytes() == (X - Y[0]).tobytes()
    assert k(cp.asarray(X.T), row[0], True).get().tobytes() == (Y[0, 0] - X.T).tobytes()
    assert k(cp.zeros((0, 3)), row, False).shape == (0, 3)


def test_an_output_may_be_a_view():
    k = kernel("T x", "T z", "z += x * i", "ramp")
    z = cp.asarray(Y)
    k(cp.asarray(X[:, 0]), z.T[1])
    expected = Y.copy()
    expected[:, 1] += X[:, 0] * np.arange(4)
    assert z.get().tobytes() == expected.tobytes()


def test_raw_parameters_are_read_anywhere():
    k = kernel(
        "raw T x, raw int64 at", "T z",
        "T total = start; for (int j = 0; j < at.size(); ++j) total += x[at[j]] * i; z = total / _ind.size()",
        "gather", preamble="#define start 1", loop_prep="const int unused = 0",
    )  # fmt: skip
    at = np.array([2, 0, 2])
    z = k(cp.asarray(X.T), cp.asarray(at), cp.zeros(5))
    flat = X.T.ravel()
    expected = [(1 + flat[2] * i + flat[0] * i + flat[2] * i) / 5 for i in range(5)]
    assert z.get().tolist() == expected
    filled = kernel("raw T x", "raw T z", "z[x.size() - 1 - i] = x[i]", "turned")
    out = cp.zeros(3)
    assert filled(cp.asarray(X[0]), out, size=3).get().tolist() == X[0, ::-1].tolist()


def test_half_numbers_are_all_read_and_rounded_as_numpy_does():
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    read = kernel("float16 x", "float32 y", "y = x", "read")(cp.asarray(every)).get()
    assert np.array_equal(read, every.astype(np.float32), equal_nan=True)
    finite = every[np.isfinite(every)].astype(np.float32)
    near = [np.nextafter(finite, s) for s in (-np.inf, np.inf)]
    values = np.concatenate([*near, finite * np.float32(1.0003), np.float32([65519, 65520, 1e9, np.inf, np.nan])])
    with np.errstate(over="ignore"):
        want = values.astype(np.float16)
        got = kernel("float32 x", "float16 y", "y = x", "round")(cp.asarray(values)).get()
        assert np.array_equal(got, want, equal_nan=True)
        half = every[np.isfinite(every)][::7]
        two = kernel("T x, T y", "T z", "z = x * y; z = z + x", "half")(*map(cp.asarray, (half, half[::-1].copy())))
        assert np.array_equal(two.get(), half * half[::-1] + half, equal_nan=True)


def test_functions_are_those_of_the_c_library():
    code = "a = erf(x); b = max(x, (T)0) + abs(x); c = isnan(x) ? 1 : sqrt(min(x, 0) * -1)"
    k = kernel("T x", "T a, T b, T c", code, "several")
    a, b, c = (r.get() for r in k(cp.asarray(X)))
    assert a.tobytes() == _guard.special.erf(cp.asarray(X)).get().tobytes()
    assert b.tobytes() == (np.maximum(X, 0) + np.abs(X)).tobytes()
    assert c.tobytes() == np.sqrt(np.minimum(X, 0) * -1).tobytes()


def test_products_are_contracted_unless_that_is_forbidden():
    x = 1 + 2.0**-30
    exact = Fraction(x) * Fraction(x) - 1
    args = cp.asarray(np.full(8, x)), cp.asarray(np.full(8, -1.0))
    apart = kernel("T x, T y", "T z", "z = x * x + y", "plain")(*args)
    once = kernel("T x, T y", "T z", "z = x * x + y", "fused", options=())(*args)
    assert apart.get()[0] == x * x - 1
    assert once.get()[0] in (float(exact), x * x - 1)  # the second where the processor cannot


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (lambda: (cp.ones(3, dtype=np.float32), 0.1, cp.ones(3), cp.ones(3)), TypeError),
        (lambda: (cp.ones(3), 0.1, cp.ones(2), cp.ones(2)), ValueError),
        (lambda: (cp.ones(3), 0.1, np.ones(3), cp.ones(3)), TypeError),
        (lambda: (cp.ones(3),), TypeError),
        (lambda: (1.0, 0.1), ValueError),
        (lambda: (cp.ones(3, dtype=np.complex64), 0.1), TypeError),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_refused(args, error):
    with pytest.raises(error):
        STEP(*args())


def test_what_is_no_parameter_is_refused():
    with pytest.raises(ValueError, match="parameter"):
        kernel("double x", "T y", "y = x", "k")
    with pytest.raises(RuntimeError, match="does not compile"):
        kernel("T x", "T y", "y = nothing", "k")(cp.ones(2))


def test_a_launch_can_fail():
    with _guard.failing("step", cp.cuda.driver.CUDADriverError(700)), pytest.raises(RuntimeError, match="700"):
        STEP(cp.ones(2), 0.1, cp.ones(2), cp.ones(2))
