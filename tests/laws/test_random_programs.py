"""Laws of whole computations, tried on random ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import BINARY, broadcastable, integers, programs

import torchlean_nb as tl
from torchlean_nb.laws import check_adjoint


@given(programs())
@settings(max_examples=120)
def test_backward_equals_forward_in_fractions(program):
    certificate = check_adjoint(program, program.inputs)
    assert certificate, certificate


@given(programs(unary=("neg", "abs", "square", "relu")))
@settings(max_examples=80)
def test_on_integers_the_floats_equal_the_fractions(program):
    exact = check_adjoint(program, program.inputs)
    floats = check_adjoint(program, program.inputs, exact=False)
    if max((abs(i.lhs) for i in exact.identities), default=0) < 2**50:
        assert [float(i.lhs) for i in exact.identities] == [i.lhs for i in floats.identities]
        assert [float(i.rhs) for i in exact.identities] == [i.rhs for i in floats.identities]


@given(programs())
@settings(max_examples=80)
def test_the_rows_of_a_ledger_add_up_to_the_gradient(program):
    s = tl.Session(nonfinite="ieee")
    params = [s.param(a, name=f"p{i}") for i, a in enumerate(program.inputs)]
    out = program(*params)
    if not out.requires_grad:
        return
    g = s.backward(out)
    for p in params:
        ledger = s.ledger(p, out)
        total = np.zeros(p.shape)
        for row in ledger.rows:
            total = total + row.contribution
        assert ledger.balanced
        assert np.array_equal(total, g[p], equal_nan=True)


@given(programs())
@settings(max_examples=60)
def test_a_trace_a_session_and_a_transformation_agree(program):
    s = tl.Session(nonfinite="ieee")
    params = [s.param(a, name=f"p{i}") for i, a in enumerate(program.inputs)]
    out = program(*params)
    g = s.backward(out)
    trace = s.trace(out)
    direct = tl.grad(program, argnums=tuple(range(len(params))))(*program.inputs)
    for p, d in zip(params, direct, strict=True):
        assert np.array_equal(g[p], d, equal_nan=True)
        assert np.array_equal(trace[p.name].grad, d, equal_nan=True)


@given(st.data(), broadcastable(2), st.sampled_from(BINARY))
@settings(max_examples=200)
def test_broadcasting_copies_and_its_gradient_adds_the_copies_up(data, shapes, name):
    a, b = (data.draw(integers(s)) for s in shapes)
    op, full = tl.ops[name], np.broadcast_shapes(*shapes)
    seed = data.draw(integers(full))
    _, pullback = tl.vjp(op, a, b)
    wide = tl.vjp(op, np.broadcast_to(a, full), np.broadcast_to(b, full))[1](seed)
    for got, copies, x in zip(pullback(seed), wide, (a, b), strict=True):
        lead = copies.ndim - x.ndim
        axes = (*range(lead), *(lead + i for i, n in enumerate(x.shape) if n == 1))
        assert np.array_equal(got, copies.sum(axis=axes, keepdims=True).reshape(x.shape))
    assert check_adjoint(op, (a, b))
