"""The stand-in refuses what it must, differs from NumPy where CuPy does, and counts what crosses."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from concurrent.futures import ThreadPoolExecutor

import _guard
import numpy as np
import pytest
from _guard import module as cp

ONE = np.array([2.5])
ROUTES = {
    "numpy.asarray": np.asarray,
    "numpy.array": lambda g: np.array(g, dtype=float),
    "numpy.array of a list": lambda g: np.array([g, g]),
    "numpy.float64": np.float64,
    "a universal function": np.exp,
    "a universal function of two": lambda g: np.add(g, 1),
    "numpy.add with out": lambda g: np.add(ONE, ONE, out=g),
    "numpy.add.reduce": np.add.reduce,
    "numpy.add.at": lambda g: np.add.at(np.ones(3), 0, g),
    "numpy.sum": np.sum,
    "numpy.concatenate": lambda g: np.concatenate([g, g]),
    "numpy.where": lambda g: np.where(g > 1, g, 0),
    "numpy.shape": np.shape,
    "numpy.linalg.norm": np.linalg.norm,
    "numpy.allclose": lambda g: np.allclose(g, 1),
    "numpy.full": lambda g: np.full(3, g),
    "assigning to a slice": lambda g: operator.setitem(np.ones(3), slice(1), g),
    "indexing NumPy": lambda g: np.ones(3)[g.astype(int)],
    "float": float,
    "int": int,
    "bool": bool,
    "complex": complex,
    "index": operator.index,
    "range": range,
    "len": len,
    "list": list,
    "unpacking": lambda g: [*g],
    "in": lambda g: 1.0 in g,
    "if": lambda g: 1 if g else 0,
    "not": lambda g: not g,
    "sum of Python": sum,
    "max of Python": max,
    "round": round,
    "math.sqrt": math.sqrt,
    "math.isfinite": math.isfinite,
    "math.floor": math.floor,
    "format": lambda g: f"{g:.3f}",
    "bytes": bytes,
    "tolist": lambda g: g.tolist(),
    "tobytes": lambda g: g.tobytes(),
    "array interface": lambda g: g.__array_interface__,
    "array struct": lambda g: g.__array_struct__,
    "a NumPy array to the right": lambda g: g + ONE,
    "a NumPy array to the left": lambda g: ONE + g,
    "a NumPy array without axes": lambda g: g * np.array(2.0),
    "a NumPy array into it": lambda g: operator.iadd(g, ONE),
    "comparing with a NumPy array": lambda g: g == ONE,
    "a NumPy array compared with it": lambda g: g > ONE,
    "matmul with a NumPy array": lambda g: g @ ONE,
    "a NumPy index": lambda g: g[np.array([0])],
    "a NumPy mask": lambda g: g[np.array([True])],
    "a NumPy array assigned": lambda g: operator.setitem(g, 0, ONE),
    "a NumPy array as out": lambda g: cp.add(g, g, out=np.ones(1)),
    "a NumPy array as an argument": lambda g: cp.sum(ONE),
    "a NumPy array among others": lambda g: cp.concatenate([g, ONE]),
    "a NumPy array in where": lambda g: cp.where(g > 1, g, ONE),
    "a NumPy array for a kernel": lambda g: cp.ElementwiseKernel("T x", "T y", "y = x", "same")(ONE),
}
NO_TYPE = {"memoryview": memoryview, "a comparison with None": lambda g: g == None, "an order": sorted}  # noqa: E711
NOT_THERE = {
    "where=": lambda g: cp.add(g, g, where=True),
    "sum where=": lambda g: cp.sum(g, where=g > 0),
    "sum of a list": lambda g: cp.sum([1.0, 2.0]),
    "exp of a list": lambda g: cp.exp([1.0]),
    "where of a number": lambda g: cp.where(True, g, g),
    "concatenating numbers": lambda g: cp.stack([g[0], 1.0]),
    "a product with a number": lambda g: cp.dot(g, 2.0),
    "text": lambda g: cp.asarray("text"),
    "objects": lambda g: cp.asarray([None]),
    "sparse indices": lambda g: cp.indices((2, 2), sparse=True),
    "float16 in linalg": lambda g: cp.linalg.norm(g) and cp.linalg.svd(cp.ones((2, 2), dtype=np.float16)),
}


@pytest.fixture
def g():
    return cp.asarray(ONE)


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_leads_out_by_itself(route, g):
    with _guard.counting() as seen, pytest.raises(TypeError, match=r"^Implicit conversion"):
        ROUTES[route](g)
    assert (seen.arrays_out, seen.items) == (0, 0)
    assert g.get() == ONE


@pytest.mark.parametrize("route", NO_TYPE | NOT_THERE)
def test_what_cupy_does_not_take_is_a_type_error(route, g):
    with pytest.raises(TypeError):
        (NO_TYPE | NOT_THERE)[route](g)


@pytest.mark.parametrize("name", ["foo", "writeable", "setflags", "__dict__", "sin", "__array_namespace_info__"])
def test_an_array_has_no_other_attribute(name, g):
    assert not hasattr(g, name)
    with pytest.raises(AttributeError):
        setattr(g, name, 1)
    with pytest.raises(AttributeError):
        g.flags.writeable = False


def test_an_element_of_a_numpy_array_takes_none(g):
    with pytest.raises(ValueError, match="setting an array element") as caught:
        np.ones(3)[0] = g
    assert str(caught.value.__cause__).startswith("Implicit conversion")


def test_numpy_finds_no_interface(g):
    assert not hasattr(g, "__array_interface__")
    assert not hasattr(g, "__array_struct__")
    assert not isinstance(g, np.ndarray)
    assert g.__class__.__name__ == "ndarray"


@pytest.mark.parametrize("name", ["errstate", "frompyfunc", "nditer", "spacing", "object_", "str_", "testing", "foo"])
def test_what_cupy_has_not_is_not_there(name):
    assert not hasattr(cp, name)


@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_only_sums_and_products_reduce(method, g):
    for name in ("maximum", "minimum", "logical_and", "subtract"):
        with pytest.raises(NotImplementedError):
            getattr(getattr(cp, name), method)(g)
    assert getattr(cp.add, method)(g).get().sum() == 2.5


# -- where CuPy differs from NumPy ---------------------------------------------------------------------------------
def test_positions_wrap_around_since_a_kernel_cannot_raise():
    v = cp.asarray(np.arange(5.0))
    far = cp.asarray([7, -1, -6])
    assert v.take(far).get().tolist() == [2, 4, 4]
    assert v[far].get().tolist() == [2, 4, 4]
    assert cp.take_along_axis(v, far, 0).get().tolist() == [2, 4, 4]
    with pytest.raises(IndexError):
        v[7]


def test_an_element_is_a_view():
    v = cp.zeros(3)
    first = v[0]
    v[0] = 2.0
    assert first.item() == 2.0
    assert v.T.base is v and v[1:][0].base is v and v.reshape(3, 1).base is v and v.base is None


def test_linear_algebra_answers_nan():
    assert np.isnan(cp.linalg.cholesky(-cp.eye(2)).get()).any()
    assert np.isnan(cp.linalg.inv(cp.zeros((2, 2))).get()).any()
    assert np.isnan(cp.linalg.svd(cp.full((2, 2), np.nan))[1].get()).all()
    with pytest.raises(np.linalg.LinAlgError):
        cp.linalg.inv(cp.zeros((2, 3)))


def test_one_boolean_array_selects_alone():
    a = cp.ones((2, 2))
    with pytest.raises(ValueError, match="one boolean array"):
        a[a > 0, cp.asarray([0])]
    with pytest.raises(IndexError, match="NumPy integer"):
        a[cp.asarray([0]), np.int64(0)]
    with pytest.raises(TypeError, match="scatter"):
        cp.add.at(cp.zeros(3, dtype=np.int64), cp.asarray([0]), 1)


# -- counting and failing ------------------------------------------------------------------------------------------
def test_crossings_are_counted():
    with _guard.counting() as seen:
        a = cp.asarray(np.ones((2, 3)))
        b = cp.asarray([1.0, 2.0, 3.0])
        (a * b).sum().item()
        cp.asnumpy(a)
        b.get()
        a[a > 0]
    assert (seen.arrays_in, seen.bytes_in) == (2, 72)
    assert (seen.arrays_out, seen.bytes_out, seen.items, seen.waits) == (2, 72, 1, 1)
    assert seen.total == 6
    with _guard.counting() as number:
        cp.asarray(2.0)
    assert (number.total, number.numbers_in) == (0, 1)
    assert seen.launches["multiply"] == 1
    with _guard.counting() as nothing:
        cp.sum(a + b)
    assert nothing.total == 0


def test_copies_stay_and_pickles_cross():
    a = cp.asarray(np.arange(3.0))
    with _guard.counting() as seen:
        b = copy.deepcopy(a)
        b += 1
    assert (seen.total, a.get().tolist()) == (0, [0, 1, 2])
    with _guard.counting() as seen:
        assert pickle.loads(pickle.dumps(b)).get().tolist() == [1, 2, 3]
    assert (seen.arrays_in, seen.arrays_out) == (1, 2)


def test_a_computation_can_be_made_to_fail():
    a = cp.ones(2)
    error = cp.cuda.memory.OutOfMemoryError(8, 16)
    with _guard.failing("multiply", error, after=1):
        assert (a * 2).get().tolist() == [2, 2]
        with pytest.raises(MemoryError, match="Out of memory"):
            a * 2
        assert (a + 2).get().tolist() == [3, 3]
    assert (a * 2).get().tolist() == [2, 2]
    with _guard.failing("*", cp.cuda.runtime.CUDARuntimeError(719)), pytest.raises(RuntimeError, match="719"):
        cp.zeros(2)
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError):
        cp.cuda.Device(99)


# -- two devices ---------------------------------------------------------------------------------------------------
def test_arrays_of_two_devices_do_not_mix():
    here = cp.ones(2)
    with cp.cuda.Device(1):
        there = cp.ones(2)
        assert (there.device.id, here.device.id, cp.cuda.Device().id) == (1, 0, 1)
        with pytest.raises(ValueError, match="array device = 0 while current = 1"):
            there + here
        assert (there + cp.asarray(here)).get().tolist() == [2, 2]
        assert there[0].device.id == there.T.device.id == (2 * there).device.id == 1
    for wrong in (lambda: there + 1, lambda: cp.sum(there), lambda: there.sum(), lambda: there.astype(int)):
        with pytest.raises(ValueError, match="array device = 1 while current = 0"):
            wrong()
    assert (there.get() + here.get()).tolist() == [2, 2]


def test_a_thread_has_a_current_device_of_its_own():
    with cp.cuda.Device(1), ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: cp.ones(1).device.id).result() == 0
        assert cp.ones(1).device.id == 1
