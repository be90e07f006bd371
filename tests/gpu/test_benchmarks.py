"""What the benchmarks of a GPU measure: everybody of ours computes the same there."""

import numpy as np
import pytest

from benchmarks import cuda


@pytest.mark.parametrize("workload", ["C1", "C6a", "C7a"])
def test_our_contenders_compute_the_same(workload, there, monkeypatch):
    monkeypatch.setattr(cuda, "DEVICE", there.name)
    monkeypatch.setitem(cuda.RACES, "C7a", 50)
    found = {}
    for name, make in cuda.contenders(workload).items():
        if name.startswith("ours"):
            steps = make(workload, cuda.rates(workload)[0])
            found[name] = [float(v) for v in steps(4)] + steps.summary()
    want, *others = found.values()
    assert len(want) >= 4 and all(np.allclose(v, want, rtol=1e-4) for v in others), found


def test_who_sees_no_gpu_is_left_out_with_its_words(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="torch sees no CUDA device"):
        cuda.contenders("C6a")["torch"]("C6a", 1e-6)
