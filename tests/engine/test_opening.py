"""Composites opened: the same values and gradients, from the rows they are made of."""

import numpy as np
import pytest

import torchlean_nb as tl

RNG = np.random.default_rng(5)


def program(s):
    """A network with composites at several levels."""
    w, b = s.param(RNG.normal(size=(3, 4)), name="w"), s.param(RNG.normal(size=(3,)), name="b")
    h = tl.gelu(tl.linear(s.input(RNG.normal(size=(5, 4)), name="x"), w, b)).named("h")
    return tl.cross_entropy(tl.layer_norm(h), np.array([0, 1, 2, 1, 0])).named("loss")


@pytest.mark.parametrize("inside", ["all", ["h"], ["loss", "h"]])
def test_values_and_gradients_stay(inside):
    s = tl.Session()
    loss = program(s)
    closed, open_ = s.trace(loss), s.trace(loss, inside=inside)
    assert len(open_) > len(closed)
    for name in ("w", "b", "h", "loss"):
        assert np.allclose(open_[name].value, closed[name].value, rtol=1e-12)
        assert np.allclose(open_[name].grad, closed[name].grad, rtol=1e-10, atol=1e-14)


def test_all_the_way_down_only_primitives_are_left():
    s = tl.Session()
    t = s.trace(program(s), inside="all")
    assert all(tl.ops[n.op].primitive or tl.ops[n.op].kind == "constant" for n in t if n.role == "op")


def test_what_was_opened_is_a_scope_and_the_session_keeps_its_tape():
    s = tl.Session()
    loss = program(s)
    before = s.digest()
    t = s.trace(loss, inside=[loss])
    assert s.digest() == before
    assert any(n.scope == f"cross_entropy_{loss.id}" and n.op == "exp" for n in t)
    assert "exp" in t.to_text() and "exp" in t.to_svg()


def test_an_op_of_ones_own_without_a_jvp_is_opened_for_forward_derivatives():
    s = tl.Session()
    x = s.param([0.5, -1.0])
    y = tl.layer_norm(x)
    direction = np.array([1.0, 2.0])
    assert np.allclose(s.jvp(y, {x: direction}), tl.jacrev(tl.layer_norm)(x.value) @ direction)


def test_unknown_names_inside_are_refused():
    s = tl.Session()
    loss = program(s)
    with pytest.raises(LookupError, match="losss"):
        s.trace(loss, inside=["losss"])
