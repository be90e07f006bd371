"""Samples of the cells of a confusion matrix, small enough to travel: thumbnails, or rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from torchlean_nb.errors import ShapeError
from torchlean_nb.escape import visible
from torchlean_nb.render.confusion import MOST
from torchlean_nb.trace.arrays import encode_array

PER_CELL, IN_ALL, SIDE, COLUMNS = 24, 1200, 28, 8


def cell_samples(
    x: np.ndarray, true: np.ndarray, predicted: np.ndarray, columns: Sequence[str] | None = None
) -> dict[str, Any]:
    """Some samples of every cell: at most 24 each and 1200 in all, mistakes first.

    Parameters
    ----------
    x : ndarray, shape (n, ...)
        Samples of shape ``(h, w)`` or ``(1, h, w)`` become thumbnails of at most 28 by 28 pixels, others rows of
        their first 8 numbers.
    true, predicted : ndarray of int, shape (n,)
    columns : sequence of str, optional
        Names of the numbers.

    Raises
    ------
    ShapeError

    Examples
    --------
    >>> found = cell_samples(np.zeros((3, 2)), np.array([0, 0, 1]), np.array([0, 1, 1]))
    >>> found["cells"], found["kind"]
    ({'0,1': [1], '0,0': [0], '1,1': [2]}, 'rows')
    """
    if len(x) != len(true):
        raise ShapeError(f"ConfusionView: {len(x)} samples for {len(true)} classes")
    pairs = np.stack([true, predicted], axis=1)
    cells: dict[str, list[int]] = {}
    for i, j in sorted(map(tuple, np.unique(pairs, axis=0).tolist()), key=lambda c: (c[0] == c[1], c)):
        if i < MOST and j < MOST:
            cells[f"{i},{j}"] = np.flatnonzero((true == i) & (predicted == j))[:PER_CELL].tolist()
    left = IN_ALL
    for cell, found in cells.items():
        cells[cell] = found[: max(0, left)]
        left -= len(cells[cell])
    chosen = [n for found in cells.values() for n in found]
    picked = np.asarray(x)[chosen]
    if picked.ndim == 4 and picked.shape[1] == 1:
        picked = picked[:, 0]
    images = picked.ndim == 3 and min(picked.shape[1:]) > 1
    body = _thumbnails(picked) if images else _rows(picked, columns)
    place = {n: k for k, n in enumerate(chosen)}
    return {"cells": cells, "place": {str(n): k for n, k in place.items()}, **body}


def _thumbnails(images: np.ndarray) -> dict[str, Any]:
    """Grey levels from the smallest to the largest finite number of all."""
    h, w = images.shape[1:]
    rows, cols = (np.linspace(0, n - 1, min(n, SIDE)).round().astype(int) for n in (h, w))
    small = images[:, rows][:, :, cols].astype(np.float64)
    good = small[np.isfinite(small)]
    low, high = (good.min(), good.max()) if good.size else (0.0, 0.0)
    with np.errstate(all="ignore"):
        levels = np.nan_to_num((small - low) / ((high - low) or 1.0), nan=0.0, posinf=1.0, neginf=0.0)
    grey = np.round(255 * levels.clip(0, 1)).astype(np.uint8)
    return {"kind": "images", "height": len(rows), "width": len(cols), "pixels": _packed(grey)}


def _rows(x: np.ndarray, columns: Sequence[str] | None) -> dict[str, Any]:
    flat = x.reshape(len(x), -1)
    names = [visible(c, 20) for c in columns or [f"x{i}" for i in range(flat.shape[1])]][:COLUMNS]
    return {"kind": "rows", "columns": names, "of": flat.shape[1], "values": encode_array(flat[:, :COLUMNS])}


def _packed(a: np.ndarray) -> str:
    import base64  # noqa: PLC0415 - thumbnails alone are packed

    return base64.b64encode(a.tobytes()).decode("ascii")
