"""Forms are laid out as NumPy lays out what it computes; garbage is collected again after a program is made."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.compiler.forms import LARGE, Form, form_namespace, form_of, hollow
from torchlean_nb.compiler.recording import record, uncollected


def arrays(shape, data):
    """An array of a shape: axes in any order, with gaps, turned round, or all the same."""
    order = data.draw(st.permutations(range(len(shape))))
    gaps = [data.draw(st.sampled_from((1, 1, 2))) for _ in shape]
    dtype = data.draw(st.sampled_from(("float32", "float64")))
    a = np.ones([shape[i] * gaps[i] for i in order], dtype)
    a = a[tuple(slice(None, None, gaps[i]) for i in order)].transpose(np.argsort(order))
    for axis in range(len(shape)):
        how = data.draw(st.sampled_from("......-="))
        if how == "-":
            a = np.flip(a, axis)
        if how == "=":
            a = np.broadcast_to(a.take([0], axis), shape)
    return a


def layout(a):
    """Shape, type and the strides that matter."""
    return a.shape, a.dtype, [s for s, n in zip(a.strides, a.shape, strict=True) if n > 1]


def formed(x):
    return x.view(Form) if isinstance(x, np.ndarray) else x


@given(shape=st.lists(st.integers(1, 3), max_size=4), data=st.data())
def test_elementwise_results_and_casts_are_laid_out_like_those_of_numpy(shape, data):
    a, b = arrays(shape, data), arrays(shape[data.draw(st.integers(0, len(shape))) :], data)
    with np.errstate(all="ignore"):
        for f, args in ((np.add, (a, b)), (np.exp, (a,)), (np.multiply, (2.0, a)), (np.greater, (b, a))):
            assert layout(f(*map(formed, args))) == layout(np.asarray(f(*args)))
    assert layout(formed(a).astype("float64")) == layout(a.astype("float64"))
    assert layout(form_of(a)) == layout(np.empty_like(a))


@given(shape=st.lists(st.integers(1, 3), min_size=2, max_size=4), k=st.integers(1, 3), data=st.data())
def test_products_are_laid_out_like_those_of_numpy(shape, k, data):
    a = arrays(shape, data)
    b = arrays([*data.draw(st.sampled_from(([], shape[:-2]))), shape[-1], k], data).astype(a.dtype)
    assert layout(np.matmul(formed(a), formed(b))) == layout(np.matmul(a, b))
    if b.ndim == 2:
        assert layout(formed(a).dot(b)) == layout(np.matmul(a, b))
        xp, row = form_namespace(), np.ones(b.shape[0], b.dtype)
        assert layout(xp.matmul(row, formed(b))) == layout(np.matmul(row, b))


@pytest.mark.parametrize("shape", [(64, 8), (8, 64), (2, 4, 64), (4, 4, 4, 16)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_are_laid_out_like_those_of_numpy(shape, dtype, keepdims):
    x = np.ones(shape, dtype)
    for axis in (None, -1, (0,), tuple(range(len(shape) - 1)), tuple(range(1, len(shape)))):
        for a in (x, x.T):
            want = numpy_namespace().sum(a, axis=axis, keepdims=keepdims)
            assert layout(np.asarray(form_namespace().sum(formed(a), axis=axis, keepdims=keepdims))) == layout(want)


def test_what_is_no_float_is_computed():
    x = np.arange(3.0).view(Form)
    assert (x > 1).tolist() == [False, False, True]
    assert x.astype(int).tolist() == [0, 1, 2]
    assert type(x.astype(int)) is type(x > 1) is np.ndarray
    out = np.zeros(3)
    assert np.add(x, 1, out=out) is out and out.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("make", [lambda x: x, tl.exp, lambda x: x @ x.T, lambda x: tl.layer_norm(x), tl.gelu])
def test_large_values_are_not_computed_while_a_function_is_recorded(make):
    made = record(make, [np.ones((LARGE // 256, 64), np.float32)], "float32")
    value = made.tape.values[made.outputs[0].id]
    assert isinstance(value, Form) and not hollow(value)
    assert value.dtype == np.float32


def test_constants_in_the_likeness_of_a_form_are_arrays():
    made = record(tl.exp, [np.ones(LARGE)], "float64")
    like = made.tape.values[made.outputs[0].id]
    assert type(np.ones_like(like)) is Form
    constant = made.tape.leaf("const", np.ones_like(like))
    assert type(made.tape.values[constant.id]) is np.ndarray
    assert made.tape.values[constant.id].all()


def test_derivatives_by_large_arguments_have_the_bits_of_eager_mode():
    x, v = np.linspace(-1, 1, LARGE // 4), np.linspace(1, 2, LARGE // 4)
    p = tl.compile(loss, x)
    assert p.jacobian(x).tobytes() == p.value_and_grad(x)[1].tobytes() == tl.grad(loss)(x).tobytes()
    assert p.hvp(x, v).tobytes() == tl.hvp(loss, x, v).tobytes()


def loss(x):
    """A number, by way of rows of several shapes and orders."""
    a = tl.reshape(x, (64, -1))
    return (tl.tanh(a.T @ a) * tl.softmax(a.T @ a + 1.0)).sum() + tl.layer_norm(a.T).sum()


@pytest.mark.parametrize("on", [True, False])
def test_garbage_is_collected_afterwards_as_it_was_before_whatever_happens(on):
    seen = []

    @uncollected()
    def stopped():
        seen.append(gc.isenabled())
        raise KeyboardInterrupt

    try:
        (gc.enable if on else gc.disable)()
        with pytest.raises(KeyboardInterrupt):
            stopped()
        seen.append(gc.isenabled())
    finally:
        gc.enable()
    assert seen == [False, on]
