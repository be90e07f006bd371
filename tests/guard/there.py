"""The stand-in as a device, and what it means that two machines have the same numbers."""

from __future__ import annotations

from functools import cache

import _guard
import numpy as np

from torchlean_nb.backend import devices

BLAS = ("matmul", "dot", "einsum", "tensordot", "linalg.svd", "linalg.eigh", "linalg.qr")


@cache
def device():
    """The stand-in, as a row of the table of libraries."""
    devices.LIBRARIES.setdefault("guard", _guard.lib)
    return devices.device("guard")


def same_numbers(name, there, here, seen, ulps=4):
    """The same bits; a few units in the last place where another routine of the BLAS adds in another order."""
    assert device().owns(there), name
    a, b = there.get(), np.asarray(here)
    assert (a.shape, a.dtype) == (b.shape, b.dtype), name
    if a.tobytes() == b.tobytes():
        return
    assert any(seen.launches[f] for f in BLAS), f"{name}: {a} instead of {b}"
    near = ulps * np.finfo(b.dtype).eps * np.max(np.abs(b))
    np.testing.assert_allclose(a, b, rtol=0, atol=near, err_msg=name)
