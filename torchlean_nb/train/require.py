"""Looking up gradients and values with TorchLean's words for what is missing, and the plain SGD step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import ShapeError, UnknownNodeError


def require_grad(tag: str, grads: Mapping[int, Any], id: int, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Gradient of a node, of a given shape.

    Raises
    ------
    UnknownNodeError, ShapeError
    """
    return _require(tag, "gradient", grads.get(id), id, shape)


def require_value(tag: str, tape: Any, id: int, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Forward value of a node of a tape, of a given shape.

    Raises
    ------
    UnknownNodeError, ShapeError
    """
    return _require(tag, "value", tape.values[id] if 0 <= id < len(tape) else None, id, shape)


def require_scalar(tag: str, tape: Any, id: int) -> float:
    """Forward value of a scalar node."""
    return float(require_value(tag, tape, id, ()))


def _require(tag: str, what: str, found: Any, id: int, shape: tuple[int, ...] | None) -> np.ndarray:
    if found is None:
        raise UnknownNodeError(f"{tag}: missing {what} for node id {id}")
    a = np.asarray(host(found))
    if shape is not None and a.shape != tuple(shape):
        raise ShapeError(f"{tag}: {what} shape mismatch for node id {id}", f"{a.shape}, expected {tuple(shape)}")
    return a


def sgd_update(p: Any, g: Any, lr: float) -> Any:
    """``p - lr * g``, bit for bit what the row ``sgd`` does without momentum or decay.

    Examples
    --------
    >>> sgd_update(1.0, 0.5, 0.1)
    0.95
    """
    return p - g * lr
