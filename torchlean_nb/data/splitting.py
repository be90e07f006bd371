"""Which rows go where: shares of every class, folds of equal size."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.errors import DataError, DTypeError, ShapeError


def strata(target: np.ndarray, name: str) -> list[np.ndarray]:
    """The rows of each class, in the order of the classes.

    Raises
    ------
    DTypeError, ShapeError
        When the target does not number classes, one for each row.
    """
    if target.dtype.kind not in "iub":
        raise DTypeError(f"{name}: stratify needs classes as the last array, got {target.dtype}", None, "labels(y)")
    if target.ndim != 1:
        raise ShapeError(f"{name}: stratify needs one class for each row, got targets of shape {target.shape}")
    return [np.flatnonzero(target == c) for c in np.unique(target)]


def stratified(groups: list[np.ndarray], count: int, rng: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two sides, `count` of them on the second, every class with nearly the same share on both.

    Raises
    ------
    DataError
        When a class would be missing from a side.
    """
    n = sum(map(len, groups))
    exact = np.array([len(g) * count / n for g in groups])
    take = np.floor(exact).astype(int)
    # What is missing goes to the classes with the largest remainders.
    for i in np.argsort(take - exact, kind="stable")[: count - take.sum()]:
        take[i] += 1
    for c, (group, k) in enumerate(zip(groups, take, strict=True)):
        if not 0 < k < len(group):
            side = "test" if k == 0 else "train"
            raise DataError(
                f"split: {count} of {n} rows leave no row of the class number {c} to {side}",
                f"it has {len(group)} row{'s' * (len(group) > 1)}", "another share, or stratify=False",
            )
    mixed = [rng.permutation(g) for g in groups]
    first = np.concatenate([g[k:] for g, k in zip(mixed, take, strict=True)])
    second = np.concatenate([g[:k] for g, k in zip(mixed, take, strict=True)])
    return rng.permutation(first), rng.permutation(second)


def folds(n: int, k: int, groups: list[np.ndarray] | None, rng: Any) -> list[np.ndarray]:
    """The rows of each of k folds, whose sizes differ by one at most; with groups each is spread over all."""
    order = rng.permutation(n) if groups is None else np.concatenate([rng.permutation(g) for g in groups])
    return [order[i::k] for i in range(k)]
