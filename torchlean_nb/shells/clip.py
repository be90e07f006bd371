"""Gradients cut to size: over all parameters as PyTorch does, and one tensor at a time as TorchLean does.

Each function takes gradients in any form `Optimizer.step` takes and returns new ones; nothing is
changed in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from numbers import Real
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of, host
from torchlean_nb.errors import DTypeError, HyperparameterError, NonFiniteError, quote
from torchlean_nb.shells.given import as_array, copied


class Clipped(dict):
    """New gradients by the same keys, with the total norm before clipping as ``.norm``.

    Those of a session on a device stay there: `array` gives them, and an item is fetched when it is looked at.
    """

    norm: float = math.nan

    def array(self, key: Any) -> Any:
        """Gradient of that key where it lives."""
        return dict.__getitem__(self, key)

    def __getitem__(self, key: Any) -> np.ndarray:
        return host(dict.__getitem__(self, key))

    def get(self, key: Any, default: Any = None) -> Any:
        """Gradient of that key, or something else."""
        return host(dict.get(self, key, default))

    def values(self) -> Any:
        """All gradients."""
        return [self[k] for k in self]

    def items(self) -> Any:
        """All keys and gradients."""
        return [(k, self[k]) for k in self]


def _items(grads: Any) -> list[tuple[Any, Any]]:
    if isinstance(grads, Clipped):
        pairs = [*dict.items(grads)]
    elif hasattr(grads, "aligned"):  # of a session: where they live
        pairs = [(k, device_of(k.array).put(grads[k]) if g is None else g) for k in grads for g in grads.aligned([k])]
    elif isinstance(grads, Mapping):
        pairs = [(k, grads[k]) for k in grads]
    elif isinstance(grads, Sequence) and not isinstance(grads, str | bytes):
        pairs = list(enumerate(grads))
    else:
        raise HyperparameterError(f"clip: gradients of type {type(grads).__name__}", None, "a mapping or a list")
    return [(k, _array(k, g)) for k, g in pairs if g is not None]


def _array(key: Any, grad: Any) -> Any:
    label = f"clip: gradient {quote(getattr(key, 'name', key), 60)}"
    a = as_array(label, grad, device_of(grad))
    if a.dtype.kind not in "fiu":
        raise DTypeError(f"{label} has dtype {a.dtype}", None, "a float array")
    return a if a.dtype.kind == "f" else a.astype(np.float64)  # a factor below 1 would vanish among integers


def _limit(name: str, value: Any, low: float = 0.0) -> float:
    try:
        v = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        v = math.nan
    if not v >= low:
        raise HyperparameterError(f"clip: {name}={quote(value)} is not allowed", f"{name} must be a number >= {low:g}")
    return v


def total_norm(grads: Any, norm_type: float = 2.0) -> float:
    """Norm of all gradients together.

    Examples
    --------
    >>> total_norm({"a": [3.0], "b": [4.0]})
    5.0
    """
    arrays, p = [g.astype(np.float64) for _, g in _items(grads)], _limit("norm_type", norm_type, -math.inf)
    if not arrays:
        return 0.0
    xp = device_of(arrays[0]).xp
    arrays = [xp.abs(a) for a in arrays]
    if math.isinf(p):
        pick, best = (xp.np.max, xp.maximum) if p > 0 else (xp.np.min, xp.minimum)
        return reduce(best, [pick(a) for a in arrays]).item()
    if p == 0:
        return float(sum((a != 0).any() for a in arrays).item())
    return float(sum((a**p).sum() for a in arrays).item() ** (1 / p))


def clip_grad_norm(grads: Any, max_norm: float, norm_type: float = 2.0) -> Clipped:
    """All gradients scaled by one factor so that their total norm is at most `max_norm`, as in PyTorch.

    The factor is ``min(1, max_norm / (norm + 1e-6))``, which keeps the direction.

    Raises
    ------
    NonFiniteError
        When the norm is inf or NaN: scaling by it would spread the damage.

    Examples
    --------
    >>> c = clip_grad_norm({"w": [3.0, 4.0]}, 1.0)
    >>> c.norm, c["w"].round(6).tolist()
    (5.0, [0.6, 0.8])
    """
    limit, norm = _limit("max_norm", max_norm), total_norm(grads, norm_type)
    if not math.isfinite(norm):
        bad = [k for k, g in _items(grads) if not device_of(g).xp.all_finite(g)]
        raise NonFiniteError(f"clip: the norm is {norm}", f"gradient {quote(str(bad[0]), 60)} holds an inf or NaN")
    factor = min(1.0, limit / (norm + 1e-6))
    out = Clipped((k, copied(g * g.dtype.type(factor))) for k, g in _items(grads))
    out.norm = norm
    return out


def clip_grad_value(grads: Any, clip_value: float) -> Clipped:
    """Every entry limited to ``[-clip_value, clip_value]``; this turns the direction."""
    v = _limit("clip_value", clip_value)
    return _each(grads, lambda g: device_of(g).np.clip(g, -v, v))


def clip_by_norm(grads: Any, max_norm: float) -> Clipped:
    """Each tensor by itself scaled to at most `max_norm`, as in TorchLean: exact, no 1e-6; the sign is ignored.

    Examples
    --------
    >>> clip_by_norm([[3.0, 4.0]], 1.0)[0].round(12).tolist()
    [0.6, 0.8]
    """
    limit = abs(_limit("max_norm", max_norm, -math.inf))

    def cut(g: np.ndarray) -> np.ndarray:
        xp = device_of(g).xp
        square = (g.astype(np.float64) ** 2).sum()
        # A factor of 1 where it is short enough, so that nobody waits for a number of a device.
        long = square > limit * limit
        return g * xp.np.where(long, limit / xp.sqrt(xp.np.where(long, square, 1.0)), 1.0).astype(g.dtype)

    return _each(grads, cut)


def clip_by_percentile(grads: Any, percentile: int) -> Clipped:
    """Each tensor limited to its own percentile of magnitudes, as in TorchLean.

    The bound is the entry number ``percentile * (n - 1) // 100`` of the sorted magnitudes.

    Examples
    --------
    >>> clip_by_percentile([[-5.0, 1.0, 2.0, -3.0, 4.0]], 50)[0].tolist()
    [-3.0, 1.0, 2.0, -3.0, 3.0]
    """
    share = int(min(100, _limit("percentile", percentile)))

    def cut(g: np.ndarray) -> np.ndarray:
        if not g.size:
            return g
        xp = device_of(g).xp
        bound = xp.np.sort(xp.abs(g).ravel())[share * (g.size - 1) // 100]
        return xp.minimum(xp.maximum(g, -bound), bound)

    return _each(grads, cut)


def _each(grads: Any, cut: Callable[[np.ndarray], np.ndarray]) -> Clipped:
    out = Clipped((k, copied(cut(g))) for k, g in _items(grads))
    out.norm = total_norm(grads)
    return out
