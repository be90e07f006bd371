"""A small model with everything that has a state, and what a trainer holds, bit for bit."""

import hashlib

import numpy as np

import torchlean_nb as tl


def model(norm=None):
    return tl.nn.Sequential(
        tl.nn.Linear(3, 4), norm or tl.nn.BatchNorm1d(4), tl.nn.Tanh(), tl.nn.Dropout(0.3), tl.nn.Linear(4, 2)
    )


def data(rows=10, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    return tl.data.Dataset(x, (x[:, 0] * x[:, 1] > 0).astype(np.int64))


def trainer(optimizer="adam", schedule=None, norm=None, **options):
    return tl.Trainer(model(norm), "classification", optimizer, schedule, seed=3, **options)


def fit(t, steps, **options):
    options = {"batch_size": 4, "progress": False, **options}
    return t.fit(data(), steps=steps, **options)


def digest(t, run=True):
    """SHA-256 of all that the next step depends on, and of what was recorded."""
    h = hashlib.sha256()

    def put(x):
        if isinstance(x, dict):
            for k in sorted(x, key=str):
                h.update(str(k).encode())
                put(x[k])
        elif isinstance(x, list | tuple):
            for v in x:
                put(v)
        else:
            h.update(x.tobytes() if isinstance(x, np.ndarray) else repr(x).encode())

    state = t.state_dict()
    recorded = state.pop("run")
    put(state)
    if run:
        put([recorded["series"], recorded["histograms"]])
    return h.hexdigest()
