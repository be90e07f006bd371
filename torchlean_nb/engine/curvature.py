"""The diagonal of a Hessian, from products of it with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import common, device, is_foreign
from torchlean_nb.engine.transforms import Run
from torchlean_nb.errors import HyperparameterError, quote


def hessian_diagonal(f: Callable[..., Any], args: Any, samples: int | None = None, seed: int = 0) -> Any:
    """Second derivatives of `f` by each of its inputs: exact, or estimated with Hutchinson's method.

    Parameters
    ----------
    f : callable
        Of Tensors, to a scalar.
    args : array or tuple of arrays
        The result has their form.
    samples : int, optional
        Number of random signs ``z``; the mean of ``z * (H z)`` estimates the diagonal at one Hessian-vector
        product each. Without it every entry is computed, at one product for each.
    seed : int
        Of the signs.

    Raises
    ------
    HyperparameterError
        When `samples` is not a positive int.

    References
    ----------
    Hutchinson 1990; Bekas, Kokiopoulou and Saad 2007.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.hessian_diagonal(lambda x: (x**3).sum() + x[0] * x[1], np.array([1.0, 2.0])).tolist()
    [6.0, 12.0]
    """
    if samples is not None and (isinstance(samples, bool) or not isinstance(samples, int) or samples < 1):
        raise HyperparameterError(f"hessian_diagonal: samples={quote(samples)}", "a number of at least 1, or None")
    single = not isinstance(args, tuple)
    points = tuple(map(_floats, (args,) if single else args))
    where = common(points) or device("cpu")
    rng = np.random.default_rng(seed)
    total = [where.np.zeros_like(a) for a in points]
    directions = _units(points) if samples is None else _signs(points, rng, samples)
    run = Run(f, points, range(len(points)))
    for z in directions:
        z = tuple(map(where.put, z))
        for t, v, w in zip(total, z, run.curve(z), strict=True):
            t += v * w / (samples or 1)
    return total[0] if single else tuple(total)


def _floats(a: Any) -> Any:
    if is_foreign(a):
        return a.astype(np.result_type(a.dtype, np.float16), copy=False)
    return np.asarray(a, dtype=np.result_type(a, np.float16))


def _units(points: tuple[np.ndarray, ...]) -> Any:
    """Every direction of the coordinates once."""
    for k, a in enumerate(points):
        for i in range(a.size):
            z = tuple(np.zeros(b.shape, b.dtype) for b in points)
            z[k].flat[i] = 1
            yield z


def _signs(points: tuple[np.ndarray, ...], rng: np.random.Generator, samples: int) -> Any:
    for _ in range(samples):
        yield tuple((2 * rng.integers(0, 2, a.shape) - 1).astype(a.dtype) for a in points)
