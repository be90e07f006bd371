"""Fair comparisons made by hand: bowls of loss over the learning rate, with a little noise for each seed."""

from __future__ import annotations

import numpy as np

from torchlean_nb.trace.contest import Contest, Entry
from torchlean_nb.trace.fair import FairTrace

STARTS, ORDERS = ("3f2a9c01b2d4", "91bc22aa10ff", "77d01c55e9ab"), ("a1b2c3d4e5f6", "0f9e8d7c6b5a", "1234567890ab")
RECORDS = 6


def grid(middle, points=5):
    """Rates around a middle, the root of ten apart."""
    return middle * 10 ** np.linspace(-(points - 1) / 4, (points - 1) / 4, points)


def entry(name, rates, best, floor, cliff=np.inf, seed=0, work=100, **fields):
    """A contender whose loss is lowest at a rate, and which diverges above another one."""
    rng, rates = np.random.default_rng(seed), np.asarray(rates, float)
    curves = np.empty((len(rates), 3, RECORDS))
    ended = np.where(rates > cliff, 2, -1)[:, None].repeat(3, axis=1)
    for i, rate in enumerate(rates):
        for j in range(3):
            last = floor * (1 + np.log(rate / best) ** 2) * np.exp(0.15 * rng.standard_normal())
            curves[i, j] = np.geomspace(2.3, last, RECORDS)
            curves[i, j, 2:] = np.nan if rate > cliff else curves[i, j, 2:]
    given = {"starts": STARTS, "orders": ORDERS} | fields
    return Entry(name, name, rates, curves, ended, np.full((len(rates), 3), work), **given)


def surface(name="rosenbrock", first="sgd"):
    """Momentum is ahead of SGD here."""
    entries = [entry(first, grid(1e-3), 1e-3, 0.9, 5e-3, 1), entry("momentum", grid(1e-3), 1e-3, 0.04, 5e-3, 2),
               entry("adam", grid(0.1), 0.2, 0.3, seed=3)]  # fmt: skip
    return Contest(name, "surface", "steps", [0, 40, 80, 120, 160, 200], (0, 1, 2), 0.9, entries)


def network(name="digits_mlp", first="sgd", fixed=False):
    """SGD is ahead of momentum here, and its best rate is on the edge; with `fixed` Adam has one rate."""
    entries = [entry(first, grid(0.1), 1.0, 0.07, seed=1), entry("momentum", grid(0.03), 0.3, 0.3, 0.2, 2),
               entry("adam", [0.01] if fixed else grid(0.01), 0.01, 0.075, seed=3)]  # fmt: skip
    return Contest(name, "network", "epochs", range(RECORDS), (0, 1, 2), 0.3, entries)


def both(fixed=False, **names):
    """The two side by side."""
    return FairTrace([surface(**names), network(fixed=fixed, **names)], {"grid": "own"})
