"""What is no array of real numbers is refused by every op in the same words, in a session and without one."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import DTypeError, HandleTypeError, ShapeError, TorchLeanError
from torchlean_nb.rows import FUNCTIONS, OPS

BAD = {
    "None": (None, HandleTypeError, "is None"),
    "str": ("x", DTypeError, "dtype str"),
    "bytes": (b"x", DTypeError, "dtype bytes"),
    "objects": (np.array([object()]), DTypeError, "dtype object"),
    "ragged": ([[1.0], [1.0, 2.0]], ShapeError, "ragged nested lists"),
    "a list with None": ([1.0, None], DTypeError, "dtype object"),
    "set": ({1.0}, DTypeError, "dtype object"),
    "dict": ({"a": 1.0}, DTypeError, "dtype object"),
    "complex": (1j, DTypeError, "dtype complex128"),
    "masked": (np.ma.masked_array([1.0], [True]), DTypeError, "masked array"),
    "too large": ([10**400], DTypeError, "too large"),
}


@pytest.mark.parametrize("bad", BAD)
def test_every_op_names_itself_and_the_argument(bad):
    value, error, words = BAD[bad]
    for name in [name for name, op in OPS.items() if op.builtin]:
        op = OPS[name]
        attrs = dict(op.samples[0].attrs) if op.samples else {}
        with pytest.raises(error, match=f"^{name}: argument 0.*{words}"):
            op(*[value] * (2 if op.variadic else len(op.args)), **attrs)


@pytest.mark.parametrize("bad", BAD)
def test_so_does_every_function_made_of_ops(bad):
    value, error, words = BAD[bad]
    for f in FUNCTIONS.values():
        taken = inspect.signature(f).parameters.values()
        first, *more = [p for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
        needed = {p.name: 2 for p in taken if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
        if first.name == "x":
            with pytest.raises(error, match=f": argument 0.*{words}"):
                f(value, *[np.ones((2, 2))] * len(more), **needed)


@pytest.mark.parametrize("bad", BAD)
def test_a_session_says_the_same(bad):
    x = tl.Session().const([1.0, 2.0])
    said = []
    for first in (x, x.value):
        with pytest.raises(TorchLeanError, match=r"^maximum: argument 1") as caught:
            tl.maximum(first, BAD[bad][0])
        said.append((type(caught.value), str(caught.value)))
    assert said[0] == said[1]


def test_what_may_be_left_out_is_left_out_and_lists_are_arrays():
    x, w = np.ones((2, 3)), np.ones((4, 3))
    assert np.array_equal(tl.linear(x, w), tl.linear(x, w, None))
    assert tl.tanh([0, 1]).tolist() == np.tanh([0.0, 1.0]).tolist()
    assert [part.tolist() for part in tl.split([1, 2, 3], 2)] == [[1, 2], [3]]
