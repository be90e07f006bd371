"""Runs of update rules without the shell: the same gradients for the rule, its mutants, and other libraries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.updates import UpdateRule

STEPS = 14
SHAPES = {"a": (4, 3), "b": (5,), "c": (2, 3, 2)}
# Sizes at which a case begins: numbers, single rows and columns, squares, filters; gradients that are faint.
SMALL = ((3,), (), (1, 4), (2, 1), (3, 3), (2, 2, 1, 3))
# Rules for at most two axes; of these the last are for matrices only.
FLAT = {"shampoo", "soap"}
MATRICES = {"muon", "muon_debiased", "orthogonal_momentum", "projected_sgd"}


class Path(NamedTuple):
    """Where a run starts and what it meets."""

    start: np.ndarray
    gradients: np.ndarray
    values: np.ndarray
    curvatures: np.ndarray


def _random(shape: tuple[int, ...], seed: int) -> Path:
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.normal(size=shape))
    g = np.array([scale * rng.normal(size=shape) + 0.3 for _ in range(STEPS)])
    start = rng.normal(size=shape)
    curvatures = 0.6 * np.abs(rng.normal(size=g.shape)) + 0.5 * rng.normal(size=g.shape)
    return Path(start, g, rng.uniform(0.5, 2.5, size=STEPS), curvatures)


def _downhill(path: Path) -> Path:
    """Gradients that agree for a while, then turn."""
    pull = np.sign(path.start + 0.1)
    turn = np.tanh((8 - np.arange(STEPS)) / 3).reshape(-1, *[1] * path.start.ndim)
    return path._replace(gradients=0.3 * path.gradients + pull * turn)


def _still(path: Path) -> Path:
    """Steps without any gradient, elements and rows without one, for long or for once, and some that start at 0."""
    places = np.arange(path.start.size).reshape(path.start.shape)
    seen, rows = places % 4 > 0, places >= path.start.size // max(len(np.atleast_1d(path.start)), 1)
    g = np.array([x * (seen | (t > 6)) * (t not in (0, 1, 4)) for t, x in enumerate(path.gradients)])
    g[9] *= places % 3 > 0
    g[10] *= rows
    return path._replace(start=path.start * seen, gradients=g)


def _alike(path: Path) -> Path:
    """One gradient for all, the same at every step: ties, and a start at 0."""
    return path._replace(start=0 * path.start, gradients=np.ones_like(path.gradients))


KINDS = {
    "random": lambda path: path,
    "downhill": _downhill,
    "still": _still,
    "alike": _alike,
    "small": lambda path: path._replace(gradients=0.05 * path.gradients),
}


def paths(rule: UpdateRule, kind: str) -> list[Path]:
    """What a rule meets: its tensors one by one, or all in one vector where it sees a group."""
    shapes = SMALL if kind == "small" else [*SHAPES.values(), (3, 4)] if rule.name in MATRICES else SHAPES.values()
    axes = {2} if rule.name in MATRICES else {0, 1, 2} if rule.name in FLAT else range(5)
    shapes = [s for s in shapes if len(s) in axes]
    each = [KINDS[kind](_random(s, seed)) for seed, s in enumerate(shapes)]
    if rule.scope != "group":
        return each
    start = np.concatenate([p.start.ravel() for p in each])
    g, c = (
        np.concatenate([a.reshape(STEPS, -1) for a in of], axis=1)
        for of in ([p.gradients for p in each], [p.curvatures for p in each])
    )
    return [Path(start, g, each[0].values, c)]


def steps(rule: UpdateRule, given: Mapping[str, Any], path: Path, dtype: Any = float) -> Iterator[dict[str, Any]]:
    """Terms of every step, with the slots that were there before, and the parameter after it as ``"p"``."""
    h = SimpleNamespace(**rule.resolve(given))
    p = path.start.astype(dtype)
    slots = None
    for t, g in enumerate(path.gradients.astype(dtype), 1):
        h.value, h.curvature = float(path.values[t - 1]), path.curvatures[t - 1].astype(dtype)
        with np.errstate(all="ignore"):
            slots = rule.start(p, h) if slots is None else slots
            terms = rule.terms(g, p, slots, h, t)
            after = p + terms["delta"]
        yield {**terms, "p": after, "before": slots}
        p, slots = after, {k: terms[k] for k in slots}


def digest(runs: list[np.ndarray]) -> list[float]:
    """One number for each step: a fixed mixture of all parameters."""
    flat = np.concatenate([np.reshape(r, (len(r), -1)) for r in runs], axis=1)
    return [float(x) for x in flat @ np.random.default_rng(11).uniform(1, 2, size=flat.shape[1])]


def parameters(rule: UpdateRule, given: Mapping[str, Any], kind: str) -> list[np.ndarray]:
    """Parameters after every step, of every tensor."""
    return [np.array([s["p"] for s in steps(rule, given, path)]) for path in paths(rule, kind)]


def close(a: Any, b: Any, tolerance: float = 2e-12) -> bool:
    """Equal up to a fraction of the largest number."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or not (np.isfinite(a) == np.isfinite(b)).all():
        return False
    fine = np.isfinite(b)
    return bool(fine.all() or np.array_equal(a[~fine], b[~fine], equal_nan=True)) and (
        not fine.any() or bool(np.abs(a[fine] - b[fine]).max() <= tolerance * np.abs(b[fine]).max())
    )
