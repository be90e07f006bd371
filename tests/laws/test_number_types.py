"""Casts between float types carry the gradient back in the old type; others are refused."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl


@pytest.mark.parametrize("to", ["float64", np.float64, float, np.dtype("float64")], ids=str)
def test_the_gradient_of_a_cast_has_the_old_type(to):
    s = tl.Session(dtype="float32")
    x = s.param([1.0, 2.0], name="x")
    y = x.astype(to)
    g = s.backward(tl.sum(y * y))
    assert y.dtype == np.float64
    assert g[x].dtype == np.float32
    assert g[x].tolist() == [2.0, 4.0]


@pytest.mark.parametrize("to", [int, "int64", bool, "complex128", "nonsense"])
def test_what_has_no_derivative_is_refused(to):
    s = tl.Session()
    with pytest.raises(tl.errors.DTypeError, match="not a float type"):
        s.param([1.0]).astype(to)
    assert len(s.tape) == 0
