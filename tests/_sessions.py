"""What tests of compiled sessions share: the same session on both backends, and data."""

from __future__ import annotations

import numpy as np

import torchlean_nb as tl
from torchlean_nb.backend import devices

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))


def same(a, b):
    """Equality to the last bit, shape and type included."""
    a, b = np.asarray(devices.host(a)), np.asarray(devices.host(b))
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def pair(**options):
    """The same session twice: eager, and compiled."""
    return [tl.Session(backend=b, seed=3, **options) for b in ("eager", "compiled")]


def replays(s):
    return s._way.book.replayed
