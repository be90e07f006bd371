"""Every row of the array families obeys its laws on every one of its samples."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import torchlean_nb.ops  # noqa: E402, F401 - fills the table
from _laws import Case, cases, close, rows  # noqa: E402

from torchlean_nb import tex  # noqa: E402

CASES = cases()
every = pytest.mark.parametrize(("op", "sample"), CASES, ids=[f"{o.name}-{s}" for o, s in CASES])


@every
def test_the_shape_rule_gives_the_shape_of_the_value(op, sample):
    case = Case(op, sample)
    shape = op.shape(*[a.shape for a in case.args], **case.attrs)
    assert shape == np.shape(case.y)


@every
def test_the_jvp_is_the_slope_of_the_value(op, sample):
    case = Case(op, sample)
    for i in case.moving:
        t = case.draw(case.args[i].shape, i)
        assert close(case.jvp(i, t), case.difference(i, t), 1e-8)


@every
def test_the_vjp_is_the_adjoint_of_the_jvp(op, sample):
    case = Case(op, sample)
    for i in case.moving:
        t, g = case.draw(case.args[i].shape, i), case.draw(np.shape(case.y), 100 + i)
        left, right = np.sum(case.jvp(i, t) * g), np.sum(t * case.vjp(i, g))
        assert abs(left - right) <= 1e-13 * max(1, np.sum(np.abs(t)) * np.sum(np.abs(g)))


@every
def test_the_vjp_has_the_shape_and_number_type_of_its_argument(op, sample):
    for dtype in (np.float64, np.float32):
        case = Case(op, sample, dtype)
        if op.kind != "constant":
            assert case.y.dtype == dtype
        for i in case.moving:
            g = case.draw(np.shape(case.y), i).astype(dtype)
            v = case.vjp(i, g)
            assert (v.shape, v.dtype) == (case.args[i].shape, np.dtype(dtype))


@every
def test_exact_rows_are_exact_on_integers(op, sample):
    if not op.exact or op.kind == "constant" or sample.values is not None:
        return
    case = Case(op, sample, integers=True)
    for i in case.moving:
        t, g = case.integers(case.args[i].shape, i), case.integers(np.shape(case.y), 100 + i)
        assert np.sum(case.jvp(i, t) * g) == np.sum(t * case.vjp(i, g))


@pytest.mark.parametrize("op", rows(), ids=lambda op: op.name)
def test_a_row_says_what_it_is(op):
    assert op.summary
    assert len(op.summary) <= 100
    assert op.samples
    assert op.latex
    assert op.kind == "constant" or len(op.dlatex) == max(len(op.vjps), 1)


@pytest.mark.parametrize("op", rows(), ids=lambda op: op.name)
def test_formulas_are_drawn_by_matplotlib_and_by_mathml(op):
    from latex2mathml.converter import convert
    from matplotlib.mathtext import MathTextParser

    fill = {"1": "a", "2": "b", "3": "c", "g": "g", "y": "y"} | {k: "2" for k in op.attrs}
    for template in filter(None, (op.latex, *op.dlatex)):
        text = tex.fill(tex.operands(template, [True] * len(op.args)), fill)
        assert "#" not in text, text
        MathTextParser("path").parse(f"${text}$")
        assert "<math" in convert(text)
