"""Small networks to look around in."""

from functools import cache

import numpy as np

import torchlean_nb as tl

MOONS = tl.data.moons(64, seed=1)


def net(hidden=6, norm=()):
    return tl.nn.Sequential(tl.nn.Linear(2, hidden), *norm, tl.nn.ReLU(), tl.nn.Linear(hidden, 2))


def fitted(seed=0, hidden=6, norm=(), steps=40, points=30, dtype="float64"):
    """A trainer on the moons, and its path."""
    path = tl.landscape.Trajectory(points=points)
    trainer = tl.Trainer(net(hidden, norm), task="classification", optimizer="adam", schedule=0.05, seed=seed,
                         dtype=dtype)  # fmt: skip
    trainer.fit(MOONS, steps=steps, batch_size=16, callbacks=path, progress=False)
    return trainer, path


trained = cache(fitted)


def quadratic(matrix):
    """A loss of one layer whose Hessian is a given positive definite matrix."""
    root = np.linalg.cholesky(np.asarray(matrix, float)).T
    n = len(root)
    layer = tl.nn.Linear(n, 1, bias=False).bind(tl.Session(), seed=0)
    return tl.landscape.Objective(layer, (root * np.sqrt(n / 2), np.zeros(n)), loss="mse")
