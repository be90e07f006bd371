"""What a race runs on: value and gradient of a surface at many points in one call of a compiled program."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from torchlean_nb.compiler import Graph, compile
from torchlean_nb.compiler.lowering import lower
from torchlean_nb.compiler.passes import simplified
from torchlean_nb.errors import HandleTypeError, ShapeError
from torchlean_nb.surfaces import Surface
from torchlean_nb.surfaces._row import functions

Field = Callable[[Any], tuple[Any, Any]]


def field(surface: Surface, count: int, dtype: str, device: str = "cpu") -> Field:
    """``field(points) -> (values (n,), gradients (2, n))`` for points of shape (2, n), for this thread alone.

    Arrays in and out live on the device of that name.

    Raises
    ------
    ShapeError, HandleTypeError
        When the function does not work element by element, or looks at a value.

    Examples
    --------
    >>> from torchlean_nb import surfaces
    >>> values, slopes = field(surfaces.sphere, 2, "float64")(np.array([[1.0, 3.0], [2.0, 0.0]]))
    >>> values.tolist(), slopes.tolist()
    ([5.0, 9.0], [[2.0, 6.0], [4.0, 0.0]])
    """
    return _of_thread(surface, count, dtype, device, get_ident())


@lru_cache(maxsize=64)
def _of_thread(surface: Surface, count: int, dtype: str, device: str, thread: int) -> Field:
    # A compiled program computes in arrays of its own, so two threads cannot share one.
    if surface.gradient is not None:
        run = compile(lambda x, y: _own(surface, x, y), *np.zeros((2, count), dtype), device=device)
        return lambda points: run(points[0], points[1])

    def total(z: Any) -> Any:
        values = surface(z[0], z[1])
        shape = getattr(values, "shape", None)
        if shape != (count,):
            raise ShapeError(
                f"race: {surface.name}(x, y) gave shape {shape} for {count} points",
                "it must work element by element",
                "x * x + y * y, tl.sin(x), tl.where(...)",
            )
        if not hasattr(values, "tape"):
            raise HandleTypeError(f"race: {surface.name}(x, y) does not depend on x and y")
        return values.sum(), values

    program = compile(total, np.zeros((2, count), dtype), device=device).value_and_grad

    def at(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (_, values), slopes = program(points)
        return values, slopes

    return at


def _own(surface: Surface, x: Any, y: Any) -> tuple[Any, Any]:
    """Value and gradient by the row's own formulas."""
    return surface(x, y), functions.stack(list(surface.slope(x, y)))


@lru_cache(maxsize=128)
def lone(surface: Surface, dtype: str = "float64") -> Graph:
    """Primitives of value and slopes at one point, whose coordinates are its inputs."""
    point = [np.zeros((), dtype), np.zeros((), dtype)]
    if surface.gradient is None:
        return simplified(lower(lambda x, y: surface(x, y), point, (0, 1), dtype)[0])
    return simplified(lower(lambda x, y: (surface(x, y), *surface.slope(x, y)), point, None, dtype)[0])
