"""What the tests of optimizers on a device share."""

from __future__ import annotations

import numpy as np
from guard.there import device

import torchlean_nb as tl

START = {"w": np.array([[1.0, -2.0], [0.5, 3.0]]), "b": np.array([0.25, -1.5, 4.0])}
GRADS = [{k: np.random.default_rng(i).normal(size=a.shape) for k, a in START.items()} for i in range(8)]


def put(arrays):
    """Arrays by name on the device."""
    return {k: device().put(np.array(a)) for k, a in arrays.items()}


def pair(name="Adam", start=START, **options):
    """The same optimizer on the CPU and on the device."""
    make = getattr(tl.optim, name)
    return make(start, **options), make(put(start), **options)


def same(a, b):
    """Whether two dicts of arrays have the same bits."""
    return list(a) == list(b) and all(a[k].tobytes() == b[k].tobytes() and a[k].dtype == b[k].dtype for k in a)
