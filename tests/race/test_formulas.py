"""Typed formulas: what is read means what Python means by it, all else is refused and nothing is executed."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb import errors, surfaces
from torchlean_nb.surfaces import parse, surface_of
from torchlean_nb.surfaces.formula import DEPTH, FUNCTIONS, LENGTH
from torchlean_nb.trace.race import RaceTrace

PLAIN = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1", "log", "log1p", "sqrt", "erf", "pi", "e")
MEANING = {
    **{k: getattr(math, k) for k in PLAIN}, "abs": abs, "max": max, "min": min, "ln": math.log, "arctan": math.atan,
    "relu": lambda v: max(v, 0.0), "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "softplus": lambda v: math.log1p(math.exp(v)),
}  # fmt: skip
LEAVES = st.sampled_from(["x", "y", "2", "0.5", "3", "pi", "e", "1e-1", ".25", "7."])
TEXTS = st.recursive(
    LEAVES,
    lambda t: st.one_of(
        st.builds("{0} {1} {2}".format, t, st.sampled_from(["+", "-", "*"]), t), st.builds("-{0}".format, t),
        st.builds("({0})**{1}".format, t, st.sampled_from(["2", "3", "4", "5"])), st.builds("({0})".format, t),
        st.builds("{0}({1})".format, st.sampled_from(["sin", "cos", "tanh", "abs", "arctan", "erf"]), t),
        st.builds("max({0}, {1})".format, t, t), st.builds("{0}/(1 + ({1})**2)".format, t, t),
    ),
    max_leaves=8,
)  # fmt: skip
HOSTILE = [
    "__import__('os').system('echo')", "().__class__", "x.real", "x.__class__", "lambda: x", "(x := 3)", "f'{x}'",
    "9**9**9**9", "9" * 400, "1e999*x", "x\0y", "(" * 400, "x" + ")" * 9, "-" * 499, "x**" * 160 + "x", "sin(" * 99,
    "[x for x in y]", "x if y else x", "exec", "print(x)", "x;y", "x=y", "x==y", "x,y", "open", "y[0]", "{x}", "x\\y",
    "True", "None", "sin", "sin x", "2x", "x y", "3(x)", "x**65", "0x10*x", "1_0*x", "1j*x", "x // y", "x % y", "x @ y",
    "@x", "x!", "x\u200by", "\uff58", "\u0661*x", "", "   ", "()", "x+", "*x", "max(x)", "sin(x, y)", "exp()", "1/0*x",
    "log(0)*x", "(-8)**(1/3)*x", "e**e**e**e*x", "3", "pi", "exp(1000)*x",
]  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.floats(-2, 2), st.floats(-2, 2))
def test_a_formula_has_the_value_that_python_gives_it(text, x, y):
    text = f"{text} + 0*x"
    found = parse(text)
    want = eval(text, {"__builtins__": {}}, {**MEANING, "x": x, "y": y})
    got = found(np.array([x]), np.array([y]))
    assert np.allclose(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_and_its_slope_are_those_of_mathematics(name):
    text = f"{name}(x, y)" if FUNCTIONS[name][1] == 2 else f"{name}(x) + y"
    found, f = parse(text), MEANING[name]
    f2 = f if FUNCTIONS[name][1] == 2 else lambda x, y: f(x) + y
    for x, y in ((0.7, 0.3), (0.2, 0.9)):
        assert np.isclose(found(np.array([x]), np.array([y]))[0], f2(x, y), rtol=1e-12)
        step = 1e-6
        want = (f2(x + step, y) - f2(x - step, y)) / (2 * step), (f2(x, y + step) - f2(x, y - step)) / (2 * step)
        assert np.allclose(found.slope(x, y), want, atol=1e-7)
    assert tl.race(["sgd"], on=text, start=(0.7, 0.3), steps=2).tracks[0].ended[0] == -1
    constant = f"{name}(0.5, 2)*x" if FUNCTIONS[name][1] == 2 else f"{name}(0.5)*x"
    assert np.isclose(parse(constant)(2.0, 0.0), 2 * (f(0.5, 2) if FUNCTIONS[name][1] == 2 else f(0.5)))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_formula_is_refused_in_words(text):
    with pytest.raises((errors.HyperparameterError, errors.UnknownNameError)) as caught:
        surface_of(text)
    assert len(str(caught.value)) < 2000 and "\0" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*"xy()+-*/^.,0129 e_'\"[]{}:;=\n", "**", "sin", "max", "lambda ", "__class__", "π", "²"]),
             max_size=40).map("".join),
))  # fmt: skip
@example("(" * (DEPTH - 1) + "x" + ")" * (DEPTH - 1))
@example("2**-2**-2**x")
def test_any_text_is_a_surface_or_an_error_of_ours(text):
    try:
        found = parse(text)
    except errors.HyperparameterError:
        return
    with np.errstate(all="ignore"):
        assert np.shape(found(np.array([0.3, 0.4]), np.array([0.5, 0.1]))) == (2,)
    assert found.latex and pickle.loads(pickle.dumps(found)) == found


def test_the_error_names_the_place_and_what_would_do():
    with pytest.raises(errors.HyperparameterError, match=r"'.' at place 2 of 'x.real'[\s\S]*allowed are numbers"):
        parse("x.real")
    with pytest.raises(errors.HyperparameterError, match=r"try: 2\*x"):
        parse("2x")
    with pytest.raises(errors.HyperparameterError, match=r"'\)' for 'sin' at place 5"):
        parse("x + sin(x")
    with pytest.raises(errors.HyperparameterError, match=f"at most {LENGTH}"):
        parse("x+" * LENGTH + "x")
    with pytest.raises(errors.HyperparameterError, match="is a int"):
        parse(3)
    with pytest.raises(errors.HyperparameterError, match="left < right"):
        parse("x*y", (2.0, -2.0, 0.0, 1.0))
    with pytest.raises(errors.HyperparameterError, match="bottom < top"):
        parse("x*y", (-2.0, 2.0, 1.0, 1.0))


@pytest.mark.parametrize("text", ["**".join("x" * (DEPTH + 2)), "(x) + " + "((x) + " * DEPTH + "x" + ")" * DEPTH])
def test_a_formula_that_is_too_deep_is_refused(text):
    with pytest.raises(errors.HyperparameterError, match=r"powers of powers|levels"):
        parse(text)


@pytest.mark.parametrize(("typed", "plain"), [
    ("\u2212x\u00b2 + 3\u00b7y\u00b3", "-x**2 + 3*y**3"), ("x^2^y", "x**2**y"), ("2 \u00d7 \u03c0 \u00f7 x", "2*pi/x"),
    ("x - -y", "x+y"), ("+x*+-y", "-x*y"),
])  # fmt: skip
def test_signs_of_the_page_are_read_as_signs_of_the_keyboard(typed, plain):
    assert parse(typed)(0.75, 0.5) == parse(plain)(0.75, 0.5)


@pytest.mark.parametrize(("text", "latex"), [
    ("(1 - x)**2 + 100*(y - x^2)**2", r"\left(1 - x\right)^{2} + 100 \left(y - x^{2}\right)^{2}"),
    ("x/(1 + y)", r"\frac{x}{1 + y}"), ("sin(x)^2*3e-4", r"\sin^{2}\left(x\right) \cdot 3 \cdot 10^{-4}"),
    ("(x**3)**2 - -y", r"\left(x^{3}\right)^{2} - \left(-y\right)"), ("abs(x)*2*3", r"\left|x\right| \cdot 2 \cdot 3"),
    ("sqrt(x - (y - 1))", r"\sqrt{x - \left(y - 1\right)}"), ("2*pi*x", r"2 \pi x"),
])  # fmt: skip
def test_latex_says_the_same(text, latex):
    assert parse(text).latex == latex


def test_a_formula_races_and_comes_back_from_the_trace():
    r = tl.race(["momentum", "newton", "adahessian"], on="x^2 + 3*y^2", start=(1.0, 1.0), steps=30)
    again = surface_of(RaceTrace.from_json(r.to_json()).surface)
    assert again == parse("x^2 + 3*y^2") and r.surface["text"] == "x^2 + 3*y^2"
    assert tl.race(["momentum", "newton", "adahessian"], on=again, start=(1.0, 1.0), steps=30) == r
    assert np.allclose(r["newton"].final, 0) and again.curvature(0.3, 0.1) == (2.0, 0.0, 6.0)
    with pytest.raises(errors.UnknownNameError):
        surface_of({"name": "nowhere"})


def test_rows_and_formulas_survive_pickling():
    for row in (*surfaces.SURFACES.values(), parse("x*y"), surfaces.quadratic.with_numbers(angle=30.0).with_noise(0.5)):
        again = pickle.loads(pickle.dumps(row))
        assert again == row and hash(again) == hash(row) and again(0.4, 0.3) == row(0.4, 0.3)
    assert surfaces.sphere != surfaces.sphere.with_noise(0.1) and parse("x*y") != parse("y*x")
