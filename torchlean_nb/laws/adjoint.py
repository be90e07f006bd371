"""Second independent link: the VJP is the adjoint of the JVP, ``<J t, g> == <t, J'g>``, without rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.backend.exact import ExactArray, exact_namespace
from torchlean_nb.laws.base import broken, differentiable, law
from torchlean_nb.laws.point import Point, directions, seeds


def dot(a: Any, b: Any) -> Any:
    """Sum of products, in the arithmetic of its operands."""
    a, b = (v.a if isinstance(v, ExactArray) else np.asarray(v) for v in (a, b))
    if a.dtype == object:  # directions are mostly zeros, and fractions slow
        return sum((x * y for x, y in zip(a.flat, b.flat, strict=True) if x and y), start=0)
    return np.sum(a * b)


def unequal(p: Point) -> tuple[int, Any, Any] | None:
    """Argument, ``<J t, g>`` and ``<t, J'g>`` of the first direction in which they differ."""
    rng = np.random.default_rng(2)
    lift = p.xp.asarray if p.xp.exact else np.asarray
    cotangents = [lift(g) for g in seeds(p.shape, rng)]
    pulled = [p.run.pull(g) for g in cotangents]
    for i, k in enumerate(p.moving):
        for t in directions(p.arrays[k].shape, rng):
            t = lift(t)
            y = p.push(i, t)
            for g, bars in zip(cotangents, pulled, strict=True):
                left, right = dot(y, g), dot(t, bars[i])
                if left != right:
                    return k, left, right
    return None


@law(differentiable)
def adjoint_in_fractions(op: Any, sample: Any) -> None:
    """In fractions, every VJP is exactly the adjoint of the JVP."""
    off = unequal(Point(op, sample, exact_namespace()))
    if off is not None:
        k, left, right = off
        raise broken(
            op, sample, f"the VJP of argument {k} is not the adjoint of its JVP",
            f"<J t, g> = {left}, <t, J'g> = {right}", f"they differ by {float(left - right):.3g}",
        )


def on_integers(op: Any, sample: Any) -> bool:
    """For rows on which float arithmetic with small integers is exact."""
    return differentiable(op, sample) and op.exact


@law(on_integers)
def adjoint_in_integers(op: Any, sample: Any) -> None:
    """On small integers the floats that users get are exactly adjoint too, and equal the fractions."""
    exact = Point(op, sample, exact_namespace(), integers=True)
    for dtype in ("float64", "float32"):
        p = Point(op, sample, integers=True, dtype=dtype)
        off = unequal(p)
        if off is not None:
            k, left, right = off
            raise broken(
                op, sample, f"in {dtype} the VJP of argument {k} is not the adjoint of its JVP",
                f"<J t, g> = {left!s}, <t, J'g> = {right!s}",
            )
        g = seeds(p.shape, np.random.default_rng(3))[0]
        both = zip(p.moving, p.run.pull(g), exact.run.pull(exact.xp.asarray(g)), strict=True)
        for k, got, want in both:
            if not np.array_equal(got, want.to_float()):
                raise broken(
                    op, sample, f"in {dtype} the gradient of argument {k} is not the one in fractions",
                    f"{got.tolist()} instead of {want.to_float().tolist()}",
                )
