"""A law that never fails is no law: each one is broken here on purpose, and must say so."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.laws import LAWS, LawError
from torchlean_nb.rows import Op

S = tl.extend.S
ops = tl.ops


def scaled(rule, factor):
    """The same rule, wrong by a factor."""
    return lambda xp, *args, **attrs: rule(xp, *args, **attrs) * factor


def in_place(xp, g, y, x, **attrs):
    g *= 2
    return g


def writes(xp, x):
    x[...] = 0
    return x + 0


def looks(xp, x):
    """A rule that treats handles and arrays differently."""
    return x * 2 if isinstance(x, np.ndarray) else x * 3


def second_missing(xp, t, y, x):
    """The right slope, but detached: its own derivative is lost."""
    return t * xp.detach(2 * x)


BROKEN = {
    "shape_rule_is_shape": ops["matmul"].with_(shape=lambda a, b: (*a[:-1], *b[:-1])),
    "gradient_fits_argument": ops["scale"].with_(partials=(lambda xp, t, y, x, *, c: t * np.float64(c) * np.ones(1),)),
    "numpy_twin_agrees": ops["mean"].with_(numpy="median", samples=(S((4,)),)),
    "inputs_stay_untouched": ops["identity"].with_(vjps=(in_place,)),
    "recorded_is_plain": ops["identity"].with_(forward=looks),
    "options_are_keywords": ops["clamp"].with_(samples=(S((3,), low=1),)),
    "tangent_is_slope": ops["tanh"].with_(partials=(scaled(ops["tanh"].partials[0], 1 + 1e-6),)),
    "adjoint_in_fractions": ops["linear"].with_(
        vjps=(*ops["linear"].vjps[:2], lambda xp, g, y, x, w, b=None: g[0]),
        samples=(S((2, 3), (4, 3), (4,)),),
    ),
    "adjoint_in_integers": ops["matmul"].with_(
        vjps=(ops["matmul"].vjps[0], lambda xp, g, y, a, b: xp.matmul(a.T, g) * (1 + 2.0**-50)),
        samples=(S((2, 3), (3, 4)),),
    ),
    "second_derivative_is_slope": ops["square"].with_(partials=(second_missing,)),
    "second_derivative_is_symmetric": ops["mul"].with_(
        partials=(lambda xp, t, y, a, b: t * b, lambda xp, t, y, a, b: t * xp.detach(a)), samples=(S((3,), (3,)),)
    ),
    "formulas_parse": ops["sqrt"].with_(latex=r"\sqrt{#1"),
    "terms_add_up": ops["matmul"].with_(terms=(("ik,kj->ij", "g", "#2"), None), samples=(S((2, 3), (3, 3)),)),
    "row_is_described": ops["add"].with_(forward=lambda xp, a, b: xp.add(a, b)),
}


@pytest.mark.parametrize("name", LAWS)
def test_each_law_is_broken_by_some_row(name):
    op = BROKEN[name]
    assert LAWS[name].applies(op, op.samples[0])
    found = []
    for sample in op.samples:
        try:
            LAWS[name](op, sample)
        except LawError as e:
            found.append(str(e))
    assert found
    assert all(op.name in text for text in found)


@pytest.mark.parametrize("argument", [0, 1])
def test_a_gradient_wrong_by_one_part_in_a_quadrillion_is_found_in_either_argument(argument):
    vjps = list(ops["matmul"].vjps)
    right = vjps[argument]
    vjps[argument] = lambda xp, g, y, a, b: right(xp, g, y, a, b) * xp.number(1 + 2.0**-50)
    op = ops["matmul"].with_(vjps=tuple(vjps), samples=(S((2, 3), (3, 4)),))
    with pytest.raises(LawError, match=f"argument {argument}"):
        LAWS["adjoint_in_fractions"](op, op.samples[0])


def test_one_wrong_element_is_found():
    def vjp(xp, g, y, x, *, axis):
        first = xp.put_index(xp.index(g, key=(0,)) / 10**12, shape=g.shape, key=(0,))
        return ops["cumsum"].vjps[0](xp, g, y, x, axis=axis) + first

    op = ops["cumsum"].with_(vjps=(vjp,), samples=(S((5,), axis=0),))
    with pytest.raises(LawError, match=r"e-12"):
        LAWS["adjoint_in_fractions"](op, op.samples[0])


@pytest.mark.parametrize(("template", "complaint"), [
    (r"\frac{#1}{#2", "not closed"), (r"#1}", "closes what was not opened"), (r"\frac#1", None),
    (r"\frac ab", "in braces"), (r"\frca{#1}{#2}", "not a command"), (r"\left( #1", "without"),
    (r"#3", "names nothing"), ("a # b", "lone"),
    (r"#{nope}", "names nothing"), (r"\left( #1 \right)", None), (r"#{axis}", None), (r"#1^{2} \cdot \{#2\}", None),
])
def test_formulas_are_read(template, complaint):
    from torchlean_nb.laws.formula import complaint as read

    found = read(template, {"1", "2", "axis"})
    assert (found is None) if complaint is None else complaint in found


def test_a_row_may_not_lose_its_arguments():
    with pytest.raises(tl.errors.RuleError, match="derivative rules"):
        Op(name="half", forward=lambda xp, a, b: a, vjps=(lambda xp, g, y, a, b: g,))
