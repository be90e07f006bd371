"""NumPy on handles: ufuncs and functions record nodes, everything else explains itself."""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
UFUNCS = [op for op in tl.ops.values() if op.numpy and isinstance(getattr(np, op.numpy), np.ufunc)]


@pytest.mark.parametrize("op", UFUNCS, ids=lambda op: op.name)
def test_each_ufunc_records_its_row(op):
    s = tl.Session(nonfinite="ieee")
    args = [s.input(np.abs(X) + 0.5) for _ in op.args]
    if op.name == "matmul":
        args[1] = args[1].T
    if op.name == "logical_not":
        args = [args[0] > 1.0]
    y = getattr(np, op.numpy)(*args)
    assert s.tape[y.id].op == op.name
    assert np.array_equal(y.value, getattr(np, op.numpy)(*[a.value for a in args]))


def test_arrays_on_the_left_reach_the_tensor():
    s = tl.Session()
    w = s.param(np.ones((3, 2)))
    assert (X @ w).shape == (2, 2) and (2.0 - w).shape == (3, 2) and (X.T / (w + 1.0)).shape == (3, 2)


def test_functions_dispatch():
    s = tl.Session()
    x = s.input(X, requires_grad=True)
    assert np.sum(x, axis=0).shape == (3,) and np.concatenate([x, x], axis=0).shape == (4, 3)
    assert np.transpose(x).shape == (3, 2) and np.reshape(x, (3, 2)).shape == (3, 2)
    assert np.where(x > 0.0, x, 0.0).value.min() == 0.0


def test_what_has_no_rule_says_so():
    x = tl.Session().input(X)
    for use in (lambda: np.fmod(x, 2.0), lambda: np.add.reduce(x), lambda: np.linalg.svd(x), lambda: np.asarray(x)):
        with pytest.raises(TypeError, match=r"t\.value"):
            use()


def test_truth_iteration_and_numbers():
    s = tl.Session()
    x = s.input(X)
    with pytest.raises(TypeError, match="truth value"):
        bool(x > 0.0)
    with pytest.raises(errors.NotOneElementError, match="one element"):
        float(x)
    assert float(x.sum()) == X.sum() and len(x) == 2 and [r.shape for r in x] == [(3,), (3,)]
    with pytest.raises(TypeError, match="not iterable"):
        iter(x.sum())


def test_indexing_records_slices_and_takes():
    s = tl.Session()
    x = s.input(X, requires_grad=True)
    assert x[0].value.tolist() == X[0].tolist() and x[:, 1:].shape == (2, 2) and x[..., None].shape == (2, 3, 1)
    y = x[np.array([1, 1, 0])].sum()
    assert s.backward(y)[x].tolist() == [[1.0] * 3, [2.0] * 3]
    assert s.backward(x[X > 0].sum())[x].tolist() == (X > 0).astype(float).tolist()


def test_augmented_assignment_makes_a_new_node():
    s = tl.Session()
    x = s.input(1.0)
    y = x
    y += 1.0
    assert float(x) == 1.0 and float(y) == 2.0 and y.id != x.id


def test_large_numbers_are_finite_and_nobody_warns():
    s = tl.Session()
    assert (s.param([1e160, -1e300]) * 2.0).value.tolist() == [2e160, -2e300]
    s = tl.Session(dtype="float32")
    assert np.isfinite((s.param([1e30]) * 2.0).value).all()
