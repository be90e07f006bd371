"""An op of your own: a dozen lines in a notebook, and everything else follows from the row."""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.rows import OPS


@pytest.fixture
def mish():
    """Declare the op as a learner would, and forget it afterwards."""

    def slope(xp, t, y, x):
        h = xp.tanh(xp.softplus(x))
        return t * (h + x * (1 - h * h) * xp.sigmoid(x))

    @tl.extend.elementwise(
        partials=(slope,),
        latex=r"#1 \tanh(\ln(1 + e^{#1}))",
        dlatex=(r"\tanh(\ln(1 + e^{#1})) + #1 (1 - \tanh^{2}(\ln(1 + e^{#1})))\,\sigma(#1)",),
        samples=(tl.extend.S((3,)), tl.extend.S((2, 3))),
    )
    def mish(xp, x):
        """Mish: x times tanh of softplus."""
        return x * xp.tanh(xp.softplus(x))

    yield mish
    del OPS["mish"]


def test_it_passes_the_projects_laws(mish):
    assert tl.check_op(mish)


def test_it_is_a_function_a_method_and_a_session_method(mish):
    s = tl.Session()
    x = s.param([0.5, -1.0], name="x")
    values = [mish(x).value, x.mish().value, s.mish(x).value, tl.mish(x).value, mish(x.value)]
    assert all(np.array_equal(v, values[0]) for v in values)


def test_it_shows_up_in_the_stepper_with_its_formula(mish):
    s = tl.Session()
    x = s.param(0.5, name="x")
    t = s.trace(mish(x).named("y"))
    assert r"\tanh(\ln(1 + e^{#1}))" in t["y"].latex and "#g" in t.edges[0].latex
    assert "mish" in t.to_svg() and "mish" in t.to_html() and "mish" in t.to_text()


def test_its_second_derivative_needs_nothing_more(mish):
    h = tl.hessian(lambda x: mish(x).sum())(np.array([0.5, -1.0]))
    step = 1e-6
    g = tl.grad(lambda x: mish(x).sum())
    numeric = [(g(np.array([0.5 + step, -1.0])) - g(np.array([0.5 - step, -1.0])))[0] / (2 * step)]
    assert h[0, 0] == pytest.approx(numeric[0], rel=1e-7) and h[0, 1] == 0.0


def test_a_wrong_rule_is_found_and_named():
    @tl.extend.elementwise(
        partials=(lambda xp, t, y, x: t * x,), latex="#1^{2}", dlatex=("2 #1",), samples=(tl.extend.S((3,)),)
    )
    def wrong_square(xp, x):
        """Square with half the slope."""
        return x * x

    try:
        with pytest.raises(Exception, match="wrong_square"):
            tl.check_op(wrong_square)
        assert not tl.check_op(wrong_square, raises=False)
    finally:
        del OPS["wrong_square"]


def test_a_built_in_row_cannot_be_replaced_by_accident():
    with pytest.raises(RuntimeError, match="exists already"):
        @tl.extend.elementwise(partials=(lambda xp, t, y, x: t,), latex="#1")
        def tanh(xp, x):
            """Not tanh."""
            return x
