"""What goes into a checkpoint comes out as it was: value, type, bits and order."""

from __future__ import annotations

import math
import struct
from collections import OrderedDict
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from tests._payloads import PAYLOADS
from torchlean_nb.errors import SerializationError

ORDERS = {
    "row-major": np.arange(24.0).reshape(4, 6),
    "Fortran": np.asfortranarray(np.arange(24.0).reshape(4, 6)),
    "strided": np.arange(48.0).reshape(4, 12)[:, ::2],
    "negative strides": np.arange(24.0).reshape(4, 6)[::-1, ::-1],
    "broadcast": np.broadcast_to(np.arange(6.0), (4, 6)),
    "big-endian": np.arange(24, dtype=">f8").reshape(4, 6),
    "big-endian Fortran ints": np.asfortranarray(np.arange(24, dtype=">i4").reshape(4, 6)),
    "0-d": np.array(2.5), "empty": np.zeros((0, 3)), "empty 3-d": np.zeros((2, 0, 4), np.float32),
    "bool": np.array([[True, False]]), "bool by a view": np.array([0, 2, 255], np.uint8).view(bool),
    "read-only": np.frombuffer(b"\x01\x02", np.uint8),
}  # fmt: skip


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(type(k) is type(j) for k, j in zip(a, b, strict=True)) and all(
            same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.fixture
def again(tmp_path):
    def round_trip(x):
        tl.save(tmp_path / "x.tl", x)
        return tl.load(tmp_path / "x.tl").state

    return round_trip


@pytest.mark.parametrize("a", ORDERS.values(), ids=ORDERS)
def test_arrays_come_back_element_by_element_and_row_major(a, again):
    back = again({"a": a})["a"]
    assert back.shape == a.shape and np.array_equal(back, a)
    assert back.dtype == a.dtype.newbyteorder("=") and back.dtype.isnative
    assert back.flags.c_contiguous and not back.flags.writeable


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
                                   "float16", "float32", "float64"])  # fmt: skip
def test_every_number_type_is_kept_with_all_its_bits(dtype, again):
    raw = np.random.default_rng(0).integers(0, 256, 160, np.uint8)
    a = raw.view(dtype) if dtype != "bool" else raw > 100
    assert same(again({"a": a})["a"], a)


NAN = struct.unpack("d", struct.pack("Q", 0xFFF8000000000123))[0]
VALUES = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, -(2**200), 10**6000, 0.0, -0.0, 5e-324, 1e308, math.inf,
    -math.inf, math.nan, NAN, 0.1, "", "ж\x00\n\ud800", "x" * 5000, "ж\ud800" * 2000, (), [], {}, (1, (2.0, [None])),
    {1: "a", "1": "b", -3: {}}, {"$array": 0}, {"$x": {"y": 1}}, {2**70: 1}, list(range(100)), [*range(100), 2**64],
    [0.1] * 50, [NAN] * 40, [True] * 40, [1, 2.0] * 40, [[1.0] * 40] * 3, np.float32(0.1), np.float64(0.1), np.int64(3),
    np.bool_(True), np.uint8(255), {"a": {"b": [{"c": np.arange(3)}]}},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{type(v).__name__}-{str(type(v))[-3:]}")
def test_plain_values_come_back_as_they_were(value, again):
    assert same(again({"value": value})["value"], value)
    assert same(again([value, value])[1], value)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple)
    | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4), max_leaves=20))
@settings(max_examples=150, deadline=None)
def test_any_tree_comes_back(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "any.tl"
    tl.save(path, tree)
    assert same(tl.load(path).state, tree)


def test_hostile_names_are_kept_and_shown_as_text(again, tmp_path):
    tree = {name: np.ones(2) for name in PAYLOADS}
    assert same(again(tree), tree)
    text = repr(tl.load(tmp_path / "x.tl"))
    assert all(c.isprintable() or c == "\n" for c in text)
    assert len(text) < 5000


def test_mappings_of_all_sorts_become_dicts(again):
    assert again(OrderedDict(b=1, a=MappingProxyType({"c": 2}))) == {"b": 1, "a": {"c": 2}}


class Thing:
    pass


BAD = {
    "lambda": (lambda: 0, "function"), "class": (Thing, "type"), "object": (Thing(), "Thing"), "set": ({1}, "set"),
    "bytes": (b"x", "bytes"), "complex": (1j, "complex"), "object array": (np.array([None]), "object"),
    "complex array": (np.ones(2, complex), "complex128"), "text array": (np.array(["a"]), "<U1"),
    "structured": (np.zeros(1, [("a", int)]), "a"), "dates": (np.array(["2020"], "M8[D]"), "datetime64"),
    "masked": (np.ma.masked_array([1.0], [True]), "mask"), "long double": (np.ones(2, np.longdouble), "128"),
    "float key": ({1.0: 2}, "1.0"), "bool key": ({True: 2}, "True"), "tuple key": ({(1,): 2}, "(1,)"),
    "numpy text": (np.str_("a"), "U1"), "int subclass": (type("Level", (int,), {})(3), "Level"),
}  # fmt: skip


@pytest.mark.parametrize(("value", "word"), BAD.values(), ids=BAD)
def test_what_cannot_be_kept_is_named_with_its_place(value, word, tmp_path):
    with pytest.raises(SerializationError, match=r"outer/1") as caught:
        tl.save(tmp_path / "x.tl", {"outer": [0, value]})
    assert word in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_tree_that_contains_itself_is_refused(tmp_path):
    knot = []
    knot.append(knot)
    with pytest.raises(SerializationError, match="deeper than 20"):
        tl.save(tmp_path / "x.tl", {"knot": knot})


def test_the_deepest_tree_that_is_saved_can_be_loaded(again):
    tree = 1
    for i in range(20):
        tree = [{i: tree}, (tree,), [tree]][i % 3]
    assert same(again(tree), tree)


def test_the_same_state_gives_the_same_bytes(tmp_path):
    tree = {"w": np.arange(5.0), "n": {1: (2, "x" * 2000)}}
    tl.save(tmp_path / "a.tl", tree)
    tl.save(tmp_path / "b.tl", tree)
    assert (tmp_path / "a.tl").read_bytes() == (tmp_path / "b.tl").read_bytes()
