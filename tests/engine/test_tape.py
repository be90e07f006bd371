"""The tape: append-only, frozen, and unchanged by anything that fails."""

import copy
import pickle
import sys

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors


@pytest.fixture
def s():
    return tl.Session(seed=0)


def test_every_parent_has_a_smaller_id(s):
    x = s.param([1.0, 2.0], name="x")
    y = (np.tanh(x * x) + 1.0).sum()
    assert [n.id for n in s.tape] == list(range(len(s.tape)))
    assert all(p < n.id for n in s.tape for p in n.parents)
    assert s.tape[y.id].op == "sum" and s.tape[-1].shape == ()


def test_a_node_is_plain_data_without_arrays(s):
    y = s.param([1.0, 2.0], name="x").sum(axis=0)
    n = s.tape[y.id]
    assert (n.op, n.shape, n.dtype, n.requires_grad, n.attrs["axis"]) == ("sum", (), "float64", True, 0)
    with pytest.raises(AttributeError):
        n.op = "mean"


def test_what_comes_in_is_copied_and_what_goes_out_is_read_only(s):
    source = np.array([1.0, 2.0])
    x = s.input(source, requires_grad=True)
    source[0] = 100.0
    assert x.value.tolist() == [1.0, 2.0]
    for array in (x.value, (x * 2.0).value, s.backward((x * x).sum())[x]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5.0


def test_writing_through_an_older_view_does_not_reach_the_tape(s):
    base = np.arange(4.0)
    view = base[:2]
    x = s.input(base)
    view[:] = -1.0
    assert x.value.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_constants_lifted_for_a_failing_op_are_forgotten(s):
    x = s.input(np.ones((2, 3)))
    before, n = s.digest(), len(s.tape)
    with pytest.raises(errors.ShapeError, match=r"add: shapes \(2, 3\) and \(5,\)"):
        x + np.ones(5)
    assert (s.digest(), len(s.tape)) == (before, n)


def test_handles_of_another_session_are_refused(s):
    other = tl.Session().input(1.0)
    before = s.digest()
    with pytest.raises(errors.SessionError, match="another session"):
        s.input(1.0) + other
    with pytest.raises(errors.ForeignHandleError):
        s.add(other, other)
    assert before != s.digest()  # the input above is recorded, the failed op is not
    assert len(s.tape) == 1


def test_handles_from_before_a_reset_are_stale(s):
    x = s.param(2.0, name="x")
    y = x * x
    s.reset_tape()
    for use in (lambda: y.value, lambda: y + 1.0, lambda: s.backward(y), lambda: s.value(y), lambda: y.shape):
        with pytest.raises(errors.SessionError, match="stale"):
            use()
    assert float(x * x) == 4.0


def test_a_parameter_is_one_leaf_per_tape_however_often_it_is_used(s):
    w = s.param(3.0, name="w")
    loss = w * w + w
    assert sum(n.op == "param" for n in s.tape) == 1
    assert float(s.backward(loss)[w]) == 7.0
    s.reset_tape()
    assert float(s.backward(w * 2.0)[w]) == 2.0


def test_changing_a_parameter_does_not_change_what_was_recorded(s):
    w = s.param(3.0, name="w")
    y = w * w
    w.value = 10.0
    assert float(y) == 9.0 and float(s.backward(y)[w]) == 6.0
    s.reset_tape()
    assert float(w * w) == 100.0


def test_scopes_nest_and_name_their_nodes(s):
    with s.scope("net"), s.scope("layer1"):
        y = s.input(1.0) + 1.0
    z = y * 2.0
    assert s.tape[y.id].scope == "net/layer1" and s.tape[z.id].scope == ""


def test_no_grad_records_values_only(s):
    w = s.param(2.0)
    with s.no_grad():
        y = w * w
    assert not y.requires_grad and (w * y).requires_grad
    with pytest.raises(errors.NoGradError):
        s.backward(y)


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_tangents_pass_where_only_gradients_stop(backend):
    s = tl.Session(backend)
    x, fixed = s.param(3.0), s.param(3.0, requires_grad=False)
    with s.no_grad():
        a = x * x
    y, z = a * x, s.detach(x * x) * x
    assert (s.backward(y)[x], s.jvp(y, {x: 1.0})) == (9.0, 27.0)
    assert (s.backward(z)[x], s.jvp(z, {x: 1.0})) == (9.0, 9.0)
    assert s.jvp(fixed * fixed, {fixed: 1.0}) == 6.0


def test_long_chains_need_no_recursion(s):
    limit, n = sys.getrecursionlimit(), 10**6 if s.device == "cpu" else 10**5  # there each is a launch and a wait
    x = s.param(1.5)
    y = x
    sys.setrecursionlimit(150)
    try:
        for _ in range(n):
            y = -y
        g = s.backward(y)
    finally:
        sys.setrecursionlimit(limit)
    assert float(y) == 1.5 and float(g[x]) == 1.0 and len(s.tape) == n + 1


def test_handles_do_not_travel(s):
    y = s.param(1.0, name="w") * 2.0
    for thing in (y, s, s.params["w"]):
        with pytest.raises(errors.SerializationError):
            pickle.dumps(thing)
    with pytest.raises(errors.SerializationError, match="detach"):
        copy.deepcopy(y)
