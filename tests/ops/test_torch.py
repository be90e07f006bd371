"""Values and gradients of the array families equal PyTorch's in float64."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import torchlean_nb.ops  # noqa: E402, F401 - fills the table
from _laws import Case, cases, close  # noqa: E402

pytestmark = pytest.mark.oracle
torch = pytest.importorskip("torch")
CASES = [(op, s) for op, s in cases() if op.torch is not None]


def tensor(a):
    return torch.tensor(np.array(a), requires_grad=a.dtype.kind == "f")


@pytest.mark.parametrize(("op", "sample"), CASES, ids=[f"{o.name}-{s}" for o, s in CASES])
def test_value_and_gradients_equal_those_of_pytorch(op, sample):
    case = Case(op, sample)
    theirs = [tensor(a) for a in case.args]
    y = op.torch(torch, *theirs, **sample.attrs)
    assert close(case.y, y.detach().numpy(), 1e-12)
    if not case.moving:
        return
    g = case.draw(np.shape(case.y), 5)
    y.backward(torch.tensor(g))
    for i in case.moving:
        want = theirs[i].grad
        assert close(case.vjp(i, g), np.zeros(case.args[i].shape) if want is None else want.numpy(), 1e-12)
