"""check_op, check_gradients and check_adjoint: true when right, and readable when wrong."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.laws import LAWS, LawError, check_adjoint, check_gradients, check_op

S = tl.extend.S
RNG = np.random.default_rng(0)
W, X = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))


def wrong_tanh():
    return tl.ops["tanh"].with_(name="my_tanh", builtin=False, partials=(lambda xp, t, y, x: t * (1 - y),))


def wrong_matmul():
    """Its second VJP forgets one row."""
    vjp = tl.ops["matmul"].vjps[1]
    first = (slice(1, None),)
    return tl.ops["matmul"].with_(name="my_matmul", vjps=(tl.ops["matmul"].vjps[0], lambda xp, g, y, a, b: vjp(
        xp, xp.put_index(xp.index(g, key=first), shape=g.shape, key=first), y,  a, b)))


def test_a_right_row_gives_a_true_report_with_one_line_per_law():
    report = check_op(tl.tanh)
    assert report and bool(report) and not report.failed
    assert all(name in str(report) for name in LAWS)
    assert repr(report) == report.to_text()


def test_a_row_may_be_named():
    assert check_op("add").op == "add"
    with pytest.raises(tl.errors.UnknownNameError, match="did you mean"):
        check_op("ad")


def test_a_wrong_row_raises_with_the_law_and_the_numbers():
    with pytest.raises(LawError, match="tangent_is_slope") as e:
        check_op(wrong_tanh())
    assert "finite difference" in str(e.value) and "my_tanh" in str(e.value)
    report = check_op(wrong_tanh(), raises=False)
    assert not report and {f.law for f in report.failed} >= {"tangent_is_slope", "second_derivative_is_slope"}


def test_a_row_that_cannot_run_is_a_finding():
    report = check_op(tl.ops["tanh"].with_(forward=lambda xp, x: xp.tanhh(x)), raises=False)
    assert not report and "tanhh" in str(report)


def test_a_row_without_samples_is_refused():
    with pytest.raises(LawError, match="samples"):
        check_op(tl.ops["tanh"].with_(samples=()))


def test_gradients_of_a_right_function():
    report = check_gradients(lambda w, x: tl.tanh(w @ x), (W, X))
    assert report and [line.directions for line in report.lines] == [12, 6]
    assert max(line.error for line in report.lines) < 1e-9


def test_gradients_of_a_wrong_function_name_argument_and_entry():
    bad = wrong_matmul()
    with pytest.raises(LawError, match=r"argument 1, shape \(3, 2\): at entry \(0, 0\)"):
        check_gradients(lambda w, x: bad(w, x), (W, X))
    report = check_gradients(lambda w, x: bad(w, x), (W, X), raises=False)
    assert not report and [bool(line.complaint) for line in report.lines] == [False, True]


def test_large_arguments_are_checked_along_eight_directions():
    report = check_gradients(lambda x: (x * x).sum(), (RNG.normal(size=(9, 8)),))
    assert report and report.lines[0].directions == 8


def test_on_a_kink_any_slope_between_both_sides_is_right():
    report = check_gradients(lambda x: tl.relu(x).sum(), ([0.0, 1.0, -1.0],))
    assert report and report.lines[0].kinks == 1 and "on a kink" in str(report)
    steep = tl.ops["relu"].with_(partials=(lambda xp, t, y, x: t * 2 * xp.greater_equal(x, 0),))
    assert not check_gradients(lambda x: steep(x).sum(), ([0.0],), raises=False)


def test_one_number_needs_no_tuple():
    assert check_gradients(lambda x: x**3, 2.0) and check_adjoint(lambda x: x**3, 2.0)


def test_the_certificate_is_exact_and_frozen():
    c = check_adjoint(lambda w, x: (w @ x - 1) ** 2, ([[2.0, 1.0]], [3.0, 0.5]))
    assert c and c.exact and c.equal and isinstance(c.lhs, Fraction) and c.lhs == c.rhs
    assert c.directions == 1 + 2 + 2 and all(i.lhs == i.rhs for i in c.identities)
    with pytest.raises(FrozenInstanceError):
        c.equal = False
    assert "holds" in str(c) and "fractions" in str(c)


def test_the_certificate_finds_what_no_tolerance_could():
    vjps = tl.ops["matmul"].vjps
    nearly = 1 + 2.0**-45
    bad = tl.ops["matmul"].with_(vjps=(vjps[0], lambda xp, g, y, a, b: vjps[1](xp, g, y, a, b) * xp.number(nearly)))
    exact = check_adjoint(lambda w, x: bad(w, x), (W, X))
    assert not exact and "DOES NOT HOLD" in str(exact) and "arguments: 1, all together" in str(exact)
    assert check_adjoint(lambda w, x: bad(w, x), (W, X), exact=False), "float64 cannot see it"


def test_transcendental_functions_are_exact_too():
    c = check_adjoint(lambda w, x: tl.cross_entropy(tl.layer_norm(tl.gelu(w @ x)), np.array([0, 1, 0, 1])), (W, X))
    assert c and c.exact


def test_the_certificate_in_floats_says_so():
    c = check_adjoint(lambda x: tl.exp(x), (X,), exact=False)
    assert c and not c.exact and isinstance(c.lhs, float) and "tolerance" in str(c)
