"""An op of your own: a dozen lines in a notebook, and everything else follows from the row."""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.rows import OPS


@pytest.fixture
def snake():
    """Declare the op as a learner would, and forget it afterwards."""

    def slope(xp, t, y, x):
        return t * (1 + 2 * xp.sin(x) * xp.cos(x))

    @tl.extend.elementwise(
        partials=(slope,),
        latex=r"#1 + \sin^{2} #1",
        dlatex=(r"1 + 2 \sin #1 \cos #1",),
        samples=(tl.extend.S((3,)), tl.extend.S((2, 3))),
    )
    def snake(xp, x):
        """Snake: x plus the square of its sine."""
        return x + xp.sin(x) * xp.sin(x)

    yield snake
    del OPS["snake"]


def test_it_passes_the_projects_laws(snake):
    assert tl.check_op(snake)


def test_it_is_a_function_a_method_and_a_session_method(snake):
    s = tl.Session()
    x = s.param([0.5, -1.0], name="x")
    values = [snake(x).value, x.snake().value, s.snake(x).value, tl.snake(x).value, snake(x.value)]
    assert all(np.array_equal(v, values[0]) for v in values)


def test_it_shows_up_in_the_stepper_with_its_formula(snake):
    s = tl.Session()
    x = s.param(0.5, name="x")
    t = s.trace(snake(x).named("y"))
    assert r"\sin^{2} #1" in t["y"].latex and "#g" in t.edges[0].latex
    assert "snake" in t.to_svg() and "snake" in t.to_html() and "snake" in t.to_text()


def test_its_second_derivative_needs_nothing_more(snake):
    h = tl.hessian(lambda x: snake(x).sum())(np.array([0.5, -1.0]))
    step = 1e-6
    g = tl.grad(lambda x: snake(x).sum())
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
